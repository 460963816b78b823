//! How high the values of a policy's thresholds went, hour by hour, from recorded calls.

use std::collections::{BTreeMap, HashMap, HashSet};

use ahash::RandomState;
use records::Batch;
use rules::policy::Threshold;
use rules::policy::ips::{Count, Key};
use rules::{Policy, Timestamp};
use serde::Serialize;

use super::choice::Tried;
use super::proposal::{Attack, NotEnough, Offer, Options, Proposal, propose};
use super::series::{HOUR_MICROS, Series, WEEK_MICROS};
use crate::backtest::Retold;
use crate::line::{CallLine, Counting};
use crate::threshold::amount;

/// What was learned for the thresholds of one policy.
#[derive(Debug, Serialize)]
pub struct Learned {
    /// Whose.
    pub customer: String,
    /// Alerts a week that are tolerated for each threshold.
    pub budget: f64,
    /// Calls that were looked at.
    pub calls: u64,
    /// The first and the last, RFC 3339.
    pub from: String,
    /// See `from`.
    pub to: String,
    /// Weeks between them.
    pub weeks: f64,
    /// Hours with a call, of all; hours in which nobody calls at night are seen when the hours around them are.
    pub coverage: f64,
    /// Attacks that are known.
    pub attacks: usize,
    /// Why there is no proposal at all.
    pub not_enough: Option<NotEnough>,
    /// In the order of the policy.
    pub thresholds: Vec<OfThreshold>,
}

/// One threshold.
#[derive(Debug, Serialize)]
pub struct OfThreshold {
    /// Its label.
    pub threshold: String,
    /// What it counts and from where on it speaks, in words.
    pub counts: String,
    /// The warning limit, else the critical one; `None` where it is a multiple of what is usual.
    pub current: Option<f64>,
    /// Whether its limit is a multiple of what is usual.
    pub is_multiple: bool,
    /// What could be.
    pub proposal: Option<Proposal>,
    /// Why nothing could.
    pub why_not: Option<String>,
    /// The multiple and floor that come nearest, for limits that are multiples: see `multiple`.
    pub multiple: Option<(f64, f64)>,
    /// The highest value of each hour, oldest first: for charts.
    pub series: Vec<Option<f64>>,
}

impl OfThreshold {
    /// What `offer` would put into the policy.
    pub fn limit(&self, offer: &Offer) -> String {
        let (times, floor) = offer.multiple;
        if self.is_multiple {
            format!("{}x >= {}", amount(times), amount(floor))
        } else {
            amount(offer.fixed)
        }
    }

    /// What that came to when it was tried.
    pub fn tried<'a>(&self, offer: &'a Offer) -> &'a Tried {
        if self.is_multiple { &offer.multiple_tried } else { &offer.fixed_tried }
    }
}

/// Measuring in progress. Takes the calls of one customer in the order of their starts. Memory: those of a window and of four
/// hours, for each threshold, and at most [`ELEMENTS_MAX`] of them.
pub struct Measuring {
    retold: Retold,
    meters: Vec<Meter>,
    policy: Policy,
    calls: u64,
    seen: HashSet<i64, RandomState>,
    first: i64,
    last: i64,
    rows: u64,
}

/// The values of one threshold.
struct Meter {
    label: String,
    facts: ThresholdFacts,
    kind: Kind,
    step_micros: i64,
    steps_of_window: i64,
    keys: Vec<Key>,
    /// By key: what happened in each step.
    open: HashMap<String, BTreeMap<i64, Step>, RandomState>,
    elements: usize,
    /// The highest value of each hour.
    highest: BTreeMap<i64, f64>,
    /// By caller and day, for what is counted by caller alone.
    daily: HashMap<(String, i64), f64, RandomState>,
    is_cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// How many.
    Number,
    /// How many different ones.
    Different,
    /// Minutes, or calls at once, over a stretch.
    Stretch { is_minutes: bool },
}

#[derive(Clone, Debug, Default)]
struct Step {
    number: f64,
    different: Vec<u64>,
}

