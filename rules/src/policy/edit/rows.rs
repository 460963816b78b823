//! Rows of a list file: new ones behind the others, or without some.

use crate::policy::Span;
use crate::policy::edit::Addition;
use crate::policy::list::ListFile;
use crate::policy::reader::{BOM, Columns, Records, record};

/// New rows in the columns that a file has; those that it lacks come behind.
pub(super) struct Rows {
    columns: Columns,
    /// How many rows there are.
    rows: u64,
    /// How many columns there are.
    count: usize,
    /// Names of columns that the header lacks.
    lacking: Vec<&'static str>,
    text: Vec<u8>,
}

impl Rows {
    /// Rows of a file that is not there yet.
    pub(super) fn empty() -> Self {
        let columns = Columns { separator: b',', has_header: true, ..Columns::default() };
        Self { columns, rows: 0, count: 1, lacking: Vec::new(), text: Vec::new() }
    }

    pub(super) fn new(file: &ListFile) -> Self {
        let columns = file.columns;
        let count = match header(file) {
            Some(span) => record(file.bytes.get(span).unwrap_or_default(), columns.separator).0.len(),
            // Nobody names the columns: there are as many as the longest record has fields.
            None => file.records().map(|record| record.fields.len()).max().unwrap_or(1),
        };
        Self { columns, rows: 0, count: count.max(columns.number + 1), lacking: Vec::new(), text: Vec::new() }
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> u64 {
        self.rows
    }

    /// Adds the row of one entry.
    pub(super) fn push(&mut self, number: &str, addition: &Addition, today: &str) {
        self.rows += 1;
        let mut fields: Vec<(usize, &str)> = vec![(self.columns.number, number)];
        let at = self.column(self.columns.added, "added");
        self.columns.added = Some(at);
        fields.push((at, today));
        if let Some(reason) = &addition.reason {
            let at = self.column(self.columns.reason, "reason");
            self.columns.reason = Some(at);
            fields.push((at, reason));
        }
        if let Some(expires) = &addition.expires {
            let at = self.column(self.columns.expires, "expires");
            self.columns.expires = Some(at);
            fields.push((at, expires));
        }
        fields.sort_unstable();
        let mut written = 0;
        for (at, field) in fields {
            while written < at {
                self.text.push(self.columns.separator);
                written += 1;
            }
            quote(field, self.columns.separator, &mut self.text);
        }
        self.text.push(b'\n');
    }

    /// The file with these rows behind its own.
    pub(super) fn finish(self, file: &ListFile) -> Vec<u8> {
        let old = file.bytes.as_slice();
        let mut bytes = Vec::with_capacity(old.len() + self.text.len() + 128);
        let separator = char::from(self.columns.separator).to_string();
        let start = if old.starts_with(BOM) { BOM.len() } else { 0 };
        let behind = match header(file) {
            Some(span) => {
                let head = old.get(..span.end).unwrap_or_default();
                let line = head.strip_suffix(b"\n").unwrap_or(head);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                bytes.extend_from_slice(line);
                for name in &self.lacking {
                    bytes.extend_from_slice(separator.as_bytes());
                    bytes.extend_from_slice(name.as_bytes());
                }
                bytes
                    .extend_from_slice(head.get(line.len()..).filter(|end| !end.is_empty()).unwrap_or(b"\n"));
                span.end
            }
            None => {
                bytes.extend_from_slice(old.get(..start).unwrap_or_default());
                let own = self.count - self.lacking.len();
                let named = (0..own).map(|index| match index {
                    _ if index == self.columns.number => "number".to_owned(),
                    _ => format!("column{}", index + 1),
                });
                let names: Vec<String> =
                    named.chain(self.lacking.iter().map(|name| (*name).to_owned())).collect();
                bytes.extend_from_slice(names.join(&separator).as_bytes());
                bytes.push(b'\n');
                start
            }
        };
        bytes.extend_from_slice(old.get(behind..).unwrap_or_default());
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(&self.text);
        bytes
    }

    /// A file of these rows alone.
    pub(super) fn alone(self) -> Vec<u8> {
        let names: Vec<&str> = ["number"].into_iter().chain(self.lacking).collect();
        [names.join(",").as_bytes(), b"\n", &self.text].concat()
    }

    fn column(&mut self, known: Option<usize>, name: &'static str) -> usize {
        known.unwrap_or_else(|| {
            self.lacking.push(name);
            self.count += 1;
            self.count - 1
        })
    }
}

impl Default for Rows {
    /// Of a file that holds nothing.
    fn default() -> Self {
        let columns = Columns { separator: b',', ..Columns::default() };
        Self { columns, rows: 0, count: 1, lacking: Vec::new(), text: Vec::new() }
    }
}

/// `bytes` without `spans`, which stand in order.
pub(super) fn without(bytes: &[u8], spans: &[Span]) -> Vec<u8> {
    let mut left = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for span in spans {
        left.extend_from_slice(bytes.get(at..span.start).unwrap_or_default());
        at = at.max(span.end);
    }
    left.extend_from_slice(bytes.get(at..).unwrap_or_default());
    left
}

fn header(file: &ListFile) -> Option<Span> {
    Records::new(&file.bytes, &file.columns).header()
}

/// Writes `field` so that it is read as one field of one line (RFC 4180).
fn quote(field: &str, separator: u8, text: &mut Vec<u8>) {
    let plain = |byte: u8| byte != separator && byte != b'"' && byte != b'#' && !byte.is_ascii_control();
    if field.bytes().all(plain) && field.trim() == field {
        text.extend_from_slice(field.as_bytes());
        return;
    }
    text.push(b'"');
    for character in field.chars() {
        let mut bytes = [0; 4];
        match character {
            '"' => text.extend_from_slice(b"\"\""),
            // A line end inside a field would be read, but nobody who looks at the file expects it.
            _ if character.is_control() => text.push(b' '),
            _ => text.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes()),
        }
    }
    text.push(b'"');
}
