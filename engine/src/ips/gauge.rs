//! Calls of a key that are up, and how long they talk inside a window.

use std::collections::btree_map::Entry;
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

    /// It was answered at `at`.
    pub(super) fn answer(&mut self, mask: u16, talk: Talk, at: i64) {
        self.lines_of(mask).for_each(|line| line.talks.begin(talk, at));
    }

    /// It is over; `since` says when it was answered, as far as packets tell.
    pub(super) fn end(&mut self, mask: u16, talk: Talk, since: Option<i64>, at: i64) {
        for line in self.lines_of(mask) {
            line.up = line.up.saturating_sub(1);
            match since {
                Some(since) => line.talks.end(talk, since, at),
                None => line.forget(talk.call),
            }
        }
    }

    /// How many calls it holds, up or in a window.
    pub(super) fn calls_held(&self) -> usize {
        self.lines.iter().map(|line| line.talks.len().max(line.up as usize)).max().unwrap_or(0)
    }

    /// Entries that it keeps, of any kind.
    pub(super) fn entries(&self) -> usize {
        self.lines.iter().map(|line| line.calls.len() + line.talks.entries()).sum()
    }

    /// Bytes that it takes, what it is found by among them: of trees as many as they take when their nodes are half full.
    pub(super) fn bytes(&self) -> usize {
        let key = self.key.iter().map(|(_, value)| size_of::<(&str, String)>() + value.capacity());
        let lines = self
            .lines
            .iter()
            .map(|line| size_of::<Line>() + line.calls.capacity() * size_of::<u32>() + line.talks.bytes());
        size_of::<(u64, Self)>() * 2 + key.sum::<usize>() + lines.sum::<usize>()
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

/// A call that talks: the number of its Call-ID, and what a minute of it weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Talk {
    pub(super) call: u32,
    pub(super) weight: u32,
}

