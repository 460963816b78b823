//! What one counter says of one key: a sliding window, kept as plainly as can be.

use std::collections::{BTreeMap, VecDeque};

use rules::policy::ips::Count;

use super::steps::Add;

/// One counter of one key.
#[derive(Debug)]
pub(super) struct Window {
    count: Count,
    within: i64,
    gap: u64,
    /// Events in the window, oldest first.
    events: VecDeque<(i64, u64)>,
    /// How often each value is among them.
    values: BTreeMap<u64, u32>,
    sum: u64,
    up: i64,
    /// From when to when calls talked.
    talks: VecDeque<(i64, Option<i64>)>,
}

/// What a counter says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Said {
    /// In the unit of limits.
    pub(super) value: f64,
    /// Events it was made of.
    pub(super) events: u32,
}

impl Window {
    pub(super) fn new(count: Count, within: i64, gap: u32) -> Self {
        Self {
            count,
            within,
            gap: u64::from(gap),
            events: VecDeque::new(),
            values: BTreeMap::new(),
            sum: 0,
            up: 0,
            talks: VecDeque::new(),
        }
    }

    pub(super) fn add(&mut self, at: i64, add: Add) {
        match add {
            Add::Event(value) => {
                self.events.push_back((at, value));
                *self.values.entry(value).or_default() += 1;
                self.sum += value;
            }
            Add::Up(calls) => self.up += calls,
            Add::Talk(since, end) => self.talks.push_back((since, end)),
        }
    }

    /// What it says at `now`, of (now − within, now].
    pub(super) fn say(&mut self, now: i64) -> Said {
        self.expire(now);
        let events = self.events.len() as u32;
        let value = match self.count {
            Count::DistinctCalled
            | Count::DistinctCaller
            | Count::DistinctCountry
            | Count::NeighbourCallers
            | Count::UsersFailed
            | Count::Probes => self.values.len() as f64,
            Count::SequentialCalled => f64::from(self.longest_run()),
            Count::AnswerRatio
            | Count::ShortRatio
            | Count::EffectiveRatio
            | Count::NetworkEffectiveness
            | Count::MeanDuration
                if events == 0 =>
            {
                0.0
            }
            Count::AnswerRatio | Count::ShortRatio | Count::EffectiveRatio | Count::NetworkEffectiveness => {
                self.sum as f64 / f64::from(events)
            }
            Count::MeanDuration => self.sum as f64 / f64::from(events) / 1e6,
            Count::Concurrent => {
                return Said { value: self.up as f64, events: u32::try_from(self.up).unwrap_or(0) };
            }
            Count::Minutes => {
                let micros = self.talked(now);
                return Said { value: micros as f64 / MINUTE_MICROS, events: u32::from(micros > 0) };
            }
            _ => f64::from(events),
        };
        Said { value, events }
    }

    /// The first moment in (from, to] at which it reaches `limit` though nothing happens: only minutes do that.
    pub(super) fn reaches(&self, limit: f64, from: i64, to: i64) -> Option<i64> {
        if self.count != Count::Minutes || self.talks.is_empty() {
            return None;
        }
        let wanted = (limit * MINUTE_MICROS).ceil() as i64;
        // What it rises by in a microsecond only changes where a talk begins, ends, or leaves the window.
        let ends = self.talks.iter().flat_map(|&(since, end)| [Some(since), end]).flatten();
        let mut bends: Vec<i64> = ends.flat_map(|at| [at, at + self.within]).collect();
        bends.extend([from, to]);
        bends.retain(|at| (from..=to).contains(at));
        bends.sort_unstable();
        bends.dedup();
        for (start, end) in bends.iter().zip(bends.iter().skip(1)) {
            let (low, high) = (self.talked(*start), self.talked(*end));
            if low < wanted && high >= wanted {
                let slope = (high - low) / (end - start);
                return Some(start + (wanted - low + slope - 1) / slope.max(1));
            }
        }
        None
    }

    fn expire(&mut self, now: i64) {
        while let Some(&(at, value)) = self.events.front()
            && at <= now - self.within
        {
            self.events.pop_front();
            self.sum -= value;
            if let Some(times) = self.values.get_mut(&value) {
                *times -= 1;
                if *times == 0 {
                    self.values.remove(&value);
                }
            }
        }
        self.talks.retain(|(_, end)| end.is_none_or(|end| end > now - self.within));
    }

    fn longest_run(&self) -> u32 {
        let (mut longest, mut run, mut last) = (0, 0, None);
        for &value in self.values.keys() {
            run = if last.is_some_and(|last| value - last <= self.gap) { run + 1 } else { 1 };
            longest = longest.max(run);
            last = Some(value);
        }
        longest
    }

    /// Microseconds of talk in (now − within, now].
    fn talked(&self, now: i64) -> i64 {
        let inside = |&(since, end): &(i64, Option<i64>)| {
            (end.unwrap_or(now).min(now) - since.max(now - self.within)).max(0)
        };
        self.talks.iter().map(inside).sum()
    }
}

const MINUTE_MICROS: f64 = 60e6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_in_the_window_for_exactly_as_long_as_it_is() {
        let mut window = Window::new(Count::DistinctCalled, 10, 1);
        window.add(5, Add::Event(1));
        window.add(8, Add::Event(1));
        window.add(9, Add::Event(2));
        assert_eq!(window.say(17), Said { value: 2.0, events: 2 });
        assert_eq!(window.say(18), Said { value: 1.0, events: 1 });
    }

    #[test]
    fn runs_may_have_gaps() {
        let mut window = Window::new(Count::SequentialCalled, 10, 2);
        [7, 1, 3, 5, 20].into_iter().for_each(|line| window.add(0, Add::Event(line)));
        assert_eq!(window.say(1).value, 4.0);
    }

    #[test]
    fn minutes_are_reached_while_nothing_happens() {
        const MINUTE: i64 = 60_000_000;
        let mut window = Window::new(Count::Minutes, 60 * MINUTE, 1);
        window.add(0, Add::Talk(0, None));
        window.add(4 * MINUTE, Add::Talk(4 * MINUTE, Some(7 * MINUTE)));
        assert_eq!(window.reaches(10.0, 4 * MINUTE, 100 * MINUTE), Some(7 * MINUTE));
        assert_eq!(window.reaches(15.5, 7 * MINUTE, 100 * MINUTE), Some(12 * MINUTE + MINUTE / 2));
        assert_eq!(window.reaches(61.0, 12 * MINUTE, 100 * MINUTE), Some(58 * MINUTE));
        assert_eq!(window.reaches(64.0, 12 * MINUTE, 100 * MINUTE), None);
    }
}
