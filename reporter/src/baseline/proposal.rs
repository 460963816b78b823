//! From values to a proposal: three offers with reasons, or why there is none.

use jiff::tz::TimeZone;
use rules::Timestamp;
use serde::Serialize;

use super::choice::{Method, Tried};
use super::guard::{Confidence, Movement};
use super::quantile::median;
use super::series::{HOURS, Hours, Series, WEEK_MICROS};
use super::spread::Spread;
use crate::text::rfc3339;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Alerts a week that are tolerated.
    pub budget: f64,
    /// No limit is below.
    pub floor: f64,
    /// Attacks that are known: incidents that were confirmed. They are left out of what is usual, and tried.
    pub attacks: Vec<Attack>,
    /// Further stretches to leave out: holidays, test calls.
    pub left_out: Vec<(Timestamp, Timestamp)>,
    /// What each caller that nobody complained about did on a day, for values that are of one caller.
    pub daily_of_callers: Vec<f64>,
    /// Limits now, to be compared with: one, or one for each hour of the week. Empty for none.
    pub current: Vec<f64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            budget: 5.0,
            floor: 3.0,
            attacks: Vec::new(),
            left_out: Vec::new(),
            daily_of_callers: Vec::new(),
            current: Vec::new(),
        }
    }
}

/// An attack that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attack {
    /// When it began.
    pub from: Timestamp,
    /// When it was over.
    pub to: Timestamp,
}

/// Too little is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotEnough {
    /// Whole weeks there are.
    pub weeks: f64,
    /// Known of all bins.
    pub coverage: f64,
    /// When it will be enough if nothing is missing from now on, RFC 3339.
    pub enough_at: String,
}

/// Limits of one threshold as they could be.
#[derive(Clone, Debug, Serialize)]
pub struct Proposal {
    /// The hours of the week.
    pub hours: Vec<Spread>,
    /// The same with the incidents in: how much they would have hidden.
    pub hours_with_incidents: Vec<Spread>,
    /// Few alerts, what was asked for, many alerts.
    pub offers: Vec<Offer>,
    /// Limits now on the same weeks; `None` without any.
    pub current: Option<Tried>,
    /// Everything that was tried.
    pub tried: Vec<Tried>,
    /// How the level moves.
    pub movement: Movement,
    /// How far it can be trusted.
    pub confidence: Confidence,
    /// Weeks of values.
    pub weeks: f64,
    /// Known of all bins.
    pub coverage: f64,
    /// Values of an hour, in the middle.
    pub samples: u32,
    /// When it should be looked at again, RFC 3339.
    pub review_at: String,
    /// Why, in words.
    pub reasons: Vec<String>,
}

/// One of three.
#[derive(Clone, Debug, Serialize)]
pub struct Offer {
    /// `quiet`, `balanced` or `sensitive`.
    pub name: &'static str,
    /// Alerts a week that it was chosen for.
    pub budget: f64,
    /// What was chosen.
    pub tried: Tried,
    /// One limit for all hours that raises no more alerts: for thresholds with a fixed one.
    pub fixed: f64,
    /// What that came to, tried as the others were.
    pub fixed_tried: Tried,
    /// The multiple of the usual value, and the floor, that come nearest: for thresholds whose limit is one.
    pub multiple: (f64, f64),
    /// What these came to.
    pub multiple_tried: Tried,
    /// Whether it keeps to the budget; else it is the quietest there is.
    pub within_budget: bool,
}

/// A proposal, or why there is none.
pub type Proposed = Result<Proposal, NotEnough>;

