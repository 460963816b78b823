//! A table as CSV (RFC 4180) that no spreadsheet calculates with.

use std::fmt::Write as _;

use jiff::Timestamp as Moment;
use jiff::tz::TimeZone;
use rules::Timestamp;

use super::sheet::{Field, Sheet, link};
use super::{Document, Table};
use crate::json::acts;

impl Document {
    /// One file for each table: its name and what is in it. Names are those of the tables; a second one of a name has a number.
    pub fn to_csv(&self) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = Vec::new();
        for table in self.tables() {
            let base = file_name(&table.name);
            let same = |name: &str| files.iter().any(|(file, _)| file == name);
            let name = std::iter::once(format!("{base}.csv"))
                .chain((2..).map(|number: u32| format!("{base}-{number}.csv")))
                .find(|name| !same(name));
            files.push((name.unwrap_or_default(), self.csv(&table)));
        }
        files
    }

    /// `table` as a file: UTF-8, CRLF, moments in the zone of the document with their offset, columns with the links behind
    /// cells at the end.
    pub fn csv(&self, table: &Table) -> String {
        let zone = TimeZone::get(&self.period.zone).unwrap_or(TimeZone::UTC);
        let sheet = Sheet::new(table);
        let linked: Vec<usize> = (0..table.columns.len())
            .filter(|of| (0..table.rows.len()).any(|row| link(table, row, *of).is_some()))
            .collect();
        let mut out = String::new();
        let heads = sheet.heads.iter().map(|head| head.name.clone());
        let more = linked
            .iter()
            .filter_map(|of| table.columns.get(*of))
            .map(|column| format!("{} (link)", column.name));
        line(&mut out, heads.chain(more).map(|name| safe(&name)));
        for (index, row) in sheet.rows.iter().enumerate() {
            let links = linked.iter().map(|of| {
                let link = link(table, index, *of);
                link.map_or_else(String::new, |link| {
                    link.absolute(self.desk.as_deref()).unwrap_or_else(|| link.as_str().to_owned())
                })
            });
            line(&mut out, row.iter().map(|field| write(field, &zone)).chain(links));
        }
        out
    }
}

/// Words as a cell may have them. A program takes a cell that begins with one of `= + - @` as something to calculate, so such
/// words, and those that begin with an apostrophe, get an apostrophe before them; whoever reads the file takes the first
/// apostrophe off. What would act on a terminal or break a line is replaced.
pub fn safe(text: &str) -> String {
    let is_risky = |character: char| {
        matches!(
            character,
            '=' | '+' | '-' | '@' | '\'' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}' | '\u{2212}'
        )
    };
    let blank = |character: char| character.is_whitespace() || character.is_control() || acts(character);
    let mut kept = String::with_capacity(text.len() + 1);
    if text.trim_start_matches(blank).starts_with(is_risky) {
        kept.push('\'');
    }
    kept.extend(text.chars().map(|character| match character {
        '\n' | '\r' | '\t' => ' ',
        _ if character.is_control() || acts(character) => '\u{fffd}',
        _ => character,
    }));
    kept
}

fn line(out: &mut String, cells: impl Iterator<Item = String>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', ';', '\'', ' ']) {
            let _ = write!(out, "\"{}\"", cell.replace('"', "\"\""));
        } else {
            out.push_str(&cell);
        }
    }
    out.push_str("\r\n");
}

fn write(field: &Field, zone: &TimeZone) -> String {
    match field {
        Field::Empty => String::new(),
        Field::Text(text) => safe(text),
        Field::Whole(number) => number.to_string(),
        Field::Number(number) => number.to_string(),
        Field::Moment(at) => there(*at, zone, "%Y-%m-%dT%H:%M:%S%.6f%:z"),
        Field::Day(at) => there(*at, zone, "%Y-%m-%d"),
    }
}

fn there(at: Timestamp, zone: &TimeZone, format: &str) -> String {
    match Moment::from_microsecond(at.0) {
        Ok(moment) => moment.to_zoned(zone.clone()).strftime(format).to_string(),
        Err(_) => crate::text::rfc3339(at),
    }
}

/// A name that is one on every disk.
fn file_name(name: &str) -> String {
    let kept: String = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .take(60)
        .collect();
    let kept = kept.trim_matches('-');
    if kept.is_empty() { "table".to_owned() } else { kept.to_owned() }
}
