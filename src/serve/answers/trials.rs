//! What reads days of records: a policy tried on them, and how often rules decided.

use std::collections::BTreeMap;

use console::known::{Hits, Trial, Tried};
use records::{Column, Columns};
use reporter::backtest::{Against, Backtest, Options};
use rules::{Action, Timestamp};

use super::calls::Shelf;
use super::drafts::candidate;
use super::known::Around;
use super::policies::mode;
use crate::backtest::labels;
use crate::recorded::{Source, Wanted};

/// What a text would have done to calls of the last days, beside the policy in force.
pub(super) fn backtest(around: &Around, trial: Trial) -> Result<Tried, String> {
    let days = if trial.days > 7 { 30 } else { 7 };
    let (candidate, base) = candidate(around, &trial.draft)?;
    let customer = trial.draft.customer.as_str();
    let labels = labels(&around.config, customer).map_err(|failure| failure.to_string())?;
    let rates = candidate.text().customer.rates.clone();
    let options = Options { examples: EXAMPLES, labels, rates, ..Options::default() };
    let mut backtest = Backtest::new(candidate, Against::Policy(Box::new(base)), options);
    let now = around.now();
    let from = now.plus_micros(-days * DAY_MICROS);
    let wanted = Wanted { customer, from, to: now, columns: Backtest::COLUMNS };
    let (mut rows, mut left_out) = (0, 0);
    let read = Source::Data(around.data()).read(&wanted, &mut |batch| {
        if rows < ROWS_MAX {
            backtest.take(batch);
            rows += batch.len();
        } else {
            left_out += batch.len();
        }
    });
    read.map_err(|failure| failure.to_string())?;
    let found = backtest.finish();
    let mut limits = Vec::new();
    if left_out > 0 {
        limits.push(format!("The first {rows} calls were judged; {left_out} later ones were not."));
    }
    if found.calls == 0 {
        limits.push(format!("There is no record of a call in the last {days} days."));
    }
    let by = |rule: &Option<String>| rule.clone().unwrap_or_else(|| "no rule".to_owned());
    let change = |change: &reporter::backtest::Change| {
        let side = |action: &str, rule| format!("{action} by {}", by(rule));
        let sides = (side(change.from, &change.from_rule), side(change.to, &change.to_rule));
        (sides.0, sides.1, by(&change.to_rule), change.calls, change.wanted)
    };
    let precision = &found.precision;
    Ok(Tried {
        calls: found.judged,
        period: if found.from.is_empty() { String::new() } else { format!("{} to {}", found.from, found.to) },
        changed: found.changed,
        people: (found.callers, found.called),
        changes: found.changes.iter().take(CHANGES_MAX).map(change).collect(),
        protected: found.protected.len(),
        precision: (precision.cases > 0)
            .then(|| [&precision.candidate, &precision.before].map(|it| (it.unwanted, it.wanted))),
        examples: found
            .examples
            .iter()
            .map(|one| {
                let becomes = format!("{} → {}: {}", one.from, one.to, one.reason);
                [one.start.clone(), one.caller.clone(), one.called.clone(), becomes]
            })
            .collect(),
        limits,
    })
}

/// What decided calls in seven days.
#[derive(Clone, Copy, Default)]
pub(super) struct Decided {
    pub(super) calls: u64,
    pub(super) refused: u64,
    pub(super) last: Timestamp,
}

/// What decided, by name; how many calls were looked at; and what was not, in words.
pub(super) type Decisions = (BTreeMap<String, Decided>, u64, Vec<String>);

/// By the name of what decided, with how many calls were looked at, and what was not, in words.
pub(super) fn decided(around: &Around, customer: &str) -> Result<Decisions, String> {
    let now = around.now();
    let from = now.plus_micros(-7 * DAY_MICROS);
    let shelf = Shelf::open(around.data())?;
    let mut found: BTreeMap<String, Decided> = BTreeMap::new();
    let (mut rows, mut limits) = (0, Vec::new());
    let mut take = |rule: &str, verdict: Action, at: i64| {
        let decided = match found.get_mut(rule) {
            Some(decided) => decided,
            None => found.entry(rule.to_owned()).or_default(),
        };
        decided.calls += 1;
        decided.refused += u64::from(matches!(verdict, Action::Block | Action::Limit | Action::Divert));
        decided.last.0 = decided.last.0.max(at);
    };
    if let Some(store) = shelf.store() {
        let columns = Columns::of(&[Column::Start, Column::Rule, Column::Verdict]);
        for batch in store.scan(Some(customer), from..now, columns) {
            let batch = batch.map_err(|error| error.to_string())?;
            rows += batch.len() as u64;
            for (place, at) in batch.start.iter().enumerate() {
                if let Some(rule) = batch.rule.get(place) {
                    take(rule, batch.verdict.get(place).copied().unwrap_or(Action::Allow), *at);
                }
            }
            if rows > ROWS_MAX as u64 {
                limits.push(format!("The first {rows} calls of the seven days were looked at."));
                break;
            }
        }
    }
    shelf.unwritten(&mut limits, |call| {
        if call.customer.as_deref() == Some(customer) && call.start >= from {
            rows += 1;
            if let Some(rule) = &call.rule {
                take(rule, call.verdict, call.start.0);
            }
        }
    })?;
    Ok((found, rows, limits))
}

/// How often rules of a customer's policy decided.
pub(super) fn hits(around: &Around, customer: String) -> Result<Hits, String> {
    let (mut found, calls, limits) = decided(around, &customer)?;
    let mut rules = around.policy(&customer, |policy| {
        let text = policy.text();
        let firewall = text.firewall.iter().map(|rule| (rule.name.clone(), mode(rule.mode)));
        let ips = text.ips.iter().map(|rule| (rule.name.clone(), mode(rule.mode)));
        let mut rules = Vec::new();
        for (name, mode) in firewall.chain(ips) {
            let Decided { calls, refused, .. } = found.remove(&name).unwrap_or_default();
            rules.push((name, mode, calls, refused));
        }
        Ok(rules)
    })?;
    let gone = found.into_iter().map(|(name, it)| (name, "gone", it.calls, it.refused));
    rules.extend(gone.take(CHANGES_MAX));
    Ok(Hits { calls, rules, limits })
}

const DAY_MICROS: i64 = 86_400_000_000;
/// Calls that one question looks at.
const ROWS_MAX: usize = 3_000_000;
/// Changed calls that are told one by one.
const EXAMPLES: usize = 20;
/// Kinds of changes on a page.
const CHANGES_MAX: usize = 50;
