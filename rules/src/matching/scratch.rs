//! Memory that judging needs, owned by the caller and used again for every message.

use crate::policy::RuleId;
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
            probes: Vec::with_capacity(ROWS * 2),
            found: Vec::with_capacity(ROWS * 2),
            texts: TextCache::default(),
        }
    }
}

impl Scratch {
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
