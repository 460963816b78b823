//! What a back-test found, as plain data: for terminals, for JSON, and for reports.

use std::collections::{BTreeMap, HashMap};

use engine::{Breach, IpsCounters};
use rules::policy::{Mode, Threshold};
use rules::{Action, Flag, NumberSet, Policy, Timestamp};
use serde::Serialize;

use super::people::People;
use super::ratio::wilson;
use super::{Kept, Label, Options, Tally};
use crate::recorded::Shortfall;
use crate::text::rfc3339;

/// What a candidate would have done to recorded calls.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Whose calls.
    pub customer: String,
    /// Version of the candidate.
    pub candidate: String,
    /// Version of the policy that it is compared with; `None`: what records say was decided then.
    pub against: Option<String>,
    /// The first and the last call, RFC 3339; empty without any.
    pub from: String,
    /// See `from`.
    pub to: String,
    /// Days, in UTC, with a call.
    pub days: u64,
    /// Call attempts.
    pub calls: u64,
    /// Other requests outside a dialog, which are judged as well.
    pub other_requests: u64,
    /// Calls whose verdict stands.
    pub judged: u64,
    /// Calls with another action.
    pub changed: u64,
    /// Different callers of these, at least.
    pub callers: u64,
    /// Different called numbers of these, at least.
    pub called: u64,
    /// Whether there were too many to tell all apart.
    pub people_cut: bool,
    /// By what they were and became, most calls first.
    pub changes: Vec<Change>,
    /// Protected numbers that the candidate refuses and that were not refused, with their calls.
    #[serde(serialize_with = "numbers")]
    pub protected: BTreeMap<u64, u64>,
    /// Against closed cases.
    pub precision: Precision,
    /// What it costs.
    pub cost: Cost,
    /// Thresholds of the candidate that were reached, most often first.
    pub raised: Vec<Raised>,
    /// The first changed calls.
    pub examples: Vec<Example>,
    /// Whether every call was judged then by the candidate itself: only then does `same` say anything.
    pub is_same_policy: bool,
    /// How exactly verdicts of then come out again.
    pub same: Sameness,
    /// What cannot be told.
    pub unknown: Unknown,
    #[serde(skip)]
    protects: NumberSet,
    #[serde(skip)]
    first: i64,
    #[serde(skip)]
    last: i64,
    #[serde(skip)]
    day: i64,
}

/// What was decided, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Side {
    /// The action.
    pub action: Action,
    /// Number of the rule's name; 0 for none.
    pub(super) rule: u32,
}

/// Calls with the same change.
#[derive(Debug, Serialize)]
pub struct Change {
    /// What happened.
    pub from: &'static str,
    /// By what.
    pub from_rule: Option<String>,
    /// What would happen.
    pub to: &'static str,
    /// By what.
    pub to_rule: Option<String>,
    /// How many.
    pub calls: u64,
    /// Of these, answered.
    pub answered: u64,
    /// Of these, talked for longer than a minute.
    pub wanted: u64,
    /// Minutes talked.
    pub minutes: f64,
    /// Different callers.
    pub callers: u64,
    /// Different called numbers.
    pub called: u64,
}

/// A changed call.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "as in call records")]
pub struct Example {
    pub start: String,
    pub call_id: String,
    pub caller: String,
    pub called: String,
    pub from: &'static str,
    pub from_rule: Option<String>,
    pub to: &'static str,
    pub rule: Option<String>,
    pub reason: String,
    pub talk_seconds: Option<f64>,
    /// What would have changed it.
    pub turning_points: Vec<String>,
}

/// Refused calls of which closed cases tell what they were.
#[derive(Debug, Default, Serialize)]
pub struct Precision {
    /// Closed cases that say something.
    pub cases: u64,
    /// Calls of the period that they are about: unwanted.
    pub unwanted: u64,
    /// See `unwanted`: wanted.
    pub wanted: u64,
    /// Refused by the candidate.
    pub candidate: Caught,
    /// Refused by what it is compared with.
    pub before: Caught,
}

/// Labelled calls that were refused.
#[derive(Debug, Default, Serialize)]
pub struct Caught {
    /// Rightly.
    pub unwanted: u64,
    /// Wrongly.
    pub wanted: u64,
    /// Rightly of both; `None` without any.
    pub precision: Option<f64>,
    /// Its Wilson interval at 95 %.
    pub interval: Option<(f64, f64)>,
}

/// What a change costs, or saves.
#[derive(Debug, Default, Serialize)]
pub struct Cost {
    /// Minutes that were talked in calls that would be refused.
    pub minutes_lost: f64,
    /// Calls that would be refused and were answered.
    pub answered_lost: u64,
    /// Of these, longer than a minute.
    pub wanted_lost: u64,
    /// Calls that would go on and were refused.
    pub let_through: u64,
    /// Price of the minutes that would not have been talked, by the prices of the policy; `None` without any.
    pub money_saved: Option<f64>,
    /// Calls that would be refused and for which no rate fits.
    pub without_rate: u64,
}

