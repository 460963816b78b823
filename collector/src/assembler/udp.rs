//! Reads the headers of UDP, TCP and SCTP.

use crate::bytes::{u8, u16, u32};

/// One UDP datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram<'a> {
    pub(crate) source: u16,
    pub(crate) destination: u16,
    pub(crate) payload: &'a [u8],
    /// Whether it claims more bytes than are there.
    pub(crate) is_cut: bool,
}

impl<'a> Datagram<'a> {
    #[inline]
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let length = usize::from(u16(bytes, 4)?);
        let behind = bytes.get(8..)?;
        // Zero is a jumbogram (RFC 2675) or a card's business.
        let length = if length == 0 { behind.len() } else { length.checked_sub(8)? };
        Some(Self {
            source: u16(bytes, 0)?,
            destination: u16(bytes, 2)?,
            payload: behind.get(..length.min(behind.len()))?,
            is_cut: length > behind.len(),
        })
    }
}

/// One TCP segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) source: u16,
    pub(crate) destination: u16,
    /// The number of its first byte.
    pub(crate) sequence: u32,
    pub(crate) is_syn: bool,
    pub(crate) is_fin: bool,
    pub(crate) is_reset: bool,
    /// Bytes behind the payload that were not captured.
    pub(crate) missing: usize,
    pub(crate) payload: &'a [u8],
}

impl<'a> Segment<'a> {
    #[inline]
    pub(crate) fn read(bytes: &'a [u8], missing: usize) -> Option<Self> {
        let header_bytes = usize::from(u8(bytes, 12)? >> 4) * 4;
        let flags = u8(bytes, 13)?;
        if header_bytes < 20 {
            return None;
        }
        Some(Self {
            source: u16(bytes, 0)?,
            destination: u16(bytes, 2)?,
            sequence: u32(bytes, 4)?,
            is_syn: flags & 0x02 != 0,
            is_fin: flags & 0x01 != 0,
            is_reset: flags & 0x04 != 0,
            missing,
            payload: bytes.get(header_bytes..)?,
        })
    }
}

/// The ends of an SCTP packet and the user messages that lie whole in it (RFC 9260 §3.3.1).
pub(crate) fn sctp_messages(bytes: &[u8]) -> Option<(u16, u16, impl Iterator<Item = &[u8]>)> {
    let (source, destination) = (u16(bytes, 0)?, u16(bytes, 2)?);
    let mut rest = bytes.get(12..)?;
    let messages = std::iter::from_fn(move || {
        while let Some((kind, flags)) = u8(rest, 0).zip(u8(rest, 1)) {
            let length = usize::from(u16(rest, 2)?);
            let chunk = rest.get(..length.max(4))?;
            rest = rest.get(length.max(4).next_multiple_of(4)..).unwrap_or_default();
            let is_whole_message = kind == 0 && flags & 0x03 == 0x03;
            if is_whole_message {
                return chunk.get(16..);
            }
        }
        None
    });
    Some((source, destination, messages))
}
