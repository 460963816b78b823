//! Which files count, and up to where the spool is in them: a log of numbered changes, each a file that is made whole or not
//! at all, and now and then all of it in one.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::place::Place;

/// One file of rows of one customer and day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name under the store's folder.
    pub file: String,
    /// Whose rows they are; `None` for nobody's.
    pub customer: Option<String>,
    /// The day in the customer's zone on which they started.
    #[serde(with = "day")]
    pub day: Date,
    /// Rows.
    pub rows: u64,
    /// How long it is.
    pub bytes: u64,
    /// CRC-32 of all of it.
    pub crc32: u32,
    /// Start of its first row, microseconds since 1970.
    pub first: i64,
    /// Start of its last row.
    pub last: i64,
    /// Whether columns of detail are in it; they are dropped some days later.
    pub details: bool,
}

/// One step from the files that counted to those that count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// When, microseconds since 1970.
    pub(super) at: i64,
    /// The last event of the spool whose row is in a file.
    pub(super) position: u64,
    /// Lines of the spool that were no rows, all in all.
    pub(super) aside: u64,
    /// Whose turn it is to write where several machines could; empty in a folder, where a lock says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) by: String,
    /// Until when nobody else begins, microseconds since 1970.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) until: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) add: Vec<Entry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) remove: Vec<String>,
}

/// All that counts at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Manifest {
    /// The number of the last change.
    pub(super) number: u64,
    /// The last event of the spool of whoever writes.
    position: u64,
    pub(super) aside: u64,
    /// Whose turn it is to write, and until when nobody else begins.
    pub(super) by: String,
    pub(super) until: i64,
    /// The last events of spools of those that wrote before.
    others: BTreeMap<String, u64>,
    pub(super) files: BTreeMap<Option<String>, BTreeMap<Date, Vec<Arc<Entry>>>>,
    /// Files that count no more, and since when: who began to read before may still need them.
    pub(super) retired: Vec<(String, i64)>,
    /// Changes since all of it was in one.
    pub(super) changes: u64,
}

/// All of it in one.
#[derive(Serialize, Deserialize)]
struct Whole {
    position: u64,
    aside: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    by: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    until: i64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    others: BTreeMap<String, u64>,
    files: Vec<Entry>,
    retired: Vec<(String, i64)>,
}

impl Manifest {
    /// Reads it; one that is not there is empty. What of it is known already is not read again.
    pub(super) fn read(place: &Place) -> Result<Self, Error> {
        let mut known = place.known().unwrap_or_default();
        let mut attempts = 0;
        loop {
            match Self::clone(&known).go_on(place) {
                // Whoever writes has put all in one meanwhile.
                Err(Error::Replaced(_)) if attempts < ATTEMPTS => attempts += 1,
                done => {
                    let manifest = done?;
                    place.know(&manifest);
                    return Ok(manifest);
                }
            }
            known = Arc::default();
        }
    }

    /// With what came since.
    fn go_on(mut self, place: &Place) -> Result<Self, Error> {
        let after = (self.number > 0).then(|| name(self.number, false));
        let listed = place.list(FOLDER, after.as_deref()).map_err(Error::place(&place.say(FOLDER)))?;
        let mut whole = 0;
        let mut last = 0;
        for name in &listed {
            match numbered(name) {
                Some((number, true)) => whole = whole.max(number),
                Some((number, false)) => last = last.max(number),
                None => {}
            }
        }
        let has_next = listed.contains(&name(self.number + 1, false));
        if whole > self.number && (self.number == 0 || !has_next) {
            self = Self { number: whole, ..Self::default() };
            self.take_whole(parse(place, &name(whole, true))?);
        }
        while self.number < last {
            let name = name(self.number + 1, false);
            let change: Change = parse(place, &name)?;
            self.apply(change);
        }
        Ok(self)
    }

    /// The last event of the spool of `owner` whose row is in a file.
    pub(super) fn position_of(&self, owner: &str) -> u64 {
        match self.others.get(owner) {
            _ if self.by == owner => self.position,
            Some(position) => *position,
            // A folder was copied into a bucket: its service goes on there.
            None if self.by.is_empty() => self.position,
            None => 0,
        }
    }

