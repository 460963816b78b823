//! Where we are: the sockets of a proxy, and how others name them.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ahash::RandomState;
use engine::sip::{Scheme, Uri};
use rules::Transport;

use crate::limits::REACHED_MAX;

/// An address with what carries messages to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// UDP, TCP or TLS.
    pub transport: Transport,
    /// Host and port.
    pub address: SocketAddr,
}

/// How others name a socket of ours: in Via and Record-Route they read it, in Route they say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    host: String,
    port: Option<u16>,
}

/// One socket.
#[derive(Clone, Debug)]
pub struct Port {
    /// What it is bound to.
    pub place: Place,
    /// What it is called.
    pub name: Name,
}

/// Says which of its own addresses the system would send from to another one.
pub(super) type Reach = Box<dyn Fn(SocketAddr) -> Option<IpAddr> + Send>;

/// All sockets.
pub(super) struct Ports {
    ports: Vec<Port>,
    reach: Reach,
    /// The socket by which each address is reached, as far as it was asked for.
    reached: HashMap<IpAddr, usize, RandomState>,
}

impl Ports {
    pub(super) fn new(ports: Vec<Port>, reach: Reach) -> Self {
        Self { ports, reach, reached: HashMap::default() }
    }

    pub(super) fn get(&self, place: usize) -> Option<&Port> {
        self.ports.get(place)
    }

    /// The socket that `uri` means: of several on one address the one with its transport.
    pub(super) fn meant(&self, uri: &Uri<'_>) -> Option<usize> {
        let transport = Place::transport(uri);
        let fits = |own: &Port| Some(own.place.transport) == transport;
        self.find(uri.host, uri.port, fits).or_else(|| self.named(uri.host, uri.port))
    }

    /// A socket that others mean by `host` and `port`.
    pub(super) fn named(&self, host: &[u8], port: Option<u16>) -> Option<usize> {
        self.find(host, port, |_| true)
    }

    fn find(&self, host: &[u8], port: Option<u16>, fits: impl Fn(&Port) -> bool) -> Option<usize> {
        let port = port.unwrap_or(SIP_PORT);
        let text = std::str::from_utf8(host).ok()?;
        let address =
            text.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|address| address.to_canonical());
        self.ports.iter().position(|own| {
            let is_name =
                own.name.host.eq_ignore_ascii_case(text) && own.name.port.unwrap_or(SIP_PORT) == port;
            let is_address = address == Some(own.place.address.ip()) && own.place.address.port() == port;
            (is_name || is_address) && fits(own)
        })
    }

    /// The socket that leaves for `to`: of several that could, the one whose address the system would send from, else the
    /// one at `usual`.
    pub(super) fn towards(&mut self, to: Place, usual: usize) -> Option<usize> {
        let can = |own: &Port| {
            own.place.transport == to.transport && own.place.address.is_ipv4() == to.address.is_ipv4()
        };
        let mut able = (0..).zip(&self.ports).filter(|(_, own)| can(own)).map(|(place, _)| place);
        let first = able.next()?;
        if able.next().is_none() {
            return Some(first);
        }
        let usual = if self.get(usual).is_some_and(can) { usual } else { first };
        let ip = to.address.ip();
        if let Some(&known) = self.reached.get(&ip) {
            // Of two sockets on one address the usual one is as good.
            let address = |place: usize| self.get(place).map(|port| port.place.address.ip());
            return Some(if address(known) == address(usual) { usual } else { known });
        }
        let from = (self.reach)(to.address)?;
        let fits = |own: &Port| can(own) && own.place.address.ip() == from;
        let found =
            if self.get(usual).is_some_and(fits) { Some(usual) } else { self.ports.iter().position(fits) };
        let found = found.unwrap_or(usual);
        if self.reached.len() >= REACHED_MAX {
            self.reached.clear();
        }
        self.reached.insert(ip, found);
        Some(found)
    }
}

