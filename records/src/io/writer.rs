//! Whoever writes the store: one at a time.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use nix::fcntl::{Flock, FlockArg};

use super::error::Error;
use super::file_writer::FileWriter;
use super::folder::WRITING;
use super::manifest::{Change, Entry, FOLDER as LOG, Manifest};
use super::name::folder;
use super::owner;
use super::place::Place;
use super::schema::{DETAILS, ROWS_OF_GROUP, Stay};
use super::store::Store;
use crate::batch::Batch;

/// Rows of one customer and day that are to be written.
#[derive(Clone, Debug)]
pub struct Part {
    /// Whose rows they are; `None` for nobody's.
    pub customer: Option<String>,
    /// The day in the customer's zone on which they started.
    pub day: Date,
    /// They, with all columns, in any order.
    pub rows: Batch,
}

/// Writes the store. While it is there nobody else does.
#[derive(Debug)]
pub struct Writer {
    pub(super) place: Place,
    pub(super) manifest: Manifest,
    /// Which spool is written; empty in a folder, which has one.
    owner: String,
    /// The number of the change by which this writer began: it is in the names of its files, so that nobody else has them.
    claim: u64,
    files: u64,
    /// Files that could not be read when they were to be compacted.
    pub(super) unreadable: std::collections::HashSet<String>,
    _lock: Flock<File>,
}

impl Writer {
    /// Begins to write in `place` at the moment `now`, microseconds since 1970. What an earlier one left unfinished goes.
    ///
    /// # Errors
    /// Another one writes there, or it cannot be written.
    pub fn open(place: impl Into<Place>, now: i64) -> Result<Self, Error> {
        let place = place.into().resolve()?;
        let root = place.local();
        std::fs::create_dir_all(root).map_err(|error| Error::Place(root.display().to_string(), error))?;
        let lock = lock(root, LOCK, FlockArg::LockExclusiveNonblock)?;
        Self::begin_with(place, lock, now)
    }

    /// The same when it is its turn: whoever writes all the time makes room, and then goes on.
    ///
    /// # Errors
    /// It cannot be written, or a service of another machine writes there.
    pub fn open_in_turn(place: impl Into<Place>, now: i64) -> Result<Self, Error> {
        let place = place.into().resolve()?;
        let turn = lock(place.local(), TURN, FlockArg::LockExclusive)?;
        let lock = lock(place.local(), LOCK, FlockArg::LockExclusive)?;
        drop(turn);
        Self::begin_with(place, lock, now)
    }

    /// Whether another one of this machine waits for its turn to write in `place`: whoever writes all the time lets go then.
    pub fn is_wanted(place: impl Into<Place>) -> bool {
        let place = place.into();
        let root = place.local();
        root.join(TURN).exists() && lock(root, TURN, FlockArg::LockExclusiveNonblock).is_err()
    }

    fn begin_with(place: Place, lock: Flock<File>, now: i64) -> Result<Self, Error> {
        let manifest = Manifest::read(&place)?;
        let owner = owner::own(&place)?;
        if manifest.by != owner && manifest.until > now {
            let until = jiff::Timestamp::from_microsecond(manifest.until).unwrap_or_default();
            return Err(Error::Taken(format!("{} (it has until {until:.0})", place.say(""))));
        }
        let mut writer =
            Self { place, manifest, owner, claim: 0, files: 0, unreadable: Default::default(), _lock: lock };
        let change = writer.change(now);
        writer.manifest.commit(&writer.place, change.clone())?;
        writer.manifest.prove(&writer.place, &change)?;
        writer.claim = writer.manifest.number;
        writer.place.abandon(is_ours).map_err(Error::place(&writer.place.say("")))?;
        writer.sweep(now)?;
        Ok(writer)
    }

    /// A change at `now` of nothing but whose turn it is.
    pub(super) fn change(&self, now: i64) -> Change {
        let until = if self.place.is_shared() { now + TURN_MICROS } else { 0 };
        let (position, aside) = (self.position(), self.manifest.aside);
        Change { at: now, position, aside, by: self.owner.clone(), until, ..Change::default() }
    }

    /// Goes on writing: where other machines could, they are told in time. A folder has a lock.
    ///
    /// # Errors
    /// Another one has begun to write, or it cannot be written.
    pub fn hold(&mut self, now: i64) -> Result<(), Error> {
        if self.place.is_shared() && self.manifest.until < now + TURN_MICROS / 2 {
            let change = self.change(now);
            self.manifest.commit(&self.place, change)?;
            self.manifest.shorten(&self.place, now - GRACE_MICROS)?;
        }
        Ok(())
    }

    /// Ends writing: another machine may begin at once.
    ///
    /// # Errors
    /// It cannot be written: the others wait some minutes.
    pub fn release(mut self, now: i64) -> Result<(), Error> {
        if !self.place.is_shared() {
            return Ok(());
        }
        let change = Change { until: now, ..self.change(now) };
        self.manifest.commit(&self.place, change)
    }

    /// The last event of the spool whose row is in a file.
    pub fn position(&self) -> u64 {
        self.manifest.position_of(&self.owner)
    }

    /// What can be read now.
    pub fn store(&self) -> Store {
        Store { place: self.place.clone(), manifest: Arc::new(self.manifest.clone()) }
    }

