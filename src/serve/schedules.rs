//! Reports that run by themselves, on a thread of their own: one run at a time, under a lease that is renewed while it is made.
//! The same thread hands out what links lead to, and lets go of what was kept long enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use cases::Service;
use cases::io::store::{Done, Error, Office, Store, Taken};
use cases::schedule::{Make, NotMade, RunState, Sight};
use collector::judge::{Count, Counters};
use console::Download;
use reporter::Privacy;
use rules::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::config::{Cases, Config};
use super::watched::Watched;
use crate::outcome::Failure;
use crate::policies;

/// The thread that runs schedules.
pub(super) struct Schedules {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Where those who follow links are sent to.
pub(super) type Fetches = mpsc::Sender<(String, oneshot::Sender<Option<Download>>)>;

struct Worker {
    place: String,
    service: Service,
    office: Office,
    make: Arc<Make>,
    /// A name that no other process has.
    owner: String,
    runs: bool,
    lease_micros: i64,
    privacy: Arc<Privacy>,
    forgotten_at: Timestamp,
    stop: Arc<AtomicBool>,
    counters: Arc<Counters>,
    watched: Watched,
    measured_at: Timestamp,
}

impl Schedules {
    /// Starts it, if the configuration wants cases. `make` makes reports.
    pub(super) fn start(
        config: &Config,
        (counters, watched): (Arc<Counters>, Watched),
        make: Arc<Make>,
        fetches: mpsc::Receiver<(String, oneshot::Sender<Option<Download>>)>,
    ) -> Result<Option<Self>, Failure> {
        if !config.cases.on {
            return Ok(None);
        }
        let cases = Cases::new(config);
        let stop = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            place: cases.place(),
            service: cases.service()?,
            office: config.mail.office(),
            make,
            owner: owner(),
            runs: config.reports.on,
            lease_micros: i64::from(config.reports.lease_seconds) * 1_000_000,
            privacy: Arc::new(config.privacy.rules()),
            forgotten_at: Timestamp(i64::MIN / 2),
            stop: Arc::clone(&stop),
            counters,
            watched,
            measured_at: Timestamp(i64::MIN / 2),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(Failure::Output)?;
        let work = move || {
            runtime.block_on(worker.run(fetches));
            // A report that is being made is not waited for: its lease ends, and it is made again.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("schedules".to_owned()).spawn(work);
        Ok(Some(Self { stop, thread: thread.map_err(Failure::Output)? }))
    }

    /// Begins no more, and ends.
    pub(super) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        // One that died has said why.
        let _ = self.thread.join();
    }
}

impl Worker {
    async fn run(mut self, mut fetches: mpsc::Receiver<(String, oneshot::Sender<Option<Download>>)>) {
        let mut open: Option<Store> = None;
        let mut making: Option<tokio::task::JoinHandle<Result<(), Error>>> = None;
        // What stands in the way is said once.
        let mut is_said = false;
        while !self.stop.load(Ordering::Relaxed) {
            match self.work(&mut open, &mut making).await {
                Ok(()) => is_said = false,
                Err(error) => {
                    open = None;
                    if !std::mem::replace(&mut is_said, true) {
                        eprintln!("ringwall: reports wait: {error}; calls are judged all the same");
                    }
                }
            }
            let pause = tokio::time::sleep(PAUSE);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    Some((secret, tell)) = fetches.recv() => {
                        // Whoever asked may have gone away.
                        let _ = tell.send(self.fetch(&open, &secret).await);
                    }
                }
            }
        }
        if let Some(making) = making {
            let _ = tokio::time::timeout(GOODBYE, making).await;
        }
        if let Some(store) = open {
            store.close().await;
        }
    }

    async fn work(
        &mut self,
        open: &mut Option<Store>,
        making: &mut Option<tokio::task::JoinHandle<Result<(), Error>>>,
    ) -> Result<(), Error> {
        if open.is_none() {
            *open = Some(Store::open(&self.place).await?);
        }
        let Some(store) = open else { return Ok(()) };
        let now = policies::now();
        if now.micros_since(self.forgotten_at) >= HOUR_MICROS {
            self.forgotten_at = now;
            for customer in store.desk().customers_with_reports().await? {
                let days = self.privacy.of(&customer).reports_days;
                store.desk().forget_reports(&customer, days, now).await?;
            }
        }
        if now.micros_since(self.measured_at) >= MEASURED_MICROS {
            self.measured_at = now;
            self.watched.take(&store.desk().figures(now).await?, now);
        }
        if !self.runs {
            return Ok(());
        }
        if let Some(ended) = making.take_if(|making| making.is_finished()) {
            ended.await.map_err(|error| Error::Refused(error.to_string()))??;
        }
        if making.is_some() {
            // What else is due is planned, and what is late is told, however long this one takes.
            let done = Done { who: "ringwall", now, service: &self.service };
            store.desk().tend_runs(&self.office, done).await?;
        } else if let Some(taken) = self.take(store).await? {
            let making_it = Making {
                store: store.clone(),
                service: self.service.clone(),
                office: self.office.clone(),
                make: Arc::clone(&self.make),
                privacy: Arc::clone(&self.privacy),
                lease_micros: self.lease_micros,
                counters: Arc::clone(&self.counters),
            };
            *making = Some(tokio::spawn(making_it.finish(taken)));
        }
        Ok(())
    }

    async fn take(&self, store: &Store) -> Result<Option<Taken>, Error> {
        let done = Done { who: "ringwall", now: policies::now(), service: &self.service };
        store.desk().take_run((&self.owner, self.lease_micros), &self.office, done).await
    }

    async fn fetch(&self, open: &Option<Store>, secret: &str) -> Option<Download> {
        let done = Done { who: "ringwall", now: policies::now(), service: &self.service };
        let fetched = open.as_ref()?.desk().fetch_report(secret, done).await.ok()??;
        self.counters.add(Count::ReportFetched);
        Some(Download { name: fetched.name, media_type: fetched.media_type, bytes: fetched.bytes })
    }
}

