//! Rows out of one file: only the columns that are asked for, one row group at a time.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::column::page::PageReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::statistics::Statistics;
use rules::{Action, Attestation, Direction};

use super::error::Wrong;
use super::pages::{each_text, numbers, rows_with, words};
use super::place::Source;
use super::schema::{LEAVES, Leaf, ROWS_OF_GROUP, Shape, place};
use crate::batch::Batch;
use crate::call::{HungUp, PartyKind};
use crate::column::{Column, Columns};
use crate::texts::Texts;
use crate::words::Words;

/// An open file.
pub(super) struct FileReader {
    source: Source,
    metadata: ParquetMetaData,
}

impl FileReader {
    /// Opens what `source` holds.
    pub(super) fn open(source: Source) -> Result<Self, Wrong> {
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        let metadata = reader.parse_and_finish(&source)?;
        Ok(Self { source, metadata })
    }

    pub(super) fn groups(&self) -> usize {
        self.metadata.num_row_groups()
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }

    /// Rows of all groups.
    #[cfg(test)]
    pub(super) fn rows(&self) -> u64 {
        u64::try_from(self.metadata.file_metadata().num_rows()).unwrap_or_default()
    }

    /// Columns that the file has.
    pub(super) fn columns(&self) -> Columns {
        let schema = self.metadata.file_metadata().schema_descr();
        let there = LEAVES.iter().filter(|leaf| place(schema, leaf.name).is_some());
        there.fold(Columns::NONE, |columns, leaf| columns.with(Columns::of(&[leaf.column])))
    }

    /// Starts of the rows of `group`, as far as the file tells them.
    pub(super) fn span(&self, group: usize) -> Option<(i64, i64)> {
        self.bounds(group, "start")
    }

    /// Least and greatest number in the column `name` of `group`.
    pub(super) fn bounds(&self, group: usize, name: &str) -> Option<(i64, i64)> {
        let group = self.group(group).ok()?;
        let at = place(self.metadata.file_metadata().schema_descr(), name)?;
        match group.columns().get(at)?.statistics()? {
            Statistics::Int64(statistics) => Some((*statistics.min_opt()?, *statistics.max_opt()?)),
            _ => None,
        }
    }

    pub(super) fn group(&self, group: usize) -> Result<&RowGroupMetaData, Wrong> {
        Ok(self.metadata.row_groups().get(group).ok_or("a row group that is not there")?)
    }

    pub(super) fn rows_of(&self, group: usize) -> Result<usize, Wrong> {
        let rows = usize::try_from(self.group(group)?.num_rows()).ok();
        // Room is made for what a file says that it has.
        Ok(rows
            .filter(|rows| *rows <= ROWS_OF_GROUP)
            .ok_or("a row group of another size than was ever written")?)
    }

    /// Reads `columns` of `group`. A column that the file has no more is empty in every row.
    pub(super) fn read(&self, group: usize, columns: Columns) -> Result<Batch, Wrong> {
        let rows = self.rows_of(group)?;
        let mut batch = Batch::new(columns);
        let leaves = || LEAVES.iter().filter(|leaf| columns.has(leaf.column));
        let mut ranges = Vec::new();
        for leaf in leaves() {
            if let Some(column) = self.column(group, leaf)? {
                let (begin, length) = range_of(column)?;
                ranges.push(begin..begin.saturating_add(length as u64));
            }
        }
        let source = self.source.ahead(ranges)?;
        for leaf in leaves() {
            let pages = self.pages(&source, group, leaf)?;
            fill(&mut batch, leaf, pages, rows)?;
        }
        batch.grow(rows);
        Ok(batch)
    }

    /// Rows of `group` that have `number` in `column`, in order.
    pub(super) fn rows_with(&self, group: usize, column: Column, number: u64) -> Result<Vec<usize>, Wrong> {
        let leaf = LEAVES.iter().find(|leaf| leaf.column == column).ok_or(LEAF)?;
        let pages = self.pages(&self.source, group, leaf)?.ok_or(LEAF)?;
        let rows = rows_with(pages, leaf.is_optional, number.cast_signed())?;
        let is_inside = rows.last().map_or(Ok(true), |last| Ok::<_, Wrong>(*last < self.rows_of(group)?))?;
        if is_inside { Ok(rows) } else { Err(ROWS.into()) }
    }

