//! The colours of what becomes of calls: the same one for the same thing in every chart.

use serde::{Deserialize, Serialize};

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hue {
    /// Calls that went through.
    Passed,
    /// Calls that were blocked.
    Blocked,
    /// Calls that were diverted elsewhere.
    Redirected,
    /// Calls that had to prove that a person calls.
    Challenged,
    /// Calls that nobody wanted, whatever became of them.
    Unwanted,
    /// Calls that failed before anybody decided.
    Failed,
    /// What has no colour of its own.
    Plain,
    /// A limit, a target.
    Limit,
}

impl Hue {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Passed,
        Self::Blocked,
        Self::Redirected,
        Self::Challenged,
        Self::Unwanted,
        Self::Failed,
        Self::Plain,
        Self::Limit,
    ];

    /// Its name in a style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Blocked => "blocked",
            Self::Redirected => "redirected",
            Self::Challenged => "challenged",
            Self::Unwanted => "unwanted",
            Self::Failed => "failed",
            Self::Plain => "plain",
            Self::Limit => "limit",
        }
    }
}