impl Measuring {
    /// For the thresholds of `policy`, which `again` is as well: all of them that are not off.
    pub fn new(policy: Policy, again: Policy) -> Self {
        let meters = policy.thresholds().iter().filter_map(Meter::new).collect();
        let retold = Retold::new(again, engine::Budget::default());
        Self {
            retold,
            meters,
            policy,
            calls: 0,
            seen: HashSet::default(),
            first: i64::MAX,
            last: i64::MIN,
            rows: 0,
        }
    }

    /// Takes the rows of `batch`.
    pub fn take(&mut self, batch: &Batch) {
        for row in 0..batch.len() {
            let start = batch.start.get(row).copied().unwrap_or_default();
            (self.first, self.last) = (self.first.min(start), self.last.max(start));
            self.seen.insert(start.div_euclid(HOUR_MICROS));
            self.calls += u64::from(batch.kind.get(row) == Some("call"));
            let number = self.rows;
            self.rows += 1;
            let Self { retold, meters, .. } = self;
            retold.take((batch, row, number), &mut |_, line| see(meters, line), &mut |_| {});
            if number.is_multiple_of(SWEEP_ROWS) {
                let until = start.saturating_sub(LATE_MICROS);
                meters.iter_mut().for_each(|meter| meter.sweep(until));
            }
        }
    }

    /// What they say, with `attacks` that are known.
    pub fn finish(self, budget: f64, weeks: u32, attacks: &[Attack]) -> Learned {
        let Self { retold, mut meters, policy, calls, seen, first, last, .. } = self;
        retold.finish(&mut |_, line| see(&mut meters, line), &mut |_| {});
        meters.iter_mut().for_each(|meter| meter.sweep(i64::MAX));
        let hours = hours(first, last, weeks);
        let known = known(&seen, &hours);
        let zone = policy.text().customer.time_zone.clone();
        let mut learned = Learned {
            customer: policy.name().to_owned(),
            budget,
            calls,
            from: crate::rfc3339(Timestamp(first.max(0))),
            to: crate::rfc3339(Timestamp(last.max(0))),
            weeks: hours.clone().count() as f64 * HOUR_MICROS as f64 / WEEK_MICROS as f64,
            coverage: known.iter().filter(|known| **known).count() as f64 / known.len().max(1) as f64,
            attacks: attacks.len(),
            not_enough: None,
            thresholds: Vec::new(),
        };
        for threshold in policy.thresholds() {
            let label = threshold.label().into_owned();
            let meter = meters.iter().find(|meter| meter.label == label);
            let mut of = OfThreshold::new(threshold, label);
            let Some(meter) = meter else {
                of.why_not = Some(why_not(threshold).to_owned());
                learned.thresholds.push(of);
                continue;
            };
            let series = meter.series(&hours, &known);
            let options = Options {
                budget,
                attacks: attacks.to_vec(),
                current: of.current.into_iter().collect(),
                daily_of_callers: meter.daily.values().copied().collect(),
                ..Options::default()
            };
            match propose(&series, &zone, &options) {
                Err(lacking) => learned.not_enough = Some(lacking),
                Ok(_) if meter.highest.is_empty() => {
                    of.why_not = Some("nothing was counted in these weeks".to_owned());
                }
                Ok(proposal) => {
                    of.multiple = proposal.balanced().map(|offer| offer.multiple);
                    of.proposal = Some(proposal);
                }
            }
            of.series = series.values;
            learned.thresholds.push(of);
        }
        learned
    }
}

impl Learned {
    /// Usual values for limits that are multiples of them: lines that `replay --usual` takes.
    pub fn usual(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for one in self.thresholds.iter().filter(|one| one.is_multiple) {
            let Some(proposal) = &one.proposal else { continue };
            for (hour, spread) in proposal.hours.iter().enumerate() {
                lines.push(
                    serde_json::json!({
                        "customer": self.customer, "threshold": one.threshold, "hour_of_week": hour,
                        "value": spread.median, "samples": spread.samples,
                    })
                    .to_string(),
                );
            }
        }
        lines
    }
}

