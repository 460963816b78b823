//! calls.jsonl and alerts.jsonl: copies of what is in the spool, for people and for tools that read lines.
//!
//! How long the files are is kept together with how far the spool was read. What a crash leaves behind that length was not
//! acknowledged, is cut off, and comes again: no line is lost, and none is there twice.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use collector::faults::{self, Point};
use collector::judge::{Count, Counters};
use spool::{Kind, Reader};

use crate::outcome::Failure;

/// The consumer of this name reads.
pub(super) const CONSUMER: &str = "lines";

/// The files, and where the spool is read.
pub(super) struct Lines {
    reader: Reader,
    calls: Copy,
    alerts: Copy,
    counters: Arc<Counters>,
    is_failing: bool,
}

/// One file.
struct Copy {
    path: PathBuf,
    /// How long it is.
    length: u64,
    /// Lines that are to follow.
    waiting: Vec<u8>,
}

impl Lines {
    /// Goes on in `data` where the last run ended.
    pub(super) fn open(data: &Path, spool: &Path, counters: Arc<Counters>) -> Result<Self, Failure> {
        let mut reader = Reader::open(spool, CONSUMER).map_err(|error| Failure::Usage(error.to_string()))?;
        reader.only(&[Kind::CALL, Kind::ALERT]);
        let (calls, alerts) = kept(reader.note()).unzip();
        let calls = Copy::open(data.join("calls.jsonl"), calls)?;
        let alerts = Copy::open(data.join("alerts.jsonl"), alerts)?;
        let mut lines = Self { reader, calls, alerts, counters, is_failing: false };
        // On a full disk it cannot be kept yet how long they are; calls are judged all the same.
        if let Err(error) = lines.acknowledge(lines.reader.acknowledged()) {
            lines.fail(&io::Error::other(error));
        }
        Ok(lines)
    }

    /// Copies whenever it is woken, until nobody can wake it any more and all is copied.
    pub(super) fn run(self, woken: &Receiver<()>, (data, spool): &(PathBuf, PathBuf)) {
        let mut lines = self;
        // What is broken inside is begun anew where it was acknowledged, as after a crash.
        while catch_unwind(AssertUnwindSafe(|| lines.copy_all(woken))).is_err() {
            lines.counters.add(Count::FaultRecords);
            std::thread::sleep(PAUSE);
            match Self::open(data, spool, Arc::clone(&lines.counters)) {
                Ok(anew) => lines = anew,
                Err(failure) => {
                    lines.fail(&io::Error::other(format!("{failure:?}")));
                }
            }
        }
    }

    fn copy_all(&mut self, woken: &Receiver<()>) {
        loop {
            let is_last = match woken.recv_timeout(LOOK_EVERY) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            loop {
                match self.copy() {
                    Ok(bytes) => {
                        self.is_failing = false;
                        if bytes == 0 {
                            break;
                        }
                    }
                    Err(error) => {
                        self.fail(&error);
                        break;
                    }
                }
            }
            if is_last {
                return;
            }
            // The next ones are copied together.
            std::thread::sleep(PAUSE);
        }
    }

    /// Copies some lines. Returns how many bytes.
    fn copy(&mut self) -> io::Result<usize> {
        faults::strike(Point::Lines);
        if self.is_failing {
            // What failed before is read again.
            self.reader.seek(self.reader.acknowledged());
        }
        self.calls.waiting.clear();
        self.alerts.waiting.clear();
        while self.calls.waiting.len() + self.alerts.waiting.len() < BYTES_AT_ONCE {
            let Some(record) = self.reader.next().map_err(io::Error::other)? else { break };
            let waiting =
                if record.kind == Kind::ALERT { &mut self.alerts.waiting } else { &mut self.calls.waiting };
            waiting.extend_from_slice(&record.payload);
            waiting.push(b'\n');
        }
        while let Some(damage) = self.reader.poll_damage() {
            self.counters.add(Count::SpoolDamaged);
            eprintln!("ringwall: {damage}");
        }
        let bytes = self.calls.waiting.len() + self.alerts.waiting.len();
        if self.reader.passed() > self.reader.acknowledged() {
            self.calls.write()?;
            self.alerts.write()?;
            self.acknowledge(self.reader.passed()).map_err(io::Error::other)?;
        }
        Ok(bytes)
    }

    fn acknowledge(&mut self, sequence: u64) -> Result<(), spool::Error> {
        let note = [self.calls.length.to_le_bytes(), self.alerts.length.to_le_bytes()].concat();
        self.reader.acknowledge_with(sequence, note)
    }

    fn fail(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.is_failing, true) {
            eprintln!(
                "ringwall: calls.jsonl and alerts.jsonl cannot be written: {error}; the spool keeps what is to stand there"
            );
        }
    }
}

impl Copy {
    /// The file at `path`, which was so long when it was written last.
    fn open(path: PathBuf, kept: Option<u64>) -> Result<Self, Failure> {
        let file = options().open(&path).map_err(Failure::file(&path))?;
        let mut length = file.metadata().map_err(Failure::file(&path))?.len();
        if let Some(kept) = kept.filter(|kept| *kept < length) {
            file.set_len(kept).map_err(Failure::file(&path))?;
            length = kept;
        }
        Ok(Self { path, length, waiting: Vec::new() })
    }

    /// Has what waits at the end of the file, on disk. All of it or nothing.
    fn write(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut file = options().open(&self.path)?;
        // Somebody may have moved it away, or cut it, to begin another.
        let before = file.metadata()?.len();
        if before > self.length {
            file.set_len(self.length)?;
        }
        self.length = self.length.min(before);
        let written = file.write_all(&self.waiting).and_then(|()| file.sync_data());
        written.inspect_err(|_| {
            // The error that matters is the first one.
            let _ = file.set_len(self.length);
        })?;
        self.length += self.waiting.len() as u64;
        Ok(())
    }
}

fn options() -> OpenOptions {
    let mut options = File::options();
    options.create(true).append(true);
    options
}

/// Lengths of the files, as they were kept.
fn kept(note: &[u8]) -> Option<(u64, u64)> {
    let (calls, alerts) = note.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*calls), u64::from_le_bytes(alerts.try_into().ok()?)))
}

const BYTES_AT_ONCE: usize = 1 << 20;
const PAUSE: Duration = Duration::from_millis(100);
/// Without being woken it looks so often: what could not be copied before may be now.
const LOOK_EVERY: Duration = Duration::from_secs(1);