impl Port {
    /// Writes what a Via says of it: transport and sent-by.
    pub(super) fn put_via(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.place.transport {
            Transport::Tcp => b"SIP/2.0/TCP ",
            Transport::Tls => b"SIP/2.0/TLS ",
            _ => b"SIP/2.0/UDP ",
        });
        self.put_name(out);
    }

    /// Writes what a URI that leads here says behind host and port.
    pub(super) fn put_transport(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.place.transport_param().as_bytes());
    }

    /// Writes host and port.
    pub(super) fn put_name(&self, out: &mut Vec<u8>) {
        // Writing to memory cannot fail.
        let _ = std::io::Write::write_fmt(out, format_args!("{}", self.name));
    }
}

impl Name {
    /// The name of a socket that is called as it is bound.
    pub fn of(address: SocketAddr) -> Self {
        let host = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Self { host, port: Some(address.port()) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri = format!("sip:{text}");
        let uri = Uri::read(uri.as_bytes());
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(byte);
        let is_whole = uri.user.is_none() && uri.params.is_empty() && uri.headers.is_empty();
        if uri.host.is_empty() || !is_whole || !uri.host.iter().all(plain) || !uri.flags.is_empty() {
            return Err(format!("{text:?} is no name: write HOST or HOST:PORT"));
        }
        Ok(Self { host: String::from_utf8_lossy(uri.host).into_owned(), port: uri.port })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Tcp => "tcp:",
            Transport::Tls => "tls:",
            _ => "",
        };
        write!(f, "{transport}{}", self.address)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (transport, address) = transport_of(text);
        let address = address.parse().map_err(|_| {
            format!("{text:?} is no place: write ADDRESS:PORT, tcp:ADDRESS:PORT or tls:ADDRESS:PORT")
        })?;
        Ok(Self { transport, address })
    }
}

/// What carries messages to a place that is written as `text`, and its host and port.
pub(super) fn transport_of(text: &str) -> (Transport, &str) {
    let carried = |word, transport| text.strip_prefix(word).map(|rest| (transport, rest));
    carried("tcp:", Transport::Tcp)
        .or_else(|| carried("tls:", Transport::Tls))
        .or_else(|| carried("udp:", Transport::Udp))
        .unwrap_or((Transport::Udp, text))
}

/// The port that is meant where none is said (RFC 3261 §19.1.2).
pub(super) fn usual_port(transport: Transport) -> u16 {
    if transport == Transport::Tls { SIPS_PORT } else { SIP_PORT }
}

impl Place {
    /// Whether what goes there goes over a connection.
    pub(super) fn is_stream(self) -> bool {
        self.transport != Transport::Udp
    }

    /// What a URI that leads there says of it, behind host and port.
    pub(super) fn transport_param(self) -> &'static str {
        match self.transport {
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
            _ => "",
        }
    }

    /// What carries messages to where `uri` leads; `None` for what we do not speak.
    fn transport(uri: &Uri<'_>) -> Option<Transport> {
        match (uri.scheme, uri.params().value(b"transport")) {
            // RFC 3261 §26.2.2: what is asked for safely goes on safely.
            (Scheme::Sips, None | Some(b"tcp" | b"tls")) => Some(Transport::Tls),
            (Scheme::Sip, None) => Some(Transport::Udp),
            (Scheme::Sip, Some(word)) if word.eq_ignore_ascii_case(b"udp") => Some(Transport::Udp),
            (Scheme::Sip, Some(word)) if word.eq_ignore_ascii_case(b"tcp") => Some(Transport::Tcp),
            (Scheme::Sip, Some(word)) if word.eq_ignore_ascii_case(b"tls") => Some(Transport::Tls),
            _ => None,
        }
    }

    /// Where `uri` leads (RFC 3261 §16.6, item 7), as far as it says so by an address; names are not looked up.
    pub(super) fn of(uri: &Uri<'_>) -> Option<Self> {
        let transport = Self::transport(uri)?;
        let host = uri.params().value(b"maddr").unwrap_or(uri.host);
        let host = std::str::from_utf8(host).ok()?.trim_matches(['[', ']']).parse().ok()?;
        let port = uri.port.unwrap_or_else(|| usual_port(transport));
        (port != 0).then(|| Self { transport, address: SocketAddr::new(host, port) })
    }
}

