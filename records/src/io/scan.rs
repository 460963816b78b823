//! Rows of many files, one batch after the other.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use rules::Timestamp;

use super::error::Error;
use super::file_reader::FileReader;
use super::find::may_have;
use super::manifest::Entry;
use super::merge::Merge;
use super::place::Place;
use super::store::Store;
use crate::batch::Batch;
use crate::column::{Column, Columns};

/// Which rows are wanted: those that have all that is named here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Digits of the caller's number.
    pub caller: Option<u64>,
    /// Digits of the called number.
    pub called: Option<u64>,
}

/// Rows of one customer in order of their start.
#[derive(Debug)]
pub struct Scan {
    question: Question,
    /// What is to be read.
    units: VecDeque<Unit>,
    open: Option<Open>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) place: Place,
    during: Range<i64>,
    /// What whoever asks gets.
    columns: Columns,
    /// What is read for that.
    read: Columns,
    wanted: Wanted,
}

/// Files whose rows are read as one: they overlap in time. One alone is read without that.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    files: Vec<Arc<Entry>>,
}

enum Open {
    One { name: String, file: FileReader, next: usize },
    Many(Merge),
}

impl Scan {
    pub(super) fn new(
        store: &Store,
        customer: Option<&str>,
        asked: Range<Timestamp>,
        (columns, wanted): (Columns, Wanted),
    ) -> Self {
        let (begin, end) = (asked.start.0, asked.end.0);
        let days = store.manifest.files.get(&customer.map(str::to_owned)).into_iter().flatten();
        let files = days.flat_map(|(_, files)| files);
        let files = files.filter(|entry| entry.first < end && entry.last >= begin).cloned();
        let mut read = columns.with(Columns::of(&[Column::Start]));
        if wanted.caller.is_some() {
            read = read.with(Columns::of(&[Column::Caller]));
        }
        if wanted.called.is_some() {
            read = read.with(Columns::of(&[Column::Called]));
        }
        let question = Question { place: store.place.clone(), during: begin..end, columns, read, wanted };
        Self { question, units: units(files.collect()).into(), open: None }
    }

    /// What is asked, and of which files.
    pub(super) fn into_units(self) -> (Question, Vec<Unit>) {
        (self.question, self.units.into())
    }

    /// The same question of `unit` alone.
    pub(super) fn of(question: &Question, unit: Unit) -> Self {
        Self { question: question.clone(), units: VecDeque::from([unit]), open: None }
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, Error> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(unit) = self.units.pop_front() else { return Ok(None) };
                self.open = Some(self.question.open(unit)?);
                continue;
            };
            let batch = match open {
                Open::Many(merge) => merge.next()?,
                Open::One { name, file, next } => {
                    let group = *next;
                    *next += 1;
                    if group >= file.groups() {
                        None
                    } else {
                        self.question
                            .read(file, group)
                            .map_err(Error::damaged(name))?
                            .or_else(|| Some(Batch::default()))
                    }
                }
            };
            let Some(batch) = batch else {
                self.open = None;
                continue;
            };
            let batch = self.question.trim(batch);
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
        }
    }
}

impl Iterator for Scan {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_batch().transpose();
        if let Some(Err(_)) = next {
            // Whoever goes on after an error gets no rows that look like all of them.
            self.units.clear();
            self.open = None;
        }
        next
    }
}

impl Question {
    fn open(&self, unit: Unit) -> Result<Open, Error> {
        let mut files = Vec::with_capacity(unit.files.len());
        for entry in unit.files {
            let name = self.place.say(&entry.file);
            let source = self.place.open(&entry.file).map_err(Error::place(&name))?;
            let file = FileReader::open(source).map_err(Error::damaged(&name))?;
            files.push((name, file));
        }
        match files.pop() {
            Some((name, file)) if files.is_empty() => Ok(Open::One { name, file, next: 0 }),
            last => {
                files.extend(last);
                Ok(Open::Many(Merge::new(files, self.read)))
            }
        }
    }

    /// Rows of `group`, unless it cannot have one that is wanted.
    fn read(&self, file: &FileReader, group: usize) -> Result<Option<Batch>, super::error::Wrong> {
        let mut columns = self.read;
        if let Some((first, last)) = file.span(group) {
            if first >= self.during.end || last < self.during.start {
                return Ok(None);
            }
            let is_inside = self.during.contains(&first) && self.during.contains(&last);
            if is_inside && !self.columns.has(Column::Start) {
                // Nobody asks when exactly it was.
                columns = columns.without(Columns::of(&[Column::Start]));
            }
        }
        let wanted = [(Column::Caller, self.wanted.caller), (Column::Called, self.wanted.called)];
        let mut wanted = wanted.into_iter().filter_map(|(column, number)| Some((column, number?)));
        for (column, number) in wanted.clone() {
            if !may_have(file, group, column, number)? {
                return Ok(None);
            }
        }
        // A row without a number stands in the column as nothing: it is looked for among all.
        let Some((column, number)) = wanted.find(|(_, number)| *number != 0) else {
            return file.read(group, columns).map(Some);
        };
        let rows = file.rows_with(group, column, number)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut batch = file.read(group, columns.without(Columns::of(&[column])))?;
        batch.pick(&rows);
        let numbers = if column == Column::Caller { &mut batch.caller } else { &mut batch.called };
        *numbers = vec![number; rows.len()];
        batch.columns = columns;
        Ok(Some(batch))
    }

    /// Leaves only rows that are wanted.
    fn trim(&self, batch: Batch) -> Batch {
        let mut batch = batch;
        let is_inside = match (batch.start.first(), batch.start.last()) {
            (Some(first), Some(last)) => self.during.contains(first) && self.during.contains(last),
            _ => true,
        };
        let Wanted { caller, called } = self.wanted;
        if !is_inside || caller.is_some() || called.is_some() {
            let mut wanted = vec![true; batch.len()];
            wanted
                .iter_mut()
                .zip(&batch.start)
                .for_each(|(wanted, start)| *wanted = self.during.contains(start));
            for (numbers, number) in [(&batch.caller, caller), (&batch.called, called)] {
                if let Some(number) = number {
                    wanted.iter_mut().zip(numbers).for_each(|(wanted, is)| *wanted &= *is == number);
                }
            }
            batch.keep(&wanted);
        }
        if !self.columns.has(Column::Start) {
            batch.start = Vec::new();
        }
        if !self.columns.has(Column::Caller) {
            batch.caller = Vec::new();
        }
        if !self.columns.has(Column::Called) {
            batch.called = Vec::new();
        }
        batch.columns = self.columns;
        batch
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One { name, next, .. } => write!(f, "{name} from row group {next}"),
            Self::Many(_) => write!(f, "several files"),
        }
    }
}

/// Files in order of time; those that overlap are together.
fn units(mut files: Vec<Arc<Entry>>) -> Vec<Unit> {
    files.sort_by(|one, other| (one.first, &one.file).cmp(&(other.first, &other.file)));
    let mut units: Vec<Unit> = Vec::new();
    let mut last = i64::MIN;
    for entry in files {
        let end = entry.last;
        match units.last_mut() {
            Some(unit) if entry.first <= last => unit.files.push(entry),
            _ => units.push(Unit { files: vec![entry] }),
        }
        last = last.max(end);
    }
    // Rows of one moment stand as they came.
    units.iter_mut().for_each(|unit| unit.files.sort_by(|one, other| one.file.cmp(&other.file)));
    units
}
