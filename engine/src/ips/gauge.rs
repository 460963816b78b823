//! Calls of a key that are up, and how long they talk inside a window.

use std::collections::{BTreeMap, VecDeque};

use rules::policy::Rates;
use serde::{Deserialize, Serialize};

use super::how::Measured;
use super::limits::{CALLS_KEPT, EVENTS_MAX};

/// The calls of one key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Gauge {
    /// By counter of the group.
    lines: Vec<Line>,
    /// The parts of the key by their names, as people read them.
    #[serde(with = "super::key_text")]
    pub(super) key: Vec<(&'static str, String)>,
    /// When it is looked at next so that it can go, in microseconds.
    pub(super) timer: i64,
}

/// The calls of one key that one counter counts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Line {
    /// From their INVITE to their end.
    up: u32,
    talks: Talks,
    /// When its minutes are looked at next, in microseconds.
    timer: i64,
    /// The Call-IDs of those that began last and are up or have talked.
    calls: VecDeque<u32>,
}

impl Line {
    fn forget(&mut self, call: u32) {
        if let Some(place) = self.calls.iter().rposition(|known| *known == call) {
            self.calls.remove(place);
        }
    }
}

/// What is asked of calls that are up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// How many there are, from INVITE to end.
    Concurrent,
    /// How many minutes they talked in the window.
    Minutes,
    /// What those cost.
    Cost,
}

impl Gauge {
    pub(super) fn new(counters: usize, key: Vec<(&'static str, String)>) -> Self {
        Self { lines: vec![Line::default(); counters], key, timer: 0 }
    }

    /// A call begins that the counters in `mask` count, under this number of its Call-ID.
    pub(super) fn begin(&mut self, mask: u16, call: u32) {
        for line in self.lines_of(mask) {
            line.up += 1;
            if line.calls.len() >= CALLS_KEPT {
                line.calls.pop_front();
            }
            line.calls.push_back(call);
        }
    }

    /// It was refused after all.
    pub(super) fn drop_out(&mut self, mask: u16, call: u32) {
        for line in self.lines_of(mask) {
            line.up = line.up.saturating_sub(1);
            line.forget(call);
        }
    }

    /// The Call-IDs of the calls that the counter at `bit` counts, as far as they are kept, oldest first.
    pub(super) fn calls(&self, bit: u8) -> impl Iterator<Item = u32> + '_ {
        self.lines.get(usize::from(bit)).into_iter().flat_map(|line| line.calls.iter().copied())
    }

    /// It was answered at `at`; a minute of it weighs `weight`.
    pub(super) fn answer(&mut self, mask: u16, at: i64, weight: u32) {
        self.lines_of(mask).for_each(|line| line.talks.begin(at, weight));
    }

    /// It is over; `since` says when it was answered.
    pub(super) fn end(&mut self, mask: u16, call: u32, since: Option<i64>, at: i64, weight: u32) {
        for line in self.lines_of(mask) {
            line.up = line.up.saturating_sub(1);
            match since {
                Some(since) => line.talks.end(since, at, weight),
                None => line.forget(call),
            }
        }
    }

    /// What the counter at `bit` says at `now`.
    pub(super) fn measure(&mut self, bit: u8, asked: Asked, now: i64, within_micros: i64) -> Measured {
        let Some(line) = self.lines.get_mut(usize::from(bit)) else { return Measured::default() };
        let value = match asked {
            Asked::Concurrent => f64::from(line.up),
            Asked::Minutes => line.talks.minutes(now, within_micros),
            Asked::Cost => line.talks.minutes(now, within_micros) / f64::from(Rates::UNIT),
        };
        // Calls that talked, as far as they are kept, and at least those that are up.
        let events = line.talks.len().max(line.up as usize).max(usize::from(value > 0.0));
        Measured { value, events: events as u32 }
    }