impl OfThreshold {
    fn new(threshold: &Threshold, label: String) -> Self {
        Self {
            threshold: label,
            counts: crate::describe(threshold),
            current: threshold.warning.or(threshold.critical).filter(|_| threshold.baseline.is_none()),
            is_multiple: threshold.baseline.is_some(),
            proposal: None,
            why_not: None,
            multiple: None,
            series: Vec::new(),
        }
    }
}

impl Meter {
    fn new(threshold: &Threshold) -> Option<Self> {
        let kind = match threshold.count {
            Count::DistinctCalled
            | Count::DistinctCaller
            | Count::DistinctCountry
            | Count::NeighbourCallers
            | Count::UsersFailed
            | Count::Probes => Kind::Different,
            Count::Concurrent => Kind::Stretch { is_minutes: false },
            Count::Minutes => Kind::Stretch { is_minutes: true },
            Count::SequentialCalled | Count::Cost => return None,
            count if count.is_ratio() => return None,
            _ => Kind::Number,
        };
        if threshold.mode == rules::policy::Mode::Off || !threshold.per.iter().all(is_told) {
            return None;
        }
        // The window slides by a quarter of it, and by a minute at least; calls at once are looked at by the minute.
        let within = threshold.within_micros.max(MINUTE_MICROS);
        let step_micros = match kind {
            Kind::Stretch { is_minutes: false } => MINUTE_MICROS,
            _ => (within / 4).clamp(MINUTE_MICROS, HOUR_MICROS),
        };
        let steps_of_window =
            if kind == (Kind::Stretch { is_minutes: false }) { 1 } else { (within / step_micros).max(1) };
        Some(Self {
            label: threshold.label().into_owned(),
            facts: ThresholdFacts {
                count: threshold.count,
                outcome: threshold.outcome.clone(),
                short_micros: threshold.shorter_than_micros,
            },
            kind,
            step_micros,
            steps_of_window,
            keys: threshold.per.clone(),
            open: HashMap::default(),
            elements: 0,
            highest: BTreeMap::new(),
            daily: HashMap::default(),
            is_cut: false,
        })
    }

    fn see(&mut self, line: &CallLine<'_>, counting: &Counting<'_>) {
        let Some(key) = self.key(line) else { return };
        let Some(at) = micros(&counting.at) else { return };
        let Some((from, to, element)) = self.facts.of(self.kind, line, at) else { return };
        if self.elements >= ELEMENTS_MAX {
            self.is_cut = true;
            return;
        }
        if self.keys == [Key::Caller] && self.kind == Kind::Number && self.daily.len() < DAILY_MAX {
            *self.daily.entry((key.clone(), at.div_euclid(24 * HOUR_MICROS))).or_default() += 1.0;
        }
        let steps = self.open.entry(key).or_default();
        let first = from.div_euclid(self.step_micros);
        let last = to.div_euclid(self.step_micros).min(first + STEPS_MAX);
        for step in first..=last {
            self.elements += 1;
            let of_step = steps.entry(step).or_default();
            match self.kind {
                Kind::Number => of_step.number += 1.0,
                Kind::Different => {
                    if !of_step.different.contains(&element) {
                        of_step.different.push(element);
                    }
                }
                Kind::Stretch { is_minutes: false } => of_step.number += 1.0,
                Kind::Stretch { is_minutes: true } => {
                    let start = (step * self.step_micros).max(from);
                    let end = ((step + 1) * self.step_micros).min(to);
                    of_step.number += (end - start).max(0) as f64 / MINUTE_MICROS as f64;
                }
            }
        }
    }

