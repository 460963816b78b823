//! The bridge as the thread that judges has it: its desk behind a queue of the kernel.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;

use engine::{Budget, Engine, Succession};
use nix::errno::Errno;
use rules::Timestamp;
use rules::policy::PolicySet;

use super::Queue;
use super::desk::Desk;
use super::inject::Injector;
use super::netlink::{Netlink, Verdicts};
use crate::judge::{Count, Counters, Mount, News};
use crate::limits::BATCH_MAX;
use crate::mirror::Mirror;
use crate::redirect::Settings;

/// A bridge.
pub struct Bridge {
    netlink: Netlink,
    desk: Desk,
    verdicts: Verdicts,
    counters: Arc<Counters>,
}

impl Bridge {
    /// Takes `queue`, and judges by what `engine` knows and judges by. Of `settings` those hold that say what happens
    /// without a policy and when judging fails.
    ///
    /// # Errors
    /// Those of the system: it needs CAP_NET_ADMIN and CAP_NET_RAW, and a queue that nobody else has.
    pub fn new(
        queue: Queue,
        engine: Engine,
        (settings, counters): (Arc<Settings>, Arc<Counters>),
    ) -> io::Result<Self> {
        let desk = Desk::new(engine, Injector::open()?, (settings, Arc::clone(&counters)));
        Ok(Self { netlink: Netlink::open(queue)?, desk, verdicts: Verdicts::default(), counters })
    }
}

impl Bridge {
    /// The same that tells `mirror` of each decision.
    #[must_use]
    pub fn mirrored(mut self, mirror: Option<Mirror>) -> Self {
        self.desk.tell_to(mirror);
        self
    }
}

impl Mount for Bridge {
    fn turn(&mut self, now: Timestamp) -> bool {
        let count = match self.netlink.receive() {
            Ok(count) => count,
            Err(error) => {
                // What there was no room for went as the queue says; others wait still.
                if error == Errno::ENOBUFS {
                    self.counters.add(Count::QueueOverrun);
                }
                return error == Errno::ENOBUFS;
            }
        };
        for asked in self.netlink.asked() {
            let passes = self.desk.passes(asked.packet, now);
            self.verdicts.push(self.netlink.number(), asked.id, passes);
        }
        if self.netlink.tell(&mut self.verdicts).is_err() {
            self.counters.add(Count::SendFailed);
        }
        count == BATCH_MAX
    }

    fn sources(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.netlink.as_fd()]
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn engine(&mut self) -> &mut Engine {
        self.desk.engine()
    }

    fn replace(&mut self, policies: Arc<PolicySet>) {
        self.counters.add(Count::Reloaded);
        if self.desk.engine().take_up(policies, Budget::default()) == Succession::Nothing {
            self.counters.add(Count::CountersLost);
        }
    }

    fn expire(&mut self, now: Timestamp) {
        self.desk.engine().expire(now);
    }

    fn tell(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        self.desk.tell(tell);
    }

    fn into_engine(self) -> Engine {
        self.desk.into_engine()
    }
}
