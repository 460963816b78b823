//! `[proxy]` of ringwall.toml, and the inline proxy that it makes.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use collector::judge::{Counters, Judge, News};
use collector::limits::CONNECTIONS_MADE_MAX;
use collector::mirror::Mirror;
use collector::proxy::{
    self, Inlets, Lookup, Marks, Name, NextHop, Proxying, Secret, Settings, Share, Streams,
};
use collector::redirect::{self, ConnectionLimits, Overload, Peers};
use collector::redress::Tokens;
use engine::Engine;
use rules::Transport;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::config::{Block, Calls, Network, Strangers};
use super::start::listening;
use crate::outcome::Failure;

/// All of `[proxy]`. ringwall.toml in the root says what each key means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Proxy {
    pub(crate) udp: Vec<SocketAddr>,
    tcp: Vec<SocketAddr>,
    tls: Vec<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorities: Option<PathBuf>,
    advertised: Vec<Advertised>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<PathBuf>,
    strangers: Strangers,
    calls_on_fault: Calls,
    overload_after_milliseconds: u32,
    calls_in_overload: Calls,
    retry_after_seconds: u32,
    tag_display_name: bool,
    tag_header: String,
    connections_max: usize,
    connections_of_one_address_max: usize,
    message_seconds_max: u32,
    idle_seconds_max: u32,
    lookup_seconds: u32,
    next_hop: Vec<Hop>,
    peer: Vec<Peer>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hop {
    name: String,
    to: Vec<Place>,
    #[serde(default)]
    share: HowShared,
    #[serde(default = "health_seconds")]
    health_seconds: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    name: String,
    from: Vec<Network>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    #[serde(default)]
    trusted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_hop: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    block: Option<Block>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum HowShared {
    #[default]
    #[serde(rename = "in order")]
    InOrder,
    #[serde(rename = "spread")]
    Spread,
}

/// Who is told news, on the thread that judges.
type Tell = Box<dyn FnMut(News<'_>) + Send>;

/// How others know an address of ours.
#[derive(Clone, Debug, PartialEq)]
struct Advertised(Name);

/// A place of a next hop.
#[derive(Clone, Debug, PartialEq)]
struct Place(proxy::Target);

impl Default for Proxy {
    fn default() -> Self {
        let inside = SocketAddr::from(([127, 0, 0, 1], 5070));
        let inside = proxy::Place { transport: Transport::Udp, address: inside };
        let hop = Hop {
            name: "inside".to_owned(),
            to: vec![Place(proxy::Target::Place(inside))],
            share: HowShared::InOrder,
            health_seconds: health_seconds(),
        };
        let here = ["127.0.0.0/8", "::1/128"].iter().filter_map(|text| text.parse().ok());
        let peer = Peer {
            name: "this machine".to_owned(),
            from: here.map(Network).collect(),
            customer: None,
            trusted: false,
            next_hop: Some("inside".to_owned()),
            block: None,
        };
        Self {
            udp: Vec::new(),
            tcp: Vec::new(),
            tls: Vec::new(),
            certificate: None,
            key: None,
            authorities: None,
            advertised: Vec::new(),
            secret: None,
            strangers: Strangers::Drop,
            calls_on_fault: Calls::Pass,
            overload_after_milliseconds: 200,
            calls_in_overload: Calls::Pass,
            retry_after_seconds: 2,
            tag_display_name: true,
            tag_header: "X-Ringwall-Tag".to_owned(),
            connections_max: 1024,
            connections_of_one_address_max: 64,
            message_seconds_max: 5,
            idle_seconds_max: 600,
            lookup_seconds: 30,
            next_hop: vec![hop],
            peer: vec![peer],
        }
    }
}

impl Proxy {
    /// The file of its certificate.
    pub(super) const fn certificate_file(&self) -> &Option<PathBuf> {
        &self.certificate
    }

    /// What no key says alone.
    pub(crate) fn check(&self) -> Result<(), String> {
        let addresses = || self.udp.iter().chain(&self.tcp).chain(&self.tls);
        if !self.advertised.is_empty() && self.advertised.len() != addresses().count() {
            return Err(
                "`advertised` of the proxy has as many entries as `udp`, `tcp` and `tls` together, or none"
                    .to_owned(),
            );
        }
        if !self.tls.is_empty() && (self.certificate.is_none() || self.key.is_none()) {
            return Err("`tls` of the proxy needs `certificate` and `key`".to_owned());
        }
        if self.lookup_seconds == 0 || self.message_seconds_max == 0 {
            return Err("`lookup_seconds` and `message_seconds_max` of the proxy are at least 1".to_owned());
        }
        if self.advertised.is_empty()
            && let Some(any) = addresses().find(|address| address.ip().is_unspecified())
        {
            return Err(format!("nobody can answer to {any}: the proxy needs `advertised` beside it"));
        }
        if addresses().count() > SOCKETS_MAX {
            return Err(format!("a proxy has {SOCKETS_MAX} addresses at most"));
        }
        if !self.tag_header.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(format!("{:?} is no name of a header", self.tag_header));
        }
        for hop in &self.next_hop {
            if hop.to.is_empty() {
                return Err(format!("next hop \"{}\" has no place in `to`", hop.name));
            }
            // Whoever is sent something must be able to answer by the same way, also over a connection of its own.
            let leads = |target: &proxy::Target| match target.transport() {
                Transport::Tcp => !self.tcp.is_empty(),
                Transport::Tls => !self.tls.is_empty(),
                _ => !self.udp.is_empty(),
            };
            if self.is_on()
                && let Some(Place(place)) = hop.to.iter().find(|Place(place)| !leads(place))
            {
                return Err(format!(
                    "next hop \"{}\": {place}: the proxy has no address of its own with that transport",
                    hop.name
                ));
            }
            if self.next_hop.iter().filter(|other| other.name == hop.name).count() > 1 {
                return Err(format!("there are two next hops \"{}\"", hop.name));
            }
        }
        for peer in &self.peer {
            if peer.from.is_empty() {
                return Err(format!("peer \"{}\" of the proxy has no address in `from`", peer.name));
            }
            let known = |name: &String| self.next_hop.iter().any(|hop| hop.name == *name);
            if let Some(unknown) = peer.next_hop.as_ref().filter(|name| !known(name)) {
                return Err(format!(
                    "peer \"{}\" of the proxy: there is no next hop \"{unknown}\"",
                    peer.name
                ));
            }
            if peer.block.and_then(|Block(response)| response.code()) == Some(503) {
                return Err(format!(
                    "peer \"{}\" of the proxy: 503 means overload, and so it cannot say `block`",
                    peer.name
                ));
            }
        }
        Ok(())
    }

    /// Whether there is one.
    pub(crate) fn is_on(&self) -> bool {
        !(self.udp.is_empty() && self.tcp.is_empty() && self.tls.is_empty())
    }

    /// Its files.
    pub(crate) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let files = [&mut self.secret, &mut self.certificate, &mut self.key, &mut self.authorities];
        files.into_iter().flatten()
    }

    /// How many files it may have open for connections.
    pub(super) fn connections_max(&self) -> usize {
        if self.is_on() { self.connections_max + CONNECTIONS_MADE_MAX } else { 0 }
    }

    /// How the proxy behaves. It shares `refuses_all` with all that judge by the same policies.
    pub(super) fn settings(
        &self,
        data: &Path,
        (refuses_all, refused_code, tokens): (Arc<AtomicBool>, u16, Tokens),
    ) -> Result<Settings, Failure> {
        let path = self.secret.clone().unwrap_or_else(|| data.join("proxy.key"));
        let header = Some(self.tag_header.clone()).filter(|header| !header.is_empty());
        Ok(Settings {
            common: redirect::Settings {
                peers: Peers::new(self.peer.iter().map(|peer| self.peer(peer)).collect()),
                strangers: self.strangers.into(),
                overload: Overload {
                    wait_micros_max: i64::from(self.overload_after_milliseconds) * 1_000,
                    retry_after_seconds: self.retry_after_seconds,
                    trusted: self.calls_in_overload.into(),
                },
                on_fault: self.calls_on_fault.into(),
                refuses_all,
                refused_code,
                tokens,
            },
            next_hops: self.next_hop.iter().map(Hop::next_hop).collect(),
            marks: Marks { display_name: self.tag_display_name, header },
            secret: secret(&path)?,
        })
    }

    fn peer(&self, peer: &Peer) -> redirect::Peer<proxy::Onward> {
        let place = |name: &String| self.next_hop.iter().position(|hop| hop.name == *name);
        redirect::Peer {
            name: peer.name.clone(),
            from: peer.from.iter().map(|Network(network)| *network).collect(),
            customer: peer.customer.clone(),
            trusted: peer.trusted,
            allow: peer.next_hop.as_ref().and_then(place),
            block: peer.block.map(|Block(response)| response),
        }
    }

    /// Starts it on `sockets`, which are bound to the addresses of `udp`, and on the other addresses. Returns how those are
    /// said to be ready.
    pub(super) async fn start(
        &self,
        sockets: Vec<UdpSocket>,
        engine: Engine,
        (settings, counters): (Arc<Settings>, Arc<Counters>),
        (tell, mirror): (Tell, Option<Mirror>),
        stopped: &watch::Receiver<bool>,
    ) -> Result<(Judge<Proxying>, Vec<String>), Failure> {
        let acceptor = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some(redirect::tls(certificate, key).map_err(Failure::Usage)?),
            _ => None,
        };
        let client = match self.tls.is_empty() {
            true => None,
            false => Some(proxy::tls_client(self.authorities.as_deref()).map_err(Failure::Usage)?),
        };
        let mut names = self.advertised.iter().map(|Advertised(name)| name.clone());
        let datagrams: Vec<_> = sockets.into_iter().map(|socket| (socket, names.next())).collect();
        let (mut listeners, mut streams, mut said) = (Vec::new(), Vec::new(), Vec::new());
        let plain = self.tcp.iter().map(|address| ("tcp", Transport::Tcp, address));
        let secure = self.tls.iter().map(|address| ("tls", Transport::Tls, address));
        for (what, transport, &address) in plain.chain(secure) {
            let listener = TcpListener::bind(address).await.map_err(listening(what, address))?;
            let address = listener.local_addr().map_err(Failure::Output)?;
            said.push(format!("{what}:{address}"));
            streams.push((proxy::Place { transport, address }, names.next()));
            listeners.push((listener, acceptor.clone().filter(|_| transport == Transport::Tls)));
        }
        let first = datagrams.len();
        let (exchange, asked) = proxy::exchange();
        let inlets = Inlets { datagrams, streams, exchange };
        let of_service = (Arc::clone(&settings), Arc::clone(&counters));
        let judge = Judge::start(
            "proxy",
            move || Ok(Proxying::new(inlets, engine, of_service)?.mirrored(mirror)),
            tell,
        );
        let judge = judge.map_err(Failure::Output)?;

        let shared = judge.shared().clone();
        let names = proxy::Names::default();
        let every = Duration::from_secs(u64::from(self.lookup_seconds));
        let of_lookup = (shared.clone(), Arc::clone(&counters));
        let mut lookup = Lookup::new(&settings.next_hops, of_lookup, Arc::clone(&names), every);
        // Who is told that it is ready may call at once.
        lookup.look().await;
        tokio::spawn(lookup.run(stopped.clone()));
        let limits = ConnectionLimits {
            connections_max: self.connections_max,
            of_one_address_max: self.connections_of_one_address_max,
            message_seconds_max: self.message_seconds_max,
            idle_seconds_max: self.idle_seconds_max,
        };
        let connections =
            Streams::new(shared, (settings, counters), limits, (client, names), &asked, stopped.clone());
        for (place, (listener, tls)) in listeners.into_iter().enumerate() {
            tokio::spawn(connections.clone().serve(listener, first + place, tls));
        }
        tokio::spawn(connections.connect(asked));
        Ok((judge, said))
    }
}

