//! Attached lists of numbers (B-7).

use super::candidate;
use super::characters::{one_line, plain};
use super::kind::means_another;
use super::limits::{BAD_LINES_MAX, COLUMNS_MAX, SAMPLE_ROWS};
use super::mime::{List, ListContent};
use super::number::{self, Fate, FoundNumber, Place, Read, Why};
use super::segment::Segment;
use super::words::words;
use super::workbook;
use rules::plan::DialPlan;

/// A line of a list that holds no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What stands there, cut.
    pub text: String,
}

/// What a list holds.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub numbers: Vec<(Read, Place)>,
    /// The first of them.
    pub bad: Vec<BadLine>,
    /// All of them.
    pub bad_count: usize,
    /// Why nothing, or not all, of it was read; empty otherwise.
    pub trouble: &'static str,
}

/// Reads a list by the plans of a customer, at most `rows_left` rows, and takes them off.
pub(super) fn read(list: &List, plans: &[DialPlan], rows_left: &mut usize) -> Listed {
    let rows = match &list.content {
        ListContent::Text(text) => Some(text_rows(text, *rows_left + 1)),
        ListContent::Workbook(file) => workbook::rows(file),
    };
    let trouble = |trouble| Listed { trouble, ..Listed::default() };
    let Some(mut rows) = rows else { return trouble("it is no workbook that can be read") };
    let is_cut = rows.len() > *rows_left;
    rows.truncate(*rows_left);
    *rows_left -= rows.len();
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|it| plain(it)).collect()).collect();
    let filled: Vec<&Vec<String>> = rows.iter().filter(|row| !is_blank(row)).collect();
    // A few rows tell which column it may be, then all of them whether it is.
    let sample = filled.get(..filled.len().min(SAMPLE_ROWS)).unwrap_or_default();
    let columns = filled.iter().map(|row| row.len()).max().unwrap_or_default();
    // Beside callers there may be whom they called.
    let is_of_others = |column: usize| {
        let head = filled.first().and_then(|row| row.get(column)).map(|it| words(it)).unwrap_or_default();
        means_another(&head) || head.iter().any(|it| OTHER_COLUMNS.contains(&it.as_str()))
    };
    let column = (0..columns)
        .filter(|&column| holds_numbers(sample, column, plans) && holds_numbers(&filled, column, plans))
        .min_by_key(|&column| is_of_others(column))
        .filter(|&column| !is_of_others(column));
    let Some(column) = column else {
        return trouble(if filled.is_empty() { "" } else { "no column of it holds numbers" });
    };
    let mut listed = trouble(if is_cut { "it has more rows than are read" } else { "" });
    let mut is_first = true;
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| !is_blank(row)) {
        let may_be_head = std::mem::replace(&mut is_first, false);
        let cell = row.get(column).map(String::as_str).unwrap_or_default();
        let place =
            Place { file: Some(list.name.clone()), line: index + 1, segment: Segment::Own, label: None };
        if let Some(read) = number_of(cell, plans) {
            listed.numbers.push((read, place));
        } else if !may_be_head || cell.bytes().any(|it| it.is_ascii_digit()) {
            listed.bad_count += 1;
            if listed.bad.len() < BAD_LINES_MAX {
                let text = one_line(&row.join(", "), 80);
                listed.bad.push(BadLine { file: list.name.clone(), line: index + 1, text });
            }
        }
    }
    listed
}

fn is_blank(row: &[String]) -> bool {
    row.iter().all(|it| it.trim().is_empty())
}

/// Whether a column holds numbers in nearly all rows. The first row may say what the columns are.
fn holds_numbers(rows: &[&Vec<String>], column: usize, plans: &[DialPlan]) -> bool {
    let holds = |row: &&&Vec<String>| row.get(column).is_some_and(|it| number_of(it, plans).is_some());
    let has_head = rows.first().is_some_and(|row| !holds(&row));
    let sum = rows.len() - usize::from(has_head && rows.len() > 1);
    let met = rows.iter().filter(holds).count();
    met > 0 && met * 100 >= sum * PERCENT_MIN
}

