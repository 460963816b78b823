//! Thresholds of policies in force: how often they were reached, and what is usual.

use console::known::{Threshold, Usual, UsualHour, UsualWanted};
use reporter::backtest::Backtest;
use reporter::baseline::{Hours, Measuring, OfThreshold, Series};
use rules::{Policy, Timestamp};

use super::known::Around;
use super::policies::mode;
use super::trials::decided;
use crate::recorded::{Source, Wanted};

/// All of them, by customer, in the order of their policies.
pub(super) fn all(around: &Around) -> Result<Vec<Threshold>, String> {
    let set = around.policies()?;
    let mut all = Vec::new();
    for policy in set.policies().iter().filter(|policy| !policy.thresholds().is_empty()) {
        let (found, ..) = decided(around, policy.name())?;
        for threshold in policy.thresholds() {
            let hit = found.get(&threshold.name).copied();
            all.push(Threshold {
                customer: policy.name().to_owned(),
                name: threshold.label().into_owned(),
                counts: reporter::describe(threshold),
                window: reporter::duration(threshold.within_micros),
                mode: mode(threshold.mode),
                warning: threshold.warning.map(plain),
                critical: threshold.critical.map(plain),
                hits: hit.map_or(0, |hit| hit.calls),
                last: hit.map(|hit| hit.last),
            });
        }
    }
    Ok(all)
}

/// What is usual for one of them.
pub(super) fn usual(around: &Around, wanted: UsualWanted) -> Result<Usual, String> {
    let again = || around.policy(&wanted.customer, |policy| Ok(Policy::new(policy.text().clone())));
    let policy = again()?;
    let zone = policy.text().customer.time_zone.clone();
    let now = around.now();
    let from = now.plus_micros(-WEEKS * WEEK_MICROS);
    let asked = Wanted { customer: &wanted.customer, from, to: now, columns: Backtest::COLUMNS };
    let mut measuring = Measuring::new(policy, again()?);
    let mut rows = 0;
    let read = Source::Data(around.data()).read(&asked, &mut |batch| {
        if rows < ROWS_MAX {
            measuring.take(batch);
            rows += batch.len();
        }
    });
    read.map_err(|failure| failure.to_string())?;
    let learned = measuring.finish(ALERTS_OF_WEEK, WEEKS as u32, &[]);
    let one = learned.thresholds.iter().find(|one| one.threshold == wanted.name);
    let one = one.ok_or_else(|| format!("{} has no threshold {}.", wanted.customer, wanted.name))?;
    let lacking = learned.not_enough.as_ref().map(|lacking| {
        format!(
            "It takes four whole weeks of calls to say what is usual: there are {:.1}, and enough on {}.",
            lacking.weeks,
            lacking.enough_at.get(..10).unwrap_or_default()
        )
    });
    let offers = one.proposal.iter().flat_map(|proposal| &proposal.offers);
    Ok(Usual {
        counts: one.counts.clone(),
        hours: hours(one, &learned.to, &zone),
        limit: one.current,
        why_not: one.why_not.clone().or(lacking),
        offers: offers.map(|offer| (offer.name.to_owned(), one.limit(offer), offer.budget)).collect(),
    })
}

/// The last week, hour by hour.
fn hours(one: &OfThreshold, last: &str, zone: &jiff::tz::TimeZone) -> Vec<UsualHour> {
    let last = last.parse::<jiff::Timestamp>().unwrap_or_default().as_microsecond();
    let end = last.div_euclid(HOUR_MICROS) + 1;
    let start = Timestamp((end - one.series.len() as i64) * HOUR_MICROS);
    let series = Series { start, bin_micros: HOUR_MICROS, values: one.series.clone() };
    let hours = Hours::new(&series, zone);
    let spread = |place: usize| {
        let spread = one.proposal.as_ref()?.hours.get(hours.of(place))?;
        Some([spread.low, spread.median, spread.high])
    };
    let hour = |(place, value): (usize, &Option<f64>)| UsualHour {
        at: series.at(place),
        value: *value,
        usual: spread(place),
    };
    let shown = series.values.len().saturating_sub(HOURS_SHOWN);
    series.values.iter().enumerate().skip(shown).map(hour).collect()
}

fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Weeks that are looked at.
const WEEKS: i64 = 8;
const WEEK_MICROS: i64 = 7 * 86_400_000_000;
const HOUR_MICROS: i64 = 3_600_000_000;
/// A week.
const HOURS_SHOWN: usize = 168;
/// Alerts a week that are tolerated for a threshold, as `ringwall baseline` has it.
const ALERTS_OF_WEEK: f64 = 5.0;
/// Calls that one question looks at.
const ROWS_MAX: usize = 5_000_000;
