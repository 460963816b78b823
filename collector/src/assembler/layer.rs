//! Peels what stands between the first byte of a frame and IP.

use std::net::IpAddr;

use super::ip::Ip;
use crate::bytes::{u8, u16, u32};
use crate::frame::LinkType;
use crate::limits::STACK_MAX;

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    Link(LinkType),
    EtherType(u16),
    Ethernet,
    Llc,
    Ppp,
    PppoeSession,
    Mpls,
    Gre,
    /// IPv4 or IPv6, told by its first four bits.
    Ip,
}

/// Why a frame is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    UnknownLink,
    Wireless,
    NotIp,
    Damaged,
}

impl Layer {
    /// The layer inside, with its bytes. [`Layer::Ip`] is the last one.
    pub(crate) fn peel(self, bytes: &[u8]) -> Result<(Self, &[u8]), Loss> {
        match self {
            Self::Ethernet => ethernet(bytes),
            Self::EtherType(kind) => ether_type(kind, bytes),
            Self::Link(link) => link_type(link, bytes),
            Self::Llc => llc(bytes),
            Self::Ppp => ppp(bytes),
            Self::PppoeSession => pppoe_session(bytes),
            Self::Mpls => mpls(bytes),
            Self::Gre => gre(bytes),
            Self::Ip => Ok((Self::Ip, bytes)),
        }
    }
}

type Peeled<'a> = Result<(Layer, &'a [u8]), Loss>;

fn link_type(link: LinkType, bytes: &[u8]) -> Peeled<'_> {
    match link {
        LinkType::ETHERNET => ethernet(bytes),
        LinkType::NULL | LinkType::LOOP => loopback(bytes),
        // 12 and 14 are what BSDs call raw IP.
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | LinkType(12 | 14) => Ok((Layer::Ip, bytes)),
        LinkType::LINUX_SLL => match (field(bytes, 14)?, after(bytes, 16)?) {
            (4, rest) => Ok((Layer::Llc, rest)),
            (kind, rest) => Ok((Layer::EtherType(kind), rest)),
        },
        LinkType::LINUX_SLL2 => Ok((Layer::EtherType(field(bytes, 0)?), after(bytes, 20)?)),
        LinkType::PPP => Ok((Layer::Ppp, bytes)),
        LinkType::PPP_HDLC | LinkType::C_HDLC => match bytes {
            [0x0f | 0x8f, _, high, low, rest @ ..] => {
                Ok((Layer::EtherType(u16::from_be_bytes([*high, *low])), rest))
            }
            _ => Ok((Layer::Ppp, bytes)),
        },
        LinkType::PPP_ETHER => Ok((Layer::PppoeSession, bytes)),
        // The direction stands where PPP has its address byte, or before it.
        LinkType::PPP_PPPD => match bytes {
            [_, 0x03, rest @ ..] => Ok((Layer::Ppp, rest)),
            _ => Ok((Layer::Ppp, after(bytes, 1)?)),
        },
        LinkType::PPP_WITH_DIR => Ok((Layer::Ppp, after(bytes, 1)?)),
        LinkType::MPLS => Ok((Layer::Mpls, bytes)),
        LinkType::PPI => per_packet_information(bytes),
        LinkType::IEEE802_11
        | LinkType::IEEE802_11_PRISM
        | LinkType::IEEE802_11_RADIOTAP
        | LinkType::IEEE802_11_AVS => Err(Loss::Wireless),
        _ => Err(Loss::UnknownLink),
    }
}

#[inline]
fn ethernet(bytes: &[u8]) -> Peeled<'_> {
    Ok((Layer::EtherType(field(bytes, 12)?), after(bytes, 14)?))
}

#[inline]
fn ether_type(kind: u16, bytes: &[u8]) -> Peeled<'_> {
    match kind {
        0x0800 | 0x86dd => Ok((Layer::Ip, bytes)),
        // 802.1Q, 802.1ad and the older ways to stack them; Cisco's VN-Tag.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => Ok((Layer::EtherType(field(bytes, 2)?), after(bytes, 4)?)),
        0x8926 => Ok((Layer::EtherType(field(bytes, 4)?), after(bytes, 6)?)),
        0x8864 => Ok((Layer::PppoeSession, bytes)),
        0x880b => Ok((Layer::Ppp, bytes)),
        0x8847 | 0x8848 => Ok((Layer::Mpls, bytes)),
        0x6558 => Ok((Layer::Ethernet, bytes)),
        // 802.1ah: a service tag, then the customer's frame.
        0x88e7 => Ok((Layer::Ethernet, after(bytes, 4)?)),
        0..0x0600 => Ok((Layer::Llc, bytes.get(..usize::from(kind)).unwrap_or(bytes))),
        _ => Err(Loss::NotIp),
    }
}

