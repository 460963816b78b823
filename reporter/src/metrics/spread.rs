//! How values are spread: medians and other parts of ever so many, merged in any order.

use serde::{Deserialize, Serialize};

/// Counts of values by their eight leading binary digits. A part that it tells is at most 1/128 (0.8 %) lower than the
/// exact one, and values below 256 are exact; the same values give the same, in whatever order and however merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    counts: Vec<u64>,
    total: u64,
}

/// Three parts of a spread, and of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quartiles {
    /// A quarter is lower.
    pub p25: u64,
    /// Half is lower.
    pub p50: u64,
    /// Three quarters are lower.
    pub p75: u64,
}

impl Spread {
    /// One more value.
    pub fn add(&mut self, value: u64) {
        let place = place(value);
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.total += 1;
    }

    /// Takes over what `other` holds.
    pub fn merge(&mut self, other: &Self) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (own, more) in self.counts.iter_mut().zip(&other.counts) {
            *own += more;
        }
        self.total += other.total;
    }

    /// Values.
    pub const fn len(&self) -> u64 {
        self.total
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The least value that `percent` of all do not exceed (nearest rank); `None` of nothing.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (self.total * percent.min(100)).div_ceil(100).max(1);
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(value(place));
            }
        }
        None
    }

    /// The median; `None` of nothing.
    pub fn median(&self) -> Option<u64> {
        self.percentile(50)
    }

    /// 25, 50 and 75 %; `None` of nothing.
    pub fn quartiles(&self) -> Option<Quartiles> {
        let part = |percent| self.percentile(percent);
        Some(Quartiles { p25: part(25)?, p50: part(50)?, p75: part(75)? })
    }
}

/// Where `value` is counted: 256 places for the small ones, then 128 for each further binary digit.
const fn place(value: u64) -> usize {
    let digits = u64::BITS - value.leading_zeros();
    if digits <= KEPT {
        return value as usize;
    }
    let shift = digits - KEPT;
    (shift as usize) * HALF + (value >> shift) as usize
}

/// The least value that is counted at `place`.
const fn value(place: usize) -> u64 {
    if place < 2 * HALF {
        return place as u64;
    }
    let shift = place / HALF - 1;
    ((place - shift * HALF) as u64) << shift
}

/// Binary digits that are told apart.
const KEPT: u32 = 8;
const HALF: usize = 1 << (KEPT - 1);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_place_has_a_least_value_and_they_rise() {
        for at in 0..7_000 {
            assert_eq!(place(value(at)), at);
            assert!(value(at) < value(at + 1));
            assert_eq!(place(value(at + 1) - 1), at);
        }
    }

    #[test]
    fn nearest_ranks() {
        let mut spread = Spread::default();
        assert_eq!(spread.median(), None);
        (1..=10).for_each(|value| spread.add(value));
        assert_eq!(
            [0, 10, 50, 90, 91, 100].map(|part| spread.percentile(part).unwrap()),
            [1, 1, 5, 9, 10, 10]
        );
        assert_eq!(spread.quartiles(), Some(Quartiles { p25: 3, p50: 5, p75: 8 }));
    }

    proptest! {
        #[test]
        fn a_part_is_the_exact_one_with_eight_digits_kept(
            mut values in prop::collection::vec(0..1u64 << 40, 1..200), percent in 1..=100u64, cut in 0..200usize,
        ) {
            let (mut left, mut right) = (Spread::default(), Spread::default());
            let cut = cut.min(values.len());
            values[..cut].iter().for_each(|value| left.add(*value));
            values[cut..].iter().for_each(|value| right.add(*value));
            left.merge(&right);
            values.sort_unstable();
            let rank = (values.len() * percent as usize).div_ceil(100);
            let exact = values[rank - 1];
            let told = left.percentile(percent).unwrap();
            prop_assert!(told <= exact && exact - told <= exact / 128);
        }
    }
}
