//! HEP out: what was asked and what was decided, for Homer or whoever reads HEP.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::sip::Message;
use engine::{Engine, Packet};
use rules::{Policy, Timestamp, Transport, Verdict};
use serde_json::json;

use crate::hep::{self, Hep, packets};
use crate::judge::{Count, Counters, found, now};
use crate::limits::{MIRROR_BYTES_MAX, MIRRORED_WAITING_MAX};
use crate::sensor::Key;

/// Where it goes.
#[derive(Clone, Debug)]
pub struct Target {
    /// The address.
    pub address: SocketAddr,
    /// What carries it.
    pub carriage: Carriage,
    /// The number by which the reader knows us (chunk 12).
    pub node: u32,
    /// What we show (chunk 14).
    pub key: Option<Key>,
}

/// What carries HEP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// A datagram for each packet.
    Udp,
    /// One stream, begun anew a second after it broke.
    Tcp,
}

/// Takes decisions and has them sent by a thread of its own. Nobody ever waits for that.
#[derive(Clone)]
pub struct Mirror {
    to: SyncSender<Vec<u8>>,
    waiting_bytes: Arc<AtomicUsize>,
    node: u32,
    key: Option<Key>,
    counters: Arc<Counters>,
}

/// One decision.
#[derive(Clone, Copy)]
struct Mirrored<'a> {
    /// What was asked.
    packet: &'a Packet<'a>,
    /// Whose policy decided, and what; `None` when the call is nobody's and goes on.
    decided: Option<(&'a Policy, &'a Verdict)>,
    /// What we said; `None` is silence.
    status: Option<u16>,
}

impl Mirror {
    /// Starts the thread that sends to `target`. It ends when the mirror and its copies are dropped and what waits is sent.
    ///
    /// # Errors
    /// Those of the system, about the socket or the thread.
    pub fn start(target: Target, counters: Arc<Counters>) -> io::Result<(Self, JoinHandle<()>)> {
        let out = Out::new(&target)?;
        let (to, from) = sync_channel(MIRRORED_WAITING_MAX);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let sending =
            Sending { out, waiting_bytes: Arc::clone(&waiting_bytes), counters: Arc::clone(&counters) };
        let thread =
            std::thread::Builder::new().name("mirror".to_owned()).spawn(move || sending.run(&from))?;
        Ok((Self { to, waiting_bytes, node: target.node, key: target.key, counters }, thread))
    }

    /// Tells of what `engine` decided about the attempt at `place`, which `packet` opened, and what was said.
    pub(crate) fn reflect_decision(
        &self,
        engine: &Engine,
        (packet, place): (&Packet<'_>, u32),
        status: Option<u16>,
    ) {
        let decided = found(engine, place)
            .and_then(|(policies, policy, verdict)| Some((policies.policy(policy? as usize)?, verdict?)));
        let decided = decided.as_ref().map(|(policy, verdict)| (*policy, verdict));
        self.reflect(Mirrored { packet, decided, status });
    }

    /// Sends `mirrored`, if there is room; else it is counted.
    fn reflect(&self, mirrored: Mirrored<'_>) {
        let bytes = self.packets(mirrored);
        let length = bytes.len();
        let waiting = self.waiting_bytes.fetch_add(length, Ordering::Relaxed);
        if waiting + length > MIRROR_BYTES_MAX || self.to.try_send(bytes).is_err() {
            self.waiting_bytes.fetch_sub(length, Ordering::Relaxed);
            self.counters.add_many(Count::MirrorDropped, PACKETS);
        }
    }

    /// Two packets: the message as it came, and a log line (type 100) about it that names the same call in chunk 17, where
    /// Homer looks for what belongs to a call.
    fn packets(&self, mirrored: Mirrored<'_>) -> Vec<u8> {
        let packet = mirrored.packet;
        let call_id = Message::read(packet.payload).call_id();
        let quoting = Hep {
            version: 3,
            source: of_family(packet.source, packet.destination),
            destination: of_family(packet.destination, packet.source),
            protocol: protocol(packet.transport),
            kind: Hep::SIP,
            at: Some(packet.at),
            agent: Some(self.node),
            key: self.key.as_ref().map(Key::bytes),
            correlation: (!call_id.is_empty()).then_some(call_id),
            payload: packet.payload,
            is_compressed: false,
        };
        let line = mirrored.line(call_id);
        let mut bytes = Vec::with_capacity(packet.payload.len() + line.len() + HEADERS_BYTES_USUAL);
        hep::write(&quoting, &mut bytes);
        hep::write(&Hep { kind: LOG, payload: line.as_bytes(), ..quoting }, &mut bytes);
        bytes
    }
}

impl Mirrored<'_> {
    fn line(&self, call_id: &[u8]) -> String {
        let verdict = self.decided.map(|(_, verdict)| verdict);
        json!({
            "call_id": String::from_utf8_lossy(call_id),
            "verdict": verdict.map_or(rules::Action::Allow, |verdict| verdict.action).word(),
            "would": verdict.and_then(|verdict| verdict.would).map(rules::Action::word),
            "status": self.status,
            "rule": self.decided.and_then(|(policy, verdict)| policy.decider(verdict)),
            "customer": self.decided.map(|(policy, _)| policy.name()),
            "policy_version": self.decided.map(|(policy, _)| policy.version()),
        })
        .to_string()
    }
}

