//! The files of one lane, as their writer has them.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::error::Error;
use crate::kind::Lane;
use crate::limits::PENDING_BYTES_MAX;
use crate::mark::End;
use crate::record::{Event, Head, bytes_of, rewrite, write};
use crate::scanner::{Scanner, Step};
use crate::segment::{Header, START, name};

/// The files of one lane.
pub(crate) struct LaneFiles {
    pub(crate) lane: Lane,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) segment_bytes: u64,
    /// Files that are written no more, the oldest first.
    pub(crate) sealed: VecDeque<Sealed>,
    pub(crate) active: Option<Active>,
    /// The highest number that a file had.
    pub(crate) last_number: u64,
    /// What was written and is not known to be on disk.
    pub(crate) pending: Vec<u8>,
    /// What went wrong and was got over.
    pub(crate) trouble: Option<Error>,
    /// Whether what was refused may have been written in part: its numbers must not be given to others.
    pub(crate) is_half_written: bool,
}

/// A file that is written no more.
pub(crate) struct Sealed {
    pub(crate) number: u64,
    pub(crate) bytes: u64,
    pub(crate) header: Header,
}

/// The file that is written.
pub(crate) struct Active {
    pub(crate) number: u64,
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) header: Header,
    /// Behind what was written.
    pub(crate) end: u64,
    /// Behind what is known to be on disk.
    pub(crate) synced_end: u64,
    pub(crate) allocated: u64,
    /// It could not be written, or not be brought to disk: what it says of itself is not to be believed any more.
    pub(crate) is_failed: bool,
}

impl LaneFiles {
    /// Whether events of so many bytes need another file.
    pub(crate) fn needs_segment(&self, bytes: u64) -> bool {
        self.active.as_ref().is_none_or(|active| active.is_failed || active.end + bytes > active.allocated)
    }

    /// How long another file would be.
    pub(crate) fn segment_for(&self, bytes: u64) -> u64 {
        self.segment_bytes.max(START + self.pending.len() as u64 + bytes)
    }

    /// Writes `events`, the first as number `first`. All of them or none.
    pub(crate) fn append(&mut self, events: &[Event<'_>], first: u64) -> Result<(), Error> {
        let bytes: u64 = events.iter().map(|event| bytes_of(event.payload.len())).sum();
        if self.pending.len() as u64 + bytes > PENDING_BYTES_MAX as u64 {
            return Err(Error::Behind);
        }
        let at = events.first().map_or(0, |event| event.at_micros);
        if self.needs_segment(bytes) {
            self.begin_segment(bytes, (first, at))?;
        }
        let before = self.pending.len();
        let Some(active) = &mut self.active else { return Ok(()) };
        for (event, sequence) in events.iter().zip(first..) {
            write(event, sequence, active.header.salt, &mut self.pending);
        }
        let Err(error) = active.file.write_at(self.pending.get(before..).unwrap_or_default(), active.end)
        else {
            active.end += bytes;
            return Ok(());
        };
        active.is_failed = true;
        let error = Error::Disk(self.disk.path(&name(self.lane, active.number)), error);
        match self.begin_segment(0, (first, at)) {
            Ok(()) => {
                self.trouble = Some(error);
                Ok(())
            }
            Err(_) => {
                self.pending.truncate(before);
                self.is_half_written = true;
                Err(error)
            }
        }
    }

    /// Returns once all that was appended is on disk.
    ///
    /// After a failure the system may have forgotten what it was to write, and say of the next attempt that all is well. So a
    /// file that failed once is left alone, and what it was to hold goes into another.
    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let first =
            Head::parse(&self.pending, self.salt()).map_or((0, 0), |head| (head.sequence, head.at_micros));
        for _ in 0..ATTEMPTS {
            if self.needs_segment(0) {
                return self.begin_segment(0, first);
            }
            match self.sync() {
                Ok(()) => return Ok(()),
                Err(error) => self.trouble = Some(error),
            }
        }
        self.trouble.take().map_or(Ok(()), Err)
    }

    /// The number of the first event that is not known to be on disk.
    pub(crate) fn first_pending(&self) -> Option<u64> {
        Head::parse(&self.pending, self.salt()).map(|head| head.sequence)
    }

    /// Where that what is on disk ends.
    pub(crate) fn end(&self) -> End {
        self.active
            .as_ref()
            .map_or_else(End::default, |active| End { segment: active.number, offset: active.synced_end })
    }

    /// What its files take.
    pub(crate) fn bytes(&self) -> u64 {
        let active = self.active.as_ref().map_or(0, |active| active.allocated);
        active + self.sealed.iter().map(|sealed| sealed.bytes).sum::<u64>()
    }

    /// The number that the first event behind the oldest file may have; `None` when there is only the one that is written.
    pub(crate) fn oldest_ends_before(&self) -> Option<u64> {
        self.sealed.front()?;
        let next = self.sealed.get(1).map(|sealed| &sealed.header);
        next.or_else(|| self.active.as_ref().map(|active| &active.header)).map(|header| header.first_sequence)
    }

    /// When the first event behind the oldest file happened.
    pub(crate) fn oldest_ends_at(&self) -> Option<i64> {
        self.sealed.front()?;
        let next = self.sealed.get(1).map(|sealed| &sealed.header);
        next.or_else(|| self.active.as_ref().map(|active| &active.header))
            .map(|header| header.first_at_micros)
    }

