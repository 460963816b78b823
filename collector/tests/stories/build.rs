//! Frames, layer by layer: each function wraps what it is given.

use std::net::{IpAddr, SocketAddr};

use crate::collector::{Assembler, Capture, Counters, Frame, LinkType};
use rules::{Flags, Timestamp, Transport};

/// A message that came out, with all that a story may ask about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) at: Timestamp,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) flags: Flags,
    pub(crate) payload: Vec<u8>,
}

/// An assembler with all that came out of it.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) assembler: Assembler,
    pub(crate) messages: Vec<Message>,
}

impl Run {
    pub(crate) fn frame(&mut self, at: i64, link: LinkType, data: &[u8]) {
        let original_length = u32::try_from(data.len()).unwrap();
        self.take(Frame { at: Timestamp(at), link, data, original_length });
    }

    pub(crate) fn take(&mut self, frame: Frame<'_>) {
        let messages = &mut self.messages;
        self.assembler.assemble(frame, &mut |packet| messages.push(message(packet)));
    }

    pub(crate) fn finish(&mut self) {
        let messages = &mut self.messages;
        self.assembler.finish(&mut |packet| messages.push(message(packet)));
    }

    pub(crate) fn counters(&self) -> &Counters {
        self.assembler.counters()
    }

    pub(crate) fn capture(capture: &mut Capture) -> Self {
        let mut run = Self::default();
        while let Some(frame) = capture.next_frame() {
            run.take(frame);
        }
        run.finish();
        run
    }
}

fn message(packet: engine::Packet<'_>) -> Message {
    Message {
        at: packet.at,
        source: packet.source,
        destination: packet.destination,
        transport: packet.transport,
        flags: packet.flags,
        payload: packet.payload.to_vec(),
    }
}

/// An INVITE of Call-ID `call` with `body` behind it.
pub(crate) fn invite(call: &str, body: &str) -> Vec<u8> {
    format!(
        "INVITE sip:+12025550100@gw.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{call}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:+12025550143@h.example>;tag=a1\r\n\
         To: <sip:+12025550100@ringwall.example>\r\n\
         Call-ID: {call}\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:192.0.2.1>\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The two ends of most stories.
pub(crate) const SOURCE: &str = "192.0.2.1:5060";
pub(crate) const DESTINATION: &str = "192.0.2.2:5060";

pub(crate) fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub(crate) fn ethernet(ether_type: u16, inner: &[u8]) -> Vec<u8> {
    joined(&[&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &ether_type.to_be_bytes(), inner])
}

pub(crate) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap();
    joined(&[&source.to_be_bytes(), &destination.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload])
}

pub(crate) struct Ipv4 {
    pub(crate) source: [u8; 4],
    pub(crate) destination: [u8; 4],
    pub(crate) protocol: u8,
    pub(crate) id: u16,
    /// Offset in bytes; whether more follow.
    pub(crate) place: (usize, bool),
    pub(crate) options: Vec<u8>,
}

impl Default for Ipv4 {
    fn default() -> Self {
        Self {
            source: [192, 0, 2, 1],
            destination: [192, 0, 2, 2],
            protocol: 17,
            id: 1,
            place: (0, false),
            options: Vec::new(),
        }
    }
}

impl Ipv4 {
    pub(crate) fn around(&self, inner: &[u8]) -> Vec<u8> {
        let words = u8::try_from(5 + self.options.len() / 4).unwrap();
        let total = u16::try_from(inner.len() + usize::from(words) * 4).unwrap();
        let (offset, more) = self.place;
        let place = u16::try_from(offset / 8).unwrap() | if more { 0x2000 } else { 0 };
        joined(&[
            &[0x40 | words, 0],
            &total.to_be_bytes(),
            &self.id.to_be_bytes(),
            &place.to_be_bytes(),
            &[64, self.protocol, 0, 0],
            &self.source,
            &self.destination,
            &self.options,
            inner,
        ])
    }

    /// The fragments of `inner`, each with at most `size` bytes of it.
    pub(crate) fn fragments(self, inner: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut ip = self;
        let count = inner.len().div_ceil(size);
        inner
            .chunks(size)
            .enumerate()
            .map(|(index, part)| {
                ip.place = (index * size, index + 1 < count);
                ip.around(part)
            })
            .collect()
    }
}

/// An IPv6 packet with `next` as its first next header.
pub(crate) fn ipv6(next: u8, inner: &[u8]) -> Vec<u8> {
    let ends = |last| {
        let mut octets = [0; 16];
        octets[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        octets[15] = last;
        octets
    };
    let length = u16::try_from(inner.len()).unwrap();
    joined(&[&[0x60, 0, 0, 0], &length.to_be_bytes(), &[next, 64], &ends(1), &ends(2), inner])
}

/// IPv4 around UDP around `payload`, between the usual ends.
pub(crate) fn ip_udp(payload: &[u8]) -> Vec<u8> {
    Ipv4::default().around(&udp(5060, 5060, payload))
}

/// One way of a TCP connection, counting its bytes.
pub(crate) struct Tcp {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) sequence: u32,
}

pub(crate) const SYN: u8 = 2;
pub(crate) const FIN: u8 = 1;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;

impl Tcp {
    pub(crate) fn new(sequence: u32) -> Self {
        Self { source: address(SOURCE), destination: address(DESTINATION), sequence }
    }

    /// The next segment, as an Ethernet frame.
    pub(crate) fn next(&mut self, flags: u8, payload: &[u8]) -> Vec<u8> {
        let frame = self.at(0, flags, payload);
        let phantom = u32::from(flags & (SYN | FIN) != 0);
        self.sequence = self.sequence.wrapping_add(u32::try_from(payload.len()).unwrap() + phantom);
        frame
    }

    /// A segment `distance` bytes after the next, which is not counted.
    pub(crate) fn at(&self, distance: i64, flags: u8, payload: &[u8]) -> Vec<u8> {
        let sequence = self.sequence.wrapping_add(distance as u32);
        let segment = joined(&[
            &self.source.port().to_be_bytes(),
            &self.destination.port().to_be_bytes(),
            &sequence.to_be_bytes(),
            &[0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0],
            payload,
        ]);
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (self.source.ip(), self.destination.ip()) else {
            panic!("these stories speak IPv4");
        };
        let ip = Ipv4 {
            source: source.octets(),
            destination: destination.octets(),
            protocol: 6,
            ..Ipv4::default()
        };
        ethernet(0x0800, &ip.around(&segment))
    }
}
