//! How many at a time, second by second: exact over midnight, whatever it is merged of.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many more or fewer there are at each full second than at the one before. Only hours in which something changes take
/// room, 14 KiB each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Series {
    /// By hours since 1970.
    hours: BTreeMap<i64, Vec<i32>>,
}

impl Series {
    /// Something lasts from `from` to `to`, microseconds since 1970: it is there at each full second between, the first of them
    /// included. Longer than [`SECONDS_MAX`] it is taken to have ended then.
    pub(super) fn span(&mut self, from: i64, to: i64) {
        let first = seconds_up(from);
        let after = seconds_up(to).min(first + SECONDS_MAX);
        if after > first {
            self.change(first, 1);
            self.change(after, -1);
        }
    }

    /// Takes over what `other` counted.
    pub(super) fn merge(&mut self, other: Self) {
        for (hour, changes) in other.hours {
            match self.hours.entry(hour) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(changes);
                }
                std::collections::btree_map::Entry::Occupied(mut place) => {
                    for (own, more) in place.get_mut().iter_mut().zip(changes) {
                        *own += more;
                    }
                }
            }
        }
    }

    /// Each stretch of `length` seconds, a whole part of an hour, from `from` on: its first second, the most at a time in it, and
    /// the sum over its seconds. `take` gets those that meet `from..to`, seconds since 1970.
    pub(super) fn stretches(&self, length: i64, from: i64, to: i64, mut take: impl FnMut(i64, i64, i64)) {
        let mut now = 0i64;
        // The stretch that is being looked at: none before the first change.
        let mut first = from.div_euclid(length) * length;
        let mut reached = first;
        let (mut most, mut sum) = (0, 0);
        let mut close = |first: i64, most: i64, sum: i64| {
            if first < to && first + length > from {
                take(first, most, sum);
            }
        };
        for (hour, changes) in &self.hours {
            for (second, change) in changes.iter().enumerate().filter(|(_, change)| **change != 0) {
                let at = hour * HOUR_SECONDS + second as i64;
                // Up to here it was `now`.
                while reached < at.min(to) {
                    let end = (first + length).min(at).min(to);
                    let clipped = end - reached.max(from).min(end);
                    if clipped > 0 {
                        most = most.max(now);
                        sum += now * clipped;
                    }
                    reached = end;
                    if reached == first + length {
                        close(first, most, sum);
                        (first, most, sum) = (reached, 0, 0);
                    }
                }
                now += i64::from(*change);
            }
        }
        while reached < to {
            let end = (first + length).min(to);
            let clipped = end - reached.max(from).min(end);
            if clipped > 0 {
                most = most.max(now);
                sum += now * clipped;
            }
            reached = end;
            if reached == first + length {
                close(first, most, sum);
                (first, most, sum) = (reached, 0, 0);
            }
        }
        if reached > first {
            close(first, most, sum);
        }
    }

    fn change(&mut self, second: i64, by: i32) {
        let hour = self.hours.entry(second.div_euclid(HOUR_SECONDS)).or_insert_with(|| vec![0; 3_600]);
        let place = usize::try_from(second.rem_euclid(HOUR_SECONDS)).unwrap_or_default();
        if let Some(change) = hour.get_mut(place) {
            *change += by;
        }
    }
}

impl Serialize for Series {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let changes = |changes: &Vec<i32>| -> Vec<(u16, i32)> {
            let all = changes.iter().enumerate().filter(|(_, change)| **change != 0);
            all.filter_map(|(second, change)| Some((u16::try_from(second).ok()?, *change))).collect()
        };
        to.collect_seq(self.hours.iter().map(|(hour, of)| (*hour, changes(of))))
    }
}

impl<'de> Deserialize<'de> for Series {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut series = Self::default();
        for (hour, changes) in Vec::<(i64, Vec<(u16, i32)>)>::deserialize(from)? {
            let hour = series.hours.entry(hour).or_insert_with(|| vec![0; 3_600]);
            for (second, change) in changes {
                if let Some(place) = hour.get_mut(usize::from(second)) {
                    *place += change;
                }
            }
        }
        Ok(series)
    }
}

/// The first full second that is not before `micros`.
const fn seconds_up(micros: i64) -> i64 {
    -(-micros).div_euclid(1_000_000)
}

const HOUR_SECONDS: i64 = 3_600;
/// A week.
pub(super) const SECONDS_MAX: i64 = 7 * 24 * 3_600;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stretches(series: &Series, length: i64, from: i64, to: i64) -> Vec<(i64, i64, i64)> {
        let mut all = Vec::new();
        series.stretches(length, from, to, |first, most, sum| all.push((first, most, sum)));
        all
    }

    #[test]
    fn calls_over_midnight_are_counted_on_both_sides() {
        let mut series = Series::default();
        series.span(86_399_500_000, 86_401_000_001);
        // At 86,400 and 86,401, and at 86,400 a second one.
        series.span(86_400_000_000, 86_400_000_001);
        series.span(86_400_000_001, 86_400_999_999);
        assert_eq!(stretches(&series, 300, 86_100, 86_400), [(86_100, 0, 0)]);
        assert_eq!(stretches(&series, 300, 86_400, 86_700), [(86_400, 2, 3)]);
    }

    proptest! {
        #[test]
        fn it_is_what_counting_each_second_gives(
            spans in prop::collection::vec((0..20_000i64, 0..9_000i64), 0..40),
            from in 0..10_000i64, length in 1..20_000i64, cut in 0..40usize,
        ) {
            let (mut whole, mut left, mut right) = (Series::default(), Series::default(), Series::default());
            for (place, (start, lasts)) in spans.iter().enumerate() {
                let (start, end) = (start * 999_999, start * 999_999 + lasts * 1_000_003);
                whole.span(start, end);
                if place < cut { left.span(start, end) } else { right.span(start, end) }
            }
            right.merge(left);
            prop_assert_eq!(&whole, &right);
            let bytes = serde_json::to_vec(&whole).unwrap();
            prop_assert_eq!(&whole, &serde_json::from_slice::<Series>(&bytes).unwrap());
            let to = from + length;
            let at = |second: i64| spans.iter().filter(|(start, lasts)| {
                start * 999_999 <= second * 1_000_000 && second * 1_000_000 < start * 999_999 + lasts * 1_000_003
            }).count() as i64;
            for (first, most, sum) in stretches(&whole, 300, from, to) {
                let seconds = (first.max(from)..(first + 300).min(to)).map(at);
                prop_assert_eq!((seconds.clone().max().unwrap_or(0), seconds.sum::<i64>()), (most, sum));
            }
            let expected: Vec<i64> = (from.div_euclid(300)..=(to - 1).div_euclid(300)).map(|bin| bin * 300).collect();
            let told: Vec<i64> = stretches(&whole, 300, from, to).iter().map(|(first, _, _)| *first).collect();
            prop_assert_eq!(expected, told);
        }
    }
}