    /// Whether the counter at `bit` would not be looked at by `due` otherwise: then it will be.
    pub(super) fn wake(&mut self, bit: u8, due: i64, now: i64) -> bool {
        let Some(line) = self.lines.get_mut(usize::from(bit)) else { return false };
        let is_sooner = due < line.timer || line.timer <= now;
        if is_sooner {
            line.timer = due;
        }
        is_sooner
    }

    /// When the counter at `bit`, which is at `value`, can reach `limit` if nothing changes; `None` if never.
    pub(super) fn reaches(&self, bit: u8, asked: Asked, value: f64, limit: f64, now: i64) -> Option<i64> {
        let talks = &self.lines.get(usize::from(bit))?.talks;
        match asked {
            Asked::Concurrent => None,
            Asked::Minutes => talks.reaches(value, limit, now),
            Asked::Cost => talks.reaches(value * f64::from(Rates::UNIT), limit * f64::from(Rates::UNIT), now),
        }
    }

    /// Whether nothing is left of it that could count.
    pub(super) fn is_spent(&mut self, now: i64, within_micros: i64) -> bool {
        self.lines.iter_mut().all(|line| line.up == 0 && line.talks.is_spent(now, within_micros))
    }

    fn lines_of(&mut self, mask: u16) -> impl Iterator<Item = &mut Line> {
        self.lines.iter_mut().enumerate().filter(move |(bit, _)| mask >> bit & 1 == 1).map(|(_, line)| line)
    }
}

/// How long the calls of one key talked in a sliding window, each minute weighted: by 1, or by its price.
///
/// Talks that are over lie in `whole` while they lie whole in the window, then in `cut` until they are out of it: so a
/// question costs no more than what changed since the last one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Talks {
    /// When each call that talks was answered, with its weight; in order of time.
    up: Vec<(i64, u32)>,
    /// By beginning; end and weight.
    whole: BTreeMap<(i64, u64), (i64, u32)>,
    whole_sum: i128,
    /// By end.
    cut: BTreeMap<(i64, u64), u32>,
    cut_ends: i128,
    cut_weight: i128,
    next: u64,
}

impl Talks {
    /// A call was answered at `at`.
    fn begin(&mut self, at: i64, weight: u32) {
        self.up.push((at, weight));
    }

    /// The call that was answered at `since` is over.
    fn end(&mut self, since: i64, at: i64, weight: u32) {
        if let Some(place) = self.up.iter().position(|talk| *talk == (since, weight)) {
            self.up.remove(place);
        }
        self.next += 1;
        self.whole.insert((since, self.next), (at, weight));
        self.whole_sum += i128::from(at - since) * i128::from(weight);
        if self.whole.len() > EVENTS_MAX
            && let Some(((since, _), (end, weight))) = self.whole.pop_first()
        {
            self.whole_sum -= i128::from(end - since) * i128::from(weight);
        }
    }

    /// Weighted minutes in (now − within, now], those of calls that are up among them.
    fn minutes(&mut self, now: i64, within_micros: i64) -> f64 {
        let oldest = now.saturating_sub(within_micros);
        self.expire(oldest);
        let up: i128 = self
            .up
            .iter()
            .map(|&(since, weight)| i128::from(now - since.max(oldest)) * i128::from(weight))
            .sum();
        let cut = self.cut_ends - self.cut_weight * i128::from(oldest);
        (self.whole_sum + cut + up) as f64 / MICROS_PER_MINUTE
    }

    /// The first moment at which `limit` weighted minutes can be reached if nothing changes; `None` if never.
    fn reaches(&self, value: f64, limit: f64, now: i64) -> Option<i64> {
        let weight: u64 = self.up.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let micros = (limit - value).max(0.0) * MICROS_PER_MINUTE / weight as f64;
        (weight > 0 && micros < i64::MAX as f64 / 4.0)
            .then(|| now.saturating_add(micros.ceil() as i64).max(now + 1))
    }

