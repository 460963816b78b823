//! The gauges of all keys, within a bound of bytes.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::gauge::Gauge;
use crate::hash::BuildAlreadyHashed;

/// Calls that are up, and talks that are in a window, by key.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Gauges {
    by_key: HashMap<u64, Reckoned, BuildAlreadyHashed>,
    /// Keys in the order in which they may have to go; some are gone already.
    turns: VecDeque<u64>,
    bytes: usize,
}

/// A gauge, and what it was taken to need when its entries were counted last.
#[derive(Debug, Serialize, Deserialize)]
struct Reckoned {
    gauge: Gauge,
    entries: usize,
    bytes: usize,
}

impl Gauges {
    pub(super) fn get(&self, key: u64) -> Option<&Gauge> {
        self.by_key.get(&key).map(|sized| &sized.gauge)
    }

    /// The gauge of `key`, to ask or wake it: what makes it larger goes through [`change`](Self::change).
    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut Gauge> {
        self.by_key.get_mut(&key).map(|sized| &mut sized.gauge)
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.by_key.contains_key(&key)
    }

    pub(super) fn insert(&mut self, key: u64, gauge: Gauge) {
        let (entries, bytes) = (gauge.entries(), gauge.bytes());
        self.bytes += bytes;
        self.turns.push_back(key);
        if self.turns.len() > 2 * self.by_key.len() + TURNS_MIN {
            self.turns.clear();
            self.turns.extend(self.by_key.keys().chain([&key]));
        }
        self.by_key.insert(key, Reckoned { gauge, entries, bytes });
    }

    /// Changes the gauge of `key`; `None` without one.
    pub(super) fn change<T>(&mut self, key: u64, change: impl FnOnce(&mut Gauge) -> T) -> Option<T> {
        let sized = self.by_key.get_mut(&key)?;
        let changed = change(&mut sized.gauge);
        let entries = sized.gauge.entries();
        if entries / RECKONED_AT != sized.entries / RECKONED_AT {
            let before = std::mem::replace(&mut sized.bytes, sized.gauge.bytes());
            sized.entries = entries;
            self.bytes = self.bytes + sized.bytes - before;
        }
        Some(changed)
    }

    pub(super) fn remove(&mut self, key: u64) {
        if let Some(sized) = self.by_key.remove(&key) {
            self.bytes -= sized.bytes;
        }
    }

    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.turns.capacity() * size_of::<u64>()
    }

    /// Gives one up: of some that are next the first with no more than one call, else the last of these. Who has many calls is
    /// not pushed out by many who have one. Returns its key, and how many calls it held.
    pub(super) fn give_up(&mut self) -> Option<(u64, usize)> {
        let mut heavy = None;
        let mut looked_at = 0;
        while looked_at < LOOKED_AT {
            let Some(key) = self.turns.pop_front() else { break };
            // Those that are gone already cost no more than they did to put there.
            let Some(sized) = self.by_key.get(&key) else { continue };
            looked_at += 1;
            let held = sized.gauge.calls_held();
            if held <= 1 {
                self.turns.extend(heavy.map(|(key, _)| key));
                self.remove(key);
                return Some((key, held));
            }
            self.turns.extend(heavy.replace((key, held)).map(|(key, _)| key));
        }
        let (key, held) = heavy?;
        self.remove(key);
        Some((key, held))
    }
}

/// Bytes are reckoned again when so many entries came or went.
const RECKONED_AT: usize = 4;
/// Keys that are gone are let go of in the order of turns when there are more of them than keys, and than this.
const TURNS_MIN: usize = 1 << 10;
/// Keys that are looked at for one to be given up.
const LOOKED_AT: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::gauge::Talk;
    use super::*;

    fn gauge(calls: u32) -> Gauge {
        let mut gauge = Gauge::new(1, vec![("caller", "+12105550142".to_owned())]);
        for call in 0..calls {
            gauge.begin(1, call);
            gauge.answer(1, Talk { call, weight: 1 }, i64::from(call));
        }
        gauge
    }

    #[test]
    fn who_has_one_call_goes_before_who_has_many() {
        let mut gauges = Gauges::default();
        for key in 0..1_000 {
            gauges.insert(key, gauge(if key % 100 == 0 { 20 } else { 1 }));
        }
        let full = gauges.bytes();
        for _ in 0..990 {
            let (key, held) = gauges.give_up().unwrap();
            assert!(key % 100 != 0 && held == 1, "{key}");
        }
        assert!(gauges.bytes() < full / 5, "{} of {full}", gauges.bytes());
        assert!((0..10).all(|heavy| gauges.contains(heavy * 100)));
        assert_eq!(gauges.give_up().unwrap().1, 20, "then of those with many one has to");
        while gauges.give_up().is_some() {}
        assert!(gauges.by_key.is_empty() && gauges.bytes == 0 && gauges.turns.is_empty());
    }

    #[test]
    fn keys_that_are_gone_keep_no_other_from_being_given_up() {
        let mut gauges = Gauges::default();
        for key in 0..900 {
            gauges.insert(key, gauge(1));
        }
        for key in 0..899 {
            gauges.remove(key);
        }
        assert_eq!(gauges.give_up(), Some((899, 1)));
        assert_eq!(gauges.give_up(), None);
    }

    #[test]
    fn the_order_of_turns_is_bounded_however_often_keys_come_and_go() {
        let mut gauges = Gauges::default();
        for key in 0..100_000 {
            gauges.insert(key, gauge(1));
            if key >= 10 {
                gauges.remove(key - 10);
            }
        }
        assert!(gauges.turns.len() <= 2 * 11 + TURNS_MIN, "{}", gauges.turns.len());
        assert_eq!(gauges.by_key.len(), 10);
    }

    #[test]
    fn what_it_takes_follows_what_it_holds() {
        let mut gauges = Gauges::default();
        gauges.insert(1, gauge(0));
        let empty = gauges.bytes;
        for call in 0..10_000 {
            gauges.change(1, |gauge| {
                gauge.begin(1, call);
                gauge.answer(1, Talk { call, weight: 1 }, 0);
            });
        }
        let full = gauges.bytes;
        assert!((400_000..2_000_000).contains(&full), "{full}");
        for call in 0..10_000 {
            gauges.change(1, |gauge| gauge.end(1, Talk { call, weight: 1 }, Some(0), 1));
        }
        assert!(gauges.change(1, |gauge| gauge.is_spent(1_000, 10)).unwrap());
        assert!(gauges.bytes < empty + 2_000, "{} of {full}, {empty} empty", gauges.bytes);
        assert_eq!(gauges.change(2, |_| ()), None);
    }
}
