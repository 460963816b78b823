//! Classic capture files: Ethernet, IPv4 or IPv6, UDP.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use crate::day::{Day, Envelope};

/// Writes a capture file, datagram by datagram.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    frame: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the file header (microseconds, Ethernet). `out` should be buffered.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&0xa1b2_c3d4u32.to_le_bytes())?;
        out.write_all(&[2, 0, 4, 0])?;
        out.write_all(&[0; 8])?;
        out.write_all(&SNAP_LENGTH.to_le_bytes())?;
        out.write_all(&LINK_ETHERNET.to_le_bytes())?;
        Ok(Self { out, frame: Vec::with_capacity(2_048) })
    }

    /// Writes one datagram. An error when the payload does not fit into one (65,507 bytes over IPv4), or when
    /// one address is IPv4 and the other IPv6.
    pub fn write(&mut self, envelope: Envelope, payload: &[u8]) -> io::Result<()> {
        self.frame.clear();
        write_frame(envelope.source, envelope.destination, payload, &mut self.frame)?;
        let seconds = envelope.at_micros.div_euclid(1_000_000) as u32;
        let micros = envelope.at_micros.rem_euclid(1_000_000) as u32;
        let length = self.frame.len() as u32;
        let mut header = [0; 16];
        for (place, value) in header.chunks_exact_mut(4).zip([seconds, micros, length, length]) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        self.out.write_all(&header)?;
        self.out.write_all(&self.frame)
    }

    /// Flushes and gives back what it wrote to.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Writes what is left of `day` as a capture file; gives the number of datagrams.
pub fn write(day: &mut Day, out: impl Write) -> io::Result<u64> {
    write_until(day, i64::MAX, out)
}

/// The same of what came before `end`, in microseconds since 1970.
pub fn write_until(day: &mut Day, end: i64, out: impl Write) -> io::Result<u64> {
    let mut writer = Writer::new(out)?;
    let mut payload = Vec::new();
    let mut count = 0;
    while let Some(envelope) = day.poll_datagram(&mut payload) {
        if envelope.at_micros >= end {
            break;
        }
        writer.write(envelope, &payload)?;
        count += 1;
    }
    writer.finish()?;
    Ok(count)
}

fn write_frame(
    source: SocketAddr,
    destination: SocketAddr,
    payload: &[u8],
    frame: &mut Vec<u8>,
) -> io::Result<()> {
    let datagram = u16::try_from(payload.len() + UDP_BYTES + IPV4_BYTES)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "payload does not fit into one datagram"))?
        - IPV4_BYTES as u16;
    frame.extend_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    let mut pseudo = Sum::default();
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let [high, low] = (datagram + IPV4_BYTES as u16).to_be_bytes();
            let mut header = [0x45, 0, high, low, 0, 0, 0x40, 0, 64, UDP, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            let (_, addresses) = header.split_at_mut(12);
            addresses.copy_from_slice([from.octets(), to.octets()].as_flattened());
            pseudo.add(addresses);
            let mut sum = Sum::default();
            sum.add(&header);
            let (before, after) = header.split_at(10);
            frame.extend_from_slice(&[0x08, 0x00]);
            frame.extend_from_slice(before);
            frame.extend_from_slice(&sum.finish().to_be_bytes());
            frame.extend_from_slice(after.get(2..).unwrap_or_default());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let [high, low] = datagram.to_be_bytes();
            frame.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, high, low, UDP, 64]);
            let addresses = [from.octets(), to.octets()];
            frame.extend_from_slice(addresses.as_flattened());
            pseudo.add(addresses.as_flattened());
        }
        _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "one address is IPv4, the other IPv6")),
    }
    let header = [source.port(), destination.port(), datagram].map(u16::to_be_bytes);
    pseudo.add(&[0, UDP]);
    pseudo.add(&datagram.to_be_bytes());
    pseudo.add(header.as_flattened());
    pseudo.add(payload);
    frame.extend_from_slice(header.as_flattened());
    frame.extend_from_slice(&match pseudo.finish() {
        0 => [0xff, 0xff],
        sum => sum.to_be_bytes(),
    });
    frame.extend_from_slice(payload);
    Ok(())
}

/// The Internet checksum (RFC 1071); every part but the last must have an even length.
#[derive(Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<2>();
        self.0 += words.iter().map(|&word| u64::from(u16::from_be_bytes(word))).sum::<u64>();
        self.0 += rest.iter().map(|&byte| u64::from(byte) << 8).sum::<u64>();
    }

    fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}

const SNAP_LENGTH: u32 = 262_144;
const LINK_ETHERNET: u32 = 1;
const UDP: u8 = 17;
const UDP_BYTES: usize = 8;
const IPV4_BYTES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(source: &str, destination: &str, payload: &[u8]) -> io::Result<Vec<u8>> {
        let mut frame = Vec::new();
        write_frame(source.parse().unwrap(), destination.parse().unwrap(), payload, &mut frame)?;
        Ok(frame)
    }

    #[test]
    fn lengths_and_checksums_are_right() {
        let frame = frame("192.0.2.1:5060", "198.51.100.2:5070", b"abc").unwrap();
        assert_eq!(frame.len(), 14 + 20 + 8 + 3);
        assert_eq!(frame[16..18], [0, 31]);
        assert_eq!(frame[38..40], [0, 11]);
        let mut header = Sum::default();
        header.add(&frame[14..34]);
        assert_eq!(header.finish(), 0, "a header with its checksum sums to nothing");
        let mut datagram = Sum::default();
        datagram.add(&frame[26..34]);
        datagram.add(&[0, UDP, 0, 11]);
        datagram.add(&frame[34..]);
        assert_eq!(datagram.finish(), 0);
    }

    #[test]
    fn what_fits_no_datagram_is_refused() {
        assert!(frame("192.0.2.1:1", "192.0.2.2:2", &vec![0; 65_507]).is_ok());
        assert!(frame("192.0.2.1:1", "192.0.2.2:2", &vec![0; 65_508]).is_err());
        assert!(frame("192.0.2.1:1", "[2001:db8::1]:2", b"x").is_err());
        assert_eq!(frame("[2001:db8::1]:1", "[2001:db8::2]:2", b"x").unwrap().len(), 14 + 40 + 8 + 1);
    }
}