/// How long the calls of one key talked in a sliding window, each minute weighted: by 1, or by its price.
///
/// Of talks that go on sums are kept: of those that began inside the window, and of all. Those that are over lie in `whole`
/// while they lie whole in the window, then in `cut` until they are out of it. So a question costs no more than what changed
/// since the last one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Talks {
    /// Calls that talk, by when they were answered: how many of each, as strangers use a Call-ID more than once.
    up: BTreeMap<(i64, Talk), u32>,
    up_count: usize,
    up_weight: i128,
    /// Where the window begins by which the sums below are made.
    edge: i64,
    /// Of calls that were answered inside it: their weights, and their weights times when that was.
    inside_weight: i128,
    inside_starts: i128,
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
    fn begin(&mut self, talk: Talk, at: i64) {
        *self.up.entry((at, talk)).or_default() += 1;
        self.up_count += 1;
        self.weigh(at, i128::from(talk.weight));
    }

    /// A call that was answered at `since`, as far as packets tell, is over.
    fn end(&mut self, talk: Talk, since: i64, at: i64) {
        let since = self.take(talk, since).unwrap_or_else(|| since.min(at));
        let weight = talk.weight;
        self.next += 1;
        self.whole.insert((since, self.next), (at, weight));
        self.whole_sum += i128::from(at - since) * i128::from(weight);
        if self.whole.len() > EVENTS_MAX
            && let Some(((since, _), (end, weight))) = self.whole.pop_first()
        {
            self.whole_sum -= i128::from(end - since) * i128::from(weight);
        }
    }

    /// Takes a call out of those that talk: the one that was answered at `since`, or else at another time, because clocks were
    /// set meanwhile. Returns when.
    fn take(&mut self, talk: Talk, since: i64) -> Option<i64> {
        let at = match self.up.get(&(since, talk)) {
            Some(_) => since,
            None => self.up.keys().find(|(_, other)| *other == talk)?.0,
        };
        if let Entry::Occupied(mut known) = self.up.entry((at, talk)) {
            match known.get_mut() {
                1 => drop(known.remove()),
                count => *count -= 1,
            }
        }
        self.up_count -= 1;
        self.weigh(at, -i128::from(talk.weight));
        Some(at)
    }

    fn weigh(&mut self, at: i64, weight: i128) {
        self.up_weight += weight;
        if at >= self.edge {
            self.inside_weight += weight;
            self.inside_starts += weight * i128::from(at);
        }
    }

    /// Moves the beginning of the window.
    fn move_edge(&mut self, edge: i64) {
        let (from, to, sign) = if edge > self.edge { (self.edge, edge, -1) } else { (edge, self.edge, 1) };
        let first = Talk { call: 0, weight: 0 };
        for (&(at, talk), &count) in self.up.range((from, first)..(to, first)) {
            let weight = sign * i128::from(count) * i128::from(talk.weight);
            self.inside_weight += weight;
            self.inside_starts += weight * i128::from(at);
        }
        self.edge = edge;
    }

    /// Weighted minutes in (now − within, now], those of calls that are up among them.
    fn minutes(&mut self, now: i64, within_micros: i64) -> f64 {
        let oldest = now.saturating_sub(within_micros);
        self.expire(oldest);
        self.move_edge(oldest);
        let inside = self.inside_weight * i128::from(now) - self.inside_starts;
        let since_before = (self.up_weight - self.inside_weight) * i128::from(now - oldest);
        let cut = self.cut_ends - self.cut_weight * i128::from(oldest);
        (self.whole_sum + cut + inside + since_before) as f64 / MICROS_PER_MINUTE
    }

    /// The first moment at which `limit` weighted minutes can be reached if nothing changes; `None` if never.
    fn reaches(&self, value: f64, limit: f64, now: i64) -> Option<i64> {
        let micros = (limit - value).max(0.0) * MICROS_PER_MINUTE / self.up_weight as f64;
        (self.up_weight > 0 && micros < i64::MAX as f64 / 4.0)
            .then(|| now.saturating_add(micros.ceil() as i64).max(now + 1))
    }

    /// Talks that are kept.
    fn len(&self) -> usize {
        self.up_count + self.whole.len() + self.cut.len()
    }

    fn entries(&self) -> usize {
        self.up.len() + self.whole.len() + self.cut.len()
    }

    fn bytes(&self) -> usize {
        let tree =
            |count: usize, entry: usize| count.div_ceil(HALF_NODE) * (2 * HALF_NODE * entry + NODE_BYTES);
        tree(self.up.len(), size_of::<((i64, Talk), u32)>())
            + tree(self.whole.len(), size_of::<((i64, u64), (i64, u32))>())
            + tree(self.cut.len(), size_of::<((i64, u64), u32)>())
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
/// A node of a tree holds up to eleven entries, and half of that once it was split; so much it takes beside them.
const HALF_NODE: usize = 5;
const NODE_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000_000;

    #[test]
    fn calls_that_are_up_or_have_talked_are_known_by_their_numbers() {
        let mut gauge = Gauge::new(1, Vec::new());
        (1..=4).for_each(|call| gauge.begin(1, call));
        gauge.answer(1, Talk { call: 1, weight: 1 }, 0);
        gauge.end(1, Talk { call: 1, weight: 1 }, Some(0), MINUTE);
        gauge.end(1, Talk { call: 2, weight: 1 }, None, MINUTE);
        gauge.drop_out(1, 3);
        assert_eq!(gauge.calls(0).collect::<Vec<_>>(), [1, 4]);
        (0..100).for_each(|call| gauge.begin(1, call));
        assert_eq!(gauge.calls(0).count(), CALLS_KEPT);
    }

    #[test]
    fn only_what_lies_in_the_window_counts() {
        let mut talks = Talks::default();
        let talk = Talk { call: 7, weight: 1 };
        talks.begin(talk, 0);
        assert_eq!(talks.minutes(5 * MINUTE, 10 * MINUTE), 5.0);
        assert_eq!(talks.minutes(25 * MINUTE, 10 * MINUTE), 10.0);
        talks.end(talk, 0, 30 * MINUTE);
        assert_eq!(talks.minutes(34 * MINUTE, 10 * MINUTE), 6.0);
        assert_eq!(talks.minutes(40 * MINUTE, 10 * MINUTE), 0.0);
        assert!(talks.is_spent(40 * MINUTE, 10 * MINUTE));
        talks.begin(Talk { weight: 2, ..talk }, 50 * MINUTE);
        assert_eq!(talks.reaches(2.0, 10.0, 51 * MINUTE), Some(55 * MINUTE));
    }

    #[test]
    fn who_ends_is_taken_out_whenever_the_answer_is_said_to_have_come() {
        let mut talks = Talks::default();
        let (one, other) = (Talk { call: 1, weight: 1 }, Talk { call: 2, weight: 1 });
        // An answer that came late was counted when it came.
        talks.begin(one, 5 * MINUTE);
        talks.begin(other, 6 * MINUTE);
        talks.begin(other, 6 * MINUTE);
        talks.end(one, 3 * MINUTE, 7 * MINUTE);
        assert_eq!(talks.minutes(8 * MINUTE, 60 * MINUTE), 2.0 + 2.0 + 2.0);
        talks.end(other, 6 * MINUTE, 8 * MINUTE);
        talks.end(other, 9 * MINUTE, 8 * MINUTE);
        assert_eq!(talks.minutes(30 * MINUTE, 60 * MINUTE), 6.0);
        assert!(talks.is_spent(100 * MINUTE, 60 * MINUTE) && talks.up.is_empty() && talks.up_count == 0);
        assert_eq!(talks.reaches(0.0, 1.0, 100 * MINUTE), None);
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
                // Several calls share a Call-ID, and the end of some tells another time of the answer.
                let talk = Talk { call: index as u32 % 5, weight };
                if begins {
                    talks.begin(talk, now);
                } else {
                    talks.end(talk, start * MINUTE, (start + length) * MINUTE);
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
