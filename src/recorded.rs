//! Where recorded calls are read from, in the order of their starts.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use records::io::Store;
use records::{Batch, Call, Columns};
use rules::Timestamp;

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

impl Source<'_> {
    /// Hands out batches in the order of starts. Returns how many lines were no call records.
    pub(crate) fn read(&self, wanted: &Wanted<'_>, take: &mut dyn FnMut(&Batch)) -> Result<u64, Failure> {
        let mut calls = Vec::new();
        let mut refused = 0;
        let mut take_line = |line: &[u8]| {
            if line.is_empty() {
                return;
            }
            match Call::from_json(line) {
                Ok(call) if wanted.has(&call) => calls.push(call),
                Ok(_) => {}
                Err(_) => refused += 1,
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
        Ok(refused)
    }
}

impl Wanted<'_> {
    fn has(&self, call: &Call) -> bool {
        call.customer.as_deref() == Some(self.customer) && (self.from..self.to).contains(&call.start)
    }
}

/// Hands out what the store in `folder` has.
fn scan(folder: &Path, wanted: &Wanted<'_>, take: &mut dyn FnMut(&Batch)) -> Result<u64, Failure> {
    let store = Store::open(folder).map_err(said)?;
    for batch in store.scan(Some(wanted.customer), wanted.from..wanted.to, wanted.columns) {
        take(&batch.map_err(said)?);
    }
    Ok(0)
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

/// A day in `zone`, or a moment of RFC 3339.
pub(crate) fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(at.as_microsecond()));
    }
    let day: Option<Date> = text.parse().ok();
    let start = day.and_then(|day| day.to_zoned(zone.clone()).ok());
    let start = start.ok_or_else(|| {
        Failure::Usage(format!("{text:?} is no day (2026-11-01) and no moment of RFC 3339"))
    })?;
    Ok(Timestamp(start.timestamp().as_microsecond()))
}

/// Rows of one batch.
const BATCH_ROWS: usize = 1 << 16;
