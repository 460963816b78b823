//! Sets of numbers as sorted segments: exact under union, intersection and difference.

use std::sync::Arc;

use crate::number::{DIGITS_MAX, Number, power_of_ten};

/// Numbers whose 15-digit [`position`](Number::position) lies in `low..=high` and whose length is in `lengths`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// First position; local numbers stand [`LOCAL_OFFSET`] higher.
    pub low: u64,
    /// Last position, inclusive.
    pub high: u64,
    /// Bit *n* is set when numbers of *n* digits belong to it (bits 1 to 15).
    pub lengths: u16,
}

/// Where the positions of local numbers begin.
pub const LOCAL_OFFSET: u64 = 1 << 50;
/// Every length from 1 to 15 digits.
pub const ALL_LENGTHS: u16 = 0xfffe;

/// A set of international and local numbers.
///
/// Prefixes, ranges, wildcards, lengths and whole number plans are all segments, so that questions over
/// the whole number space ("can any rule block 911?") are decided, not sampled.
#[derive(Clone, Debug, Default)]
pub struct NumberSet {
    /// Shared by all copies: every policy names the same number plans. `None` for no number.
    segments: Option<Arc<[Segment]>>,
}

impl NumberSet {
    /// No number.
    pub const EMPTY: Self = Self { segments: None };

    /// Exactly one number.
    pub fn exact(number: Number) -> Self {
        Self::range(number, number)
    }

    /// All numbers of the length of `first` between it and `last`, inclusive. Both must be of one length
    /// and kind, otherwise the set is empty.
    pub fn range(first: Number, last: Number) -> Self {
        if first.len() != last.len() || first.is_local() != last.is_local() || first > last {
            return Self::EMPTY;
        }
        let offset = if first.is_local() { LOCAL_OFFSET } else { 0 };
        Self::from_segments(vec![Segment {
            low: first.position() + offset,
            high: last.position() + offset,
            lengths: 1 << first.len(),
        }])
    }

    /// All numbers that begin with the digits of `prefix`, itself among them.
    pub fn prefix(prefix: Number) -> Self {
        let offset = if prefix.is_local() { LOCAL_OFFSET } else { 0 };
        Self::from_segments(vec![Segment {
            low: prefix.position() + offset,
            high: prefix.position() + offset + power_of_ten(DIGITS_MAX - prefix.len()) - 1,
            lengths: ALL_LENGTHS & !((1 << prefix.len()) - 1),
        }])
    }

    /// Every international number.
    pub fn all_international() -> Self {
        Self::from_segments(vec![Segment {
            low: power_of_ten(DIGITS_MAX - 1),
            high: power_of_ten(DIGITS_MAX) - 1,
            lengths: ALL_LENGTHS,
        }])
    }

    /// Every local number.
    pub fn all_local() -> Self {
        Self::from_segments(vec![Segment {
            low: LOCAL_OFFSET,
            high: LOCAL_OFFSET + power_of_ten(DIGITS_MAX) - 1,
            lengths: ALL_LENGTHS,
        }])
    }

    /// Every number, international and local.
    pub fn all() -> Self {
        Self::all_international().union(&Self::all_local())
    }

    /// The numbers of this set that have a length in `lengths` (bit *n* for *n* digits).
    pub fn with_lengths(&self, lengths: u16) -> Self {
        let segments =
            self.segments().iter().map(|s| Segment { lengths: s.lengths & lengths, ..*s }).collect();
        Self::normalised(segments)
    }

    /// The union of `segments`, in any order, overlapping or not.
    pub fn from_segments(mut segments: Vec<Segment>) -> Self {
        segments.sort_unstable();
        let disjoint = segments.windows(2).all(|pair| matches!(pair, [a, b] if a.high < b.low));
        if disjoint { Self::normalised(segments) } else { Self::merged(&segments) }
    }

