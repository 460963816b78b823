//! Axes: where their marks are, and what is written there.

use super::super::Unit;
use super::super::wording::{decimal, duration, percent};

/// An axis from nought.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    /// Its end: the last mark.
    pub(super) end: f64,
    /// From nought, all at one distance.
    pub(super) marks: Vec<f64>,
}

impl Scale {
    /// An axis that holds `largest`, with three to six marks at round values.
    pub(super) fn new(unit: &Unit, largest: f64) -> Self {
        let largest =
            if largest.is_finite() && largest > 0.0 { largest.min(LARGEST) } else { smallest(unit) };
        let step = match unit {
            Unit::Duration => DURATIONS
                .into_iter()
                .map(|seconds| seconds * 1e6)
                .find(|step| largest / step <= 5.0)
                .unwrap_or_else(|| round(largest / 86_400e6) * 86_400e6),
            Unit::Count(_) => round(largest).max(1.0),
            Unit::Percent | Unit::Money(_) => round(largest),
        };
        let count = (largest / step - 1e-9).ceil().max(1.0);
        let marks = (0..=count as usize).map(|index| index as f64 * step).collect();
        Self { end: count * step, marks }
    }

    /// Where `value` stands, from 0 to 1.
    pub(super) fn at(&self, value: f64) -> f64 {
        if value.is_finite() { (value / self.end).clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// What is written at a mark.
pub(super) fn label(unit: &Unit, value: f64) -> String {
    match unit {
        Unit::Count(_) => short(value),
        Unit::Percent => percent((value * 1e6).round() / 1e6).replace(".0\u{a0}", "\u{a0}"),
        Unit::Duration => duration(value as i64),
        Unit::Money(_) => short(value),
    }
}

/// `1.2 M`.
pub(super) fn short(value: f64) -> String {
    for (size, word) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")] {
        if value.abs() >= size {
            let size = if word == "k" { 1e3 } else { size };
            return format!("{}\u{a0}{word}", few(value / size));
        }
    }
    few(value)
}

fn few(value: f64) -> String {
    let digits = if value.abs() >= 100.0 || value.fract() == 0.0 {
        0
    } else if value.abs() >= 1.0 {
        1
    } else {
        2
    };
    let text = decimal(value, digits);
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// A step of 1, 2 or 5 times a power of ten, of which three to six make `largest`.
fn round(largest: f64) -> f64 {
    let power = 10_f64.powf((largest / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| largest / (step * power) <= 5.0 + 1e-9);
    step.unwrap_or(10.0) * power
}

fn smallest(unit: &Unit) -> f64 {
    match unit {
        Unit::Count(_) | Unit::Money(_) => 1.0,
        Unit::Percent => 0.01,
        Unit::Duration => 1e6,
    }
}

/// Seconds between marks, so that clocks show round values.
const DURATIONS: [f64; 20] = [
    0.001, 0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0,
    3_600.0, 7_200.0, 21_600.0,
];
/// More than that is drawn as that.
const LARGEST: f64 = 1e15;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(unit: &Unit, largest: f64, marks: &[&str]) {
        let found: Vec<String> = Scale::new(unit, largest)
            .marks
            .iter()
            .map(|mark| label(unit, *mark).replace('\u{a0}', " "))
            .collect();
        assert_eq!(found, marks);
    }

    #[test]
    fn marks_are_round() {
        let calls = Unit::Count("calls".to_owned());
        check(&calls, 0.0, &["0", "1"]);
        check(&calls, 3.0, &["0", "1", "2", "3"]);
        check(&calls, 47.0, &["0", "10", "20", "30", "40", "50"]);
        check(&calls, 1_234_567.0, &["0", "500 k", "1 M", "1.5 M"]);
        check(&calls, f64::INFINITY, &["0", "1"]);
        check(&Unit::Percent, 0.123, &["0 %", "5 %", "10 %", "15 %"]);
        check(&Unit::Percent, 0.0037, &["0 %", "0.10 %", "0.20 %", "0.30 %", "0.40 %"]);
        check(&Unit::Duration, 95e6, &["0 s", "30 s", "1 min", "1 min 30 s", "2 min"]);
        check(&Unit::Duration, 400_000e6, &["0 s", "1 d", "2 d", "3 d", "4 d", "5 d"]);
    }

    proptest! {
        #[test]
        fn an_axis_holds_its_value_with_few_marks(largest in 1e-3..1e15_f64) {
            for unit in [Unit::Count("calls".to_owned()), Unit::Percent, Unit::Duration, Unit::Money("EUR".to_owned())] {
                let scale = Scale::new(&unit, largest);
                prop_assert!(scale.end >= largest * (1.0 - 1e-9), "{:?}", scale);
                prop_assert!((2..=7).contains(&scale.marks.len()), "{:?}", scale);
            }
        }
    }
}