    fn column(&self, group: usize, leaf: &Leaf) -> Result<Option<&ColumnChunkMetaData>, Wrong> {
        let Some(at) = place(self.metadata.file_metadata().schema_descr(), leaf.name) else {
            return Ok(None);
        };
        Ok(Some(self.group(group)?.columns().get(at).ok_or("a row group with too few columns")?))
    }

    fn pages(
        &self,
        source: &Source,
        group: usize,
        leaf: &Leaf,
    ) -> Result<Option<Box<dyn PageReader>>, Wrong> {
        let Some(column) = self.column(group, leaf)? else { return Ok(None) };
        let rows = self.rows_of(group)?;
        let chunk = Chunk::read(source, column)?;
        Ok(Some(Box::new(SerializedPageReader::new(Arc::new(chunk), column, rows, None)?)))
    }

    /// All bytes of `column`.
    pub(super) fn chunk(&self, column: &ColumnChunkMetaData) -> Result<Chunk, Wrong> {
        Chunk::read(&self.source, column)
    }
}

/// Where the bytes of `column` begin, and how many they are. What parquet itself has for this panics where a damaged
/// file says less than nothing.
fn range_of(column: &ColumnChunkMetaData) -> Result<(u64, usize), Wrong> {
    let begin = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let begin = u64::try_from(begin).map_err(|_| "a column that begins before its file")?;
    let length = usize::try_from(column.compressed_size()).map_err(|_| "a column of less than nothing")?;
    Ok((begin, length))
}

fn fill(
    batch: &mut Batch,
    leaf: &Leaf,
    pages: Option<Box<dyn PageReader>>,
    rows: usize,
) -> Result<(), Wrong> {
    let is_optional = leaf.is_optional;
    let Some(pages) = pages else { return fill_with_nothing(batch, leaf, rows) };
    let texts = |pages| -> Result<Words, Wrong> {
        let words = words(pages, is_optional)?;
        if words.len() == rows { Ok(words) } else { Err(ROWS.into()) }
    };
    let long = |pages, nothing| -> Result<Vec<i64>, Wrong> {
        let numbers =
            numbers(pages, is_optional, (if leaf.shape == Shape::Short { 4 } else { 8 }, rows), nothing)?;
        if numbers.len() == rows { Ok(numbers) } else { Err(ROWS.into()) }
    };
    let digits =
        |pages| Ok::<_, Wrong>(long(pages, 0)?.into_iter().map(i64::cast_unsigned).collect::<Vec<u64>>());
    let status = |pages| {
        let all = long(pages, 0)?.into_iter().map(u16::try_from).collect::<Result<Vec<u16>, _>>();
        all.map_err(|_| Wrong::from("a status that is none"))
    };
    match (leaf.column, leaf.name) {
        (Column::Start, _) => batch.start = long(pages, 0)?,
        (Column::Kind, _) => batch.kind = texts(pages)?,
        (Column::Direction, _) => batch.direction = some(&texts(pages)?, Direction::from_word)?,
        (Column::Caller, _) => batch.caller = digits(pages)?,
        (Column::CallerText, "caller_kind") => batch.caller_kind = all(&texts(pages)?, PartyKind::from_word)?,
        (Column::CallerText, _) => batch.caller_text = texts(pages)?,
        (Column::Called, _) => batch.called = digits(pages)?,
        (Column::CalledText, "called_kind") => batch.called_kind = all(&texts(pages)?, PartyKind::from_word)?,
        (Column::CalledText, _) => batch.called_text = texts(pages)?,
        (Column::Source, _) => batch.source = texts(pages)?,
        (Column::Verdict, _) => batch.verdict = all(&texts(pages)?, action)?,
        (Column::Would, _) => batch.would = some(&texts(pages)?, action)?,
        (Column::Rule, _) => batch.rule = texts(pages)?,
        (Column::ActionStatus, _) => batch.action_status = status(pages)?,
        (Column::Status, _) => batch.status = status(pages)?,
        (Column::RangAfter, _) => batch.rang_after = long(pages, Batch::NEVER)?,
        (Column::AnsweredAfter, _) => batch.answered_after = long(pages, Batch::NEVER)?,
        (Column::EndedAfter, _) => batch.ended_after = long(pages, Batch::NEVER)?,
        (Column::HungUp, _) => batch.hung_up = some(&texts(pages)?, HungUp::from_word)?,
        (Column::Attestation, _) => batch.attestation = some(&texts(pages)?, Attestation::from_word)?,
        (Column::Flags, _) => batch.flags = texts(pages)?,
        (Column::CallType, _) => batch.call_type = texts(pages)?,
        (Column::Policy, _) => batch.policy = texts(pages)?,
        (Column::DisplayName, _) => batch.display_name = texts(pages)?,
        (Column::UserAgent, _) => batch.user_agent = texts(pages)?,
        (Column::Reason, _) => batch.reason = texts(pages)?,
        (Column::CallId, _) => batch.call_id = each_text(pages, is_optional)?,
        (Column::More, _) => batch.more = each_text(pages, is_optional)?,
    }
    let is_whole = match leaf.column {
        Column::CallId => batch.call_id.len() == rows,
        Column::More => batch.more.len() == rows,
        _ => true,
    };
    if is_whole { Ok(()) } else { Err(ROWS.into()) }
}

