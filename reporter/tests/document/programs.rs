//! Other people's programs open our files: Python's csv and zipfile, openpyxl where it is installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use ringwall_reporter::document::Document;

use crate::hostile::{hostile, texts};
use crate::weekly;

#[test]
fn python_reads_every_cell_of_a_csv() {
    let document = hostile(0);
    let folder = Folder::new("csv");
    for (name, text) in document.to_csv() {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let said = python("python3", CSV, folder.path());
    let mut tables = document.tables();
    tables.sort_by(|one, other| one.name.cmp(&other.name));
    let expected: String =
        tables.iter().map(|table| format!("{} {}\n", table.name, table.rows.len() + 1)).collect();
    assert_eq!(said, expected);
}

#[test]
fn openpyxl_finds_no_formula_in_a_workbook() {
    let Some(interpreter) = with_openpyxl() else { return };
    let folder = Folder::new("xlsx");
    let some: Vec<usize> = (0..texts().len()).step_by(7).collect();
    for first in &some {
        fs::write(folder.path().join(format!("{first}.xlsx")), hostile(*first).to_xlsx().unwrap()).unwrap();
    }
    let expected = format!("{} workbooks, 0 formulas\n", some.len());
    assert_eq!(python(interpreter, FORMULAS, folder.path()), expected);
}

#[test]
fn openpyxl_reads_numbers_moments_and_words_as_what_they_are() {
    let Some(interpreter) = with_openpyxl() else { return };
    let folder = Folder::new("typed");
    fs::write(folder.path().join("weekly.xlsx"), weekly().to_xlsx().unwrap()).unwrap();
    assert_eq!(
        python(interpreter, TYPES, folder.path()),
        "About calls-by-day shares-by-month unwanted-by-hour top-callers rules-that-acted new-campaigns callers-per-hour \
         options cases questions figures\n\
         str '+13125550100' https://desk.example.com/calls?caller=%2B13125550100\n\
         int 214\n\
         float 267.5\n\
         float 0.19626168224299065 n 42 214\n\
         datetime 2026-10-19 00:00:00 yyyy\\-mm\\-dd\n\
         datetime 2026-10-25 02:30:00 yyyy\\-mm\\-dd\\ hh:mm:ss\n\
         str '=HYPERLINK(\"http://192.0.2.1/\",\"x\")' s\n\
         frozen A2\n"
    );
}

#[test]
fn a_workbook_is_well_formed_whatever_is_in_it() {
    let folder = Folder::new("parts");
    for first in (0..texts().len()).step_by(5) {
        fs::write(folder.path().join(format!("{first}.xlsx")), hostile(first).to_xlsx().unwrap()).unwrap();
    }
    assert_eq!(python("python3", PARTS, folder.path()), "ok\n");
}

#[test]
fn pages_and_drawings_are_well_formed_xml_where_they_should_be() {
    let folder = Folder::new("svg");
    for first in (0..texts().len()).step_by(5) {
        for (number, svg) in drawings(&hostile(first)).into_iter().enumerate() {
            fs::write(folder.path().join(format!("{first}-{number}.svg")), svg).unwrap();
        }
    }
    assert_eq!(python("python3", DRAWINGS, folder.path()), "ok\n");
}

fn drawings(document: &Document) -> Vec<String> {
    let page = document.to_html();
    page.split("<svg ")
        .skip(1)
        .map(|rest| format!("<svg {}</svg>", rest.split("</svg>").next().unwrap()))
        .collect()
}

/// The Python that has openpyxl: the first in PATH, or Debian's.
fn with_openpyxl() -> Option<&'static str> {
    let has = |program: &&str| {
        let output = Command::new(program).args(["-c", "import openpyxl"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
    if found.is_none() {
        println!("SKIPPED openpyxl: the Debian package python3-openpyxl is not installed");
    }
    found
}

#[track_caller]
fn python(interpreter: &str, program: &str, folder: &Path) -> String {
    let output = Command::new(interpreter).args(["-c", program]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A folder that goes with its test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringwall-document-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const CSV: &str = r#"
import csv, pathlib, sys
csv.field_size_limit(1 << 20)
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.csv")):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, strict=True))
    assert len({len(row) for row in rows}) == 1, path
    for cell in (cell for row in rows for cell in row):
        try:
            float(cell)
        except ValueError:
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d")), cell
    print(path.stem, len(rows))
"#;

const FORMULAS: &str = r#"
import openpyxl, pathlib, sys
books = formulas = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.xlsx")):
    book = openpyxl.load_workbook(path)
    books += 1
    for sheet in book:
        for row in sheet.iter_rows():
            formulas += sum(cell.data_type == "f" for cell in row)
print(books, "workbooks,", formulas, "formulas")
"#;

const TYPES: &str = r#"
import openpyxl, sys
book = openpyxl.load_workbook(sys.argv[1] + "/weekly.xlsx")
print(*book.sheetnames)
sheet = book["top-callers"]
first = sheet[2]
print(type(first[0].value).__name__, repr(first[0].value), first[0].hyperlink.target)
print(type(first[2].value).__name__, first[2].value)
print(type(first[3].value).__name__, first[3].value)
print(type(first[4].value).__name__, first[4].value, first[4].data_type, first[5].value, first[6].value)
print(type(first[9].value).__name__, first[9].value, first[9].number_format)
print(type(first[10].value).__name__, first[10].value, first[10].number_format)
print(type(sheet["B4"].value).__name__, repr(sheet["B4"].value), sheet["B4"].data_type)
print("frozen", sheet.freeze_panes)
"#;

const PARTS: &str = r#"
import pathlib, sys, zipfile, xml.etree.ElementTree as tree
space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.xlsx")):
    with zipfile.ZipFile(path) as book:
        assert book.testzip() is None
        for name in book.namelist():
            root = tree.fromstring(book.read(name))
            assert root.find(f".//{space}f") is None, name
            for text in root.iter(space + "t"):
                assert len((text.text or "").encode("utf-16-le")) // 2 <= 32767
        sheets = [sheet.get("name") for sheet in tree.fromstring(book.read("xl/workbook.xml")).iter(space + "sheet")]
        assert len({name.lower() for name in sheets}) == len(sheets)
        assert all(0 < len(name) <= 31 for name in sheets), sheets
print("ok")
"#;

const DRAWINGS: &str = r#"
import pathlib, sys, xml.etree.ElementTree as tree
for path in pathlib.Path(sys.argv[1]).glob("*.svg"):
    tree.parse(path)
print("ok")
"#;