    /// Writes `parts`, all or none: when it returns, they and everything of the spool up to `position` are there for good.
    /// `aside` lines of it were no rows.
    ///
    /// # Errors
    /// They are not there, or nobody knows: open it anew.
    pub fn append(&mut self, parts: Vec<Part>, now: i64, (position, aside): (u64, u64)) -> Result<(), Error> {
        let mut add = Vec::with_capacity(parts.len());
        for mut part in parts {
            part.rows.sort();
            if !part.rows.is_empty() {
                add.push(self.write_part(part)?);
            }
        }
        let aside = self.manifest.aside + aside;
        let change = Change { position, aside, add, ..self.change(now) };
        self.manifest.commit(&self.place, change)?;
        self.manifest.shorten(&self.place, now - GRACE_MICROS)
    }

    fn write_part(&mut self, part: Part) -> Result<Entry, Error> {
        // Those of less than a row group are made into one with others.
        let stay = if part.rows.len() < ROWS_OF_GROUP { Stay::Short } else { Stay::Long };
        let mut file = self.begin((part.customer, part.day), &part.rows, stay)?;
        file.write(&part.rows)?;
        file.finish()
    }

    /// Begins a file of rows like those of `sample`.
    pub(super) fn begin(
        &mut self,
        (customer, day): (Option<String>, Date),
        sample: &Batch,
        stay: Stay,
    ) -> Result<Begun, Error> {
        let name = self.next_name(customer.as_deref(), day);
        let said = self.place.say(&name);
        let sink = self.place.create(&name).map_err(|error| Error::Place(said.clone(), error))?;
        let mut words = vec![("ringwall.day".to_owned(), day.to_string())];
        words.extend(customer.clone().map(|customer| ("ringwall.customer".to_owned(), customer)));
        let to = FileWriter::new(sink, sample, words, stay).map_err(Error::damaged(&said))?;
        let details = sample.columns.has_all(DETAILS);
        Ok(Begun { to, name, said, customer, day, details })
    }

    pub(super) fn next_name(&mut self, customer: Option<&str>, day: Date) -> String {
        self.files += 1;
        format!("{}/day={day}/{:08}-{:06}.parquet", folder(customer), self.claim, self.files)
    }

    /// Removes files that count no more and that nobody can still be reading, and those that never counted.
    ///
    /// # Errors
    /// One cannot be removed.
    pub fn sweep(&mut self, now: i64) -> Result<u64, Error> {
        let recent = now - GRACE_MICROS;
        self.manifest.retired.retain(|(_, at)| *at >= recent);
        let mut known: std::collections::HashSet<&str> =
            self.manifest.entries().map(|entry| entry.file.as_str()).collect();
        known.extend(self.manifest.retired.iter().map(|(file, _)| file.as_str()));
        let mut swept = 0;
        let all = self.place.list("", None).map_err(Error::place(&self.place.say("")))?;
        // Whoever begins to write says so before its first file: as long as nobody has, all that was listed is known or is
        // of no use. Who has lost its turn does not know what counts.
        if self.place.is_shared() && Manifest::read(&self.place)?.number != self.manifest.number {
            return Err(Error::Taken(self.place.say("")));
        }
        for listed in all {
            if is_ours(&listed) && !known.contains(listed.as_str()) {
                self.place.remove(&listed).map_err(Error::place(&self.place.say(&listed)))?;
                self.place.tidy(&listed);
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// A file that is being written.
pub(super) struct Begun {
    to: FileWriter<super::place::Sink>,
    name: String,
    said: String,
    customer: Option<String>,
    day: Date,
    details: bool,
}

impl Begun {
    pub(super) fn write(&mut self, rows: &Batch) -> Result<(), Error> {
        self.to.write(rows).map_err(Error::damaged(&self.said))
    }

    pub(super) fn finish(self) -> Result<Entry, Error> {
        let (sink, written) = self.to.finish().map_err(Error::damaged(&self.said))?;
        let (bytes, crc32) = sink.finish().map_err(|error| Error::Place(self.said, error))?;
        Ok(Entry {
            file: self.name,
            customer: self.customer,
            day: self.day,
            rows: written.rows,
            bytes,
            crc32,
            first: written.first,
            last: written.last,
            details: self.details,
        })
    }
}

fn lock(root: &Path, name: &str, how: FlockArg) -> Result<Flock<File>, Error> {
    let said = || root.display().to_string();
    let file = File::options().create(true).append(true).open(root.join(name));
    let file = file.map_err(|error| Error::Place(said(), error))?;
    Flock::lock(file, how).map_err(|_| Error::Taken(said()))
}

/// Whether `name` is that of a file that only a writer makes, finished or not. Whatever else lies there is left alone.
fn is_ours(name: &str) -> bool {
    if name.strip_prefix(LOG).is_some_and(|name| name.starts_with('/') && name.ends_with(WRITING)) {
        return true;
    }
    let name = name.strip_suffix(WRITING).unwrap_or(name);
    let mut parts = name.split('/');
    let (Some(customer), Some(day), Some(file), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let is_number =
        |text: &str, digits| text.len() >= digits && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = file.strip_suffix(".parquet").and_then(|name| name.split_once('-'));
    customer.starts_with("customer=")
        && day.starts_with("day=")
        && numbers.is_some_and(|(claim, count)| is_number(claim, 8) && is_number(count, 6))
}

/// Held by whoever writes.
const LOCK: &str = "lock";
/// Held by whoever waits for that.
const TURN: &str = "turn";
/// So long a bucket is left to whoever wrote there last.
const TURN_MICROS: i64 = 5 * 60 * 1_000_000;
/// How long a file that counts no more is kept for who began to read before.
pub(super) const GRACE_MICROS: i64 = 10 * 60 * 1_000_000;
