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
    /// Thresholds that count the subject, ascending.
    counted: Vec<ThresholdId>,
    /// For each of them, whether its blocks hold against the subject.
    blockable: Vec<bool>,
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
    pub fn counted(&self) -> &[ThresholdId] {
        &self.counted
    }

    /// Whether a block by `threshold` would hold against the subject judged last: it counts it, and its `block_when` fits
    /// or is empty.
    pub fn blockable(&self, threshold: ThresholdId) -> bool {
        let place = self.counted.binary_search(&threshold).ok();
        place.and_then(|place| self.blockable.get(place)).copied().unwrap_or(false)
    }

    pub(crate) fn forget_counted(&mut self) {
        self.counted.clear();
        self.blockable.clear();
    }

    /// Takes the thresholds from the rules that matched: rule `first` and those behind it say which count, rule
    /// `blocking` and those behind it which block. `meet` says whether a threshold in force blocks all that it counts; `None` of
    /// one that is not in force.
    pub(crate) fn count_from(
        &mut self,
        first: u32,
        blocking: u32,
        meet: impl Fn(ThresholdId) -> Option<bool>,
    ) {
        let (counting, blocking_from) = {
            let place = |rule: u32| self.matched.partition_point(|matched| matched.0 < rule);
            (place(first), place(blocking))
        };
        let blocks = self.matched.get(blocking_from..).unwrap_or_default();
        for rule in self.matched.get(counting..blocking_from).unwrap_or_default() {
            let id = ThresholdId(rule.0 - first);
            if let Some(blocks_all) = meet(id) {
                let fits = || blocks.binary_search(&RuleId(blocking + id.0)).is_ok();
                self.counted.push(id);
                self.blockable.push(blocks_all || fits());
            }
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
