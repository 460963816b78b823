//! Which limit: candidates, tried on weeks that they were not made from.

use super::proposal::Attack;
use super::quantile::{negative_binomial, poisson, rate_interval};
use super::series::{Hours, Series, WEEK_MICROS};
use super::spread::Spread;

/// How a limit follows from what is usual.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The median and so many spreads.
    Spreads(f64),
    /// What 99.5 % of values of the hour were below.
    Quantile,
    /// What counts exceed by chance so rarely: Poisson, or negative binomial where they vary more.
    Model(f64),
    /// What 99.9 % of the callers nobody complained about stay below in a day.
    Callers,
}

/// One candidate and how it did.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Tried {
    /// How it follows.
    pub method: Method,
    /// The limit of each hour of the week.
    pub limits: Vec<f64>,
    /// Alerts a week on the weeks held back.
    pub alerts_per_week: f64,
    /// Within these, 95 % of the time.
    pub interval: (f64, f64),
    /// Known attacks that it catches, of all weeks.
    pub caught: u32,
    /// How long after their start, in microseconds; the middle one.
    pub delay_micros: Option<i64>,
}

impl Method {
    /// The limit of an hour, not below `floor`.
    pub fn limit(self, hour: &Spread, floor: f64) -> f64 {
        let limit = match self {
            Self::Spreads(k) => (hour.median + k * hour.shrunk).ceil(),
            Self::Quantile => hour.highest.ceil() + 1.0,
            Self::Model(alpha) => {
                let variance = hour.deviation * hour.deviation;
                let mean = hour.median.max(0.1);
                let limit = if variance <= 1.5 * mean {
                    poisson(mean, alpha)
                } else {
                    negative_binomial(mean, variance, alpha)
                };
                limit + 1.0
            }
            Self::Callers => floor,
        };
        // Three times the usual is an attack, however many alerts that makes; the middle and three spreads are none.
        let most = (3.0 * hour.median).max(hour.median + 3.0 * hour.shrunk).ceil();
        limit.min(most).max(floor)
    }

    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Spreads(k) => format!("the median and {k} times the spread"),
            Self::Quantile => "what 99.5 % of earlier values stay below".to_owned(),
            Self::Model(alpha) => format!("what chance alone exceeds once in {:.0} times", 1.0 / alpha),
            Self::Callers => "what 99.9 % of callers nobody complained about stay below in a day".to_owned(),
        }
    }
}

impl Tried {
    /// `limits` on `held`, and on `attacks` in `all`.
    pub(super) fn new(
        method: Method,
        limits: Vec<f64>,
        held: (&Series, &Hours),
        all: (&Series, &Hours),
        attacks: &[Attack],
    ) -> Self {
        let alerts = alerts(held.0, held.1, &limits).len() as f64;
        let known = held.0.values.iter().flatten().count() as f64;
        let weeks = known * held.0.bin_micros as f64 / WEEK_MICROS as f64;
        let mut delays: Vec<f64> = attacks.iter().filter_map(|attack| delay(all, &limits, attack)).collect();
        let caught = delays.len();
        Self {
            method,
            limits,
            alerts_per_week: if weeks > 0.0 { alerts / weeks } else { 0.0 },
            interval: rate_interval(alerts, weeks),
            caught: u32::try_from(caught).unwrap_or(u32::MAX),
            delay_micros: super::quantile::median(&mut delays).map(|delay| delay as i64),
        }
    }
}

/// The bins in which an alert is raised: at the limit, and again only after two bins below 0.8 of it.
pub(super) fn alerts(series: &Series, hours: &Hours, limits: &[f64]) -> Vec<usize> {
    let (mut raised, mut is_up, mut below) = (Vec::new(), false, 0);
    for (place, value) in series.values.iter().enumerate() {
        let Some(value) = value else { continue };
        let limit = limits.get(hours.of(place)).copied().unwrap_or(f64::INFINITY);
        if *value >= limit {
            if !is_up {
                raised.push(place);
            }
            (is_up, below) = (true, 0);
        } else if *value < CLEAR * limit {
            below += 1;
            is_up &= below < CLEAR_BINS;
        } else {
            below = 0;
        }
    }
    raised
}

/// How long after its start `attack` reaches the limit; `None` when it does not.
fn delay((series, hours): (&Series, &Hours), limits: &[f64], attack: &Attack) -> Option<f64> {
    let bins = series.values.iter().enumerate();
    let mut of_attack = bins
        .filter(|(place, _)| series.at(*place).0 < attack.to.0 && series.at(*place + 1).0 > attack.from.0);
    let reaches = |place: usize, value: &Option<f64>| {
        value.is_some_and(|value| limits.get(hours.of(place)).is_some_and(|limit| value >= *limit))
    };
    let (place, _) = of_attack.find(|(place, value)| reaches(*place, value))?;
    // The value of a bin is known when it is over, at the latest.
    Some(series.at(place + 1).micros_since(attack.from).max(0) as f64)
}

/// Tolerated below this share of the limit.
const CLEAR: f64 = 0.8;
/// For so many bins.
const CLEAR_BINS: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_lasts_until_two_bins_are_well_below() {
        let values = [1., 12., 9., 7., 12., 7., 7., 11.].map(Some).to_vec();
        let series = Series { start: rules::Timestamp(0), bin_micros: 1, values };
        let hours = Hours { of_bin: vec![0; 8] };
        assert_eq!(alerts(&series, &hours, &[10.0]), [1, 7]);
    }
}
