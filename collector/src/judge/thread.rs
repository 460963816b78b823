//! One thread, and what others need of it to ask it.

use std::io;
use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use engine::Engine;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use rules::Timestamp;
use rules::policy::PolicySet;

use super::{Count, Latency, Mount, News};
use crate::faults::{self, Point};
use crate::limits::{BATCH_MAX, QUEUE_MAX};

/// Something to be done by the thread that owns a mount, quickly: packets wait meanwhile.
pub type Job<M> = Box<dyn FnOnce(&mut M, Timestamp) + Send>;

/// A thread that judges.
pub struct Judge<M: Mount> {
    shared: Shared<M>,
    thread: JoinHandle<Option<Engine>>,
}

/// What others need of a thread to ask its mount.
pub struct Shared<M> {
    jobs: SyncSender<Job<M>>,
    notes: Sender<Job<M>>,
    hub: Arc<Hub>,
}

/// What others need of a thread, whatever its mount.
#[derive(Clone)]
pub struct Handle {
    hub: Arc<Hub>,
    ask: Arc<dyn Fn(EngineJob) -> bool + Send + Sync>,
}

type EngineJob = Box<dyn FnOnce(&mut Engine, Timestamp) + Send>;

/// What both sides see.
struct Hub {
    wake: EventFd,
    stop: AtomicBool,
    beat: AtomicI64,
    policies: ArcSwap<PolicySet>,
    latency: Latency,
}

impl<M: Mount> Judge<M> {
    /// Starts a thread called `name`, and on it the mount that `make` makes. News goes to `tell`, on that thread: it must
    /// not wait.
    ///
    /// # Errors
    /// Those of the system about the thread, and of `make`.
    pub fn start(
        name: &str,
        make: impl FnOnce() -> io::Result<M> + Send + 'static,
        tell: Box<dyn FnMut(News<'_>) + Send>,
    ) -> io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE_MAX);
        let (notes, noted) = channel();
        let wake = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        let (made, is_made) = sync_channel(1);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut mount = make().map_err(|error| made.send(Err(error))).ok()?;
            let hub = Arc::new(Hub {
                wake,
                stop: AtomicBool::new(false),
                beat: AtomicI64::new(now().0),
                policies: ArcSwap::new(mount.engine().policies()),
                latency: Latency::default(),
            });
            made.send(Ok(Arc::clone(&hub))).ok()?;
            Some(Work { mount, hub, queue, noted, tell, failed: Timestamp(i64::MIN) }.run())
        })?;
        let hub = is_made.recv().map_err(io::Error::other)??;
        Ok(Self { shared: Shared { jobs, notes, hub }, thread })
    }

    /// What others need to ask it.
    pub fn shared(&self) -> &Shared<M> {
        &self.shared
    }

    /// Lets it finish what it has in hand and returns what its engine knows. `None` when the thread has died.
    pub fn stop(self) -> Option<Engine> {
        self.shared.hub.stop.store(true, Ordering::Release);
        self.shared.hub.wake();
        self.thread.join().ok().flatten()
    }
}

impl<M> Clone for Shared<M> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone(), notes: self.notes.clone(), hub: Arc::clone(&self.hub) }
    }
}

impl<M: Mount> Shared<M> {
    /// Asks for `job`. Returns false when too many wait already.
    pub fn ask(&self, job: Job<M>) -> bool {
        self.offer(job).is_ok()
    }

    /// As [`ask`](Self::ask), but what finds no place is given back, to be offered again.
    pub(crate) fn offer(&self, job: Job<M>) -> Result<(), Job<M>> {
        match self.jobs.try_send(job) {
            Ok(()) => {
                self.hub.wake();
                Ok(())
            }
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Err(job),
        }
    }

    /// Has `job` done before everything that is asked for from now on, even where the queue is full. Whoever notes bounds how
    /// much that can be: a connection notes that it is there.
    pub(crate) fn note(&self, job: Job<M>) {
        // Who is gone keeps nothing.
        let _ = self.notes.send(job);
        self.hub.wake();
    }

    /// Has `job` done after everything that was asked for, and where the queue is full, before it: what must not be forgotten,
    /// such as that a connection ended.
    pub(crate) fn insist(&self, job: Job<M>) {
        if let Err(job) = self.offer(job) {
            self.note(job);
        }
    }

    /// The policies in force from the next batch of packets on.
    pub(crate) fn policies(&self) -> Arc<PolicySet> {
        self.hub.policies.load_full()
    }

    /// The same without what sets this mount apart.
    pub fn handle(&self) -> Handle {
        let shared = self.clone();
        let ask = move |job: EngineJob| shared.ask(Box::new(move |mount, at| job(mount.engine(), at)));
        Handle { hub: Arc::clone(&self.hub), ask: Arc::new(ask) }
    }
}

