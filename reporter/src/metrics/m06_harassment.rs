//! M6: who calls how much, on how many days, and how briefly.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ahash::RandomState;
use records::{Batch, Column, Columns};
use rules::{Direction, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Class, Context, Definition, Fold, Period, Rows, Share, Unit};

/// Inbound attempts by caller. Exact up to a million of them; beyond, those with fewest calls are forgotten.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Callers {
    callers: HashMap<u64, Seen, RandomState>,
    missed_max: u64,
}

/// What is known of one caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    calls: u32,
    short: u32,
    blocked: u32,
    /// A bit for each day since 1970 modulo 128.
    days: [u64; 2],
    first: i64,
    last: i64,
}

/// A caller in the table of M6.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Caller {
    /// E.164 digits.
    pub number: u64,
    /// Inbound attempts.
    pub calls: u64,
    /// Days on which there were any.
    pub days: u64,
    /// Of the attempts those answered and over within six seconds.
    pub short: Share,
    /// Attempts that were blocked.
    pub blocked: u64,
    /// The index.
    pub index: f64,
    /// The first attempt.
    pub first: Timestamp,
    /// The last one.
    pub last: Timestamp,
    /// Cases that tell of the caller.
    pub cases: Vec<String>,
}

/// What M6 says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Harassment {
    /// The 20 with the highest index.
    pub top: Vec<Caller>,
    /// How many inbound attempts of a caller may not have been counted.
    pub missed_max: u64,
}

impl Fold for Callers {
    const DEFINITION: Definition = Definition {
        id: "M6",
        name: "Harassment index",
        formula: "calls x distinct days x (1 + share of calls answered and over within 6 s), per caller",
        unit: Unit::Index,
        version: 1,
        counts: "For each number that calls from outside: how often, on how many days, and how many of the calls were hung up within six \
                 seconds of the answer. The twenty worst are listed.",
        omits: "Callers without a number. Days are told apart over up to 128 days. Beyond a million callers, and in the summary of a closed day \
                beyond the 5,000 busiest, those with fewest calls are left out; the table says how many calls of one caller that can be.",
    };
    const NEEDS: Columns = Columns::of(&[Column::AnsweredAfter, Column::EndedAfter]);
    type Answer = Harassment;

    fn take(&mut self, rows: &Rows<'_>) {
        let mut runs = rows.hours.iter().peekable();
        let mut coming = Vec::with_capacity(CALLS_AT_ONCE);
        for attempt in rows.attempts() {
            let row = attempt.row;
            let caller = rows.batch.caller.get(row).copied().unwrap_or_default();
            if caller == 0 || rows.direction(row) != Some(Direction::Inbound) {
                continue;
            }
            while runs.next_if(|(range, _)| row >= range.end).is_some() {}
            let (Some((_, hour)), Some(start)) = (runs.peek(), rows.batch.start.get(row)) else { continue };
            let mut seen = Seen::new(*start);
            seen.calls = 1;
            seen.short = u32::from(is_short(rows.batch, row));
            seen.blocked = u32::from(attempt.class == Class::Blocked);
            let day = hour.day.rem_euclid(DAYS_MAX);
            if let Some(half) = seen.days.get_mut(usize::from(day >= 64)) {
                *half |= 1 << (day % 64);
            }
            coming.push((caller, seen));
            if coming.len() == CALLS_AT_ONCE {
                self.count(&coming);
                coming.clear();
            }
        }
        self.count(&coming);
    }

    fn merge(&mut self, other: Self) {
        if other.callers.len() > self.callers.len() {
            let own = std::mem::replace(self, other);
            return self.merge(own);
        }
        self.missed_max += other.missed_max;
        let coming: Vec<(u64, Seen)> = other.callers.into_iter().collect();
        coming.chunks(CALLS_AT_ONCE).for_each(|some| self.count(some));
    }

    fn seal(&mut self) {
        self.keep(SEALED);
    }

