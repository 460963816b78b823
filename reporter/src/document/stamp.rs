//! What a report was made from, so that it can be made again.

use rules::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Document, Share, Value};

/// From a moment to another one, which is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first moment.
    pub from: Timestamp,
    /// The first one after it.
    pub to: Timestamp,
    /// In which zone days begin and times are written, by its IANA name. One that is not known is UTC.
    pub zone: String,
}

/// What it was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    /// Version of the formulas of all metrics.
    pub definitions: String,
    /// Hours with complete data.
    pub coverage: Coverage,
    /// The first and the last policy in force, by their versions; the same one when it did not change.
    pub policies: Option<(String, String)>,
    /// When it was made.
    pub generated: Timestamp,
    /// Which program made it.
    pub maker: String,
    /// SHA-256 of everything else in it, as hexadecimal digits; see [`Document::seal`].
    #[serde(default)]
    pub hash: String,
}

/// How much of the period was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Hours whose data are complete.
    pub complete_hours: u64,
    /// Hours of the period.
    pub hours: u64,
}

impl Coverage {
    /// As a share.
    pub fn share(self) -> Share {
        Share::new(self.complete_hours, self.hours)
    }

    /// So little that a banner says so: less than 99 %.
    pub fn is_low(self) -> bool {
        self.complete_hours.saturating_mul(100) < self.hours.saturating_mul(99)
    }

    /// As it is printed.
    pub(super) fn value(self) -> Value {
        Value::Percent(self.share().ratio().unwrap_or(0.0))
    }
}

impl Document {
    /// The hash of everything that is in it but the hash itself.
    pub fn hash(&self) -> String {
        let mut bare = self.clone();
        bare.stamp.hash.clear();
        // Numbers that JSON has not are written as null there; nothing else of a document could fail.
        let bytes = serde_json::to_vec(&bare).unwrap_or_default();
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Writes its hash into its stamp. Done last.
    #[must_use]
    pub fn seal(mut self) -> Self {
        self.stamp.hash = self.hash();
        self
    }
}
