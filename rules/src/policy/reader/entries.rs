//! Collects the entries of one list and sorts out which of several entries for one number holds longest.

use ahash::AHashMap;

use crate::matching::{NumberTable, NumberTableBuilder, RangeTable};
use crate::number::Number;
use crate::number_set::{NumberSet, Segment};
use crate::time::Timestamp;

/// The entries of one list, as they are read.
#[derive(Default)]
pub(super) struct Entries {
    permanent: NumberTableBuilder,
    permanent_count: usize,
    expiring: Vec<(Number, u32, Timestamp)>,
    ranges: Vec<RangeEntry>,
    sample: Vec<(Number, u32)>,
}

struct RangeEntry {
    segments: Vec<Segment>,
    row: u32,
    expires: Option<Timestamp>,
}

/// The tables of one list.
pub(super) struct Tables {
    pub(super) exact: NumberTable,
    pub(super) ranges: RangeTable,
    /// Line row and last moment of each range, in the order of their table rows.
    pub(super) range_rows: Vec<(u32, Option<Timestamp>)>,
    /// Rows of exact numbers that end.
    pub(super) expiring: Vec<(u32, Timestamp)>,
    /// How many entries stood twice, and rows of the first few.
    pub(super) duplicates: (usize, Vec<u32>),
}

impl Entries {
    /// Room for `count` numbers.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self { permanent: NumberTableBuilder::with_capacity(count), ..Self::default() }
    }

    pub(super) fn add_exact(&mut self, number: Number, row: u32, expires: Option<Timestamp>) {
        if self.sample.len() < SAMPLE_MAX {
            self.sample.push((number, row));
        }
        match expires {
            None => {
                self.permanent.insert(number, row);
                self.permanent_count += 1;
            }
            Some(expires) => self.expiring.push((number, row, expires)),
        }
    }

    pub(super) fn add_set(&mut self, set: &NumberSet, row: u32, expires: Option<Timestamp>) {
        self.ranges.push(RangeEntry { segments: set.segments().to_vec(), row, expires });
    }

    /// The tables; rows of ranges begin at `first_range`.
    pub(super) fn finish(mut self, first_range: u32) -> Tables {
        // Those that last longest get the lowest rows, which is where the table looks first.
        self.ranges
            .sort_by_key(|range| (range.expires.is_some(), range.expires.map(std::cmp::Reverse), range.row));
        let range_rows: Vec<_> = self.ranges.iter().map(|range| (range.row, range.expires)).collect();
        let mut segments = Vec::new();
        for (row, range) in (first_range..).zip(&self.ranges) {
            segments.extend(range.segments.iter().map(|segment| (*segment, row)));
        }
        let ranges = RangeTable::new(segments);
        let given = self.permanent_count + self.expiring.len();
        let permanent = self.permanent.finish();
        let outlasted = |number: Number, ends: Timestamp| {
            permanent.row(number).is_some()
                || ranges
                    .row(number)
                    .and_then(|row| range_rows.get((row - first_range) as usize))
                    .is_some_and(|(_, range_ends)| range_ends.is_none_or(|range_ends| range_ends > ends))
        };
        let mut last: AHashMap<Number, (u32, Timestamp)> = AHashMap::new();
        for &(number, row, ends) in &self.expiring {
            let kept = last.entry(number).or_insert((row, ends));
            if ends > kept.1 {
                *kept = (row, ends);
            }
        }
        let distinct_expiring = last.keys().filter(|number| permanent.row(**number).is_none()).count();
        let duplicates = given - permanent.len() - distinct_expiring;
        last.retain(|number, (_, ends)| !outlasted(*number, *ends));
        let mut expiring: Vec<_> = last.values().copied().collect();
        expiring.sort_unstable();
        let exact = if last.is_empty() { permanent } else { with_expiring(&permanent, &last) };
        let first_duplicates = if duplicates == 0 { Vec::new() } else { first_duplicates(&self.sample) };
        Tables { exact, ranges, range_rows, expiring, duplicates: (duplicates, first_duplicates) }
    }
}

fn with_expiring(permanent: &NumberTable, expiring: &AHashMap<Number, (u32, Timestamp)>) -> NumberTable {
    let mut builder = NumberTableBuilder::with_capacity(permanent.len() + expiring.len());
    for (number, row) in permanent.iter() {
        builder.insert(number, row);
    }
    for (number, (row, _)) in expiring {
        builder.insert(*number, *row);
    }
    builder.finish()
}

fn first_duplicates(sample: &[(Number, u32)]) -> Vec<u32> {
    let mut seen = ahash::AHashSet::new();
    sample.iter().filter(|(number, _)| !seen.insert(*number)).map(|(_, row)| *row).take(3).collect()
}

/// Entries among which duplicates are named by line; beyond they are only counted.
const SAMPLE_MAX: usize = 200_000;
