//! What speaks against a limit: a level that moves, or has moved.

use super::quantile::median;
use super::series::{Hours, Series};
use super::spread::Spread;

/// How the level went over the weeks.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "how")]
pub enum Movement {
    /// It stayed.
    Steady,
    /// It rises or falls: the last two weeks against those before.
    Moving {
        /// Their ratio.
        ratio: f64,
    },
    /// It jumped, before this week counted from 0; what was before is left out.
    Shifted {
        /// The week.
        week: usize,
        /// After against before.
        ratio: f64,
    },
}

/// How far a limit can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Confidence {
    Low,
    Medium,
    High,
}

impl Movement {
    /// How the level of `series` went. Each week is measured against what is usual over all, hour by hour, so that a week that
    /// lacks some hours is no lower for that.
    pub fn of(series: &Series, hours: &Hours) -> Self {
        let levels = levels(series, hours);
        let weeks = levels.len();
        let of = |some: &[f64]| median(&mut some.to_vec()).unwrap_or(1.0).max(f64::MIN_POSITIVE);
        // The best place to part two levels, with two weeks at least on both sides.
        let parted = (2..weeks.saturating_sub(1)).map(|week| {
            let (before, after) = levels.split_at(week.min(weeks));
            let (one, other) = (of(before), of(after));
            let strays =
                |part: &[f64], middle: f64| part.iter().map(|level| (level - middle).abs()).sum::<f64>();
            (week, other / one, strays(before, one) + strays(after, other))
        });
        let best = parted.min_by(|one, other| one.2.total_cmp(&other.2));
        let whole: f64 = {
            let middle = of(&levels);
            levels.iter().map(|level| (level - middle).abs()).sum()
        };
        if let Some((week, ratio, left)) = best
            && is_far(ratio)
            // A jump explains nearly all; a slope leaves half.
            && left < whole * 0.4
        {
            return Self::Shifted { week, ratio };
        }
        let last = levels.get(weeks.saturating_sub(2)..).unwrap_or_default();
        let before = levels.get(..weeks.saturating_sub(2)).unwrap_or_default();
        let ratio = if before.is_empty() { 1.0 } else { of(last) / of(before) };
        if is_far(ratio) || rises_or_falls(&levels) && !(0.85..=1.15).contains(&ratio) {
            return Self::Moving { ratio };
        }
        Self::Steady
    }
}

impl Confidence {
    /// By samples an hour, movement, and how well the held-back weeks tell.
    pub fn of(samples: u32, movement: Movement, held_weeks: f64) -> Self {
        match movement {
            Movement::Moving { .. } => Self::Low,
            Movement::Shifted { .. } if samples < 4 => Self::Low,
            Movement::Shifted { .. } => Self::Medium,
            Movement::Steady if samples >= 6 && held_weeks >= 1.9 => Self::High,
            Movement::Steady if samples >= 4 => Self::Medium,
            Movement::Steady => Self::Low,
        }
    }

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// The level of each whole week: the middle of its values against what is usual at their hours.
fn levels(series: &Series, hours: &Hours) -> Vec<f64> {
    let spreads = Spread::of(series, hours);
    let week = series.week().max(1);
    let mut levels = Vec::new();
    for first in (0..series.values.len()).step_by(week).filter(|first| first + week <= series.values.len()) {
        let of_week = (first..first + week).filter_map(|place| {
            let value = series.values.get(place).copied().flatten()?;
            let usual = spreads.get(hours.of(place))?.median;
            (usual >= USUAL_MIN).then_some(value / usual)
        });
        let mut ratios: Vec<f64> = of_week.collect();
        if let Some(level) = median(&mut ratios) {
            levels.push(level);
        }
    }
    levels
}

/// Whether a ratio of levels is no accident.
fn is_far(ratio: f64) -> bool {
    !(0.7..=1.4).contains(&ratio)
}

/// Mann and Kendall: whether later weeks are higher, or lower, more often than chance would have it (5 %).
fn rises_or_falls(levels: &[f64]) -> bool {
    let count = levels.len() as f64;
    if count < 6.0 {
        return false;
    }
    let mut sum = 0.0;
    for (place, level) in levels.iter().enumerate() {
        sum += levels.iter().skip(place + 1).map(|later| (later - level).signum()).sum::<f64>();
    }
    let variance = count * (count - 1.0) * (2.0 * count + 5.0) / 18.0;
    (sum.abs() - 1.0).max(0.0) / variance.sqrt() > 1.96
}

/// Hours with less tell nothing of a level.
const USUAL_MIN: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::super::series::{HOUR_MICROS, HOURS};
    use super::*;

    fn movement(level: impl Fn(usize) -> f64) -> Movement {
        let values: Vec<Option<f64>> = (0..8 * HOURS)
            .map(|bin| {
                let wave = 20.0 + 15.0 * ((bin % 24) as f64 / 24.0 * std::f64::consts::TAU).sin();
                Some((wave * level(bin / HOURS) + ((bin * 7919) % 5) as f64).round())
            })
            .collect();
        let series = Series { start: rules::Timestamp(0), bin_micros: HOUR_MICROS, values };
        let hours = Hours { of_bin: (0..8 * HOURS).map(|bin| (bin % HOURS) as u8).collect() };
        Movement::of(&series, &hours)
    }

    #[test]
    fn a_steady_level_a_slope_and_a_jump_are_told_apart() {
        assert_eq!(movement(|_| 1.0), Movement::Steady);
        let jump = movement(|week| if week < 3 { 1.0 } else { 2.0 });
        assert!(matches!(jump, Movement::Shifted { week: 3, .. }), "{jump:?}");
        let slope = movement(|week| 1.0 + week as f64 * 0.15);
        assert!(matches!(slope, Movement::Moving { ratio } if ratio > 1.4), "{slope:?}");
    }
}
