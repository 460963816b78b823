//! Who ends next: deadlines in the order in which they are due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::Slot;

/// When the time of one attempt is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Deadline {
    pub(crate) at: Timestamp,
    pub(crate) slot: Slot,
    /// Tells the attempt from others that stood in the slot before or will stand there.
    pub(crate) generation: u32,
}

/// Deadlines, first due first out.
///
/// Most are far away when they come and no longer matter when they are due, so that keeping them in full order costs
/// more than they are worth. Each waits in the stretch of time that it falls into; only the stretch that is due next
/// is put into order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Deadlines {
    /// Those in the stretch `current` and before it. Empty only when all is.
    near: BinaryHeap<Reverse<Deadline>>,
    /// Those in the next stretches, each at its number modulo theirs.
    stretches: Vec<Vec<Deadline>>,
    /// Those beyond.
    far: BinaryHeap<Reverse<Deadline>>,
    current: i64,
    /// How many stand in `stretches`.
    waiting: usize,
    /// The memory of a stretch that is over, for the next one that begins: kept by each, it would be that of hours of calls.
    #[serde(skip)]
    spare: Vec<Deadline>,
}

/// A stretch lasts two seconds, and all of them more than the longest deadline: four hours.
const STRETCH_MICROS_BITS: u32 = 21;
const STRETCHES: usize = 8192;

impl Deadlines {
    /// Whether none is due at `now`.
    #[inline]
    pub(crate) fn none_is_due(&self, now: Timestamp) -> bool {
        self.near.peek().is_none_or(|Reverse(first)| first.at > now)
    }

    pub(crate) fn push(&mut self, deadline: Deadline) {
        if self.near.is_empty() {
            self.current = stretch(deadline.at);
        }
        match stretch(deadline.at).saturating_sub(self.current) {
            ..=0 => self.near.push(Reverse(deadline)),
            ahead if ahead < STRETCHES as i64 => {
                if let Some(stretch) = self.stretches.get_mut(place(deadline.at)) {
                    if stretch.capacity() == 0 {
                        *stretch = std::mem::take(&mut self.spare);
                    }
                    stretch.push(deadline);
                    self.waiting += 1;
                }
            }
            _ => self.far.push(Reverse(deadline)),
        }
    }

    /// Takes the first one out.
    pub(crate) fn pop(&mut self) -> Option<Deadline> {
        let Reverse(first) = self.near.pop()?;
        if self.near.is_empty() {
            self.advance();
        }
        Some(first)
    }

    /// Goes on to the next stretch in which there is one.
    fn advance(&mut self) {
        let far = self.far.peek().map(|Reverse(first)| stretch(first.at));
        if self.waiting > 0 {
            let ahead = (self.current + 1..).find(|&next| {
                far == Some(next)
                    || self.stretches.get(place_of(next)).is_none_or(|waiting| !waiting.is_empty())
            });
            self.current = ahead.unwrap_or(self.current);
        } else if let Some(far) = far {
            self.current = far;
        }
        if let Some(waiting) = self.stretches.get_mut(place_of(self.current)) {
            let mut waiting = std::mem::take(waiting);
            self.waiting -= waiting.len();
            self.near.extend(waiting.drain(..).map(Reverse));
            self.spare = waiting;
        }
        while let Some(first) = self.far.peek()
            && stretch(first.0.at) <= self.current
        {
            self.near.extend(self.far.pop());
        }
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            near: BinaryHeap::new(),
            stretches: vec![Vec::new(); STRETCHES],
            far: BinaryHeap::new(),
            current: 0,
            waiting: 0,
            spare: Vec::new(),
        }
    }
}

/// The number of the stretch that `at` falls into.
fn stretch(at: Timestamp) -> i64 {
    at.0 >> STRETCH_MICROS_BITS
}

fn place(at: Timestamp) -> usize {
    place_of(stretch(at))
}

/// Where the deadlines of a stretch wait.
fn place_of(stretch: i64) -> usize {
    stretch.rem_euclid(STRETCHES as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(i64, Slot, u32),
        Pop,
    }

    /// Times in one stretch, in near ones, in far ones, and at the ends of all time.
    fn any_time() -> impl Strategy<Value = i64> {
        let spans = STRETCHES as i64;
        prop_oneof![
            0i64..20,
            (-3i64..5, 0i64..3).prop_map(|(stretch, micros)| (stretch << STRETCH_MICROS_BITS) + micros),
            (-2i64..3, -2i64..3).prop_map(move |(turns, by)| (turns * spans + by) << STRETCH_MICROS_BITS),
            prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(i64::MAX - 1), Just(i64::MAX >> 1)],
        ]
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (any_time(), 0u32..4, 0u32..2)
                .prop_map(|(at, slot, generation)| Step::Push(at, slot, generation)),
            Just(Step::Pop),
        ]
    }

    #[test]
    fn hours_of_calls_take_no_more_memory_than_a_minute_of_them() {
        let mut deadlines = Deadlines::default();
        for call in 0..2_000_000_i64 {
            // A thousand a second, each remembered for 32 seconds.
            let now = Timestamp(call * 1_000);
            while !deadlines.none_is_due(now) {
                deadlines.pop();
            }
            deadlines.push(Deadline { at: now.plus_micros(32_000_000), slot: 0, generation: 0 });
        }
        let room: usize = deadlines.stretches.iter().map(Vec::capacity).sum();
        assert!(room < 4 * 32_000, "{room}");
    }

    proptest! {
        #[test]
        fn deadlines_come_out_as_out_of_one_heap(steps in prop::collection::vec(any_step(), 0..200)) {
            let (mut deadlines, mut heap) = (Deadlines::default(), BinaryHeap::new());
            for step in steps {
                match step {
                    Step::Push(at, slot, generation) => {
                        let deadline = Deadline { at: Timestamp(at), slot, generation };
                        deadlines.push(deadline);
                        heap.push(Reverse(deadline));
                    }
                    Step::Pop => prop_assert_eq!(deadlines.pop(), heap.pop().map(|Reverse(first)| first)),
                }
                for now in [-1, 0, 10, i64::MAX].map(Timestamp) {
                    let is_due = heap.peek().is_some_and(|Reverse(first)| first.at <= now);
                    prop_assert_eq!(deadlines.none_is_due(now), !is_due);
                }
            }
        }
    }
}
