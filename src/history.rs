//! Calls that were recorded: what a change would have done to them, and who is wanted.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use cases::change::Impact;
use engine::Question;
use rules::policy::ExpectedCall;
use rules::{Action, Direction, Policy, Timestamp};
use serde::Deserialize;

/// Recorded calls of one customer.
#[derive(Debug, Default)]
pub(crate) struct History {
    calls: Vec<Recorded>,
    /// Whole days that they span; 0 when there are none.
    days: u32,
}

/// What is read of a record.
#[derive(Debug, Deserialize)]
struct Recorded {
    kind: String,
    start: String,
    customer: Option<String>,
    direction: Option<String>,
    caller: String,
    called: String,
    source: String,
    answered: bool,
    duration_seconds: Option<f64>,
}

impl History {
    /// The calls of `customer` in the copy of the records under `data`, of the last [`DAYS`] days. None, where no copy is kept.
    pub(crate) fn of(data: &Path, customer: &str, now: Timestamp) -> Self {
        let Ok(file) = File::open(data.join("calls.jsonl")) else { return Self::default() };
        let since = now.plus_micros(-i64::from(DAYS) * DAY_MICROS);
        let lines = BufReader::with_capacity(1 << 20, file).lines().map_while(Result::ok);
        let mut calls: Vec<Recorded> = lines
            .filter_map(|line| serde_json::from_str(&line).ok())
            .filter(|call: &Recorded| call.kind == "call" && call.customer.as_deref() == Some(customer))
            .filter(|call| (since..=now).contains(&call.at()))
            .collect();
        if let Some(over) = calls.len().checked_sub(CALLS_MAX) {
            calls.drain(..over);
        }
        let first = calls.iter().map(Recorded::at).min();
        let days = first.map_or(0, |first| now.micros_since(first) / DAY_MICROS);
        Self { calls, days: u32::try_from(days).unwrap_or_default() }
    }

    /// What `candidate` would have blocked that `base` let through. Unknown with less than [`DAYS_MIN`] days of calls.
    pub(crate) fn impact(&self, base: Option<&Policy>, candidate: &Policy) -> Impact {
        let mut impact = Impact { days: self.days, ..Impact::default() };
        let protected = &candidate.text().customer.protected;
        let mut hit = std::collections::BTreeSet::new();
        let mut blocked = 0;
        for call in &self.calls {
            if !call.is_blocked_by(candidate) || base.is_some_and(|base| call.is_blocked_by(base)) {
                continue;
            }
            blocked += 1;
            impact.wanted += u64::from(call.is_wanted());
            let digits = call.caller.strip_prefix('+').unwrap_or_default();
            let number = rules::Number::international(digits.as_bytes());
            if number.is_some_and(|number| protected.contains(number)) {
                hit.insert(call.caller.clone());
            }
        }
        impact.protected = hit.len() as u64;
        impact.blocked = (self.days >= DAYS_MIN).then_some(blocked);
        impact
    }

    /// Callers who were talked to for longer than a minute and that `policy` lets through, the most frequent first, each with
    /// whom they called: at most `count`.
    pub(crate) fn wanted(&self, policy: &Policy, count: usize) -> Vec<(String, String)> {
        let mut calls: HashMap<&str, (u32, &Recorded)> = HashMap::new();
        for call in self.calls.iter().filter(|call| call.is_wanted() && call.is_inbound()) {
            calls.entry(&call.caller).or_insert((0, call)).0 += 1;
        }
        let mut calls: Vec<_> = calls.into_values().collect();
        calls
            .sort_by(|(one, call), (other, with)| other.cmp(one).then_with(|| call.caller.cmp(&with.caller)));
        let passes = |call: &&Recorded| !call.is_blocked_by(policy);
        let wanted = calls.into_iter().map(|(_, call)| call).filter(passes).take(count);
        wanted.map(|call| (call.caller.clone(), call.called.clone())).collect()
    }
}

impl Recorded {
    fn at(&self) -> Timestamp {
        let at: Option<jiff::Timestamp> = self.start.parse().ok();
        Timestamp(at.map_or(0, jiff::Timestamp::as_microsecond))
    }

    fn is_wanted(&self) -> bool {
        self.answered && self.duration_seconds.is_some_and(|seconds| seconds > WANTED_SECONDS)
    }

    fn is_inbound(&self) -> bool {
        self.direction.as_deref() == Some("inbound")
    }

    fn is_blocked_by(&self, policy: &Policy) -> bool {
        let direction = match self.direction.as_deref() {
            Some("outbound") => Direction::Outbound,
            Some("internal") => Direction::Internal,
            _ => Direction::Inbound,
        };
        let call = ExpectedCall {
            from: self.caller.clone(),
            to: self.called.clone(),
            source: self.source.parse().ok(),
            direction: Some(direction),
            at: Some(self.at()),
            ..ExpectedCall::default()
        };
        let verdict = Question::of_call(&call, self.at()).verdict(policy);
        verdict.would.unwrap_or(verdict.action) == Action::Block
    }
}

/// How far back calls are looked at.
const DAYS: u32 = 30;
/// With fewer days nobody knows what is usual.
const DAYS_MIN: u32 = 14;
/// The latest so many are looked at; each takes some ten microseconds.
const CALLS_MAX: usize = 1_000_000;
/// Who is talked to for longer is wanted.
const WANTED_SECONDS: f64 = 60.0;
const DAY_MICROS: i64 = 86_400_000_000;
