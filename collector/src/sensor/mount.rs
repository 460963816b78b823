//! The sensor as the thread that judges has it: all that is watched, by one engine.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use engine::Engine;
use rules::Timestamp;
use rules::policy::PolicySet;

use super::clock::Clock;
use super::quoted::Quotes;
use super::sender::Senders;
use super::{Source, Watcher};
use crate::hep::packets;
use crate::judge::{Count, Counters, Mount, News};

/// All that is watched. One engine sees it, so that a call that several agents tell of is one call.
pub struct Sensor {
    watcher: Watcher,
    sources: Vec<Box<dyn Source>>,
    /// Reads what comes over connections, which hand it in by jobs.
    quotes: Quotes,
    clock: Clock,
    /// Packets of connections that broke off in the middle of one.
    cut: u64,
}

impl Sensor {
    /// One that watches `sources`, and hears `senders` over connections, with what `engine` knows and judges by.
    pub fn new(
        sources: Vec<Box<dyn Source>>,
        engine: Engine,
        senders: Arc<Senders>,
        (clock, counters): (Clock, Arc<Counters>),
    ) -> Self {
        let quotes = Quotes::new(Arc::clone(&senders), clock);
        Self { watcher: Watcher::new(engine, senders, counters), sources, quotes, clock, cut: 0 }
    }

    /// Takes whole packets of HEP, one behind the other, that came over a connection from `from`.
    pub(super) fn take(&mut self, whole: &[u8], from: SocketAddr, now: Timestamp) {
        for packet in packets(whole) {
            self.watcher.counters().add(Count::HepTcp);
            self.quotes.hand_over(packet, from, now, &mut self.watcher);
        }
    }

    /// Notes that a connection ended inside a packet, or lost its framing.
    pub(super) fn note_cut(&mut self) {
        self.cut += 1;
    }
}

impl Mount for Sensor {
    fn turn(&mut self, now: Timestamp) -> bool {
        let mut is_busy = false;
        for source in &mut self.sources {
            is_busy |= source.turn(now, &mut self.watcher).unwrap_or_else(|_: io::Error| {
                self.watcher.counters().add(Count::SensorError);
                false
            });
        }
        is_busy
    }

    fn sources(&self) -> Vec<BorrowedFd<'_>> {
        self.sources.iter().map(|source| source.ready()).collect()
    }

    fn counters(&self) -> &Counters {
        self.watcher.counters()
    }

    fn engine(&mut self) -> &mut Engine {
        self.watcher.engine()
    }

    fn replace(&mut self, policies: Arc<PolicySet>) {
        self.watcher.replace(policies);
    }

    fn expire(&mut self, now: Timestamp) {
        // What is on its way with an older stamp still belongs to what seems overdue.
        self.watcher.engine().expire(Timestamp(now.0.saturating_sub(self.clock.off_micros_max)));
    }

    fn tell(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        let lost = self.sources.iter().map(|source| source.lost()).sum::<u64>() + self.cut;
        self.watcher.tell(lost, tell);
    }

    fn close(&mut self) {
        // Calls that are up are told as far as they were seen.
        self.watcher.engine().finish();
    }

    fn into_engine(self) -> Engine {
        self.watcher.into_engine()
    }
}
