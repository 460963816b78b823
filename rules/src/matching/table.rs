//! Millions of exact numbers.

use crate::number::Number;

/// Exact numbers, each with the row of its source.
#[derive(Clone, Debug, Default)]
pub struct NumberTable {
    entries: Vec<(Number, u32)>,
}

/// Collects numbers for a [`NumberTable`].
#[derive(Debug, Default)]
pub struct NumberTableBuilder {
    entries: Vec<(Number, u32)>,
}

impl NumberTableBuilder {
    /// Room for `count` numbers.
    pub fn with_capacity(count: usize) -> Self {
        Self { entries: Vec::with_capacity(count) }
    }

    /// Adds `number`, found in `row` of its source. Of a number added twice the first row is kept.
    pub fn insert(&mut self, number: Number, row: u32) {
        self.entries.push((number, row));
    }

    /// The table of all numbers added.
    pub fn finish(mut self) -> NumberTable {
        self.entries.sort_unstable();
        self.entries.dedup_by_key(|entry| entry.0);
        NumberTable { entries: self.entries }
    }
}

impl NumberTable {
    /// The row of `number`, if it is there.
    pub fn row(&self, number: Number) -> Option<u32> {
        let index = self.entries.binary_search_by_key(&number, |entry| entry.0).ok()?;
        self.entries.get(index).map(|entry| entry.1)
    }

    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All numbers with their rows, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (Number, u32)> + '_ {
        self.entries.iter().copied()
    }
}
