//! The sliding window of one counter of one busy key: what happened in (now − within, now], exactly.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::elements::Elements;
use super::event::Event;
use super::how::{Hit, How, Measured, longest_run, mean, share};
use super::limits::{CALLS_KEPT, SLICES};

/// What one counter keeps of one key.
///
/// It keeps as many events as its highest limit asks for and no more: "is it that many?" has an exact answer whatever
/// came before, in bounded room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Window {
    kept: Kept,
    /// The Call-IDs that came last, each with the Unix second of its event.
    calls: VecDeque<(u32, u32)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Kept {
    /// Times of the last events, shifted left, with whether each was refused.
    Times(VecDeque<u64>),
    /// More than can be kept one by one: how many in each slice of the window.
    Slices(Slices),
    /// The last events with their values, the sum of those, and how many of them hit.
    Values {
        events: VecDeque<(u64, u64)>,
        sum: u64,
        hits: u64,
    },
    Distinct(Elements),
    Runs {
        elements: Elements,
        /// The same, ascending.
        sorted: Vec<u64>,
        newest: u64,
    },
}

/// What a window is asked to be: of which counter, over which time, and how much of it matters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) how: How,
    pub(super) within_micros: i64,
    /// Events, or elements, that a limit can ask for.
    pub(super) most: usize,
    /// Whether that is more than can be kept one by one.
    pub(super) is_sliced: bool,
}

impl Window {
    pub(super) fn new(shape: Shape) -> Self {
        let kept = match shape.how {
            How::Number if shape.is_sliced => Kept::Slices(Slices::default()),
            How::Number | How::Up(_) => Kept::Times(VecDeque::new()),
            How::Share(_) | How::Mean => Kept::Values { events: VecDeque::new(), sum: 0, hits: 0 },
            How::Distinct => Kept::Distinct(Elements::default()),
            How::Run { .. } => Kept::Runs { elements: Elements::default(), sorted: Vec::new(), newest: 0 },
        };
        Self { kept, calls: VecDeque::new() }
    }

    /// Forgets all events; the room for them stays.
    pub(super) fn clear(&mut self) {
        self.calls.clear();
        match &mut self.kept {
            Kept::Times(times) => times.clear(),
            Kept::Slices(slices) => {
                slices.counts.clear();
                slices.sum = 0;
            }
            Kept::Values { events, sum, hits } => {
                events.clear();
                (*sum, *hits) = (0, 0);
            }
            Kept::Distinct(elements) => elements.clear(),
            Kept::Runs { elements, sorted, newest } => {
                elements.clear();
                sorted.clear();
                *newest = 0;
            }
        }
    }

    /// Takes one event, not older than any before. Returns by how many bytes it has grown.
    pub(super) fn push(&mut self, event: &Event, shape: Shape) -> usize {
        self.expire(event.micros(), shape);
        let (at, stamp) = (event.micros() as u64, event.at_refused);
        let grown = match &mut self.kept {
            Kept::Times(times) => {
                if times.len() >= shape.most {
                    times.pop_front();
                }
                push_back(times, stamp)
            }
            Kept::Slices(slices) => slices.push(at, shape.within_micros),
            Kept::Values { events, sum, hits } => {
                if events.len() >= shape.most
                    && let Some((_, value)) = events.pop_front()
                {
                    *sum -= value;
                    *hits -= u64::from(is_hit(shape.how, value));
                }
                *sum += event.value;
                *hits += u64::from(is_hit(shape.how, event.value));
                push_back(events, (at, event.value))
            }
            Kept::Distinct(elements) => elements.see(stamp, event.value, shape.most, |_| ()),
            Kept::Runs { elements, sorted, newest } => {
                let before = sorted.capacity();
                if let Err(place) = sorted.binary_search(&event.value) {
                    sorted.insert(place, event.value);
                }
                *newest = event.value;
                let grown = elements.see(stamp, event.value, shape.most, |gone| remove(sorted, gone));
                grown + (sorted.capacity() - before) * size_of::<u64>()
            }
        };
        if self.calls.back().is_some_and(|(call, _)| *call == event.call) {
            self.calls.pop_back();
        } else if self.calls.len() >= CALLS_KEPT {
            self.calls.pop_front();
        }
        grown + push_back(&mut self.calls, (event.call, second(event.micros())))
    }

    /// So many events, or elements, it keeps: with fewer than a limit needs it is not reached.
    #[inline]
    pub(super) fn kept(&self) -> usize {
        match &self.kept {
            Kept::Times(times) => times.len(),
            Kept::Slices(slices) => slices.sum as usize,
            Kept::Values { events, .. } => events.len(),
            Kept::Distinct(elements) | Kept::Runs { elements, .. } => elements.len(),
        }
    }

