//! A part of a whole, and how far it can be trusted.

use serde::{Deserialize, Serialize};

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// How many are meant; never more than `whole`.
    pub part: u64,
    /// How many there are.
    pub whole: u64,
}

impl Share {
    /// `part` of `whole`.
    pub fn new(part: u64, whole: u64) -> Self {
        Self { part: part.min(whole), whole }
    }

    /// From 0 to 1; `None` of nothing.
    pub fn ratio(self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }

    /// Too few to be said without their number and interval (reports.md, conventions).
    pub fn is_small(self) -> bool {
        self.whole < SMALL
    }

    /// The 95 % interval by Wilson (1927), from 0 to 1; `None` of nothing.
    pub fn interval(self) -> Option<(f64, f64)> {
        let ratio = self.ratio()?;
        let (whole, square) = (self.whole as f64, Z * Z);
        let middle = (ratio + square / (2.0 * whole)) / (1.0 + square / whole);
        let half = Z / (1.0 + square / whole)
            * (ratio * (1.0 - ratio) / whole + square / (4.0 * whole * whole)).sqrt();
        let low = if self.part == 0 { 0.0 } else { (middle - half).max(0.0) };
        let high = if self.part == self.whole { 1.0 } else { (middle + half).min(1.0) };
        Some((low, high))
    }
}

/// Rates of fewer are shown with n and interval.
const SMALL: u64 = 30;
/// Quantile 97.5 % of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(part: u64, whole: u64, low: f64, high: f64) {
        let (found_low, found_high) = Share::new(part, whole).interval().unwrap();
        assert!(
            (found_low - low).abs() < 5e-5 && (found_high - high).abs() < 5e-5,
            "{found_low} {found_high}"
        );
    }

    #[test]
    fn the_examples_of_the_conventions() {
        check(3, 1_200, 0.000_85, 0.007_32);
        check(47, 50, 0.837_8, 0.979_4);
        check(0, 10, 0.0, 0.277_5);
        check(10, 10, 0.722_5, 1.0);
        assert_eq!(Share::new(0, 0).interval(), None);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_ratio(part in 0..2_000_u64, more in 0..2_000_u64) {
            let share = Share::new(part, part + more);
            if let (Some(ratio), Some((low, high))) = (share.ratio(), share.interval()) {
                prop_assert!(0.0 <= low && low <= ratio && ratio <= high && high <= 1.0);
            }
        }
    }
}
