//! Ranges of numbers: prefixes, `A - B`, wildcards.

use crate::number::Number;
use crate::number_set::{NumberSet, Segment};

/// Ranges of numbers, each with the row of its source.
#[derive(Clone, Debug, Default)]
pub struct RangeTable {
    ranges: Vec<(Segment, u32)>,
}

impl RangeTable {
    /// The table of `ranges`; of overlapping ones the one with the lowest row is found.
    pub fn new(ranges: Vec<(Segment, u32)>) -> Self {
        Self { ranges }
    }

    /// The row of the range that holds `number`, if there is one.
    pub fn row(&self, number: Number) -> Option<u32> {
        self.ranges
            .iter()
            .filter(|(segment, _)| NumberSet::from_segments(vec![*segment]).contains(number))
            .map(|&(_, row)| row)
            .min()
    }

    /// How many ranges were given.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// All its numbers as a set.
    pub fn to_set(&self) -> NumberSet {
        NumberSet::from_segments(self.ranges.iter().map(|&(segment, _)| segment).collect())
    }
}
