//! How we ask servers over HTTP: whom TLS believes, and what is never done, the same for all of ours.

#![forbid(unsafe_code)]

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::typestate::AgentScope;

/// Authorities of the system, as Debian keeps them.
pub const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What asks the server of `url`. Over TLS the authorities in the PEM file `authorities` are believed, or else those of the
/// system. It follows nobody elsewhere and takes no proxy from the environment: what is configured is what is asked. Any status
/// is an answer. `bounds` says how long it may wait.
///
/// # Errors
/// The file cannot be read; the message names it.
pub fn agent(
    url: &str,
    authorities: Option<&Path>,
    bounds: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
) -> io::Result<Agent> {
    let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
    if url.starts_with("https://") {
        let path = authorities.unwrap_or_else(|| Path::new(SYSTEM_AUTHORITIES));
        let pem = std::fs::read(path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        let certificates = parse_pem(&pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        tls = tls.root_certs(RootCerts::new_with_certs(&certificates.collect::<Vec<_>>()));
    }
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .user_agent(concat!("ringwall/", env!("CARGO_PKG_VERSION")));
    Ok(bounds(config).build().new_agent())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says by its panic what is wrong")]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_read_for_tls_alone_and_the_error_names_their_file() {
        let nowhere = Some(Path::new("/nowhere/authorities.pem"));
        assert!(agent("http://127.0.0.1:9/", nowhere, |config| config).is_ok());
        let wrong = agent("https://127.0.0.1:9/", nowhere, |config| config).unwrap_err();
        assert!(wrong.to_string().starts_with("/nowhere/authorities.pem: "), "{wrong}");
        assert_eq!(wrong.kind(), io::ErrorKind::NotFound);
    }
}