    fn answer(&self, context: &Context, _: &Period) -> Harassment {
        let mut all: Vec<(f64, u64, &Seen)> =
            self.callers.iter().map(|(number, seen)| (seen.index(), *number, seen)).collect();
        all.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let top = all.into_iter().take(LISTED).map(|(index, number, seen)| {
            let of_labels =
                context.labels.iter().filter(|label| label.caller == Some(number)).map(|label| &label.case);
            let of_campaigns = context
                .campaigns
                .iter()
                .filter(|it| it.callers.contains(&number))
                .map(|campaign| &campaign.case);
            let mut cases: Vec<String> = of_labels.chain(of_campaigns).cloned().collect();
            cases.sort_unstable();
            cases.dedup();
            Caller {
                number,
                calls: u64::from(seen.calls),
                days: seen.distinct_days(),
                short: Share::new(u64::from(seen.short), u64::from(seen.calls)),
                blocked: u64::from(seen.blocked),
                index,
                first: Timestamp(seen.first),
                last: Timestamp(seen.last),
                cases,
            }
        });
        Harassment { top: top.collect(), missed_max: self.missed_max }
    }
}

impl Callers {
    fn count(&mut self, coming: &[(u64, Seen)]) {
        // Of a million callers nearly each is a wait for memory. Looked at together, they are waited for together.
        std::hint::black_box(coming.iter().filter(|(caller, _)| self.callers.contains_key(caller)).count());
        for (caller, seen) in coming {
            match self.callers.entry(*caller) {
                Entry::Occupied(mut known) => known.get_mut().add(seen),
                Entry::Vacant(place) => _ = place.insert(*seen),
            }
            if self.callers.len() > CALLERS_MAX {
                self.keep(CALLERS_MAX / 2);
            }
        }
    }

    fn keep(&mut self, count: usize) {
        if self.callers.len() <= count {
            return;
        }
        let mut calls: Vec<u32> = self.callers.values().map(|seen| seen.calls).collect();
        let (_, cut, _) = calls.select_nth_unstable_by(count, |a, b| b.cmp(a));
        let cut = *cut;
        self.callers.retain(|_, seen| seen.calls > cut);
        self.missed_max += u64::from(cut);
    }
}

impl Seen {
    const fn new(start: i64) -> Self {
        Self { calls: 0, short: 0, blocked: 0, days: [0; 2], first: start, last: start }
    }

    fn add(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.short = self.short.saturating_add(other.short);
        self.blocked = self.blocked.saturating_add(other.blocked);
        self.days.iter_mut().zip(other.days).for_each(|(own, more)| *own |= more);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    fn distinct_days(&self) -> u64 {
        self.days.iter().map(|half| u64::from(half.count_ones())).sum()
    }

    fn index(&self) -> f64 {
        let share = f64::from(self.short) / f64::from(self.calls);
        f64::from(self.calls) * self.distinct_days() as f64 * (1.0 + share)
    }
}

impl Serialize for Callers {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut callers: Vec<(u64, Seen)> =
            self.callers.iter().map(|(number, seen)| (*number, *seen)).collect();
        callers.sort_unstable_by_key(|(number, _)| *number);
        (self.missed_max, callers).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Callers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (missed_max, callers) = <(u64, Vec<(u64, Seen)>)>::deserialize(from)?;
        Ok(Self { callers: callers.into_iter().collect(), missed_max })
    }
}

/// Whether it was answered and over within six seconds.
fn is_short(batch: &Batch, row: usize) -> bool {
    let known = |column: &[i64]| column.get(row).copied().filter(|after| *after != Batch::NEVER);
    let (answered, ended) = (known(&batch.answered_after), known(&batch.ended_after));
    answered.zip(ended).is_some_and(|(answered, ended)| ended.saturating_sub(answered) < SHORT_MICROS)
}

/// Callers that are counted exactly; a stranger may invent more. 70 MiB.
const CALLERS_MAX: usize = 1 << 20;
/// Callers in the summary of a closed day.
const SEALED: usize = 5_000;
const LISTED: usize = 20;
/// Calls that are counted together.
const CALLS_AT_ONCE: usize = 32;
const SHORT_MICROS: i64 = 6_000_000;
const DAYS_MAX: i32 = 128;
