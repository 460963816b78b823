//! One thing that counted for a key.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that counted for a key, in 24 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    /// When, in microseconds, shifted left; the lowest bit says that it was refused.
    pub(super) at_refused: u64,
    /// The element of counters that have one: a number, a user, a duration, whether it was a hit.
    pub(super) value: u64,
    /// Which Call-ID it came with.
    pub(super) call: u32,
    /// The counters of the group that it counts for.
    pub(super) mask: u16,
}

impl Event {
    /// An event at `at`; before 1970 nothing happened.
    pub(super) fn new(at: Timestamp, is_refused: bool, value: u64, call: u32, mask: u16) -> Self {
        Self { at_refused: (at.0.max(0) as u64) << 1 | u64::from(is_refused), value, call, mask }
    }

    /// When it happened, in microseconds.
    pub(super) fn micros(&self) -> i64 {
        (self.at_refused >> 1) as i64
    }

    /// Whether the attempt was refused.
    pub(super) fn is_refused(&self) -> bool {
        self.at_refused & 1 == 1
    }
}