/// `end` in the family that both ends can be written in: a socket for both families has IPv4 ends as IPv6.
fn of_family(end: SocketAddr, other: SocketAddr) -> SocketAddr {
    let canonical = SocketAddr::new(end.ip().to_canonical(), end.port());
    match (canonical, other.ip().to_canonical().is_ipv4()) {
        // Where nobody knows one end, such as over HTTP, it is unspecified.
        (SocketAddr::V6(v6), true) if v6.ip().is_unspecified() => (Ipv4Addr::UNSPECIFIED, v6.port()).into(),
        (SocketAddr::V4(v4), false) if v4.ip().is_unspecified() => (Ipv6Addr::UNSPECIFIED, v4.port()).into(),
        _ => canonical,
    }
}

fn protocol(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 17,
        Transport::Sctp => 132,
        Transport::Tls => 22,
        _ => 6,
    }
}

/// What the thread works with.
struct Sending {
    out: Out,
    waiting_bytes: Arc<AtomicUsize>,
    counters: Arc<Counters>,
}

impl Sending {
    fn run(mut self, from: &Receiver<Vec<u8>>) {
        while let Ok(bytes) = from.recv() {
            self.waiting_bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
            let sent = self.out.send(&bytes);
            self.counters.add_many(Count::MirrorSent, sent);
            self.counters.add_many(Count::MirrorDropped, PACKETS - sent);
        }
    }
}

enum Out {
    Datagrams(UdpSocket),
    Stream { address: SocketAddr, stream: Option<TcpStream>, broke: Timestamp },
}

impl Out {
    fn new(target: &Target) -> io::Result<Self> {
        if target.carriage == Carriage::Tcp {
            return Ok(Self::Stream { address: target.address, stream: None, broke: Timestamp(0) });
        }
        let any = if target.address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(target.address)?;
        Ok(Self::Datagrams(socket))
    }

