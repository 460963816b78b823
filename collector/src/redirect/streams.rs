//! Peers that ask over TCP and TLS (RFC 3261 §18).

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::Packet;
use engine::sip::Framer;
use rules::{Flags, Timestamp, Transport};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::connections::{ConnectionLimits, Connections, Full, Held};
use super::mount::Redirect;
use super::settings::Settings;
use crate::judge::{Count, Counters, Shared, now};
use crate::limits::UNREAD_MAX;

/// What connections are taken with.
#[derive(Clone)]
pub struct Streams {
    shared: Shared<Redirect>,
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    connections: Arc<Connections>,
    limits: ConnectionLimits,
    stop: watch::Receiver<bool>,
}

/// One connection that was taken.
struct Connection {
    shared: Shared<Redirect>,
    counters: Arc<Counters>,
    held: Held,
    ends: (SocketAddr, SocketAddr),
    transport: Transport,
    limits: ConnectionLimits,
    /// Asks for the end: nothing more is read, what was asked is still answered.
    stop: watch::Receiver<bool>,
}

/// One message of a connection.
struct Framed {
    bytes: Vec<u8>,
    flags: Flags,
    close: bool,
}

/// TLS as it is offered to peers, with the certificates and the key in these PEM files.
///
/// # Errors
/// When a file cannot be read, or the key does not fit.
pub fn tls(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let in_file = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| in_file(certificate, &error))?;
    if chain.is_empty() {
        return Err(in_file(certificate, &"there is no certificate in it"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| in_file(key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| in_file(key, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

impl Streams {
    /// Connections to the server behind `shared`, until `stop` says so; the last one lets go of its copy of `stop` when all
    /// that was asked is answered.
    pub fn new(
        shared: Shared<Redirect>,
        (settings, counters): (Arc<Settings>, Arc<Counters>),
        limits: ConnectionLimits,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { shared, settings, counters, connections: Arc::new(Connections::new(limits)), limits, stop }
    }

    /// Takes connections; with `tls` each has to agree on that first.
    pub async fn serve(self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let mut stop = self.stop.clone();
        loop {
            let taken = tokio::select! {
                taken = listener.accept() => taken,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match taken {
                Ok((stream, source)) => self.take(stream, source, tls.clone()),
                // Out of file descriptors, or gone already: others may still come.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn take(&self, stream: TcpStream, source: SocketAddr, tls: Option<TlsAcceptor>) {
        let (counters, peers) = (&self.counters, &self.settings.peers);
        let Some(peer) = peers.at(source.ip()).and_then(|place| peers.all().get(place)) else {
            counters.add(Count::StrangerDropped);
            return;
        };
        let held = match self.connections.take(source.ip(), peer.trusted, now()) {
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
        // An answer is one small segment: it must not wait for another.
        let local = stream.set_nodelay(true).and_then(|()| stream.local_addr());
        let Ok(local) = local else { return };
        let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
        let connection = Connection {
            shared: self.shared.clone(),
            counters: Arc::clone(&self.counters),
            held,
            ends: (source, local),
            transport,
            limits: self.limits,
            stop: self.stop.clone(),
        };
        tokio::spawn(async move {
            let leave = Arc::clone(&connection.held.leave);
            tokio::select! {
                () = connection.run(stream, tls) => {}
                () = leave.notified() => {}
            }
        });
    }
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let Some(tls) = tls else { return self.converse(stream).await };
        match timeout(self.message_time(), tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream).await,
            _ => self.counters.add(Count::NoHandshake),
        }
    }

    fn message_time(&self) -> Duration {
        Duration::from_secs(u64::from(self.limits.message_seconds_max))
    }

    async fn converse(self, stream: impl AsyncRead + AsyncWrite) {
        let (reader, writer) = split(stream);
        let (answer, answers) = mpsc::channel(UNREAD_MAX);
        let message_time = self.message_time();
        // Whichever ends first ends both; but what was asked before the end is still answered.
        tokio::join!(self.read(reader, answer), write(writer, answers, message_time));
    }

    async fn read(mut self, mut reader: impl AsyncRead + Unpin, answer: mpsc::Sender<Vec<u8>>) {
        let idle_time = Duration::from_secs(u64::from(self.limits.idle_seconds_max));
        let mut framer = Framer::new();
        let mut room = vec![0; READ_BYTES];
        // When the message in hand must be complete.
        let mut due: Option<Instant> = None;
        loop {
            let until = due.unwrap_or_else(|| Instant::now() + idle_time);
            let read = tokio::select! {
                read = timeout_at(until, reader.read(&mut room)) => read,
                _ = self.stop.wait_for(|stop| *stop) => return,
            };
            let count = match read {
                Ok(Ok(count)) if count > 0 => count,
                Ok(_) => return,
                Err(_) => {
                    if due.is_some() {
                        self.counters.add(Count::Slow);
                    }
                    return;
                }
            };
            let came = now();
            let mut messages = Vec::new();
            framer.push(room.get(..count).unwrap_or_default(), |frame| {
                messages.push(Framed { bytes: frame.bytes.to_vec(), flags: frame.flags, close: frame.close });
            });
            if !messages.is_empty() {
                self.held.heard(came);
                due = None;
            }
            due = (framer.pending_bytes() > 0)
                .then(|| due.unwrap_or_else(|| Instant::now() + self.message_time()));
            for message in messages {
                let close = message.close;
                if !self.ask(message, came, &answer) {
                    return;
                }
                if close {
                    return self.counters.add(Count::BadFraming);
                }
            }
            if framer.is_closed() {
                return self.counters.add(Count::BadFraming);
            }
        }
    }

    /// Has a message answered. Returns false when the connection is to be closed.
    fn ask(&self, message: Framed, came: Timestamp, answer: &mpsc::Sender<Vec<u8>>) -> bool {
        let (source, destination) = self.ends;
        let transport = self.transport;
        // Whoever asks and does not read is not asked to wait: there is no end to what could pile up.
        let Ok(place) = answer.clone().try_reserve_owned() else { return false };
        let Framed { bytes, flags, .. } = message;
        let is_taken = self.shared.ask(Box::new(move |redirect, at| {
            let decider = redirect.decider();
            let packet = Packet { at, source, destination, transport, payload: &bytes, flags };
            decider.note_wait(at.micros_since(came));
            let mut out = Vec::new();
            if decider.handle(&packet, &mut out).is_some() {
                place.send(out);
            }
            decider.note_wait(0);
        }));
        if !is_taken {
            self.counters.add(Count::ShedRefused);
        }
        is_taken
    }
}

/// Writes answers in order, until there are no more or the peer does not take them.
async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut answers: mpsc::Receiver<Vec<u8>>,
    patience: Duration,
) {
    while let Some(answer) = answers.recv().await {
        let written = async {
            writer.write_all(&answer).await?;
            writer.flush().await
        };
        match timeout(patience, written).await {
            Ok(Ok::<(), io::Error>(())) => {}
            _ => return,
        }
    }
    // The peer may have gone first.
    let _ = timeout(patience, writer.shutdown()).await;
}

const READ_BYTES: usize = 4 << 10;
/// How long to wait when the system gives no more connections.
const PAUSE: Duration = Duration::from_millis(50);
