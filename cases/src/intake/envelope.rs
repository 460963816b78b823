//! How a mail came, as our own receiver saw it.

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
    /// What our own check of the sender found; `None` where the mail server in front writes `Authentication-Results`.
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
pub struct Checks {
    /// SPF of the return path.
    pub spf: Option<Outcome>,
    /// The best of all DKIM signatures.
    pub dkim: Option<Outcome>,
    /// DMARC, and the domain of `From` it was asked of.
    pub dmarc: Option<(Outcome, String)>,
    /// The chain of forwarders (RFC 8617).
    pub arc: Option<Outcome>,
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
