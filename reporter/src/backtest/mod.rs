//! A policy over recorded calls: what it would have decided, and what that changes.

mod labels;
mod outcome;
mod people;
mod ratio;
#[cfg(test)]
mod same;
mod text;

use std::collections::HashMap;

use ahash::RandomState;
use engine::{Attempt, Budget, Recorded, Rerun, Usual, explain_again};
use records::{Batch, Column, Columns};
use rules::policy::{AlertLevel, Mode, Rates};
use rules::{Action, Number, Policy, Timestamp, Verdict};

pub use labels::{Label, Labels};
pub use outcome::{Change, Cost, Example, Outcome, Precision, Raised, Sameness, Side, Unknown};
pub use ratio::wilson;

use crate::alert::{Alert, Alerts};
use crate::line::{self, CallLine};
use crate::recorded::Reading;
use crate::text::rfc3339;
use crate::turning::turning_points;
use people::People;

/// What is compared with what the candidate decides.
pub enum Against {
    /// What was decided then, as records say.
    Records,
    /// What this policy would have decided.
    Policy(Box<Policy>),
}

/// How a back-test is run.
pub struct Options {
    /// Changed calls that are told one by one.
    pub examples: usize,
    /// Memory for counters.
    pub budget: Budget,
    /// Calls known to be unwanted or wanted.
    pub labels: Labels,
    /// Prices of a minute.
    pub rates: Rates,
}

impl Default for Options {
    fn default() -> Self {
        Self { examples: 20, budget: Budget::default(), labels: Labels::default(), rates: Rates::default() }
    }
}

/// A back-test in progress. Takes calls in the order of their starts. Memory: counters as in the budget, twice with a policy to
/// compare with; calls that are up; and at most [`people::PEOPLE_MAX`] numbers of each kind that are told apart.
pub struct Backtest {
    candidate: Run,
    against: Option<Run>,
    options: Options,
    kept: HashMap<u64, Kept, RandomState>,
    rules: Names,
    next: u64,
    changes: HashMap<(Side, Side), Tally>,
    people: People,
    outcome: Outcome,
}

/// One policy with what it reads rows by.
struct Run {
    rerun: Rerun,
    reading: Reading,
    call: Recorded,
}

/// What of a row is needed when its verdict stands.
#[derive(Clone, Copy, Debug)]
struct Kept {
    start: i64,
    caller: u64,
    called: u64,
    /// Microseconds of talk; `None` when it was not answered.
    talk: Option<i64>,
    is_call: bool,
    /// Whether it never came further because it was refused then.
    was_refused: bool,
    then: Said,
    before: Option<Said>,
    after: Option<Said>,
    label: Option<Label>,
}

/// What a verdict says, as far as it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    action: Action,
    would: Option<Action>,
    /// A name's number; 0 for none.
    rule: u32,
    status: u16,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    calls: u64,
    answered: u64,
    wanted: u64,
    talk_micros: i64,
}

/// Names of rules, each once.
#[derive(Default)]
struct Names {
    known: HashMap<String, u32, RandomState>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.known.get(name) {
            return number;
        }
        self.names.push(name.to_owned());
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.known.insert(name.to_owned(), number);
        number
    }

    fn name(&self, number: u32) -> Option<&str> {
        self.names.get((number as usize).checked_sub(1)?).map(String::as_str)
    }
}

impl Run {
    fn new(policy: Policy, budget: Budget) -> Self {
        let reading = Reading::new(policy.counts_calls());
        Self { rerun: Rerun::new(policy, budget), reading, call: Recorded::default() }
    }

    fn take(&mut self, batch: &Batch, row: usize, number: u64) {
        self.reading.read(batch, row, number, &mut self.call);
        self.rerun.take(&mut self.call);
    }
}

impl Backtest {
    /// The columns that it needs.
    pub const COLUMNS: Columns = Reading::COLUMNS.with(Columns::of(&[
        Column::Verdict,
        Column::Would,
        Column::Rule,
        Column::ActionStatus,
        Column::Policy,
        Column::Reason,
    ]));

