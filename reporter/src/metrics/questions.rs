//! Five questions that are asked of records every day, answered from records alone.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use ahash::RandomState;
use jiff::tz::TimeZone;
use records::io::{Error, Store, Wanted};
use records::{Batch, Column, Columns};
use rules::{Action, Timestamp};

use super::spread::Spread;
use super::{Hour, LocalTime, Period};

/// Whose records are asked, and how.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Where they are.
    pub store: &'a Store,
    /// Whose.
    pub customer: Option<&'a str>,
    /// Rows that started in it.
    pub period: Period,
    /// Threads that read.
    pub threads: usize,
}

/// A caller with many calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// E.164 digits.
    pub caller: u64,
    /// Rows.
    pub calls: u64,
    /// Distinct numbers called.
    pub called: u64,
}

/// One call of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneCall {
    /// When it began.
    pub start: Timestamp,
    /// E.164 digits; 0 where no number was called.
    pub called: u64,
    /// What happened.
    pub verdict: Action,
}

impl Asked<'_> {
    /// Rows by verdict.
    ///
    /// # Errors
    /// Records cannot be read.
    pub fn by_verdict(&self) -> Result<BTreeMap<&'static str, u64>, Error> {
        let take = |counts: &mut [u64; 6], batch: &Batch| {
            for verdict in &batch.verdict {
                if let Some(count) = counts.get_mut(usize::from(verdict.strictness())) {
                    *count += 1;
                }
            }
        };
        let folds = self.fold(&[Column::Verdict], || [0u64; 6], take)?;
        let all =
            [Action::Allow, Action::Tag, Action::Terminate, Action::Divert, Action::Limit, Action::Block];
        let sum = |place: usize| folds.iter().filter_map(|counts| counts.get(place)).sum::<u64>();
        let counts = all.iter().enumerate().map(|(place, action)| (action.word(), sum(place)));
        Ok(counts.filter(|(_, count)| *count > 0).collect())
    }

    /// Rows by hour of the clock in `zone`.
    ///
    /// # Errors
    /// Records cannot be read.
    pub fn by_hour(&self, zone: &TimeZone) -> Result<BTreeMap<Hour, u64>, Error> {
        let make = || (LocalTime::new(zone.clone()), BTreeMap::<Hour, u64>::new());
        let take = |(local, hours): &mut (LocalTime, BTreeMap<Hour, u64>), batch: &Batch| {
            let mut rest = batch.start.as_slice();
            while let Some(start) = rest.first() {
                let hour = local.hour(*start);
                let (_, to) = local.bounds();
                // Rows are in order: where the hour ends is found in a few steps.
                let length = rest.partition_point(|at| *at < to).max(1);
                *hours.entry(hour).or_default() += length as u64;
                rest = rest.get(length..).unwrap_or_default();
            }
        };
        let mut all = BTreeMap::new();
        for (_, hours) in self.fold(&[Column::Start], make, take)? {
            hours.into_iter().for_each(|(hour, count)| *all.entry(hour).or_default() += count);
        }
        Ok(all)
    }

    /// The `count` callers with a number and most rows, and how many distinct numbers each called. Exact: callers are counted first, and
    /// whom the busiest called is looked at in a second run.
    ///
    /// # Errors
    /// Records cannot be read.
    pub fn top_callers(&self, count: usize) -> Result<Vec<Busy>, Error> {
        // As many tables as threads, not as files: whoever has a batch takes one that is free.
        let free: Mutex<Vec<Counts>> = Mutex::new(Vec::new());
        let take = |(): &mut (), batch: &Batch| {
            let mut counts = free.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            batch.caller.iter().filter(|caller| **caller != 0).for_each(|caller| counts.add(*caller, 1));
            free.lock().unwrap_or_else(PoisonError::into_inner).push(counts);
        };
        self.fold(&[Column::Caller], || (), take)?;
        let mut tables = free.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter();
        let mut counts = tables.next().unwrap_or_default();
        tables.for_each(|more| counts.merge(&more));
        let mut top: Vec<(u64, u64)> = counts.entries().collect();
        top.sort_unstable_by_key(|(caller, calls)| (std::cmp::Reverse(*calls), *caller));
        top.truncate(count);
        let wanted: Vec<u64> = top.iter().map(|(caller, _)| *caller).collect();
        let make = || vec![HashSet::<u64, RandomState>::default(); wanted.len()];
        // A bit for each caller keeps nearly all others out with one look.
        let bits = wanted.iter().fold(0u64, |bits, caller| bits | 1 << (mixed(*caller) >> 58));
        let take = |sets: &mut Vec<HashSet<u64, RandomState>>, batch: &Batch| {
            for (caller, called) in batch.caller.iter().zip(&batch.called) {
                if bits >> (mixed(*caller) >> 58) & 1 == 0 {
                    continue;
                }
                if let Some(set) =
                    wanted.iter().position(|it| it == caller).and_then(|place| sets.get_mut(place))
                {
                    set.insert(*called);
                }
            }
        };
        let mut sets = make();
        for more in self.fold(&[Column::Caller, Column::Called], make, take)? {
            sets.iter_mut().zip(more).for_each(|(set, more)| set.extend(more));
        }
        let busy = top.into_iter().zip(sets);
        Ok(busy.map(|((caller, calls), set)| Busy { caller, calls, called: set.len() as u64 }).collect())
    }

    /// Milliseconds that nine of ten answered calls last at most, at most 0.8 % too low; `None` where none was.
    ///
    /// # Errors
    /// Records cannot be read.
    pub fn p90_of_duration(&self) -> Result<Option<u64>, Error> {
        let take = |spread: &mut Spread, batch: &Batch| {
            for (answered, ended) in batch.answered_after.iter().zip(&batch.ended_after) {
                if *answered != Batch::NEVER && *ended != Batch::NEVER {
                    let millis = ended.saturating_sub(*answered).max(0) / 1_000;
                    spread.add(millis.cast_unsigned());
                }
            }
        };
        let mut all = Spread::default();
        for spread in self.fold(&[Column::AnsweredAfter, Column::EndedAfter], Spread::default, take)? {
            all.merge(&spread);
        }
        Ok(all.percentile(90))
    }

    /// The calls of `caller`, in order.
    ///
    /// # Errors
    /// Records cannot be read.
    pub fn one_caller(&self, caller: u64) -> Result<Vec<OneCall>, Error> {
        let columns = Columns::of(&[Column::Start, Column::Called, Column::Verdict]);
        let take = |calls: &mut Vec<OneCall>, batch: &Batch| {
            let rows = batch.start.iter().zip(&batch.called).zip(&batch.verdict);
            calls.extend(rows.map(|((start, called), verdict)| OneCall {
                start: Timestamp(*start),
                called: *called,
                verdict: *verdict,
            }));
        };
        let during = self.period.from..self.period.to;
        let wanted = Wanted { caller: Some(caller), called: None };
        let folds =
            self.store.fold(self.customer, during, (columns, wanted), self.threads, (Vec::new, take))?;
        let mut calls: Vec<OneCall> = folds.into_iter().flatten().collect();
        calls.sort_by_key(|call| call.start);
        Ok(calls)
    }

    fn fold<T: Send>(
        &self,
        columns: &[Column],
        make: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, &Batch) + Sync,
    ) -> Result<Vec<T>, Error> {
        let during = self.period.from..self.period.to;
        self.store.fold(
            self.customer,
            during,
            (Columns::of(columns), Wanted::default()),
            self.threads,
            (make, take),
        )
    }
}

