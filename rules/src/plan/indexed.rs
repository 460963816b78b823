//! A large set of numbers that is asked about on the way of every call.

use crate::number::{DIGITS_MAX, Number, power_of_ten};
use crate::number_set::NumberSet;

/// A set of numbers with a direct index on the first digits of international ones. The index takes 40 kB.
#[derive(Debug)]
pub struct Indexed {
    set: NumberSet,
    /// By leading digits, how many segments end before the first number that begins so.
    ends_before: Vec<u32>,
}

impl Indexed {
    /// An index of `set`.
    pub fn new(set: NumberSet) -> Self {
        let mut segments = set.segments().iter().peekable();
        let mut before = 0;
        let mut ends_before = |leading: u64| {
            while segments.next_if(|it| it.high < leading * power_of_ten(DIGITS_MAX - LEADING)).is_some() {
                before += 1;
            }
            before
        };
        let ends_before = (0..=power_of_ten(LEADING)).map(&mut ends_before).collect();
        Self { set, ends_before }
    }

    /// The set itself.
    pub(crate) fn set(&self) -> &NumberSet {
        &self.set
    }

    /// Whether `number` belongs to it.
    pub fn contains(&self, number: Number) -> bool {
        if number.is_local() {
            return self.set.contains(number);
        }
        let position = number.position();
        let leading = (position / power_of_ten(DIGITS_MAX - LEADING)) as usize;
        let Some(&[from, to]) = self.ends_before.get(leading..).and_then(|ends| ends.first_chunk()) else {
            return false;
        };
        // The last one may begin here and end among further numbers.
        let near = self.set.segments().get(from as usize..).unwrap_or_default();
        let near = near.get(..(to - from) as usize + 1).unwrap_or(near);
        let found = near.partition_point(|segment| segment.high < position);
        near.get(found)
            .is_some_and(|segment| segment.low <= position && segment.lengths >> number.len() & 1 == 1)
    }
}

/// Digits that the index goes by: with four of them few segments are left to search.
const LEADING: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::valid;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_index_finds_what_the_set_holds(digits in "[1-9][0-9]{0,14}", local: bool, nth: prop::sample::Index) {
            let indexed = Indexed::new(valid().clone());
            let segments = valid().segments();
            let near = segments[nth.index(segments.len())];
            let of = |digits: &str| if local { Number::local(digits.as_bytes()) } else { Number::international(digits.as_bytes()) };
            for position in [near.low, near.low.saturating_sub(1), near.high, near.high + 1] {
                let written = format!("{position:015}");
                for length in 1..=15 {
                    if let Some(number) = of(&written[..length]) {
                        prop_assert_eq!(indexed.contains(number), valid().contains(number));
                    }
                }
            }
            if let Some(number) = of(&digits) {
                prop_assert_eq!(indexed.contains(number), valid().contains(number));
            }
        }
    }
}