/// What `series` says of limits, in hours of `zone`.
///
/// # Errors
/// It has less than four whole weeks, or less than 95 % of its bins.
pub fn propose(series: &Series, zone: &TimeZone, options: &Options) -> Proposed {
    enough(series)?;
    let hours = Hours::new(series, zone);
    let incidents: Vec<_> = options.attacks.iter().map(|attack| (attack.from, attack.to)).collect();
    let clean = series.without(&incidents).without(&options.left_out);
    let movement = Movement::of(&clean, &hours);
    // What was before a jump tells nothing of what comes.
    let first = match movement {
        Movement::Shifted { week, .. } => week * series.week(),
        _ => 0,
    };
    let end = clean.values.len();
    let held_from = first + (end - first) * 3 / 4;
    let (train, held) = (clean.part(first, held_from), clean.part(held_from, end));
    let (train_hours, held_hours) = (hours.part(first, held_from), hours.part(held_from, end));
    let spreads = Spread::of(&train, &train_hours);
    let raw = Spread::of(&series.part(first, held_from), &train_hours);
    let try_out = |method: Method, limits: Vec<f64>| {
        Tried::new(method, limits, (&held, &held_hours), (series, &hours), &options.attacks)
    };
    let mut tried: Vec<Tried> = methods(options)
        .into_iter()
        .map(|(method, floor)| {
            try_out(method, spreads.iter().map(|hour| method.limit(hour, floor)).collect())
        })
        .collect();
    tried.sort_by(|one, other| one.level().total_cmp(&other.level()));
    let fixed = |budget: f64| {
        fixed(&spreads, budget, options.floor, &|limit| {
            try_out(Method::Quantile, vec![limit; HOURS]).alerts_per_week
        })
    };
    let offers = [("quiet", 0.4), ("balanced", 1.0), ("sensitive", 2.0)].map(|(name, share)| {
        let budget = options.budget * share;
        let chosen = choose(&tried, budget);
        let within_budget = chosen.alerts_per_week <= budget;
        let fixed = fixed(budget);
        let (times, floor) = multiple(&spreads, &chosen.limits);
        let of_multiple = spreads.iter().map(|hour| (times * hour.median).max(floor)).collect();
        Offer {
            name,
            budget,
            tried: chosen.clone(),
            fixed,
            fixed_tried: try_out(Method::Quantile, vec![fixed; HOURS]),
            multiple: (times, floor),
            multiple_tried: try_out(Method::Quantile, of_multiple),
            within_budget,
        }
    });
    let current = match options.current.as_slice() {
        [] => None,
        [one] => Some(try_out(Method::Quantile, vec![*one; HOURS])),
        limits => Some(try_out(Method::Quantile, limits.to_vec())),
    };
    let mut counts: Vec<f64> = spreads.iter().map(|hour| f64::from(hour.samples)).collect();
    let samples = median(&mut counts).unwrap_or_default() as u32;
    let held_weeks = held.values.len() as f64 / series.week().max(1) as f64;
    let confidence = Confidence::of(samples, movement, held_weeks);
    let review_weeks = if matches!(movement, Movement::Steady) { 13 } else { 2 };
    let mut proposal = Proposal {
        hours: spreads,
        hours_with_incidents: raw,
        offers: offers.to_vec(),
        current,
        tried,
        movement,
        confidence,
        weeks: series.values.len() as f64 / series.week().max(1) as f64,
        coverage: series.coverage(),
        samples,
        review_at: rfc3339(series.at(end).plus_micros(review_weeks * WEEK_MICROS)),
        reasons: Vec::new(),
    };
    proposal.reasons = proposal.words(options, held_weeks);
    Ok(proposal)
}

/// Whether there are values enough.
fn enough(series: &Series) -> Result<(), NotEnough> {
    let (bins, week) = (series.values.len(), series.week().max(1));
    let coverage = series.coverage();
    let weeks = bins as f64 / week as f64;
    if weeks >= WEEKS_MIN && coverage >= COVERAGE_MIN {
        return Ok(());
    }
    let missing = bins - series.values.iter().flatten().count();
    let by_weeks = (WEEKS_MIN * week as f64).ceil() as usize;
    let by_coverage = (missing as f64 / (1.0 - COVERAGE_MIN) - 1e-9).ceil() as usize;
    Err(NotEnough { weeks, coverage, enough_at: rfc3339(series.at(by_weeks.max(by_coverage).max(bins))) })
}

/// All that is tried, each with its floor.
fn methods(options: &Options) -> Vec<(Method, f64)> {
    // Three, four and six are the usual ones; the others are for series with longer tails than most.
    let spreads = [3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0].map(Method::Spreads);
    let others = [Method::Quantile, Method::Model(1e-3), Method::Model(1e-4)];
    let mut methods: Vec<(Method, f64)> =
        spreads.into_iter().chain(others).map(|method| (method, options.floor)).collect();
    let mut daily = options.daily_of_callers.clone();
    daily.sort_unstable_by(f64::total_cmp);
    if let Some(limit) = super::quantile::quantile(&daily, 0.999).filter(|_| daily.len() >= CALLERS_MIN) {
        methods.push((Method::Callers, options.floor.max(limit.ceil() + 1.0)));
    }
    methods
}

