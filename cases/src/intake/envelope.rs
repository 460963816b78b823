//! How a mail came, as our own receiver saw it.

use std::net::IpAddr;

use rules::Timestamp;
use serde::{Deserialize, Serialize};

/// How a mail came: facts of our own side, never of the mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Whom bounces would go to.
    pub return_path: ReturnPath,
    /// Addresses of ours that it was sent to, as the sender's server gave them.
    pub recipients: Vec<String>,
    /// When our own server took it.
    pub received_at: Timestamp,
    /// What our own check of the sender found, or that it has still to be made: nothing that the mail itself says of checks
    /// counts then. `None` where the mail server in front writes `Authentication-Results`.
    pub checks: Option<Checks>,
}

/// Whom bounces would go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReturnPath {
    /// Not known, as with mail fetched from a mailbox; then the header of the mail may tell.
    Unknown,
    /// Nobody: a machine wrote it (RFC 5321 §4.5.5).
    Nobody,
    /// This address.
    Address(String),
}

/// What a check of the sender found, for one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checks {
    /// SPF of the return path.
    pub spf: Option<Outcome>,
    /// The best of all DKIM signatures.
    pub dkim: Option<Outcome>,
    /// DMARC, and the domain of `From` it was asked of.
    pub dmarc: Option<(Outcome, String)>,
    /// The chain of forwarders (RFC 8617).
    pub arc: Option<Outcome>,
    /// The domain of the last forwarder of a chain that we checked ourselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealer: Option<String>,
    /// Whose right to send is checked by SPF; `None` behind a mail server of ours, which alone knows who sent to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
    /// Each check of our own in words for the desk; empty before they are made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<String>,
}

/// A server of somebody else that brought a mail itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Where it connected from.
    pub address: IpAddr,
    /// What it calls itself.
    pub name: String,
}

impl Checks {
    /// Whether they have still to be made.
    pub const fn are_open(&self) -> bool {
        self.found.is_empty()
    }
}

/// How one check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// It was met.
    Pass,
    /// There was nothing to check, or it could not be checked.
    None,
    /// It was not met.
    Fail,
}

impl Outcome {
    /// Reads a result of RFC 8601 §2.7; what is not known counts as not checked.
    pub fn read(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "pass" => Self::Pass,
            "fail" | "softfail" | "hardfail" | "policy" => Self::Fail,
            _ => Self::None,
        }
    }
}