/// A threshold that was reached.
#[derive(Debug, Serialize)]
pub struct Raised {
    /// Its label.
    pub threshold: String,
    /// Its mode.
    pub mode: &'static str,
    /// Warnings.
    pub warnings: u64,
    /// Critical breaches.
    pub criticals: u64,
    /// The same under the policy that it is compared with.
    pub before: u64,
    /// The first time, RFC 3339.
    pub first: String,
}

/// How verdicts of then and now compare, where the same policy gave them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sameness {
    /// Records.
    pub records: u64,
    /// Alike in action, `would`, rule and status.
    pub alike: u64,
    /// Another action.
    pub action: u64,
    /// Another action in enforce mode.
    pub would: u64,
    /// Another rule.
    pub rule: u64,
    /// Another status.
    pub status: u64,
}

/// What a back-test cannot tell, by calls; sentences for the rest.
#[derive(Debug, Default, Serialize)]
pub struct Unknown {
    /// Refused then and let through by the candidate: nobody knows how they would have gone on.
    pub course: u64,
    /// Records of before it was kept which header named whom.
    pub older: u64,
    /// Texts of which the end was not kept.
    pub cut: u64,
    /// Calls that were let go early because too many were up.
    pub cut_short: u64,
    /// Counters that were given up for want of memory.
    pub counters_forgotten: u64,
    /// In words: what the candidate asks that records cannot say.
    pub notes: Vec<String>,
}

impl Outcome {
    pub(super) fn new(candidate: &Policy) -> Self {
        let customer = &candidate.text().customer;
        let mut unknown = Unknown::default();
        let headers = candidate.headers_asked();
        if !headers.is_empty() {
            unknown.notes.push(format!(
                "it looks at {}: known only of calls that were judged by a policy that did so too",
                headers.join(", ")
            ));
        }
        let late = candidate.thresholds().iter().filter(|one| one.flags.contains(Flag::ChallengeInDialog));
        let late: Vec<String> = late.map(|one| one.label().into_owned()).collect();
        if !late.is_empty() {
            unknown.notes.push(format!(
                "{} counts challenges inside calls: one to the BYE comes when the record is written already, and is not in it",
                late.join(", ")
            ));
        }
        Self {
            customer: customer.name.clone(),
            candidate: candidate.version().to_owned(),
            against: None,
            from: String::new(),
            to: String::new(),
            days: 0,
            calls: 0,
            other_requests: 0,
            judged: 0,
            changed: 0,
            callers: 0,
            called: 0,
            people_cut: false,
            changes: Vec::new(),
            protected: BTreeMap::new(),
            precision: Precision::default(),
            cost: Cost::default(),
            raised: Vec::new(),
            examples: Vec::new(),
            is_same_policy: true,
            same: Sameness::default(),
            unknown,
            protects: customer.protected.clone(),
            first: i64::MAX,
            last: i64::MIN,
            day: i64::MIN,
        }
    }

    pub(super) fn see(&mut self, kept: &Kept, policy: Option<&str>) {
        self.is_same_policy &= policy == Some(self.candidate.as_str());
        (self.first, self.last) = (self.first.min(kept.start), self.last.max(kept.start));
        let day = kept.start.div_euclid(86_400_000_000);
        self.days += u64::from(day != self.day);
        self.day = day;
        self.calls += u64::from(kept.is_call);
        self.other_requests += u64::from(!kept.is_call);
    }

    pub(super) fn is_protected(&self, caller: u64) -> bool {
        let number = rules::Number::international(caller.to_string().as_bytes());
        number.is_some_and(|number| self.protects.contains(number))
    }

    pub(super) fn raised(&mut self, threshold: Option<&Threshold>, breach: &Breach, is_candidate: bool) {
        let Some(threshold) = threshold else { return };
        let label = threshold.label();
        let place = self.raised.iter().position(|one| one.threshold == label).unwrap_or(self.raised.len());
        if place == self.raised.len() {
            self.raised.push(Raised {
                threshold: label.into_owned(),
                mode: mode_word(threshold.mode),
                warnings: 0,
                criticals: 0,
                before: 0,
                first: rfc3339(breach.at),
            });
        }
        let Some(raised) = self.raised.get_mut(place) else { return };
        match (is_candidate, breach.critical) {
            (true, true) => raised.criticals += 1,
            (true, false) => raised.warnings += 1,
            (false, _) => raised.before += 1,
        }
    }

