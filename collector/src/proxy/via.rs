//! Via as a proxy writes and reads it: where responses go, what names a transaction, whether a request has been here before.

use std::net::{IpAddr, SocketAddr};

use engine::sip::{Header, Message, Via};
use rules::Transport;

use super::port::{Place, Port, Ports, SIP_PORT};
use super::secret::{Secret, put_hash, read_hash};
use crate::limits::VIAS_MAX;

/// What a branch of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Branch {
    /// The socket that the request came in on: its responses leave by it.
    pub(super) port: usize,
    /// The connection that it came over, if it came over one.
    pub(super) line: Option<u64>,
    pub(super) transaction: u64,
    pub(super) target: u64,
}

impl Branch {
    /// Writes the Via line with it for a request that leaves by `port`.
    pub(super) fn put_line(self, out: &mut Vec<u8>, port: &Port) {
        out.extend_from_slice(b"Via: ");
        port.put_via(out);
        out.extend_from_slice(b";branch=");
        out.extend_from_slice(PREFIX);
        // There are never so many sockets that two digits do not say which.
        out.extend([self.port / 16, self.port % 16].map(|digit| crate::answer::hex_digit(digit as u8 & 15)));
        put_hash(out, self.transaction);
        put_hash(out, self.target);
        if let Some(line) = self.line {
            out.extend_from_slice(b";");
            out.extend_from_slice(LINE);
            out.push(b'=');
            put_hash(out, line);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn read(branch: &[u8]) -> Option<Self> {
        let (port, hashes) = branch.strip_prefix(PREFIX)?.split_at_checked(2)?;
        let (transaction, target) = hashes.split_at_checked(16)?;
        let port = u8::from_str_radix(std::str::from_utf8(port).ok()?, 16).ok()?;
        Some(Self {
            port: usize::from(port),
            line: None,
            transaction: read_hash(transaction)?,
            target: read_hash(target)?,
        })
    }
}

/// How a request came here, as far as its Vias say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    /// As requests do.
    Lawful,
    /// Over more hops than there are.
    TooManyHops,
    /// Through us, to the same place as now: it would come again for ever.
    Looped,
}

/// Reads the Vias of `message`, whose own hash of its target is `target`.
pub(super) fn past(message: &Message<'_>, ports: &Ports, target: u64) -> Past {
    let mut count = 0;
    for via in message.vias() {
        count += 1;
        if count > VIAS_MAX {
            return Past::TooManyHops;
        }
        let own = via.branch().and_then(Branch::read);
        if own.is_some_and(|own| own.target == target) && ports.named(via.host, via.port).is_some() {
            return Past::Looped;
        }
    }
    Past::Lawful
}

/// Where responses go to the hop that sent a request from `source` over UDP, and over a new connection when that one is down.
pub(super) fn sender(via: &Via<'_>, source: SocketAddr) -> SocketAddr {
    let port = if via.rport().is_some() { source.port() } else { via.port.unwrap_or(SIP_PORT) };
    SocketAddr::new(source.ip().to_canonical(), port)
}

/// What a response says of its way: our branch, and where the request came from.
pub(super) struct Back {
    pub(super) branch: Branch,
    pub(super) to: Place,
}

impl Back {
    /// Reads `message`, a response; `None` when it answers nothing that went through us: only we can write a branch that fits
    /// the Via behind it.
    pub(super) fn read(message: &Message<'_>, ports: &Ports, secret: &Secret) -> Option<Self> {
        let mut vias = message.vias();
        let (own, next) = (vias.next()?, vias.next()?);
        let line = own.params().find(|param| param.is(LINE)).and_then(|param| read_hash(param.value?));
        let branch = Branch { line, ..Branch::read(own.branch()?)? };
        ports.named(own.host, own.port)?;
        let host = next.received().unwrap_or(next.host);
        let host = std::str::from_utf8(host).ok()?.trim_matches(['[', ']']).parse::<IpAddr>().ok()?;
        let by_rport = next.rport().and_then(|port| std::str::from_utf8(port).ok()?.parse::<u16>().ok());
        let port = by_rport.or(next.port).unwrap_or(SIP_PORT);
        let transport = ports.get(branch.port).map_or(Transport::Udp, |port| port.place.transport);
        let to = Place { transport, address: SocketAddr::new(host.to_canonical(), port) };
        let transaction = secret.transaction(message, next.branch().unwrap_or_default(), to.address);
        (transaction == branch.transaction).then_some(Self { branch, to })
    }
}

/// How many bytes of the first Via value of `message` are ours: all of it, or up to behind the first comma.
pub(super) fn own_part<'a>(message: &Message<'a>) -> Option<(&'a [u8], bool)> {
    let value = message.value(Header::Via)?;
    let end = crate::answer::first_end(value);
    let (own, behind) = value.split_at_checked(end + 1).unwrap_or((value, &[]));
    let is_whole = behind.trim_ascii().is_empty();
    Some((if is_whole { value } else { own }, is_whole))
}

/// The parameter of our Via that says over which connection a request came. It helps to find that again, and proves nothing.
const LINE: &[u8] = b"i";
/// What begins the branch of each request that we pass on (RFC 3261 §8.1.1.7).
const PREFIX: &[u8] = b"z9hG4bKrw";
