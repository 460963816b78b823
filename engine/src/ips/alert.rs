//! What a breach tells: plain data, made when it acts.

use rules::Timestamp;
use rules::policy::ThresholdId;
use serde::{Deserialize, Serialize};

/// A threshold was reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// Whose threshold: index of the policy.
    pub policy: u32,
    /// Which of its thresholds.
    pub threshold: ThresholdId,
    /// Whether it is the critical limit.
    pub critical: bool,
    /// When it acted.
    pub at: Timestamp,
    /// Which key reached it: the parts by their names in policies, as people read them.
    #[serde(with = "super::key_text")]
    pub key: Vec<(&'static str, String)>,
    /// What was counted, in the unit of the limit. At least: see `missed_max`.
    pub value: f64,
    /// The limit.
    pub limit: f64,
    /// The usual value of this hour, where the limit was learned.
    pub baseline: Option<f64>,
    /// The earliest event in the window that is kept.
    pub first: Timestamp,
    /// The event that reached the limit.
    pub last: Timestamp,
    /// Events in the window.
    pub total: u64,
    /// So many further events of this key may have been forgotten for want of room, at most.
    pub missed_max: u64,
    /// The Call-IDs of the last events, at most 50, oldest first.
    pub calls: Vec<Vec<u8>>,
    /// Breaches of the same key and level that were not told because they came within `cool_down`.
    pub suppressed: u32,
    /// How long the action holds; `None` when there is none that lasts.
    pub until: Option<Timestamp>,
}