/// The multiple of the usual value, and the floor, that lie nowhere below `limits` where it is busy: the middle of what its hours
/// ask for; where it is quiet, the floor speaks.
fn multiple(spreads: &[Spread], limits: &[f64]) -> (f64, f64) {
    let hours = || spreads.iter().zip(limits);
    let mut times: Vec<f64> =
        hours().filter(|(hour, _)| hour.median >= 5.0).map(|(hour, limit)| limit / hour.median).collect();
    let times = median(&mut times).unwrap_or(4.0);
    let mut floors: Vec<f64> =
        hours().filter(|(hour, _)| hour.median < 5.0).map(|(_, limit)| *limit).collect();
    let floor = median(&mut floors).or_else(|| limits.iter().copied().reduce(f64::min)).unwrap_or(3.0);
    ((times * 10.0).ceil() / 10.0, floor.ceil())
}

/// The most sensitive candidate within `budget`; the quietest where none is.
fn choose(tried: &[Tried], budget: f64) -> &Tried {
    let within = tried.iter().find(|one| one.alerts_per_week <= budget);
    let quietest = || tried.iter().min_by(|one, other| one.alerts_per_week.total_cmp(&other.alerts_per_week));
    within.or_else(quietest).unwrap_or(const { &Tried::NONE })
}

/// The lowest limit for all hours with at most `budget` alerts a week.
fn fixed(spreads: &[Spread], budget: f64, floor: f64, alerts: &dyn Fn(f64) -> f64) -> f64 {
    let highest = spreads.iter().map(|hour| hour.median).fold(0.0, f64::max);
    let (mut low, mut high) = (floor.max(1.0).ceil(), floor.max(highest).ceil() + 1.0);
    for _ in 0..40 {
        if alerts(high) <= budget {
            break;
        }
        (low, high) = (high, high * 2.0);
    }
    // The busiest hour is no reason to alert every day: no limit below the middle of it and three spreads of chance.
    low = low.max((highest + 3.0 * (highest + 1.0).sqrt()).ceil());
    high = high.max(low);
    while low < high {
        let middle = ((low + high) / 2.0).floor();
        if alerts(middle) <= budget {
            high = middle;
        } else {
            low = middle + 1.0;
        }
    }
    high
}

impl Tried {
    const NONE: Self = Self {
        method: Method::Quantile,
        limits: Vec::new(),
        alerts_per_week: 0.0,
        interval: (0.0, 0.0),
        caught: 0,
        delay_micros: None,
    };

    /// How high its limits are, in the middle.
    fn level(&self) -> f64 {
        median(&mut self.limits.clone()).unwrap_or_default()
    }
}

impl Proposal {
    /// The offer that was asked for.
    pub fn balanced(&self) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.name == "balanced")
    }

    fn words(&self, options: &Options, held_weeks: f64) -> Vec<String> {
        let mut words = Vec::new();
        let Some(offer) = self.balanced() else { return words };
        let (low, high) = offer.tried.interval;
        words.push(format!(
            "The limit of each hour is {}. On the last {held_weeks:.1} weeks, which it was not made from, that raises {:.1} alerts a week \
             (in the long run {low:.1} to {high:.1}); {:.0} are tolerated.",
            offer.tried.method.words(),
            offer.tried.alerts_per_week,
            options.budget,
        ));
        words.push(format!(
            "One limit for all hours, {}, raises {:.1} there; {} times what is usual, and at least {}, {:.1}.",
            crate::threshold::amount(offer.fixed),
            offer.fixed_tried.alerts_per_week,
            crate::threshold::amount(offer.multiple.0),
            crate::threshold::amount(offer.multiple.1),
            offer.multiple_tried.alerts_per_week,
        ));
        if !offer.within_budget {
            words.push("No candidate keeps to the budget: no limit is above three times the usual, and these weeks hold more than that more often. Look at those hours: what was an attack, mark as one.".to_owned());
        }
        if !options.attacks.is_empty() {
            let delay = offer.tried.delay_micros.map_or(String::new(), |delay| {
                format!(", the middle one {} after its start", crate::threshold::duration(delay))
            });
            words.push(format!(
                "It catches {} of {} known attacks{delay}.",
                offer.tried.caught,
                options.attacks.len()
            ));
        }
        match self.movement {
            Movement::Steady => {}
            Movement::Moving { ratio } => words.push(format!(
                "The level is moving: the last two weeks are {ratio:.2} times those before. Look again in two weeks."
            )),
            Movement::Shifted { week, ratio } => words.push(format!(
                "The level jumped to {ratio:.2} times what it was after week {week}: only the weeks since then count."
            )),
        }
        if self.samples < 4 {
            words.push("Some hours of the week have few values: they are taken together with the same hour of other days.".to_owned());
        }
        words
    }
}

