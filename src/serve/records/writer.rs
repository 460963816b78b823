//! The thread that writes: events into the spool, states into files of their own.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use collector::faults::{self, Point};
use collector::judge::{Count, Counters};
use reporter::Alert;
use spool::{Event, Found, Kind, Lane, Spool};

use super::batch::Batch;
use super::{Chunk, count_dropped, line};
use crate::outcome::Failure;
use crate::{policies, state};

/// What the thread works with.
pub(super) struct Writer {
    pub(super) spool: Spool,
    pub(super) data: PathBuf,
    /// How long call records may wait for others, so that the disk is asked once for all.
    pub(super) commit_after: Duration,
    /// Who is woken when more is on disk.
    pub(super) wake: SyncSender<()>,
    pub(super) counters: Arc<Counters>,
    /// Alerts for which there was no room.
    pub(super) waiting: Batch,
    /// What cannot be written: said once, and again when it is over.
    pub(super) failing: Option<Failing>,
    /// Whether a state could not be written.
    pub(super) is_state_failing: bool,
    /// What is being written.
    pub(super) in_hand: Option<Arc<Batch>>,
}

/// Opens the spool again.
pub(super) type Reopen = dyn Fn() -> Result<(Spool, Found), spool::Error>;

/// What cannot be written, and what was seen of it since it was looked at last.
pub(super) struct Failing {
    lane: Option<Lane>,
    has_failed: bool,
    has_succeeded: bool,
}

impl Writer {
    /// Writes what comes. When that fails inside, it begins anew with the spool that `reopen` opens, as after a crash.
    pub(super) fn run(self, from: &Receiver<Chunk>, reopen: &Reopen) {
        let mut writer = self;
        while catch_unwind(AssertUnwindSafe(|| writer.take_all(from))).is_err() {
            writer.counters.add(Count::FaultRecords);
            match writer.begin_anew(reopen) {
                Ok(anew) => writer = anew,
                Err(error) => return eprintln!("ringwall: records are written no more: {error}"),
            }
        }
    }

    /// Alerts that were in hand are written again: one that is there twice has one number. Call records are given up.
    fn begin_anew(self, reopen: &Reopen) -> Result<Self, spool::Error> {
        let Self { spool, in_hand, mut waiting, counters, .. } = self;
        // Nobody opens it while somebody has it.
        drop(spool);
        let (spool, _) = reopen()?;
        for event in in_hand.iter().flat_map(|batch| batch.events()) {
            if event.kind.lane() == Lane::Events {
                waiting.add(event.kind, event.at_micros, |out| out.extend_from_slice(event.payload));
            } else {
                count_dropped(&counters, event.kind, 1);
            }
        }
        Ok(Self { spool, in_hand: None, waiting, counters, ..self })
    }

