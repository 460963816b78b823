//! Named lists of numbers, texts or networks.

use std::ops::Range;
use std::sync::Arc;

use ipnet::IpNet;

use crate::matching::{NumberTable, RangeTable};
use crate::policy::Span;
use crate::policy::reader::{Columns, record};
use crate::time::Timestamp;

/// Index into the policy's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListId(pub u32);

/// One `[lists.NAME]` table with its content.
#[derive(Clone, Debug)]
pub struct List {
    /// Its name, without the `@`.
    pub name: String,
    /// What it holds.
    pub content: ListContent,
    /// Where it stands in the policy file.
    pub span: Span,
    /// Where its entries were read from, and which of them end by themselves.
    pub source: ListSource,
    /// Whether a rule or detection refuses calls by it: then nobody's emergency, own or protected number may be on it.
    pub refuses: bool,
}

/// What a list holds.
#[derive(Clone, Debug)]
pub enum ListContent {
    /// Numbers: exact ones and ranges (prefixes and wildcards are ranges).
    Numbers {
        /// Exact numbers with the row of their source.
        exact: NumberTable,
        /// Ranges with the row of their source.
        ranges: RangeTable,
    },
    /// Literal texts, matched in any case anywhere.
    Texts(Vec<String>),
    /// Networks.
    Networks(Vec<IpNet>),
}

impl ListContent {
    /// Whether nothing stands on it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Numbers { exact, ranges } => exact.is_empty() && ranges.is_empty(),
            Self::Texts(texts) => texts.is_empty(),
            Self::Networks(networks) => networks.is_empty(),
        }
    }
}

/// Where the entries of a list were read from. Rows of exact numbers count the entries in the policy file
/// first, then the lines of each file; rows of ranges come behind them, those that last longest first, so
/// that of overlapping ranges the lowest row is the one that still holds.
#[derive(Clone, Debug, Default)]
pub struct ListSource {
    /// Where each entry in the policy file stands.
    pub(crate) inline: Vec<(u32, Span)>,
    /// The list files, in order.
    pub(crate) files: Vec<ListFile>,
    /// The first row that is a range.
    pub(crate) first_range: u32,
    /// Line row and last moment of each range.
    pub(crate) ranges: Vec<(u32, Option<Timestamp>)>,
    /// Rows of exact numbers that end, ascending, with their last moment.
    pub(crate) expiring: Vec<(u32, Timestamp)>,
}

/// One list file as it was read. Lines are found again through the byte offset of every 64th, so that ten
/// million lines cost little beyond their bytes.
#[derive(Clone, Debug)]
pub(crate) struct ListFile {
    pub(crate) path: String,
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) columns: Columns,
    pub(crate) first_row: u32,
    pub(crate) lines: u32,
    pub(crate) offsets: Arc<Vec<u64>>,
}

/// What stands in the source of one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryText {
    /// The list file; `None` for an entry in the policy file itself.
    pub file: Option<String>,
    /// Its line, from 1.
    pub line: u32,
    /// The entry as it was written.
    pub number: String,
    /// Why it is there, in one word.
    pub category: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// The case it came from.
    pub case: Option<String>,
    /// When it was added, as it was written.
    pub added: Option<String>,
    /// When it ends, as it was written.
    pub expires: Option<String>,
}

impl List {
    /// A list that was not read from a file: entries have no text and do not end.
    pub fn new(name: &str, content: ListContent, span: Span) -> Self {
        Self { name: name.to_owned(), content, span, source: ListSource::default(), refuses: false }
    }

    /// The moment from which the entry of `row` no longer holds; `None` for one that does not end.
    pub fn expires(&self, row: u32) -> Option<Timestamp> {
        let source = &self.source;
        if let Some((_, expires)) =
            row.checked_sub(source.first_range).and_then(|index| source.ranges.get(index as usize))
        {
            return *expires;
        }
        let index = source.expiring.binary_search_by_key(&row, |entry| entry.0).ok()?;
        source.expiring.get(index).map(|entry| entry.1)
    }

    /// Whether the entry of `row` still holds at `at`.
    pub fn holds(&self, row: u32, at: Timestamp) -> bool {
        self.expires(row).is_none_or(|expires| at < expires)
    }

    /// Whether any entry ends by itself: when none does, [`expires`](Self::expires) need not be asked.
    pub fn has_expiring(&self) -> bool {
        !self.source.expiring.is_empty() || self.source.ranges.iter().any(|(_, expires)| expires.is_some())
    }

    /// What stands in the source of the entry of `row`. `policy` is the text of the policy file.
    pub fn entry_text(&self, row: u32, policy: &str) -> Option<EntryText> {
        match self.place(row)? {
            Place::Inline(line, span) => Some(EntryText {
                line,
                number: policy.get(span)?.trim_matches(['"', '\'']).to_owned(),
                ..EntryText::default()
            }),
            Place::File(file, line) => file.entry_text(line),
        }
    }

    /// The file an entry of `row` stands in (`None`: the policy file) and its bytes there.
    pub fn entry_span(&self, row: u32) -> Option<(Option<&str>, Span)> {
        match self.place(row)? {
            Place::Inline(_, span) => Some((None, span)),
            Place::File(file, line) => Some((Some(&file.path), file.line_span(line)?)),
        }
    }

    fn place(&self, row: u32) -> Option<Place<'_>> {
        let source = &self.source;
        let row = match row.checked_sub(source.first_range) {
            Some(index) => source.ranges.get(index as usize)?.0,
            None => row,
        };
        if let Some((line, span)) = source.inline.get(row as usize) {
            return Some(Place::Inline(*line, span.clone()));
        }
        let file = source.files.iter().rev().find(|file| file.first_row <= row)?;
        Some(Place::File(file, row - file.first_row))
    }
}

enum Place<'a> {
    Inline(u32, Span),
    File(&'a ListFile, u32),
}

impl ListFile {
    fn entry_text(&self, line: u32) -> Option<EntryText> {
        let start = usize::try_from(self.offset(line)?).ok()?;
        let (fields, _) = record(self.bytes.get(start..)?, self.columns.separator);
        Some(EntryText { file: Some(self.path.clone()), ..self.columns.entry(&fields, line + 1) })
    }

    fn line_span(&self, line: u32) -> Option<Range<usize>> {
        let start = usize::try_from(self.offset(line)?).ok()?;
        let rest = self.bytes.get(start..)?;
        let end = start + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        Some(start..end)
    }

    /// Byte offset of `line`, counted from 0.
    fn offset(&self, line: u32) -> Option<u64> {
        if line >= self.lines {
            return None;
        }
        let start = *self.offsets.get((line / LINES_PER_OFFSET) as usize)?;
        let rest = self.bytes.get(usize::try_from(start).ok()?..)?;
        match line % LINES_PER_OFFSET {
            0 => Some(start),
            skip => memchr::memchr_iter(b'\n', rest).nth(skip as usize - 1).map(|at| start + at as u64 + 1),
        }
    }
}

/// Lines between two remembered offsets.
pub(crate) const LINES_PER_OFFSET: u32 = 64;