/// What was dropped after some days.
fn fill_with_nothing(batch: &mut Batch, leaf: &Leaf, rows: usize) -> Result<(), Wrong> {
    let nothing = || {
        let mut words = Words::default();
        (0..rows).for_each(|_| words.push(None));
        words
    };
    match leaf.column {
        Column::CallId => batch.call_id = Texts::none(rows),
        Column::DisplayName => batch.display_name = nothing(),
        Column::UserAgent => batch.user_agent = nothing(),
        Column::Reason => batch.reason = nothing(),
        Column::More => batch.more = Texts::none(rows),
        _ => return Err(LEAF.into()),
    }
    Ok(())
}

/// What each row's word stands for, in a column where every row has one.
fn all<T: Copy>(words: &Words, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Wrong> {
    let values: Option<Vec<T>> = words.words().iter().map(|word| read(word)).collect();
    let values = values.ok_or("a word that this version does not know")?;
    let Some(first) = values.first() else {
        return if words.is_empty() { Ok(Vec::new()) } else { Err(WORD.into()) };
    };
    if words.codes().contains(&0) {
        return Err(WORD.into());
    }
    let value = |code: &u32| values.get((*code as usize).wrapping_sub(1)).copied().unwrap_or(*first);
    Ok(words.codes().iter().map(value).collect())
}

/// The same where a row may have none.
fn some<T: Copy>(words: &Words, read: impl Fn(&str) -> Option<T>) -> Result<Vec<Option<T>>, Wrong> {
    let mut values = vec![None];
    for word in words.words() {
        values.push(Some(read(word).ok_or("a word that this version does not know")?));
    }
    Ok(words.codes().iter().map(|code| values.get(*code as usize).copied().flatten()).collect())
}

fn action(word: &str) -> Option<Action> {
    use Action::{Allow, Block, Divert, Limit, Tag, Terminate};
    [Allow, Tag, Limit, Divert, Block, Terminate].into_iter().find(|action| action.word() == word)
}

/// A column of a row group, read at once.
pub(super) struct Chunk {
    range: Range<u64>,
    bytes: Bytes,
    /// How long the whole file is.
    of: u64,
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.of
    }
}

impl Chunk {
    fn read(source: &Source, column: &ColumnChunkMetaData) -> Result<Self, Wrong> {
        let (begin, length) = range_of(column)?;
        let bytes = source.read(begin, length)?;
        Ok(Self { range: begin..begin + length as u64, bytes, of: source.length() })
    }

    fn after(&self, start: u64) -> parquet::errors::Result<Bytes> {
        let begin = start.checked_sub(self.range.start).and_then(|begin| usize::try_from(begin).ok());
        let begin = begin.filter(|begin| *begin <= self.bytes.len());
        Ok(self.bytes.slice(begin.ok_or_else(outside)?..))
    }
}

impl ChunkReader for Chunk {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(bytes::Buf::reader(self.after(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let after = self.after(start)?;
        if length > after.len() { Err(outside()) } else { Ok(after.slice(..length)) }
    }
}

fn outside() -> ParquetError {
    ParquetError::EOF("a page outside its column".to_owned())
}

const LEAF: &str = "a file without a column that all have";
const WORD: &str = "a row without a word that all have";
const ROWS: &str = "a column with another number of rows than the file says";
