//! The redirect server as the thread that judges has it: its decider behind sockets.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;

use engine::Engine;
use rules::Timestamp;
use rules::policy::PolicySet;

use super::decider::Decider;
use super::settings::Settings;
use crate::datagrams::{self, Inbox, Outbox};
use crate::judge::{Count, Counters, Mount, News, now};
use crate::limits::BATCH_MAX;
use crate::mirror::Mirror;
use crate::pressure::Pressure;

/// A redirect server. What comes over connections and HTTP is asked of its [`decider`](Self::decider) by jobs.
pub struct Redirect {
    decider: Decider,
    sockets: Vec<(UdpSocket, SocketAddr, Pressure)>,
    wait_micros_max: i64,
    inbox: Inbox,
    outbox: Outbox,
    room: Vec<u8>,
    counters: Arc<Counters>,
}

impl Redirect {
    /// One that answers on `sockets` with what `engine` knows and judges by, and tells `mirror` of each decision.
    ///
    /// # Errors
    /// Those of the system, about the sockets.
    pub fn new(
        sockets: Vec<UdpSocket>,
        engine: Engine,
        (settings, counters): (Arc<Settings>, Arc<Counters>),
        mirror: Option<Mirror>,
    ) -> io::Result<Self> {
        let mut places = Vec::new();
        for socket in sockets {
            datagrams::prepare(&socket)?;
            let local = socket.local_addr()?;
            places.push((socket, local, Pressure::default()));
        }
        let wait_micros_max = settings.overload.wait_micros_max;
        let decider = Decider::new(engine, settings, Arc::clone(&counters), mirror);
        let (inbox, outbox) = (Inbox::new(), Outbox::new());
        Ok(Self { decider, sockets: places, wait_micros_max, inbox, outbox, room: Vec::new(), counters })
    }

    /// Whoever judges requests and words the answers.
    pub fn decider(&mut self) -> &mut Decider {
        &mut self.decider
    }
}

impl Mount for Redirect {
    fn turn(&mut self, _: Timestamp) -> bool {
        let mut is_busy = false;
        for (socket, local, pressure) in &mut self.sockets {
            let now = now();
            // A socket that fails is asked again; there is no other.
            let Ok(waited_micros) = self.inbox.fill(socket, now) else { continue };
            let is_full = self.inbox.len() == BATCH_MAX;
            let lost = pressure.ask(socket, is_full, now);
            self.counters.add_many(Count::Unread, lost);
            let waited_micros = pressure.waited(waited_micros, (lost, is_full), self.wait_micros_max, now);
            self.decider.note_wait(waited_micros);
            for packet in self.inbox.packets(*local, now) {
                if let Some(reply_to) = self.decider.handle(&packet, &mut self.room) {
                    self.outbox.push(&mut self.room, reply_to);
                }
            }
            self.outbox.send(socket, &self.counters);
            is_busy |= is_full;
        }
        self.decider.note_wait(0);
        is_busy
    }

    fn sources(&self) -> Vec<BorrowedFd<'_>> {
        self.sockets.iter().map(|(socket, ..)| socket.as_fd()).collect()
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn engine(&mut self) -> &mut Engine {
        self.decider.engine()
    }

    fn replace(&mut self, policies: Arc<PolicySet>) {
        self.decider.replace(policies);
    }

    fn expire(&mut self, now: Timestamp) {
        self.decider.expire(now);
    }

    fn tell(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        self.decider.tell(tell);
    }

    fn into_engine(self) -> Engine {
        self.decider.into_engine()
    }
}
