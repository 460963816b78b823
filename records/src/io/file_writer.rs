//! Rows into one file.

use std::collections::HashSet;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use rules::{Action, Attestation, Direction};

use super::error::Wrong;
use super::schema::{LEAVES, Leaf, ROWS_OF_GROUP, Stay, properties, schema};
use crate::batch::Batch;
use crate::call::{HungUp, PartyKind};
use crate::column::Column;
use crate::texts::Texts;
use crate::words::Words;

/// Writes rows, which come in order of their start, as row groups.
pub(super) struct FileWriter<W: Write + Send> {
    to: SerializedFileWriter<W>,
    rows: u64,
    span: Option<(i64, i64)>,
}

/// What was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) rows: u64,
    /// Start of the first row and of the last.
    pub(super) first: i64,
    pub(super) last: i64,
}

impl<W: Write + Send> FileWriter<W> {
    /// Begins a file whose rows are like those of `sample`. `words` are kept in it as they are.
    pub(super) fn new(
        to: W,
        sample: &Batch,
        words: Vec<(String, String)>,
        stay: Stay,
    ) -> Result<Self, Wrong> {
        let properties = properties(&wide(sample), words, stay);
        let to = SerializedFileWriter::new(to, schema(sample.columns), Arc::new(properties))?;
        Ok(Self { to, rows: 0, span: None })
    }

    /// Writes the rows of `batch`.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), Wrong> {
        for begin in (0..batch.len()).step_by(ROWS_OF_GROUP) {
            self.write_group(batch, begin..batch.len().min(begin + ROWS_OF_GROUP))?;
        }
        Ok(())
    }

    fn write_group(&mut self, batch: &Batch, rows: Range<usize>) -> Result<(), Wrong> {
        let mut group = self.to.next_row_group()?;
        for leaf in LEAVES.iter().filter(|leaf| batch.columns.has(leaf.column)) {
            let mut column = group.next_column()?.ok_or("a file with too few columns")?;
            write_leaf(&mut column, leaf, batch, rows.clone())?;
            column.close()?;
        }
        group.close()?;
        self.rows += rows.len() as u64;
        if let Some([first, .., last] | [first @ last]) = batch.start.get(rows) {
            let (least, most) = self.span.unwrap_or((*first, *last));
            self.span = Some((least.min(*first), most.max(*last)));
        }
        Ok(())
    }

    /// Ends the file.
    pub(super) fn finish(self) -> Result<(W, Written), Wrong> {
        let (first, last) = self.span.unwrap_or_default();
        Ok((self.to.into_inner()?, Written { rows: self.rows, first, last }))
    }
}

