//! The writer: one per folder.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, Folder};
use crate::error::{Damage, Error};
use crate::kind::{Each, Lane};
use crate::lane::{LaneFiles, RESERVE};
use crate::limits::{PAYLOAD_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENT_MICROS_MAX};
use crate::mark::{self, Mark};
use crate::position::{self, Position};
use crate::record::{Event, bytes_of};
use crate::recovery;

/// How a spool is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a file becomes.
    pub segment_bytes: u64,
    /// What alerts and call records may take together.
    pub bytes_max: u64,
    /// How much of that only alerts may take.
    pub reserve_bytes: u64,
    /// What signalling may take.
    pub signalling_bytes_max: u64,
    /// How long signalling is kept.
    pub signalling_micros_max: i64,
    /// Who reads. What all of them have acknowledged is forgotten; what others read holds nothing.
    pub consumers: Vec<String>,
}

/// Keeps events.
pub struct Spool {
    disk: Arc<dyn Disk>,
    settings: Settings,
    lanes: Each<LaneFiles>,
    mark: Mark,
    mark_file: Box<dyn DiskFile>,
    next_sequence: u64,
    /// Events given up unread, and not yet told.
    given_up: Each<u64>,
    trouble: Option<Error>,
    /// Nobody else writes here while it is open.
    _lock: Option<File>,
}

/// What was found when a spool was opened.
#[derive(Debug, Default)]
pub struct Found {
    /// The number of the last event.
    pub last_sequence: u64,
    /// Bytes of events that were begun and never finished: nobody was told that they are kept, and they were cut off.
    pub cut_bytes: u64,
    /// What is not what was written.
    pub damages: Vec<Damage>,
}

/// What became of events that were to be appended.
#[derive(Debug)]
pub struct Appended {
    /// The number of the last event that was ever taken.
    pub last_sequence: u64,
    /// The numbers that the events of each lane got, in their order.
    pub taken: Vec<(Lane, Range<u64>)>,
    /// Lanes of which nothing was taken, and why.
    pub refused: Vec<Refused>,
}

/// Events that were not taken: all of a lane.
#[derive(Debug)]
pub struct Refused {
    /// Where they belong.
    pub lane: Lane,
    /// How many there are.
    pub events: u64,
    /// Why.
    pub error: Error,
}

impl Spool {
    /// Opens the one in `folder`, which is made when it is not there, and mends what a crash has left.
    ///
    /// # Errors
    /// Another writer, a name of a consumer that is none, or what the disk says.
    pub fn open(folder: &Path, settings: Settings) -> Result<(Self, Found), Error> {
        let disk = Folder::new(folder);
        let lock = disk.lock().map_err(|error| Error::Disk(folder.to_owned(), error))?;
        let Some(lock) = lock else { return Err(Error::InUse(folder.to_owned())) };
        let (mut spool, found) = Self::open_on(Arc::new(disk), settings)?;
        spool._lock = Some(lock);
        Ok((spool, found))
    }

    pub(crate) fn open_on(disk: Arc<dyn Disk>, settings: Settings) -> Result<(Self, Found), Error> {
        settings.consumers.iter().try_for_each(|consumer| position::check(consumer))?;
        let segment_bytes = settings.segment_bytes.max(SEGMENT_BYTES_MIN);
        let failed = |error| Error::Disk(disk.path(""), error);
        let known = Mark::read(&*disk).map_err(failed)?;
        let mut found =
            Found { last_sequence: known.as_ref().map_or(0, |mark| mark.given), ..Found::default() };
        let mut open = |lane| {
            let committed = known.as_ref().map(|mark| *mark.ends.of(lane)).filter(|end| end.segment > 0);
            let (files, recovered) = recovery::open(&disk, lane, segment_bytes, committed).map_err(failed)?;
            found.last_sequence = found.last_sequence.max(recovered.last_sequence);
            found.cut_bytes += recovered.cut_bytes;
            found.damages.extend(recovered.damages);
            Ok(files)
        };
        let [events, calls, signalling] = Lane::ALL;
        let lanes = Each::new([open(events)?, open(calls)?, open(signalling)?]);
        // A position may be all that is left of what was once handed out.
        for consumer in &settings.consumers {
            let position = Position::read(&*disk, consumer).map_err(failed)?.unwrap_or_default();
            found.last_sequence = found.last_sequence.max(position.sequence);
        }
        let mark_file = Mark::file(&*disk).map_err(|error| Error::Disk(disk.path(mark::NAME), error))?;
        let mut spool = Self {
            disk: Arc::clone(&disk),
            settings,
            lanes,
            mark: known.unwrap_or_default(),
            mark_file,
            next_sequence: found.last_sequence + 1,
            given_up: Each::default(),
            trouble: None,
            _lock: None,
        };
        spool.commit()?;
        spool.set_reserve_aside();
        Ok((spool, found))
    }

