//! A report goes in, a PDF comes out that other people's programs read: poppler's.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn report(name: &str) -> String {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../reporter/tests/document/golden");
    fs::read_to_string(golden.join(name)).unwrap()
}

/// Runs the typesetter with `report` as its input.
fn run(arguments: &[&str], report: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ringwall-typeset"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses its arguments has gone before it reads.
    let _ = child.stdin.take().unwrap().write_all(report.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn set(arguments: &[&str], report: &str) -> Vec<u8> {
    let output = run(arguments, report);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What a program of poppler says about `pdf`; nothing where it is not installed.
fn poppler(program: &str, arguments: &[&str], pdf: &[u8]) -> Option<String> {
    if Command::new(program).arg("-v").output().is_err() {
        println!("SKIPPED {program}: the Debian package poppler-utils is not installed");
        return None;
    }
    let path = std::env::temp_dir().join(format!("ringwall-typeset-{}-{:p}.pdf", std::process::id(), pdf));
    fs::write(&path, pdf).unwrap();
    let output = Command::new(program).args(arguments).arg(&path).arg("-").output().unwrap();
    // pdfinfo knows no other output than its own.
    let output =
        if program == "pdfinfo" { Command::new(program).arg(&path).output().unwrap() } else { output };
    fs::remove_file(&path).unwrap();
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Words as they compare: without spaces, and without the places where a word may break.
fn bare(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '\u{200b}' | '\u{fffd}' | '\u{a0}'))
        .collect()
}

#[test]
fn a_report_has_its_pages_and_tags() {
    let pdf = set(&[], &report("weekly.printed.json"));
    let Some(said) = poppler("pdfinfo", &[], &pdf) else { return };
    let line = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!(line("Tagged:"), "yes");
    assert_eq!(line("Pages:"), "6");
    assert_eq!(line("Title:"), "Weekly operations");
    assert_eq!(line("Page size:"), "595.276 x 841.89 pts (A4)");
    assert!(String::from_utf8_lossy(&pdf).contains("pdfuaid:part"), "it says that it conforms to PDF/UA");
}

#[test]
fn the_other_paper_is_letter() {
    let pdf = set(&["--paper", "letter"], &report("weekly.printed.json"));
    let Some(said) = poppler("pdfinfo", &[], &pdf) else { return };
    assert!(said.contains("612 x 792 pts (letter)"), "{said}");
}

#[test]
fn every_cell_is_in_the_text() {
    for name in ["weekly.printed.json", "hostile.printed.json"] {
        let report = report(name);
        let Some(text) = poppler("pdftotext", &["-raw"], &set(&[], &report)) else { return };
        let found = bare(&text);
        let document: Value = serde_json::from_str(&report).unwrap();
        let blocks =
            document["sections"].as_array().unwrap().iter().flat_map(|it| it["blocks"].as_array().unwrap());
        let mut count = 0;
        for table in blocks.filter(|block| block["kind"] == "table") {
            for cell in table["rows"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap()) {
                let said = cell["text"].as_str().unwrap();
                // What is written from right to left, and signs without a shape, come out in another order or as another sign.
                if said.chars().all(|letter| letter.is_ascii() || "–—−\u{a0}\u{202f}".contains(letter))
                    && said.len() < 60
                {
                    assert!(found.contains(&bare(said)), "{name}: {said}");
                    count += 1;
                }
            }
        }
        assert!(count > 150, "{name}: {count} cells");
    }
}

#[test]
fn a_row_stays_on_one_page() {
    let mut document: Value = serde_json::from_str(&report("weekly.printed.json")).unwrap();
    let blocks = document["sections"].as_array_mut().unwrap().iter_mut();
    let mut blocks = blocks.flat_map(|it| it["blocks"].as_array_mut().unwrap());
    let table = blocks.find(|block| block["kind"] == "table").unwrap();
    let rows = 60;
    let cells = table["columns"].as_array().unwrap().len();
    let row = |row: usize| {
        let words = format!("begin{row}q {} end{row}q", "and so on ".repeat(5 + row % 20));
        let text = |at: usize| if at == 0 { words.clone() } else { String::new() };
        (0..cells)
            .map(|at| serde_json::json!({ "text": text(at), "link": null, "colour": null }))
            .collect::<Vec<_>>()
    };
    table["rows"] = (0..rows).map(row).collect();
    table["total"] = false.into();
    table["columns"][0]["longest"] = 280.into();
    let Some(text) = poppler("pdftotext", &["-raw"], &set(&[], &document.to_string())) else { return };
    let pages: Vec<&str> =
        text.split('\u{c}').filter(|page| page.contains("begin") && page.contains('q')).collect();
    assert!(pages.len() > 1, "one page is no trial");
    for row in 0..rows {
        let on = |mark: String| pages.iter().position(|page| page.contains(&mark));
        let (begin, end) = (on(format!("begin{row}q")), on(format!("end{row}q")));
        assert!(begin.is_some() && begin == end, "row {row} is on the pages {begin:?} and {end:?}");
    }
}

#[test]
fn each_page_says_which_of_how_many_it_is_and_what_it_is_of() {
    let report = report("weekly.printed.json");
    let hash = serde_json::from_str::<Value>(&report).unwrap()["hash"].as_str().unwrap().to_owned();
    let Some(text) = poppler("pdftotext", &[], &set(&[], &report)) else { return };
    let pages: Vec<&str> = text.trim_end_matches('\u{c}').split('\u{c}').collect();
    for (index, page) in pages.iter().enumerate() {
        assert!(page.contains(&format!("page {} of {}", index + 1, pages.len())), "{page}");
        assert!(page.contains(&hash));
        assert_eq!(page.contains("Acme Maschinenbau – Weekly operations"), index > 0);
        assert!(
            page.lines().filter(|line| !line.trim().is_empty()).count() > 6,
            "no page is all but empty: {page}"
        );
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let report = report("weekly.printed.json");
    assert!(set(&[], &report) == set(&[], &report));
}

#[test]
fn hostile_words_are_set_as_they_are() {
    let Some(text) = poppler("pdftotext", &["-raw"], &set(&[], &report("hostile.printed.json"))) else {
        return;
    };
    let found = bare(&text);
    for word in [
        "#setpage(width:1pt)",
        "#include\"/etc/passwd\"",
        "$x^2$",
        "*bold*",
        "<script>alert(1)</script>",
        "@ref<label>",
    ] {
        assert!(found.contains(word), "{word}");
    }
    assert!(!text.contains("root:"), "no file is read");
}

#[test]
fn what_is_no_report_is_refused() {
    for (input, why) in [
        ("", "the report is not as reports are"),
        ("{}", "the report names no format"),
        ("{\"format\":2}", "the report has format 2, and this program reads 1"),
        ("{\"format\":1}", "the report cannot be set"),
    ] {
        let output = run(&[], input);
        assert_eq!(output.status.code(), Some(1), "{input}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(&format!("ringwall-typeset: {why}")), "{said}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(run(&["--paper", "a5"], "").status.code(), Some(2));
}
