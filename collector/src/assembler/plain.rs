//! The short way for the frame that nearly all are: Ethernet, IPv4 without options, UDP, complete.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// The ends and payload of a plain datagram; `None` sends everything else, and all that is odd, the long way.
#[inline]
pub(crate) fn plain_udp(frame: &[u8]) -> Option<(SocketAddr, SocketAddr, &[u8])> {
    let (head, rest): (&[u8; 42], &[u8]) = frame.split_first_chunk()?;
    let total = usize::from(u16::from_be_bytes([head[16], head[17]]));
    let length = usize::from(u16::from_be_bytes([head[38], head[39]]));
    // Type, version and header length, no fragment, UDP, lengths that agree.
    let is_plain = [head[12], head[13], head[14]] == [0x08, 0x00, 0x45]
        && [head[20] & 0x3f, head[21]] == [0, 0]
        && head[23] == 17
        && length >= 8
        && total == 20 + length;
    if !is_plain {
        return None;
    }
    let end = |address: [u8; 4], port: [u8; 2]| {
        SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from(address), u16::from_be_bytes(port)))
    };
    Some((
        end([head[26], head[27], head[28], head[29]], [head[34], head[35]]),
        end([head[30], head[31], head[32], head[33]], [head[36], head[37]]),
        rest.get(..length - 8)?,
    ))
}

/// Whether `payload` begins as nearly all messages do. `false` says nothing but that `looks_like_sip` must look;
/// it would say the same.
#[inline]
pub(crate) fn begins_as_sip(payload: &[u8]) -> bool {
    let Some((head, _)) = payload.split_first_chunk::<8>() else { return false };
    let method = match head {
        b"SIP/2.0 " => return true,
        b"INVITE s" | b"CANCEL s" | b"NOTIFY s" => 6,
        [b'A', b'C', b'K', b' ', ..] | [b'B', b'Y', b'E', b' ', ..] => 3,
        b"OPTIONS " => 7,
        b"REGISTER" => 8,
        _ => return false,
    };
    payload.get(method..).is_some_and(|behind| behind.starts_with(b" sip:"))
}

#[cfg(test)]
mod tests {
    use engine::sip::looks_like_sip;

    use super::*;
    use crate::assembler::ip::Ip;
    use crate::assembler::udp::Datagram;

    fn frame() -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend([0x08, 0, 0x45, 0, 0, 33, 0, 1, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend([0x13, 0xc4, 0x13, 0xd8, 0, 13, 0, 0, b'h', b'e', b'l', b'l', b'o', 0, 0]);
        frame
    }

    #[test]
    fn the_short_way_reads_what_the_long_way_reads() {
        let whole = frame();
        let mut taken = 0;
        for at in 12..whole.len() {
            for bit in 0..8 {
                let mut frame = whole.clone();
                frame[at] ^= 1 << bit;
                let Some((source, destination, payload)) = plain_udp(&frame) else { continue };
                taken += 1;
                let ip = Ip::read(&frame[14..]).unwrap();
                let datagram = Datagram::read(ip.payload).unwrap();
                assert_eq!(source, SocketAddr::new(ip.ends.source, datagram.source));
                assert_eq!(destination, SocketAddr::new(ip.ends.destination, datagram.destination));
                assert_eq!(payload, datagram.payload);
                assert!(ip.fragment.is_none() && ip.missing == 0 && !datagram.is_cut && ip.protocol == 17);
            }
        }
        assert!(taken > 100, "{taken}");
        assert_eq!(plain_udp(&whole).unwrap().2, b"hello");
        assert!((0..whole.len() - 2).all(|end| plain_udp(&whole[..end]).is_none()));
    }

    #[test]
    fn what_begins_as_sip_looks_like_it() {
        let lines = [
            "SIP/2.0 200 OK",
            "INVITE sip:a@h SIP/2.0",
            "ACK sip:",
            "BYE sip:a",
            "OPTIONS sip:h SIP/2.0",
            "REGISTER sip:h SIP/2.0",
            "NOTIFY sip:h HTTP/1.1",
            "MESSAGE sip:h SIP/2.0",
        ];
        let mut taken = 0;
        for line in lines {
            for at in 0..=line.len() {
                for byte in 0..=255 {
                    let (head, tail) = (&line.as_bytes()[..at], &line.as_bytes()[at..]);
                    let changed = [head, &[byte], tail.get(1..).unwrap_or_default()].concat();
                    for payload in [[head, &[byte], tail].concat(), changed, head.to_vec()] {
                        if begins_as_sip(&payload) {
                            assert!(looks_like_sip(&payload), "{}", payload.escape_ascii());
                            assert!(!crate::hep::looks_like_hep(&payload));
                            taken += 1;
                        }
                    }
                }
            }
        }
        assert!(taken > 10_000, "{taken}");
    }
}