    /// What it says at `now`.
    pub(super) fn measure(&mut self, now: i64, shape: Shape) -> Measured {
        self.expire(now, shape);
        let (value, events) = match &self.kept {
            Kept::Times(times) => (times.len() as f64, times.len()),
            Kept::Slices(slices) => {
                let whole = slices.sum - slices.oldest();
                (whole as f64, whole as usize)
            }
            Kept::Values { events, sum, hits } => match shape.how {
                How::Share(_) => (share(*hits, events.len()), events.len()),
                _ => (mean(*sum, events.len()), events.len()),
            },
            Kept::Distinct(elements) => (elements.len() as f64, elements.len()),
            Kept::Runs { elements, sorted, .. } => {
                let How::Run { gap } = shape.how else { return Measured::default() };
                (longest_run(sorted.iter().copied(), gap) as f64, elements.len())
            }
        };
        Measured { value, events: u32::try_from(events).unwrap_or(u32::MAX) }
    }

    /// As [`measure`](Self::measure) right after an event, for a key that is not in breach: of runs only the one that
    /// the event belongs to can have become longer.
    pub(super) fn measure_newest(&mut self, now: i64, shape: Shape) -> Measured {
        if let (Kept::Runs { elements, sorted, newest }, How::Run { gap }) = (&self.kept, shape.how) {
            let (below, above) = sorted.split_at(sorted.partition_point(|value| value < newest));
            let is_there = usize::from(above.first() == Some(newest));
            let up = run(above.iter().copied(), gap);
            let down = run(above.iter().take(is_there).chain(below.iter().rev()).copied(), gap);
            // Counted from both sides; not at all when it was another counter's event, and this one's have expired.
            let longest = (up + down).saturating_sub(1);
            return Measured { value: longest as f64, events: elements.len() as u32 };
        }
        self.measure(now, shape)
    }

    /// How many of the events after `since` were not refused, as far as that is known.
    pub(super) fn passed(&self, since: i64, shape: Shape) -> usize {
        let passed = |stamp: u64| stamp & 1 == 0 && (stamp >> 1) as i64 > since;
        match &self.kept {
            Kept::Times(times) => times.iter().filter(|&&stamp| passed(stamp)).count(),
            Kept::Slices(slices) => {
                let start = |slice: u64| (slice * width(shape.within_micros)) as i64;
                let after = slices.counts.iter().filter(|(slice, _)| start(*slice) > since);
                after.map(|(_, count)| *count as usize).sum()
            }
            Kept::Values { events, .. } => events.iter().filter(|(at, _)| *at as i64 > since).count(),
            Kept::Distinct(elements) | Kept::Runs { elements, .. } => {
                elements.sightings().filter(|&stamp| passed(stamp)).count()
            }
        }
    }

    /// When the earliest event happened that it keeps, in microseconds.
    pub(super) fn first(&self) -> Option<i64> {
        let at = match &self.kept {
            Kept::Times(times) => times.front().map(|at| at >> 1),
            Kept::Slices(_) => None,
            Kept::Values { events, .. } => events.front().map(|(at, _)| *at),
            Kept::Distinct(elements) | Kept::Runs { elements, .. } => {
                elements.first().map(|stamp| stamp >> 1)
            }
        };
        at.map(|at| at as i64)
    }

    /// By how much its value may be too low: what happened in the slice that the window begins in.
    pub(super) fn missing(&self) -> u64 {
        if let Kept::Slices(slices) = &self.kept { slices.oldest() } else { 0 }
    }

