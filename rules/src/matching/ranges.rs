//! Ranges of numbers: prefixes, `A - B`, wildcards.

use crate::matching::packed::PackedPieces;
use crate::matching::segments::SegmentMap;
use crate::number::Number;
use crate::number_set::{NumberSet, Segment};

/// Ranges of numbers, each with the row of its source.
#[derive(Clone, Debug, Default)]
pub struct RangeTable {
    /// The row plus one, of overlapping ranges the lowest.
    rows: Pieces,
    length: usize,
}

#[derive(Clone, Debug)]
enum Pieces {
    Packed(Box<PackedPieces>),
    /// What cannot be packed: hardly any pieces, or very many shapes.
    Plain(Box<SegmentMap>),
}

impl Default for Pieces {
    fn default() -> Self {
        Self::Plain(Box::default())
    }
}

impl RangeTable {
    /// The table of `ranges`; of overlapping ones the one with the lowest row is found.
    pub fn new(ranges: Vec<(Segment, u32)>) -> Self {
        let rows = SegmentMap::new(&ranges, |holders| holders.next().map_or(0, |row| row.saturating_add(1)));
        let length = ranges.len();
        drop(ranges);
        let packed = PackedPieces::new(&rows).map(Box::new).map(Pieces::Packed);
        Self { rows: packed.unwrap_or_else(|| Pieces::Plain(Box::new(rows))), length }
    }

    /// The row of the range that holds `number`, if there is one.
    #[inline]
    pub fn row(&self, number: Number) -> Option<u32> {
        match &self.rows {
            Pieces::Packed(pieces) => pieces.row(number),
            Pieces::Plain(pieces) => pieces.value(number).checked_sub(1),
        }
    }

    /// How many ranges were given.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Memory it takes for matching, in bytes.
    pub fn bytes(&self) -> usize {
        let pieces = match &self.rows {
            Pieces::Packed(pieces) => size_of::<PackedPieces>() + pieces.bytes(),
            Pieces::Plain(pieces) => size_of::<SegmentMap>() + pieces.bytes(),
        };
        size_of::<Self>() + pieces
    }

    /// All its numbers as a set.
    pub fn to_set(&self) -> NumberSet {
        NumberSet::from_segments(match &self.rows {
            Pieces::Packed(pieces) => pieces.segments(),
            Pieces::Plain(pieces) => pieces.segments(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(digits: &str) -> Number {
        Number::international(digits.as_bytes()).unwrap()
    }

    fn ranges(sets: &[(NumberSet, u32)]) -> Vec<(Segment, u32)> {
        sets.iter().flat_map(|(set, row)| set.segments().iter().map(move |&s| (s, *row))).collect()
    }

    #[test]
    fn of_overlapping_ranges_the_lowest_row_is_found() {
        let table = RangeTable::new(ranges(&[
            (NumberSet::prefix(number("88123")), 7),
            (NumberSet::prefix(number("8812")), 9),
            (NumberSet::range(number("8812300"), number("8812309")), 3),
        ]));
        for (digits, row) in [
            ("881234", Some(7)),
            ("88129", Some(9)),
            ("8812305", Some(3)),
            ("88123050", Some(7)),
            ("881", None),
        ] {
            assert_eq!(table.row(number(digits)), row, "{digits}");
        }
    }

    #[test]
    fn the_place_behind_a_piece_is_empty_though_rows_differ_by_length_elsewhere() {
        let whole = NumberSet::prefix(number("2")).with_lengths(0b1100_1010_0000);
        let table = RangeTable::new(ranges(&[(whole.clone(), 0), (NumberSet::exact(number("2")), 1)]));
        assert_eq!((table.row(number("2")), table.row(number("20000"))), (Some(1), Some(0)));
        assert_eq!(table.row(number("30000")), None);
        assert_eq!(table.to_set(), whole.union(&NumberSet::exact(number("2"))));
    }

    fn any_set() -> impl Strategy<Value = NumberSet> {
        let digits = || "[1-3][0-2]{0,4}".prop_map(|digits| number(&digits));
        prop_oneof![
            digits().prop_map(NumberSet::exact),
            digits().prop_map(NumberSet::prefix),
            (digits(), digits()).prop_map(|(a, b)| NumberSet::range(a, b)),
            (digits(), any::<u16>()).prop_map(|(a, mask)| NumberSet::prefix(a).with_lengths(mask)),
        ]
    }

    proptest! {
        #[test]
        fn a_row_is_found_as_by_looking_at_every_range(
            sets in prop::collection::vec(any_set(), 0..30),
            probes in prop::collection::vec("[1-3][0-3]{0,5}", 20),
        ) {
            let sets: Vec<_> = sets.into_iter().zip(0..).collect();
            let table = RangeTable::new(ranges(&sets));
            for probe in probes {
                let probe = number(&probe);
                let expected = sets.iter().find(|(set, _)| set.contains(probe)).map(|entry| entry.1);
                prop_assert_eq!(table.row(probe), expected, "{:?}", probe);
                prop_assert_eq!(table.to_set().contains(probe), expected.is_some());
            }
        }
    }
}
