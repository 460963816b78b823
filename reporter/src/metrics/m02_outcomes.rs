//! M2: what became of attempts, and the share that was blocked.

use records::Columns;
use serde::{Deserialize, Serialize};

use super::{Class, Context, Definition, Fold, Period, Rows, Share, Unit};

/// Attempts by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// `B`: refused by policy.
    pub blocked: u64,
    /// `R`: sent somewhere else, or challenged.
    pub redirected: u64,
    /// `P`: let on.
    pub passed: u64,
    /// `F`: no policy judged them.
    pub failed: u64,
}

/// What M2 says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BlockRate {
    /// `A = B + R + P + F`.
    pub attempts: u64,
    /// By what became of them.
    pub outcomes: Outcomes,
    /// `B / A`.
    pub rate: Share,
}

impl Outcomes {
    /// `A`.
    pub const fn attempts(&self) -> u64 {
        self.blocked + self.redirected + self.passed + self.failed
    }

    /// One more.
    pub fn count(&mut self, class: Class) {
        match class {
            Class::NoCall => {}
            Class::Blocked => self.blocked += 1,
            Class::Redirected => self.redirected += 1,
            Class::Passed => self.passed += 1,
            Class::Failed => self.failed += 1,
        }
    }

    /// Takes over what `other` counted.
    pub fn add(&mut self, other: &Self) {
        self.blocked += other.blocked;
        self.redirected += other.redirected;
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Fold for Outcomes {
    const DEFINITION: Definition = Definition {
        id: "M2",
        name: "Block rate",
        formula: "B / A, A = B + R + P + F",
        unit: Unit::Share,
        version: 1,
        counts: "Of all call attempts the share that policy refused: verdict `block`, and `limit` beyond its limit.",
        omits: "A rule that only watches blocks nothing. A call that was let through and ended later counts as passed.",
    };
    const NEEDS: Columns = Columns::NONE;
    type Answer = BlockRate;

    fn take(&mut self, rows: &Rows<'_>) {
        rows.attempts().for_each(|attempt| self.count(attempt.class));
    }

    fn merge(&mut self, other: Self) {
        self.add(&other);
    }

    fn answer(&self, _: &Context, _: &Period) -> BlockRate {
        BlockRate {
            attempts: self.attempts(),
            outcomes: *self,
            rate: Share::new(self.blocked, self.attempts()),
        }
    }
}
