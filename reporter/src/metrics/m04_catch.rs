//! M4: how many of the unwanted calls were caught.

use records::Columns;
use serde::{Deserialize, Serialize};

use super::{Class, Context, Definition, Fold, Interval, Period, Rows, Share, Unit};

/// What was caught, and what got through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catch {
    blocked: u64,
    wrong: u64,
    unwanted_passed: u64,
    passed: u64,
}

/// What M4 says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CatchRate {
    /// `B_true / (B_true + U_passed)`: an upper bound.
    pub upper_bound: Share,
    /// Where the true rate lies by the same labels.
    pub interval: Option<Interval>,
    /// The rate if passed calls are as often unwanted as those that were reviewed; `None` where none were.
    pub sampled: Option<f64>,
    /// Where it lies by the interval of the reviewed ones.
    pub sampled_interval: Option<Interval>,
}

impl Fold for Catch {
    const DEFINITION: Definition = Definition {
        id: "M4",
        name: "Catch rate",
        formula: "B_true / (B_true + U_passed), B_true = B - B_wrong; sampled: B_true / (B_true + s P), s = unwanted share of reviewed passed \
                  calls",
        unit: Unit::Share,
        version: 1,
        counts: "Of the unwanted calls that we know of the share that was blocked. Beside it an estimate from passed calls that somebody \
                 reviewed.",
        omits: "Unwanted calls that nobody labelled are missing below the line: the rate is an upper bound.",
    };
    const NEEDS: Columns = Columns::NONE;
    type Answer = CatchRate;

    fn take(&mut self, rows: &Rows<'_>) {
        for attempt in rows.attempts() {
            match attempt.class {
                Class::Blocked => {
                    self.blocked += 1;
                    self.wrong += u64::from(attempt.is_wrong);
                }
                Class::Passed => {
                    self.passed += 1;
                    self.unwanted_passed += u64::from(attempt.is_unwanted);
                }
                _ => {}
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.blocked += other.blocked;
        self.wrong += other.wrong;
        self.unwanted_passed += other.unwanted_passed;
        self.passed += other.passed;
    }

    fn answer(&self, context: &Context, _: &Period) -> CatchRate {
        let caught = self.blocked - self.wrong;
        let upper_bound = Share::new(caught, caught + self.unwanted_passed);
        let rate = |share: f64| caught as f64 / (caught as f64 + share * self.passed as f64);
        let sampled =
            context.reviewed_passed.and_then(Share::value).map(rate).filter(|rate| rate.is_finite());
        let interval = context.reviewed_passed.and_then(Share::wilson);
        let sampled_interval = interval
            .filter(|_| sampled.is_some())
            .map(|it| Interval { low: rate(it.high), high: rate(it.low) });
        CatchRate { upper_bound, interval: upper_bound.wilson(), sampled, sampled_interval }
    }
}
