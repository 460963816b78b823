//! M14: who calls abroad when nobody should be there.

use std::collections::BTreeMap;

use records::{Batch, Column, Columns};
use rules::{Direction, Number, Timestamp};
use serde::{Deserialize, Serialize};

use super::m13_toll_fraud::talk_millis;
use super::{Context, Definition, Fold, Period, Rows, Unit};

/// Outbound attempts abroad outside business hours, by caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterHours {
    callers: BTreeMap<String, OfCaller>,
    beyond: OfCaller,
}

/// Calls of one caller: by the prefix of their rate, so that money is computed once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfCaller {
    attempts: u64,
    /// Milliseconds talked by prefix; what has no rate stands under the empty one.
    millis: BTreeMap<String, u64>,
}

/// What M14 says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AfterHoursAnswer {
    /// Attempts.
    pub attempts: u64,
    /// Minutes talked.
    pub minutes: f64,
    /// What they cost at known rates.
    pub cost: f64,
    /// Minutes for which no rate is known.
    pub minutes_without_rate: f64,
    /// By caller, the dearest first: 50 at most.
    pub callers: Vec<AfterHoursCaller>,
}

/// One caller.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AfterHoursCaller {
    /// Number or name of the extension.
    pub caller: String,
    /// Attempts.
    pub attempts: u64,
    /// Minutes talked.
    pub minutes: f64,
    /// What they cost.
    pub cost: f64,
}

impl Fold for AfterHours {
    const DEFINITION: Definition = Definition {
        id: "M14",
        name: "After-hours outbound international",
        formula: "outbound attempts abroad outside business hours: attempts, minutes, minutes x rate, by caller",
        unit: Unit::Money,
        version: 1,
        counts: "Calls abroad while you are closed, by who made them, with their cost at your rates. Blocked ones count as attempts.",
        omits: "Calls to numbers that are not abroad, or all where no business hours or home country are stated. Minutes without a rate are told \
                apart. Beyond 10,000 callers the rest is counted together.",
    };
    const NEEDS: Columns =
        Columns::of(&[Column::CallerText, Column::Called, Column::AnsweredAfter, Column::EndedAfter]);
    type Answer = AfterHoursAnswer;

    fn take(&mut self, rows: &Rows<'_>) {
        let context = rows.context;
        let (Some(hours), Some(national)) = (&context.hours, &context.national) else { return };
        let mut minute = None;
        for attempt in rows.attempts() {
            let row = attempt.row;
            if rows.direction(row) != Some(Direction::Outbound) {
                continue;
            }
            let called = rows.batch.called.get(row).copied().and_then(Number::from_value);
            let Some(called) = called.filter(|called| !national.contains(*called)) else { continue };
            let start = rows.batch.start.get(row).copied().unwrap_or_default();
            // Hours open and close at full minutes.
            let this = start.div_euclid(60_000_000);
            let is_open = match minute {
                Some((last, is_open)) if last == this => is_open,
                _ => hours.is_open(Timestamp(start)),
            };
            minute = Some((this, is_open));
            if is_open {
                continue;
            }
            let rate = rows.index.rate(called).and_then(|place| context.rates.get(place));
            let prefix = rate.map(|rate| rate.prefix.clone());
            let millis = talk_millis(rows.batch, row).unwrap_or_default();
            let of_caller = self.of(caller(rows.batch, row));
            of_caller.attempts += 1;
            *of_caller.millis.entry(prefix.unwrap_or_default()).or_default() += millis;
        }
    }

    fn merge(&mut self, other: Self) {
        self.beyond.add(other.beyond);
        for (caller, more) in other.callers {
            self.of(caller).add(more);
        }
    }

    fn answer(&self, context: &Context, _: &Period) -> AfterHoursAnswer {
        let mut all = OfCaller::default();
        let every = self
            .callers
            .iter()
            .map(|(caller, of)| (caller.as_str(), of))
            .chain([("all others", &self.beyond)]);
        let mut callers = Vec::new();
        for (caller, of) in every.filter(|(_, of)| of.attempts > 0) {
            all.add(of.clone());
            callers.push(AfterHoursCaller {
                caller: caller.to_owned(),
                attempts: of.attempts,
                minutes: of.minutes(),
                cost: of.cost(context),
            });
        }
        callers.sort_by(|a, b| {
            b.cost.total_cmp(&a.cost).then(b.attempts.cmp(&a.attempts)).then_with(|| a.caller.cmp(&b.caller))
        });
        callers.truncate(LISTED);
        let without = all.millis.get("").copied().unwrap_or_default();
        AfterHoursAnswer {
            attempts: all.attempts,
            minutes: all.minutes(),
            cost: all.cost(context),
            minutes_without_rate: without as f64 / 60_000.0,
            callers,
        }
    }
}

impl AfterHours {
    fn of(&mut self, caller: String) -> &mut OfCaller {
        if self.callers.len() >= CALLERS_MAX && !self.callers.contains_key(&caller) {
            return &mut self.beyond;
        }
        self.callers.entry(caller).or_default()
    }
}

impl OfCaller {
    fn add(&mut self, other: Self) {
        self.attempts += other.attempts;
        for (prefix, more) in other.millis {
            *self.millis.entry(prefix).or_default() += more;
        }
    }

    fn minutes(&self) -> f64 {
        self.millis.values().sum::<u64>() as f64 / 60_000.0
    }

    fn cost(&self, context: &Context) -> f64 {
        let rate =
            |prefix: &str| context.rates.iter().find(|rate| rate.prefix == prefix && !prefix.is_empty());
        let costs = self
            .millis
            .iter()
            .filter_map(|(prefix, millis)| Some(*millis as f64 / 60_000.0 * rate(prefix)?.per_minute));
        costs.fold(0.0, |sum, more| sum + more)
    }
}

/// A customer's own extensions; who spoofs them may invent more.
const CALLERS_MAX: usize = 10_000;
const LISTED: usize = 50;

/// +E.164, or what was written.
fn caller(batch: &Batch, row: usize) -> String {
    match batch.caller_text.get(row) {
        Some(text) => text.to_owned(),
        None => format!("+{}", batch.caller.get(row).copied().unwrap_or_default()),
    }
}