/// The one number in a cell.
fn number_of(cell: &str, plans: &[DialPlan]) -> Option<Read> {
    // Spreadsheets put an apostrophe in front of what is to stay text.
    let cell = cell.trim().trim_start_matches('\'');
    // So do formulas that are nothing but a text: ="2105550101".
    let text = cell.strip_prefix('=').map(|it| it.trim_matches('"'));
    let cell = text.filter(|it| it.bytes().all(|it| it.is_ascii_digit() || it == b'+')).unwrap_or(cell);
    if cell.is_empty() || cell.len() > CELL_BYTES_MAX || cell.starts_with('=') {
        return None;
    }
    let found = candidate::find(cell);
    let [only] = found.as_slice() else { return None };
    let mut reads = number::read(only, cell, plans);
    let read =
        reads.pop().filter(|it| reads.is_empty() && it.trouble.is_none_or(|it| it == Why::Ambiguous))?;
    let is_whole = only.begin <= 2 && cell.len() - only.end <= 2;
    is_whole.then_some(read)
}

/// Rows of CSV with commas, semicolons or tabs, quoted or not; a plain text is one column.
fn text_rows(text: &str, rows_max: usize) -> Vec<Vec<String>> {
    let text = text.trim_start_matches('\u{feff}');
    text.lines().take(rows_max).map(cells).collect()
}

fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    for character in line.chars().take(LINE_CHARACTERS_MAX) {
        match character {
            '"' => is_quoted = !is_quoted,
            ',' | ';' | '\t' if !is_quoted && cells.len() < COLUMNS_MAX => cells.push(String::new()),
            _ => {
                if let Some(cell) = cells.last_mut() {
                    cell.push(character);
                }
            }
        }
    }
    cells
}

impl Listed {
    /// All numbers: those that are one number are taken.
    pub(super) fn found(self) -> Vec<FoundNumber> {
        let found = |(read, place): (Read, Place)| FoundNumber {
            written: read.written,
            place,
            reading: read.reading,
            notes: read.notes,
            fate: read.trouble.map_or(Fate::Taken, Fate::Unclear),
        };
        self.numbers.into_iter().map(found).collect()
    }
}

/// Heads of columns that hold the customer's own numbers.
const OTHER_COLUMNS: &[&str] = &["to", "agent", "ours", "own", "did", "extension", "line", "recipient"];
/// So many of a hundred cells of a column hold numbers when it is the one.
const PERCENT_MIN: usize = 80;
const CELL_BYTES_MAX: usize = 120;
const LINE_CHARACTERS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, numbers: usize, bad: &[usize]) {
        let list = List { name: "list.csv".to_owned(), content: ListContent::Text(text.to_owned()) };
        let listed = read(&list, &[DialPlan::default()], &mut 1_000);
        let lines: Vec<usize> = listed.bad.iter().map(|it| it.line).collect();
        assert_eq!((listed.numbers.len(), lines.as_slice()), (numbers, bad), "{text}");
    }

    #[test]
    fn b7_the_first_column_that_holds_numbers_is_the_list() {
        check("+12105550101\n2105550102\n(210) 555-0103\n", 3, &[]);
        check("Number\n2105550101\n2105550102\n", 2, &[]);
        check("Name,Number\nA,2105550101\nB,2105550102\n\nC,\"+1 210 555 0103\"\n", 3, &[]);
        check("id;tel;when\n7;'+12105550101;2026-10-05\n8;2105550102;2026-10-06\n", 2, &[]);
        check(
            "2105550101\n2105550102\n2105550103\n2105550104\nnot known\n=HYPERLINK(\"x\")\n2105550105\n2105550106\n2105550107\n2105550108\n",
            8,
            &[5, 6],
        );
        check("a\nb\nc\n", 0, &[]);
        check("", 0, &[]);
        check("=\"2105550101\"\n=\"2105550102\"\n", 2, &[]);
        check("Called,Caller\n2105550101,2105550102\n2105550103,2105550104\n", 2, &[]);
        check("Called\n2105550101\n", 0, &[]);
    }
}