    /// Adds up what lies before `until`, where nothing new can come.
    fn sweep(&mut self, until: i64) {
        let last = until.div_euclid(self.step_micros);
        let (width, step_micros, kind) = (self.steps_of_window, self.step_micros, self.kind);
        let highest = &mut self.highest;
        self.open.retain(|_, steps| {
            let places: Vec<i64> = steps.range(..last).map(|(step, _)| *step).collect();
            for &step in &places {
                let window = steps.range(step - width + 1..=step).map(|(_, step)| step);
                let value = match kind {
                    Kind::Different => {
                        let mut all: Vec<u64> =
                            window.flat_map(|step| step.different.iter().copied()).collect();
                        all.sort_unstable();
                        all.dedup();
                        all.len() as f64
                    }
                    _ => window.map(|step| step.number).sum(),
                };
                let hour = (step * step_micros).div_euclid(HOUR_MICROS);
                let known = highest.entry(hour).or_insert(0.0);
                *known = known.max(value);
            }
            // The next steps still look back at a window of them.
            steps.retain(|step, _| *step >= last.saturating_sub(width));
            !steps.is_empty()
        });
        self.elements =
            self.open.values().flat_map(|steps| steps.values()).map(|step| 1 + step.different.len()).sum();
    }

    fn series(&self, hours: &std::ops::Range<i64>, known: &[bool]) -> Series {
        let value =
            |(hour, known): (i64, &bool)| known.then(|| self.highest.get(&hour).copied().unwrap_or_default());
        Series {
            start: Timestamp(hours.start * HOUR_MICROS),
            bin_micros: HOUR_MICROS,
            values: hours.clone().zip(known).map(value).collect(),
        }
    }

    /// The key of a call, as far as lines tell it.
    fn key(&self, line: &CallLine<'_>) -> Option<String> {
        let mut key = String::new();
        for part in &self.keys {
            let text: &str = match part {
                Key::Caller if line.caller_kind == "number" || line.caller_kind == "name" => &line.caller,
                Key::Caller | Key::Source => {
                    line.source.rsplit_once(':').map_or(&*line.source, |(host, _)| host)
                }
                Key::Called if line.called_kind == "none" => return None,
                Key::Called => &line.called,
                Key::UserAgent => line.user_agent.as_deref()?,
                Key::DisplayName => line.display_name.as_deref()?,
                Key::Direction => line.direction?,
                Key::Transport => line.transport,
                Key::CallType => line.call_type,
                Key::Attestation => line.attestation?,
                Key::Signer => line.signer.as_deref()?,
                _ => return None,
            };
            key.push_str(text);
            key.push('\n');
        }
        Some(key)
    }
}

/// Whether lines tell a part of keys.
fn is_told(key: &Key) -> bool {
    matches!(
        key,
        Key::Caller
            | Key::Source
            | Key::Called
            | Key::UserAgent
            | Key::DisplayName
            | Key::Direction
            | Key::Transport
            | Key::CallType
            | Key::Attestation
            | Key::Signer
    )
}

/// What of a call a threshold counts.
struct ThresholdFacts {
    count: Count,
    outcome: Vec<rules::policy::ips::Outcome>,
    short_micros: i64,
}

