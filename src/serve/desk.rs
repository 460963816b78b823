//! Alerts from the spool become cases, on a thread of their own: calls are judged whatever happens here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use cases::alert::Storm;
use cases::audit::Head;
use cases::io::store::{Done, Spooled, Store};
use cases::notice::{Settings, anchors};
use cases::{Alert, Service};
use collector::judge::{Count, Counters};
use rules::Timestamp;
use spool::{Kind, Reader};

use super::config::{Cases, Config};
use super::notice_file::NoticeFile;
use crate::audit_heads::{BucketKeeper, Keeper};
use crate::outcome::Failure;
use crate::{desk_key, policies};

/// The name under which the spool keeps what is not yet in cases.
pub(super) const CONSUMER: &str = "cases";

/// The thread that puts alerts into cases.
pub(super) struct Desk {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Raises an alert of the service itself.
pub(super) type Note = Box<dyn Fn(&reporter::Alert) + Send>;

struct Worker {
    place: String,
    service: Service,
    reader: Reader,
    storm: Storm,
    stop: Arc<AtomicBool>,
    counters: Arc<Counters>,
    /// Raises an alert of the service itself.
    note: Note,
    /// Whether the last attempt failed: it is said once.
    is_failing: bool,
    /// When what only the last of is of use was forgotten.
    forgot: Timestamp,
    /// Keeps where audit chains end; `None` without a key that signs.
    heads: Option<Keeper>,
    /// Keeps them in a bucket as well, if there is one.
    bucket: Option<Arc<Mutex<BucketKeeper>>>,
    /// What the bucket is taking.
    sending: Option<tokio::task::JoinHandle<()>>,
    /// Which machines are told of them.
    notices: Arc<NoticeFile>,
}

impl Desk {
    /// Starts it, if the configuration wants cases. A database that does not answer is asked again: the spool keeps what
    /// it has missed.
    pub(super) fn start(
        config: &Config,
        notices: &Arc<NoticeFile>,
        counters: Arc<Counters>,
        note: Note,
    ) -> Result<Option<Self>, Failure> {
        if !config.cases.on {
            return Ok(None);
        }
        let cases = Cases::new(config);
        let folder = config.data.join(super::records::FOLDER);
        let mut reader =
            Reader::open(&folder, CONSUMER).map_err(|error| Failure::Usage(error.to_string()))?;
        reader.only(&[Kind::ALERT]);
        let stop = Arc::new(AtomicBool::new(false));
        let (key, bucket) = (|| desk_key::open_at(&cases.key()).ok(), cases.audit_bucket()?);
        let worker = Worker {
            place: cases.place(),
            service: cases.service()?,
            reader,
            storm: Storm::default(),
            stop: Arc::clone(&stop),
            counters,
            note,
            is_failing: false,
            forgot: Timestamp(i64::MIN),
            // That a key cannot be used was said.
            heads: key().map(|key| Keeper::new(cases.audit_heads(), key)),
            bucket: bucket
                .zip(key())
                .map(|(bucket, key)| Arc::new(Mutex::new(BucketKeeper::new(bucket, key)))),
            sending: None,
            notices: Arc::clone(notices),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
        let work = move || {
            runtime.block_on(worker.run());
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("cases".to_owned()).spawn(work);
        Ok(Some(Self { stop, thread: thread.map_err(Failure::Output)? }))
    }

    /// Puts what is in the spool into cases, and ends.
    pub(super) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        // One that died has said why.
        let _ = self.thread.join();
    }
}

impl Worker {
    async fn run(mut self) {
        let mut store = None;
        loop {
            // Before looking: what came before it was asked to stop is still taken.
            let is_last = self.stop.load(Ordering::Relaxed);
            let mut taken = 0;
            match self.work(&mut store).await {
                Ok(alerts) => {
                    taken = alerts;
                    self.is_failing = false;
                    self.counters.add_many(Count::CasesAlert, alerts as u64);
                }
                Err(error) => {
                    self.counters.add(Count::CasesFailed);
                    if !std::mem::replace(&mut self.is_failing, true) {
                        eprintln!(
                            "ringwall: alerts wait in the spool: {error}; calls are judged all the same"
                        );
                        // It waits with the others, and is a case of its own once there is a database again.
                        (self.note)(&reporter::Alert::of_service("cases-unreachable", policies::now()));
                    }
                    // What was read and not kept is read again.
                    store = None;
                }
            }
            if let Some(store) = &store
                && !is_last
            {
                self.forget(store).await;
            }
            if is_last && (taken == 0 || self.is_failing) {
                if let Some(store) = &store {
                    self.keep_heads(store).await;
                }
                break;
            }
            if taken == 0 {
                tokio::time::sleep(if self.is_failing { RETRY } else { PAUSE }).await;
            }
        }
        if let Some(store) = store {
            store.close().await;
        }
        if let Some(sending) = self.sending.take() {
            // A server that does not answer has it the next time.
            let _ = tokio::time::timeout(FAREWELL, sending).await;
        }
    }

    /// Lets go, once an hour, of what nobody can use any more: changes that nobody follows any longer, sessions that are over,
    /// answers that nobody asks for again. What fails is tried again an hour later.
    async fn forget(&mut self, store: &Store) {
        let now = policies::now();
        if self.forgot.plus_micros(HOUR_MICROS) > now {
            return;
        }
        self.forgot = now;
        let (desk, day_before) = (store.desk(), now.plus_micros(-24 * HOUR_MICROS));
        for forgotten in [
            desk.forget_feed(TURNS_KEPT).await,
            desk.forget_sessions(day_before, now).await,
            desk.forget_answers(day_before).await,
            desk.forget_moves(now).await,
        ] {
            if let Err(error) = forgotten {
                self.counters.add(Count::CasesFailed);
                eprintln!("ringwall: what is over in the database of cases is not forgotten: {error}");
            }
        }
        self.keep_heads(store).await;
    }