fn llc(bytes: &[u8]) -> Peeled<'_> {
    match bytes {
        [0xaa, 0xaa, 0x03, _, _, _, high, low, rest @ ..] => {
            Ok((Layer::EtherType(u16::from_be_bytes([*high, *low])), rest))
        }
        [0x06, 0x06, 0x03, rest @ ..] => Ok((Layer::Ip, rest)),
        _ => Err(Loss::NotIp),
    }
}

/// BSD's loopback: the address family as a number in the order of the machine that captured.
fn loopback(bytes: &[u8]) -> Peeled<'_> {
    let family = u32(bytes, 0).ok_or(Loss::Damaged)?;
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    match family {
        2 | 10 | 24 | 28 | 30 => Ok((Layer::Ip, after(bytes, 4)?)),
        _ => Err(Loss::NotIp),
    }
}

fn per_packet_information(bytes: &[u8]) -> Peeled<'_> {
    let length = field(bytes, 2)?.swap_bytes();
    let link = field(bytes, 4)?.swap_bytes();
    if link == LinkType::PPI.0 {
        return Err(Loss::Damaged);
    }
    Ok((Layer::Link(LinkType(link)), after(bytes, usize::from(length).max(8))?))
}

/// RFC 1661, with the HDLC address of RFC 1662 and both of its compressions.
fn ppp(bytes: &[u8]) -> Peeled<'_> {
    let bytes = bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes);
    let (protocol, rest) = match bytes {
        [short, rest @ ..] if short & 1 == 1 => (u16::from(*short), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return Err(Loss::Damaged),
    };
    match protocol {
        0x0021 | 0x0057 => Ok((Layer::Ip, rest)),
        0x0281 | 0x0283 => Ok((Layer::Mpls, rest)),
        _ => Err(Loss::NotIp),
    }
}

/// RFC 2516: version and type, code 0, session, length.
fn pppoe_session(bytes: &[u8]) -> Peeled<'_> {
    let (code, length) = (u8(bytes, 1).ok_or(Loss::Damaged)?, field(bytes, 4)?);
    if code != 0 {
        return Err(Loss::NotIp);
    }
    let rest = after(bytes, 6)?;
    Ok((Layer::Ppp, rest.get(..usize::from(length)).unwrap_or(rest)))
}

/// RFC 3032 label stack, then IP or the Ethernet pseudo-wire of RFC 4448.
fn mpls(mut bytes: &[u8]) -> Peeled<'_> {
    for _ in 0..STACK_MAX {
        let entry = u32(bytes, 0).ok_or(Loss::Damaged)?;
        bytes = after(bytes, 4)?;
        let is_bottom = entry & 0x100 != 0;
        if is_bottom {
            return Ok(below_labels(bytes));
        }
    }
    Err(Loss::Damaged)
}

/// Nothing says what follows the labels: an Ethernet frame betrays itself by its type, with or without the
/// control word before it; else the first four bits tell.
fn below_labels(bytes: &[u8]) -> (Layer, &[u8]) {
    let first = u8(bytes, 0).unwrap_or_default() >> 4;
    let behind_control_word = bytes.get(4..).unwrap_or_default();
    match first {
        0 if holds_ethernet(behind_control_word) => (Layer::Ethernet, behind_control_word),
        4 | 6 if !holds_ethernet_with_ip(bytes) => (Layer::Ip, bytes),
        _ if holds_ethernet(bytes) => (Layer::Ethernet, bytes),
        0 => (Layer::Ethernet, behind_control_word),
        _ => (Layer::Ip, bytes),
    }
}

fn holds_ethernet(bytes: &[u8]) -> bool {
    let Some(kind) = u16(bytes, 12) else { return false };
    matches!(kind, 0x0800 | 0x86dd | 0x8100 | 0x88a8 | 0x9100 | 0x8864 | 0x8847 | 0x8848)
}

/// An Ethernet address may begin like IP; then what it says is inside must be there.
fn holds_ethernet_with_ip(bytes: &[u8]) -> bool {
    let inner = bytes.get(14..).unwrap_or_default();
    match u16(bytes, 12) {
        Some(0x0800) => Ip::read(inner).is_ok_and(|ip| ip.ends.source.is_ipv4() && ip.missing == 0),
        Some(0x86dd) => Ip::read(inner).is_ok_and(|ip| ip.ends.source.is_ipv6() && ip.missing == 0),
        _ => false,
    }
}

