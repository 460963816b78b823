//! A reader's place in one lane.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::error::{Damage, Error};
use crate::kind::Lane;
use crate::limits::DAMAGES_MAX;
use crate::mark::Mark;
use crate::record::Record;
use crate::scanner::{Scanner, Step};
use crate::segment::{Header, START, name, numbers};

/// A reader's place in one lane.
pub(crate) struct Cursor {
    lane: Lane,
    disk: Arc<dyn Disk>,
    /// What has this number or a lower one is not handed out.
    after: u64,
    open: Option<(u64, Scanner)>,
    /// The file that was read to its end last.
    last_number: Option<u64>,
    next: Option<Record>,
}

/// Damage that was met.
#[derive(Default)]
pub(crate) struct Damages {
    pub(crate) untold: VecDeque<Damage>,
    pub(crate) count: u64,
}

impl Cursor {
    pub(crate) fn new(disk: &Arc<dyn Disk>, lane: Lane, after: u64) -> Self {
        Self { lane, disk: Arc::clone(disk), after, open: None, last_number: None, next: None }
    }

    /// The number of the next event that is on disk by `mark`.
    pub(crate) fn peek(&mut self, mark: &Mark, damages: &mut Damages) -> Result<Option<u64>, Error> {
        while self.next.is_none() {
            if self.open.is_none() && !self.open_next(mark, damages)? {
                return Ok(None);
            }
            self.step(mark, damages)?;
            if self.next.is_none() && self.is_at_end(mark) {
                return Ok(None);
            }
        }
        Ok(self.next.as_ref().map(|record| record.sequence).filter(|sequence| *sequence <= mark.sequence))
    }

    /// The event that was found.
    pub(crate) fn take(&mut self) -> Option<Record> {
        self.next.take().inspect(|record| self.after = record.sequence)
    }

    /// Whether all is read that is on disk by `mark`.
    fn is_at_end(&self, mark: &Mark) -> bool {
        let end = mark.ends.of(self.lane);
        self.open
            .as_ref()
            .is_some_and(|(number, scanner)| *number >= end.segment && scanner.offset() >= end.offset)
    }

    fn step(&mut self, mark: &Mark, damages: &mut Damages) -> Result<(), Error> {
        let Some((number, scanner)) = &mut self.open else { return Ok(()) };
        let number = *number;
        let end = mark.ends.of(self.lane);
        if number == end.segment {
            scanner.extend(end.offset);
        }
        let path = || self.disk.path(&name(self.lane, number));
        match scanner.step().map_err(|error| Error::Disk(path(), error))? {
            Step::Event(head, payload) if head.sequence > self.after => {
                let (sequence, kind, at_micros) = (head.sequence, head.kind, head.at_micros);
                self.next = Some(Record { sequence, kind, at_micros, payload });
            }
            Step::Event(..) => {}
            Step::Damage { offset, bytes, sequence } => {
                // What was dealt with before it was damaged harms nobody.
                if sequence.is_none_or(|sequence| sequence > self.after) {
                    damages.note(Damage { path: path(), offset, bytes, sequence });
                }
            }
            Step::End if number < end.segment => {
                // The file behind says where this one ends, and may not have been there before.
                let Some((_, mut scanner)) = self.open.take() else { return Ok(()) };
                let limit = self.limit(number, scanner.file(), mark);
                let limit = limit.map_err(|error| Error::Disk(path(), error))?;
                if scanner.offset() < limit {
                    scanner.extend(limit);
                    self.open = Some((number, scanner));
                } else {
                    self.last_number = Some(number);
                }
            }
            Step::End => {}
        }
        Ok(())
    }

    /// Opens the next file that holds something on disk by `mark`. Returns whether there is one.
    fn open_next(&mut self, mark: &Mark, damages: &mut Damages) -> Result<bool, Error> {
        let last = mark.ends.of(self.lane).segment;
        if self.last_number.unwrap_or_default() >= last {
            // Nothing new can be there: the folder is not looked at for each event.
            return Ok(false);
        }
        let folder = self.disk.path("");
        let failed = |error| Error::Disk(folder.clone(), error);
        loop {
            let Some((number, header)) = self.find(mark, damages).map_err(failed)? else {
                self.last_number = Some(last);
                return Ok(false);
            };
            let opened = self.disk.open(&name(self.lane, number)).and_then(|file| {
                let limits = (START, self.limit(number, &*file, mark)?);
                Ok(Scanner::new(file, header.salt, limits, header.first_sequence.saturating_sub(1)))
            });
            match opened {
                Ok(scanner) => {
                    self.open = Some((number, scanner));
                    return Ok(true);
                }
                // Given up a moment ago.
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.last_number = Some(number),
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// The next file to be read: the one behind the last, or at the beginning the last that begins early enough.
    fn find(&mut self, mark: &Mark, damages: &mut Damages) -> io::Result<Option<(u64, Header)>> {
        let last = mark.ends.of(self.lane).segment;
        let numbers = numbers(&*self.disk, self.lane)?.into_iter();
        let read = self.last_number;
        let mut found = None;
        for number in numbers.filter(|number| *number <= last && read.is_none_or(|read| *number > read)) {
            let Some(header) = self.header(number, damages)? else {
                // Gone, or damaged and told: it is not asked again.
                if found.is_none() {
                    self.last_number = Some(number);
                }
                continue;
            };
            if found.is_some() && (read.is_some() || header.first_sequence > self.after) {
                break;
            }
            found = Some((number, header));
        }
        Ok(found)
    }

    fn header(&self, number: u64, damages: &mut Damages) -> io::Result<Option<Header>> {
        let name = name(self.lane, number);
        let file = match self.disk.open(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let header = Header::read(&*file)?;
        if header.is_none() {
            let bytes = file.length()?;
            damages.note(Damage { path: self.disk.path(&name), offset: 0, bytes, sequence: None });
        }
        Ok(header)
    }

    /// How far `file`, of this number, may be read.
    fn limit(&self, number: u64, file: &dyn DiskFile, mark: &Mark) -> io::Result<u64> {
        let end = mark.ends.of(self.lane);
        if number >= end.segment {
            return Ok(end.offset);
        }
        for next in numbers(&*self.disk, self.lane)?.into_iter().filter(|next| *next > number) {
            let Ok(behind) = self.disk.open(&name(self.lane, next)) else { continue };
            if let (true, Some(header)) = (next == number + 1, Header::read(&*behind)?) {
                return Ok(header.previous_end);
            }
            break;
        }
        // The file behind is gone or damaged: this one was cut where it ends.
        file.length()
    }
}

impl Damages {
    fn note(&mut self, damage: Damage) {
        self.count += 1;
        if self.untold.len() < DAMAGES_MAX && !self.untold.contains(&damage) {
            self.untold.push_back(damage);
        }
    }
}
