//! `[stir]`: whose signatures are believed, and where certificates may be fetched from.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Stir {
    pub(crate) anchors: Vec<PathBuf>,
    pub(crate) fresh_seconds: u32,
    pub(crate) checks_each_second: u32,
    pub(crate) hosts: Vec<String>,
    pub(crate) web_anchors: Vec<PathBuf>,
    pub(crate) places: BTreeMap<String, SocketAddr>,
}

impl Default for Stir {
    fn default() -> Self {
        let stir::Settings { fresh_seconds, checks_each_second } = stir::Settings::default();
        Self {
            anchors: Vec::new(),
            fresh_seconds,
            checks_each_second,
            hosts: Vec::new(),
            web_anchors: Vec::new(),
            places: BTreeMap::new(),
        }
    }
}

impl Stir {
    /// Files that it names.
    pub(crate) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.anchors.iter_mut().chain(&mut self.web_anchors)
    }

    /// What no key says alone.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.fresh_seconds == 0 || self.fresh_seconds > FRESH_SECONDS_MAX {
            return Err(format!("`fresh_seconds` is from 1 to {FRESH_SECONDS_MAX}"));
        }
        for host in &self.hosts {
            let name = host.strip_prefix("*.").unwrap_or(host);
            if !is_reachable(name) || name.contains(':') {
                return Err(format!(
                    "`hosts`: {host:?} is no name of a host in lower case, such as \"*.example.com\""
                ));
            }
        }
        for host in self.places.keys() {
            if !is_reachable(host) {
                return Err(format!(
                    "`places`: {host:?} is no host that a certificate may be fetched from, such as \
                     \"certificates.example.com\" or \"certificates.example.com:8443\""
                ));
            }
        }
        Ok(())
    }
}

/// Whether an address with this host, written in its normal form, could ever be fetched from.
fn is_reachable(host: &str) -> bool {
    let address = format!("https://{host}/");
    stir::normal_address(address.as_bytes()).is_some_and(|normal| normal == address)
}

/// A signature that is good for longer could be used again at leisure.
const FRESH_SECONDS_MAX: u32 = 3_600;
