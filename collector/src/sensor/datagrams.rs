//! HEP that comes over UDP.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;

use rules::Timestamp;

use super::clock::Clock;
use super::quoted::Quotes;
use super::sender::Senders;
use super::{Source, Watcher};
use crate::datagrams::{Inbox, prepare};
use crate::judge::Count;
use crate::limits::BATCH_MAX;

/// One socket that agents send HEP to.
pub struct HepDatagrams {
    socket: UdpSocket,
    local: SocketAddr,
    inbox: Inbox,
    quotes: Quotes,
    dropped: Dropped,
    asked: Timestamp,
}

impl HepDatagrams {
    /// Takes what `senders` send to `socket`.
    ///
    /// # Errors
    /// Those of the system, about the socket.
    pub fn new(socket: UdpSocket, senders: Arc<Senders>, clock: Clock) -> io::Result<Self> {
        prepare(&socket)?;
        let local = socket.local_addr()?;
        Ok(Self {
            socket,
            local,
            inbox: Inbox::new(),
            quotes: Quotes::new(senders, clock),
            dropped: Dropped::default(),
            asked: Timestamp::default(),
        })
    }
}

impl Source for HepDatagrams {
    fn turn(&mut self, now: Timestamp, watcher: &mut Watcher) -> io::Result<bool> {
        self.inbox.fill(&self.socket, now)?;
        // What finds the queue full is lost without a trace unless the system is asked, and that costs as much as a batch.
        if self.inbox.len() == BATCH_MAX || now.micros_since(self.asked) > ASKED_AGAIN_MICROS {
            self.asked = now;
            let more = self.dropped.see(sys::dropped(&self.socket)?);
            watcher.counters().add_many(Count::HepLost, more);
        }
        watcher.counters().add_many(Count::HepUdp, self.inbox.len() as u64);
        for packet in self.inbox.packets(self.local, now) {
            self.quotes.hand_over(packet.payload, packet.source, now, watcher);
        }
        Ok(self.inbox.len() == BATCH_MAX)
    }

    fn ready(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn lost(&self) -> u64 {
        self.dropped.all
    }
}

/// How long a small loss may go unnoticed.
const ASKED_AGAIN_MICROS: i64 = 100_000;

/// What the system dropped, from a number that wraps.
#[derive(Debug, Default)]
struct Dropped {
    last: u32,
    all: u64,
}

impl Dropped {
    /// Takes the number as it stands now; returns how many were dropped since it was taken before.
    fn see(&mut self, now: u32) -> u64 {
        // It never goes back but to begin anew.
        let more = u64::from(now.wrapping_sub(self.last));
        self.last = now;
        self.all += more;
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_dropped_is_counted_beyond_its_own_number() {
        let mut dropped = Dropped::default();
        assert_eq!(
            [3, 3, 10, u32::MAX, 4].map(|now| dropped.see(now)),
            [3, 0, 7, u64::from(u32::MAX) - 10, 5]
        );
        assert_eq!(dropped.all, u64::from(u32::MAX) + 5);
    }
}