    fn take_all(&mut self, from: &Receiver<Chunk>) {
        let mut commit_at: Option<Instant> = None;
        let mut tend_at = now() + TEND_EVERY;
        loop {
            let until = commit_at.map_or(tend_at, |at| at.min(tend_at));
            match from.recv_timeout(until.saturating_duration_since(now())) {
                Ok(Chunk::Events(batch)) => {
                    let is_urgent = self.append(batch);
                    commit_at.get_or_insert_with(|| now() + self.commit_after);
                    if is_urgent {
                        commit_at = Some(now());
                    }
                }
                Ok(Chunk::State(name, state)) => self.keep(name, &state),
                Ok(Chunk::Reached(tell)) => {
                    // Whoever asked may have gone away.
                    let _ = tell.send(!self.is_state_failing);
                }
                Ok(Chunk::End) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = now();
            if commit_at.is_some_and(|at| at <= now) {
                commit_at = None;
                self.commit();
            }
            if tend_at <= now {
                tend_at = now + TEND_EVERY;
                self.tend();
            }
        }
        self.retry();
        self.commit();
    }

    /// Returns whether something is among them that must be on disk at once.
    fn append(&mut self, batch: Batch) -> bool {
        let batch = Arc::new(batch);
        self.in_hand = Some(Arc::clone(&batch));
        self.retry();
        faults::strike(Point::Records);
        let events = batch.events();
        self.write(&events);
        let is_urgent = events.iter().any(|event| event.kind.lane() == Lane::Events);
        self.in_hand = None;
        if let Some(batch) = Arc::into_inner(batch) {
            batch.go_home();
        }
        is_urgent
    }

    fn write(&mut self, events: &[Event<'_>]) {
        let appended = self.spool.append(events);
        let mut failed = None;
        for refused in appended.refused {
            for event in events.iter().filter(|event| event.kind.lane() == refused.lane) {
                if refused.lane == Lane::Events && self.waiting.len() < WAITING_MAX {
                    self.waiting.add(event.kind, event.at_micros, |out| out.extend_from_slice(event.payload));
                } else {
                    count_dropped(&self.counters, event.kind, 1);
                }
            }
            failed = Some((refused.lane, refused.error));
        }
        for (lane, numbers) in appended.taken {
            if let Some(failing) = self.failing.as_mut().filter(|failing| failing.lane == Some(lane)) {
                failing.has_succeeded = true;
            }
            self.counters.add_many(kept(lane), numbers.end - numbers.start);
        }
        self.count_given_up();
        if let Some((lane, error)) = failed {
            self.fail(Some(lane), &error);
        }
    }

    /// Tries again what could not be written.
    fn retry(&mut self) {
        if !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            self.write(&waiting.events());
        }
    }

    fn commit(&mut self) {
        match self.spool.commit() {
            Ok(_) => {
                self.counters.add(Count::SpoolCommitted);
                if let Some(failing) = self.failing.as_mut().filter(|failing| failing.lane.is_none()) {
                    failing.has_succeeded = true;
                }
            }
            Err(error) => self.fail(None, &error),
        }
        if let Some(trouble) = self.spool.take_trouble() {
            self.counters.add(Count::SpoolFailed);
            eprintln!("ringwall: {trouble}; what was to stand there is written elsewhere");
        }
        // It is awake when there is no room.
        let _ = self.wake.try_send(());
    }

    fn tend(&mut self) {
        self.retry();
        if let Err(error) = self.spool.tend(policies::now().0) {
            self.fail(None, &error);
        }
        self.count_given_up();
        self.recover();
    }

    fn count_given_up(&mut self) {
        let counts =
            [(Lane::Calls, Count::SpoolCallGivenUp), (Lane::Signalling, Count::SpoolSignallingGivenUp)];
        for (lane, count) in counts {
            self.counters.add_many(count, self.spool.take_given_up(lane));
        }
    }

    /// Notes that `lane` could not be written, or nothing could be brought to the disk.
    fn fail(&mut self, lane: Option<Lane>, error: &spool::Error) {
        self.counters.add(Count::SpoolFailed);
        if let Some(failing) = &mut self.failing {
            failing.has_failed = true;
            return;
        }
        self.failing = Some(Failing { lane, has_failed: true, has_succeeded: false });
        eprintln!("ringwall: records cannot be written: {error}; calls are judged all the same");
        let now = policies::now();
        let rule = if error.is_full() { "disk-full" } else { "records-unwritable" };
        let mut alert = Batch::default();
        alert.add(Kind::ALERT, now.0, |out| line(out, &Alert::of_service(rule, now)));
        self.write(&alert.events());
    }

    /// Notes that it is over, if since the last time what could not be written was, and nothing failed.
    fn recover(&mut self) {
        let Some(failing) = &mut self.failing else { return };
        if failing.has_succeeded && !failing.has_failed && self.waiting.is_empty() {
            self.failing = None;
            return eprintln!("ringwall: records are written again");
        }
        (failing.has_failed, failing.has_succeeded) = (false, false);
    }

    fn keep(&mut self, name: &str, state: &[u8]) {
        let written = state::write_bytes(&self.data.join(name), state).map_err(|failure| match failure {
            Failure::File(path, error) => {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            }
            _ => io::Error::other("the state"),
        });
        match written {
            Ok(()) => self.is_state_failing = false,
            Err(error) => {
                self.counters.add(Count::StateDropped);
                if !std::mem::replace(&mut self.is_state_failing, true) {
                    eprintln!("ringwall: counters and blocks cannot be kept over a crash: {error}");
                }
            }
        }
    }
}

fn kept(lane: Lane) -> Count {
    match lane {
        Lane::Events => Count::SpoolEvent,
        Lane::Calls => Count::SpoolCall,
        Lane::Signalling => Count::SpoolSignalling,
    }
}

#[allow(clippy::disallowed_methods, reason = "how long records wait is real time")]
fn now() -> Instant {
    Instant::now()
}

/// What was read is forgotten, and room set aside for alerts, once in so long.
const TEND_EVERY: Duration = Duration::from_secs(1);
/// Alerts that wait for room on a disk that has none.
const WAITING_MAX: usize = 10_000;
