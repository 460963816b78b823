//! How long turns take: from a packet that waits to the last answer of its batch. Nobody waits longer for us once the system
//! has handed a packet over.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often a turn took how long. Anybody may read it while it is counted.
#[derive(Debug)]
pub struct Latency {
    counts: [AtomicU64; BOUNDS_SECONDS.len() + 1],
    micros: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BOUNDS_SECONDS.len() + 1], micros: AtomicU64::new(0) }
    }
}

impl Latency {
    /// Counts a turn of so many microseconds.
    pub fn add(&self, micros: u64) {
        let seconds = micros as f64 / 1e6;
        let place = BOUNDS_SECONDS.iter().take_while(|bound| seconds > **bound).count();
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// How many took up to each of [`BOUNDS_SECONDS`] and longer than the bound before it, and how many longer than all.
    pub fn counts(&self) -> Vec<u64> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// Seconds of all of them together.
    pub fn seconds(&self) -> f64 {
        self.micros.load(Ordering::Relaxed) as f64 / 1e6
    }
}

/// Ascending.
pub const BOUNDS_SECONDS: [f64; 12] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_turn_counts_once_where_it_belongs() {
        let latency = Latency::default();
        for micros in [0, 50, 51, 1_000, 400_000, 2_000_000] {
            latency.add(micros);
        }
        assert_eq!(latency.counts(), [2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert!((latency.seconds() - 2.401_101).abs() < 1e-9);
    }
}
