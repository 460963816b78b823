//! Syslog: datagrams, or octet-counted messages over TCP and TLS (RFC 5424, 5425, 6587), many over one connection.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rules::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::SendError;
use super::http::unread;
use crate::case::Severity;
use crate::notice::{self, Carriage};
use crate::outgoing::{Content, Outgoing};

/// Where it goes, and as what.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// How it is carried.
    pub carriage: Carriage,
    /// Host and port.
    pub address: &'a str,
    /// PEM file with the authorities that are believed.
    pub authorities: Option<&'a str>,
    /// The name of this machine.
    pub host: &'a str,
}

/// Sends `batch` over one connection: all of it has been taken, or none is counted.
///
/// # Errors
/// The other side cannot be reached, or went away.
pub async fn send(place: Place<'_>, batch: &[Outgoing], now: Timestamp) -> Result<String, SendError> {
    match timeout(PATIENCE, pass(place, batch, now)).await {
        Ok(passed) => passed,
        Err(_) => Err(SendError::passing(format!("{} does not take it within 10 s", place.address))),
    }
}

async fn pass(place: Place<'_>, batch: &[Outgoing], now: Timestamp) -> Result<String, SendError> {
    let messages: Vec<_> = batch.iter().map(|outgoing| message(outgoing, place.host, now)).collect();
    let failed = |error: std::io::Error| SendError::passing(format!("{}: {error}", place.address));
    if place.carriage == Carriage::Udp {
        let address = tokio::net::lookup_host(place.address).await.map_err(failed)?.next();
        let Some(address) = address else { return Err(SendError::passing("it has no address")) };
        let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(local).await.map_err(failed)?;
        for message in messages {
            socket.send_to(message.as_bytes(), address).await.map_err(failed)?;
        }
        return Ok("sent as a datagram".to_owned());
    }
    let counted: String = messages.iter().map(|message| format!("{} {message}", message.len())).collect();
    let stream = TcpStream::connect(place.address).await.map_err(failed)?;
    if place.carriage == Carriage::Tcp {
        write(stream, &counted).await.map_err(failed)?;
        return Ok("written to the connection".to_owned());
    }
    let host = place.address.rsplit_once(':').map_or(place.address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|error| SendError::permanent(error.to_string()))?;
    let connector = TlsConnector::from(Arc::new(config(place.authorities)?));
    let stream = connector.connect(name, stream).await.map_err(failed)?;
    write(stream, &counted).await.map_err(failed)?;
    Ok("written to the connection".to_owned())
}

/// Writes all of `text`, ends, and waits for a moment for the other side to end as well: one that has gone says so.
async fn write(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &str) -> Result<(), std::io::Error> {
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = [0; 64];
    match timeout(FAREWELL, stream.read(&mut rest)).await {
        Ok(Err(error)) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(()),
    }
}

fn message(outgoing: &Outgoing, host: &str, now: Timestamp) -> String {
    let (severity, text) = match &outgoing.content {
        Content::Document(text) => (severity(text), text.clone()),
        Content::Notice { subject, .. } | Content::Report { subject, .. } => {
            (Severity::Warning, subject.clone())
        }
        Content::AutomaticReply(_) => (Severity::Info, String::new()),
    };
    notice::syslog(severity, now, host, &outgoing.id, &text)
}

/// As the document says: the seventh part of CEF, or a number of OCSF.
fn severity(text: &str) -> Severity {
    let number = if text.starts_with("CEF:") {
        // Bars of names are escaped, and stand behind this one only with a backslash before them.
        let mut parts = 0;
        let mut is_escaped = false;
        let after = text.char_indices().find_map(|(at, it)| {
            parts += usize::from(it == '|' && !is_escaped);
            is_escaped = it == '\\' && !is_escaped;
            (parts == 6).then_some(at + 1)
        });
        after.and_then(|at| text.get(at..)?.split('|').next()?.parse::<u32>().ok())
    } else {
        let read: Option<serde_json::Value> = serde_json::from_str(text).ok();
        read.and_then(|it| it.get("severity_id")?.as_u64()).and_then(|it| u32::try_from(it * 2).ok())
    };
    match number {
        Some(8..) => Severity::Critical,
        Some(5..8) => Severity::Warning,
        _ => Severity::Info,
    }
}

fn config(authorities: Option<&str>) -> Result<ClientConfig, SendError> {
    let path = Path::new(authorities.unwrap_or(outgoing::SYSTEM_AUTHORITIES));
    let pem = std::fs::read(path).map_err(|error| unread(path, &error))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| SendError::permanent(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

const PATIENCE: Duration = Duration::from_secs(10);
const FAREWELL: Duration = Duration::from_millis(500);
