//! What every report prints about itself: what it is about, what it was made from, and a hash over all of it.

use rules::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::summary::hex;
use super::{Context, Coverage, Figures, Gathered, Period};

/// What a report says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stamp {
    /// What it is about.
    pub period: Period,
    /// Whose clock.
    pub zone: String,
    /// Rows that it is made from.
    pub rows: u64,
    /// [`Figures::version`].
    pub definitions: String,
    /// How much was seen; `None` where nobody kept it.
    pub coverage: Option<Coverage>,
    /// Versions of policy that judged its calls, in order, each with its first and last attempt.
    pub policies: Vec<(String, Timestamp, Timestamp)>,
    /// Hash over files and contexts.
    pub inputs: String,
    /// When it was made.
    pub generated_at: Timestamp,
    /// SHA-256 over all of the above but `generated_at`, and over what is told: the same inputs give the same.
    pub hash: String,
}

impl Stamp {
    /// The stamp of a report of `gathered` that tells `told`.
    ///
    /// # Errors
    /// What is told cannot be written as JSON.
    pub fn new(
        gathered: &Gathered,
        (context, period): (&Context, &Period),
        coverage: Option<Coverage>,
        told: &impl Serialize,
        generated_at: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let policies = gathered.figures.policies.in_order().into_iter();
        let mut stamp = Self {
            period: *period,
            zone: context.zone.iana_name().unwrap_or_default().to_owned(),
            rows: gathered.figures.rows,
            definitions: Figures::version(),
            coverage,
            policies: policies.map(|(version, first, last)| (version.to_owned(), first, last)).collect(),
            inputs: gathered.inputs.clone(),
            generated_at: Timestamp(0),
            hash: String::new(),
        };
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(&stamp)?);
        hash.update(serde_json::to_vec(told)?);
        stamp.hash = hex(&hash.finalize());
        stamp.generated_at = generated_at;
        Ok(stamp)
    }
}
