//! Answers in the name of whom a packet was meant for: IP packets of our own making.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd as _, OwnedFd};

use ahash::RandomState;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6, sendto, socket,
};

use crate::bytes::{u8, u16, u32};

/// Raw sockets, and room for one packet.
pub(super) struct Injector {
    v4: OwnedFd,
    v6: Option<OwnedFd>,
    packet: Vec<u8>,
    /// The number of the last datagram that went in pieces.
    identification: u32,
}

/// A TCP segment on its way, as far as it must be known to answer it (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    source: SocketAddr,
    destination: SocketAddr,
    sequence: u32,
    acknowledged: u32,
    payload_bytes: u32,
}

impl Segment {
    /// Reads the segment in the IP payload `bytes`, between these addresses.
    pub(super) fn read(source: IpAddr, destination: IpAddr, bytes: &[u8]) -> Option<Self> {
        let header_bytes = usize::from(u8(bytes, 12)? >> 4) * 4;
        Some(Self {
            source: SocketAddr::new(source, u16(bytes, 0)?),
            destination: SocketAddr::new(destination, u16(bytes, 2)?),
            sequence: u32(bytes, 4)?,
            acknowledged: u32(bytes, 8)?,
            payload_bytes: u32::try_from(bytes.len().checked_sub(header_bytes)?).ok()?,
        })
    }
}

impl Injector {
    /// # Errors
    /// Those of the system: it needs CAP_NET_RAW. A machine without IPv6 answers over IPv4 only.
    pub(super) fn open() -> io::Result<Self> {
        let open = |family| socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Raw);
        // Nobody else is to know which number comes next.
        let identification = RandomState::new().hash_one(0) as u32;
        Ok(Self {
            v4: open(AddressFamily::Inet)?,
            v6: open(AddressFamily::Inet6).ok(),
            packet: Vec::new(),
            identification,
        })
    }

    /// Sends `payload` as a datagram of `source`.
    pub(super) fn datagram(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    ) -> io::Result<()> {
        let head = datagram(&mut self.packet, source, destination, payload);
        match self.send(destination) {
            Err(error) if error.raw_os_error() == Some(Errno::EMSGSIZE as i32) => {}
            sent => return sent,
        }
        // A raw socket takes nothing that is longer than its way carries, and cuts nothing.
        self.identification = self.identification.wrapping_add(1);
        let whole = self.packet.split_off(head);
        for (place, bytes) in whole.chunks(PIECE_BYTES).enumerate() {
            let offset = place * PIECE_BYTES;
            let is_last = offset + bytes.len() == whole.len();
            let ends = (source.ip(), destination.ip());
            piece(&mut self.packet, ends, (self.identification, offset, is_last), bytes);
            self.send(destination)?;
        }
        Ok(())
    }

    /// Ends the connection of a segment that does not go on: who sent it reads `payload` and then the end, who was to get it
    /// learns that it is over.
    pub(super) fn end(&mut self, segment: Segment, payload: &[u8]) -> io::Result<()> {
        let Segment { source, destination, sequence, acknowledged, payload_bytes } = segment;
        let numbers = (acknowledged, sequence.wrapping_add(payload_bytes));
        self::segment(&mut self.packet, (destination, source), numbers, FIN | PUSH | ACK, payload);
        let answered = self.send(source);
        self::segment(&mut self.packet, (source, destination), (sequence, 0), RESET, b"");
        let over = self.send(destination);
        answered.and(over)
    }

    fn send(&self, to: SocketAddr) -> io::Result<()> {
        let (packet, flags) = (&self.packet, MsgFlags::MSG_DONTWAIT);
        // The port must be none: it would be taken for a protocol.
        match (to, &self.v6) {
            (SocketAddr::V4(v4), _) => {
                let to = SockaddrIn::from(SocketAddrV4::new(*v4.ip(), 0));
                sendto(self.v4.as_raw_fd(), packet, &to, flags)?;
            }
            (SocketAddr::V6(v6), Some(socket)) => {
                let to = SockaddrIn6::from(SocketAddrV6::new(*v6.ip(), 0, 0, v6.scope_id()));
                sendto(socket.as_raw_fd(), packet, &to, flags)?;
            }
            (SocketAddr::V6(_), None) => return Err(io::ErrorKind::Unsupported.into()),
        }
        Ok(())
    }
}

