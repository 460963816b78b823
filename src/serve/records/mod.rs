//! Call records, alerts and signalling on their way to disk: packets never wait for it.

mod batch;
mod lines;
mod signalling;
mod writer;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use collector::certificates::Wanted;
use collector::judge::{Count, Counters, Evidence, News};
use engine::Attempt;
use reporter::{Alert, Alerts, Amount, CallLine, Sensor};
use rules::policy::{AlertLevel, PolicySet};
use rules::{Action, Reason, Timestamp};
use serde::Serialize;
use spool::{Kind, Spool};
use tokio::sync::oneshot;

use self::batch::{Batch, Emptied};
use self::lines::Lines;
use self::signalling::Signalling;
use self::writer::Writer;
use super::config::{self, Config, Recorded};
use super::{archive, desk};
use crate::outcome::Failure;
use crate::policies;

/// The threads that write.
pub(super) struct Records {
    to: SyncSender<Chunk>,
    counters: Arc<Counters>,
    recorded: Recorded,
    /// Whom tellers tell which certificates are wanted.
    wanted: Option<Wanted>,
    limits: config::Spool,
    threads: Vec<JoinHandle<()>>,
}

/// Something to be written.
enum Chunk {
    /// What goes into the spool.
    Events(Batch),
    /// What an engine knows, for the file of this name.
    State(&'static str, Vec<u8>),
    /// Whoever asks is to know whether what came last is on disk.
    Reached(oneshot::Sender<bool>),
    /// Nothing more comes.
    End,
}

/// What the thread that judges tells the one that writes.
pub(super) struct Teller {
    to: SyncSender<Chunk>,
    recorded: Recorded,
    alerts: Alerts,
    /// How well what is told could be seen; `None` where we are asked, and so see all there is.
    sensor: Option<Sensor>,
    /// What is to be written.
    batch: Batch,
    emptied: Emptied,
    signalling: Signalling,
    counters: Arc<Counters>,
    wanted: Option<Wanted>,
}

impl Records {
    /// Opens the spool under `data`, and says what was found damaged there.
    pub(super) fn start(config: &Config, counters: Arc<Counters>) -> Result<Self, Failure> {
        let data = &config.data;
        let folder = data.join(FOLDER);
        let mut settings = config.spool.settings();
        if config.cases.on {
            settings.consumers.push(desk::CONSUMER.to_owned());
        }
        if config.records.store {
            settings.consumers.push(archive::CONSUMER.to_owned());
        }
        if config.records.copy {
            settings.consumers.push(lines::CONSUMER.to_owned());
        }
        let (spool, found) =
            Spool::open(&folder, settings.clone()).map_err(|error| Failure::Usage(error.to_string()))?;
        let again = folder.clone();
        let reopen = move || Spool::open(&again, settings.clone());
        if found.cut_bytes > 0 {
            eprintln!(
                "ringwall: {}: {} bytes of events that were begun and never finished are cut off",
                folder.display(),
                found.cut_bytes
            );
        }
        for damage in &found.damages {
            eprintln!("ringwall: {damage}");
        }
        counters.add_many(Count::SpoolDamaged, found.damages.len() as u64);
        let (wake, woken) = sync_channel(1);
        let mut threads = Vec::new();
        if config.records.copy {
            let lines = Lines::open(data, &folder, Arc::clone(&counters))?;
            let place = (data.clone(), folder);
            threads.push(thread("lines", move || lines.run(&woken, &place))?);
        }
        let (to, from) = sync_channel(CHUNKS_MAX);
        let writer = Writer {
            spool,
            data: data.clone(),
            commit_after: Duration::from_millis(u64::from(config.spool.commit_milliseconds)),
            wake,
            counters: Arc::clone(&counters),
            waiting: Batch::default(),
            failing: None,
            is_state_failing: false,
            in_hand: None,
        };
        threads.push(thread("records", move || writer.run(&from, &reopen))?);
        Ok(Self {
            to,
            counters,
            recorded: config.records.calls,
            limits: config.spool.clone(),
            wanted: None,
            threads,
        })
    }

