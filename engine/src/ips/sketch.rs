//! How much of a key was given up at most: an upper bound in fixed room.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

/// Counts what was forgotten of each key (count-min, Cormode and Muthukrishnan 2005). What it says of a key is never
/// too little, as long as the counters do not saturate, and ages with the longest window.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Sketch {
    current: Vec<u8>,
    previous: Vec<u8>,
    since: Timestamp,
    /// How many events were forgotten since the beginning.
    pub(super) forgotten: u64,
}

impl Sketch {
    /// Bytes it takes once something was forgotten.
    pub(super) const BYTES_MAX: usize = 2 * WIDTH * DEPTH;

    /// Notes that `events` of `key` were forgotten.
    pub(super) fn add(&mut self, key: u64, events: usize, now: Timestamp, within_micros: i64) {
        if self.current.is_empty() {
            self.current.resize(WIDTH * DEPTH, 0);
            self.since = now;
        }
        if now.micros_since(self.since) > within_micros {
            self.previous = std::mem::take(&mut self.current);
            self.current.resize(WIDTH * DEPTH, 0);
            self.since = now;
        }
        self.forgotten += events as u64;
        let events = u8::try_from(events).unwrap_or(u8::MAX);
        // Only the lowest cells rise: the others owe their height to somebody else (Estan and Varghese 2002).
        let least = places(key).filter_map(|place| self.current.get(place)).min().copied().unwrap_or(0);
        for place in places(key) {
            if let Some(cell) = self.current.get_mut(place) {
                *cell = (*cell).max(least.saturating_add(events));
            }
        }
    }

    /// So many events of `key` may have been forgotten within the longest window.
    pub(super) fn bound(&self, key: u64) -> u64 {
        let least =
            |cells: &[u8]| places(key).filter_map(|place| cells.get(place)).min().copied().unwrap_or(0);
        u64::from(least(&self.current)) + u64::from(least(&self.previous))
    }

    pub(super) fn bytes(&self) -> usize {
        self.current.capacity() + self.previous.capacity()
    }
}

fn places(key: u64) -> impl Iterator<Item = usize> {
    let places = [
        key as usize % WIDTH,
        (key >> 22) as usize % WIDTH + WIDTH,
        (key >> 42) as usize % WIDTH + 2 * WIDTH,
    ];
    places.into_iter()
}

/// Cells of one row, a byte each.
const WIDTH: usize = 1 << 22;
const DEPTH: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_never_too_little() {
        let mut sketch = Sketch::default();
        let key = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        assert_eq!(sketch.bound(key(1)), 0);
        for number in 0..100_000 {
            sketch.add(key(number), 1 + number as usize % 3, Timestamp::from_seconds(0), 1_000_000);
        }
        let excess: u64 = (0..100_000).map(|number| sketch.bound(key(number)) - (1 + number % 3)).sum();
        assert!(excess < 100, "{excess}");
        sketch.add(key(7), 1, Timestamp::from_seconds(2), 1_000_000);
        assert_eq!(sketch.bound(key(7)), 3);
        sketch.add(key(8), 1, Timestamp::from_seconds(4), 1_000_000);
        assert_eq!((sketch.bound(key(7)), sketch.bound(key(9))), (1, 0));
    }
}