    pub(super) fn finish(
        &mut self,
        changes: &HashMap<(Side, Side), Tally>,
        name: impl Fn(u32) -> Option<String>,
        people: &People,
        options: &Options,
    ) {
        if self.calls + self.other_requests > 0 {
            (self.from, self.to) = (rfc3339(Timestamp(self.first)), rfc3339(Timestamp(self.last)));
        }
        self.is_same_policy &= self.calls > 0 && self.against.is_none();
        self.changes = changes
            .iter()
            .map(|(&(from, to), tally)| {
                let (callers, called) = people.of((from, to));
                Change {
                    from: from.action.word(),
                    from_rule: name(from.rule),
                    to: to.action.word(),
                    to_rule: name(to.rule),
                    calls: tally.calls,
                    answered: tally.answered,
                    wanted: tally.wanted,
                    minutes: tally.talk_micros as f64 / 6e7,
                    callers,
                    called,
                }
            })
            .collect();
        self.changes.sort_by(|one, other| {
            let key =
                |change: &Change| (change.from, change.to, change.from_rule.clone(), change.to_rule.clone());
            other.calls.cmp(&one.calls).then_with(|| key(one).cmp(&key(other)))
        });
        self.changed = changes.values().map(|tally| tally.calls).sum();
        (self.callers, self.called) = people.all();
        self.people_cut = people.is_cut;
        self.examples.sort_by(|one, other| (&one.start, &one.call_id).cmp(&(&other.start, &other.call_id)));
        self.raised.sort_by(|one, other| {
            let count = |raised: &Raised| raised.warnings + raised.criticals;
            count(other).cmp(&count(one)).then_with(|| one.threshold.cmp(&other.threshold))
        });
        self.precision.cases = options.labels.cases;
        for caught in [&mut self.precision.candidate, &mut self.precision.before] {
            let count = caught.unwanted + caught.wanted;
            caught.precision = (count > 0).then(|| caught.unwanted as f64 / count as f64);
            caught.interval = (count > 0).then(|| wilson(caught.unwanted, count));
        }
        if options.rates.is_empty() {
            self.cost.money_saved = None;
        }
    }
}

impl Precision {
    pub(super) fn see(&mut self, label: Option<Label>, before: bool, after: bool) {
        let Some(label) = label else { return };
        let is_unwanted = label == Label::Unwanted;
        *(if is_unwanted { &mut self.unwanted } else { &mut self.wanted }) += 1;
        for (caught, is_refused) in [(&mut self.before, before), (&mut self.candidate, after)] {
            if is_refused {
                *(if is_unwanted { &mut caught.unwanted } else { &mut caught.wanted }) += 1;
            }
        }
    }
}

impl Cost {
    pub(super) fn see(
        &mut self,
        becomes_refused: bool,
        goes_on: bool,
        talk: Option<i64>,
        price: impl FnOnce() -> Option<f64>,
    ) {
        self.let_through += u64::from(goes_on);
        let Some(talk) = talk.filter(|_| becomes_refused) else { return };
        let minutes = talk as f64 / 6e7;
        self.answered_lost += 1;
        self.wanted_lost += u64::from(talk > super::WANTED_MICROS);
        self.minutes_lost += minutes;
        match price() {
            Some(price) => *self.money_saved.get_or_insert(0.0) += minutes * price,
            None => self.without_rate += 1,
        }
    }
}

impl Sameness {
    pub(super) fn see(&mut self, action: bool, would: bool, rule: bool, status: bool) {
        self.records += 1;
        self.alike += u64::from(action && would && rule && status);
        self.action += u64::from(!action);
        self.would += u64::from(!would);
        self.rule += u64::from(!rule);
        self.status += u64::from(!status);
    }
}

impl Unknown {
    pub(super) fn lacking(&mut self, shortfall: &Shortfall, cut_short: u64) {
        (self.older, self.cut, self.cut_short) = (shortfall.older, shortfall.cut, cut_short);
    }

    pub(super) fn counters(&mut self, losses: IpsCounters) {
        self.counters_forgotten = losses.keys_forgotten;
    }

    /// What records say depends on how the policy of then read and believed messages.
    pub(super) fn compare_plans(&mut self, candidate: &Policy, then: &Policy) {
        let (one, other) = (&candidate.text().customer, &then.text().customer);
        if format!("{:?}", one.dial_plan) != format!("{:?}", other.dial_plan) {
            self.notes
                .push("its dial plan is another one: numbers are as the policy of then read them".to_owned());
        }
        if one.trusted != other.trusted || one.trunks != other.trunks {
            self.notes.push(
                "it trusts other peers: what they attest is as the policy of then believed it".to_owned(),
            );
        }
    }
}

/// A mode as policies write it.
fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Shadow => "shadow",
        Mode::Off => "off",
    }
}

fn numbers<S: serde::Serializer>(numbers: &BTreeMap<u64, u64>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(numbers.iter().map(|(number, calls)| (format!("+{number}"), calls)))
}