/// RFC 2784 and 2890; version 1 of RFC 2637 (PPTP); what Cisco mirrors with it (ERSPAN).
fn gre(bytes: &[u8]) -> Peeled<'_> {
    let (bits, protocol) = (field(bytes, 0)?, field(bytes, 2)?);
    let (has_checksum, has_routing) = (bits & 0x8000 != 0, bits & 0x4000 != 0);
    let (has_key, has_sequence) = (bits & 0x2000 != 0, bits & 0x1000 != 0);
    let has_acknowledgement = bits & 0x0080 != 0 && bits & 7 == 1;
    if has_routing {
        return Err(Loss::NotIp);
    }
    let words = [has_checksum, has_key, has_sequence, has_acknowledgement];
    let length = 4 + 4 * words.into_iter().filter(|is_there| *is_there).count();
    let rest = after(bytes, length)?;
    match protocol {
        // Type I has no header of its own, type II one of 8 bytes.
        0x88be if !has_sequence => Ok((Layer::Ethernet, rest)),
        0x88be => Ok((Layer::Ethernet, after(rest, 8)?)),
        0x22eb => {
            let has_platform = u8(rest, 11).ok_or(Loss::Damaged)? & 1 == 1;
            Ok((Layer::Ethernet, after(rest, if has_platform { 20 } else { 12 })?))
        }
        _ => Ok((Layer::EtherType(protocol), rest)),
    }
}

/// What a UDP datagram from or to `port` wraps, when it wraps anything.
pub(crate) fn udp_tunnel(port: u16, payload: &[u8]) -> Option<(Layer, &[u8])> {
    match port {
        2152 => gtp_u(payload),
        4789 | 8472 => match payload {
            [flags, _, _, _, _, _, _, _, rest @ ..] if flags & 0x08 != 0 => Some((Layer::Ethernet, rest)),
            _ => None,
        },
        4790 => match payload {
            [flags, _, _, next, _, _, _, _, rest @ ..] if flags & 0x0c == 0x0c => match next {
                1 | 2 => Some((Layer::Ip, rest)),
                3 => Some((Layer::Ethernet, rest)),
                _ => None,
            },
            _ => None,
        },
        6081 => geneve(payload),
        1701 => l2tp(payload),
        4754 => Some((Layer::Gre, payload)),
        6635 => Some((Layer::Mpls, payload)),
        37008 => tazmen_sniffer(payload),
        _ => None,
    }
}

/// 3GPP TS 29.281: version 1, message 255 carries a packet of the user.
fn gtp_u(payload: &[u8]) -> Option<(Layer, &[u8])> {
    let flags = u8(payload, 0)?;
    let is_user_packet = flags & 0xf0 == 0x30 && u8(payload, 1)? == 255;
    if !is_user_packet {
        return None;
    }
    let has_options = flags & 0x07 != 0;
    if !has_options {
        return Some((Layer::Ip, payload.get(8..)?));
    }
    let mut next = u8(payload, 11)?;
    let mut rest = payload.get(12..)?;
    for _ in 0..STACK_MAX {
        if next == 0 {
            return Some((Layer::Ip, rest));
        }
        let length = usize::from(u8(rest, 0)?) * 4;
        next = u8(rest, length.checked_sub(1)?)?;
        rest = rest.get(length..)?;
    }
    None
}

/// RFC 8926.
fn geneve(payload: &[u8]) -> Option<(Layer, &[u8])> {
    let first = u8(payload, 0)?;
    if first & 0xc0 != 0 {
        return None;
    }
    let options = usize::from(first & 0x3f) * 4;
    Some((Layer::EtherType(u16(payload, 2)?), payload.get(8 + options..)?))
}

/// RFC 2661, data messages of version 2.
fn l2tp(payload: &[u8]) -> Option<(Layer, &[u8])> {
    let bits = u16(payload, 0)?;
    let is_data = bits & 0x8000 == 0 && bits & 0x000f == 2;
    if !is_data {
        return None;
    }
    let mut length = 6;
    length += if bits & 0x4000 != 0 { 2 } else { 0 };
    length += if bits & 0x0800 != 0 { 4 } else { 0 };
    if bits & 0x0200 != 0 {
        length += 2 + usize::from(u16(payload, length)?);
    }
    Some((Layer::Ppp, payload.get(length..)?))
}

/// TZSP, with which routers mirror traffic: version 1, a received frame, Ethernet, then tags up to tag 1.
fn tazmen_sniffer(payload: &[u8]) -> Option<(Layer, &[u8])> {
    let mut rest = payload.strip_prefix(&[1, 0, 0, 1])?;
    for _ in 0..STACK_MAX {
        match rest {
            [1, frame @ ..] => return Some((Layer::Ethernet, frame)),
            [0, more @ ..] => rest = more,
            [_, length, more @ ..] => rest = more.get(usize::from(*length)..)?,
            _ => return None,
        }
    }
    None
}

/// The two ends of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ends {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
}

fn field(bytes: &[u8], at: usize) -> Result<u16, Loss> {
    u16(bytes, at).ok_or(Loss::Damaged)
}

fn after(bytes: &[u8], count: usize) -> Result<&[u8], Loss> {
    bytes.get(count..).ok_or(Loss::Damaged)
}