fn write_leaf(
    to: &mut SerializedColumnWriter<'_>,
    leaf: &Leaf,
    batch: &Batch,
    rows: Range<usize>,
) -> Result<(), Wrong> {
    let word = |to: &mut _, words: &Words| write_words(to, words, rows.clone(), leaf.is_optional);
    let after = |to: &mut _, column: &[i64]| write_after(to, column.get(rows.clone()));
    let number = |to: &mut _, column: &[u64]| write_numbers(to, column.get(rows.clone()));
    let status = |to: &mut _, column: &[u16]| write_statuses(to, column.get(rows.clone()));
    match (leaf.column, leaf.name) {
        (Column::Start, _) => {
            let values = batch.start.get(rows).ok_or(SHORT)?;
            to.typed::<Int64Type>().write_batch(values, None, None)?;
            Ok(())
        }
        (Column::Kind, _) => word(to, &batch.kind),
        (Column::Direction, _) => write_enums(to, batch.direction.get(rows), Direction::word),
        (Column::Caller, _) => number(to, &batch.caller),
        (Column::CallerText, "caller_kind") => write_kinds(to, batch.caller_kind.get(rows)),
        (Column::CallerText, _) => word(to, &batch.caller_text),
        (Column::Called, _) => number(to, &batch.called),
        (Column::CalledText, "called_kind") => write_kinds(to, batch.called_kind.get(rows)),
        (Column::CalledText, _) => word(to, &batch.called_text),
        (Column::Source, _) => word(to, &batch.source),
        (Column::Verdict, _) => {
            let all = batch.verdict.get(rows).ok_or(SHORT)?;
            write_bytes(to, all.iter().map(|action| Some(fixed(action.word()))), false)
        }
        (Column::Would, _) => write_enums(to, batch.would.get(rows), Action::word),
        (Column::Rule, _) => word(to, &batch.rule),
        (Column::ActionStatus, _) => status(to, &batch.action_status),
        (Column::Status, _) => status(to, &batch.status),
        (Column::RangAfter, _) => after(to, &batch.rang_after),
        (Column::AnsweredAfter, _) => after(to, &batch.answered_after),
        (Column::EndedAfter, _) => after(to, &batch.ended_after),
        (Column::HungUp, _) => write_enums(to, batch.hung_up.get(rows), HungUp::word),
        (Column::Attestation, _) => write_enums(to, batch.attestation.get(rows), Attestation::word),
        (Column::Flags, _) => word(to, &batch.flags),
        (Column::CallType, _) => word(to, &batch.call_type),
        (Column::Policy, _) => word(to, &batch.policy),
        (Column::DisplayName, _) => word(to, &batch.display_name),
        (Column::UserAgent, _) => word(to, &batch.user_agent),
        (Column::Reason, _) => word(to, &batch.reason),
        (Column::CallId, _) => write_texts(to, &batch.call_id, rows),
        (Column::More, _) => write_texts(to, &batch.more, rows),
    }
}

fn write_words(
    to: &mut SerializedColumnWriter<'_>,
    words: &Words,
    rows: Range<usize>,
    is_optional: bool,
) -> Result<(), Wrong> {
    let known: Vec<ByteArray> = words.words().iter().map(|word| ByteArray::from(word.as_str())).collect();
    let nothing = (!is_optional).then(ByteArray::new).map(|_| fixed(""));
    let codes = words.codes().get(rows).ok_or(SHORT)?;
    let value = |code: &u32| match (*code as usize).checked_sub(1) {
        None => nothing.clone(),
        Some(place) => known.get(place).cloned(),
    };
    write_bytes(to, codes.iter().map(value), is_optional)
}

fn write_texts(to: &mut SerializedColumnWriter<'_>, texts: &Texts, rows: Range<usize>) -> Result<(), Wrong> {
    for begin in rows.clone().step_by(TEXTS_AT_ONCE) {
        let part = begin..rows.end.min(begin + TEXTS_AT_ONCE);
        let some = || texts.some(part.clone()).ok_or(SHORT);
        // One piece of memory for all of them; that of those before is free again.
        let all = Bytes::from(some()?.flatten().collect::<String>());
        let mut begin = 0;
        let mut slice = |text: &str| {
            let end = begin + text.len();
            ByteArray::from(all.slice(std::mem::replace(&mut begin, end)..end))
        };
        write_bytes(to, some()?.map(|text| text.map(&mut slice)), true)?;
    }
    Ok(())
}

fn write_enums<T: Copy>(
    to: &mut SerializedColumnWriter<'_>,
    values: Option<&[Option<T>]>,
    word: impl Fn(T) -> &'static str,
) -> Result<(), Wrong> {
    let values = values.ok_or(SHORT)?;
    write_bytes(to, values.iter().map(|value| value.map(|value| fixed(word(value)))), true)
}

fn write_kinds(to: &mut SerializedColumnWriter<'_>, kinds: Option<&[PartyKind]>) -> Result<(), Wrong> {
    write_bytes(to, kinds.ok_or(SHORT)?.iter().map(|kind| Some(fixed(kind.word()))), false)
}

