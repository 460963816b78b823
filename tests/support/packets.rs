//! Packets made by hand: UDP, TCP, fragments, in a classic pcap of raw IP (link type 101).

use std::net::{Ipv4Addr, SocketAddrV4};

/// A capture under construction.
pub(crate) struct Capture {
    bytes: Vec<u8>,
    micros: u64,
    identification: u16,
}

/// Where the messages come from and go to.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    pub(crate) from: SocketAddrV4,
    pub(crate) to: SocketAddrV4,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            from: SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 5060),
            to: SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 1), 5060),
        }
    }
}

impl Capture {
    /// An empty capture that begins at 2026-10-14 15:00 UTC.
    pub(crate) fn new() -> Self {
        let mut bytes = 0xa1b2_c3d4u32.to_le_bytes().to_vec();
        bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(262_144u32.to_le_bytes());
        bytes.extend(101u32.to_le_bytes());
        Self { bytes, micros: 1_791_990_000_000_000, identification: 1 }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, micros: u64) -> &mut Self {
        self.micros += micros;
        self
    }

    pub(crate) fn udp(&mut self, path: Path, payload: &[u8]) -> &mut Self {
        let datagram = udp(path, payload);
        self.ip(path, 17, 0, &datagram)
    }

    /// One datagram in IP fragments of `size` bytes; with `overlap` each but the first repeats 8 bytes of the one
    /// before it.
    pub(crate) fn udp_fragments(
        &mut self,
        path: Path,
        payload: &[u8],
        size: usize,
        overlap: bool,
    ) -> &mut Self {
        let datagram = udp(path, payload);
        let size = (size / 8).max(1) * 8;
        self.identification += 1;
        let identification = self.identification;
        let mut start = 0;
        while start < datagram.len() {
            let begin = if overlap && start > 0 { start - 8 } else { start };
            let end = (start + size).min(datagram.len());
            let more = u16::from(end < datagram.len()) << 13;
            self.identification = identification;
            self.ip(path, 17, more | (begin / 8) as u16, &datagram[begin..end]);
            start = end;
        }
        self.identification += 1;
        self
    }

    /// A TCP connection that carries `stream` in segments of `size` bytes.
    pub(crate) fn tcp(&mut self, path: Path, stream: &[u8], size: usize) -> &mut Self {
        let back = Path { from: path.to, to: path.from };
        self.segment(path, 1000, 0, SYN, b"").segment(back, 5000, 1001, SYN | ACK, b"");
        self.segment(path, 1001, 5001, ACK, b"");
        let mut sequence = 1001u32;
        for chunk in stream.chunks(size) {
            self.segment(path, sequence, 5001, ACK | PSH, chunk);
            sequence += chunk.len() as u32;
        }
        self.segment(path, sequence, 5001, ACK | FIN, b"")
    }

    fn segment(
        &mut self,
        path: Path,
        sequence: u32,
        acknowledged: u32,
        flags: u8,
        payload: &[u8],
    ) -> &mut Self {
        let mut segment = path.from.port().to_be_bytes().to_vec();
        segment.extend(path.to.port().to_be_bytes());
        segment.extend(sequence.to_be_bytes());
        segment.extend(acknowledged.to_be_bytes());
        segment.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(payload);
        self.ip(path, 6, 0, &segment)
    }

    fn ip(&mut self, path: Path, protocol: u8, fragment: u16, payload: &[u8]) -> &mut Self {
        let mut packet = vec![0x45, 0];
        packet.extend((20 + payload.len() as u16).to_be_bytes());
        packet.extend(self.identification.to_be_bytes());
        packet.extend(fragment.to_be_bytes());
        packet.extend([64, protocol, 0, 0]);
        packet.extend(path.from.ip().octets());
        packet.extend(path.to.ip().octets());
        let sum = packet.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(payload);
        self.frame(&packet)
    }

    fn frame(&mut self, packet: &[u8]) -> &mut Self {
        self.micros += 100;
        self.identification = self.identification.wrapping_add(1);
        self.bytes.extend(((self.micros / 1_000_000) as u32).to_le_bytes());
        self.bytes.extend(((self.micros % 1_000_000) as u32).to_le_bytes());
        self.bytes.extend((packet.len() as u32).to_le_bytes());
        self.bytes.extend((packet.len() as u32).to_le_bytes());
        self.bytes.extend(packet);
        self
    }
}

fn udp(path: Path, payload: &[u8]) -> Vec<u8> {
    let mut datagram = path.from.port().to_be_bytes().to_vec();
    datagram.extend(path.to.port().to_be_bytes());
    datagram.extend((8 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;
