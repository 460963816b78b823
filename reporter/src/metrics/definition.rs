//! What a metric says, in words: printed in reports and in docs/metrics.md.

use serde::Serialize;

/// What a metric is, as reports print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Definition {
    /// By which reports cite it, such as `M2`.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// How it is computed.
    pub formula: &'static str,
    /// What one of it is.
    pub unit: Unit,
    /// Counts changes of the formula: figures of two versions are not compared.
    pub version: u16,
    /// What it counts, in a customer's words.
    pub counts: &'static str,
    /// What it does not count or does not know.
    pub omits: &'static str,
}

/// What one of a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A number of things.
    Count,
    /// A part of a whole, 0 to 1.
    Share,
    /// Time.
    Seconds,
    /// Time.
    Hours,
    /// Money of the customer's rates.
    Money,
    /// A number without a unit.
    Index,
}

impl Unit {
    /// The word that is shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Share => "share",
            Self::Seconds => "seconds",
            Self::Hours => "hours",
            Self::Money => "money",
            Self::Index => "index",
        }
    }
}
