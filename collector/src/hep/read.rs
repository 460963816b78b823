//! Reads a HEP packet of any version.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rules::Timestamp;

use super::{Hep, HepError};
use crate::bytes::{Order, array, u8, u16, u32};

/// Whether `bytes` begin like HEP. Versions 1 and 2 have no magic; their header must make sense.
#[inline]
pub fn looks_like_hep(bytes: &[u8]) -> bool {
    match bytes {
        [b'H', b'E', b'P', b'3', ..] => true,
        [1 | 2, ..] => Fixed::read(bytes).is_some(),
        _ => false,
    }
}

/// Reads the HEP packet at the start of `bytes`; what follows it is not looked at.
pub fn read(bytes: &[u8]) -> Result<Hep<'_>, HepError> {
    match bytes {
        [b'H', b'E', b'P', b'3', ..] => read_chunks(bytes),
        [1 | 2, ..] => read_fixed(bytes),
        _ => Err(HepError::NotHep),
    }
}

/// Version 3: `HEP3`, the length of all, chunks.
fn read_chunks(bytes: &[u8]) -> Result<Hep<'_>, HepError> {
    let short = |claimed| HepError::Short { claimed, there: bytes.len() };
    let claimed = usize::from(u16(bytes, 4).ok_or_else(|| short(6))?);
    let mut rest = bytes.get(6..claimed.max(6)).ok_or_else(|| short(claimed))?;
    let mut fields = Fields::default();
    while !rest.is_empty() {
        let (vendor, kind) = (u16(rest, 0), u16(rest, 2).unwrap_or_default());
        let bad = HepError::BadChunk { kind };
        let length = usize::from(u16(rest, 4).ok_or(bad)?);
        let value = rest.get(6..length).ok_or(bad)?;
        rest = rest.get(length..).unwrap_or_default();
        // What vendors add is theirs.
        if vendor == Some(0) {
            fields.take(kind, value).ok_or(bad)?;
        }
    }
    fields.into_hep()
}

/// What the chunks said.
#[derive(Default)]
struct Fields<'a> {
    family: u8,
    protocol: u8,
    sources: [Option<IpAddr>; 2],
    destinations: [Option<IpAddr>; 2],
    source_port: u16,
    destination_port: u16,
    seconds: Option<u32>,
    micros: u32,
    kind: u8,
    agent: Option<u32>,
    key: Option<&'a [u8]>,
    correlation: Option<&'a [u8]>,
    plain: Option<&'a [u8]>,
    compressed: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// Keeps a chunk's value; `None` when it is too short for its kind.
    fn take(&mut self, kind: u16, value: &'a [u8]) -> Option<()> {
        match kind {
            1 => self.family = u8(value, 0)?,
            2 => self.protocol = u8(value, 0)?,
            3 => self.sources[0] = Some(v4(value, 0)?),
            4 => self.destinations[0] = Some(v4(value, 0)?),
            5 => self.sources[1] = Some(v6(value, 0)?),
            6 => self.destinations[1] = Some(v6(value, 0)?),
            7 => self.source_port = u16(value, 0)?,
            8 => self.destination_port = u16(value, 0)?,
            9 => self.seconds = Some(u32(value, 0)?),
            10 => self.micros = u32(value, 0)?,
            11 => self.kind = u8(value, 0)?,
            12 => self.agent = Some(u32(value, 0)?),
            14 => self.key = Some(value),
            15 => self.plain = Some(value),
            16 => self.compressed = Some(value),
            17 => self.correlation = Some(value),
            _ => {}
        }
        Some(())
    }

    fn into_hep(self) -> Result<Hep<'a>, HepError> {
        let pick = |[v4, v6]: [Option<IpAddr>; 2]| {
            if is_v6(self.family) { v6.or(v4) } else { v4.or(v6) }.ok_or(HepError::NoAddress)
        };
        let (payload, is_compressed) = match (self.plain, self.compressed) {
            (Some(plain), _) => (plain, false),
            (None, Some(compressed)) => (compressed, true),
            (None, None) => return Err(HepError::NoPayload),
        };
        Ok(Hep {
            version: 3,
            source: SocketAddr::new(pick(self.sources)?, self.source_port),
            destination: SocketAddr::new(pick(self.destinations)?, self.destination_port),
            protocol: self.protocol,
            kind: self.kind,
            at: self.seconds.map(|seconds| time(seconds, self.micros)),
            agent: self.agent,
            key: self.key,
            correlation: self.correlation,
            payload,
            is_compressed,
        })
    }
}

/// The header of versions 1 and 2: version, length, family, protocol, ports, addresses, and in version 2 the time.
struct Fixed {
    version: u8,
    length: usize,
    family: u8,
    protocol: u8,
    /// Where the addresses end and the time of version 2 stands.
    addresses_end: usize,
}

