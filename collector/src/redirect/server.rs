//! The thread that judges: it owns the engine, reads datagrams, and does what others ask of it between two batches.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use engine::Engine;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use rules::Timestamp;
use rules::policy::PolicySet;

use super::counters::Counters;
use super::datagrams::Datagrams;
use super::decider::{Decider, News};
use super::settings::Settings;
use crate::limits::{BATCH_MAX, QUEUE_MAX};

/// Something to be done by the thread that owns the engine, quickly: packets wait meanwhile.
pub type Job = Box<dyn FnOnce(&mut Decider, Timestamp) + Send>;

/// A server that answers.
pub struct Server {
    shared: Shared,
    thread: JoinHandle<Engine>,
}

/// What others need of a server to ask it.
#[derive(Clone)]
pub struct Shared {
    jobs: SyncSender<Job>,
    wake: Arc<EventFd>,
    stop: Arc<AtomicBool>,
    beat: Arc<AtomicI64>,
    policies: Arc<ArcSwap<PolicySet>>,
    counters: Arc<Counters>,
    settings: Arc<Settings>,
}

impl Server {
    /// Starts to answer on `sockets` with what `engine` knows and judges by. News goes to `tell`, on the thread that
    /// judges: it must not wait.
    ///
    /// # Errors
    /// Those of the system, about the sockets or the thread.
    pub fn start(
        sockets: Vec<UdpSocket>,
        engine: Engine,
        settings: Arc<Settings>,
        counters: Arc<Counters>,
        tell: Box<dyn FnMut(News<'_>) + Send>,
    ) -> io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE_MAX);
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
        let shared = Shared {
            jobs,
            wake,
            stop: Arc::default(),
            beat: Arc::new(AtomicI64::new(now().0)),
            policies: Arc::new(ArcSwap::new(engine.policies())),
            counters: Arc::clone(&counters),
            settings: Arc::clone(&settings),
        };
        let mut places = Vec::new();
        for socket in sockets {
            Datagrams::prepare(&socket)?;
            let local = socket.local_addr()?;
            places.push((socket, local));
        }
        let decider = Decider::new(engine, settings, counters);
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new().name("judge".to_owned()).spawn(move || {
            let datagrams = Datagrams::new();
            Work { decider, shared: of_thread, sockets: places, queue, datagrams, tell }.run()
        })?;
        Ok(Self { shared, thread })
    }

    /// What others need to ask it.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Lets it finish what it has in hand and returns what its engine knows. `None` when the thread has died.
    pub fn stop(self) -> Option<Engine> {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
        self.thread.join().ok()
    }
}

impl Shared {
    /// Asks for `job`. Returns false when too many wait already.
    pub fn ask(&self, job: Job) -> bool {
        match self.jobs.try_send(job) {
            Ok(()) => {
                self.wake();
                true
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// The policies in force from the next batch of packets on.
    pub fn replace(&self, policies: Arc<PolicySet>) {
        self.policies.store(policies);
        self.wake();
    }

    /// The policies in force.
    pub fn policies(&self) -> Arc<PolicySet> {
        self.policies.load_full()
    }

    /// When the thread was last at work.
    pub fn last_beat(&self) -> Timestamp {
        Timestamp(self.beat.load(Ordering::Relaxed))
    }

    /// What it counts.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// How it behaves.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn wake(&self) {
        // It can only fail when it was woken so often that it is awake.
        let _ = self.wake.write(1);
    }
}

/// What the thread works with.
struct Work {
    decider: Decider,
    shared: Shared,
    sockets: Vec<(UdpSocket, SocketAddr)>,
    queue: Receiver<Job>,
    datagrams: Datagrams,
    tell: Box<dyn FnMut(News<'_>) + Send>,
}

impl Work {
    fn run(mut self) -> Engine {
        while !self.shared.stop.load(Ordering::Acquire) {
            let is_busy = self.turn();
            if !is_busy {
                self.wait();
            }
        }
        while let Ok(job) = self.queue.try_recv() {
            job(&mut self.decider, now());
        }
        self.decider.tell(&mut *self.tell);
        self.decider.into_engine()
    }

    /// One batch of each socket and what was asked meanwhile. Returns whether more is likely to be there.
    fn turn(&mut self) -> bool {
        let mut is_busy = false;
        let begin = now();
        self.shared.beat.store(begin.0, Ordering::Relaxed);
        self.take_policies(begin);
        for index in 0..self.sockets.len() {
            let Some((socket, local)) = self.sockets.get(index) else { break };
            let counters = &self.shared.counters;
            let came = self.datagrams.turn((socket, *local), now(), &mut self.decider, counters);
            // A socket that fails is asked again; there is no other.
            is_busy |= came.is_ok_and(|count| count == BATCH_MAX);
        }
        self.decider.note_wait(0);
        for _ in 0..BATCH_MAX {
            let Ok(job) = self.queue.try_recv() else { break };
            job(&mut self.decider, now());
            is_busy = true;
        }
        self.decider.expire(now());
        self.decider.tell(&mut *self.tell);
        is_busy
    }

    fn take_policies(&mut self, at: Timestamp) {
        let wanted = self.shared.policies.load();
        if !Arc::ptr_eq(&wanted, &self.decider.engine().policies()) {
            let wanted = Arc::clone(&wanted);
            self.decider.replace(wanted, at);
        }
    }

    fn wait(&self) {
        let sockets = self.sockets.iter().map(|(socket, _)| socket.as_fd());
        let mut waited: Vec<PollFd<'_>> =
            sockets.chain([self.shared.wake.as_fd()]).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        if poll(&mut waited, PollTimeout::from(IDLE_MILLIS)).is_ok() {
            let _ = self.shared.wake.read();
        }
    }
}

/// The moment, as the system has it.
#[allow(clippy::disallowed_methods, reason = "here is where packets get their time")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

/// The longest sleep: what is overdue is noticed, and the heart is seen to beat.
const IDLE_MILLIS: u16 = 250;
