//! Call records from the spool go into the store, on a thread of their own: calls are judged whatever happens here.
//!
//! The store keeps with its files how far the spool is in them, so that nothing is lost and nothing is there twice whatever
//! dies when; what is acknowledged to the spool only lets it forget.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use collector::judge::{Count, Counters};
use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use records::Call;
use records::io::{Error, Intake, Keep, Place, Writer};
use reporter::Privacy;
use reporter::metrics::Shelf;
use rules::Timestamp;
use spool::{Kind, Reader};

use super::config::{self, Config};
use super::mail::Customers;
use super::presence::Watch;
use crate::outcome::Failure;
use crate::report::SUMMARIES;

/// The name under which the spool keeps what is not yet in the store.
pub(super) const CONSUMER: &str = "records";
/// The store's folder under `--data`.
pub(crate) const FOLDER: &str = "records";

/// The thread that writes the store.
pub(super) struct Archive {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

struct Worker {
    folder: PathBuf,
    keys: config::Records,
    privacy: Privacy,
    reader: Reader,
    customers: Customers,
    stop: Arc<AtomicBool>,
    counters: Arc<Counters>,
    /// Whether the last attempt failed: it is said once.
    is_failing: bool,
    /// When the store was last tidied.
    tidied: Option<Instant>,
    /// When what waits was begun.
    since: Option<Instant>,
    watch: Watch,
}

impl Archive {
    /// Starts it, if the configuration wants a store.
    pub(super) fn start(
        config: &Config,
        customers: Customers,
        counters: Arc<Counters>,
    ) -> Result<Option<Self>, Failure> {
        if !config.records.store {
            return Ok(None);
        }
        let folder = config.data.join(FOLDER);
        let remote = config.records.bucket.remote();
        let is_left =
            Place::settle(&folder, remote.as_ref()).map_err(|error| Failure::Usage(error.to_string()))?;
        if is_left {
            eprintln!(
                "ringwall: call records of before are in {}, and are not read there any more; docs/records.md says how they \
                 come into the bucket",
                folder.display()
            );
        }
        let spool = config.data.join(super::records::FOLDER);
        let mut reader = Reader::open(&spool, CONSUMER).map_err(|error| Failure::Usage(error.to_string()))?;
        reader.only(&[Kind::CALL]);
        let stop = Arc::new(AtomicBool::new(false));
        let watch = Watch::begin(&config.data, &counters, Timestamp(micros()));
        let worker = Worker {
            folder,
            keys: config.records.clone(),
            privacy: config.privacy.rules(),
            reader,
            customers,
            stop: Arc::clone(&stop),
            counters,
            is_failing: false,
            tidied: None,
            since: None,
            watch,
        };
        let thread = std::thread::Builder::new().name("archive".to_owned()).spawn(move || worker.run());
        Ok(Some(Self { stop, thread: thread.map_err(Failure::Output)? }))
    }

    /// Puts what is in the spool into the store, and ends.
    pub(super) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        // One that died has said why.
        let _ = self.thread.join();
    }
}

impl Worker {
    fn run(mut self) {
        let mut open = None;
        loop {
            // Before looking: what came before it was asked to stop is still taken.
            let is_last = self.stop.load(Ordering::Relaxed);
            // What is broken inside is begun anew where the store is, as after a crash.
            let worked = catch_unwind(AssertUnwindSafe(|| self.work(&mut open, is_last)));
            match worked {
                Ok(Ok(())) => self.is_failing = false,
                Ok(Err(error)) => {
                    open = None;
                    self.fail(&error);
                }
                Err(_) => {
                    open = None;
                    self.counters.add(Count::FaultRecords);
                    self.is_failing = true;
                }
            }
            self.watch.beat(&self.counters, Timestamp(micros()), is_last);
            if is_last {
                return;
            }
            std::thread::park_timeout(if self.is_failing { RETRY } else { PAUSE });
        }
    }

    /// Takes what the spool has, and writes it when its time has come.
    fn work(&mut self, open: &mut Option<(Writer, Intake)>, is_last: bool) -> Result<(), String> {
        if Writer::is_wanted(&self.folder) {
            // What waits in memory is read again.
            *open = None;
            return Ok(());
        }
        let (writer, intake) = match open {
            Some(open) => open,
            None => open.insert((self.open()?, Intake::default())),
        };
        let zones = Zones::new(&self.customers);
        loop {
            let more = self.take(intake, &zones)?;
            if intake.is_empty() {
                self.since = None;
            } else {
                self.since.get_or_insert_with(now);
            }
            let waited = self.since.map_or(Duration::ZERO, |since| now().saturating_duration_since(since));
            let is_due = waited >= Duration::from_secs(u64::from(self.keys.store_seconds));
            if !intake.is_empty() && (is_last || is_due || intake.is_full()) {
                let position = self.reader.passed();
                let (rows, aside) =
                    intake.write(writer, micros(), position).map_err(|error| error.to_string())?;
                self.counters.add_many(Count::RecordsStored, rows);
                self.counters.add_many(Count::RecordsAside, aside);
                self.since = None;
                // What it keeps too long it keeps for nothing; the number that counts is in the store.
                let _ = self.reader.acknowledge(position);
                self.compact(writer, |_| Date::MIN)?;
            } else if intake.is_empty() && self.reader.passed() > self.reader.acknowledged() {
                let _ = self.reader.acknowledge(self.reader.passed());
            }
            if !more {
                break;
            }
        }
        if is_last {
            if let Some((writer, _)) = open.take() {
                writer.release(micros()).map_err(|error| error.to_string())?;
            }
            return Ok(());
        }
        writer.hold(micros()).map_err(|error| error.to_string())?;
        if self.tidied.is_none_or(|at| now().saturating_duration_since(at) >= TIDY_EVERY) {
            self.tidied = Some(now());
            self.tidy(writer, &zones)?;
        }
        Ok(())
    }

