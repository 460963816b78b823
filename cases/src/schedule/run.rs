//! One run of a schedule, and where it stands.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::Covered;

/// One run of a schedule: there is one for each time that it is due, whoever looks at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The schedule and the time: `RS-1f0c22ab/2026-10-05T12:00:00Z`.
    pub id: String,
    /// Its schedule.
    pub schedule: String,
    /// Whose.
    pub customer: String,
    /// When it is to be there.
    pub due: Timestamp,
    /// What it is about.
    pub covered: Covered,
    /// Where it stands.
    pub state: RunState,
    /// How often it was begun.
    pub attempts: u32,
    /// Who makes it, while somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// What came of it, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// What it made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<KeptFile>,
    /// Whom it went to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent_to: Vec<String>,
    /// Who is asked for and may not have it (P-5).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<String>,
    /// Whether its recipients know that it is late.
    #[serde(default)]
    pub is_late_told: bool,
}

/// Who makes a run, and until when nobody else does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// A name that no other process has.
    pub owner: String,
    /// From then on somebody else may.
    pub until: Timestamp,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It is to be made.
    Waiting,
    /// Somebody makes it.
    Running,
    /// It was made and sent.
    Done,
    /// It was made, and there was nothing to show. That was said.
    Empty,
    /// It was not made. That was said.
    Failed,
    /// Nobody ran when it was due, and a later one stands for it. That was said.
    Missed,
}

/// A file that a run made, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// Its name.
    pub name: String,
    /// What it is (RFC 6838).
    pub media_type: String,
    /// How long it is.
    pub bytes: u64,
    /// SHA-256 of it, in hexadecimal: the same run over the same data gives the same.
    pub sha256: String,
    /// Whether it tells of single calls.
    pub holds_calls: bool,
}

impl Run {
    /// The one of `schedule` that is due at `due`.
    pub fn new(schedule: &super::Schedule, due: Timestamp, covered: Covered) -> Self {
        Self {
            id: format!("{}/{}", schedule.id, crate::calendar::instant(due)),
            schedule: schedule.id.clone(),
            customer: schedule.customer.clone(),
            due,
            covered,
            state: RunState::Waiting,
            attempts: 0,
            lease: None,
            ended: None,
            words: Vec::new(),
            files: Vec::new(),
            sent_to: Vec::new(),
            pending: Vec::new(),
            is_late_told: false,
        }
    }

    /// Whether somebody of the desk ordered it to look at: no customer sees it.
    pub fn is_ordered(&self) -> bool {
        self.schedule.starts_with(super::ORDERED)
    }
}

impl RunState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Running, Self::Done, Self::Empty, Self::Failed, Self::Missed];

    /// The word that is stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Empty => "empty",
            Self::Failed => "failed",
            Self::Missed => "missed",
        }
    }

    /// Whether nothing more becomes of it.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}