    /// The same, whose tellers tell `wanted` which certificates are.
    pub(super) fn with_wanted(self, wanted: Option<Wanted>) -> Self {
        Self { wanted, ..self }
    }

    /// What tells it news.
    pub(super) fn teller(&self) -> Teller {
        Teller {
            to: self.to.clone(),
            recorded: self.recorded,
            alerts: Alerts::default(),
            sensor: None,
            batch: Batch::default(),
            emptied: Emptied::default(),
            signalling: Signalling::new(self.limits.clone()),
            counters: Arc::clone(&self.counters),
            wanted: self.wanted.clone(),
        }
    }

    /// Where states for the file `name` go.
    pub(super) fn state_sender(&self, name: &'static str) -> impl Fn(Vec<u8>) + Send + 'static {
        let to = self.to.clone();
        // One that finds no room is followed by another.
        move |state| drop(to.try_send(Chunk::State(name, state)))
    }

    /// Writes `alert` beside those of the engine.
    pub(super) fn note(&self, alert: &Alert) {
        self.noting()(alert);
    }

    /// What writes alerts of others that live elsewhere.
    pub(super) fn noting(&self) -> impl Fn(&Alert) + Send + 'static {
        let to = self.to.clone();
        move |alert| {
            let mut batch = Batch::default();
            batch.add(Kind::ALERT, policies::now().0, |out| line(out, alert));
            let _ = to.send(Chunk::Events(batch));
        }
    }

    /// Writes `state` to the file `name`, however long what comes before takes.
    pub(super) fn keep(&self, name: &'static str, state: Vec<u8>) {
        let _ = self.to.send(Chunk::State(name, state));
    }

    /// Who has a state written and waits for it.
    pub(super) fn keeping(&self) -> Keeping {
        Keeping { to: self.to.clone() }
    }

    /// Writes all that waits, and ends.
    pub(super) fn finish(self) {
        let _ = self.to.send(Chunk::End);
        // Those that read go on until the one that writes has let go. One that died has said why.
        self.threads.into_iter().rev().for_each(|thread| drop(thread.join()));
    }
}

/// Has states written, and waits until they are.
pub(super) struct Keeping {
    to: SyncSender<Chunk>,
}

impl Keeping {
    /// Writes `state` to the file `name`. The error says, in words, that it is not on disk.
    pub(super) async fn keep(&self, name: &'static str, state: Vec<u8>) -> Result<(), String> {
        let (tell, told) = oneshot::channel();
        let is_taken = self.to.try_send(Chunk::State(name, state)).is_ok()
            && self.to.try_send(Chunk::Reached(tell)).is_ok();
        match told.await {
            Ok(true) if is_taken => Ok(()),
            _ => Err(format!("done, but not kept over a crash: {name} cannot be written")),
        }
    }
}

impl Teller {
    /// Takes news. Never waits.
    pub(super) fn tell(&mut self, news: &News<'_>) {
        match news {
            News::Attempt(attempt, policies) => self.attempt(attempt, policies),
            News::Sight { lost, answers_seen } => {
                self.sensor = Some(Sensor { lost: *lost, answers_seen: Amount(*answers_seen) });
            }
            News::Breach(breach, policies) => self.alert(Alert::of_breach(breach, policies)),
            News::Silence(silence, policies) => self.alert(Alert::of_silence(silence, policies)),
            News::NextHop { name, place, is_down } => self.next_hop(name, place, *is_down),
            News::Wanted(address) => {
                if let Some(wanted) = &self.wanted {
                    wanted.tell(address);
                }
            }
            News::Evidence(evidence) => self.evidence(evidence),
            // Other threads that judge are told, not the disk.
            News::Imposed(_) => {}
            News::Over => self.hand_over(),
        }
    }

    fn evidence(&mut self, evidence: &Evidence) {
        if !self.signalling.is_on() {
            return;
        }
        if self.signalling.admit(evidence) {
            self.batch.add(Kind::SIGNALLING, evidence.at.0, |out| signalling::write(evidence, out));
        } else {
            self.counters.add(Count::SignallingDropped);
        }
    }