    /// The Call-IDs that came last, oldest first, of events after `oldest`, to the second.
    pub(super) fn calls(&self, oldest: i64) -> impl Iterator<Item = u32> + '_ {
        let oldest = second(oldest);
        self.calls.iter().filter(move |(_, at)| *at >= oldest).map(|(call, _)| *call)
    }

    /// Bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let kept = match &self.kept {
            Kept::Times(times) => times.capacity() * 8,
            Kept::Slices(slices) => slices.counts.capacity() * size_of::<(u64, u32)>(),
            Kept::Values { events, .. } => events.capacity() * 16,
            Kept::Distinct(elements) => elements.bytes(),
            Kept::Runs { elements, sorted, .. } => elements.bytes() + sorted.capacity() * size_of::<u64>(),
        };
        size_of::<Self>() + kept + self.calls.capacity() * 8
    }

    fn expire(&mut self, now: i64, shape: Shape) {
        let oldest = now.saturating_sub(shape.within_micros).max(0) as u64;
        // Nothing is as old as the first moment there is.
        if now < shape.within_micros {
            return;
        }
        match &mut self.kept {
            Kept::Times(times) => {
                while times.front().is_some_and(|at| at >> 1 <= oldest) {
                    times.pop_front();
                }
            }
            Kept::Slices(slices) => slices.expire(oldest, shape.within_micros),
            Kept::Values { events, sum, hits } => {
                while let Some(&(at, value)) = events.front().filter(|(at, _)| *at <= oldest) {
                    debug_assert!(at <= oldest);
                    events.pop_front();
                    *sum -= value;
                    *hits -= u64::from(is_hit(shape.how, value));
                }
            }
            Kept::Distinct(elements) => elements.expire(oldest << 1 | 1, |_| ()),
            Kept::Runs { elements, sorted, .. } => {
                elements.expire(oldest << 1 | 1, |gone| remove(sorted, gone));
            }
        }
    }
}

/// Returns by how many bytes `queue` has grown.
#[inline]
fn push_back<T>(queue: &mut VecDeque<T>, value: T) -> usize {
    let before = queue.capacity();
    queue.push_back(value);
    (queue.capacity() - before) * size_of::<T>()
}

fn remove(sorted: &mut Vec<u64>, value: u64) {
    if let Ok(place) = sorted.binary_search(&value) {
        sorted.remove(place);
    }
}

fn is_hit(how: How, value: u64) -> bool {
    matches!(how, How::Share(hit) if Hit::holds(hit, value))
}

/// The Unix second of a moment in microseconds, as far as 32 bits tell.
fn second(micros: i64) -> u32 {
    u32::try_from(micros.max(0) / 1_000_000).unwrap_or(u32::MAX)
}

/// How many of `values`, neighbours at most `gap` apart, follow one another from the first on.
fn run(values: impl Iterator<Item = u64>, gap: u64) -> usize {
    let mut before = None;
    let follows =
        |value: &u64| before.replace(*value).is_none_or(|before: u64| value.abs_diff(before) <= gap);
    values.take_while(follows).count()
}

/// How many events in each slice of a window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Slices {
    /// Number of the slice, and its events.
    counts: VecDeque<(u64, u32)>,
    sum: u64,
}

impl Slices {
    /// Returns by how many bytes it has grown.
    fn push(&mut self, at: u64, within_micros: i64) -> usize {
        let slice = at / width(within_micros);
        self.sum += 1;
        match self.counts.back_mut() {
            Some((last, count)) if *last >= slice => {
                *count = count.saturating_add(1);
                0
            }
            _ => push_back(&mut self.counts, (slice, 1)),
        }
    }

    /// Lets go the slices that lie wholly before `oldest`.
    fn expire(&mut self, oldest: u64, within_micros: i64) {
        while let Some(&(slice, count)) = self.counts.front()
            && (slice + 1) * width(within_micros) <= oldest
        {
            self.counts.pop_front();
            self.sum -= u64::from(count);
        }
    }

    fn oldest(&self) -> u64 {
        self.counts.front().map_or(0, |(_, count)| u64::from(*count))
    }
}

fn width(within_micros: i64) -> u64 {
    (within_micros as u64 / SLICES).max(1)
}

#[cfg(test)]
mod tests {
    use rules::Timestamp;

    use super::*;

    #[test]
    fn the_event_of_another_counter_is_no_run_here() {
        let shape = Shape { how: How::Run { gap: 1 }, within_micros: 10, most: 5, is_sliced: false };
        let mut window = Window::new(shape);
        window.push(&Event::new(Timestamp(100), false, 7, 0, 1), shape);
        assert_eq!(window.measure_newest(100, shape).value, 1.0);
        assert_eq!(window.measure(120, shape).value, 0.0);
        assert_eq!(window.measure_newest(120, shape).value, 0.0);
    }

    #[test]
    fn calls_whose_events_left_the_window_are_no_evidence() {
        const SECOND: i64 = 1_000_000;
        let within_micros = 60 * SECOND;
        let shape = Shape { how: How::Distinct, within_micros, most: 5, is_sliced: false };
        let mut window = Window::new(shape);
        for (call, at) in [(1, 10), (2, 100), (2, 110), (3, 120)] {
            window.push(&Event::new(Timestamp(at * SECOND), false, at as u64, call, 1), shape);
        }
        assert_eq!(window.calls(120 * SECOND - within_micros).collect::<Vec<_>>(), [2, 3]);
    }
}
