//! What is forgotten: whole days, details of days, and one person.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::Date;
use parquet::column::writer::ColumnCloseResult;
use parquet::file::writer::SerializedFileWriter;

use super::error::{Error, Wrong};
use super::file_reader::FileReader;
use super::find::may_have;
use super::manifest::Entry;
use super::place::Sink;
use super::schema::{DETAILS, LEAVES, Stay, copied, place, schema};
use super::writer::Writer;
use crate::batch::Batch;
use crate::call::PartyKind;
use crate::column::Column;

/// From which days on something is kept; `None` keeps all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Rows of earlier days go.
    pub rows_since: Option<Date>,
    /// Columns of detail of earlier days go: what a caller called himself, which program called, in which words we said why.
    pub details_since: Option<Date>,
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Rows that are gone.
    pub rows: u64,
    /// Rows that have lost details.
    pub details: u64,
}

impl Writer {
    /// Forgets what `keep` says of each customer.
    ///
    /// # Errors
    /// A file cannot be written anew; it still counts.
    pub fn forget(&mut self, keep: impl Fn(Option<&str>) -> Keep, now: i64) -> Result<Forgotten, Error> {
        let mut forgotten = Forgotten::default();
        let mut gone = Vec::new();
        let mut lighter = Vec::new();
        for (customer, days) in &self.manifest.files {
            let Keep { rows_since, details_since } = keep(customer.as_deref());
            for entry in days.values().flatten() {
                if rows_since.is_some_and(|since| entry.day < since) {
                    forgotten.rows += entry.rows;
                    gone.push(entry.file.clone());
                } else if entry.details && details_since.is_some_and(|since| entry.day < since) {
                    forgotten.details += entry.rows;
                    lighter.push(Arc::clone(entry));
                }
            }
        }
        if !gone.is_empty() {
            self.replace(gone, Vec::new(), now)?;
        }
        for entry in lighter {
            let copy = self.without_details(&entry)?;
            self.replace(vec![entry.file.clone()], vec![copy], now)?;
        }
        Ok(forgotten)
    }

    /// Writes the file of `entry` anew without details. All other columns are copied as they are.
    fn without_details(&mut self, entry: &Entry) -> Result<Entry, Error> {
        let said = self.place.say(&entry.file);
        let source = self.place.open(&entry.file).map_err(Error::place(&said))?;
        let file = FileReader::open(source).map_err(Error::damaged(&said))?;
        let name = self.next_name(entry.customer.as_deref(), entry.day);
        let sink = self.place.create(&name).map_err(|error| Error::Place(self.place.say(&name), error))?;
        let sink = copy(&file, sink).map_err(Error::damaged(&said))?;
        let (bytes, crc32) = sink.finish().map_err(|error| Error::Place(said, error))?;
        Ok(Entry { file: name, bytes, crc32, details: false, ..entry.clone() })
    }

    /// Takes the number `number`, and what goes with it, out of every row of `customer`: the rows still count, with the number
    /// withheld. Returns how many rows.
    ///
    /// # Errors
    /// A file cannot be written anew; it still counts.
    pub fn erase(&mut self, customer: Option<&str>, number: u64, now: i64) -> Result<u64, Error> {
        let days = self.manifest.files.get(&customer.map(str::to_owned)).into_iter().flatten();
        let entries: Vec<Arc<Entry>> = days.flat_map(|(_, files)| files).cloned().collect();
        let mut rows = 0;
        for entry in entries {
            if let Some((copy, erased)) = self.without(&entry, number)? {
                self.replace(vec![entry.file.clone()], vec![copy], now)?;
                // Nobody is to find it where it was: who reads it at this moment begins again.
                self.place.remove(&entry.file).map_err(Error::place(&self.place.say(&entry.file)))?;
                rows += erased;
            }
        }
        Ok(rows)
    }

