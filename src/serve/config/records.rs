//! The keys of `[records]`: which calls are recorded, and for how long.

use serde::{Deserialize, Serialize};

/// What is kept of calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Records {
    pub(crate) calls: Recorded,
    pub(crate) copy: bool,
    pub(crate) store: bool,
    pub(crate) store_seconds: u32,
    pub(crate) snapshot_seconds: u32,
}

/// Which calls are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Recorded {
    All,
    Refused,
    None,
}

impl Default for Records {
    fn default() -> Self {
        Self { calls: Recorded::All, copy: true, store: true, store_seconds: 60, snapshot_seconds: 1 }
    }
}

impl Records {
    /// What no key says alone.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=3_600).contains(&self.store_seconds) {
            return Err("`store_seconds` is from 1 to 3600".to_owned());
        }
        Ok(())
    }
}
