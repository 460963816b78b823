//! How many different people a change touches.

use std::collections::{HashMap, HashSet};

use ahash::RandomState;

use super::outcome::Side;

type Numbers = HashSet<u64, RandomState>;

/// Numbers on both sides of changed calls.
#[derive(Default)]
pub(super) struct People {
    callers: Numbers,
    called: Numbers,
    by_change: HashMap<(Side, Side), (Numbers, Numbers)>,
    kept: usize,
    /// Whether there were more than are told apart: then numbers are lower bounds.
    pub(super) is_cut: bool,
}

impl People {
    pub(super) fn see(&mut self, change: (Side, Side), caller: u64, called: u64) {
        let of_change = self.by_change.entry(change).or_default();
        for (number, all, some) in
            [(caller, &mut self.callers, &mut of_change.0), (called, &mut self.called, &mut of_change.1)]
        {
            if number == 0 {
                continue;
            }
            if self.kept >= PEOPLE_MAX {
                self.is_cut = true;
                continue;
            }
            self.kept += usize::from(all.insert(number)) + usize::from(some.insert(number));
        }
    }

    /// Callers and called of all changes.
    pub(super) fn all(&self) -> (u64, u64) {
        (self.callers.len() as u64, self.called.len() as u64)
    }

    /// The same of one.
    pub(super) fn of(&self, change: (Side, Side)) -> (u64, u64) {
        self.by_change
            .get(&change)
            .map_or((0, 0), |(callers, called)| (callers.len() as u64, called.len() as u64))
    }
}

/// Numbers that are told apart, over all sets; some 20 bytes each.
pub(super) const PEOPLE_MAX: usize = 4_000_000;
