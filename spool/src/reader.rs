//! Hands out what was committed, in order of numbers.

use std::path::Path;
use std::sync::Arc;

use crate::cursor::{Cursor, Damages};
use crate::disk::{Disk, DiskFile, Folder};
use crate::error::{Damage, Error};
use crate::kind::{Kind, Lane};
use crate::limits::NOTE_BYTES_MAX;
use crate::mark::{self, Mark};
use crate::position::{self, Position};
use crate::record::Record;

/// Hands out what was committed, in order of numbers, while the writer goes on.
pub struct Reader {
    disk: Arc<dyn Disk>,
    consumer: String,
    position: Position,
    /// What is handed out; `None` for everything.
    kinds: Option<Vec<Kind>>,
    cursors: Vec<Cursor>,
    mark: Mark,
    mark_file: Option<Box<dyn DiskFile>>,
    passed: u64,
    missing: u64,
    damages: Damages,
}

impl Reader {
    /// Of the spool in `folder`, which may be made later, for the consumer of this name. It goes on behind what that one
    /// acknowledged.
    ///
    /// # Errors
    /// A name that is none, or a folder that cannot be read.
    pub fn open(folder: &Path, consumer: &str) -> Result<Self, Error> {
        Self::open_on(Arc::new(Folder::new(folder)), consumer)
    }

    pub(crate) fn open_on(disk: Arc<dyn Disk>, consumer: &str) -> Result<Self, Error> {
        position::check(consumer)?;
        let kept = Position::read(&*disk, consumer);
        let path = disk.path(&position::file_name(consumer));
        let position = kept.map_err(|error| Error::Disk(path, error))?.unwrap_or_default();
        let mut reader = Self {
            disk,
            consumer: consumer.to_owned(),
            kinds: None,
            cursors: Vec::new(),
            mark: Mark::default(),
            mark_file: None,
            passed: 0,
            missing: 0,
            damages: Damages::default(),
            position,
        };
        reader.seek(reader.position.sequence);
        Ok(reader)
    }

    /// Hands out only these. Files that hold none of them are not read.
    pub fn only(&mut self, kinds: &[Kind]) {
        self.kinds = Some(kinds.to_vec());
        self.seek(self.passed);
    }

    /// Goes on behind number `sequence`, whatever was acknowledged.
    pub fn seek(&mut self, sequence: u64) {
        let lanes = Lane::ALL.into_iter();
        let lanes = lanes.filter(|lane| match &self.kinds {
            Some(kinds) => kinds.iter().any(|kind| kind.lane() == *lane),
            None => true,
        });
        self.cursors = lanes.map(|lane| Cursor::new(&self.disk, lane, sequence)).collect();
        self.passed = sequence;
    }

    /// The next event that is on disk; `None` when there is none yet.
    ///
    /// # Errors
    /// Those of the disk. What is damaged is no error: it is passed over and told by [`Reader::poll_damage`].
    #[allow(clippy::should_implement_trait, reason = "an iterator that ends goes on when more is written")]
    pub fn next(&mut self) -> Result<Option<Record>, Error> {
        loop {
            let mut first: Option<(u64, usize)> = None;
            for (place, cursor) in self.cursors.iter_mut().enumerate() {
                if let Some(sequence) = cursor.peek(&self.mark, &mut self.damages)?
                    && first.is_none_or(|(least, _)| sequence < least)
                {
                    first = Some((sequence, place));
                }
            }
            let Some(cursor) = first.and_then(|(_, place)| self.cursors.get_mut(place)) else {
                self.pass(self.mark.sequence);
                if !self.look_again()? {
                    return Ok(None);
                }
                continue;
            };
            let Some(record) = cursor.take() else { return Ok(None) };
            self.pass(record.sequence.saturating_sub(1));
            self.passed = record.sequence;
            if self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&record.kind)) {
                return Ok(Some(record));
            }
        }
    }

    /// The number up to which everything was handed out, or is none of what is wanted: what may be acknowledged once it is
    /// dealt with.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// The number up to which everything was on disk when it was looked last, which is now.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn committed(&mut self) -> Result<u64, Error> {
        self.look_again()?;
        Ok(self.mark.sequence)
    }

    /// The number up to which this consumer acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.position.sequence
    }

    /// What was kept beside it.
    pub fn note(&self) -> &[u8] {
        &self.position.note
    }

    /// Keeps, over any crash, that everything up to `sequence` is dealt with. Costs a few waits for the disk: once for many
    /// events is better than once for each.
    ///
    /// # Errors
    /// Those of the disk; what was acknowledged before stays so.
    pub fn acknowledge(&mut self, sequence: u64) -> Result<(), Error> {
        let note = std::mem::take(&mut self.position.note);
        self.acknowledge_with(sequence, note)
    }

    /// The same, and keeps `note` with it: both or neither. At most [`NOTE_BYTES_MAX`].
    ///
    /// # Errors
    /// Those of the disk, and a note that is too long.
    pub fn acknowledge_with(&mut self, sequence: u64, note: Vec<u8>) -> Result<(), Error> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(Error::TooLong(note.len()));
        }
        let position = Position { sequence, note };
        let written = position.write(&*self.disk, &self.consumer);
        written.map_err(|error| Error::Disk(self.disk.path(&position::file_name(&self.consumer)), error))?;
        self.position = position;
        Ok(())
    }

    /// How many numbers were passed over because their events were given up or damaged. Not known of a reader that wants
    /// only some.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// How often something was met that is not what was written.
    pub fn damaged(&self) -> u64 {
        self.damages.count
    }

    /// Damage that was met and not yet told.
    pub fn poll_damage(&mut self) -> Option<Damage> {
        self.damages.untold.pop_front()
    }

    /// Notes that all up to `sequence` is behind us.
    fn pass(&mut self, sequence: u64) {
        if sequence > self.passed {
            if self.kinds.is_none() {
                self.missing += sequence - self.passed;
            }
            self.passed = sequence;
        }
    }

    /// Returns whether more was committed since.
    fn look_again(&mut self) -> Result<bool, Error> {
        let failed = |error| Error::Disk(self.disk.path(mark::NAME), error);
        if self.mark_file.is_none() {
            match self.disk.open(mark::NAME) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                file => self.mark_file = Some(file.map_err(failed)?),
            }
        }
        let Some(file) = &self.mark_file else { return Ok(false) };
        let mark = Mark::read_from(&**file).map_err(failed)?;
        let Some(mark) = mark.filter(|mark| mark.writes != self.mark.writes) else { return Ok(false) };
        self.mark = mark;
        Ok(true)
    }
}
