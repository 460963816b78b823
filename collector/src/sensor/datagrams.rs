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
use crate::pressure::Dropped;

/// One socket that agents send HEP to.
pub struct HepDatagrams {
    socket: UdpSocket,
    local: SocketAddr,
    inbox: Inbox,
    quotes: Quotes,
    dropped: Dropped,
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
        })
    }
}

impl Source for HepDatagrams {
    fn turn(&mut self, now: Timestamp, watcher: &mut Watcher) -> io::Result<bool> {
        self.inbox.fill(&self.socket, now)?;
        let more = self.dropped.ask(&self.socket, self.inbox.len() == BATCH_MAX, now)?;
        watcher.counters().add_many(Count::HepLost, more);
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