/// Counts by number: open addressing, sixteen bytes each, grown at half full.
#[derive(Debug)]
struct Counts {
    /// Number and count; a count of none is an empty place.
    places: Vec<(u64, u64)>,
    used: usize,
    /// Nobody outside knows it, so nobody can choose numbers that meet.
    seed: u64,
}

impl Counts {
    fn add(&mut self, number: u64, count: u64) {
        if self.used * 2 >= self.places.len() {
            self.grow();
        }
        let mask = self.places.len() - 1;
        let mut at = mixed(number ^ self.seed) as usize & mask;
        while let Some((held, counted)) = self.places.get_mut(at) {
            if *counted == 0 {
                (*held, *counted) = (number, count);
                self.used += 1;
                return;
            }
            if *held == number {
                *counted += count;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    fn merge(&mut self, other: &Self) {
        other.entries().for_each(|(number, count)| self.add(number, count));
    }

    fn entries(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.places.iter().copied().filter(|(_, count)| *count > 0)
    }

    fn grow(&mut self) {
        let length = (self.places.len() * 2).max(1_024);
        let before = std::mem::replace(&mut self.places, vec![(0, 0); length]);
        self.used = 0;
        before
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .for_each(|(number, count)| self.add(number, count));
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self { places: Vec::new(), used: 0, seed: RandomState::new().hash_one(0u64) }
    }
}

/// Spreads a number over all bits: both halves of a long product.
const fn mixed(number: u64) -> u64 {
    let product = number as u128 * 0x9e37_79b9_7f4a_7c15;
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn counts_are_what_a_map_counts() {
        let (mut counts, mut map) = (Counts::default(), HashMap::new());
        let mut number = 7u64;
        for _ in 0..200_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = (number >> 40) % 30_000;
            counts.add(key, 1);
            *map.entry(key).or_insert(0u64) += 1;
        }
        assert_eq!(counts.entries().collect::<HashMap<_, _>>(), map);
    }
}
