//! An agent of a story: HEP as heplify writes it, sent over real sockets.

use std::net::{SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{Service, within};
use crate::support::messages::Dialog;
use crate::support::packets::Path;

/// What each story has in `[hep]`, before its own senders.
pub(super) const ON: &str = "[hep]\nudp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\n";

/// Where HEP goes, as the ready line says.
pub(super) fn address(service: &Service, what: &str) -> SocketAddr {
    let (_, rest) =
        service.ready.split_once(" hep ").unwrap_or_else(|| panic!("no hep in {}", service.ready));
    let found = rest.split_whitespace().find_map(|word| word.strip_prefix(what));
    found.unwrap_or_else(|| panic!("no {what} in {rest}")).parse().unwrap()
}

/// The moment, in microseconds since 1970.
#[allow(clippy::disallowed_methods, reason = "agents live in real time")]
pub(super) fn micros() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as i64
}

/// One message as heplify sends it: the chunks of its encoder, in its order.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) path: Path,
    pub(super) protocol: u8,
    pub(super) micros: i64,
    pub(super) kind: u8,
    pub(super) key: &'a str,
    pub(super) payload: &'a [u8],
}

impl<'a> Told<'a> {
    pub(super) fn new(micros: i64, payload: &'a [u8]) -> Self {
        Self { path: Path::default(), protocol: 17, micros, kind: 1, key: "", payload }
    }

    /// What the called side sends.
    pub(super) fn back(self) -> Self {
        Self { path: Path { from: self.path.to, to: self.path.from }, ..self }
    }

    pub(super) fn packet(&self) -> Vec<u8> {
        let (seconds, micros) = (self.micros / 1_000_000, self.micros % 1_000_000);
        let ip = |end: SocketAddrV4| end.ip().octets();
        let mut chunks = Vec::new();
        chunk(&mut chunks, 1, &[2]);
        chunk(&mut chunks, 2, &[self.protocol]);
        chunk(&mut chunks, 3, &ip(self.path.from));
        chunk(&mut chunks, 4, &ip(self.path.to));
        chunk(&mut chunks, 7, &self.path.from.port().to_be_bytes());
        chunk(&mut chunks, 8, &self.path.to.port().to_be_bytes());
        chunk(&mut chunks, 9, &(seconds as u32).to_be_bytes());
        chunk(&mut chunks, 10, &(micros as u32).to_be_bytes());
        chunk(&mut chunks, 11, &[self.kind]);
        chunk(&mut chunks, 12, &2002_u32.to_be_bytes());
        if !self.key.is_empty() {
            chunk(&mut chunks, 14, self.key.as_bytes());
        }
        chunk(&mut chunks, 15, self.payload);
        chunk(&mut chunks, 18, &0_u16.to_be_bytes());
        chunk(&mut chunks, 19, b"edge-1");
        let mut packet = b"HEP3".to_vec();
        packet.extend((6 + chunks.len() as u16).to_be_bytes());
        packet.extend(chunks);
        packet
    }
}

fn chunk(chunks: &mut Vec<u8>, kind: u16, value: &[u8]) {
    chunks.extend([0, 0]);
    chunks.extend(kind.to_be_bytes());
    chunks.extend((6 + value.len() as u16).to_be_bytes());
    chunks.extend(value);
}

/// A call from its INVITE to its end, which began at `begin`: half a second of silence, a second of ringing, two of talk.
pub(super) fn call(dialog: &Dialog, begin: i64, key: &str) -> Vec<Vec<u8>> {
    let told = |millis: i64, payload: &[u8], by_called: bool| {
        let told = Told { key, ..Told::new(begin + millis * 1_000, payload) };
        if by_called { told.back().packet() } else { told.packet() }
    };
    vec![
        told(0, &dialog.opening("INVITE", 1, "i", ""), false),
        told(10, &dialog.response("100 Trying", "INVITE", 1, "i"), true),
        told(500, &dialog.response("180 Ringing", "INVITE", 1, "i"), true),
        told(1_500, &dialog.response("200 OK", "INVITE", 1, "i"), true),
        told(1_520, &dialog.by_caller("ACK", 1, "a"), false),
        told(3_500, &dialog.by_called("BYE", 1, "b"), true),
        told(3_510, &dialog.response("200 OK", "BYE", 1, "b"), false),
    ]
}

pub(super) fn send(socket: &UdpSocket, packets: &[Vec<u8>]) {
    packets.iter().for_each(|packet| assert_eq!(socket.send(packet).unwrap(), packet.len()));
}

pub(super) fn agent(service: &Service) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address(service, "udp:")).unwrap();
    socket
}

pub(super) fn connection(service: &Service) -> TcpStream {
    let stream = TcpStream::connect(address(service, "tcp:")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Waits until a metric has this value.
pub(super) fn expect(service: &Service, metric: &str, value: u64) {
    let found = || service.metric(&format!("ringwall_{metric}"));
    within(5, || (found() == value).then_some(())).unwrap_or_else(|| panic!("{metric} is {}", found()));
}

/// Leaves out what depends on when packets came.
pub(super) fn without_moments(line: &mut Value) {
    let line = line.as_object_mut().unwrap();
    line.retain(|name, _| !MOMENTS.contains(&name.as_str()));
    if let Some(Value::String(seen)) = line.get_mut("seen") {
        // What was seen later says how much later.
        let of_one = |part: &str| match part.strip_prefix('@').and_then(|part| part.split_once(' ')) {
            Some((_, rest)) => rest.to_owned(),
            None => part.to_owned(),
        };
        *seen = seen.split('|').map(of_one).collect::<Vec<_>>().join("|");
    }
}

const MOMENTS: &[&str] = &[
    "start",
    "ring_seconds",
    "duration_seconds",
    "rang_at",
    "answered_at",
    "ended_at",
    "refused_at",
    "timed_out_at",
    "counted",
    "came_to",
];