impl Hop {
    fn next_hop(&self) -> NextHop {
        NextHop {
            name: self.name.clone(),
            places: self.to.iter().map(|Place(place)| place.clone()).collect(),
            share: match self.share {
                HowShared::InOrder => Share::InOrder,
                HowShared::Spread => Share::Spread,
            },
            health_seconds: self.health_seconds,
        }
    }
}

/// The secret in the file at `path`; a new one when there is no such file.
fn secret(path: &Path) -> Result<Secret, Failure> {
    key_of(path).map(Secret::new)
}

/// The key in the file `path`, made when there is none.
pub(super) fn key_of(path: &Path) -> Result<[u8; 16], Failure> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => new_secret(path)?,
        read => read.map_err(Failure::file(path))?,
    };
    let number = Some(text.trim()).filter(|text| text.len() == 32 && !text.starts_with('+'));
    let number = number.and_then(|text| u128::from_str_radix(text, 16).ok());
    let number = number.ok_or_else(|| {
        Failure::Usage(format!("{}: a secret is a line of 32 hexadecimal digits", path.display()))
    })?;
    Ok(number.to_be_bytes())
}

fn new_secret(path: &Path) -> Result<String, Failure> {
    let mut bytes = [0; 16];
    let random = Path::new("/dev/urandom");
    fs::File::open(random).and_then(|mut file| file.read_exact(&mut bytes)).map_err(Failure::file(random))?;
    let text = format!("{:032x}\n", u128::from_be_bytes(bytes));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    })
    .map_err(Failure::file(path))?;
    Ok(text)
}

impl From<Calls> for redirect::Calls {
    fn from(calls: Calls) -> Self {
        match calls {
            Calls::Pass => Self::Pass,
            Calls::AreRefused => Self::AreRefused,
        }
    }
}

impl From<Strangers> for redirect::Strangers {
    fn from(strangers: Strangers) -> Self {
        match strangers {
            Strangers::Drop => Self::Drop,
            Strangers::Refuse => Self::Refuse,
        }
    }
}

impl<'de> Deserialize<'de> for Advertised {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for Advertised {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

fn health_seconds() -> u32 {
    5
}

/// As many as the branch of a request can tell apart.
const SOCKETS_MAX: usize = 256;