/// One run that is being made.
struct Making {
    store: Store,
    service: Service,
    office: Office,
    make: Arc<Make>,
    privacy: Arc<Privacy>,
    lease_micros: i64,
    counters: Arc<Counters>,
}

impl Making {
    async fn finish(self, taken: Taken) -> Result<(), Error> {
        let sight = self.sight(&taken).await?;
        let order = taken.schedule.order(&taken.run, sight);
        let make = Arc::clone(&self.make);
        let mut making = tokio::task::spawn_blocking(move || make(&order));
        let begun = policies::now();
        let renewal = Duration::from_micros(u64::try_from(self.lease_micros / 3).unwrap_or_default());
        let came = loop {
            tokio::select! {
                came = &mut making => break came,
                () = tokio::time::sleep(renewal) => {
                    if policies::now().micros_since(begun) > MAKING_MICROS_MAX {
                        // Its lease ends, and it is begun again, or given up.
                        eprintln!("ringwall: {} takes longer than an hour, and is left", taken.run.id);
                        return Ok(());
                    }
                    let until = policies::now().plus_micros(self.lease_micros);
                    // A database that does not answer now may answer before the lease is over.
                    if let Ok(false) = self.store.desk().renew_lease(&taken, until).await {
                        eprintln!("ringwall: {} was taken over by another service", taken.run.id);
                        return Ok(());
                    }
                }
            }
        };
        // What panicked while it was made may panic again: it is tried as often as any.
        let came = came.unwrap_or_else(|error| {
            Err(NotMade { is_final: false, why: format!("something failed inside: {error}") })
        });
        let done = Done { who: "ringwall", now: policies::now(), service: &self.service };
        let Some(run) = self.store.desk().settle_run(&taken, &came, &self.office, done).await? else {
            return Ok(());
        };
        self.counters.add(match run.state {
            RunState::Done => Count::ReportMade,
            RunState::Empty => Count::ReportEmpty,
            RunState::Failed => Count::ReportFailed,
            RunState::Waiting | RunState::Running | RunState::Missed => Count::ReportRetried,
        });
        if run.state == RunState::Failed {
            let why = run.words.last().map(String::as_str).unwrap_or_default();
            eprintln!("ringwall: the report {} failed: {}", run.id, reporter::printable(why));
        }
        Ok(())
    }

    /// The least that any of its readers may see.
    async fn sight(&self, taken: &Taken) -> Result<Sight, Error> {
        let customer = &taken.schedule.customer;
        let (registration, now) = (self.store.desk().registration(customer).await?, policies::now());
        let rules = self.privacy.of(customer);
        let readers = taken.schedule.readers(&registration, now).allowed;
        let of_reader = |address: &String| rules.sight(&registration.roles_of(address, now));
        Ok(readers.iter().map(of_reader).max().unwrap_or(Sight::Whole))
    }
}

/// The machine, the process, and when this began: no other process has all three.
fn owner() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}/{}/{}", host.trim(), std::process::id(), policies::now().0)
}

/// How often it is looked whether something is due.
const PAUSE: Duration = Duration::from_millis(500);
/// What is being made may take so long at the end; otherwise it is made again.
const GOODBYE: Duration = Duration::from_secs(3);
/// How often the database is counted for who watches.
const MEASURED_MICROS: i64 = 10_000_000;
/// No report takes so long that works.
const MAKING_MICROS_MAX: i64 = HOUR_MICROS;
const HOUR_MICROS: i64 = 3_600_000_000;