fn write_bytes(
    to: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = Option<ByteArray>>,
    is_optional: bool,
) -> Result<(), Wrong> {
    write_values::<ByteArrayType>(to, values, is_optional)
}

/// Writes some values after another, so that memory for them is asked for once.
fn write_values<T: DataType>(
    to: &mut SerializedColumnWriter<'_>,
    mut values: impl Iterator<Item = Option<T::T>>,
    is_optional: bool,
) -> Result<(), Wrong> {
    let mut levels: Vec<i16> = Vec::with_capacity(ROWS_AT_ONCE);
    let mut there = Vec::with_capacity(ROWS_AT_ONCE);
    loop {
        for value in values.by_ref().take(ROWS_AT_ONCE) {
            levels.push(i16::from(value.is_some()));
            there.extend(value);
        }
        if levels.is_empty() {
            return Ok(());
        }
        to.typed::<T>().write_batch(&there, is_optional.then_some(levels.as_slice()), None)?;
        levels.clear();
        there.clear();
    }
}

fn write_numbers(to: &mut SerializedColumnWriter<'_>, values: Option<&[u64]>) -> Result<(), Wrong> {
    let some = |value: &u64| (*value != 0).then_some(value.cast_signed());
    write_values::<Int64Type>(to, values.ok_or(SHORT)?.iter().map(some), true)
}

fn write_after(to: &mut SerializedColumnWriter<'_>, values: Option<&[i64]>) -> Result<(), Wrong> {
    let some = |value: &i64| (*value != Batch::NEVER).then_some(*value);
    write_values::<Int64Type>(to, values.ok_or(SHORT)?.iter().map(some), true)
}

fn write_statuses(to: &mut SerializedColumnWriter<'_>, values: Option<&[u16]>) -> Result<(), Wrong> {
    let some = |value: &u16| (*value != 0).then_some(i32::from(*value));
    write_values::<Int32Type>(to, values.ok_or(SHORT)?.iter().map(some), true)
}

fn fixed(word: &'static str) -> ByteArray {
    ByteArray::from(Bytes::from_static(word.as_bytes()))
}

/// Leaves of `sample` of which so few values come again that a dictionary takes more than it spares.
fn wide(sample: &Batch) -> Vec<&'static str> {
    let mut names = Vec::new();
    for (name, numbers) in [("caller", &sample.caller), ("called", &sample.called)] {
        let rows = numbers.len().min(ROWS_OF_GROUP);
        let some: HashSet<u64> = numbers.iter().take(rows).copied().collect();
        if some.len() * REPEATS_MIN > rows {
            names.push(name);
        }
    }
    for (name, column) in [("rang_after", &sample.rang_after), ("answered_after", &sample.answered_after)]
        .into_iter()
        .chain([("ended_after", &sample.ended_after)])
    {
        let rows = column.len().min(ROWS_OF_GROUP);
        let some: HashSet<i64> = column.iter().take(rows).copied().collect();
        if some.len() * REPEATS_MIN > rows {
            names.push(name);
        }
    }
    for (name, words) in [
        ("caller_text", &sample.caller_text),
        ("called_text", &sample.called_text),
        ("display_name", &sample.display_name),
        ("user_agent", &sample.user_agent),
        ("reason", &sample.reason),
    ] {
        let rows = words.len().min(ROWS_OF_GROUP);
        let codes = words.codes().get(..rows).unwrap_or_default();
        let some: HashSet<u32> = codes.iter().copied().collect();
        if some.len() * REPEATS_MIN > rows {
            names.push(name);
        }
    }
    names
}

/// How often each value has to come, on average, for a dictionary to be worth it.
const REPEATS_MIN: usize = 2;
/// Rows of a column that are handed over at once.
const ROWS_AT_ONCE: usize = 8_192;
/// Texts of a column that are handed over at once: as many as the writer takes into a page before it looks at its size.
const TEXTS_AT_ONCE: usize = 1_024;
const SHORT: &str = "a batch with a column that is too short";
