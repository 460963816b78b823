//! `[mirror]`: who is told of each decision.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mirror {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<SocketAddr>,
    pub(crate) transport: Carriage,
    pub(crate) node: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_environment: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Carriage {
    Udp,
    Tcp,
}

impl Default for Mirror {
    fn default() -> Self {
        Self { address: None, transport: Carriage::Udp, node: 1, key_file: None, key_environment: None }
    }
}

impl Mirror {
    /// What no key says alone.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.key_file.is_some() && self.key_environment.is_some() {
            return Err("the mirror has two keys: `key_file` and `key_environment`".to_owned());
        }
        Ok(())
    }
}
