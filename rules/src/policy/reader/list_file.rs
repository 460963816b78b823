//! List files as people and programs write them: CSV with every kind of dirt, ten million lines at a time.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::entries::Entries;
use super::numbers::Pattern;
use super::{times, words};
use crate::limits::LIST_ENTRIES_MAX;
use crate::number::{DIGITS_MAX, Number};
use crate::plan::{DialPlan, read_plain};
use crate::policy::Span;
use crate::policy::list::{LINES_PER_OFFSET, ListFile};
use crate::time::Timestamp;

/// Where the columns of a list file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    /// The byte between fields.
    pub(crate) separator: u8,
    pub(crate) number: usize,
    pub(crate) category: Option<usize>,
    pub(crate) reason: Option<usize>,
    pub(crate) case: Option<usize>,
    pub(crate) added: Option<usize>,
    pub(crate) expires: Option<usize>,
    /// Whether the first line names them.
    pub(crate) has_header: bool,
}

/// By whom and when a list is read.
pub(super) struct ListContext<'a> {
    pub(super) dial: &'a DialPlan,
    pub(super) zone: &'a TimeZone,
    pub(super) now: Timestamp,
}

/// What was odd about a list file.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Entries read, expired ones among them.
    pub(super) read: usize,
    pub(super) unreadable: Odd,
    pub(super) bad_dates: Odd,
    pub(super) expired: Odd,
    pub(super) no_header: bool,
    pub(super) too_many: bool,
}

/// Lines with one kind of oddity: how many, and the first few.
#[derive(Debug, Default)]
pub(super) struct Odd {
    pub(super) count: usize,
    pub(super) first: Vec<(u32, Span)>,
}

impl Odd {
    pub(super) fn add(&mut self, line: u32, span: Span) {
        self.count += 1;
        if self.first.len() < FIRST_MAX {
            self.first.push((line, span));
        }
    }
}

/// Reads the entries of a file whose first line is row `first_row`. Never fails: what cannot be read is in
/// the tally.
pub(super) fn read(
    path: &str,
    bytes: Arc<Vec<u8>>,
    first_row: u32,
    context: &ListContext<'_>,
    entries: &mut Entries,
) -> (ListFile, Tally) {
    let start = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
    let columns = Columns::of(bytes.get(start..).unwrap_or_default());
    let mut walk = Walk {
        bytes: &bytes,
        columns,
        context,
        quoted: memchr::memchr(b'"', &bytes).is_some(),
        offsets: Vec::new(),
        at: start,
        line: 0,
        last_date: (Vec::new(), None),
    };
    let mut tally = Tally { no_header: !columns.has_header && start < bytes.len(), ..Tally::default() };
    walk.run(first_row, entries, &mut tally);
    let (offsets, lines) = (walk.offsets, walk.line);
    let file =
        ListFile { path: path.to_owned(), bytes, columns, first_row, lines, offsets: Arc::new(offsets) };
    (file, tally)
}

/// One pass over the lines of a file.
struct Walk<'a> {
    bytes: &'a [u8],
    columns: Columns,
    context: &'a ListContext<'a>,
    quoted: bool,
    offsets: Vec<u64>,
    at: usize,
    line: u32,
    last_date: (Vec<u8>, Option<Timestamp>),
}

impl<'a> Walk<'a> {
    fn run(&mut self, first_row: u32, entries: &mut Entries, tally: &mut Tally) {
        let mut header_due = self.columns.has_header;
        while self.at < self.bytes.len() {
            if self.line as usize + first_row as usize >= LIST_ENTRIES_MAX {
                tally.too_many = true;
                return;
            }
            let (start, line) = (self.at, self.line);
            if !header_due && let Some(number) = self.plain_line() {
                tally.read += 1;
                entries.add_exact(number, first_row + line, None);
                continue;
            }
            let text = self.next_line();
            if is_blank(text) {
                continue;
            }
            if header_due {
                header_due = false;
                continue;
            }
            let row = first_row + line;
            if let Some(number) = self.plain(text) {
                tally.read += 1;
                entries.add_exact(number, row, None);
                continue;
            }
            self.entry(text, start, line, row, entries, tally);
        }
    }