    /// `candidate` over calls to come.
    pub fn new(candidate: Policy, against: Against, options: Options) -> Self {
        let mut outcome = Outcome::new(&candidate);
        let against = match against {
            Against::Records => None,
            Against::Policy(policy) => {
                outcome.against = Some(policy.version().to_owned());
                outcome.unknown.compare_plans(&candidate, &policy);
                Some(Run::new(*policy, options.budget))
            }
        };
        Self {
            candidate: Run::new(candidate, options.budget),
            against,
            options,
            kept: HashMap::default(),
            rules: Names::default(),
            next: 0,
            changes: HashMap::new(),
            people: People::default(),
            outcome,
        }
    }

    /// Usual values that limits of the candidate are multiples of.
    pub fn set_usual(&mut self, usual: &[Usual]) {
        self.candidate.rerun.set_usual(usual);
    }

    /// Takes the rows of `batch`, which has all of [`Backtest::COLUMNS`].
    pub fn take(&mut self, batch: &Batch) {
        for row in 0..batch.len() {
            let number = self.next;
            self.next += 1;
            let kept = self.keep(batch, row);
            self.outcome.see(&kept, batch.policy.get(row));
            self.kept.insert(number, kept);
            self.candidate.take(batch, row, number);
            if let Some(run) = &mut self.against {
                run.take(batch, row, number);
            }
            self.settle();
        }
    }

    /// There are no more calls.
    pub fn finish(mut self) -> Outcome {
        self.candidate.rerun.finish();
        if let Some(run) = &mut self.against {
            run.rerun.finish();
        }
        self.settle();
        let Self { candidate, mut outcome, changes, rules, people, options, .. } = self;
        outcome.unknown.lacking(&candidate.reading.shortfall, candidate.rerun.cut_short);
        outcome.unknown.counters(candidate.rerun.losses());
        outcome.finish(&changes, |number| rules.name(number).map(str::to_owned), &people, &options);
        outcome
    }

    fn keep(&mut self, batch: &Batch, row: usize) -> Kept {
        let after = |column: &[i64]| column.get(row).copied().filter(|after| *after != Batch::NEVER);
        let answered = after(&batch.answered_after);
        let ended = after(&batch.ended_after);
        let action = batch.verdict.get(row).copied().unwrap_or(Action::Allow);
        let status = batch.status.get(row).copied().unwrap_or_default();
        let action_status = batch.action_status.get(row).copied().unwrap_or_default();
        let is_refusal = matches!(action, Action::Block | Action::Limit | Action::Divert);
        let call_id = batch.call_id.get(row);
        let (caller, called) = (number_at(&batch.caller, row), number_at(&batch.called, row));
        Kept {
            start: batch.start.get(row).copied().unwrap_or_default(),
            caller,
            called,
            talk: answered.map(|answered| ended.map_or(0, |ended| ended - answered).max(0)),
            is_call: batch.kind.get(row) == Some("call"),
            was_refused: is_refusal && answered.is_none() && status == action_status,
            then: Said {
                action,
                would: batch.would.get(row).copied().flatten(),
                rule: batch.rule.get(row).map_or(0, |rule| self.rules.number(rule)),
                status: action_status,
            },
            before: None,
            after: None,
            label: self.options.labels.of(call_id, caller, called),
        }
    }