/// Returns where the payload of IP begins.
fn datagram(out: &mut Vec<u8>, source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> usize {
    let length = payload.len() + UDP_BYTES;
    let head = begin(out, (source.ip(), destination.ip()), UDP, length);
    for number in [source.port(), destination.port(), length as u16, 0] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(payload);
    // RFC 768: no checksum is said as zero, so a zero is said as all ones.
    let sum = match checksum((source.ip(), destination.ip()), UDP, out.get(head..).unwrap_or_default()) {
        0 => 0xffff,
        sum => sum,
    };
    put(out, head + 6, sum);
    head
}

/// One piece of a datagram: its number, where the piece lies, whether it is the last (RFC 791 §3.2, RFC 8200 §4.5).
fn piece(
    out: &mut Vec<u8>,
    ends: (IpAddr, IpAddr),
    (identification, offset, is_last): (u32, usize, bool),
    bytes: &[u8],
) {
    let offset = offset as u16;
    if ends.0.is_ipv4() {
        begin(out, ends, UDP, bytes.len());
        put(out, 4, identification as u16);
        put(out, 6, offset >> 3 | if is_last { 0 } else { 0x2000 });
    } else {
        begin(out, ends, FRAGMENT, bytes.len() + FRAGMENT_BYTES);
        out.extend_from_slice(&[UDP, 0]);
        out.extend_from_slice(&(offset | u16::from(!is_last)).to_be_bytes());
        out.extend_from_slice(&identification.to_be_bytes());
    }
    out.extend_from_slice(bytes);
}

fn segment(
    out: &mut Vec<u8>,
    (source, destination): (SocketAddr, SocketAddr),
    (sequence, acknowledged): (u32, u32),
    flags: u8,
    payload: &[u8],
) {
    let head = begin(out, (source.ip(), destination.ip()), TCP, payload.len() + TCP_BYTES);
    out.extend_from_slice(&source.port().to_be_bytes());
    out.extend_from_slice(&destination.port().to_be_bytes());
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&acknowledged.to_be_bytes());
    // Five words of header, a window that nobody needs, no checksum yet, nothing urgent.
    out.extend_from_slice(&[(TCP_BYTES as u8 / 4) << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    out.extend_from_slice(payload);
    let sum = checksum((source.ip(), destination.ip()), TCP, out.get(head..).unwrap_or_default());
    put(out, head + 16, sum);
}

/// Begins a packet with its IP header. Returns where the payload begins.
fn begin(out: &mut Vec<u8>, ends: (IpAddr, IpAddr), protocol: u8, length: usize) -> usize {
    out.clear();
    match ends {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total = (length + IPV4_BYTES) as u16;
            out.extend_from_slice(&[0x45, 0]);
            out.extend_from_slice(&total.to_be_bytes());
            // Not to be cut; the kernel writes the checksum.
            out.extend_from_slice(&[0, 0, 0x40, 0, HOPS, protocol, 0, 0]);
            out.extend_from_slice(&source.octets());
            out.extend_from_slice(&destination.octets());
        }
        (source, destination) => {
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&(length as u16).to_be_bytes());
            out.extend_from_slice(&[protocol, HOPS]);
            for address in [source, destination] {
                let octets = match address {
                    IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                    IpAddr::V6(v6) => v6.octets(),
                };
                out.extend_from_slice(&octets);
            }
        }
    }
    out.len()
}

/// The Internet checksum (RFC 1071) of `bytes` behind the pseudo header of their packet (RFC 9293 §3.1, RFC 8200 §8.1).
fn checksum((source, destination): (IpAddr, IpAddr), protocol: u8, bytes: &[u8]) -> u16 {
    let mut sum = u64::from(protocol) + bytes.len() as u64;
    for address in [source, destination] {
        match address {
            IpAddr::V4(v4) => sum += words(&v4.octets()),
            IpAddr::V6(v6) => sum += words(&v6.octets()),
        }
    }
    sum += words(bytes);
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

fn words(bytes: &[u8]) -> u64 {
    bytes
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => u64::from(high) << 8 | u64::from(low),
            [high] => u64::from(high) << 8,
            _ => 0,
        })
        .sum()
}