    /// The number of the line at the cursor, if it begins with plus and digits and nothing else in it matters, and
    /// moves behind it. `None` moves nowhere and says nothing.
    #[inline]
    fn plain_line(&mut self) -> Option<Number> {
        let [b'+', rest @ ..] = self.bytes.get(self.at..)? else { return None };
        let length = rest.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, behind) = rest.split_at_checked(length)?;
        let end = match behind {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            [separator, fields @ ..]
                if *separator == self.columns.separator && self.only_number_matters() =>
            {
                memchr::memchr(b'\n', fields)? + 2
            }
            _ => return None,
        };
        let number = if self.columns.number == 0 {
            read_plain(digits, self.context.dial.habits())?
        } else {
            return None;
        };
        self.pass_line(1 + length + end);
        Some(number)
    }

    fn only_number_matters(&self) -> bool {
        !self.quoted && self.columns.expires.is_none()
    }

    fn pass_line(&mut self, length: usize) {
        if self.line.is_multiple_of(LINES_PER_OFFSET) {
            self.offsets.push(self.at as u64);
        }
        self.at += length;
        self.line += 1;
    }

    /// The line at the cursor without its end, and moves behind it.
    fn next_line(&mut self) -> &'a [u8] {
        let bytes: &'a [u8] = self.bytes;
        let rest = bytes.get(self.at..).unwrap_or_default();
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.pass_line(length + 1);
        let text = rest.get(..length).unwrap_or_default();
        text.strip_suffix(b"\r").unwrap_or(text)
    }

    /// The number of a line that is nothing but digits, with or without a plus.
    fn plain(&self, text: &[u8]) -> Option<Number> {
        let digits = text.strip_prefix(b"+").unwrap_or(text);
        if self.columns.number != 0 || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        words::number(self.context.dial, text)
    }

    fn entry(
        &mut self,
        text: &[u8],
        start: usize,
        line: u32,
        row: u32,
        entries: &mut Entries,
        tally: &mut Tally,
    ) {
        let span = start..start + text.len();
        let (field, expires) = if self.quoted && text.contains(&b'"') {
            let (fields, length) =
                record(self.bytes.get(start..).unwrap_or_default(), self.columns.separator);
            self.skip_to(start + length);
            let field =
                |index: usize| fields.get(index).map(|text| text.clone().into_bytes()).unwrap_or_default();
            (field(self.columns.number), self.columns.expires.map(field).unwrap_or_default())
        } else {
            let field = |index: usize| {
                text.split(|byte| *byte == self.columns.separator).nth(index).unwrap_or_default().to_vec()
            };
            (field(self.columns.number), self.columns.expires.map(field).unwrap_or_default())
        };
        let ends = match self.expiry(expires.trim_ascii()) {
            Ok(ends) => ends,
            Err(()) => {
                tally.bad_dates.add(line, span.clone());
                None
            }
        };
        let Some(pattern) = self.pattern(&field) else {
            tally.unreadable.add(line, span);
            return;
        };
        tally.read += 1;
        if ends.is_some_and(|ends| ends <= self.context.now) {
            tally.expired.add(line, span);
            return;
        }
        match pattern {
            Pattern::Exact(number) => entries.add_exact(number, row, ends),
            Pattern::Set(set) => entries.add_set(&set, row, ends),
        }
    }

    fn pattern(&self, field: &[u8]) -> Option<Pattern> {
        if let Some(number) = (self.columns.number == 0).then(|| self.plain(field.trim_ascii())).flatten() {
            return Some(Pattern::Exact(number));
        }
        Pattern::parse(written(std::str::from_utf8(field).ok()?), self.context.dial).ok()
    }

    fn expiry(&mut self, text: &[u8]) -> Result<Option<Timestamp>, ()> {
        if text.is_empty() {
            return Ok(None);
        }
        if self.last_date.0 != text {
            let ends = std::str::from_utf8(text).ok().and_then(|text| times::end(text, self.context.zone));
            self.last_date = (text.to_vec(), ends);
        }
        self.last_date.1.map(Some).ok_or(())
    }

    /// Moves behind a quoted field that held line ends.
    fn skip_to(&mut self, end: usize) {
        while self.at < end.min(self.bytes.len()) {
            self.next_line();
        }
    }
}

impl Columns {
    /// The columns that the first line with content names.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let first = bytes
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .find(|line| !is_blank(line))
            .unwrap_or_default();
        let separator =
            first.iter().copied().find(|byte| matches!(byte, b',' | b';' | b'\t')).unwrap_or(b',');
        let (fields, _) = record(first, separator);
        let find = |names: &[&str]| {
            fields.iter().position(|field| names.contains(&field.trim().to_ascii_lowercase().as_str()))
        };
        let number = find(&["number", "phone_number", "phone", "prefix", "pattern"]);
        // A first line without a digit in its first field names columns, even if none of ours.
        let has_header = number.is_some()
            || fields.first().is_some_and(|field| {
                !field.trim().is_empty() && !field.bytes().any(|byte| byte.is_ascii_digit())
            });
        Self {
            separator,
            number: number.unwrap_or(0),
            category: find(&["category"]),
            reason: find(&["reason"]),
            case: find(&["case"]),
            added: find(&["added"]),
            expires: find(&["expires"]),
            has_header,
        }
    }
}