    /// Keeps where audit chains end, wherever that goes. What fails in one place keeps it from no other; it is tried again an hour
    /// later, and said.
    async fn keep_heads(&mut self, store: &Store) {
        let Some(keeper) = &mut self.heads else { return };
        let (heads, now) = match store.audit_heads().await {
            Ok(heads) => (heads, policies::now()),
            Err(error) => {
                self.counters.add(Count::CasesFailed);
                eprintln!("ringwall: where the audit ends is not kept: {error}");
                return;
            }
        };
        let in_folder = keeper.keep(&heads, now).map_err(|error| error.to_string());
        let told = tell_machines(keeper, store, &heads, &self.notices.settings(), now).await;
        for (place, kept) in [("", in_folder), (" for machines", told)] {
            if let Err(error) = kept {
                self.counters.add(Count::CasesFailed);
                eprintln!("ringwall: where the audit ends is not kept{place}: {error}");
            }
        }
        self.keep_in_bucket(heads, now);
    }

    /// Begins to keep them in the bucket: alerts do not wait for its server.
    fn keep_in_bucket(&mut self, heads: Vec<(String, Head)>, now: Timestamp) {
        let Some(keeper) = self.bucket.clone() else { return };
        if self.sending.as_ref().is_some_and(|sending| !sending.is_finished()) {
            return;
        }
        let counters = Arc::clone(&self.counters);
        self.sending = Some(tokio::task::spawn_blocking(move || {
            let kept = keeper.lock().unwrap_or_else(PoisonError::into_inner).keep(&heads, now);
            if let Err(error) = kept {
                counters.add(Count::CasesFailed);
                eprintln!("ringwall: where the audit ends is not kept in the bucket: {error}");
            }
        }));
    }

    /// Takes the next alerts. Returns how many there were.
    async fn work(&mut self, open: &mut Option<Store>) -> Result<usize, String> {
        if open.is_none() {
            let store = Store::open(&self.place).await.map_err(|error| error.to_string())?;
            let position = self.position(&store).await?;
            self.reader.seek(position);
            let done = Done { who: "ringwall", now: policies::now(), service: &self.service };
            let changed = store.desk().recompute_clocks(done).await.map_err(|error| error.to_string())?;
            if changed > 0 {
                eprintln!(
                    "ringwall: the hours of the desk or its promises are others: other due times for {}",
                    reporter::counted(changed as u64, "case")
                );
            }
            *open = Some(store);
        }
        let Some(store) = open else { return Ok(0) };
        let mut spooled = Vec::new();
        while spooled.len() < ALERTS_AT_ONCE {
            let Some(record) = self.reader.next().map_err(|error| error.to_string())? else { break };
            let text = String::from_utf8_lossy(&record.payload).into_owned();
            spooled.push(Spooled { sequence: record.sequence, alert: parse(&text), text });
        }
        let Some(position) = spooled.last().map(|last| last.sequence) else { return Ok(0) };
        let done = Done { who: "ringwall", now: policies::now(), service: &self.service };
        let aside = store.desk().take_spooled(&spooled, &mut self.storm, done).await;
        for aside in aside.map_err(|error| error.to_string())? {
            self.counters.add(Count::CasesUnread);
            eprintln!(
                "ringwall: event {} of the spool is an alert that is in no case, and is set aside in the database: {}",
                aside.sequence,
                reporter::printable(&aside.why)
            );
        }
        // What it keeps too long it keeps for nothing; the number that counts is in the database.
        let _ = self.reader.acknowledge(position);
        Ok(spooled.len())
    }

    /// The number up to which the spool is in cases.
    async fn position(&mut self, store: &Store) -> Result<u64, String> {
        let position = store.spool_position().await.map_err(|error| error.to_string())?;
        let committed = self.reader.committed().map_err(|error| error.to_string())?;
        if position <= committed {
            return Ok(position);
        }
        eprintln!(
            "ringwall: cases know the spool up to event {position}, and it ends at {committed}: it began anew, and all of it \
             is taken"
        );
        store.begin_spool_anew().await.map_err(|error| error.to_string())?;
        Ok(0)
    }
}

/// Has those of `heads` that they were not told of yet go to machines that take them, by the ways of notices.
async fn tell_machines(
    keeper: &mut Keeper,
    store: &Store,
    heads: &[(String, Head)],
    settings: &Settings,
    now: Timestamp,
) -> Result<(), String> {
    let signed = keeper.for_machines(heads, now).map_err(|error| error.to_string())?;
    let outgoing = anchors(&signed.keyed(), settings, now);
    if !outgoing.is_empty() {
        store.desk().send(&outgoing).await.map_err(|error| error.to_string())?;
        keeper.told(&signed);
    }
    Ok(())
}

fn parse(text: &str) -> Option<Alert> {
    serde_json::from_str(text).ok()
}

/// Turns of the feed that are kept: hours of an alert storm, months of a quiet desk.
const TURNS_KEPT: u64 = 200_000;
const HOUR_MICROS: i64 = 3_600 * 1_000_000;
/// As many as one transaction holds.
const ALERTS_AT_ONCE: usize = 500;
/// How often the spool is looked at.
const PAUSE: Duration = Duration::from_millis(200);
/// For how long the end waits for the bucket.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often a database that failed is asked again.
const RETRY: Duration = Duration::from_secs(1);
