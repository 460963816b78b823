//! `[hep]`: who sends what it saw, and where.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Network, local};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Hep {
    pub(crate) udp: Vec<SocketAddr>,
    pub(crate) tcp: Vec<SocketAddr>,
    pub(crate) clock_seconds_max: u32,
    pub(crate) connections_max: usize,
    pub(crate) connections_of_one_address_max: usize,
    pub(crate) message_seconds_max: u32,
    pub(crate) idle_seconds_max: u32,
    pub(crate) sender: Vec<Sender>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sender {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) from: Vec<Network>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) customer: Option<String>,
}

impl Default for Hep {
    fn default() -> Self {
        let networks = ["127.0.0.0/8", "::1/128"].iter().filter_map(|text| text.parse().ok());
        let this_machine = Sender {
            name: "this machine".to_owned(),
            from: networks.map(Network).collect(),
            key_file: None,
            key_environment: None,
            customer: None,
        };
        Self {
            udp: vec![local(9060)],
            tcp: vec![local(9060)],
            clock_seconds_max: 5,
            connections_max: 256,
            connections_of_one_address_max: 64,
            message_seconds_max: 5,
            idle_seconds_max: 7200,
            sender: vec![this_machine],
        }
    }
}

impl Hep {
    /// What holds when a file has no `[hep]`: nothing is taken.
    pub(crate) fn off() -> Self {
        Self { udp: Vec::new(), tcp: Vec::new(), ..Self::default() }
    }

    /// Whether anything is taken.
    pub(crate) fn is_on(&self) -> bool {
        !self.udp.is_empty() || !self.tcp.is_empty()
    }

    /// The files that it names.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.sender.iter_mut().filter_map(|sender| sender.key_file.as_mut())
    }

    /// What no key says alone.
    pub(super) fn check(&self) -> Result<(), String> {
        for Sender { name, from, key_file, key_environment, .. } in &self.sender {
            if key_file.is_some() && key_environment.is_some() {
                return Err(format!("sender \"{name}\" has two keys: `key_file` and `key_environment`"));
            }
            if from.is_empty() && key_file.is_none() && key_environment.is_none() {
                return Err(format!(
                    "sender \"{name}\" has neither an address in `from` nor a key, so anybody would be it"
                ));
            }
        }
        Ok(())
    }
}
