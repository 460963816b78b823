//! How many at a time, second by second: exact over midnight, whatever it is merged of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many more or fewer there are at each full second than at the one before. Only hours in which something changes take
/// room, 14 KiB each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Series {
    /// By hours since 1970.
    hours: BTreeMap<i64, Vec<i32>>,
}

impl Series {
    /// To count many spans that begin about one another.
    pub(super) fn spans(&mut self) -> Spans<'_> {
        Spans { series: self, first: 0, near: Default::default() }
    }

    /// Whether nothing was ever there.
    pub(super) fn is_empty(&self) -> bool {
        self.hours.is_empty()
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
        change(hour, second, by);
    }
}

/// Spans on their way into a series. Hours about the last begin of one are at hand.
#[derive(Debug)]
pub(super) struct Spans<'a> {
    series: &'a mut Series,
    /// The first hour at hand.
    first: i64,
    /// Those at hand, taken out of the series. An empty one may still be there.
    near: [Vec<i32>; HOURS_NEAR],
}

impl Spans<'_> {
    /// Something lasts from `from` to `to`, microseconds since 1970: it is there at each full second between, the first of them
    /// included. Longer than [`SECONDS_MAX`] it is taken to have ended then.
    pub(super) fn add(&mut self, from: i64, to: i64) {
        let first = seconds_up(from);
        let after = seconds_up(to).min(first + SECONDS_MAX);
        if after > first {
            if !(0..HOURS_NEAR as i64).contains(&(first.div_euclid(HOUR_SECONDS) - self.first)) {
                self.put_back();
                self.first = first.div_euclid(HOUR_SECONDS);
            }
            self.change(first, 1);
            self.change(after, -1);
        }
    }

    fn change(&mut self, second: i64, by: i32) {
        let hour = second.div_euclid(HOUR_SECONDS);
        let near = usize::try_from(hour - self.first).ok().and_then(|place| self.near.get_mut(place));
        let Some(changes) = near else { return self.series.change(second, by) };
        if changes.is_empty() {
            *changes = self.series.hours.remove(&hour).unwrap_or_else(|| vec![0; 3_600]);
        }
        change(changes, second, by);
    }

    fn put_back(&mut self) {
        for (hour, changes) in (self.first..).zip(&mut self.near) {
            if !changes.is_empty() {
                self.series.hours.insert(hour, std::mem::take(changes));
            }
        }
    }
}

impl Drop for Spans<'_> {
    fn drop(&mut self) {
        self.put_back();
    }
}

fn change(hour: &mut [i32], second: i64, by: i32) {
    let place = usize::try_from(second.rem_euclid(HOUR_SECONDS)).unwrap_or_default();
    if let Some(change) = hour.get_mut(place) {
        *change += by;
    }
}

/// Adds spans, each with the place of its name among `names`, to the series of that name. What has no name is left out.
pub(super) fn add_by_name(
    all: &mut BTreeMap<String, Series>,
    names: &[Option<&str>],
    spans: impl Iterator<Item = (usize, (i64, i64))>,
) {
    let distinct: BTreeSet<&str> = names.iter().copied().flatten().collect();
    for name in &distinct {
        if !all.contains_key(*name) {
            all.insert((*name).to_owned(), Series::default());
        }
    }
    let open = all.iter_mut().filter(|(name, _)| distinct.contains(name.as_str()));
    let mut open: Vec<Spans<'_>> = open.map(|(_, series)| series.spans()).collect();
    let place = |name: &Option<&str>| distinct.iter().position(|it| Some(*it) == *name);
    let places: Vec<Option<usize>> = names.iter().map(place).collect();
    for (of, (from, to)) in spans {
        let place = places.get(of).copied().flatten();
        if let Some(spans) = place.and_then(|place| open.get_mut(place)) {
            spans.add(from, to);
        }
    }
    drop(open);
    all.retain(|_, series| !series.is_empty());
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
/// Most calls that begin within an hour end within three.
const HOURS_NEAR: usize = 4;
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
        series.spans().add(86_399_500_000, 86_401_000_001);
        // At 86,400 and 86,401, and at 86,400 a second one.
        series.spans().add(86_400_000_000, 86_400_000_001);
        series.spans().add(86_400_000_001, 86_400_999_999);
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
            let mut all = whole.spans();
            for (place, (start, lasts)) in spans.iter().enumerate() {
                let (start, end) = (start * 999_999, start * 999_999 + lasts * 1_000_003);
                all.add(start, end);
                if place < cut { left.spans().add(start, end) } else { right.spans().add(start, end) }
            }
            drop(all);
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
