//! M13: what calls to dear destinations cost, and what blocked ones would have.

use std::collections::BTreeMap;

use records::{Batch, Column, Columns};
use rules::{Direction, Number};
use serde::{Deserialize, Serialize};

use super::spread::Spread;
use super::{Class, Context, Definition, Fold, Period, Rows, Unit};

/// Outbound calls to prefixes that fraud likes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TollFraud {
    prefixes: BTreeMap<String, OfPrefix>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfPrefix {
    passed: u64,
    blocked: u64,
    talk_millis: u64,
    talks: Spread,
}

/// What M13 says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exposure {
    /// What passed calls cost.
    pub exposed: f64,
    /// What blocked ones would have.
    pub avoided: f64,
    /// By prefix of a rate marked as risk.
    pub prefixes: Vec<OfRate>,
    /// What the figures take for granted: printed beside them.
    pub assumption: &'static str,
}

/// Calls to one prefix.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfRate {
    /// Leading digits.
    pub prefix: String,
    /// What they are called.
    pub name: String,
    /// A minute.
    pub per_minute: f64,
    /// Attempts that were let on.
    pub passed: u64,
    /// Minutes that they talked.
    pub minutes: f64,
    /// Minutes times rate.
    pub exposed: f64,
    /// Attempts that were blocked.
    pub blocked: u64,
    /// How long an answered call to it lasts, in the middle; `None` where none was.
    pub median_seconds: Option<f64>,
    /// Blocked attempts times median duration times rate.
    pub avoided: f64,
}

impl Fold for TollFraud {
    const DEFINITION: Definition = Definition {
        id: "M13",
        name: "Toll-fraud exposure",
        formula: "exposed: sum of minutes x rate of passed outbound calls to risk prefixes; avoided: sum of blocked attempts x median duration of \
                  answered calls to that prefix x rate",
        unit: Unit::Money,
        version: 1,
        counts: "What calls to destinations that fraudsters like have cost at your rates, and what the blocked ones would have cost.",
        omits: "Prefixes without a rate. Nobody knows whether a blocked call would have been answered: avoided cost assumes that it would, and \
                lasted as long as the middle one that was; where none was answered, nothing is assumed.",
    };
    const NEEDS: Columns = Columns::of(&[Column::Called, Column::AnsweredAfter, Column::EndedAfter]);
    type Answer = Exposure;

    fn take(&mut self, rows: &Rows<'_>) {
        if !rows.context.rates.iter().any(|rate| rate.is_risk) {
            return;
        }
        for attempt in rows.attempts() {
            let row = attempt.row;
            if rows.direction(row) != Some(Direction::Outbound) {
                continue;
            }
            let called = rows.batch.called.get(row).copied().and_then(Number::from_value);
            let rate = called.and_then(|called| rows.index.rate(called));
            let rate = rate.and_then(|place| rows.context.rates.get(place));
            let Some(rate) = rate.filter(|rate| rate.is_risk) else { continue };
            let of_prefix = self.prefixes.entry(rate.prefix.clone()).or_default();
            match attempt.class {
                Class::Blocked => of_prefix.blocked += 1,
                Class::Passed => {
                    of_prefix.passed += 1;
                    if let Some(millis) = talk_millis(rows.batch, row) {
                        of_prefix.talk_millis += millis;
                        of_prefix.talks.add(millis);
                    }
                }
                _ => {}
            }
        }
    }

    fn merge(&mut self, other: Self) {
        for (prefix, more) in other.prefixes {
            let own = self.prefixes.entry(prefix).or_default();
            own.passed += more.passed;
            own.blocked += more.blocked;
            own.talk_millis += more.talk_millis;
            own.talks.merge(&more.talks);
        }
    }

    fn answer(&self, context: &Context, _: &Period) -> Exposure {
        let mut prefixes = Vec::new();
        for (prefix, of) in &self.prefixes {
            let Some(rate) = context.rates.iter().find(|rate| rate.prefix == *prefix) else { continue };
            let minutes = of.talk_millis as f64 / 60_000.0;
            let median_seconds = of.talks.median().map(|millis| millis as f64 / 1_000.0);
            let avoided = of.blocked as f64 * median_seconds.unwrap_or_default() / 60.0 * rate.per_minute;
            prefixes.push(OfRate {
                prefix: prefix.clone(),
                name: rate.name.clone(),
                per_minute: rate.per_minute,
                passed: of.passed,
                minutes,
                exposed: minutes * rate.per_minute,
                blocked: of.blocked,
                median_seconds,
                avoided,
            });
        }
        let sum = |part: fn(&OfRate) -> f64| prefixes.iter().map(part).fold(0.0, |sum, more| sum + more);
        let (exposed, avoided) = (sum(|of| of.exposed), sum(|of| of.avoided));
        Exposure { exposed, avoided, prefixes, assumption: ASSUMPTION }
    }
}

/// Milliseconds from the answer to the end.
pub(super) fn talk_millis(batch: &Batch, row: usize) -> Option<u64> {
    let known = |column: &[i64]| column.get(row).copied().filter(|after| *after != Batch::NEVER);
    let talk = known(&batch.ended_after)?.saturating_sub(known(&batch.answered_after)?).max(0);
    u64::try_from(talk / 1_000).ok()
}

const ASSUMPTION: &str = "A blocked call would have been answered and lasted as long as the middle answered call to the same prefix.";
