//! Thresholds of policies in force: how often they were reached, and what is usual.

use std::sync::{Arc, Mutex, PoisonError};

use console::known::{Threshold, Usual, UsualHour, UsualWanted};
use reporter::backtest::Backtest;
use reporter::baseline::{Hours, Learned, Measuring, OfThreshold, Series};
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
    let (version, zone, critical) = around.policy(&wanted.customer, |policy| {
        let one = policy.thresholds().iter().find(|one| one.label() == wanted.name);
        let critical = one.filter(|one| one.warning.is_some() && one.baseline.is_none());
        let critical = critical.and_then(|one| one.critical);
        Ok((policy.version().to_owned(), policy.text().customer.time_zone.clone(), critical))
    })?;
    let now = around.now();
    let learned = match around.learned.of(&wanted.customer, &version, now) {
        Some(learned) => learned,
        None => {
            let learned = Arc::new(learn(around, &wanted.customer, now)?);
            around.learned.keep(&wanted.customer, version, Arc::clone(&learned), now);
            learned
        }
    };
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
        critical,
        why_not: one.why_not.clone().or(lacking),
        offers: offers.map(|offer| (offer.name.to_owned(), one.limit(offer), offer.budget)).collect(),
    })
}

/// Goes through the calls of some weeks, for all thresholds of `customer` at once.
fn learn(around: &Around, customer: &str, now: Timestamp) -> Result<Learned, String> {
    let again = || around.policy(customer, |policy| Ok(Policy::new(policy.text().clone())));
    let from = now.plus_micros(-WEEKS * WEEK_MICROS);
    let asked = Wanted { customer, from, to: now, columns: Backtest::COLUMNS };
    let mut measuring = Measuring::new(again()?, again()?);
    let mut rows = 0;
    let read = Source::Data(around.data()).read(&asked, &mut |batch| {
        if rows < ROWS_MAX {
            measuring.take(batch);
            rows += batch.len();
        }
    });
    read.map_err(|failure| failure.to_string())?;
    Ok(measuring.finish(ALERTS_OF_WEEK, WEEKS as u32, &[]))
}

/// What was learned of customers' thresholds. It takes as long as judging all calls of weeks again, is the same for all thresholds
/// of a customer, and hardly another one minutes later: whoever looks at one after the other waits once.
#[derive(Default)]
pub(super) struct Kept(Mutex<Vec<OfCustomer>>);

struct OfCustomer {
    customer: String,
    version: String,
    at: Timestamp,
    learned: Arc<Learned>,
}

impl Kept {
    /// What was learned by this version of the policy of `customer`, if that is not long ago.
    fn of(&self, customer: &str, version: &str, now: Timestamp) -> Option<Arc<Learned>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |it: &&OfCustomer| {
            it.customer == customer && it.version == version && now.micros_since(it.at) < KEPT_MICROS
        };
        kept.iter().find(fits).map(|it| Arc::clone(&it.learned))
    }

    fn keep(&self, customer: &str, version: String, learned: Arc<Learned>, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|it| it.customer != customer && now.micros_since(it.at) < KEPT_MICROS);
        if kept.len() >= CUSTOMERS_MAX {
            kept.remove(0);
        }
        kept.push(OfCustomer { customer: customer.to_owned(), version, at: now, learned });
    }
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
/// So long what was learned is shown.
const KEPT_MICROS: i64 = 10 * 60 * 1_000_000;
/// For so many customers at once: some megabytes each.
const CUSTOMERS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_791_212_400_000_000);

    fn learned(budget: f64) -> Arc<Learned> {
        Arc::new(Learned {
            customer: String::new(),
            budget,
            calls: 0,
            from: String::new(),
            to: String::new(),
            weeks: 0.0,
            coverage: 0.0,
            attacks: 0,
            not_enough: None,
            thresholds: Vec::new(),
        })
    }

    #[test]
    fn what_was_learned_holds_for_a_while_and_for_one_version_of_a_policy() {
        let kept = Kept::default();
        let budget = |customer: &str, version: &str, micros: i64| {
            kept.of(customer, version, NOW.plus_micros(micros)).map(|it| it.budget)
        };
        kept.keep("Acme", "one".to_owned(), learned(1.0), NOW);
        kept.keep("Bay", "one".to_owned(), learned(2.0), NOW);
        assert_eq!(budget("Acme", "one", 0), Some(1.0));
        assert_eq!(budget("Bay", "one", KEPT_MICROS - 1), Some(2.0));
        assert_eq!(budget("Acme", "two", 0), None, "it is another policy");
        assert_eq!(budget("Acme", "one", KEPT_MICROS), None, "it is long ago");
        kept.keep("Acme", "two".to_owned(), learned(3.0), NOW);
        assert_eq!((budget("Acme", "one", 0), budget("Acme", "two", 0)), (None, Some(3.0)));
        for customer in 0..2 * CUSTOMERS_MAX {
            kept.keep(&customer.to_string(), "one".to_owned(), learned(4.0), NOW);
        }
        assert_eq!(kept.0.lock().unwrap().len(), CUSTOMERS_MAX);
        assert_eq!(budget("Acme", "two", 0), None, "the oldest goes first");
    }
}