    /// Takes the verdicts that stand by now.
    fn settle(&mut self) {
        let policies = self.candidate.rerun.policies();
        let Some(policy) = policies.policy(0) else { return };
        while let Some(attempt) = self.candidate.rerun.poll() {
            let row = attempt.sequence;
            let Some(kept) = self.kept.get_mut(&row) else { continue };
            let Some(verdict) = attempt.views.first().and_then(|view| view.verdict) else { continue };
            let after = said(&verdict, policy, &mut self.rules);
            kept.after = Some(after);
            let before = if self.against.is_some() { kept.before } else { Some(kept.then) };
            if before.is_some_and(|before| before.action != after.action)
                && self.outcome.examples.len() < self.options.examples
                && kept.is_call
            {
                let before = before.unwrap_or(kept.then);
                let example = example(attempt, &verdict, policy, (kept, before, after), &self.rules);
                self.outcome.examples.push(example);
            }
            let is_settled = self.against.is_none() || kept.before.is_some();
            if is_settled && let Some(kept) = self.kept.remove(&row) {
                compare(&kept, &mut self.outcome, &mut self.changes, &mut self.people, &self.options);
            }
        }
        if let Some(run) = &mut self.against {
            let policies = run.rerun.policies();
            let Some(policy) = policies.policy(0) else { return };
            while let Some(attempt) = run.rerun.poll() {
                let row = attempt.sequence;
                let Some(kept) = self.kept.get_mut(&row) else { continue };
                let Some(verdict) = attempt.views.first().and_then(|view| view.verdict) else { continue };
                kept.before = Some(said(&verdict, policy, &mut self.rules));
                if kept.after.is_some()
                    && let Some(kept) = self.kept.remove(&row)
                {
                    compare(&kept, &mut self.outcome, &mut self.changes, &mut self.people, &self.options);
                }
            }
            while let Some(breach) = run.rerun.poll_breach() {
                self.outcome.raised(policy.threshold(breach.threshold), &breach, false);
            }
        }
        while let Some(breach) = self.candidate.rerun.poll_breach() {
            self.outcome.raised(policy.threshold(breach.threshold), &breach, true);
        }
    }
}

fn compare(
    kept: &Kept,
    outcome: &mut Outcome,
    changes: &mut HashMap<(Side, Side), Tally>,
    people: &mut People,
    options: &Options,
) {
    let Some(after) = kept.after else { return };
    let before = kept.before.unwrap_or(kept.then);
    if outcome.is_same_policy && kept.before.is_none() {
        outcome.same.see(
            kept.then.action == after.action,
            kept.then.would == after.would,
            kept.then.rule == after.rule,
            kept.then.status == after.status,
        );
    }
    if !kept.is_call {
        return;
    }
    outcome.judged += 1;
    outcome.precision.see(kept.label, is_refusal(before.action), is_refusal(after.action));
    if kept.was_refused && !is_refusal(after.action) {
        outcome.unknown.course += 1;
    }
    if is_refusal(after.action) && !is_refusal(before.action) && outcome.is_protected(kept.caller) {
        *outcome.protected.entry(kept.caller).or_insert(0) += 1;
    }
    if before.action == after.action {
        return;
    }
    let sides =
        (Side { action: before.action, rule: before.rule }, Side { action: after.action, rule: after.rule });
    let tally = changes.entry(sides).or_default();
    tally.calls += 1;
    tally.answered += u64::from(kept.talk.is_some());
    tally.wanted += u64::from(kept.talk.is_some_and(|talk| talk > WANTED_MICROS));
    tally.talk_micros += kept.talk.unwrap_or_default();
    people.see(sides, kept.caller, kept.called);
    let becomes_refused = is_refusal(after.action) && !is_refusal(before.action);
    outcome.cost.see(
        becomes_refused,
        is_refusal(before.action) && !is_refusal(after.action),
        kept.talk,
        || price(kept.called, &options.rates),
    );
}

fn said(verdict: &Verdict, policy: &Policy, rules: &mut Names) -> Said {
    Said {
        action: verdict.action,
        would: verdict.would,
        rule: policy.decider(verdict).map_or(0, |name| rules.number(name)),
        status: line::status(verdict).unwrap_or_default(),
    }
}