const WEEKS_MIN: f64 = 4.0;
const COVERAGE_MIN: f64 = 0.95;
/// With fewer callers a thousandth of them is nobody.
const CALLERS_MIN: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::super::series::HOUR_MICROS;
    use super::*;

    fn series(weeks: usize, value: impl Fn(usize) -> Option<f64>) -> Series {
        // Monday 2026-08-31 at midnight in UTC.
        let start = Timestamp(1_788_134_400_000_000);
        Series { start, bin_micros: HOUR_MICROS, values: (0..weeks * HOURS).map(value).collect() }
    }

    #[test]
    fn three_weeks_are_not_enough_and_it_says_when_they_will_be() {
        let short = propose(&series(3, |_| Some(1.0)), &TimeZone::UTC, &Options::default()).unwrap_err();
        assert_eq!(short.enough_at, "2026-09-28T00:00:00.000000Z");
        // Four weeks of which every tenth hour is missing: 68 of 672, enough when they are a twentieth of all.
        let holes = series(4, |bin| (bin % 10 != 0).then_some(1.0));
        let lacking = propose(&holes, &TimeZone::UTC, &Options::default()).unwrap_err();
        assert!((lacking.coverage - 0.899).abs() < 1e-3, "{}", lacking.coverage);
        let hours = 68 * 20;
        assert_eq!(lacking.enough_at, rfc3339(holes.at(hours)));
        assert!(
            propose(&series(4, |bin| (bin % 21 != 0).then_some(1.0)), &TimeZone::UTC, &Options::default())
                .is_ok()
        );
    }

    /// Nights that are as loud as days once a week: one limit for all hours is silent where limits of hours are not.
    #[test]
    fn limits_that_differ_are_tried_each_by_itself() {
        let busy = |bin: usize| if (8..17).contains(&(bin % 24)) { 400.0 } else { 2.0 };
        let values = series(8, |bin| {
            let is_loud_night = bin % 24 == 3 && bin > 168 * 6 && bin / 24 % 2 == 0;
            Some(if is_loud_night { 150.0 } else { busy(bin) + (bin * 31 % 7) as f64 })
        });
        let proposal = propose(&values, &TimeZone::UTC, &Options::default()).unwrap();
        let offer = proposal.balanced().unwrap();
        assert!(offer.fixed > 400.0 && offer.fixed_tried.alerts_per_week == 0.0, "{offer:?}");
        let differ = proposal.tried.iter().any(|one| one.alerts_per_week > 1.0);
        assert!(differ, "the limits of hours hear the nights: {:?}", proposal.tried);
    }

    #[test]
    fn a_known_attack_is_left_out_of_what_is_usual_and_is_caught() {
        let busy = |bin: usize| if (8..17).contains(&(bin % 24)) { 40.0 } else { 2.0 };
        let values = series(8, |bin| {
            let is_attack = (400..404).contains(&bin);
            Some(if is_attack { 200.0 } else { busy(bin) + (bin * 31 % 7) as f64 })
        });
        let attack = Attack { from: values.at(400), to: values.at(404) };
        let options = Options { attacks: vec![attack], current: vec![100.0], ..Options::default() };
        let proposal = propose(&values, &TimeZone::UTC, &options).unwrap();
        let offer = proposal.balanced().unwrap();
        assert_eq!((offer.tried.caught, offer.tried.delay_micros), (1, Some(HOUR_MICROS)));
        assert!(offer.tried.alerts_per_week <= 5.0 && offer.within_budget);
        assert_eq!(proposal.confidence, Confidence::High);
        assert!(proposal.current.unwrap().caught == 1);
        // What is said of a limit that can be written is what that limit came to, and not the limits of each hour.
        for offer in &proposal.offers {
            assert_eq!(offer.fixed_tried.limits, vec![offer.fixed; HOURS], "{}", offer.name);
            assert_eq!(offer.multiple_tried.limits.len(), HOURS);
            assert!(offer.fixed_tried.alerts_per_week <= offer.budget, "{}", offer.name);
            let (times, floor) = offer.multiple;
            assert!(times > 1.0 && floor >= 1.0, "{times} {floor}");
        }
        // Quieter offers have no lower limits.
        let levels: Vec<f64> = proposal.offers.iter().map(|offer| offer.tried.level()).collect();
        assert!(levels[0] >= levels[1] && levels[1] >= levels[2], "{levels:?}");
    }
}
