//! A report as a workbook: a sheet that says what it is, then one for each table. There are no formulas in it, and no way to
//! write one: a cell is a number, or text that stays text.

mod part;
mod sheet;

use cases::pack::zip;

use super::markup::{Markup, plain};
use super::wording::Wording;
use super::{Document, Table};

impl Document {
    /// The workbook, as a file (ECMA-376, Office Open XML).
    ///
    /// # Errors
    /// Where it has more than 512 MiB, in words.
    pub fn to_xlsx(&self) -> Result<Vec<u8>, String> {
        let wording = Wording::new(&self.period);
        let tables = self.tables();
        let tables = tables.get(..TABLES_MAX).unwrap_or(&tables);
        let names = names(tables);
        let mut files = vec![
            ("[Content_Types].xml".to_owned(), part::types(names.len())),
            ("_rels/.rels".to_owned(), part::root().to_owned()),
            ("docProps/core.xml".to_owned(), part::properties(self)),
            ("xl/workbook.xml".to_owned(), part::workbook(&names)),
            ("xl/_rels/workbook.xml.rels".to_owned(), part::workbook_links(names.len())),
            ("xl/styles.xml".to_owned(), part::styles().to_owned()),
            ("xl/worksheets/sheet1.xml".to_owned(), self.about(&wording, tables, &names)),
        ];
        for (number, table) in (2..).zip(tables) {
            let written = sheet::write(table, &wording, self.desk.as_deref());
            files.push((format!("xl/worksheets/sheet{number}.xml"), written.sheet));
            if let Some(links) = written.links {
                files.push((format!("xl/worksheets/_rels/sheet{number}.xml.rels"), links));
            }
        }
        zip(files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect())
    }

    /// What it is, what it was made from, and which tables follow.
    fn about(&self, wording: &Wording, tables: &[Table], names: &[String]) -> String {
        let mut rows = vec![vec![plain(&self.title, 400)]];
        rows.extend(self.subtitle.as_ref().map(|subtitle| vec![plain(subtitle, 400)]));
        rows.extend(
            self.banner(wording).map(|banner| vec![format!("{}: {}", banner.tone.word(), banner.title)]),
        );
        rows.push(Vec::new());
        rows.extend(self.made_from(wording).into_iter().map(|(name, value)| vec![name.to_owned(), value]));
        rows.push(Vec::new());
        for (name, table) in names.iter().skip(1).zip(tables) {
            let left_out = table.rows_left_out;
            let more = if left_out > 0 { super::outline::left_out(left_out) } else { String::new() };
            rows.push(vec![name.clone(), plain(&table.caption, 400), more]);
        }
        sheet::words(&rows)
    }
}

/// Names that sheets may have: at most 31 characters, none of `[]:*?/\`, each once; the first is that of what is said about all.
fn names(tables: &[Table]) -> Vec<String> {
    let mut names = vec!["About".to_owned()];
    for table in tables {
        let kept: String =
            plain(&table.name, 200)
                .chars()
                .map(|letter| {
                    if matches!(letter, '[' | ']' | ':' | '*' | '?' | '/' | '\\' | '\'') {
                        '-'
                    } else {
                        letter
                    }
                })
                .take(24)
                .collect();
        let kept = kept.trim();
        let base = if kept.is_empty() || kept.eq_ignore_ascii_case("history") { "Table" } else { kept };
        let is_free = |name: &String| !names.iter().any(|other| other.to_lowercase() == name.to_lowercase());
        let numbered = (2..).map(|number: u32| format!("{base} {number}"));
        names.extend(std::iter::once(base.to_owned()).chain(numbered).find(is_free));
    }
    names
}

/// Words of a cell. Programs read `_x000D_` in them as a character, so an underline before such is written so itself.
fn words(out: &mut Markup, text: &str) {
    let cut = plain(text, CHARACTERS_MAX);
    let mut rest = cut.as_str();
    while let Some(at) = rest.find("_x") {
        let (before, after) = rest.split_at(at);
        out.text(before);
        let is_escape = after.get(2..7).is_some_and(|code| {
            code.ends_with('_') && code.bytes().take(4).all(|digit| digit.is_ascii_hexdigit())
        });
        out.raw(if is_escape { "_x005F_x" } else { "_x" });
        rest = after.get(2..).unwrap_or_default();
    }
    out.text(rest);
}

/// A cell has no more UTF-16 units than 32,767; a character may be two.
const CHARACTERS_MAX: usize = 16_000;
/// A workbook of more sheets is slow to open.
const TABLES_MAX: usize = 250;
