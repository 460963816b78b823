//! Memory that judging needs, owned by the caller and used again for every message.

use crate::policy::{RuleId, ThresholdId};
use crate::verdict::ListHit;

use super::rows::Row;
use super::slot::Slot;
use super::table::Probe;
use super::texts::{Found, TextCache};

/// What one thread needs to judge: it grows to what the largest policy asks for and is never given back.
#[derive(Debug)]
pub struct Scratch {
    /// Sets of rules whose condition on each slot holds.
    pub(super) when: Vec<Vec<Row>>,
    /// Sets of rules one of whose exceptions holds.
    pub(super) unless: Vec<Row>,
    /// Entries of lists that were hit, by any value.
    pub(super) entries: Vec<EntryHit>,
    /// Rules that match, in file order.
    pub(super) matched: Vec<RuleId>,
    /// Of thresholds which count and then which block, a bit each, as they matched.
    pub(super) matched_of_thresholds: Vec<u64>,
    /// Thresholds that count the subject, a bit each.
    counted: Vec<u64>,
    /// Those of them whose blocks hold against the subject.
    blockable: Vec<u64>,
    /// The first step of list look-ups under way.
    pub(super) probes: Vec<Option<Probe>>,
    /// What one text was found to hold.
    pub(super) found: Vec<Found>,
    /// What recent texts were found to hold.
    pub(super) texts: TextCache,
}

/// One entry of a list that was hit.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntryHit {
    pub(super) slot: Slot,
    /// The place of the value that hit, among those that the slot looks at.
    pub(super) order: usize,
    pub(super) hit: ListHit,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            when: (0..Slot::HEADERS).map(|_| Vec::with_capacity(ROWS)).collect(),
            unless: Vec::with_capacity(ROWS * 2),
            entries: Vec::with_capacity(ROWS * 2),
            matched: Vec::with_capacity(ROWS * 2),
            matched_of_thresholds: Vec::with_capacity(ROWS),
            counted: Vec::with_capacity(ROWS),
            blockable: Vec::with_capacity(ROWS),
            probes: Vec::with_capacity(ROWS * 2),
            found: Vec::with_capacity(ROWS * 2),
            texts: TextCache::default(),
        }
    }
}

impl Scratch {
    /// The thresholds whose `when` and `unless` the subject judged last fits, ascending; whatever its verdict was.
    pub fn counted(&self) -> impl Iterator<Item = ThresholdId> + '_ {
        self.counted.iter().zip(0..).flat_map(|(&word, place)| {
            let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| ThresholdId(64 * place + bit))
        })
    }

    /// The same, a bit each: bit *n* of word *m* is that of threshold 64 *m* + *n*. As many words as the policy's
    /// thresholds need, or none.
    #[inline]
    pub fn counted_words(&self) -> &[u64] {
        &self.counted
    }

    /// Whether a block by `threshold` would hold against the subject judged last: it counts it, and its `block_when` fits
    /// or is empty.
    pub fn blockable(&self, threshold: ThresholdId) -> bool {
        let word = self.blockable.get(threshold.0 as usize / 64);
        word.is_some_and(|word| word >> (threshold.0 % 64) & 1 == 1)
    }

    pub(crate) fn forget_counted(&mut self) {
        self.counted.clear();
        self.blockable.clear();
    }

    /// Takes the thresholds from what matched: of each word of them, `meet` makes of those that count and those whose
    /// conditions for blocks hold, those that do.
    pub(crate) fn count_from(&mut self, words: usize, meet: impl Fn(usize, u64, u64) -> (u64, u64)) {
        let matched = |word: usize| self.matched_of_thresholds.get(word).copied().unwrap_or(0);
        for word in 0..words {
            let (counted, blockable) = meet(word, matched(word), matched(words + word));
            self.counted.push(counted);
            self.blockable.push(blockable);
        }
    }

    /// Forgets the last message; makes room for `slots` slots.
    pub(super) fn clear(&mut self, slots: usize) {
        while self.when.len() < slots {
            self.when.push(Vec::with_capacity(ROWS));
        }
        self.when.iter_mut().for_each(Vec::clear);
        self.unless.clear();
        self.entries.clear();
    }
}

/// Room made in advance.
const ROWS: usize = 32;