impl ThresholdFacts {
    /// From when to when it counts, and as which element; `None` when it does not.
    fn of(&self, kind: Kind, line: &CallLine<'_>, at: i64) -> Option<(i64, i64, u64)> {
        use rules::policy::ips::Outcome;
        let end = [&line.ended_at, &line.refused_at, &line.timed_out_at];
        let end = end.into_iter().flatten().find_map(|text| micros(text)).unwrap_or(at);
        let answered = line.answered_at.as_deref().and_then(micros);
        let status = line.status.unwrap_or_default();
        let is_short = line.duration_seconds.is_some_and(|seconds| seconds * 1e6 < self.short_micros as f64);
        let is_failed = (400..700).contains(&status) && !matches!(status, 401 | 407 | 487);
        let fits = |outcome: &Outcome| match outcome {
            Outcome::Short => is_short,
            Outcome::Failed => is_failed,
            Outcome::Busy => matches!(status, 486 | 600),
            Outcome::Cancelled => status == 487,
            Outcome::Answered => line.answered,
        };
        if !self.outcome.is_empty() && !self.outcome.iter().any(fits) {
            return None;
        }
        let counts = match self.count {
            Count::Answered | Count::Minutes => line.answered,
            Count::Failed => is_failed,
            Count::Busy => matches!(status, 486 | 600),
            Count::Cancelled => status == 487,
            Count::NotFound => matches!(status, 404 | 410 | 484 | 604),
            Count::ShortCalls => is_short,
            Count::OneRing => {
                let rang = line.rang_at.as_deref().and_then(micros).unwrap_or(at);
                status == 487 && end - rang < self.short_micros
            }
            Count::RegistrationsFailed | Count::UsersFailed => matches!(status, 401 | 403 | 404 | 407),
            Count::Probes => matches!(status, 401 | 403 | 404 | 407),
            _ => true,
        };
        if !counts {
            return None;
        }
        let hash = |text: &str| FIXED.hash_one(text);
        let element = match self.count {
            Count::DistinctCalled | Count::Probes => hash(&line.called),
            Count::DistinctCountry => hash(country(&line.called)?),
            _ => hash(&line.caller),
        };
        Some(match kind {
            Kind::Stretch { is_minutes: true } => (answered.unwrap_or(at), end, element),
            Kind::Stretch { is_minutes: false } => (at, end, element),
            _ => (at, at, element),
        })
    }
}

fn country(number: &str) -> Option<&'static str> {
    let digits = number.strip_prefix('+')?;
    rules::plan::country_of(rules::Number::international(digits.as_bytes())?)
}

fn see(meters: &mut [Meter], line: &CallLine<'_>) {
    for counting in line.counted.iter().filter(|counting| counting.refused != Some("before")) {
        for label in &counting.thresholds {
            if let Some(meter) = meters.iter_mut().find(|meter| meter.label == **label) {
                meter.see(line, counting);
            }
        }
    }
}

/// Why a threshold has no proposal.
fn why_not(threshold: &Threshold) -> &'static str {
    match threshold.count {
        _ if threshold.mode == rules::policy::Mode::Off => "off",
        count if count.is_ratio() => "a share, which has no limit in numbers",
        Count::Cost => "no prices in records",
        Count::SequentialCalled => "a run of numbers, which has no usual length",
        _ => "call records do not hold its key",
    }
}

/// All hours from the first call to the last, at most so many weeks.
fn hours(first: i64, last: i64, weeks: u32) -> std::ops::Range<i64> {
    if first > last {
        return 0..0;
    }
    let end = last.div_euclid(HOUR_MICROS) + 1;
    first.div_euclid(HOUR_MICROS).max(end - i64::from(weeks) * 168)..end
}

/// Which hours were seen: those with a call, and quiet ones no longer than a night between such.
fn known(seen: &HashSet<i64, RandomState>, hours: &std::ops::Range<i64>) -> Vec<bool> {
    let mut known: Vec<bool> = hours.clone().map(|hour| seen.contains(&hour)).collect();
    let mut place = 0;
    while place < known.len() {
        let gap = known.iter().skip(place).take_while(|known| !**known).count();
        if gap > 0 && gap <= NIGHT_HOURS {
            known.iter_mut().skip(place).take(gap).for_each(|known| *known = true);
        }
        place += gap.max(1);
    }
    known
}

fn micros(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

const FIXED: RandomState = RandomState::with_seeds(1, 2, 3, 4);
const MINUTE_MICROS: i64 = 60_000_000;
/// A call may be told so long after its start.
const LATE_MICROS: i64 = 5 * HOUR_MICROS;
const SWEEP_ROWS: u64 = 1 << 14;
/// Steps of one threshold that are held at a time, with the elements in them.
const ELEMENTS_MAX: usize = 4_000_000;
/// Callers and days that are told apart.
const DAILY_MAX: usize = 1_000_000;
/// Steps that one call takes at most: a day of minutes.
const STEPS_MAX: i64 = 1_440;
/// So many hours without a call are a quiet night or a Sunday; more are hours in which nobody looked.
const NIGHT_HOURS: usize = 36;