impl Fixed {
    fn read(bytes: &[u8]) -> Option<Self> {
        let [version @ 1..=2, length, family, protocol]: [u8; 4] = array(bytes, 0)? else { return None };
        let addresses_end = match family {
            2 => 16,
            _ if is_v6(family) => 40,
            _ => return None,
        };
        let length = usize::from(length);
        // Some senders leave the time out of the length, or the two bytes that align it.
        let is_plausible = match version {
            1 => length == addresses_end,
            _ => [0, 10, 12].iter().any(|time| length == addresses_end + time),
        };
        let fixed = Self { version, length, family, protocol, addresses_end };
        (is_plausible && matches!(protocol, 6 | 17 | 132) && bytes.len() > length).then_some(fixed)
    }
}

fn read_fixed(bytes: &[u8]) -> Result<Hep<'_>, HepError> {
    let fixed = Fixed::read(bytes).ok_or(HepError::BadHeader)?;
    let address = if is_v6(fixed.family) { v6 } else { v4 };
    let width = (fixed.addresses_end - 8) / 2;
    let end = |at, port| {
        let port = u16(bytes, port).ok_or(HepError::BadHeader)?;
        let address = address(bytes, at).ok_or(HepError::NoAddress)?;
        Ok(SocketAddr::new(address, port))
    };
    // The time is written as the sender's machine keeps it, which is little-endian wherever HEP 2 is in use.
    let stamp = |at| Order::Little.u32(bytes, fixed.addresses_end + at);
    let at = stamp(0).zip(stamp(4)).filter(|_| fixed.length > fixed.addresses_end);
    let agent = Order::Little.u16(bytes, fixed.addresses_end + 8).filter(|_| at.is_some());
    let payload = bytes.get(fixed.length..).ok_or(HepError::NoPayload)?;
    Ok(Hep {
        version: fixed.version,
        source: end(8, 4)?,
        destination: end(8 + width, 6)?,
        protocol: fixed.protocol,
        kind: Hep::SIP,
        at: at.map(|(seconds, micros)| time(seconds, micros)),
        agent: agent.map(u32::from),
        key: None,
        correlation: None,
        payload,
        is_compressed: false,
    })
}

/// The address family of IPv6, as Linux, the BSDs, macOS and Windows number it.
fn is_v6(family: u8) -> bool {
    matches!(family, 10 | 23 | 24 | 28 | 30)
}

fn v4(bytes: &[u8], at: usize) -> Option<IpAddr> {
    array::<4>(bytes, at).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)))
}

fn v6(bytes: &[u8], at: usize) -> Option<IpAddr> {
    array::<16>(bytes, at).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))
}

fn time(seconds: u32, micros: u32) -> Timestamp {
    Timestamp::from_seconds(i64::from(seconds)).plus_micros(i64::from(micros.min(999_999)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hep::write;

    fn sample() -> Hep<'static> {
        Hep {
            version: 3,
            source: "192.0.2.1:5060".parse().unwrap(),
            destination: "192.0.2.2:5080".parse().unwrap(),
            protocol: 17,
            kind: Hep::SIP,
            at: Some(Timestamp(1_700_000_000_123_456)),
            agent: Some(2001),
            key: Some(b"secret"),
            correlation: Some(b"call-1@example.com"),
            payload: b"OPTIONS sip:example.com SIP/2.0\r\n\r\n",
            is_compressed: false,
        }
    }

    fn written(hep: &Hep<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(hep, &mut bytes);
        bytes
    }

    #[test]
    fn what_was_written_is_read_again() {
        let over_ipv6 = Hep {
            source: "[2001:db8::1]:5060".parse().unwrap(),
            destination: "[2001:db8::2]:5061".parse().unwrap(),
            key: None,
            agent: None,
            ..sample()
        };
        for hep in [sample(), over_ipv6] {
            assert_eq!(read(&written(&hep)), Ok(hep));
        }
    }

    #[test]
    fn chunks_of_vendors_are_passed_over() {
        let mut bytes = written(&sample());
        bytes.extend([0, 9, 0, 15, 0, 8, b'n', b'o']);
        let length = u16::try_from(bytes.len()).unwrap();
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        assert_eq!(read(&bytes), Ok(sample()));
    }

    #[test]
    fn a_packet_cut_anywhere_is_an_error_and_no_panic() {
        let bytes = written(&sample());
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_chunk_that_lies_about_its_length_is_named() {
        let mut bytes = written(&sample());
        bytes[10..12].copy_from_slice(&[0, 5]);
        assert_eq!(read(&bytes), Err(HepError::BadChunk { kind: 1 }));
        bytes[10..12].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(read(&bytes), Err(HepError::BadChunk { kind: 1 }));
    }

    #[test]
    fn version_2_carries_its_time_in_the_order_of_the_sender() {
        let mut bytes = vec![2, 28, 2, 17, 0x13, 0xc4, 0x13, 0xd8, 192, 0, 2, 1, 192, 0, 2, 2];
        bytes.extend(1_700_000_000_u32.to_le_bytes());
        bytes.extend(123_456_u32.to_le_bytes());
        bytes.extend([0xd1, 0x07, 0, 0]);
        bytes.extend(sample().payload);
        assert_eq!(read(&bytes), Ok(Hep { version: 2, key: None, correlation: None, ..sample() }));
        bytes[1] = 29;
        assert_eq!(read(&bytes), Err(HepError::BadHeader));
    }
}