fn put(out: &mut [u8], at: usize, value: u16) {
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

const UDP: u8 = 17;
const FRAGMENT: u8 = 44;
const FRAGMENT_BYTES: usize = 8;
/// Bytes of one piece, a multiple of eight: with its headers no longer than what every way carries (RFC 8200 §5).
const PIECE_BYTES: usize = 1_232;
const TCP: u8 = 6;
const UDP_BYTES: usize = 8;
const TCP_BYTES: usize = 20;
const IPV4_BYTES: usize = 20;
const HOPS: u8 = 64;
const FIN: u8 = 0x01;
const RESET: u8 = 0x04;
const PUSH: u8 = 0x08;
const ACK: u8 = 0x10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembler::Ip;
    use crate::{Assembler, Frame, LinkType};
    use rules::Timestamp;

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// Ends and payload of a packet whose checksum is right.
    fn read(packet: &[u8]) -> (u8, IpAddr, IpAddr, Vec<u8>) {
        let ip = Ip::read(packet).unwrap();
        let ends = (ip.ends.source, ip.ends.destination);
        assert_eq!(checksum(ends, ip.protocol, ip.payload), 0, "the sum over a right checksum is zero");
        assert_eq!(ip.missing, 0);
        (ip.protocol, ends.0, ends.1, ip.payload.to_vec())
    }

    #[test]
    fn a_datagram_is_one_of_whoever_it_names() {
        for (source, destination) in
            [("192.0.2.1:5060", "198.51.100.7:5062"), ("[2001:db8::1]:5060", "[2001:db8::2]:1024")]
        {
            let (source, destination) = (socket(source), socket(destination));
            for payload in [&b""[..], b"odd", b"even"] {
                let mut packet = Vec::new();
                datagram(&mut packet, source, destination, payload);
                let (protocol, from, to, datagram) = read(&packet);
                assert_eq!((protocol, from, to), (UDP, source.ip(), destination.ip()));
                assert_eq!(
                    (u16(&datagram, 0), u16(&datagram, 2)),
                    (Some(source.port()), Some(destination.port()))
                );
                assert_eq!(u16(&datagram, 4), Some(datagram.len() as u16));
                assert_eq!(&datagram[8..], payload);
            }
        }
    }

    #[test]
    fn pieces_are_put_together_to_the_datagram() {
        for (source, destination) in
            [("192.0.2.1:5060", "198.51.100.7:5062"), ("[2001:db8::1]:5060", "[2001:db8::2]:1024")]
        {
            let (source, destination) = (socket(source), socket(destination));
            let payload = [&b"SIP/2.0 603 Decline\r\nSubject: "[..], &[b'x'; 4_000], b"\r\n\r\n"].concat();
            let mut packet = Vec::new();
            let head = datagram(&mut packet, source, destination, &payload);
            let whole = packet.split_off(head);
            let (mut assembler, mut came) = (Assembler::new(), Vec::new());
            for (place, bytes) in whole.chunks(PIECE_BYTES).enumerate() {
                let offset = place * PIECE_BYTES;
                let is_last = offset + bytes.len() == whole.len();
                piece(&mut packet, (source.ip(), destination.ip()), (7, offset, is_last), bytes);
                assert!(packet.len() <= 1_280);
                let (at, link, original_length) = (Timestamp(1), LinkType::RAW, packet.len() as u32);
                let frame = Frame { at, link, data: &packet, original_length };
                assembler.assemble(frame, &mut |packet| {
                    came.push((packet.source, packet.destination, packet.payload.to_vec()));
                });
            }
            assert_eq!(came, [(source, destination, payload)]);
        }
    }

    #[test]
    fn a_segment_follows_the_numbers_of_the_one_it_answers() {
        let (caller, called) = (socket("192.0.2.1:40000"), socket("198.51.100.7:5060"));
        let mut packet = Vec::new();
        segment(&mut packet, (caller, called), (u32::MAX, 77), PUSH | ACK, b"INVITE");
        let (protocol, from, to, bytes) = read(&packet);
        assert_eq!((protocol, from, to), (TCP, caller.ip(), called.ip()));
        let read = Segment::read(from, to, &bytes).unwrap();
        assert_eq!(
            read,
            Segment {
                source: caller,
                destination: called,
                sequence: u32::MAX,
                acknowledged: 77,
                payload_bytes: 6
            }
        );
        assert_eq!(Segment::read(from, to, &bytes[..19]), None);
    }
}
