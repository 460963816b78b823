//! What an event of kind [`Kind::SIGNALLING`](crate::Kind::SIGNALLING) holds: a SIP message, and what carried it.
//!
//! | bytes | hold (little-endian) |
//! |---|---|
//! | 1 | 1, the version |
//! | 1 | 0: it came; 1: we sent it |
//! | 1 | transport: 1 UDP, 2 TCP, 3 TLS, 4 SCTP, 5 WebSocket, 6 WebSocket over TLS, 0 another |
//! | 18 | sender: address as IPv6 (IPv4 mapped), port |
//! | 18 | recipient, likewise |
//! | 2 | length of the Call-ID, then the Call-ID |
//! | the rest | the message as it was on the wire |

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::record::take;

/// A SIP message as it came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal<'a> {
    /// Whether we sent it.
    pub is_ours: bool,
    /// What carried it: see the table above.
    pub transport: u8,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// The call that it belongs to, as the message names it.
    pub call_id: &'a [u8],
    /// The message.
    pub message: &'a [u8],
}

impl<'a> Signal<'a> {
    /// Writes it behind what is in `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let call_id = self.call_id.get(..self.call_id.len().min(usize::from(u16::MAX))).unwrap_or_default();
        out.extend_from_slice(&[VERSION, u8::from(self.is_ours), self.transport]);
        for end in [self.source, self.destination] {
            let address = match end.ip() {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            out.extend_from_slice(&address.octets());
            out.extend_from_slice(&end.port().to_le_bytes());
        }
        out.extend_from_slice(&(call_id.len() as u16).to_le_bytes());
        out.extend_from_slice(call_id);
        out.extend_from_slice(self.message);
    }

    /// What `payload` holds; `None` when it was written by a version that we do not know.
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut rest = payload;
        let [VERSION, is_ours, transport] = take(&mut rest)? else { return None };
        let (source, destination) = (end(&mut rest)?, end(&mut rest)?);
        let length = usize::from(u16::from_le_bytes(take(&mut rest)?));
        let (call_id, message) = rest.split_at_checked(length)?;
        Some(Self { is_ours: is_ours == 1, transport, source, destination, call_id, message })
    }
}

fn end(rest: &mut &[u8]) -> Option<SocketAddr> {
    let address = Ipv6Addr::from(take::<16>(rest)?).to_canonical();
    Some(SocketAddr::new(address, u16::from_le_bytes(take(rest)?)))
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let signal = Signal {
            is_ours: true,
            transport: 2,
            source: "192.0.2.1:5060".parse().unwrap(),
            destination: "[2001:db8::1]:5070".parse().unwrap(),
            call_id: b"a@example.com",
            message: b"SIP/2.0 603 Decline\r\n\r\n",
        };
        let mut payload = Vec::new();
        signal.write(&mut payload);
        assert_eq!(Signal::parse(&payload), Some(signal));
        for length in 0..payload.len() - signal.message.len() {
            assert_eq!(Signal::parse(&payload[..length]), None);
        }
        payload[0] = 9;
        assert_eq!(Signal::parse(&payload), None);
    }
}
