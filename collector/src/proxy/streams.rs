//! Connections that a proxy takes and makes, over TCP and TLS (RFC 3261 §18).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::Packet;
use rules::{Timestamp, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::hop::Target;
use super::leaving::Entry;
use super::lines::{Numbers, Wanted};
use super::mount::Proxying;
use super::port::Place;
use super::settings::Settings;
use crate::judge::{Count, Counters, Job, Shared, now};
use crate::limits::{UNREAD_MAX, WANTED_CONNECTIONS_MAX};
use crate::line::{Framed, Line};
use crate::redirect::{ConnectionLimits, Connections, Full, Held};

/// Where a proxy asks for connections.
pub struct Exchange {
    pub(super) wanted: mpsc::Sender<Wanted>,
    pub(super) numbers: Numbers,
}

/// Where its connections hear of it.
pub struct Asked {
    asked: mpsc::Receiver<Wanted>,
    numbers: Numbers,
}

/// Both sides of it, before either is there.
pub fn exchange() -> (Exchange, Asked) {
    let (wanted, asked) = mpsc::channel(WANTED_CONNECTIONS_MAX);
    let numbers = Numbers::default();
    (Exchange { wanted, numbers: numbers.clone() }, Asked { asked, numbers })
}

/// What connections are taken and made with.
#[derive(Clone)]
pub struct Streams {
    shared: Shared<Proxying>,
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    connections: Arc<Connections>,
    numbers: Numbers,
    limits: ConnectionLimits,
    client: Option<TlsConnector>,
    /// By which name the certificate at an address is to be had; one that is not here shows the address.
    names: Names,
    stop: watch::Receiver<bool>,
}

/// The names that addresses of next hops were looked up by.
pub type Names = Arc<Mutex<HashMap<SocketAddr, String>>>;

/// One connection.
struct Connection {
    number: u64,
    port: usize,
    /// The other end.
    place: Place,
    local: SocketAddr,
    line: Line,
    shared: Shared<Proxying>,
}

/// TLS as it is asked of next hops: whom the certificates in the PEM file at `authorities` vouch for, or those that browsers
/// trust.
///
/// # Errors
/// When the file cannot be read.
pub fn tls_client(authorities: Option<&Path>) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = authorities {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(&error))?;
        for certificate in certificates {
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
        if roots.is_empty() {
            return Err(wrong(&"there is no certificate in it"));
        }
    } else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl Streams {
    /// Connections of the proxy behind `shared`, until `stop` says so. With `client` they are made over TLS as well.
    pub fn new(
        shared: Shared<Proxying>,
        (settings, counters): (Arc<Settings>, Arc<Counters>),
        limits: ConnectionLimits,
        (client, names): (Option<TlsConnector>, Names),
        asked: &Asked,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let connections = Arc::new(Connections::new(limits));
        let numbers = asked.numbers.clone();
        Self { shared, settings, counters, connections, numbers, limits, client, names, stop }
    }

    /// Takes connections for the socket at `port`; with `tls` each has to agree on that first.
    pub async fn serve(self, listener: TcpListener, port: usize, tls: Option<TlsAcceptor>) {
        let mut stop = self.stop.clone();
        loop {
            let taken = tokio::select! {
                taken = listener.accept() => taken,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match taken {
                Ok((stream, source)) => self.take(stream, source, port, tls.clone()),
                // Out of file descriptors, or gone already: others may still come.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Makes connections as they are asked for.
    pub async fn connect(self, asked: Asked) {
        let mut asked = asked.asked;
        while let Some(wanted) = asked.recv().await {
            tokio::spawn(self.clone().make(wanted));
        }
    }

    fn take(&self, stream: TcpStream, source: SocketAddr, port: usize, tls: Option<TlsAcceptor>) {
        let (counters, peers) = (&self.counters, &self.settings.common.peers);
        let peer = peers.at(source.ip()).and_then(|place| peers.all().get(place));
        // Who is part of a call may be anybody; what others ask is met as over UDP.
        let is_trusted = peer.map_or_else(|| self.leads_to(source.ip()), |peer| peer.trusted);
        let held = match self.connections.take(source.ip(), is_trusted, now()) {
            Ok((held, evicted)) => {
                counters.add(Count::Opened);
                if evicted {
                    counters.add(Count::Evicted);
                }
                held
            }
            Err(Full::OfOneAddress) => return counters.add(Count::TooManyOfOne),
            Err(Full::OfAll) => return counters.add(Count::TooMany),
        };
        // A message is one small segment: it must not wait for another.
        let local = stream.set_nodelay(true).and_then(|()| stream.local_addr());
        let Ok(local) = local else { return };
        let leave = Arc::clone(&held.leave);
        let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
        let place = Place { transport, address: SocketAddr::new(source.ip().to_canonical(), source.port()) };
        let number = self.numbers.next();
        let connection = self.connection(number, port, (place, local), Some(held));
        let shared = self.shared.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = connection.run(stream, tls) => {}
                () = leave.notified() => {}
            }
            shared.insist(Box::new(move |proxy, _| proxy.lines().remove(number)));
        });
    }

    /// Whether a next hop is at this address.
    fn leads_to(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let is_there = |target: &Target| match target {
            Target::Place(place) => place.address.ip().to_canonical() == ip,
            Target::Name(_) => false,
        };
        let mut by_address = self.settings.next_hops.iter().flat_map(|hop| &hop.places);
        by_address.any(is_there)
            || self
                .names
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .keys()
                .any(|address| address.ip() == ip)
    }

    fn connection(
        &self,
        number: u64,
        port: usize,
        (place, local): (Place, SocketAddr),
        held: Option<Held>,
    ) -> Connection {
        let (counters, limits, stop) = (Arc::clone(&self.counters), self.limits, self.stop.clone());
        let line = Line { counters, held, limits, stop };
        Connection { number, port, place, local, line, shared: self.shared.clone() }
    }

    async fn make(self, wanted: Wanted) {
        let Wanted { number, port, place, mut waiting } = wanted;
        let mut is_reached = true;
        let unsent = match timeout(CONNECT_DURATION_MAX, self.reach(place)).await {
            Ok(Some((local, stream))) => {
                self.counters.add(Count::Connected);
                let connection = self.connection(number, port, (place, local), None);
                match stream {
                    Stream::Plain(stream) => connection.converse(stream, waiting).await,
                    Stream::Secure(stream) => connection.converse(*stream, waiting).await,
                }
            }
            _ => {
                self.counters.add(Count::NotConnected);
                is_reached = false;
                waiting.close();
                std::iter::from_fn(|| waiting.try_recv().ok()).collect()
            }
        };
        let job = move |proxy: &mut Proxying, at| {
            proxy.lines().remove(number);
            if !is_reached {
                proxy.lose(place);
            }
            proxy.give_back(unsent, (place, local_of(place)), port, at);
        };
        self.shared.insist(Box::new(job));
    }

    async fn reach(&self, place: Place) -> Option<(SocketAddr, Stream)> {
        let stream = TcpStream::connect(place.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let local = stream.local_addr().ok()?;
        if place.transport != Transport::Tls {
            return Some((local, Stream::Plain(stream)));
        }
        let name = self.names.lock().unwrap_or_else(PoisonError::into_inner).get(&place.address).cloned();
        let name =
            name.map_or_else(|| Ok(ServerName::from(place.address.ip())), ServerName::try_from).ok()?;
        match self.client.as_ref()?.connect(name, stream).await {
            Ok(stream) => Some((local, Stream::Secure(Box::new(stream)))),
            Err(_) => {
                self.counters.add(Count::NoHandshake);
                None
            }
        }
    }
}

/// A connection that was made.
enum Stream {
    Plain(TcpStream),
    Secure(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let (to, waiting) = mpsc::channel(UNREAD_MAX);
        let Some(tls) = tls else {
            self.introduce(to);
            self.converse(stream, waiting).await;
            return;
        };
        match timeout(self.line.message_time(), tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                self.introduce(to);
                self.converse(stream, waiting).await;
            }
            _ => self.line.counters.add(Count::NoHandshake),
        }
    }

    fn introduce(&self, to: mpsc::Sender<Vec<u8>>) {
        let (number, place) = (self.number, self.place);
        self.shared.note(Box::new(move |proxy, _| proxy.lines().add(number, place, to)));
    }

    async fn converse(
        self,
        stream: impl AsyncRead + AsyncWrite,
        waiting: mpsc::Receiver<Vec<u8>>,
    ) -> Vec<Vec<u8>> {
        let Self { number, port, place, local, line, shared } = self;
        let counters = Arc::clone(&line.counters);
        let entry = Entry { port, line: Some(number) };
        let entering = shared.clone();
        let take = async move |message: Framed, came: Timestamp| {
            let mut job: Job<Proxying> = Box::new(move |proxy, at| {
                let packet = Packet {
                    at,
                    source: place.address,
                    destination: local,
                    transport: place.transport,
                    payload: &message.bytes,
                    flags: message.flags,
                };
                proxy.take(&packet, entry, at.micros_since(came));
            });
            // What waits here is not read from its connection: TCP holds its sender back, and no call is lost. What comes of it
            // then, by how long it waited, is the proxy's to say: emergency calls pass.
            for _ in 0..TRIES_MAX {
                let Err(back) = entering.offer(job) else { return true };
                job = back;
                tokio::time::sleep(TRY_AFTER).await;
            }
            counters.add(Count::ShedRefused);
            false
        };
        // Whoever reads no more lets go of what could be written, so that both ends come.
        let ending = Ending { number, shared };
        line.converse(stream, waiting, async move |message, came| {
            let _ = &ending;
            take(message, came).await
        })
        .await
    }
}

/// Tells that nothing more comes over a connection: then nothing more goes over it either.
struct Ending {
    number: u64,
    shared: Shared<Proxying>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let number = self.number;
        self.shared.insist(Box::new(move |proxy, _| proxy.lines().remove(number)));
    }
}

fn local_of(place: Place) -> SocketAddr {
    if place.address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() }
}

