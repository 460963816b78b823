//! Writes captures: generated traffic, and what tests are made of.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use rules::Timestamp;

use crate::frame::LinkType;

/// A pcap file being written: little-endian, microseconds.
#[derive(Debug)]
pub struct Pcap<W: Write> {
    writer: W,
    packet: Vec<u8>,
}

impl<W: Write> Pcap<W> {
    /// Begins a capture of Ethernet frames.
    pub fn new(writer: W) -> io::Result<Self> {
        Self::with_link(writer, LinkType::ETHERNET)
    }

    /// Begins a capture of frames of another link type.
    pub fn with_link(mut writer: W, link: LinkType) -> io::Result<Self> {
        writer.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
        writer.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
        writer.write_all(&(256_u32 << 10).to_le_bytes())?;
        writer.write_all(&u32::from(link.0).to_le_bytes())?;
        Ok(Self { writer, packet: Vec::new() })
    }

    /// Writes one frame as it is. Times before 1970 become 1970.
    pub fn frame(&mut self, at: Timestamp, data: &[u8]) -> io::Result<()> {
        let seconds = u32::try_from(at.0.div_euclid(1_000_000)).unwrap_or_default();
        let micros = u32::try_from(at.0.rem_euclid(1_000_000)).unwrap_or_default();
        let length = u32::try_from(data.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        for field in [seconds, micros, length, length] {
            self.writer.write_all(&field.to_le_bytes())?;
        }
        self.writer.write_all(data)
    }

    /// Writes a UDP datagram in an Ethernet frame, with correct lengths and checksums. The addresses are of one
    /// family, and the payload fits into one datagram; otherwise it is an error and nothing is written.
    pub fn datagram(
        &mut self,
        at: Timestamp,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    ) -> io::Result<()> {
        let mut packet = std::mem::take(&mut self.packet);
        packet.clear();
        let done = ethernet(source, destination, payload, &mut packet).ok_or(io::ErrorKind::InvalidInput);
        let result = done.map_err(io::Error::from).and_then(|()| self.frame(at, &packet));
        self.packet = packet;
        result
    }

    /// Ends the capture and gives the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.flush()?;
        Ok(self.writer)
    }
}

/// Appends an Ethernet frame with one UDP datagram; `None` when the addresses are of two families or it is too long.
fn ethernet(source: SocketAddr, destination: SocketAddr, payload: &[u8], frame: &mut Vec<u8>) -> Option<()> {
    let length = u16::try_from(payload.len() + 8).ok()?;
    // Locally administered addresses.
    frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    let mut pseudo_header = 17 + u32::from(length);
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total = length.checked_add(20)?;
            let mut header = vec![0x45, 0];
            header.extend(total.to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
            header.extend(source.octets());
            header.extend(destination.octets());
            let checksum = checksum(0, &header);
            header.get_mut(10..12)?.copy_from_slice(&checksum.to_be_bytes());
            pseudo_header += sum(&source.octets()) + sum(&destination.octets());
            frame.extend([0x08, 0x00]);
            frame.extend(header);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(length.to_be_bytes());
            frame.extend([17, 64]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
            pseudo_header += sum(&source.octets()) + sum(&destination.octets());
        }
        _ => return None,
    }
    let mut header = Vec::with_capacity(8);
    header.extend(source.port().to_be_bytes());
    header.extend(destination.port().to_be_bytes());
    header.extend(length.to_be_bytes());
    // Zero would mean that there is no checksum (RFC 768).
    let checksum = match checksum(pseudo_header + sum(&header), payload) {
        0 => u16::MAX,
        checksum => checksum,
    };
    frame.extend(header);
    frame.extend(checksum.to_be_bytes());
    frame.extend(payload);
    Some(())
}

/// The Internet checksum (RFC 1071) of `bytes`, added to what `before` sums up.
fn checksum(before: u32, bytes: &[u8]) -> u16 {
    let mut sum = before + sum(bytes);
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

fn sum(bytes: &[u8]) -> u32 {
    bytes
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
            [high] => u32::from(*high) << 8,
            _ => 0,
        })
        .sum()
}