    /// The union of `starts`, sorted by where they begin, in one sweep over where they begin and end.
    fn merged(starts: &[Segment]) -> Self {
        let mut ends = starts.to_vec();
        ends.sort_unstable_by_key(|segment| segment.high);
        let (mut starts, mut ends) = (starts.iter().peekable(), ends.iter().peekable());
        let mut merged: Vec<Segment> = Vec::with_capacity(starts.len());
        let (mut held, mut low) = (Held::default(), 0);
        while let Some(end) = ends.peek() {
            let next = starts.peek().map_or(u64::MAX, |start| start.low).min(end.high + 1);
            if held.lengths != 0 && low < next {
                merged.push(Segment { low, high: next - 1, lengths: held.lengths });
            }
            low = next;
            while let Some(end) = ends.next_if(|end| end.high < low) {
                held.remove(end.lengths);
            }
            while let Some(start) = starts.next_if(|start| start.low == low) {
                held.add(start.lengths);
            }
        }
        Self::normalised(merged)
    }

    /// The segments, sorted and disjoint; no two neighbours could be one.
    pub fn segments(&self) -> &[Segment] {
        self.segments.as_deref().unwrap_or_default()
    }

    /// Whether `number` belongs to it.
    pub fn contains(&self, number: Number) -> bool {
        let position = number.position() + if number.is_local() { LOCAL_OFFSET } else { 0 };
        let after = self.segments().partition_point(|segment| segment.low <= position);
        after
            .checked_sub(1)
            .and_then(|index| self.segments().get(index))
            .is_some_and(|segment| position <= segment.high && segment.lengths >> number.len() & 1 == 1)
    }

    /// Whether no number belongs to it.
    pub fn is_empty(&self) -> bool {
        self.segments().is_empty()
    }

    /// Numbers of either set.
    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a | b)
    }

    /// Numbers of both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & b)
    }

    /// Numbers of this set that are not in `other`.
    pub fn difference(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & !b)
    }

    /// Whether any number belongs to both sets.
    pub fn intersects(&self, other: &Self) -> bool {
        other.segments().iter().any(|wanted| {
            let from = self.segments().partition_point(|segment| segment.high < wanted.low);
            let mut near = self.segments().iter().skip(from).take_while(|segment| segment.low <= wanted.high);
            near.any(|segment| segment.shared(wanted).is_some())
        })
    }

    /// Whether every number of this set is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.difference(other).is_empty()
    }

    /// Some number of the set, the first in order: the witness a diagnostic prints.
    pub fn witness(&self) -> Option<Number> {
        self.segments().iter().find_map(|segment| segment.first())
    }

    /// All its numbers, shorter ones of a segment first: for sets that are known to be small.
    pub fn numbers(&self) -> impl Iterator<Item = Number> + '_ {
        self.segments().iter().flat_map(|segment| segment.numbers())
    }

    /// How many numbers it holds.
    pub fn count(&self) -> u64 {
        self.segments().iter().map(|segment| segment.count()).fold(0, u64::saturating_add)
    }

    fn combine(&self, other: &Self, mask: impl Fn(u16, u16) -> u16) -> Self {
        let mut result = Vec::with_capacity(self.segments().len() + other.segments().len());
        let (mut left, mut right) = (Cursor::new(self.segments()), Cursor::new(other.segments()));
        let mut low = 0;
        while low < END {
            let (a, a_high) = left.at(low);
            let (b, b_high) = right.at(low);
            let high = a_high.min(b_high);
            result.push(Segment { low, high, lengths: mask(a, b) });
            low = high + 1;
        }
        Self::normalised(result)
    }

    fn normalised(segments: Vec<Segment>) -> Self {
        let mut kept: Vec<Segment> = Vec::with_capacity(segments.len());
        for segment in segments.into_iter().filter_map(Segment::trimmed) {
            match kept.last_mut() {
                Some(last) if last.high + 1 == segment.low && last.lengths == segment.lengths => {
                    last.high = segment.high;
                }
                _ => kept.push(segment),
            }
        }
        kept.shrink_to_fit();
        Self { segments: (!kept.is_empty()).then(|| kept.into()) }
    }
}

