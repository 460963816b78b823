//! What was promised: how soon something is acknowledged, done, told.

use rules::Timestamp;

use crate::calendar::Calendar;
use crate::clock::ClockKind;

/// A promise in business time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The operating target, in minutes of business time.
    pub target_minutes: u32,
    /// What the contract allows at most.
    pub contract: Contract,
}

/// The limit of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// The target itself.
    Target,
    /// The target for what comes in while the desk is open; the close of the next business day for the rest.
    NextBusinessDayOutsideHours,
    /// The close of the next business day, always.
    NextBusinessDay,
}

/// When something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Due {
    /// What the desk aims at; never later than `contract` (S-1).
    pub target: Timestamp,
    /// What was agreed with the customer.
    pub contract: Timestamp,
}

impl Term {
    /// When something that came in at `start` is due; `None` when the calendar has no business time left in ten years.
    pub fn due(&self, calendar: &Calendar, start: Timestamp) -> Option<Due> {
        let target = calendar.add(start, i64::from(self.target_minutes) * MICROS_A_MINUTE)?;
        let contract = match self.contract {
            Contract::NextBusinessDayOutsideHours if calendar.is_open(start) => target,
            Contract::Target => target,
            Contract::NextBusinessDayOutsideHours | Contract::NextBusinessDay => {
                calendar.end_of_next_business_day(start)?
            }
        };
        Some(Due { target: target.min(contract), contract })
    }
}

/// What the contracts of one service say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The calendar by which they are counted.
    pub calendar: String,
    /// Until the first act of a named analyst.
    pub acknowledge: Term,
    /// Until it is in force, proven, and the customer told.
    pub complete: Term,
    /// Until the customer is told of a critical threshold violation.
    pub notify: Term,
    /// Automatic notices leave within so many seconds, at any hour, for customers that want them.
    pub best_effort_seconds: u32,
    /// Whether the automatic reply is the acknowledgement.
    pub auto_reply_counts_as_ack: bool,
    /// Whether waiting for the customer stops the clocks (S-4).
    pub pause_on_customer: bool,
}

impl Terms {
    /// What is promised of the clock `kind`.
    pub const fn of(&self, kind: ClockKind) -> &Term {
        match kind {
            ClockKind::Acknowledge => &self.acknowledge,
            ClockKind::Complete => &self.complete,
            ClockKind::Notify => &self.notify,
        }
    }

    /// One business hour to acknowledge, four to complete, by `calendar`.
    pub const fn usual(calendar: String) -> Self {
        let acknowledge = Term { target_minutes: 60, contract: Contract::NextBusinessDayOutsideHours };
        Self {
            calendar,
            acknowledge,
            complete: Term { target_minutes: 240, contract: Contract::NextBusinessDay },
            notify: acknowledge,
            best_effort_seconds: 60,
            auto_reply_counts_as_ack: false,
            pause_on_customer: false,
        }
    }
}

/// Business time is counted in these.
pub const MICROS_A_MINUTE: i64 = 60_000_000;
