//! A value with its unit.

use std::fmt;

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::Share;

/// Something that a cell or a figure says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "of")]
pub enum Value {
    /// Nobody knows.
    Unknown,
    /// Words, perhaps a stranger's.
    Text(String),
    /// How many.
    Count(u64),
    /// A number with so many digits behind the point.
    Number(f64, u8),
    /// From 0 to 1, of something that is not counted: hours, money.
    Percent(f64),
    /// So many of so many; with n and a Wilson interval where they are few.
    Share(Share),
    /// So many of so many, of what was only looked at in part: always with n and interval.
    Estimate(Share),
    /// Microseconds; may be negative.
    Duration(i64),
    /// Money in millionths of a unit of currency.
    Money {
        /// Millionths.
        micros: i64,
        /// ISO 4217.
        currency: String,
    },
    /// A moment, written in the zone of the report.
    Time(Timestamp),
    /// The day in which a moment lies in the zone of the report.
    Day(Timestamp),
    /// The number or the address of a person.
    Person(String),
    /// From one value to another of the same kind: what is only known within bounds.
    Range(Box<Self>, Box<Self>),
}

impl Value {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// So many of so many.
    pub fn share(part: u64, whole: u64) -> Self {
        Self::Share(Share::new(part, whole))
    }

    /// So many seconds.
    pub fn seconds(seconds: i64) -> Self {
        Self::Duration(seconds.saturating_mul(1_000_000))
    }

    /// From `low` to `high`.
    pub fn range(low: Self, high: Self) -> Self {
        Self::Range(Box::new(low), Box::new(high))
    }

    /// What it comes to, for comparisons and axes; `None` of words and of nothing.
    pub(super) fn amount(&self) -> Option<f64> {
        match self {
            Self::Count(count) => Some(*count as f64),
            Self::Number(number, _) | Self::Percent(number) => Some(*number),
            Self::Share(share) | Self::Estimate(share) => share.ratio(),
            Self::Duration(micros) => Some(*micros as f64),
            Self::Money { micros, .. } => Some(*micros as f64 / 1e6),
            Self::Unknown
            | Self::Text(_)
            | Self::Time(_)
            | Self::Day(_)
            | Self::Person(_)
            | Self::Range(..) => None,
        }
        .filter(|amount| amount.is_finite())
    }
}

/// The number of a formula in the list of metrics: `M5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metric(pub u8);

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M{}", self.0)
    }
}
