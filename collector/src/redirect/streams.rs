//! Peers that ask over TCP and TLS (RFC 3261 §18).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rules::Transport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::connections::{ConnectionLimits, Connections, Full};
use super::mount::Redirect;
use super::settings::Settings;
use super::turnstile::{Ends, Turnstile};
use crate::judge::{Count, Counters, Shared, now};
use crate::limits::UNREAD_MAX;
use crate::line::Line;

/// What connections are taken with.
#[derive(Clone)]
pub struct Streams {
    turnstile: Turnstile,
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    connections: Arc<Connections>,
    limits: ConnectionLimits,
    stop: watch::Receiver<bool>,
}

/// One connection that was taken.
struct Connection {
    turnstile: Turnstile,
    line: Line,
    ends: Ends,
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
        let turnstile = Turnstile::new(shared, (Arc::clone(&settings), Arc::clone(&counters)));
        Self { turnstile, settings, counters, connections: Arc::new(Connections::new(limits)), limits, stop }
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
        let leave = Arc::clone(&held.leave);
        // An answer is one small segment: it must not wait for another.
        let local = stream.set_nodelay(true).and_then(|()| stream.local_addr());
        let Ok(local) = local else { return };
        let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
        let connection = Connection {
            turnstile: self.turnstile.clone(),
            line: Line {
                counters: Arc::clone(&self.counters),
                held: Some(held),
                limits: self.limits,
                stop: self.stop.clone(),
            },
            ends: Ends { source, destination: local, transport },
        };
        tokio::spawn(async move {
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
        match timeout(self.line.message_time(), tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream).await,
            _ => self.line.counters.add(Count::NoHandshake),
        }
    }

    async fn converse(self, stream: impl AsyncRead + AsyncWrite) {
        let (answer, answers) = mpsc::channel(UNREAD_MAX);
        let Self { turnstile, line, ends } = self;
        line.converse(stream, answers, async move |message, came| {
            // Whoever asks and does not read is not asked to wait: there is no end to what could pile up.
            let Ok(room) = answer.clone().try_reserve_owned() else { return false };
            turnstile.take(ends, (message, came), &answer, room);
            true
        })
        .await;
    }
}

/// How long to wait when the system gives no more connections.
const PAUSE: Duration = Duration::from_millis(50);
