//! A part of a whole, and how sure a small one is.

use serde::{Deserialize, Serialize};

/// `part` of `whole`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Share {
    /// What counts.
    pub part: u64,
    /// All of them.
    pub whole: u64,
}

/// Where the true share lies, nineteen times out of twenty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Not lower.
    pub low: f64,
    /// Not higher.
    pub high: f64,
}

impl Share {
    /// `part` of `whole`.
    pub const fn new(part: u64, whole: u64) -> Self {
        Self { part, whole }
    }

    /// 0 to 1; `None` of nothing.
    pub fn value(self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }

    /// Whether it is shown with its numbers and [`Share::wilson`]: of fewer than 30.
    pub const fn is_small(self) -> bool {
        self.whole < SMALL
    }

    /// The interval of Wilson for 95 %; `None` of nothing.
    pub fn wilson(self) -> Option<Interval> {
        let share = self.value()?;
        let n = self.whole as f64;
        let z2 = Z * Z;
        let middle = share + z2 / (2.0 * n);
        let half = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
        let below = 1.0 + z2 / n;
        // All and none are bounds themselves, whatever is rounded on the way.
        let low = if self.part == 0 { 0.0 } else { (middle - half) / below };
        let high = if self.part == self.whole { 1.0 } else { (middle + half) / below };
        Some(Interval { low, high })
    }
}

impl std::ops::AddAssign for Share {
    fn add_assign(&mut self, other: Self) {
        self.part += other.part;
        self.whole += other.whole;
    }
}

/// Of fewer a rate alone misleads.
const SMALL: u64 = 30;
/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(part: u64, whole: u64) -> (String, String) {
        let Interval { low, high } = Share::new(part, whole).wilson().unwrap();
        (format!("{:.2}", low * 100.0), format!("{:.2}", high * 100.0))
    }

    #[test]
    fn the_examples_of_the_specification() {
        assert_eq!(percent(3, 1_200), ("0.09".to_owned(), "0.73".to_owned()));
        let (low, high) = percent(47, 50);
        assert_eq!((&low[..4], &high[..4]), ("83.7", "97.9"), "{low} {high}");
        let Interval { low, high } = Share::new(47, 50).wilson().unwrap();
        assert_eq!(
            (format!("{:.1}", low * 100.0), format!("{:.1}", high * 100.0)),
            ("83.8".to_owned(), "97.9".to_owned())
        );
    }

    #[test]
    fn of_nothing_there_is_no_share_and_of_none_or_all_the_interval_stays_within_bounds() {
        assert_eq!((Share::new(0, 0).value(), Share::new(0, 0).wilson()), (None, None));
        let none = Share::new(0, 10).wilson().unwrap();
        let all = Share::new(10, 10).wilson().unwrap();
        // 1.96² / (10 + 1.96²) = 0.2775.
        assert_eq!((none.low, format!("{:.4}", none.high)), (0.0, "0.2775".to_owned()));
        assert_eq!((format!("{:.4}", all.low), all.high), ("0.7225".to_owned(), 1.0));
        assert!(Share::new(1, 29).is_small() && !Share::new(1, 30).is_small());
    }
}
