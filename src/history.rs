//! Calls that were recorded: what a change would have done to them, and who is wanted.

use std::collections::HashMap;
use std::path::Path;

use cases::change::Impact;
use engine::Question;
use records::{Batch, Call};
use reporter::backtest::{Against, Backtest, Options};
use rules::policy::ExpectedCall;
use rules::{Action, Direction, Policy, Timestamp};

use crate::backtest::enforce;
use crate::recorded::{Source, Wanted};

/// Recorded calls of one customer.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// In the order of their starts.
    batches: Vec<Batch>,
    /// Whole days that they span; 0 when there are none.
    days: u32,
}

impl History {
    /// The calls of `customer` in the records under `data`, of the last [`DAYS`] days. None, where none are kept.
    pub(crate) fn of(data: &Path, customer: &str, now: Timestamp) -> Self {
        let from = now.plus_micros(-i64::from(DAYS) * DAY_MICROS);
        let wanted = Wanted { customer, from, to: now, columns: Backtest::COLUMNS };
        let mut batches: Vec<Batch> = Vec::new();
        let mut rows = 0;
        let read = Source::Data(data).read(&wanted, &mut |batch| {
            rows += batch.len();
            batches.push(batch.clone());
            while rows > CALLS_MAX && batches.len() > 1 {
                rows -= batches.remove(0).len();
            }
        });
        if read.is_err() {
            return Self::default();
        }
        let first = batches.first().and_then(|batch| batch.start.first()).copied();
        let days = first.map_or(0, |first| now.micros_since(Timestamp(first)) / DAY_MICROS);
        Self { batches, days: u32::try_from(days).unwrap_or_default() }
    }

    /// What `candidate` would have blocked that `base` lets through, by the code that judges live, thresholds included; what is
    /// in shadow is taken as in force. Unknown with less than [`DAYS_MIN`] days of calls.
    pub(crate) fn impact(&self, base: Option<&Policy>, candidate: &Policy) -> Impact {
        let in_force = |policy: &Policy| {
            let mut text = policy.text().clone();
            enforce(&mut text);
            Policy::new(text)
        };
        let against = base.map_or(Against::Records, |base| Against::Policy(Box::new(in_force(base))));
        let mut backtest = Backtest::new(in_force(candidate), against, Options::default());
        self.batches.iter().for_each(|batch| backtest.take(batch));
        let found = backtest.finish();
        let blocked = || found.changes.iter().filter(|change| change.to == Action::Block.word());
        Impact {
            days: self.days,
            blocked: (self.days >= DAYS_MIN).then(|| blocked().map(|change| change.calls).sum()),
            wanted: blocked().map(|change| change.wanted).sum(),
            protected: found.protected.len() as u64,
        }
    }

    /// Callers who were talked to for longer than a minute and that `policy` lets through, the most frequent first, each with
    /// whom they called: at most `count`, and none of `except`.
    pub(crate) fn wanted(&self, policy: &Policy, except: &[String], count: usize) -> Vec<(String, String)> {
        let mut calls: HashMap<String, (u32, Call)> = HashMap::new();
        for batch in &self.batches {
            for row in 0..batch.len() {
                let call = batch.call(row);
                if is_wanted(&call) && call.direction.is_none_or(|direction| direction == Direction::Inbound)
                {
                    calls.entry(call.caller.to_string()).or_insert((0, call)).0 += 1;
                }
            }
        }
        let mut calls: Vec<_> = calls.into_iter().collect();
        calls.sort_by(|(one, (calls, _)), (other, (more, _))| more.cmp(calls).then_with(|| one.cmp(other)));
        let is_excepted = |caller: &str| {
            let digits = |number: &str| number.chars().filter(char::is_ascii_digit).collect::<String>();
            except.iter().any(|except| digits(except) == digits(caller))
        };
        let passes = |(caller, (_, call)): &(String, (u32, Call))| {
            !is_excepted(caller) && !is_blocked_by(policy, caller, call)
        };
        let wanted = calls.into_iter().filter(passes).take(count);
        wanted.map(|(caller, (_, call))| (caller, call.called.to_string())).collect()
    }
}

fn is_wanted(call: &Call) -> bool {
    call.is_call() && call.talk_micros().is_some_and(|talk| talk > WANTED_MICROS)
}

/// As a test call asks: without what a record knows beside caller, called and source.
fn is_blocked_by(policy: &Policy, caller: &str, call: &Call) -> bool {
    let asked = ExpectedCall {
        from: caller.to_owned(),
        to: call.called.to_string(),
        source: call.source.parse().ok().map(|address: std::net::IpAddr| (address, 0).into()),
        direction: Some(Direction::Inbound),
        at: Some(call.start),
        ..ExpectedCall::default()
    };
    let verdict = Question::of_call(&asked, call.start).verdict(policy);
    verdict.would.unwrap_or(verdict.action) == Action::Block
}

/// How far back calls are looked at.
const DAYS: u32 = 30;
/// With fewer days nobody knows what is usual.
const DAYS_MIN: u32 = 14;
/// The latest so many are looked at, some 1 KB each.
const CALLS_MAX: usize = 250_000;
/// Who is talked to for longer is wanted.
const WANTED_MICROS: i64 = 60_000_000;
const DAY_MICROS: i64 = 86_400_000_000;
