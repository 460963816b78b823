//! How often each of many things came: exact up to a bound, then the heavy ones with a stated error.

use std::collections::HashMap;
use std::hash::Hash;

use ahash::RandomState;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Counts by key. Up to [`KEYS_MAX`] keys they are exact and merge in any order; beyond, the lightest keys are forgotten,
/// and a count may be too low by [`Tally::missed_max`].
#[derive(Clone, Debug)]
pub(super) struct Tally<K> {
    counts: HashMap<K, u64, RandomState>,
    missed_max: u64,
}

/// As it is written: in order of keys, so that the same counts give the same bytes.
#[derive(Serialize, Deserialize)]
struct Stored<K> {
    counts: Vec<(K, u64)>,
    missed_max: u64,
}

impl<K: Eq + Hash + Ord + Clone> Tally<K> {
    /// `count` more of `key`.
    pub(super) fn add(&mut self, key: K, count: u64) {
        if count > 0 {
            *self.counts.entry(key).or_default() += count;
            if self.counts.len() > KEYS_MAX {
                self.keep(KEYS_MAX / 2);
            }
        }
    }

    /// Takes over what `other` counted.
    pub(super) fn merge(&mut self, other: Self) {
        if other.counts.len() > self.counts.len() {
            let own = std::mem::replace(self, other);
            return self.merge(own);
        }
        self.missed_max += other.missed_max;
        for (key, count) in other.counts {
            self.add(key, count);
        }
    }

    /// Forgets all but the `keys` heaviest; of equally heavy ones none is kept that does not fit.
    pub(super) fn keep(&mut self, keys: usize) {
        if self.counts.len() <= keys {
            return;
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let (_, cut, _) = counts.select_nth_unstable_by(keys, |a, b| b.cmp(a));
        let cut = *cut;
        self.counts.retain(|_, count| *count > cut);
        self.missed_max += cut;
    }

    /// How often `key` came.
    pub(super) fn count(&self, key: &K) -> u64 {
        self.counts.get(key).copied().unwrap_or_default()
    }

    /// By how much a count may be too low, and how often a key that is not here may have come.
    pub(super) const fn missed_max(&self) -> u64 {
        self.missed_max
    }

    /// Distinct keys.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The `count` heaviest, heaviest first; equally heavy ones in order of their keys.
    pub(super) fn top(&self, count: usize) -> Vec<(K, u64)> {
        let mut all: Vec<(K, u64)> = self.counts.iter().map(|(key, count)| (key.clone(), *count)).collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all.truncate(count);
        all
    }
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { counts: HashMap::default(), missed_max: 0 }
    }
}

impl<K: Eq + Hash> PartialEq for Tally<K> {
    fn eq(&self, other: &Self) -> bool {
        self.missed_max == other.missed_max && self.counts == other.counts
    }
}

impl<K: Serialize + Ord + Clone> Serialize for Tally<K> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut counts: Vec<_> = self.counts.iter().map(|(key, count)| (key.clone(), *count)).collect();
        counts.sort_unstable();
        Stored { counts, missed_max: self.missed_max }.serialize(to)
    }
}

impl<'de, K: Deserialize<'de> + Eq + Hash> Deserialize<'de> for Tally<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Stored { counts, missed_max } = Stored::deserialize(from)?;
        Ok(Self { counts: counts.into_iter().collect(), missed_max })
    }
}

/// Keys that are counted exactly; a stranger may invent more.
pub(super) const KEYS_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_light_ones_are_forgotten_and_the_error_is_told() {
        let mut tally = Tally::default();
        for key in 0..1_000u64 {
            tally.add(key, key);
        }
        tally.keep(10);
        assert_eq!(tally.top(2), [(999, 999), (998, 998)]);
        assert_eq!((tally.len(), tally.missed_max()), (10, 989));
        let mut other = Tally::default();
        other.add(5, 1_000);
        tally.merge(other);
        // Five of 5 were forgotten: no more than what is told.
        assert_eq!((tally.top(1), tally.missed_max()), (vec![(5, 1_000)], 989));
    }

    #[test]
    fn a_flood_of_keys_stays_within_its_bound_and_hides_no_heavy_one() {
        let mut tally = Tally::default();
        for key in 0..3 * KEYS_MAX as u64 {
            tally.add(key, 1);
            if key % 100 == 0 {
                tally.add(u64::MAX, 1);
            }
        }
        assert!(tally.len() <= KEYS_MAX);
        let (heaviest, count) = tally.top(1)[0];
        assert_eq!(heaviest, u64::MAX);
        assert!(count + tally.missed_max() >= 3 * KEYS_MAX as u64 / 100);
    }
}
