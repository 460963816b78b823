//! Call records and alerts on their way to disk: packets never wait for it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use collector::judge::{Count, Counters, News};
use engine::Attempt;
use reporter::{Alert, Alerts, Amount, CallLine, Sensor};
use rules::policy::{AlertLevel, PolicySet};
use rules::{Action, Reason};
use tokio::sync::oneshot;

use super::config::Recorded;
use crate::outcome::Failure;
use crate::{policies, state};

/// The thread that writes.
pub(super) struct Records {
    to: SyncSender<Chunk>,
    counters: Arc<Counters>,
    thread: JoinHandle<()>,
}

/// Something to be written.
enum Chunk {
    /// Lines for calls.jsonl and for alerts.jsonl.
    Lines { calls: Vec<u8>, alerts: Vec<u8> },
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
    call_lines: Vec<u8>,
    alert_lines: Vec<u8>,
    counters: Arc<Counters>,
}

impl Records {
    /// Appends to the files in `data`.
    pub(super) fn start(data: &Path, counters: Arc<Counters>) -> Result<Self, Failure> {
        let open = |name: &str| {
            let path = data.join(name);
            OpenOptions::new().create(true).append(true).open(&path).map_err(Failure::file(&path))
        };
        let (calls, alerts) = (open("calls.jsonl")?, open("alerts.jsonl")?);
        let (to, from) = sync_channel(CHUNKS_MAX);
        let (data, of_writer) = (data.to_owned(), Arc::clone(&counters));
        let write = move || Writer { calls, alerts, data, failed: false, counters: of_writer }.run(&from);
        let thread = std::thread::Builder::new().name("records".to_owned()).spawn(write);
        Ok(Self { to, counters, thread: thread.map_err(Failure::Output)? })
    }

    /// What tells it news.
    pub(super) fn teller(&self, recorded: Recorded) -> Teller {
        Teller {
            to: self.to.clone(),
            recorded,
            alerts: Alerts::default(),
            sensor: None,
            call_lines: Vec::new(),
            alert_lines: Vec::new(),
            counters: Arc::clone(&self.counters),
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
        let mut alerts = Vec::new();
        if reporter::to_line(&mut alerts, alert).is_ok() {
            let _ = self.to.send(Chunk::Lines { calls: Vec::new(), alerts });
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
        // A writer that died has said why.
        let _ = self.thread.join();
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
            News::Over => self.hand_over(),
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
            // Writing to memory cannot fail.
            let _ = reporter::to_line(&mut self.alert_lines, &Alert { sensor: self.sensor, ..alert });
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
            if is_recorded {
                let _ = reporter::to_line(&mut self.call_lines, &line);
            }
            if let Some(alert) = self.alerts.see(&line, level, attempt.progress.started) {
                let alert = Alert { sensor: self.sensor, ..alert.clone() };
                let _ = reporter::to_line(&mut self.alert_lines, &alert);
            }
        }
        // The totals of an alert that is over: the same number again, with more calls.
        while let Some(alert) = self.alerts.pop() {
            if alert.total_calls > 1 {
                let alert = Alert { sensor: self.sensor, ..alert };
                let _ = reporter::to_line(&mut self.alert_lines, &alert);
            }
        }
    }

    fn hand_over(&mut self) {
        if self.call_lines.is_empty() && self.alert_lines.is_empty() {
            return;
        }
        let chunk = Chunk::Lines {
            calls: std::mem::take(&mut self.call_lines),
            alerts: std::mem::take(&mut self.alert_lines),
        };
        if self.to.try_send(chunk).is_err() {
            self.counters.add(Count::NewsDropped);
        }
    }
}

/// The files, on the thread that writes.
struct Writer {
    calls: File,
    alerts: File,
    data: PathBuf,
    /// Whether the last attempt failed: it is said once, not with every line.
    failed: bool,
    counters: Arc<Counters>,
}

impl Writer {
    fn run(mut self, from: &Receiver<Chunk>) {
        while let Ok(chunk) = from.recv() {
            let written = match chunk {
                Chunk::Lines { calls, alerts } => self.append(&calls, &alerts),
                Chunk::State(name, state) => self.keep(name, &state),
                Chunk::Reached(tell) => {
                    // Whoever asked may have gone away.
                    let _ = tell.send(!self.failed);
                    continue;
                }
                Chunk::End => break,
            };
            if written.is_err() {
                self.counters.add(Count::NewsDropped);
            }
            match written {
                Ok(()) => self.failed = false,
                Err(error) if !std::mem::replace(&mut self.failed, true) => {
                    eprintln!("ringwall: records cannot be written: {error}; calls are judged all the same");
                }
                Err(_) => {}
            }
        }
        let _ = self.calls.sync_all().and_then(|()| self.alerts.sync_all());
    }

    /// Tries both, so that a disk that has no room for calls may still have some for an alert.
    fn append(&mut self, calls: &[u8], alerts: &[u8]) -> io::Result<()> {
        let called = append_whole(&mut self.calls, calls);
        if !alerts.is_empty() {
            append_whole(&mut self.alerts, alerts)?;
            // Alerts are few, and each one matters.
            self.alerts.sync_data()?;
        }
        called
    }

    fn keep(&self, name: &str, state: &[u8]) -> io::Result<()> {
        state::write_bytes(&self.data.join(name), state).map_err(|failure| match failure {
            Failure::File(path, error) => {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            }
            _ => io::Error::other("the state"),
        })
    }
}

/// Appends all of `lines` or nothing: what a full disk took of them would spoil the line that comes after.
fn append_whole(file: &mut File, lines: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    file.write_all(lines).inspect_err(|_| {
        // The error that matters is the first one.
        let _ = file.set_len(before);
    })
}

/// Chunks that wait for the disk: about as many batches of packets. Some hundred megabytes at the very most.
const CHUNKS_MAX: usize = 4_096;
