//! M5: how many blocks were wrong.

use records::Columns;
use serde::{Deserialize, Serialize};

use super::{Class, Context, Definition, Fold, Interval, Period, Rows, Share, Unit};

/// Blocked attempts, and those that should not have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongBlocks(Share);

/// What M5 says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WrongBlockRate {
    /// `B_wrong / B`: a lower bound.
    pub lower_bound: Share,
    /// Where the true rate lies by the same labels.
    pub interval: Option<Interval>,
    /// Wrong ones of the blocked calls that were reviewed; `None` where none were.
    pub sampled: Option<Share>,
    /// Where the rate lies by them.
    pub sampled_interval: Option<Interval>,
}

impl Fold for WrongBlocks {
    const DEFINITION: Definition = Definition {
        id: "M5",
        name: "Wrong-block rate",
        formula: "B_wrong / B, B_wrong = blocked attempts that a case closed as false positive or an unblock request takes back",
        unit: Unit::Share,
        version: 1,
        counts: "Of the blocked calls the share that should have gone through, as cases say.",
        omits: "Callers who never complain: the rate is a lower bound. Beside it stands what a review of blocked calls found.",
    };
    const NEEDS: Columns = Columns::NONE;
    type Answer = WrongBlockRate;

    fn take(&mut self, rows: &Rows<'_>) {
        for attempt in rows.attempts().filter(|attempt| attempt.class == Class::Blocked) {
            self.0 += Share::new(u64::from(attempt.is_wrong), 1);
        }
    }

    fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }

    fn answer(&self, context: &Context, _: &Period) -> WrongBlockRate {
        WrongBlockRate {
            lower_bound: self.0,
            interval: self.0.wilson(),
            sampled: context.reviewed_blocked,
            sampled_interval: context.reviewed_blocked.and_then(Share::wilson),
        }
    }
}