impl PartialEq for NumberSet {
    fn eq(&self, other: &Self) -> bool {
        self.is_subset(other) && other.is_subset(self)
    }
}

impl Segment {
    /// The numbers of both segments; `None` when there are none.
    fn shared(&self, other: &Self) -> Option<Self> {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        let lengths = self.lengths & other.lengths;
        if low > high { None } else { Self { low, high, lengths }.trimmed() }
    }

    /// The same segment without lengths that no number in it has; `None` when nothing is left.
    fn trimmed(self) -> Option<Self> {
        let (mut left, mut lengths) = (self.lengths, 0);
        while left != 0 {
            let length = left.trailing_zeros() as usize;
            // The span holds a number of the shortest length left, so it holds one of each longer length too.
            if self.high - self.low >= power_of_ten(DIGITS_MAX - length) {
                lengths |= left;
                break;
            }
            lengths |= u16::from(self.first_of(length).is_some()) << length;
            left &= left - 1;
        }
        (lengths != 0).then_some(Self { lengths, ..self })
    }

    fn numbers(self) -> impl Iterator<Item = Number> {
        let local = self.low >= LOCAL_OFFSET;
        let offset = if local { LOCAL_OFFSET } else { 0 };
        let lengths = (1..=DIGITS_MAX).filter(move |&length| self.lengths >> length & 1 == 1);
        lengths.flat_map(move |length| {
            let step = power_of_ten(DIGITS_MAX - length);
            let count = self.first_of(length).map_or(0, |first| (self.high - first) / step + 1);
            let first = self.first_of(length).unwrap_or_default();
            (0..count).map(move |nth| Number::from_parts(first + nth * step - offset, length, local))
        })
    }

    fn first_of(&self, length: usize) -> Option<u64> {
        let step = power_of_ten(DIGITS_MAX - length);
        let offset = if self.low >= LOCAL_OFFSET { LOCAL_OFFSET } else { 0 };
        let first = (self.low - offset).div_ceil(step) * step + offset;
        (first <= self.high).then_some(first)
    }

    fn first(&self) -> Option<Number> {
        let local = self.low >= LOCAL_OFFSET;
        let offset = if local { LOCAL_OFFSET } else { 0 };
        (1..=DIGITS_MAX)
            .filter(|&length| self.lengths >> length & 1 == 1)
            .filter_map(|length| Some(Number::from_parts(self.first_of(length)? - offset, length, local)))
            .min()
    }

    fn count(&self) -> u64 {
        (1..=DIGITS_MAX)
            .filter(|&length| self.lengths >> length & 1 == 1)
            .filter_map(|length| {
                Some((self.high - self.first_of(length)?) / power_of_ten(DIGITS_MAX - length) + 1)
            })
            .sum()
    }
}

/// How many segments hold numbers of each length at one place.
#[derive(Default)]
struct Held {
    counts: [u32; 16],
    /// The lengths that any of them holds.
    lengths: u16,
}

impl Held {
    fn add(&mut self, lengths: u16) {
        self.lengths |= lengths;
        for (length, count) in self.counts.iter_mut().enumerate() {
            *count += u32::from(lengths >> length & 1);
        }
    }

    fn remove(&mut self, lengths: u16) {
        for (length, count) in self.counts.iter_mut().enumerate() {
            *count -= u32::from(lengths >> length & 1);
            if *count == 0 {
                self.lengths &= !(1 << length);
            }
        }
    }
}

/// One past the last position there is.
const END: u64 = LOCAL_OFFSET + power_of_ten(DIGITS_MAX);

/// Walks the segments of one set while `combine` sweeps over all positions.
struct Cursor<'a> {
    rest: &'a [Segment],
}

impl<'a> Cursor<'a> {
    fn new(rest: &'a [Segment]) -> Self {
        Self { rest }
    }