/// How long it may take to make a connection, TLS among it: a caller waits, and its carrier has other ways.
const CONNECT_DURATION_MAX: Duration = Duration::from_secs(3);
/// How often a message looks for a place with the thread that judges, and how long it waits in between: five seconds, by when a
/// caller over TCP has not given up (RFC 3261 timer B: 32 s), and a thread that takes nothing has died.
const TRIES_MAX: u32 = 250;
const TRY_AFTER: Duration = Duration::from_millis(20);
/// How long to wait when the system gives no more connections.
const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::super::mount::Inlets;
    use super::super::scenes::{self, POLICY, request};
    use super::*;
    use crate::judge::Judge;
    use crate::limits::QUEUE_MAX;

    /// A proxy whose thread is held until the sender is let go of, with as many jobs before it as it takes.
    fn held() -> (Judge<Proxying>, Arc<Counters>, Sender<()>) {
        let counters = Arc::new(Counters::default());
        let of_proxy = (Arc::new(scenes::settings(0)), Arc::clone(&counters));
        let make = move || {
            let place = Place { transport: Transport::Tcp, address: "192.0.2.1:5060".parse().unwrap() };
            let inlets =
                Inlets { datagrams: Vec::new(), streams: vec![(place, None)], exchange: exchange().0 };
            Proxying::new(inlets, scenes::engine(POLICY), of_proxy)
        };
        let judge = Judge::start("held", make, Box::new(|_| {})).unwrap();
        let ((hold, held), (holds, is_held)) = (channel::<()>(), channel());
        assert!(judge.shared().ask(Box::new(move |_, _| {
            holds.send(()).unwrap();
            assert!(held.recv().is_err());
        })));
        is_held.recv().unwrap();
        (0..QUEUE_MAX).for_each(|_| assert!(judge.shared().ask(Box::new(|_, _| {}))));
        assert!(!judge.shared().ask(Box::new(|_, _| {})));
        (judge, counters, hold)
    }

    /// A connection from the carrier, and its other end.
    fn connection(
        shared: &Shared<Proxying>,
        counters: &Arc<Counters>,
        stop: &watch::Sender<bool>,
    ) -> (Connection, DuplexStream, DuplexStream) {
        let limits = ConnectionLimits {
            connections_max: 9,
            of_one_address_max: 9,
            message_seconds_max: 5,
            idle_seconds_max: 9,
        };
        let line = Line { counters: Arc::clone(counters), held: None, limits, stop: stop.subscribe() };
        let place = Place { transport: Transport::Tcp, address: scenes::CARRIER.parse().unwrap() };
        let local = "192.0.2.1:5060".parse().unwrap();
        let (theirs, ours) = duplex(1 << 16);
        (Connection { number: 7, port: 0, place, local, line, shared: shared.clone() }, theirs, ours)
    }

    fn known(shared: &Shared<Proxying>) -> usize {
        let (to, known) = channel();
        shared.note(Box::new(move |proxy, _| to.send(proxy.lines().len()).unwrap()));
        known.recv().unwrap()
    }

    #[tokio::test]
    async fn who_finds_no_place_waits_for_one_and_is_answered() {
        let (judge, counters, hold) = held();
        let stop = watch::Sender::new(false);
        let (connection, mut theirs, ours) = connection(judge.shared(), &counters, &stop);
        let (to, waiting) = mpsc::channel(UNREAD_MAX);
        connection.introduce(to);
        let conversation = tokio::spawn(connection.converse(ours, waiting));
        theirs.write_all(request("INVITE", "+13035550105", "").as_bytes()).await.unwrap();
        let mut answer = vec![0; 4_096];
        let early = timeout(Duration::from_millis(60), theirs.read(&mut answer)).await;
        assert!(early.is_err(), "it is neither answered nor closed: {early:?}");
        drop(hold);
        let count = timeout(Duration::from_secs(9), theirs.read(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer[..count]);
        assert!(answer.starts_with("SIP/2.0 486 "), "{answer}");
        assert_eq!((counters.of(Count::ShedRefused), known(judge.shared())), (0, 1));
        drop(theirs);
        conversation.await.unwrap();
        assert_eq!(known(judge.shared()), 0);
        assert!(judge.stop().is_some());
    }

    #[tokio::test]
    async fn a_connection_that_ends_while_the_queue_is_full_is_forgotten() {
        let (judge, counters, hold) = held();
        let stop = watch::Sender::new(false);
        let (connection, theirs, ours) = connection(judge.shared(), &counters, &stop);
        let (to, waiting) = mpsc::channel(UNREAD_MAX);
        connection.introduce(to);
        let conversation = tokio::spawn(connection.converse(ours, waiting));
        drop(theirs);
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(hold);
        // It ends because nobody can send over it any more.
        timeout(Duration::from_secs(9), conversation).await.unwrap().unwrap();
        assert_eq!(known(judge.shared()), 0);
        assert!(judge.stop().is_some());
    }
}