    /// Writes `events`. They are kept once [`Spool::commit`] has returned; until then nobody is handed any of them.
    ///
    /// The most precious come first, whatever their order in `events`. Of each lane all are taken or none, and what is not
    /// taken is in no reader's way. A disk that fails while it is written may cost numbers, which nothing gets then.
    pub fn append(&mut self, events: &[Event<'_>]) -> Appended {
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for lane in Lane::ALL {
            let of_lane: Vec<Event<'_>> =
                events.iter().filter(|event| event.kind.lane() == lane).copied().collect();
            if of_lane.is_empty() {
                continue;
            }
            match self.append_to(lane, &of_lane) {
                Ok(()) => {
                    let first = self.next_sequence;
                    self.next_sequence += of_lane.len() as u64;
                    taken.push((lane, first..self.next_sequence));
                }
                Err(error) => {
                    if std::mem::take(&mut self.lanes.of_mut(lane).is_half_written) {
                        self.next_sequence += of_lane.len() as u64;
                    }
                    refused.push(Refused { lane, events: of_lane.len() as u64, error });
                }
            }
        }
        Appended { last_sequence: self.next_sequence - 1, taken, refused }
    }

    /// Returns once all that was appended is on disk: the number of the last event that is.
    ///
    /// # Errors
    /// Those of the disk. What was appended is not lost, and not acknowledged either: the next commit tries again, elsewhere.
    pub fn commit(&mut self) -> Result<u64, Error> {
        let mut failed = None;
        let mut sequence = self.next_sequence - 1;
        for lane in Lane::ALL {
            let files = self.lanes.of_mut(lane);
            if let Err(error) = files.commit() {
                sequence = sequence.min(files.first_pending().map_or(sequence, |first| first - 1));
                failed = Some(error);
            }
            if let Some(trouble) = files.trouble.take() {
                self.trouble = Some(trouble);
            }
        }
        let ends = Each::new(Lane::ALL.map(|lane| self.lanes.of(lane).end()));
        if (sequence, &ends) != (self.mark.sequence, &self.mark.ends) || self.mark.writes == 0 {
            let given = self.next_sequence - 1;
            let mark = Mark { writes: self.mark.writes + 1, sequence, given, ends };
            let path = self.disk.path(mark::NAME);
            mark.write(&*self.mark_file).map_err(|error| Error::Disk(path, error))?;
            self.mark = mark;
        }
        failed.map_or(Ok(sequence), Err)
    }

    /// The number of the last event that is on disk.
    pub fn committed(&self) -> u64 {
        self.mark.sequence
    }

    /// What all files take together, in bytes.
    pub fn bytes(&self) -> u64 {
        self.lanes.iter().map(LaneFiles::bytes).sum()
    }

    /// How many events of `lane` were given up, unread by somebody who is registered, since this was asked before.
    pub fn take_given_up(&mut self, lane: Lane) -> u64 {
        std::mem::take(self.given_up.of_mut(lane))
    }

    /// What went wrong and was got over, since this was asked before.
    pub fn take_trouble(&mut self) -> Option<Error> {
        self.trouble.take()
    }

    /// Forgets what everybody has read and what is too old at `now_micros`, and sets room aside for alerts. To be called
    /// every few seconds.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn tend(&mut self, now_micros: i64) -> Result<(), Error> {
        self.remove_read()?;
        let oldest = now_micros.saturating_sub(self.settings.signalling_micros_max);
        let next = (self.next_sequence, now_micros);
        let signalling = self.lanes.of_mut(Lane::Signalling);
        if let Some(active) = &signalling.active
            && active.end > crate::segment::START
            && active.header.first_at_micros < now_micros.saturating_sub(SEGMENT_MICROS_MAX)
        {
            signalling.roll(next)?;
        }
        while self.lanes.of(Lane::Signalling).oldest_ends_at().is_some_and(|at| at < oldest) {
            self.remove_oldest(Lane::Signalling)?;
        }
        self.commit()?;
        self.set_reserve_aside();
        Ok(())
    }