    /// The lengths in force at `position`, and the last position up to which they stay the same.
    fn at(&mut self, position: u64) -> (u16, u64) {
        while let [first, rest @ ..] = self.rest {
            if first.high >= position {
                return if first.low <= position { (first.lengths, first.high) } else { (0, first.low - 1) };
            }
            self.rest = rest;
        }
        (0, END - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        match text.strip_prefix('+') {
            Some(digits) => Number::international(digits.as_bytes()).unwrap(),
            None => Number::local(text.as_bytes()).unwrap(),
        }
    }

    #[test]
    fn a_prefix_holds_what_begins_with_it() {
        let set = NumberSet::prefix(number("+4420"));
        for (text, inside) in
            [("+4420", true), ("+442079460123", true), ("+442", false), ("+4421", false), ("4420", false)]
        {
            assert_eq!(set.contains(number(text)), inside, "{text}");
        }
    }

    #[test]
    fn a_range_holds_only_numbers_of_its_length() {
        let set = NumberSet::range(number("+12105550000"), number("+12105551999"));
        assert!(set.contains(number("+12105551999")));
        assert!(!set.contains(number("+121055500000")));
        assert!(!set.contains(number("+1210555000")));
        assert_eq!(set.count(), 2000);
        assert!(set.numbers().eq((0..2000).map(|nth| number(&format!("+1210555{nth:04}")))));
        let locals = NumberSet::prefix(number("91")).with_lengths(0b1100);
        assert_eq!(locals.numbers().count(), 11);
        assert!(locals.numbers().all(|number| locals.contains(number)));
    }

    #[test]
    fn what_is_taken_away_is_gone_and_nothing_else() {
        let hole = NumberSet::exact(number("+12105550199"));
        let rest = NumberSet::prefix(number("+1210555")).difference(&hole);
        assert!(!rest.contains(number("+12105550199")));
        assert!(rest.contains(number("+12105550198")) && rest.contains(number("+121055501990")));
        assert_eq!(rest.union(&hole), NumberSet::prefix(number("+1210555")));
        assert_eq!(hole.witness(), Some(number("+12105550199")));
    }

    fn any_number() -> impl Strategy<Value = Number> {
        ("[1-3][0-2]{0,4}", any::<bool>())
            .prop_map(|(digits, local)| number(&if local { digits } else { format!("+{digits}") }))
    }

    fn any_set() -> impl Strategy<Value = NumberSet> {
        let simple = prop_oneof![
            any_number().prop_map(NumberSet::exact),
            any_number().prop_map(NumberSet::prefix),
            (any_number(), any_number()).prop_map(|(a, b)| NumberSet::range(a, b)),
            Just(NumberSet::all_international()),
        ];
        prop::collection::vec(simple, 0..6).prop_map(|sets| {
            NumberSet::from_segments(sets.iter().flat_map(|set| set.segments().to_vec()).collect())
        })
    }

    proptest! {
        #[test]
        fn sets_share_a_number_when_their_intersection_has_one(a in any_set(), b in any_set()) {
            prop_assert_eq!(a.intersects(&b), !a.intersection(&b).is_empty());
        }

        #[test]
        fn many_segments_are_the_union_of_each(sets in prop::collection::vec(any_set(), 0..6)) {
            let all = sets.iter().flat_map(|set| set.segments().to_vec()).collect();
            let one_by_one = sets.iter().fold(NumberSet::EMPTY, |union, set| union.union(set));
            let at_once = NumberSet::from_segments(all);
            prop_assert!(at_once.difference(&one_by_one).is_empty());
            prop_assert!(one_by_one.difference(&at_once).is_empty());
        }

        #[test]
        fn algebra_agrees_with_membership(a in any_set(), b in any_set(), probe in any_number()) {
            let (in_a, in_b) = (a.contains(probe), b.contains(probe));
            prop_assert_eq!(a.union(&b).contains(probe), in_a || in_b);
            prop_assert_eq!(a.intersection(&b).contains(probe), in_a && in_b);
            prop_assert_eq!(a.difference(&b).contains(probe), in_a && !in_b);
            if let Some(witness) = a.difference(&b).witness() {
                prop_assert!(a.contains(witness) && !b.contains(witness));
            } else {
                prop_assert!(!in_a || in_b);
            }
        }
    }
}
