//! `[bridge]` of ringwall.toml.

use collector::bridge::Queue;
use serde::{Deserialize, Serialize};

use super::Calls;

/// All of it. ringwall.toml in the root says what each key means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Bridge {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<u16>,
    packets_max: u32,
    calls_when_full: Calls,
}

impl Bridge {
    /// What the bridge asks of the kernel; `None` without one.
    pub(crate) fn queue(&self) -> Option<Queue> {
        let when_full = self.calls_when_full.into();
        self.queue.map(|number| Queue { number, packets_max: self.packets_max, when_full })
    }
}

impl Default for Bridge {
    fn default() -> Self {
        Self { queue: None, packets_max: 4096, calls_when_full: Calls::Pass }
    }
}