    fn next_hop(&mut self, name: &str, place: &str, is_down: bool) {
        if !is_down {
            return eprintln!("ringwall: next hop {}: {place} is up again", reporter::printable(name));
        }
        eprintln!("ringwall: next hop {}: {place} is down: it answers no OPTIONS", reporter::printable(name));
        self.alert(Some(Alert::of_service("next-hop-down", policies::now())));
    }

    fn alert(&mut self, alert: Option<Alert>) {
        if let Some(alert) = alert {
            self.ring(&Alert { sensor: self.sensor, ..alert }, policies::now());
        }
    }

    fn attempt(&mut self, attempt: &Attempt, policies: &PolicySet) {
        for view in &attempt.views {
            let by_rule = view.verdict.filter(|verdict| verdict.reason != Reason::Threshold);
            let level = by_rule.map_or(AlertLevel::None, |verdict| verdict.alert);
            let goes_on =
                view.verdict.is_none_or(|verdict| verdict.action == Action::Allow && verdict.would.is_none());
            let is_recorded = match self.recorded {
                Recorded::All => true,
                Recorded::Refused => !goes_on,
                Recorded::None => false,
            };
            if !is_recorded && level == AlertLevel::None {
                continue;
            }
            let line = CallLine::new(attempt, view, policies);
            let at = attempt.progress.started;
            if is_recorded {
                self.batch.add(Kind::CALL, at.0, |out| self::line(out, &line));
            }
            if let Some(alert) = self.alerts.see(&line, level, at) {
                let alert = Alert { sensor: self.sensor, ..alert.clone() };
                self.ring(&alert, at);
            }
        }
        // The totals of an alert that is over: the same number again, with more calls.
        while let Some(alert) = self.alerts.pop() {
            if alert.total_calls > 1 {
                self.ring(&Alert { sensor: self.sensor, ..alert }, attempt.progress.started);
            }
        }
    }

    fn ring(&mut self, alert: &Alert, at: Timestamp) {
        self.batch.add(Kind::ALERT, at.0, |out| line(out, alert));
    }

    /// Hands over what there is. While the writer waits for the disk it stays here, and grows: packets do not wait.
    fn hand_over(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let sent = self.to.try_send(Chunk::Events(std::mem::replace(&mut self.batch, self.emptied.batch())));
        let Err(TrySendError::Full(Chunk::Events(batch)) | TrySendError::Disconnected(Chunk::Events(batch))) =
            sent
        else {
            return;
        };
        if batch.bytes() < WAITING_BYTES_MAX {
            self.batch = batch;
            return;
        }
        // Alerts are few, and each one matters: they are the last to be left out.
        for event in batch.events() {
            if event.kind == Kind::ALERT && self.batch.bytes() < WAITING_BYTES_MAX / 2 {
                self.batch.add(event.kind, event.at_micros, |out| out.extend_from_slice(event.payload));
            } else {
                count_dropped(&self.counters, event.kind, 1);
            }
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        // Whoever judges has ended, and nobody waits for it but who waits for the service to end.
        if !self.batch.is_empty() {
            let _ = self.to.send(Chunk::Events(std::mem::take(&mut self.batch)));
        }
    }
}

/// Counts events of this kind that were left out.
fn count_dropped(counters: &Counters, kind: Kind, events: u64) {
    let count = match kind {
        Kind::CALL => Count::CallDropped,
        Kind::SIGNALLING => Count::SignallingDropped,
        _ => Count::AlertDropped,
    };
    counters.add_many(count, events);
}

/// Writes `value` as one line of JSON, without its end.
fn line(out: &mut Vec<u8>, value: &impl Serialize) {
    // What the service tells are objects.
    let _ = reporter::put(out, value);
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Failure> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(Failure::Output)
}

/// The spool's folder under `--data`.
pub(crate) const FOLDER: &str = "spool";
/// What one thread that judges may have waiting when the queue is full.
const WAITING_BYTES_MAX: usize = 32 << 20;
/// Chunks that wait for the disk: about as many batches of packets. Some hundred megabytes at the very most.
const CHUNKS_MAX: usize = 4_096;