    /// Returns how many of the packets in `bytes` were sent.
    fn send(&mut self, bytes: &[u8]) -> u64 {
        match self {
            Self::Datagrams(socket) => {
                // That the one before found nobody is told with this one, which then is not sent.
                let send = |packet: &[u8]| socket.send(packet).or_else(|_| socket.send(packet)).is_ok();
                packets(bytes).filter(|packet| send(packet)).count() as u64
            }
            Self::Stream { address, stream, broke } => {
                if stream.is_none() && now().micros_since(*broke) < PAUSE_MICROS {
                    return 0;
                }
                let written = match stream.take().map_or_else(|| connect(*address), Ok) {
                    Ok(mut open) => open.write_all(bytes).map(|()| *stream = Some(open)),
                    Err(error) => Err(error),
                };
                if written.is_err() {
                    *broke = now();
                    return 0;
                }
                PACKETS
            }
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Packets for each decision.
const PACKETS: u64 = 2;
/// The number of a log line among what HEP quotes.
const LOG: u8 = 100;
const HEADERS_BYTES_USUAL: usize = 320;
/// How long a reader may take to accept a connection or to take what is written.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a broken stream is left alone, in microseconds.
const PAUSE_MICROS: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use rules::Flags;

    use super::*;

    fn packet(payload: &[u8]) -> Packet<'_> {
        Packet {
            at: Timestamp(1_700_000_000_123_456),
            source: "[::ffff:192.0.2.1]:5062".parse().unwrap(),
            destination: "198.51.100.1:5060".parse().unwrap(),
            transport: Transport::Udp,
            payload,
            flags: Flags::NONE,
        }
    }

    fn target(address: SocketAddr, carriage: Carriage) -> Target {
        Target { address, carriage, node: 77, key: Key::new(b"k3y") }
    }

    #[test]
    fn our_own_reader_reads_the_message_and_the_line_about_it() {
        let reader = UdpSocket::bind("127.0.0.1:0").unwrap();
        let counters = Arc::new(Counters::default());
        let to = target(reader.local_addr().unwrap(), Carriage::Udp);
        let (mirror, thread) = Mirror::start(to, Arc::clone(&counters)).unwrap();
        let message = b"INVITE sip:1@a SIP/2.0\r\nCall-ID: one@example.com\r\n\r\n";
        mirror.reflect(Mirrored { packet: &packet(message), decided: None, status: Some(302) });
        let mut room = [0; 4_096];
        let count = reader.recv(&mut room).unwrap();
        let sip = hep::read(&room[..count]).unwrap();
        assert_eq!(
            (sip.kind, sip.payload, sip.agent, sip.key),
            (1, &message[..], Some(77), Some(&b"k3y"[..]))
        );
        assert_eq!((sip.source, sip.at), ("192.0.2.1:5062".parse().unwrap(), Some(packet(b"").at)));
        let count = reader.recv(&mut room).unwrap();
        let log = hep::read(&room[..count]).unwrap();
        assert_eq!((log.kind, log.correlation), (100, Some(&b"one@example.com"[..])));
        let line: serde_json::Value = serde_json::from_slice(log.payload).unwrap();
        assert_eq!(
            (&line["verdict"], &line["status"], &line["rule"]),
            (&"allow".into(), &302.into(), &json!(null))
        );
        drop(mirror);
        thread.join().unwrap();
        assert_eq!((counters.of(Count::MirrorSent), counters.of(Count::MirrorDropped)), (2, 0));
    }

    #[test]
    fn nobody_waits_for_a_reader_that_takes_nothing() {
        let reader = TcpListener::bind("127.0.0.1:0").unwrap();
        let counters = Arc::new(Counters::default());
        let to = target(reader.local_addr().unwrap(), Carriage::Tcp);
        let (mirror, thread) = Mirror::start(to, Arc::clone(&counters)).unwrap();
        let message = vec![b'x'; 60_000];
        let begun = now();
        for _ in 0..2_000 {
            mirror.reflect(Mirrored { packet: &packet(&message), decided: None, status: None });
        }
        assert!(now().micros_since(begun) < 1_500_000, "it waited");
        assert!(counters.of(Count::MirrorDropped) > 2_000, "{}", counters.of(Count::MirrorDropped));
        // Whoever reads after all gets whole packets.
        let (mut stream, _) = reader.accept().unwrap();
        let mut room = [0; 6];
        stream.read_exact(&mut room).unwrap();
        assert_eq!(&room[..4], b"HEP3");
        drop((mirror, stream, reader));
        thread.join().unwrap();
        let all = counters.of(Count::MirrorSent) + counters.of(Count::MirrorDropped);
        assert_eq!(all, 4_000);
    }
}
