//! The proxy as the thread that judges has it: its relay behind sockets and connections.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;

use engine::sip::Message;
use engine::{Engine, Packet};
use rules::policy::PolicySet;
use rules::{Flags, Method, Timestamp, Transport};

use super::leaving::{Entry, Leaving};
use super::lines::Lines;
use super::lookup::Named;
use super::port::{Name, Place, Port, Ports};
use super::relay::Relay;
use super::settings::Settings;
use super::streams::Exchange;
use crate::answer::{self, Request};
use crate::datagrams::{Inbox, Outbox, prepare};
use crate::judge::{Count, Counters, Mount, News, now};
use crate::limits::BATCH_MAX;
use crate::mirror::Mirror;
use crate::pressure::Pressure;

/// An inline proxy.
pub struct Proxying {
    relay: Relay,
    sockets: Vec<Socket>,
    lines: Lines,
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

/// What a proxy takes calls on.
pub struct Inlets {
    /// Sockets for datagrams, each with the name that others know it by.
    pub datagrams: Vec<(UdpSocket, Option<Name>)>,
    /// Where connections are taken, likewise. Their places follow those of datagrams.
    pub streams: Vec<(Place, Option<Name>)>,
    /// Where it meets its connections.
    pub exchange: Exchange,
}

impl Proxying {
    /// One that takes calls on `inlets`, and judges by what `engine` knows and judges by.
    ///
    /// # Errors
    /// Those of the system, about the sockets.
    pub fn new(
        inlets: Inlets,
        engine: Engine,
        (settings, counters): (Arc<Settings>, Arc<Counters>),
    ) -> io::Result<Self> {
        let mut own = Vec::new();
        let mut ports = Vec::new();
        for (socket, name) in inlets.datagrams {
            prepare(&socket)?;
            let local = socket.local_addr()?;
            let place = Place { transport: Transport::Udp, address: local };
            ports.push(Port { place, name: name.unwrap_or_else(|| Name::of(local)) });
            own.push(Socket { socket, local, pressure: Pressure::default(), outbox: Outbox::new() });
        }
        for (place, name) in inlets.streams {
            ports.push(Port { place, name: name.unwrap_or_else(|| Name::of(place.address)) });
        }
        let ports = Ports::new(ports, Box::new(reach));
        let wait_micros_max = settings.common.overload.wait_micros_max;
        let relay = Relay::new(engine, ports, settings, Arc::clone(&counters));
        let lines = Lines::new(inlets.exchange.wanted, inlets.exchange.numbers);
        let (inbox, room) = (Inbox::new(), Vec::new());
        Ok(Self { relay, sockets: own, lines, inbox, room, counters, wait_micros_max })
    }

    /// The same that tells `mirror` of each decision.
    #[must_use]
    pub fn mirrored(mut self, mirror: Option<Mirror>) -> Self {
        self.relay.mirror = mirror;
        self
    }

    /// Takes what the names of next hops lead to now.
    pub fn take_places(&mut self, named: &[Named]) {
        self.relay.hops.name(named);
    }

    /// The connections that messages can go over.
    pub(super) fn lines(&mut self) -> &mut Lines {
        &mut self.lines
    }

    /// Takes one message of a connection, which has waited for so long.
    pub(super) fn take(&mut self, packet: &Packet<'_>, entry: Entry, waited_micros: i64) {
        self.relay.note_wait(waited_micros);
        if let Some(leaving) = self.relay.handle(packet, entry, &mut self.room) {
            leave(&mut self.sockets, &mut self.lines, leaving, &mut self.room, &self.counters);
        }
        self.relay.note_wait(0);
        self.send();
    }

    /// Notes that nobody takes a connection at `place`.
    pub(super) fn lose(&mut self, place: Place) {
        self.relay.lose(place);
    }

    /// Takes back what could not be sent to `place`: to whoever asked it is as if that had said 503 (RFC 3261 §16.9).
    pub(super) fn give_back(
        &mut self,
        unsent: Vec<Vec<u8>>,
        (place, local): (Place, SocketAddr),
        port: usize,
        at: Timestamp,
    ) {
        let mut said = Vec::new();
        for bytes in unsent {
            let message = Message::read(&bytes);
            if !message.is_request() || message.method() == Method::Ack {
                self.counters.add(Count::SendFailed);
                continue;
            }
            Request::new(&message, place.address, 0).begin(&mut said, 503, answer::phrase(503));
            answer::end(&mut said);
            let packet = Packet {
                at,
                source: place.address,
                destination: local,
                transport: place.transport,
                payload: &said,
                flags: Flags::NONE,
            };
            self.take(&packet, Entry::of(port), 0);
        }
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
                if let Some(leaving) = self.relay.handle(&packet, Entry::of(port), &mut self.room) {
                    leave(&mut self.sockets, &mut self.lines, leaving, &mut self.room, &self.counters);
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
            leave(&mut self.sockets, &mut self.lines, leaving, &mut self.room, &self.counters);
        }
        self.send();
    }

    fn tell(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        self.relay.tell(tell);
    }

    fn close(&mut self) {
        self.lines.close();
    }

    fn into_engine(self) -> Engine {
        self.relay.into_engine()
    }
}

/// Has `message` leave with the next batch, or over a connection.
fn leave(
    sockets: &mut [Socket],
    lines: &mut Lines,
    leaving: Leaving,
    message: &mut Vec<u8>,
    counters: &Counters,
) {
    if leaving.to.is_stream() {
        lines.send(leaving, std::mem::take(message), counters);
        return;
    }
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