impl Handle {
    /// Asks for `job`, quickly done. Returns false when too many wait already.
    pub fn ask(&self, job: impl FnOnce(&mut Engine, Timestamp) + Send + 'static) -> bool {
        (self.ask)(Box::new(job))
    }

    /// The policies in force from the next batch of packets on.
    pub fn replace(&self, policies: Arc<PolicySet>) {
        self.hub.policies.store(policies);
        self.hub.wake();
    }

    /// The policies in force.
    pub fn policies(&self) -> Arc<PolicySet> {
        self.hub.policies.load_full()
    }

    /// How long its turns take in which there was something to do.
    pub fn latency(&self) -> &Latency {
        &self.hub.latency
    }

    /// When the thread was last at work.
    pub fn last_beat(&self) -> Timestamp {
        Timestamp(self.hub.beat.load(Ordering::Relaxed))
    }
}

impl Hub {
    fn wake(&self) {
        // It can only fail when it was woken so often that it is awake.
        let _ = self.wake.write(1);
    }
}

/// What the thread works with.
struct Work<M> {
    mount: M,
    hub: Arc<Hub>,
    queue: Receiver<Job<M>>,
    noted: Receiver<Job<M>>,
    tell: Box<dyn FnMut(News<'_>) + Send>,
    /// When something outside a message failed last.
    failed: Timestamp,
}

impl<M: Mount> Work<M> {
    fn run(mut self) -> Engine {
        // A turn that nothing called for is no turn that anybody waited for.
        let mut is_called = false;
        while !self.hub.stop.load(Ordering::Acquire) {
            let begin = now();
            let is_busy = self.turn(begin);
            if is_called || is_busy {
                self.hub.latency.add(now().micros_since(begin).max(0).unsigned_abs());
            }
            is_called = is_busy || self.wait();
        }
        while self.do_next() {}
        self.survive(|work| work.mount.close());
        self.survive(|work| work.mount.tell(&mut *work.tell));
        self.mount.into_engine()
    }

    /// What waits in the mount and what was asked meanwhile. Returns whether more is likely to be there.
    fn turn(&mut self, begin: Timestamp) -> bool {
        self.hub.beat.store(begin.0, Ordering::Relaxed);
        self.survive(Self::take_policies);
        let mut is_busy = self.survive(|work| work.mount.turn(begin)).unwrap_or_default();
        for _ in 0..BATCH_MAX {
            if !self.do_next() {
                break;
            }
            is_busy = true;
        }
        // What fails each time is not tried each time: packets wait meanwhile.
        if begin.micros_since(self.failed) > PAUSE_MICROS {
            self.survive(|work| {
                faults::strike(Point::Turn);
                work.mount.expire(now());
            });
            self.survive(|work| work.mount.tell(&mut *work.tell));
        }
        is_busy
    }

    /// Does what was noted, then what was asked for first. Returns whether anything was asked for.
    fn do_next(&mut self) -> bool {
        // Taken first: what was noted before it was asked for is among the notes by then.
        let asked = self.queue.try_recv();
        while let Ok(note) = self.noted.try_recv() {
            self.do_job(note);
        }
        asked.map(|job| self.do_job(job)).is_ok()
    }

    /// What is broken inside costs whoever asked the answer, not all others the thread.
    fn do_job(&mut self, job: Job<M>) {
        let done = catch_unwind(AssertUnwindSafe(|| {
            faults::strike(Point::Job);
            job(&mut self.mount, now());
        }));
        if done.is_err() {
            self.mount.counters().add(Count::FaultUnanswered);
        }
    }

    /// Has `part` of a turn done. `None` when it failed inside, which costs the rest of that part.
    fn survive<T>(&mut self, part: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(|| part(self))).ok();
        if done.is_none() {
            self.mount.counters().add(Count::FaultTurn);
            self.failed = now();
        }
        done
    }

    fn take_policies(&mut self) {
        let wanted = self.hub.policies.load();
        if !Arc::ptr_eq(&wanted, &self.mount.engine().policies()) {
            self.mount.replace(Arc::clone(&wanted));
        }
    }

    /// Waits until there is something to do, or for long enough; whether there is.
    fn wait(&self) -> bool {
        let sources = self.mount.sources().into_iter().chain([self.hub.wake.as_fd()]);
        let mut waited: Vec<PollFd<'_>> = sources.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let ready = poll(&mut waited, PollTimeout::from(IDLE_MILLIS)).unwrap_or_default();
        let is_woken = ready > 0 && waited.last().and_then(PollFd::any).unwrap_or_default();
        if is_woken {
            let _ = self.hub.wake.read();
        }
        ready > 0
    }
}

/// The moment, as the system has it.
#[allow(clippy::disallowed_methods, reason = "here is where packets get their time")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

/// How long what failed outside a message is left alone.
const PAUSE_MICROS: i64 = 100_000;
/// The longest sleep: what is overdue is noticed, and the heart is seen to beat.
const IDLE_MILLIS: u16 = 250;