fn example(
    attempt: &Attempt,
    verdict: &Verdict,
    policy: &Policy,
    (kept, before, after): (&Kept, Said, Said),
    rules: &Names,
) -> Example {
    let text = |number: u64| if number == 0 { String::new() } else { format!("+{number}") };
    let mut turns = explain_again(policy, attempt)
        .map(|explanation| turning_points(&explanation, policy))
        .unwrap_or_default();
    if let Some(measure) = verdict.threshold {
        turns.insert(
            0,
            format!(
                "would pass below the limit: {} of {} when it came",
                crate::threshold::amount(measure.value),
                crate::threshold::amount(measure.limit)
            ),
        );
    }
    let rule = |said: Said| rules.name(said.rule).map(str::to_owned);
    Example {
        start: rfc3339(Timestamp(kept.start)),
        call_id: String::from_utf8_lossy(attempt.call_id()).into_owned(),
        caller: text(kept.caller),
        called: text(kept.called),
        from: before.action.word(),
        from_rule: rule(before),
        to: after.action.word(),
        rule: rule(after),
        reason: line::reason(verdict, policy).into_owned(),
        talk_seconds: kept.talk.map(|talk| talk as f64 / 1e6),
        turning_points: turns,
    }
}

fn price(called: u64, rates: &Rates) -> Option<f64> {
    let number = Number::from_value(called)?;
    rates.of(number).map(|rate| f64::from(rate.per_minute) / f64::from(Rates::UNIT))
}

fn number_at(numbers: &[u64], row: usize) -> u64 {
    numbers.get(row).copied().unwrap_or_default()
}

pub(crate) fn is_refusal(action: Action) -> bool {
    matches!(action, Action::Block | Action::Limit | Action::Divert)
}

/// What the policy of `rerun` tells of calls that were judged again, as `replay` does: for proofs that both are the same.
pub struct Retold {
    rerun: Rerun,
    reading: Reading,
    call: Recorded,
    alerts: Alerts,
}

impl Retold {
    /// `policy` over calls to come.
    pub fn new(policy: Policy, budget: Budget) -> Self {
        let reading = Reading::new(policy.counts_calls());
        let rerun = Rerun::new(policy, budget);
        Self { rerun, reading, call: Recorded::default(), alerts: Alerts::default() }
    }

    /// Usual values that limits are multiples of.
    pub fn set_usual(&mut self, usual: &[Usual]) {
        self.rerun.set_usual(usual);
    }

    /// Takes `row` of `batch`, as number `number`, and tells of the calls that are over by then.
    pub fn take(
        &mut self,
        (batch, row, number): (&Batch, usize, u64),
        call: &mut dyn FnMut(u64, &CallLine<'_>),
        alert: &mut dyn FnMut(&Alert),
    ) {
        self.reading.read(batch, row, number, &mut self.call);
        self.rerun.take(&mut self.call);
        self.tell(call, alert);
    }

    /// There are no more calls.
    pub fn finish(mut self, call: &mut dyn FnMut(u64, &CallLine<'_>), alert: &mut dyn FnMut(&Alert)) {
        self.rerun.finish();
        self.tell(call, alert);
        std::mem::take(&mut self.alerts).finish().iter().for_each(alert);
    }

    fn tell(&mut self, call: &mut dyn FnMut(u64, &CallLine<'_>), alert: &mut dyn FnMut(&Alert)) {
        let policies = self.rerun.policies();
        while let Some(attempt) = self.rerun.poll() {
            for view in &attempt.views {
                let by_rule = view.verdict.filter(|verdict| verdict.reason != rules::Reason::Threshold);
                let level = by_rule.map_or(AlertLevel::None, |verdict| verdict.alert);
                let line = CallLine::new(attempt, view, &policies);
                self.alerts.see(&line, level, attempt.progress.started);
                call(attempt.sequence, &line);
            }
        }
        while let Some(told) = self.alerts.pop() {
            alert(&told);
        }
        while let Some(breach) = self.rerun.poll_breach() {
            if let Some(told) = Alert::of_breach(&breach, &policies) {
                alert(&told);
            }
        }
    }
}

/// Whether `policy` does anything at all.
pub fn is_off(policy: &Policy) -> bool {
    policy.text().customer.mode == Mode::Off
}

/// Who is talked to for longer is wanted.
const WANTED_MICROS: i64 = 60_000_000;
