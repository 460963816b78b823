//! One certificate over HTTPS, by rules that let nobody use us to reach what lies inside.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use stir::limits::CHAIN_BYTES_MAX;
use stir::{is_special_address, normal_address};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::judge::Count;
use crate::limits::FETCH_DURATION_MAX;

/// How names become addresses. It is asked once for each fetch, and what it says is what is connected to.
pub type Resolve = Arc<dyn Fn(String, u16) -> Resolving + Send + Sync>;

/// Addresses to come.
pub type Resolving = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

/// Where we may go.
#[derive(Clone)]
pub struct Egress {
    /// Names of hosts that certificates are fetched from, `*.example.com` for all below one. Without any every public host.
    pub hosts: Vec<String>,
    /// Addresses of hosts (`name`, or `name:8443`) that are not looked up: the one way to reach what lies inside.
    pub places: BTreeMap<String, SocketAddr>,
    /// Who vouches for hosts.
    pub roots: Arc<RootCertStore>,
    /// How names become addresses.
    pub resolve: Resolve,
}

/// Why there is no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// We do not go there.
    Forbidden,
    /// Nobody is there.
    Unreachable,
    /// It does not show who it is.
    Untrusted,
    /// It answers anything but 200; we follow it nowhere else.
    Answer,
    /// It sends too much.
    TooLong,
    /// It takes too long.
    TooSlow,
}

impl Refused {
    /// How it is counted.
    pub(super) const fn count(self) -> Count {
        match self {
            Self::Forbidden => Count::CertificateForbidden,
            Self::Unreachable => Count::CertificateUnreachable,
            Self::Untrusted => Count::CertificateUntrusted,
            Self::Answer => Count::CertificateAnswer,
            Self::TooLong => Count::CertificateTooLong,
            Self::TooSlow => Count::CertificateTooSlow,
        }
    }
}

impl Egress {
    /// What lies at `address`.
    ///
    /// # Errors
    /// Why it is not had.
    pub async fn fetch(&self, address: &str) -> Result<Vec<u8>, Refused> {
        timeout(FETCH_DURATION_MAX, self.go(address)).await.unwrap_or(Err(Refused::TooSlow))
    }

    async fn go(&self, address: &str) -> Result<Vec<u8>, Refused> {
        let address = normal_address(address.as_bytes()).ok_or(Refused::Forbidden)?;
        let target = Target::of(&address).ok_or(Refused::Forbidden)?;
        if !self.is_allowed(target.host) {
            return Err(Refused::Forbidden);
        }
        let stream = self.connect(&target).await?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| Refused::Untrusted)?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        let name = target.host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name).map_err(|_| Refused::Forbidden)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let stream = TokioIo::new(stream.map_err(|_| Refused::Untrusted)?);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(stream).await.map_err(|_| Refused::Unreachable)?;
        let asking = async move {
            let request = Request::get(target.path)
                .header(HOST, target.authority)
                .header(USER_AGENT, "ringwall")
                .header(ACCEPT, "application/pem-certificate-chain, application/pkix-cert, */*;q=0.1")
                .body(Empty::<Bytes>::new())
                .map_err(|_| Refused::Forbidden)?;
            let response = sender.send_request(request).await.map_err(|_| Refused::Answer)?;
            if response.status() != StatusCode::OK {
                return Err(Refused::Answer);
            }
            let body = Limited::new(response.into_body(), CHAIN_BYTES_MAX).collect().await;
            body.map(|body| body.to_bytes().to_vec()).map_err(|error| {
                if error.is::<LengthLimitError>() { Refused::TooLong } else { Refused::Answer }
            })
        };
        // The connection works while the answer is awaited, and goes when it is there.
        tokio::pin!(asking);
        tokio::pin!(connection);
        tokio::select! {
            biased;
            answer = &mut asking => answer,
            _ = &mut connection => asking.await,
        }
    }

    async fn connect(&self, target: &Target<'_>) -> Result<TcpStream, Refused> {
        let place = self.places.get(target.authority).or_else(|| self.places.get(target.host));
        let addresses = match place {
            Some(place) => vec![*place],
            None => self.addresses(target).await?,
        };
        for address in addresses.into_iter().take(ADDRESSES_TRIED) {
            if let Ok(stream) = TcpStream::connect(address).await {
                return Ok(stream);
            }
        }
        Err(Refused::Unreachable)
    }

    /// What the host resolves to. One answer that leads inside makes all of them suspicious.
    async fn addresses(&self, target: &Target<'_>) -> Result<Vec<SocketAddr>, Refused> {
        let literal = target.host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        let addresses = match literal {
            Some(address) => vec![SocketAddr::new(address, target.port)],
            None => {
                let found = (self.resolve)(target.host.to_owned(), target.port).await;
                found.map_err(|_| Refused::Unreachable)?
            }
        };
        if addresses.iter().any(|address| is_special_address(address.ip())) {
            return Err(Refused::Forbidden);
        }
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address.ip(), target.port)).collect())
    }

    fn is_allowed(&self, host: &str) -> bool {
        let fits = |known: &String| match known.strip_prefix('*') {
            Some(behind) => host.strip_suffix(behind).is_some_and(|name| !name.is_empty()),
            None => host == known,
        };
        self.hosts.is_empty() || self.hosts.iter().any(fits)
    }
}

/// The parts of an address in its normal form.
struct Target<'a> {
    /// Host and, unless it is the usual one, port.
    authority: &'a str,
    host: &'a str,
    port: u16,
    path: &'a str,
}

impl<'a> Target<'a> {
    fn of(address: &'a str) -> Option<Self> {
        let behind = address.strip_prefix("https://")?;
        let (authority, path) = behind.split_at(behind.find('/')?);
        let (host, port) = match authority.strip_suffix(":8443") {
            Some(host) => (host, 8443),
            None => (authority, 443),
        };
        Some(Self { authority, host, port, path })
    }
}

/// Names by the resolver of the system.
pub fn system_resolver() -> Resolve {
    Arc::new(|host, port| Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) }))
}

/// Who vouches for hosts: the certificates in `files`, or those that browsers believe when there is none.
///
/// # Errors
/// Which file cannot be used and why.
pub fn web_roots(files: &[PathBuf]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if files.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for path in files {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let found = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(&error))?;
        if found.is_empty() {
            return Err(wrong(&"there is no certificate in it"));
        }
        for certificate in found {
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
    }
    Ok(roots)
}

/// Addresses of one host that are tried.
const ADDRESSES_TRIED: usize = 2;