    /// Talks that are kept.
    fn len(&self) -> usize {
        self.up.len() + self.whole.len() + self.cut.len()
    }

    /// Whether nothing is left that could count.
    fn is_spent(&mut self, now: i64, within_micros: i64) -> bool {
        self.expire(now.saturating_sub(within_micros));
        self.up.is_empty() && self.whole.is_empty() && self.cut.is_empty()
    }

    fn expire(&mut self, oldest: i64) {
        while let Some((&(since, number), &(end, weight))) = self.whole.first_key_value()
            && since < oldest
        {
            self.whole.pop_first();
            self.whole_sum -= i128::from(end - since) * i128::from(weight);
            self.cut.insert((end, number), weight);
            self.cut_ends += i128::from(end) * i128::from(weight);
            self.cut_weight += i128::from(weight);
        }
        while let Some((&(end, _), &weight)) = self.cut.first_key_value()
            && end <= oldest
        {
            self.cut.pop_first();
            self.cut_ends -= i128::from(end) * i128::from(weight);
            self.cut_weight -= i128::from(weight);
        }
    }
}

const MICROS_PER_MINUTE: f64 = 60e6;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000_000;

    #[test]
    fn calls_that_are_up_or_have_talked_are_known_by_their_numbers() {
        let mut gauge = Gauge::new(1, Vec::new());
        (1..=4).for_each(|call| gauge.begin(1, call));
        gauge.answer(1, 0, 1);
        gauge.end(1, 1, Some(0), MINUTE, 1);
        gauge.end(1, 2, None, MINUTE, 1);
        gauge.drop_out(1, 3);
        assert_eq!(gauge.calls(0).collect::<Vec<_>>(), [1, 4]);
        (0..100).for_each(|call| gauge.begin(1, call));
        assert_eq!(gauge.calls(0).count(), CALLS_KEPT);
    }

    #[test]
    fn only_what_lies_in_the_window_counts() {
        let mut talks = Talks::default();
        talks.begin(0, 1);
        assert_eq!(talks.minutes(5 * MINUTE, 10 * MINUTE), 5.0);
        assert_eq!(talks.minutes(25 * MINUTE, 10 * MINUTE), 10.0);
        talks.end(0, 30 * MINUTE, 1);
        assert_eq!(talks.minutes(34 * MINUTE, 10 * MINUTE), 6.0);
        assert_eq!(talks.minutes(40 * MINUTE, 10 * MINUTE), 0.0);
        assert!(talks.is_spent(40 * MINUTE, 10 * MINUTE));
        talks.begin(50 * MINUTE, 2);
        assert_eq!(talks.reaches(2.0, 10.0, 51 * MINUTE), Some(55 * MINUTE));
    }

    proptest! {
        #[test]
        fn minutes_are_those_of_a_naive_sum(
            calls in prop::collection::vec((0i64..100, 1i64..60, 1u32..4), 1..40), within in 1i64..50
        ) {
            let mut changes: Vec<(i64, bool, usize)> = Vec::new();
            for (index, (start, length, _)) in calls.iter().enumerate() {
                changes.push((start * MINUTE, true, index));
                changes.push(((start + length) * MINUTE, false, index));
            }
            changes.sort_by_key(|(at, begins, _)| (*at, *begins));
            let mut talks = Talks::default();
            for (now, begins, index) in changes {
                let (start, length, weight) = calls[index];
                if begins {
                    talks.begin(now, weight);
                } else {
                    talks.end(start * MINUTE, (start + length) * MINUTE, weight);
                }
                let (now, oldest) = (now / MINUTE, now / MINUTE - within);
                let naive: i64 = calls
                    .iter()
                    .map(|(start, length, weight)| {
                        ((start + length).min(now) - (*start).max(oldest)).max(0) * i64::from(*weight)
                    })
                    .sum();
                prop_assert_eq!(talks.minutes(now * MINUTE, within * MINUTE), naive as f64);
            }
        }
    }
}
