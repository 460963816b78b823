//! The records of a list file one by one, with where they stand.

use super::list_file::{BOM, Columns, is_blank, record};
use crate::policy::Span;

/// Walks over the records of one file; blank lines, comments and the header are none.
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    separator: u8,
    header_due: bool,
    at: usize,
    line: u32,
}

/// One record.
pub(crate) struct Record {
    /// Its bytes, with the line end.
    pub(crate) span: Span,
    /// Its first line, from 1.
    pub(crate) line: u32,
    /// What stands in it.
    pub(crate) fields: Vec<String>,
}

impl<'a> Records<'a> {
    pub(crate) fn new(bytes: &'a [u8], columns: &Columns) -> Self {
        let at = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        Self { bytes, separator: columns.separator, header_due: columns.has_header, at, line: 0 }
    }

    /// Where the header stands, with its line end; `None` when no line is one.
    pub(crate) fn header(mut self) -> Option<Span> {
        let is_there = std::mem::take(&mut self.header_due);
        is_there.then(|| self.next()).flatten().map(|record| record.span)
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let text = rest.get(..length)?;
            let (start, line) = (self.at, self.line + 1);
            let is_quoted = memchr::memchr(b'"', text).is_some();
            let (fields, length) = if is_blank(text) {
                (Vec::new(), length)
            } else if is_quoted && !self.header_due {
                record(rest, self.separator)
            } else {
                let text = text.strip_suffix(b"\n").unwrap_or(text);
                let text = text.strip_suffix(b"\r").unwrap_or(text);
                let field = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
                (text.split(|byte| *byte == self.separator).map(field).collect(), length)
            };
            let length = length.max(1).min(rest.len());
            self.line += memchr::memchr_iter(b'\n', rest.get(..length)?).count().max(1) as u32;
            self.at += length;
            if fields.is_empty() || std::mem::take(&mut self.header_due) {
                continue;
            }
            return Some(Record { span: start..self.at, line, fields });
        }
    }
}