    /// How many events of the oldest file have a higher number than `after`.
    pub(crate) fn oldest_beyond(&self, after: u64) -> u64 {
        let Some(oldest) = self.sealed.front() else { return 0 };
        let Ok(file) = self.disk.open(&name(self.lane, oldest.number)) else { return 0 };
        let before = oldest.header.first_sequence.saturating_sub(1);
        let mut scanner = Scanner::new(file, oldest.header.salt, (START, oldest.bytes), before);
        let mut count = 0;
        loop {
            match scanner.step() {
                Ok(Step::Event(head, _)) => count += u64::from(head.sequence > after),
                Ok(Step::Damage { .. }) => {}
                Ok(Step::End) | Err(_) => return count,
            }
        }
    }

    /// Takes the oldest file away. Returns whether there was one.
    pub(crate) fn remove_oldest(&mut self) -> io::Result<bool> {
        let Some(oldest) = self.sealed.front() else { return Ok(false) };
        match self.disk.remove(&name(self.lane, oldest.number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.sealed.pop_front();
        Ok(true)
    }

    /// Ends the file that is written, once what it holds is on disk, so that the next event goes into another, of number
    /// `next` at the moment `at`.
    pub(crate) fn roll(&mut self, next: (u64, i64)) -> Result<(), Error> {
        self.commit()?;
        self.begin_segment(0, next)
    }

    /// Goes on in another file, which has room for `bytes` more than what is pending. `next` are number and time of what
    /// will stand first in it, if nothing is pending.
    fn begin_segment(&mut self, bytes: u64, next: (u64, i64)) -> Result<(), Error> {
        if self.active.as_ref().is_some_and(|active| !active.is_failed) && !self.pending.is_empty() {
            // What fails is carried over.
            if let Err(error) = self.sync() {
                self.trouble = Some(error);
            }
        }
        let salt = self.salt();
        let (sequence, at) =
            Head::parse(&self.pending, salt).map_or(next, |head| (head.sequence, head.at_micros));
        let previous_end = self.active.as_ref().map_or(0, |active| active.synced_end);
        let header = Header::new(sequence, previous_end, at);
        let number = self.last_number + 1;
        let wanted = self.segment_for(bytes);
        let name = name(self.lane, number);
        let failed = |error| Error::Disk(self.disk.path(&name), error);
        let (file, allocated) = self.take_file(&name, wanted).map_err(failed)?;
        if let Some(active) = &mut self.active {
            // Once another says where it ends, it ends there: that one may come back, even if it is taken away again.
            active.is_failed = true;
        }
        let carried = rewrite(&self.pending, salt, header.salt);
        let written = header.write(&*file).and_then(|()| file.write_at(&carried, START));
        let is_there = written.and_then(|()| file.sync()).and_then(|()| self.disk.sync());
        if let Err(error) = is_there {
            // The error that matters is the first one.
            let _ = self.disk.remove(&name);
            return Err(Error::Disk(self.disk.path(&name), error));
        }
        self.last_number = number;
        let end = START + carried.len() as u64;
        let active = Active { number, file, header, end, synced_end: end, allocated, is_failed: false };
        self.pending.clear();
        if let Some(former) = self.active.replace(active) {
            self.seal(&former);
        }
        Ok(())
    }

    /// A file of this name that can take `bytes`.
    fn take_file(&self, name: &str, bytes: u64) -> io::Result<(Box<dyn DiskFile>, u64)> {
        match self.create(name, bytes) {
            Err(_) if self.lane == Lane::Events && self.take_reserve(name, bytes) => {
                let file = self.disk.open_to_write(name)?;
                let allocated = file.length()?;
                Ok((file, allocated))
            }
            made => Ok((made?, bytes)),
        }
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        let file = self.disk.create(name)?;
        file.allocate(bytes).inspect_err(|_| {
            let _ = self.disk.remove(name);
        })?;
        Ok(file)
    }

    /// Makes the file that was set aside for a full disk the one called `name`. Returns whether it has room for `bytes`.
    fn take_reserve(&self, name: &str, bytes: u64) -> bool {
        let length = self.disk.open(RESERVE).and_then(|file| file.length());
        length.is_ok_and(|length| length >= bytes) && self.disk.rename(RESERVE, name).is_ok()
    }

    fn sync(&mut self) -> Result<(), Error> {
        let Some(active) = &mut self.active else { return Ok(()) };
        match active.file.sync() {
            Ok(()) => {
                active.synced_end = active.end;
                self.pending.clear();
                Ok(())
            }
            Err(error) => {
                active.is_failed = true;
                Err(Error::Disk(self.disk.path(&name(self.lane, active.number)), error))
            }
        }
    }

    /// Gives back the room behind what is on disk. The file behind says where this one ends, so that nothing depends on it.
    fn seal(&mut self, active: &Active) {
        let is_cut = active.file.set_length(active.synced_end).is_ok();
        let bytes = if is_cut { active.synced_end } else { active.allocated };
        self.sealed.push_back(Sealed { number: active.number, bytes, header: active.header });
    }

    fn salt(&self) -> u32 {
        self.active.as_ref().map_or(0, |active| active.header.salt)
    }
}

/// The file that is set aside for alerts on a full disk.
pub(crate) const RESERVE: &str = "reserve";
/// Files that are tried before it is told that what was appended is not on disk.
const ATTEMPTS: usize = 2;