    /// Opens the store, and goes on in the spool where the store ends.
    fn open(&mut self) -> Result<Writer, String> {
        self.since = None;
        let mut writer = Writer::open(&self.folder, micros()).map_err(|error| error.to_string())?;
        let committed = self.reader.committed().map_err(|error| error.to_string())?;
        let position = writer.position();
        if position > committed {
            eprintln!(
                "ringwall: the store of call records knows the spool up to event {position}, and it ends at {committed}: it \
                 began anew, and all of it is taken"
            );
            writer.append(Vec::new(), micros(), (0, 0)).map_err(|error| error.to_string())?;
        }
        self.reader.seek(writer.position());
        Ok(writer)
    }

    /// Takes some records. Returns whether there may be more.
    fn take(&mut self, intake: &mut Intake, zones: &Zones) -> Result<bool, String> {
        for _ in 0..RECORDS_AT_ONCE {
            let Some(record) = self.reader.next().map_err(|error| error.to_string())? else {
                return Ok(false);
            };
            match Call::of_line(&record.payload) {
                Ok(call) => intake.take(&call, zones.get(call.customer.as_deref())),
                Err(wrong) => {
                    intake.set_aside();
                    eprintln!(
                        "ringwall: event {} of the spool is no call record that this version reads, and is left out of the \
                         store: {}",
                        record.sequence,
                        reporter::printable(&wrong.to_string())
                    );
                }
            }
            if intake.is_full() {
                break;
            }
        }
        while let Some(damage) = self.reader.poll_damage() {
            eprintln!("ringwall: {damage}");
        }
        Ok(true)
    }

    /// Makes days that are over into one file each, and forgets what is too old.
    fn tidy(&self, writer: &mut Writer, zones: &Zones) -> Result<(), String> {
        let moment = jiff::Timestamp::now();
        // Calls that began before midnight end after it.
        let closed = moment.saturating_sub(Span::new().hours(CLOSED_AFTER_HOURS)).unwrap_or(moment);
        let today = |zone: &TimeZone| moment.to_zoned(zone.clone()).date();
        let since = RefCell::new(Vec::new());
        let keep = |customer: Option<&str>| {
            let kept = self.privacy.of(customer.unwrap_or_default()).kept_since(today(zones.get(customer)));
            since.borrow_mut().extend(kept.rows.map(|rows| (customer.map(str::to_owned), rows)));
            Keep { rows_since: kept.rows, details_since: kept.details }
        };
        let forgotten = writer.forget(keep, micros()).map_err(|error| error.to_string())?;
        self.counters.add_many(Count::RecordsForgotten, forgotten.rows);
        self.forget_summaries(since.into_inner());
        self.compact(writer, |customer| closed.to_zoned(zones.get(customer).clone()).date())?;
        writer.sweep(micros()).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// What was counted of days whose rows are gone goes with them.
    fn forget_summaries(&self, since: Vec<(Option<String>, Date)>) {
        let folder = self.folder.with_file_name(SUMMARIES);
        let shelf = Shelf::new(&folder);
        for (customer, day) in since {
            if let Err(error) = shelf.forget_before(customer.as_deref(), day) {
                self.counters.add(Count::RecordsFailed);
                eprintln!(
                    "ringwall: {}: what was counted of old days is still there: {error}",
                    folder.display()
                );
            }
        }
    }

    fn compact(
        &self,
        writer: &mut Writer,
        closed_before: impl Fn(Option<&str>) -> Date,
    ) -> Result<(), String> {
        match writer.compact(closed_before, micros(), ROWS_AT_ONCE) {
            // Its rows stay where they are, and others are written all the same.
            Err(error @ (Error::Damaged(..) | Error::Replaced(_))) => {
                self.counters.add(Count::RecordsFailed);
                eprintln!("ringwall: {error}");
                Ok(())
            }
            done => done.map(drop).map_err(|error| error.to_string()),
        }
    }

    fn fail(&mut self, error: &str) {
        self.counters.add(Count::RecordsFailed);
        if !std::mem::replace(&mut self.is_failing, true) {
            eprintln!("ringwall: call records wait in the spool: {error}; calls are judged all the same");
        }
    }
}

/// In which zone each customer counts days; UTC for whoever has no policy.
struct Zones {
    known: HashMap<String, TimeZone>,
    utc: TimeZone,
}

impl Zones {
    fn new(customers: &Customers) -> Self {
        let customers = Arc::clone(&customers.lock().unwrap_or_else(PoisonError::into_inner));
        let zone = |customer: &rules::policy::Customer| (customer.name.clone(), customer.time_zone.clone());
        Self { known: customers.iter().map(zone).collect(), utc: TimeZone::UTC }
    }

    fn get(&self, customer: Option<&str>) -> &TimeZone {
        customer.and_then(|customer| self.known.get(customer)).unwrap_or(&self.utc)
    }
}

fn micros() -> i64 {
    crate::policies::now().0
}

#[allow(clippy::disallowed_methods, reason = "how long something has waited is no time of a call")]
fn now() -> Instant {
    Instant::now()
}

/// Records between two looks at how long the first has waited.
const RECORDS_AT_ONCE: usize = 10_000;
/// Rows that are written anew before new ones are looked at again.
const ROWS_AT_ONCE: u64 = 2_000_000;
/// How often the spool is looked at.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a store that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often days are made into one file, and what is too old is forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(3_600);
/// So long after midnight hardly a call is up that began before it.
const CLOSED_AFTER_HOURS: i64 = 6;
