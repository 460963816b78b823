//! What metrics of the desk are computed from, and what they have in common.

use std::collections::BTreeMap;

use cases::audit::Entry;
use cases::flow::{Flow, Reason};
use cases::{Calendar, Case, Outgoing, Registration};
use rules::Timestamp;
use serde::Serialize;

use super::{Context, Definition, Period};

/// What is known of one customer's cases, or of all cases of a desk.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    /// Every case that was open in the period or later, those closed before it among them where reopening counts.
    pub cases: &'a [Case],
    /// What was done, in order.
    pub entries: &'a [Entry],
    /// Who belongs to customers.
    pub registrations: &'a [Registration],
    /// What went out.
    pub outgoing: &'a [Outgoing],
    /// By which business time is counted.
    pub calendar: &'a Calendar,
    /// Campaigns, among others.
    pub context: &'a Context,
    /// `A` of the period; `None` where calls are not counted.
    pub attempts: Option<u64>,
    /// Alerts a week that the customer tolerates.
    pub alerts_a_week: f64,
    /// What is still open is judged by this moment.
    pub now: Timestamp,
}

/// A metric of the desk: computed anew each time, since cases are few.
pub trait Measure: Serialize {
    /// What it says.
    const DEFINITION: Definition;

    /// What it says of `period`.
    fn measure(desk: &Desk<'_>, period: &Period) -> Self;
}

/// How long things took, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// Half took no longer.
    pub median_seconds: Option<i64>,
    /// Nine of ten took no longer.
    pub p90_seconds: Option<i64>,
    /// The longest.
    pub max_seconds: Option<i64>,
}

/// How an alert was judged in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It was right: resolved, or a risk that the customer lives with.
    True,
    /// It was wrong: false positive, or benign.
    False,
    /// Nobody said.
    Open,
}

impl Times {
    /// Of `micros`; parts are nearest ranks, seconds are full ones.
    pub fn of(mut micros: Vec<i64>) -> Self {
        micros.sort_unstable();
        let part = |percent: usize| {
            let rank = (micros.len() * percent).div_ceil(100).max(1);
            micros.get(rank - 1).map(|micros| micros.div_euclid(1_000_000))
        };
        Self {
            count: micros.len() as u64,
            median_seconds: part(50),
            p90_seconds: part(90),
            max_seconds: part(100),
        }
    }
}

impl<'a> Desk<'a> {
    /// What was done in `period` under one of these names.
    pub(super) fn done(
        &self,
        period: &Period,
        actions: &'static [&'static str],
    ) -> impl Iterator<Item = &'a Entry> {
        let period = *period;
        let is_meant =
            move |entry: &&Entry| period.contains(entry.at) && actions.contains(&entry.action.as_str());
        self.entries.iter().filter(is_meant)
    }

    /// Entries of each case, in order.
    pub(super) fn by_case(&self) -> BTreeMap<&'a str, Vec<&'a Entry>> {
        let mut of: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in self.entries {
            of.entry(entry.subject.as_str()).or_default().push(entry);
        }
        of
    }

    /// Cases that began with an alert and were closed in `period`, with their rule.
    pub(super) fn closed_alerts(&self, period: &Period) -> impl Iterator<Item = (&'a str, &'a Case)> {
        let period = *period;
        self.cases.iter().filter_map(move |case| {
            let closure = case.closure.as_ref().filter(|closure| period.contains(closure.at))?;
            (closure.reason != Reason::Duplicate).then_some((rule(case)?, case))
        })
    }
}

/// The rule or threshold that a case of alerts is about.
pub(super) fn rule(case: &Case) -> Option<&str> {
    let key = case.key.as_deref().filter(|_| case.flow == Flow::Alert)?;
    Some(key.split_once('|').map_or(key, |(rule, _)| rule))
}

pub(super) fn judgement(case: &Case) -> Judgement {
    match case.closure.as_ref().map(|closure| closure.reason) {
        Some(Reason::Resolved | Reason::AcceptedRisk) => Judgement::True,
        Some(Reason::FalsePositive | Reason::Benign) => Judgement::False,
        _ => Judgement::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_nearest_ranks_in_full_seconds() {
        assert_eq!(Times::of(Vec::new()), Times::default());
        let times = Times::of((1..=20).rev().map(|seconds| seconds * 1_000_000 + 999_999).collect());
        let told = (times.count, times.median_seconds, times.p90_seconds, times.max_seconds);
        assert_eq!(told, (20, Some(10), Some(18), Some(20)));
    }
}
