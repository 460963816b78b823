//! Faults that a test forces on the binary that people run: judging that is slow, and code that panics.
//!
//! Nothing is forced unless the environment asks for it, and whoever is asked says so.

use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where a fault can be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Judging one message.
    Judge,
    /// A turn of a thread that judges, outside any message.
    Turn,
    /// What others ask of a thread that judges, such as a call over HTTP.
    Job,
    /// A page over HTTP.
    Page,
    /// Writing records into the spool.
    Records,
    /// Copying lines out of the spool.
    Lines,
}

/// Which faults are forced.
#[derive(Debug, Default)]
pub struct Faults {
    judge_micros: u64,
    /// At each point, how often it is passed for one panic; 0 for none.
    every: [u64; POINTS.len()],
    passed: [AtomicU64; POINTS.len()],
}

/// Forces `faults` on this process, once and for all.
pub fn force(faults: Faults) {
    // Whoever was first holds.
    let _ = FORCED.set(faults);
}

/// Fails here, if it is time for that.
#[inline]
pub fn strike(point: Point) {
    if let Some(faults) = FORCED.get() {
        faults.strike(point);
    }
}

/// Makes judging as slow as it is asked to be. The processor is left to others meanwhile.
#[inline]
pub(crate) fn slow_down() {
    if let Some(faults) = FORCED.get().filter(|faults| faults.judge_micros > 0) {
        std::thread::sleep(Duration::from_micros(faults.judge_micros));
    }
}

impl Faults {
    fn strike(&self, point: Point) {
        let place = point as usize;
        let (Some(&every), Some(passed)) = (self.every.get(place), self.passed.get(place)) else { return };
        if every > 0 && (passed.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(every) {
            panic!("a fault is forced: {point:?}");
        }
    }
}

impl FromStr for Faults {
    type Err = String;

    /// Words such as `judge-micros=500,judge=100`: the first makes each judgement last so long, the others panic each so
    /// many times that their point is passed.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            let wrong =
                || format!("{word:?} is no fault: write judge-micros=N, or one of {POINTS:?} with =N");
            let (name, number) = word.split_once('=').ok_or_else(wrong)?;
            let number = number.parse().map_err(|_| wrong())?;
            if name == "judge-micros" {
                faults.judge_micros = number;
                continue;
            }
            let place = POINTS.iter().position(|known| *known == name).ok_or_else(wrong)?;
            if let Some(every) = faults.every.get_mut(place) {
                *every = number;
            }
        }
        Ok(faults)
    }
}

/// The words for all points, in their order.
const POINTS: [&str; 6] = ["judge", "turn", "job", "page", "records", "lines"];

static FORCED: OnceLock<Faults> = OnceLock::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_so_many_times_a_point_fails() {
        let faults: Faults = "judge=3,judge-micros=7".parse().unwrap();
        let fails = |point| std::panic::catch_unwind(|| faults.strike(point)).is_err();
        let seen: Vec<bool> = (0..6).map(|_| fails(Point::Judge)).collect();
        assert_eq!(seen, [false, false, true, false, false, true]);
        assert!((0..9).all(|_| !fails(Point::Turn)));
        assert_eq!(faults.judge_micros, 7);
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for text in ["judge", "judge=x", "jugde=3", "judge-micros=-1"] {
            assert!(text.parse::<Faults>().is_err(), "{text}");
        }
    }
}
