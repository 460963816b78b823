//! A number a line, or CSV with columns: what list files of a policy hold.

use std::io::{self, BufRead};

use super::{Choice, Found, Take};
use crate::policy::edit::Addition;
use crate::policy::reader::{BOM, Columns, record, written};

pub(super) fn read(source: &mut dyn BufRead, choice: &Choice, take: &mut Take<'_>) -> io::Result<()> {
    let mut columns: Option<Columns> = None;
    let mut bytes = Vec::new();
    let mut line = 0;
    loop {
        bytes.clear();
        if source.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        line += 1;
        let first_line = line;
        // A quoted field may go on in the next lines.
        while bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1 && bytes.len() < RECORD_BYTES_MAX {
            if source.read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            line += 1;
        }
        let text = if first_line == 1 { bytes.strip_prefix(BOM).unwrap_or(&bytes) } else { &bytes };
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        if first.is_none_or(|byte| *byte == b'#') {
            continue;
        }
        let is_first = columns.is_none();
        let columns = columns.get_or_insert_with(|| Columns::of(text));
        if is_first && columns.has_header {
            continue;
        }
        let (fields, _) = record(text, columns.separator);
        let entry = columns.entry(&fields, 0);
        let number = written(&entry.number);
        let is_bare = choice.international && number.starts_with(|first: char| first.is_ascii_digit());
        let number = if is_bare { format!("+{number}") } else { number.to_owned() };
        let reason = entry.reason.or(entry.category);
        take(Found::Entry(Addition { line: first_line, number, reason, expires: entry.expires }))?;
    }
}

/// Longest record with quoted fields.
const RECORD_BYTES_MAX: usize = 64 << 10;
