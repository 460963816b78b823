//! Where recorded calls are read from, in the order of their starts.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use records::io::Store;
use records::{Batch, Call, Columns};
use reporter::printable;
use rules::Timestamp;

use crate::customers;
use crate::outcome::Failure;
use crate::serve::RECORDS;

/// Which recorded calls.
pub(crate) struct Wanted<'a> {
    /// Of this customer.
    pub(crate) customer: &'a str,
    /// From this moment.
    pub(crate) from: Timestamp,
    /// Up to this one, exclusive.
    pub(crate) to: Timestamp,
    /// Their columns.
    pub(crate) columns: Columns,
}

/// Where they are.
pub(crate) enum Source<'a> {
    /// Lines of `replay --calls`; `-` is standard input.
    Lines(&'a [PathBuf]),
    /// What a service keeps in its folder.
    Data(&'a Path),
    /// A store, such as `replay --records` writes.
    Store(&'a Path),
}

/// What there was, whether it was wanted or not.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Lines that were no call records.
    pub(crate) refused: u64,
    /// Of whom there was any.
    customers: BTreeSet<String>,
    /// Whether there was one of nobody.
    has_nobodys: bool,
}

impl Source<'_> {
    /// Hands out batches in the order of starts, and tells what there was.
    pub(crate) fn read(&self, wanted: &Wanted<'_>, take: &mut dyn FnMut(&Batch)) -> Result<Seen, Failure> {
        let mut calls = Vec::new();
        let mut seen = Seen::default();
        let mut take_line = |line: &[u8]| {
            if line.is_empty() {
                return;
            }
            let Ok(call) = Call::from_json(line) else {
                seen.refused += 1;
                return;
            };
            seen.take(call.customer.as_deref());
            if wanted.has(&call) {
                calls.push(call);
            }
        };
        match self {
            Self::Lines(paths) => {
                for path in *paths {
                    if path == Path::new("-") {
                        each_line(io::stdin().lock(), path, &mut take_line)?;
                    } else {
                        let file = File::open(path).map_err(Failure::file(path))?;
                        each_line(BufReader::with_capacity(1 << 20, file), path, &mut take_line)?;
                    }
                }
            }
            Self::Store(folder) => return scan(folder, wanted, take),
            Self::Data(data) if data.join(RECORDS).is_dir() => {
                return scan(&data.join(RECORDS), wanted, take);
            }
            // A service of before there was a store.
            Self::Data(data) => {
                let path = data.join("calls.jsonl");
                match File::open(&path) {
                    Ok(file) => each_line(BufReader::with_capacity(1 << 20, file), &path, &mut take_line)?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(Failure::File(path, error)),
                }
            }
        }
        // Lines are written when calls end. Those that began in one moment stay in the order of the file.
        calls.sort_by_key(|call| call.start);
        for calls in calls.chunks(BATCH_ROWS) {
            let mut batch = Batch::new(wanted.columns);
            calls.iter().for_each(|call| batch.push(call));
            take(&batch);
        }
        Ok(seen)
    }

    /// The same for whoever named a place and a customer: that there is nothing at all is an error, and not that nothing happened.
    pub(crate) fn read_named(
        &self,
        wanted: &Wanted<'_>,
        take: &mut dyn FnMut(&Batch),
    ) -> Result<Seen, Failure> {
        match self {
            Self::Store(folder) if !folder.is_dir() => {
                return Err(Failure::Usage(format!("there is no folder {}", folder.display())));
            }
            Self::Data(data) if !data.is_dir() => {
                let data = data.display();
                return Err(Failure::Usage(format!(
                    "there is no folder {data}; --data names that of the service"
                )));
            }
            _ => {}
        }
        let seen = self.read(wanted, take)?;
        seen.check(&self.name(), wanted.customer)?;
        Ok(seen)
    }

    fn name(&self) -> String {
        match self {
            Self::Lines(paths) => {
                let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
                names.join(", ")
            }
            Self::Data(folder) | Self::Store(folder) => folder.display().to_string(),
        }
    }
}

impl Seen {
    fn take(&mut self, customer: Option<&str>) {
        match customer {
            None => self.has_nobodys = true,
            Some(customer) if self.customers.contains(customer) => {}
            Some(customer) => {
                self.customers.insert(customer.to_owned());
            }
        }
    }

    /// Whether there was any of `customer`, at whatever time.
    fn check(&self, place: &str, customer: &str) -> Result<(), Failure> {
        if self.customers.contains(customer) {
            return Ok(());
        }
        let said = if !self.customers.is_empty() {
            let meant = customers::meant(customer, &self.customers);
            format!("no call record is of {}{meant}", printable(customer))
        } else if self.has_nobodys {
            "its call records are of no customer: `ringwall replay --policy` says whose they are".to_owned()
        } else if self.refused > 0 {
            format!("there are no call records: {} lines are none of this version", self.refused)
        } else {
            "there are no call records".to_owned()
        };
        Err(Failure::Usage(format!("{place}: {said}")))
    }
}

impl Wanted<'_> {
    fn has(&self, call: &Call) -> bool {
        call.customer.as_deref() == Some(self.customer) && (self.from..self.to).contains(&call.start)
    }
}

/// Hands out what the store in `folder` has.
fn scan(folder: &Path, wanted: &Wanted<'_>, take: &mut dyn FnMut(&Batch)) -> Result<Seen, Failure> {
    let store = Store::open(folder).map_err(said)?;
    let mut seen = Seen::default();
    store.customers().for_each(|customer| seen.take(customer));
    for batch in store.scan(Some(wanted.customer), wanted.from..wanted.to, wanted.columns) {
        take(&batch.map_err(said)?);
    }
    Ok(seen)
}

fn said(error: records::io::Error) -> Failure {
    Failure::Usage(error.to_string())
}

fn each_line(mut from: impl BufRead, path: &Path, take: &mut dyn FnMut(&[u8])) -> Result<(), Failure> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line).map_err(Failure::file(path))? == 0 {
            return Ok(());
        }
        take(line.trim_ascii());
    }
}

/// A day, in an argument of a command.
pub(crate) fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "this is no day such as 2026-11-01".to_owned())
}

/// A number with its country code, however it is spaced, in an argument of a command: in E.164, with a plus.
pub(crate) fn number(text: &str) -> Result<String, String> {
    let written: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    match written.strip_prefix('+').and_then(|digits| rules::Number::international(digits.as_bytes())) {
        Some(_) => Ok(written),
        None => Err("this is no number with a plus and its country code, such as +12105550142".to_owned()),
    }
}

/// A day in `zone`, or a moment of RFC 3339.
pub(crate) fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(at.as_microsecond()));
    }
    let start = day(text).ok().and_then(|day: Date| day.to_zoned(zone.clone()).ok());
    let start = start.ok_or_else(|| {
        Failure::Usage(format!("{text:?} is no day (2026-11-01) and no moment of RFC 3339"))
    })?;
    Ok(Timestamp(start.timestamp().as_microsecond()))
}

/// Rows of one batch.
const BATCH_ROWS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_numbers_of_arguments_are_read_or_an_example_is_given() {
        assert_eq!(number("+1 303 555 0142").unwrap(), "+13035550142");
        for wrong in ["13035550142", "911", "+", "+1 303 555 O142", "+1-303-555-0142"] {
            assert!(number(wrong).unwrap_err().contains("+12105550142"), "{wrong}");
        }
        assert_eq!(day("2026-11-23").unwrap(), jiff::civil::date(2026, 11, 23));
        assert!(day("23.11.2026").unwrap_err().contains("2026-11-01"));
    }
}
