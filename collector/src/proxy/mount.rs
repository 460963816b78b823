//! The proxy as the thread that judges has it: its relay behind sockets.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;

use engine::Engine;
use rules::policy::PolicySet;
use rules::{Timestamp, Transport};

use super::leaving::Leaving;
use super::port::{Name, Place, Port, Ports};
use super::relay::Relay;
use super::settings::Settings;
use crate::datagrams::{Inbox, Outbox, prepare};
use crate::judge::{Count, Counters, Mount, News, now};
use crate::limits::BATCH_MAX;
use crate::pressure::Pressure;

/// An inline proxy.
pub struct Proxying {
    relay: Relay,
    sockets: Vec<Socket>,
    inbox: Inbox,
    room: Vec<u8>,
    counters: Arc<Counters>,
    wait_micros_max: i64,
}

struct Socket {
    socket: UdpSocket,
    local: SocketAddr,
    pressure: Pressure,
    outbox: Outbox,
}

impl Proxying {
    /// One that takes calls on `sockets`, each with the name that others know it by, and judges by what `engine` knows and
    /// judges by.
    ///
    /// # Errors
    /// Those of the system, about the sockets.
    pub fn new(
        sockets: Vec<(UdpSocket, Option<Name>)>,
        engine: Engine,
        (settings, counters): (Arc<Settings>, Arc<Counters>),
    ) -> io::Result<Self> {
        let mut own = Vec::new();
        let mut ports = Vec::new();
        for (socket, name) in sockets {
            prepare(&socket)?;
            let local = socket.local_addr()?;
            let place = Place { transport: Transport::Udp, address: local };
            ports.push(Port { place, name: name.unwrap_or_else(|| Name::of(local)) });
            own.push(Socket { socket, local, pressure: Pressure::default(), outbox: Outbox::new() });
        }
        let ports = Ports::new(ports, Box::new(reach));
        let wait_micros_max = settings.common.overload.wait_micros_max;
        let relay = Relay::new(engine, ports, settings, Arc::clone(&counters));
        Ok(Self { relay, sockets: own, inbox: Inbox::new(), room: Vec::new(), counters, wait_micros_max })
    }

    fn send(&mut self) {
        for socket in &mut self.sockets {
            socket.outbox.send(&socket.socket, &self.counters);
        }
    }
}

impl Mount for Proxying {
    fn turn(&mut self, _: Timestamp) -> bool {
        let mut is_busy = false;
        for port in 0..self.sockets.len() {
            let now = now();
            let Some(Socket { socket, local, pressure, .. }) = self.sockets.get_mut(port) else { break };
            // A socket that fails is asked again; there is no other.
            let Ok(waited_micros) = self.inbox.fill(socket, now) else { continue };
            let local = *local;
            let is_full = self.inbox.len() == BATCH_MAX;
            let lost = pressure.ask(socket, is_full, now);
            self.counters.add_many(Count::Unread, lost);
            let waited_micros = pressure.waited(waited_micros, (lost, is_full), self.wait_micros_max, now);
            self.relay.note_wait(waited_micros);
            for packet in self.inbox.packets(local, now) {
                if let Some(leaving) = self.relay.handle(&packet, port, &mut self.room) {
                    leave(&mut self.sockets, leaving, &mut self.room, &self.counters);
                }
            }
            self.send();
            is_busy |= is_full;
        }
        self.relay.note_wait(0);
        is_busy
    }

    fn sources(&self) -> Vec<BorrowedFd<'_>> {
        self.sockets.iter().map(|socket| socket.socket.as_fd()).collect()
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn engine(&mut self) -> &mut Engine {
        self.relay.engine()
    }

    fn replace(&mut self, policies: Arc<PolicySet>) {
        self.relay.replace(policies);
    }

    fn expire(&mut self, now: Timestamp) {
        self.relay.engine().expire(now);
        while let Some(leaving) = self.relay.poll(now, &mut self.room) {
            leave(&mut self.sockets, leaving, &mut self.room, &self.counters);
        }
        self.send();
    }

    fn tell(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        self.relay.tell(tell);
    }

    fn into_engine(self) -> Engine {
        self.relay.into_engine()
    }
}

/// Has `message` leave with the next batch.
fn leave(sockets: &mut [Socket], leaving: Leaving, message: &mut Vec<u8>, counters: &Counters) {
    let Some(socket) = sockets.get_mut(leaving.port) else { return };
    if socket.outbox.is_full() {
        socket.outbox.send(&socket.socket, counters);
    }
    socket.outbox.push(message, leaving.to.address);
}

/// The address that the system would send from to `to`. Nothing is sent for it.
fn reach(to: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