/// The fields of the record at the front of `bytes` (RFC 4180 quoting) and its length with its line end. A
/// quote that is never closed ends with its line.
pub(crate) fn record(bytes: &[u8], separator: u8) -> (Vec<String>, usize) {
    match quoted_record(bytes, separator) {
        Some(found) => found,
        None => {
            let length = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
            let line = bytes.get(..length).unwrap_or_default();
            let text = |field: &[u8]| String::from_utf8_lossy(field).trim_matches(['\r', '"']).to_owned();
            (line.split(|byte| *byte == separator).map(text).collect(), (length + 1).min(bytes.len()))
        }
    }
}

fn quoted_record(bytes: &[u8], separator: u8) -> Option<(Vec<String>, usize)> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), Vec::new(), false);
    let mut done = |field: &mut Vec<u8>| {
        fields.push(String::from_utf8_lossy(field).trim_end_matches('\r').to_owned());
        field.clear();
    };
    let mut rest = bytes.iter().take(RECORD_BYTES_MAX).copied().enumerate().peekable();
    let mut length = bytes.len().min(RECORD_BYTES_MAX);
    while let Some((at, byte)) = rest.next() {
        match byte {
            b'"' if quoted && rest.next_if(|(_, next)| *next == b'"').is_some() => field.push(b'"'),
            b'"' if quoted => quoted = false,
            b'"' if field.iter().all(u8::is_ascii_whitespace) => {
                field.clear();
                quoted = true;
            }
            b'\n' if !quoted => {
                length = at + 1;
                break;
            }
            _ if byte == separator && !quoted => done(&mut field),
            _ => field.push(byte),
        }
    }
    done(&mut field);
    (!quoted).then_some((fields, length))
}

/// What of the field of a number is the number.
pub(crate) fn written(field: &str) -> &str {
    let text = field.split('#').next().unwrap_or_default();
    text.trim_matches(|c: char| c.is_whitespace() || c == '\'' || c == '\u{feff}')
}

pub(crate) fn is_blank(line: &[u8]) -> bool {
    line.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|byte| *byte == b'#')
}

pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";
/// Odd lines that a diagnostic names.
const FIRST_MAX: usize = 5;
/// Longest record with quoted fields.
const RECORD_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_reads_what_the_long_way_reads() {
        let context =
            ListContext { dial: &DialPlan::default(), zone: &TimeZone::UTC, now: Timestamp::default() };
        let mut taken = 0;
        let mut check = |bytes: &[u8], columns: Columns| {
            let quoted = bytes.contains(&b'"');
            let walk = || Walk {
                bytes,
                columns,
                context: &context,
                quoted,
                offsets: Vec::new(),
                at: 0,
                line: 0,
                last_date: (Vec::new(), None),
            };
            let (mut short, mut long) = (walk(), walk());
            let Some(number) = short.plain_line() else { return };
            let text = long.next_line();
            let field = text.split(|byte| *byte == columns.separator).next().unwrap();
            assert!(!is_blank(text) && columns.number == 0, "{}", bytes.escape_ascii());
            assert!(field.len() == text.len() || (!quoted && columns.expires.is_none()));
            assert_eq!(Some(number), long.plain(field.trim_ascii()), "{}", bytes.escape_ascii());
            assert_eq!((short.at, short.line, short.offsets), (long.at, long.line, long.offsets));
            taken += 1;
        };
        let plain = Columns { separator: b',', ..Columns::default() };
        let columns = [
            plain,
            Columns { number: 1, ..plain },
            Columns { expires: Some(2), ..plain },
            Columns { separator: b';', ..plain },
        ];
        for base in
            ["+12105550100\n+1", "+442079460123\r\n", "+12105550100,fraud,\"a\"\n", "+12105550100,fraud,\n"]
        {
            for at in 0..=base.len() {
                let (head, tail) = (&base.as_bytes()[..at], &base.as_bytes()[at..]);
                for byte in 0..=255 {
                    for columns in columns {
                        check(&[head, &[byte], tail].concat(), columns);
                        check(&[head, &[byte], tail.get(1..).unwrap_or_default()].concat(), columns);
                        check(head, columns);
                    }
                }
            }
        }
        assert!(taken > 10_000, "{taken}");
    }
}