    /// All files that count.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.files.values().flat_map(BTreeMap::values).flatten()
    }

    /// Makes `change` the next one, for good. On an error nobody knows whether it is: read it anew.
    pub(super) fn commit(&mut self, place: &Place, change: Change) -> Result<(), Error> {
        let name = self.next();
        let content = serde_json::to_vec(&change).map_err(|error| said(place, &name, &error))?;
        match place.put_new(&name, &content) {
            Ok(true) => {
                self.apply(change);
                place.know(self);
            }
            Ok(false) => return Err(Error::Taken(place.say(&name))),
            Err(error) => return Err(Error::Place(place.say(&name), error)),
        }
        Ok(())
    }

    fn next(&self) -> String {
        name(self.number + 1, false)
    }

    /// Makes sure that whoever comes second with a change loses: `change` was the last one.
    pub(super) fn prove(&self, place: &Place, change: &Change) -> Result<(), Error> {
        let name = name(self.number, false);
        let content = serde_json::to_vec(change).map_err(|error| said(place, &name, &error))?;
        place.prove(&name, &content).map_err(Error::place(&place.say(&name)))
    }

    /// Puts all of it in one, if it has become long, and forgets files that were retired before `since`.
    pub(super) fn shorten(&mut self, place: &Place, since: i64) -> Result<(), Error> {
        if self.changes < CHANGES_MAX.max(self.entries().count() as u64 / ENTRIES_PER_CHANGE) {
            return Ok(());
        }
        self.retired.retain(|(_, at)| *at >= since);
        let name = name(self.number, true);
        let files = self.entries().map(|entry| Entry::clone(entry)).collect();
        let whole = Whole {
            position: self.position,
            aside: self.aside,
            by: self.by.clone(),
            until: self.until,
            others: self.others.clone(),
            files,
            retired: self.retired.clone(),
        };
        let content = serde_json::to_vec(&whole).map_err(|error| said(place, &name, &error))?;
        place.put(&name, &content).map_err(Error::place(&place.say(&name)))?;
        self.changes = 0;
        for listed in place.list(FOLDER, None).map_err(Error::place(&place.say(FOLDER)))? {
            let is_past = match numbered(&listed) {
                Some((number, true)) => number < self.number,
                Some((number, false)) => number <= self.number,
                None => false,
            };
            if is_past {
                place.remove(&listed).map_err(Error::place(&place.say(&listed)))?;
            }
        }
        Ok(())
    }

    fn take_whole(&mut self, whole: Whole) {
        self.position = whole.position;
        self.aside = whole.aside;
        self.by = whole.by;
        self.until = whole.until;
        self.others = whole.others;
        self.retired = whole.retired;
        whole.files.into_iter().for_each(|entry| self.add(entry));
    }

    fn apply(&mut self, change: Change) {
        self.number += 1;
        self.changes += 1;
        if self.by != change.by {
            self.others.insert(std::mem::replace(&mut self.by, change.by), self.position);
        }
        self.until = change.until;
        self.position = change.position;
        self.aside = change.aside;
        if !change.remove.is_empty() {
            for days in self.files.values_mut() {
                for files in days.values_mut() {
                    files.retain(|entry| !change.remove.contains(&entry.file));
                }
                days.retain(|_, files| !files.is_empty());
            }
            self.files.retain(|_, days| !days.is_empty());
            self.retired.extend(change.remove.into_iter().map(|file| (file, change.at)));
        }
        change.add.into_iter().for_each(|entry| self.add(entry));
    }

    fn add(&mut self, entry: Entry) {
        let days = self.files.entry(entry.customer.clone()).or_default();
        days.entry(entry.day).or_default().push(Arc::new(entry));
    }
}

fn parse<T: for<'a> Deserialize<'a>>(place: &Place, name: &str) -> Result<T, Error> {
    let content = place.read(name).map_err(Error::place(&place.say(name)))?;
    serde_json::from_slice(&content).map_err(|error| said(place, name, &error))
}

fn said(place: &Place, name: &str, error: &serde_json::Error) -> Error {
    Error::Manifest(place.say(name), error.to_string())
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn name(number: u64, is_whole: bool) -> String {
    format!("{FOLDER}/{number:012}{}", if is_whole { WHOLE } else { CHANGE })
}

/// The number of a file of the log, and whether it is all of it in one.
fn numbered(name: &str) -> Option<(u64, bool)> {
    let name = name.strip_prefix(FOLDER)?.strip_prefix('/')?;
    let (digits, is_whole) = match name.strip_suffix(WHOLE) {
        Some(digits) => (digits, true),
        None => (name.strip_suffix(CHANGE)?, false),
    };
    let is_number = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten().map(|number| (number, is_whole))
}

mod day {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(day: &Date, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(day)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Date, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// Where the log is.
pub(super) const FOLDER: &str = "log";
const WHOLE: &str = ".all.json";
const CHANGE: &str = ".json";
/// After so many changes all is put in one; with very many files after more.
const CHANGES_MAX: u64 = 128;
const ENTRIES_PER_CHANGE: u64 = 64;
const ATTEMPTS: u32 = 10;
