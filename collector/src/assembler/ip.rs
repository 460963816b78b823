//! Reads the headers of IPv4 and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::layer::{Ends, Loss};
use crate::bytes::{array, u8, u16, u32};
use crate::limits::STACK_MAX;

/// One IP packet, or one fragment of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ip<'a> {
    pub(crate) ends: Ends,
    /// What the payload is, by its IANA number.
    pub(crate) protocol: u8,
    pub(crate) payload: &'a [u8],
    pub(crate) fragment: Option<Fragment>,
    /// Bytes at its end that were not captured.
    pub(crate) missing: usize,
}

/// Which part of a datagram a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) id: u32,
    /// Bytes of the datagram before it.
    pub(crate) offset: u32,
    pub(crate) is_last: bool,
}

impl<'a> Ip<'a> {
    #[inline]
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Loss> {
        match u8(bytes, 0).map(|first| first >> 4) {
            Some(4) => Self::read_v4(bytes).ok_or(Loss::Damaged),
            Some(6) => Self::read_v6(bytes).ok_or(Loss::Damaged),
            Some(_) => Err(Loss::NotIp),
            None => Err(Loss::Damaged),
        }
    }

    #[inline]
    fn read_v4(bytes: &'a [u8]) -> Option<Self> {
        let header: [u8; 20] = array(bytes, 0)?;
        let header_bytes = usize::from(header[0] & 0x0f) * 4;
        let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
        // Network cards that cut segments themselves hand out packets without a length.
        let total = if total == 0 { bytes.len() } else { total };
        if header_bytes < 20 || total < header_bytes {
            return None;
        }
        let place = u16::from_be_bytes([header[6], header[7]]);
        let fragment = (place & 0x3fff != 0).then(|| Fragment {
            id: u32::from(u16::from_be_bytes([header[4], header[5]])),
            offset: u32::from(place & 0x1fff) * 8,
            is_last: place & 0x2000 == 0,
        });
        Some(Self {
            ends: Ends {
                source: IpAddr::V4(Ipv4Addr::new(header[12], header[13], header[14], header[15])),
                destination: IpAddr::V4(Ipv4Addr::new(header[16], header[17], header[18], header[19])),
            },
            protocol: header[9],
            payload: bytes.get(header_bytes..total.min(bytes.len()))?,
            fragment,
            missing: total.saturating_sub(bytes.len()),
        })
    }

    fn read_v6(bytes: &'a [u8]) -> Option<Self> {
        let length = usize::from(u16(bytes, 4)?);
        let behind = bytes.get(40..)?;
        // A jumbogram, or a card that cuts segments itself.
        let length = if length == 0 { behind.len() } else { length };
        let ends = Ends {
            source: IpAddr::V6(Ipv6Addr::from(array::<16>(bytes, 8)?)),
            destination: IpAddr::V6(Ipv6Addr::from(array::<16>(bytes, 24)?)),
        };
        let whole = behind.get(..length.min(behind.len()))?;
        let Extensions { protocol, payload, fragment } = Extensions::read(u8(bytes, 6)?, whole)?;
        Some(Self { ends, protocol, payload, fragment, missing: length.saturating_sub(behind.len()) })
    }
}

/// What follows the extension headers of IPv6 (RFC 8200 §4).
pub(crate) struct Extensions<'a> {
    pub(crate) protocol: u8,
    pub(crate) payload: &'a [u8],
    pub(crate) fragment: Option<Fragment>,
}

impl<'a> Extensions<'a> {
    pub(crate) fn read(mut protocol: u8, mut payload: &'a [u8]) -> Option<Self> {
        for _ in 0..STACK_MAX {
            let length = match protocol {
                // Hop by hop, routing, destination, mobility, HIP, Shim6.
                0 | 43 | 60 | 135 | 139 | 140 => usize::from(u8(payload, 1)?) * 8 + 8,
                // Authentication counts in words of four bytes.
                51 => usize::from(u8(payload, 1)?) * 4 + 8,
                44 => {
                    let part = Self::read_fragment(payload)?;
                    // RFC 6946: an atomic fragment is a whole packet.
                    if part.fragment.is_some_and(|it| it.offset > 0 || !it.is_last) {
                        return Some(part);
                    }
                    8
                }
                _ => return Some(Self { protocol, payload, fragment: None }),
            };
            protocol = u8(payload, 0)?;
            payload = payload.get(length..)?;
        }
        None
    }

    fn read_fragment(header: &'a [u8]) -> Option<Self> {
        let (protocol, place) = (u8(header, 0)?, u16(header, 2)?);
        let payload = header.get(8..)?;
        let fragment =
            Fragment { id: u32(header, 4)?, offset: u32::from(place & 0xfff8), is_last: place & 1 == 0 };
        Some(Self { protocol, payload, fragment: Some(fragment) })
    }
}