    /// The file of `entry` anew without `number`; `None` where it is in no row.
    fn without(&mut self, entry: &Entry, number: u64) -> Result<Option<(Entry, u64)>, Error> {
        let said = self.place.say(&entry.file);
        let source = self.place.open(&entry.file).map_err(Error::place(&said))?;
        let file = FileReader::open(source).map_err(Error::damaged(&said))?;
        if !has(&file, number).map_err(Error::damaged(&said))? {
            return Ok(None);
        }
        let mut begun = None;
        let mut rows = 0;
        for group in 0..file.groups() {
            let mut batch = file.read(group, file.columns()).map_err(Error::damaged(&said))?;
            rows += withhold(&mut batch, number);
            let begun = match &mut begun {
                Some(begun) => begun,
                None => begun.insert(self.begin((entry.customer.clone(), entry.day), &batch, Stay::Long)?),
            };
            begun.write(&batch)?;
        }
        let Some(begun) = begun.filter(|_| rows > 0) else { return Ok(None) };
        Ok(Some((begun.finish()?, rows)))
    }
}

/// Whether a row may have `number`, as caller, as called or among its details.
fn has(file: &FileReader, number: u64) -> Result<bool, Wrong> {
    for group in 0..file.groups() {
        if may_have(file, group, Column::Caller, number)? || may_have(file, group, Column::Called, number)? {
            return Ok(true);
        }
    }
    // It may be an identity that was neither, or in what we said: then only reading tells.
    Ok(file.columns().has(Column::More))
}

/// Takes `number` out of rows. Returns of how many.
fn withhold(batch: &mut Batch, number: u64) -> u64 {
    let digits = number.to_string();
    let names = |text: Option<&str>| text.is_some_and(|text| mentions(text, &digits));
    let mut rows = HashSet::new();
    for row in 0..batch.len() {
        let is = |numbers: &[u64]| numbers.get(row) == Some(&number);
        let is_caller = is(&batch.caller) || names(batch.caller_text.get(row));
        let is_called = is(&batch.called) || names(batch.called_text.get(row));
        let is_in_details = names(batch.more.get(row))
            || names(batch.reason.get(row))
            || names(batch.display_name.get(row))
            || names(batch.call_id.get(row));
        if !(is_caller || is_called || is_in_details) {
            continue;
        }
        rows.insert(row);
        if is_caller {
            set(&mut batch.caller, row, 0);
            set(&mut batch.caller_kind, row, PartyKind::Anonymous);
        }
        if is_called {
            set(&mut batch.called, row, 0);
            set(&mut batch.called_kind, row, PartyKind::Anonymous);
        }
        batch.call_id.blank(row);
        batch.more.blank(row);
    }
    for words in [
        &mut batch.caller_text,
        &mut batch.called_text,
        &mut batch.display_name,
        &mut batch.user_agent,
        &mut batch.reason,
    ] {
        words.blank(&rows);
    }
    rows.len() as u64
}

/// Whether `digits` stand in `text`, and not as a part of a longer number.
fn mentions(text: &str, digits: &str) -> bool {
    text.match_indices(digits).any(|(at, found)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|after| after.chars().next());
        !before.into_iter().chain(after).any(|next| next.is_ascii_digit())
    })
}

fn set<T>(column: &mut [T], row: usize, value: T) {
    if let Some(place) = column.get_mut(row) {
        *place = value;
    }
}

/// Copies all columns but those of detail, as they are, into `to`.
pub(super) fn copy(file: &FileReader, to: Sink) -> Result<Sink, Wrong> {
    let metadata = file.metadata();
    let columns = file.columns().without(DETAILS);
    let words = metadata.file_metadata().key_value_metadata().cloned();
    let mut to = SerializedFileWriter::new(to, schema(columns), Arc::new(copied(words)))?;
    let leaves = metadata.file_metadata().schema_descr();
    for group in metadata.row_groups() {
        let mut copy = to.next_row_group()?;
        for leaf in LEAVES.iter().filter(|leaf| columns.has(leaf.column)) {
            let at = place(leaves, leaf.name).ok_or("a file without a column that it had")?;
            let chunk = group.columns().get(at).ok_or("a row group with too few columns")?;
            let bytes = file.chunk(chunk)?;
            let bloom_filter = parquet::bloom_filter::Sbbf::read_from_column_chunk(chunk, file.source())?;
            let close = ColumnCloseResult {
                bytes_written: u64::try_from(chunk.compressed_size()).unwrap_or_default(),
                rows_written: u64::try_from(group.num_rows()).unwrap_or_default(),
                metadata: chunk.clone(),
                bloom_filter,
                column_index: None,
                offset_index: None,
            };
            copy.append_column(&bytes, close)?;
        }
        copy.close()?;
    }
    Ok(to.into_inner()?)
}