    fn append_to(&mut self, lane: Lane, events: &[Event<'_>]) -> Result<(), Error> {
        if let Some(long) = events.iter().map(|event| event.payload.len()).find(|it| *it > PAYLOAD_BYTES_MAX)
        {
            return Err(Error::TooLong(long));
        }
        let bytes = events.iter().map(|event| bytes_of(event.payload.len())).sum();
        if self.lanes.of(lane).needs_segment(bytes) {
            self.make_room(lane, bytes)?;
        }
        let first = self.next_sequence;
        loop {
            match self.lanes.of_mut(lane).append(events, first) {
                // On a full disk an alert takes the place of call records.
                Err(error) if error.is_full() && lane == Lane::Events => {
                    if !self.give_up_oldest(Lane::Calls)? {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    /// Sees to it that another file for so many bytes in `lane` fits into what the spool may take.
    fn make_room(&mut self, lane: Lane, bytes: u64) -> Result<(), Error> {
        let more = self.lanes.of(lane).segment_for(bytes);
        let settings = &self.settings;
        let (given, bytes_max) = match lane {
            Lane::Events => (Lane::Calls, settings.bytes_max),
            Lane::Calls => (Lane::Calls, settings.bytes_max.saturating_sub(settings.reserve_bytes)),
            Lane::Signalling => (Lane::Signalling, settings.signalling_bytes_max),
        };
        if self.taken(lane) + more > bytes_max {
            self.remove_read()?;
        }
        while self.taken(lane) + more > bytes_max {
            if !self.give_up_oldest(given)? {
                return Err(Error::Full { bytes_max });
            }
        }
        Ok(())
    }

    /// What is counted against the same bound as `lane`.
    fn taken(&self, lane: Lane) -> u64 {
        match lane {
            Lane::Signalling => self.lanes.of(Lane::Signalling).bytes(),
            Lane::Events | Lane::Calls => {
                self.lanes.of(Lane::Events).bytes() + self.lanes.of(Lane::Calls).bytes()
            }
        }
    }

    /// Takes away the files that everybody has read. Signalling has its time.
    fn remove_read(&mut self) -> Result<(), Error> {
        let Some(read) = self.read_by_all()? else { return Ok(()) };
        for lane in [Lane::Events, Lane::Calls] {
            while self.lanes.of(lane).oldest_ends_before().is_some_and(|next| next <= read + 1) {
                self.remove_oldest(lane)?;
            }
        }
        Ok(())
    }

    /// The number up to which everybody who is registered has read; `None` when nobody is.
    fn read_by_all(&self) -> Result<Option<u64>, Error> {
        let mut least = None;
        for consumer in &self.settings.consumers {
            let path = self.disk.path(&position::file_name(consumer));
            let kept = Position::read(&*self.disk, consumer).map_err(|error| Error::Disk(path, error))?;
            let sequence = kept.unwrap_or_default().sequence;
            least = Some(least.map_or(sequence, |least: u64| least.min(sequence)));
        }
        Ok(least)
    }

    fn give_up_oldest(&mut self, lane: Lane) -> Result<bool, Error> {
        let read = self.read_by_all()?.unwrap_or_default();
        let unread = self.lanes.of(lane).oldest_beyond(read);
        let is_gone = self.remove_oldest(lane)?;
        if is_gone {
            *self.given_up.of_mut(lane) += unread;
        }
        Ok(is_gone)
    }

    fn remove_oldest(&mut self, lane: Lane) -> Result<bool, Error> {
        let removed = self.lanes.of_mut(lane).remove_oldest();
        removed.map_err(|error| Error::Disk(self.disk.path(""), error))
    }

    /// Sets a file aside that an alert takes when the disk has no other. Where there is no room now, there may be later.
    fn set_reserve_aside(&self) {
        let bytes = self.settings.reserve_bytes.min(self.lanes.of(Lane::Events).segment_bytes);
        if bytes == 0 || self.disk.open(RESERVE).is_ok() {
            return;
        }
        let made = self.disk.create(RESERVE).and_then(|file| file.allocate(bytes).and_then(|()| file.sync()));
        if made.is_err() {
            // Half a reserve is none.
            let _ = self.disk.remove(RESERVE);
        }
    }
}
