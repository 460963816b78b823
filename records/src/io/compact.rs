//! Files of one day made into one, and what is dropped on the way.

use std::sync::Arc;

use jiff::civil::Date;

use super::error::Error;
use super::file_reader::FileReader;
use super::manifest::{Change, Entry};
use super::merge::Merge;
use super::schema::{ROWS_OF_GROUP, Stay};
use super::writer::{GRACE_MICROS, Writer};
use crate::batch::Batch;
use crate::column::Columns;

impl Writer {
    /// Makes the files of days into fewer. A day before `closed_before`, as its customer counts days, has one afterwards; one
    /// that still goes on has few. Stops after about `rows_max` rows, so that whoever writes is not kept long. Returns how
    /// many rows were written anew: none when nothing is left to do.
    ///
    /// # Errors
    /// A file cannot be read or written; what there was still counts.
    pub fn compact(
        &mut self,
        closed_before: impl Fn(Option<&str>) -> Date,
        now: i64,
        rows_max: u64,
    ) -> Result<u64, Error> {
        let mut rows = 0;
        while rows < rows_max {
            let Some(files) = self.next_to_compact(&closed_before) else { break };
            rows += self.compact_files(&files, now)?;
        }
        Ok(rows)
    }

    fn next_to_compact(&self, closed_before: &impl Fn(Option<&str>) -> Date) -> Option<Vec<Arc<Entry>>> {
        for (customer, days) in &self.manifest.files {
            let closed_before = closed_before(customer.as_deref());
            for (day, files) in days {
                if files.len() < 2 || self.is_given_up(files) {
                    continue;
                }
                if *day < closed_before {
                    return Some(files.clone());
                }
                if let Some(alike) = alike(files) {
                    return Some(alike);
                }
            }
        }
        None
    }

    /// Whether one of them could not be read before: the others wait until somebody has looked.
    fn is_given_up(&self, files: &[Arc<Entry>]) -> bool {
        files.iter().any(|entry| self.unreadable.contains(&entry.file))
    }

    fn compact_files(&mut self, files: &[Arc<Entry>], now: i64) -> Result<u64, Error> {
        let Some(first) = files.first() else { return Ok(0) };
        let (customer, day) = (first.customer.clone(), first.day);
        let compacted = self.merge(files, customer, day);
        let add = match compacted {
            // It says so once, and goes on with other days.
            Err(error @ (Error::Damaged(..) | Error::Replaced(_))) => {
                self.unreadable.extend(files.iter().map(|entry| entry.file.clone()));
                return Err(error);
            }
            compacted => compacted?,
        };
        let rows: u64 = add.iter().map(|entry| entry.rows).sum();
        let remove = files.iter().map(|entry| entry.file.clone()).collect();
        self.replace(remove, add, now)?;
        Ok(rows)
    }

    /// Has `add` count instead of `remove`, both at once.
    pub(super) fn replace(&mut self, remove: Vec<String>, add: Vec<Entry>, now: i64) -> Result<(), Error> {
        let change = Change { add, remove, ..self.change(now) };
        self.manifest.commit(&self.place, change)?;
        self.manifest.shorten(&self.place, now - GRACE_MICROS)
    }

    fn merge(
        &mut self,
        files: &[Arc<Entry>],
        customer: Option<String>,
        day: Date,
    ) -> Result<Vec<Entry>, Error> {
        let mut files: Vec<&Arc<Entry>> = files.iter().collect();
        files.sort_by(|one, other| one.file.cmp(&other.file));
        let mut open = Vec::with_capacity(files.len());
        // What one of them has no more none has afterwards: it was to be forgotten.
        let mut columns = Columns::ALL;
        for entry in files {
            let said = self.place.say(&entry.file);
            let source = self.place.open(&entry.file).map_err(Error::place(&said))?;
            let file = FileReader::open(source).map_err(Error::damaged(&said))?;
            columns = columns.and(file.columns());
            open.push((said, file));
        }
        let mut merge = Merge::new(open, columns);
        let mut waiting = Batch::new(columns);
        let mut file = None;
        loop {
            let next = merge.next()?;
            let is_last = next.is_none();
            if let Some(rows) = next {
                waiting.append(&rows, 0..rows.len());
            }
            if waiting.len() >= ROWS_OF_GROUP || (is_last && !waiting.is_empty()) {
                let begun = match &mut file {
                    Some(begun) => begun,
                    None => file.insert(self.begin((customer.clone(), day), &waiting, Stay::Long)?),
                };
                let whole =
                    if is_last { waiting.len() } else { waiting.len() / ROWS_OF_GROUP * ROWS_OF_GROUP };
                let mut rest = Batch::new(columns);
                rest.append(&waiting, whole..waiting.len());
                waiting.truncate(whole);
                begun.write(&waiting)?;
                waiting = rest;
            }
            if is_last {
                break;
            }
        }
        file.map(|file| file.finish().map(|entry| vec![entry])).unwrap_or(Ok(Vec::new()))
    }
}

/// Files of a day that goes on that are of about the same size, once there are many: each row is written anew only a few times
/// a day, and a day has few files.
fn alike(files: &[Arc<Entry>]) -> Option<Vec<Arc<Entry>>> {
    let size = |entry: &Arc<Entry>| (entry.rows.max(1).ilog2() / 3).max(3);
    let mut sizes: Vec<u32> = files.iter().map(size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    for wanted in sizes {
        let alike: Vec<_> = files.iter().filter(|entry| size(entry) <= wanted).cloned().collect();
        if alike.len() >= FILES_ALIKE {
            return Some(alike);
        }
    }
    None
}

/// So many are made into one.
const FILES_ALIKE: usize = 8;
