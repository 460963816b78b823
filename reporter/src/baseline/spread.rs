//! The middle and the spread of each hour of the week.

use super::quantile::{median, quantile};
use super::series::{HOURS, Hours, Series};

/// One hour of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Spread {
    /// The median of its group.
    pub median: f64,
    /// 1.4826 times the median deviation: what a standard deviation would be without outliers.
    pub deviation: f64,
    /// The same, not below what chance makes of counts, nor below half of what is usual in this series.
    pub shrunk: f64,
    /// 5 % of values are below.
    pub low: f64,
    /// 95 % are below.
    pub high: f64,
    /// 99.5 % are below.
    pub highest: f64,
    /// Values of its group.
    pub samples: u32,
}

/// Which hours are taken together where one has too few values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    HourOfWeek,
    /// Monday to Friday or weekend, by hour.
    HourOfKind,
    Hour,
    All,
}

impl Spread {
    /// Each hour of the week, from what `series` has of it.
    pub fn of(series: &Series, hours: &Hours) -> Vec<Self> {
        let mut by_hour: Vec<Vec<f64>> = vec![Vec::new(); HOURS];
        for (place, value) in series.values.iter().enumerate() {
            if let (Some(value), Some(values)) = (value, by_hour.get_mut(hours.of(place))) {
                values.push(*value);
            }
        }
        let mut spreads: Vec<Self> = (0..HOURS).map(|hour| Self::of_hour(&by_hour, hour)).collect();
        let mut deviations: Vec<f64> = spreads.iter().map(|one| one.deviation).collect();
        let usual = median(&mut deviations).unwrap_or_default();
        let by_chance = |one: &Self| (one.median + 1.0).sqrt();
        let mut strayings: Vec<f64> = spreads.iter().map(|one| one.deviation / by_chance(one)).collect();
        let straying = median(&mut strayings).unwrap_or_default().max(1.0);
        for spread in &mut spreads {
            // Two attacks at the same hour are a large part of the few values it has: no hour strays much more than others do.
            let most = STRAYS_MOST * straying * by_chance(spread);
            spread.shrunk = spread.deviation.min(most).max(by_chance(spread)).max(usual / 2.0);
        }
        spreads
    }

    fn of_hour(by_hour: &[Vec<f64>], hour: usize) -> Self {
        use Group::{All, Hour, HourOfKind, HourOfWeek};
        let of_group = |group: Group| {
            let hours = (0..HOURS).filter(|other| group.holds(hour, *other));
            hours.filter_map(|other| by_hour.get(other)).flatten().copied().collect::<Vec<f64>>()
        };
        for group in [HourOfWeek, HourOfKind, Hour, All] {
            let mut values = of_group(group);
            if values.len() < SAMPLES_MIN && group != All {
                continue;
            }
            let spread = Self::of_values(&mut values);
            if group == HourOfWeek && spread.is_torn() {
                let others = Self::of_values(&mut of_group(HourOfKind));
                if spread.median > TORN_ABOVE * others.median {
                    continue;
                }
            }
            return spread;
        }
        Self::default()
    }

    /// Whether its values are two lots rather than one: several attacks at the same hour of few weeks make them so.
    fn is_torn(&self) -> bool {
        self.deviation > self.median / 2.0 && self.deviation > 3.0 * (self.median + 1.0).sqrt()
    }

    /// Of the values of one group; `shrunk` knows nothing of other groups yet.
    pub(super) fn of_values(values: &mut [f64]) -> Self {
        let Some(middle) = median(values) else { return Self::default() };
        let mut deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
        let deviation = SCALE * median(&mut deviations).unwrap_or_default();
        let of = |share| quantile(values, share).unwrap_or_default();
        Self {
            median: middle,
            deviation,
            shrunk: deviation.max((middle + 1.0).sqrt()),
            low: of(0.05),
            high: of(0.95),
            highest: of(0.995),
            samples: u32::try_from(values.len()).unwrap_or(u32::MAX),
        }
    }
}

impl Group {
    fn holds(self, hour: usize, other: usize) -> bool {
        let is_weekend = |hour: usize| hour >= 5 * 24;
        match self {
            Self::HourOfWeek => hour == other,
            Self::HourOfKind => hour % 24 == other % 24 && is_weekend(hour) == is_weekend(other),
            Self::Hour => hour % 24 == other % 24,
            Self::All => true,
        }
    }
}

/// An hour strays at most so much more than the others, by what chance makes of its count.
const STRAYS_MOST: f64 = 2.0;
/// With fewer values an hour is taken together with others.
const SAMPLES_MIN: usize = 4;
/// An hour whose values are torn and that is so much above the same hour of like days is taken together with them.
const TORN_ABOVE: f64 = 1.5;
/// Makes the median deviation of normal values their standard deviation.
const SCALE: f64 = 1.4826;

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of the specification.
    #[test]
    fn one_attack_moves_neither_middle_nor_spread() {
        let mut monday = [41., 38., 44., 40., 39., 210., 42., 37.];
        let spread = Spread::of_values(&mut monday);
        assert_eq!(spread.median, 40.5);
        assert!((spread.deviation - 2.9652).abs() < 1e-9, "{}", spread.deviation);
        assert!((spread.shrunk - 6.44).abs() < 5e-3, "{}", spread.shrunk);
        assert_eq!((spread.median + 4.0 * spread.shrunk).ceil(), 67.0);
        let mean = monday.iter().sum::<f64>() / 8.0;
        let deviation = (monday.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 7.0).sqrt();
        assert!((mean + 4.0 * deviation - 302.0).abs() < 1.0, "{}", mean + 4.0 * deviation);
    }

    #[test]
    fn a_quiet_hour_has_the_spread_of_chance() {
        let spread = Spread::of_values(&mut [0., 0., 1., 0., 0., 2., 0., 0.]);
        assert_eq!((spread.median, spread.deviation, spread.shrunk), (0.0, 0.0, 1.0));
        let limits = [3.0, 4.0, 6.0].map(|k: f64| (spread.median + k * spread.shrunk).ceil());
        assert_eq!(limits, [3.0, 4.0, 6.0]);
    }

    #[test]
    fn an_hour_with_few_values_borrows_from_its_kind_of_day() {
        let bin_micros = super::super::series::HOUR_MICROS;
        // Two weeks: each hour of the week twice, so every hour backs off to those of working days or of weekends.
        let values: Vec<Option<f64>> =
            (0..2 * HOURS).map(|bin| Some(if bin % HOURS >= 120 { 5.0 } else { 50.0 })).collect();
        let series = Series { start: rules::Timestamp(0), bin_micros, values };
        let hours = Hours { of_bin: (0..2 * HOURS).map(|bin| (bin % HOURS) as u8).collect() };
        let spreads = Spread::of(&series, &hours);
        assert_eq!((spreads[10].median, spreads[10].samples), (50.0, 10));
        assert_eq!((spreads[130].median, spreads[130].samples), (5.0, 4));
    }
}
