//! The keys of `[reports]`: whether schedules run here.

use serde::{Deserialize, Serialize};

/// How reports run by themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReportsKeys {
    pub(crate) on: bool,
    pub(crate) lease_seconds: u32,
}

impl Default for ReportsKeys {
    fn default() -> Self {
        Self { on: true, lease_seconds: 120 }
    }
}

impl ReportsKeys {
    /// What no key says alone.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(3..=3_600).contains(&self.lease_seconds) {
            return Err("[reports] `lease_seconds` is from 3 to 3600".to_owned());
        }
        Ok(())
    }
}