pub(super) const SIP_PORT: u16 = 5060;
const SIPS_PORT: u16 = 5061;

#[cfg(test)]
mod tests {
    use super::*;

    fn place(uri: &str) -> String {
        Place::of(&Uri::read(uri.as_bytes())).map_or_else(|| "nowhere".to_owned(), |place| place.to_string())
    }

    #[test]
    fn an_address_leads_somewhere_and_a_name_does_not() {
        for (uri, expected) in [
            ("sip:1@192.0.2.1", "192.0.2.1:5060"),
            ("sip:1@192.0.2.1:5080;transport=TCP;lr", "tcp:192.0.2.1:5080"),
            ("sip:[2001:db8::1]:6000;lr", "[2001:db8::1]:6000"),
            ("sip:1@pbx.example.com;maddr=192.0.2.9", "192.0.2.9:5060"),
            ("sip:1@pbx.example.com", "nowhere"),
            ("sip:1@192.0.2.1:0", "nowhere"),
            ("sips:1@192.0.2.1", "tls:192.0.2.1:5061"),
            ("sip:1@192.0.2.1:5080;transport=tls", "tls:192.0.2.1:5080"),
            ("sip:1@192.0.2.1;transport=ws", "nowhere"),
            ("tel:+12105550100", "nowhere"),
        ] {
            assert_eq!(place(uri), expected, "{uri}");
        }
    }

    #[test]
    fn we_are_known_by_address_and_by_name() {
        let port = |local: &str, name: Option<&str>| {
            let place: Place = local.parse().unwrap();
            Port { place, name: name.map_or_else(|| Name::of(place.address), |name| name.parse().unwrap()) }
        };
        let ports = Ports::new(
            vec![port("192.0.2.1:5060", None), port("10.0.0.1:5062", Some("proxy.example.com"))],
            Box::new(|_| None),
        );
        assert_eq!(ports.named(b"192.0.2.1", None), Some(0));
        assert_eq!(ports.named(b"192.0.2.1", Some(5062)), None);
        assert_eq!(ports.named(b"10.0.0.1", Some(5062)), Some(1));
        assert_eq!(ports.named(b"PROXY.example.com", None), Some(1));
        assert_eq!(ports.named(b"other.example.com", None), None);
    }

    #[test]
    fn a_message_leaves_by_the_socket_that_its_receiver_is_reached_from() {
        let port = |local: &str| {
            let place: Place = local.parse().unwrap();
            Port { place, name: Name::of(place.address) }
        };
        let reach = |to: SocketAddr| {
            let inside: IpAddr = "10.0.0.1".parse().unwrap();
            Some(if to.ip().to_string().starts_with("10.") { inside } else { "192.0.2.1".parse().unwrap() })
        };
        let all = ["192.0.2.1:5060", "10.0.0.1:5060", "10.0.0.1:5070", "[2001:db8::1]:5060"].map(port);
        let mut ports = Ports::new(all.into(), Box::new(reach));
        for _ in 0..2 {
            for (to, usual, expected) in [
                ("10.0.0.9:5060", 0, Some(1)),
                ("10.0.0.9:5060", 2, Some(2)),
                ("198.51.100.1:5060", 2, Some(0)),
                ("[2001:db8::2]:5060", 0, Some(3)),
                ("tcp:10.0.0.9:5060", 0, None),
            ] {
                assert_eq!(ports.towards(to.parse().unwrap(), usual), expected, "{to} {usual}");
            }
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "a b", "sip:a", "u@h", "h;lr", "h?x", "h:0x", "h>"] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
        assert_eq!("[2001:db8::1]:5060".parse::<Name>().unwrap().to_string(), "[2001:db8::1]:5060");
    }
}
