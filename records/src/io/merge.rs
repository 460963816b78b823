//! Rows of several files in one order.

use super::error::{Error, Wrong};
use super::file_reader::FileReader;
use crate::batch::Batch;
use crate::column::Columns;

/// One file of several, and how far it was read.
struct Stream {
    file: FileReader,
    name: String,
    next: usize,
    held: Batch,
    from: usize,
}

/// Reads several files as if they were one. As much is in memory as one row group of each.
pub(super) struct Merge {
    streams: Vec<Stream>,
    columns: Columns,
}

impl Merge {
    /// `files` in the order in which rows of one moment are to stand. `columns` has the start.
    pub(super) fn new(files: Vec<(String, FileReader)>, columns: Columns) -> Self {
        let stream = |(name, file)| Stream { file, name, next: 0, held: Batch::new(columns), from: 0 };
        Self { streams: files.into_iter().map(stream).collect(), columns }
    }

    /// The next rows, in order; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, Error> {
        for stream in &mut self.streams {
            let name = stream.name.clone();
            stream.fill(self.columns).map_err(Error::damaged(&name))?;
        }
        self.streams.retain(|stream| stream.left() > 0);
        if let [only] = self.streams.as_mut_slice() {
            return Ok(Some(only.take_all(self.columns)));
        }
        // Past the last row that one of them holds, its next row may come before those of others.
        let open = self.streams.iter().filter(|stream| stream.has_more());
        let Some(until) = open.filter_map(|stream| stream.held.start.last()).min().copied() else {
            return Ok(self.take(i64::MAX));
        };
        match self.take(until.saturating_sub(1)) {
            Some(rows) => Ok(Some(rows)),
            // All that is held before it has been taken: what is of this moment comes with it.
            None => Ok(self.take(until)),
        }
    }

    fn take(&mut self, until: i64) -> Option<Batch> {
        let mut taken = Batch::new(self.columns);
        for stream in &mut self.streams {
            let rest = stream.held.start.get(stream.from..).unwrap_or_default();
            let end = stream.from + rest.partition_point(|start| *start <= until);
            taken.append(&stream.held, stream.from..end);
            stream.from = end;
        }
        taken.sort();
        (!taken.is_empty()).then_some(taken)
    }
}

impl Stream {
    fn left(&self) -> usize {
        self.held.len().saturating_sub(self.from)
    }

    fn has_more(&self) -> bool {
        self.next < self.file.groups()
    }

    fn fill(&mut self, columns: Columns) -> Result<(), Wrong> {
        while self.left() == 0 && self.has_more() {
            self.held = self.file.read(self.next, columns)?;
            self.from = 0;
            self.next += 1;
        }
        Ok(())
    }

    fn take_all(&mut self, columns: Columns) -> Batch {
        let held = std::mem::replace(&mut self.held, Batch::new(columns));
        let from = std::mem::take(&mut self.from);
        if from == 0 {
            return held;
        }
        let mut rest = Batch::new(columns);
        rest.append(&held, from..held.len());
        rest
    }
}
