//! How far a key is in breach of a threshold: when it rises, when it acts, when it is armed again.

use serde::{Deserialize, Serialize};

/// How far a key is in breach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Level {
    #[default]
    Quiet,
    Warning,
    Critical,
}

/// The limits of a threshold, as they hold for one key now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) warning: Option<f64>,
    pub(super) critical: Option<f64>,
    /// Re-arms below this share of the limit.
    pub(super) clear: f64,
    /// How long a breach must last before it acts, in microseconds.
    pub(super) hold_micros: i64,
}

/// The course of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Course {
    /// The level it has reached.
    pub(super) level: Level,
    /// The highest level it acted on since it was quiet.
    pub(super) acted: Level,
    /// When it reached each level, in microseconds.
    since: ByLevel<i64>,
    /// When each level was told last.
    told: ByLevel<Option<i64>>,
}

impl Course {
    pub(super) fn new() -> Self {
        Self { level: Level::Quiet, acted: Level::Quiet, since: ByLevel::default(), told: ByLevel::default() }
    }

    /// Takes a value that only time has changed: it may have fallen, and then the level is armed again.
    pub(super) fn relax(&mut self, value: Option<f64>, bounds: &Bounds) {
        if bounds.reached(value) < self.level {
            self.level = bounds.kept(self.level, value);
            self.acted = self.acted.min(self.level);
        }
    }

    /// Takes the value at `now`; `None` when something else that the threshold asks for does not hold. Returns the
    /// level to act on, when it is one to act on now.
    pub(super) fn observe(&mut self, value: Option<f64>, now: i64, bounds: &Bounds) -> Option<Level> {
        let reached = bounds.reached(value);
        if reached > self.level {
            for level in [Level::Warning, Level::Critical] {
                if level > self.level && level <= reached {
                    *self.since.of_mut(level) = now;
                }
            }
            self.level = reached;
        }
        self.relax(value, bounds);
        self.act(now, bounds)
    }

    /// The level to act on at `now`, if it has lasted and was not acted on yet.
    pub(super) fn act(&mut self, now: i64, bounds: &Bounds) -> Option<Level> {
        let due = |level: &Level| *level <= self.level && now - self.since.of(*level) >= bounds.hold_micros;
        let acts = [Level::Critical, Level::Warning].into_iter().find(due)?;
        if acts <= self.acted || bounds.limit(acts).is_none() {
            return None;
        }
        self.acted = acts;
        Some(acts)
    }

    /// When it will act next if it stays where it is: a warning may have lasted before what became of it has.
    pub(super) fn acts_at(&self, bounds: &Bounds) -> Option<i64> {
        let pending =
            |level: &Level| *level > self.acted && *level <= self.level && bounds.limit(*level).is_some();
        let pending = [Level::Warning, Level::Critical].into_iter().filter(pending);
        pending.map(|level| self.since.of(level) + bounds.hold_micros).min()
    }

    /// When `level` was told last.
    pub(super) fn told(&self, level: Level) -> Option<i64> {
        self.told.of(level)
    }

    /// Notes that `level` is told now.
    pub(super) fn tell(&mut self, level: Level, now: i64) {
        *self.told.of_mut(level) = Some(now);
    }

    /// Whether nothing of it matters any more at `now`.
    pub(super) fn is_over(&self, now: i64, cool_down_micros: i64) -> bool {
        let told = self.told.warning.max(self.told.critical);
        self.level == Level::Quiet && told.is_none_or(|told| now - told >= cool_down_micros)
    }
}

impl Bounds {
    /// The limit of `level`.
    pub(super) fn limit(&self, level: Level) -> Option<f64> {
        match level {
            Level::Quiet => None,
            Level::Warning => self.warning,
            Level::Critical => self.critical,
        }
    }

    fn reached(&self, value: Option<f64>) -> Level {
        let reaches = |limit: Option<f64>| limit.zip(value).is_some_and(|(limit, value)| value >= limit);
        match () {
            () if reaches(self.critical) => Level::Critical,
            () if reaches(self.warning) => Level::Warning,
            () => Level::Quiet,
        }
    }

    /// The level that is kept because the value has not fallen far enough.
    fn kept(&self, level: Level, value: Option<f64>) -> Level {
        let holds =
            |limit: Option<f64>| limit.zip(value).is_some_and(|(limit, value)| value >= limit * self.clear);
        match level {
            Level::Critical if holds(self.critical) => Level::Critical,
            Level::Critical | Level::Warning if holds(self.warning) => Level::Warning,
            _ => Level::Quiet,
        }
    }
}

/// Something that each level has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct ByLevel<T> {
    warning: T,
    critical: T,
}

impl<T: Copy> ByLevel<T> {
    fn of(&self, level: Level) -> T {
        if level == Level::Critical { self.critical } else { self.warning }
    }

    fn of_mut(&mut self, level: Level) -> &mut T {
        if level == Level::Critical { &mut self.critical } else { &mut self.warning }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Critical, Quiet, Warning};

    const BOUNDS: Bounds = Bounds { warning: Some(10.0), critical: Some(20.0), clear: 0.8, hold_micros: 0 };

    fn acts(bounds: Bounds, values: &[(i64, f64)]) -> Vec<(i64, Level)> {
        let mut course = Course::new();
        values
            .iter()
            .filter_map(|&(at, value)| course.observe(Some(value), at, &bounds).map(|level| (at, level)))
            .collect()
    }

    #[test]
    fn each_level_acts_once_until_it_was_cleared() {
        let values = [
            (0, 9.0),
            (1, 10.0),
            (2, 11.0),
            (3, 20.0),
            (4, 21.0),
            (5, 16.0),
            (6, 20.0),
            (7, 15.0),
            (8, 20.0),
        ];
        assert_eq!(acts(BOUNDS, &values), [(1, Warning), (3, Critical), (8, Critical)]);
        assert_eq!(
            acts(BOUNDS, &[(0, 10.0), (1, 8.0), (2, 10.0), (3, 7.9), (4, 10.0)]),
            [(0, Warning), (4, Warning)]
        );
        assert_eq!(acts(BOUNDS, &[(0, 25.0), (1, 12.0), (2, 13.0)]), [(0, Critical)]);
    }

    #[test]
    fn a_breach_that_must_last_acts_when_it_has() {
        let bounds = Bounds { hold_micros: 5, ..BOUNDS };
        assert_eq!(acts(bounds, &[(0, 10.0), (4, 10.0), (5, 10.0), (6, 10.0)]), [(5, Warning)]);
        assert_eq!(acts(bounds, &[(0, 10.0), (4, 7.0), (5, 10.0), (9, 10.0)]), []);
        assert_eq!(
            acts(bounds, &[(0, 10.0), (3, 20.0), (5, 20.0), (8, 20.0)]),
            [(5, Warning), (8, Critical)]
        );
        let mut course = Course::new();
        course.observe(Some(10.0), 7, &bounds);
        assert_eq!(course.acts_at(&bounds), Some(12));
        course.observe(Some(20.0), 9, &bounds);
        assert_eq!(course.acts_at(&bounds), Some(12), "the warning has lasted first");
        assert_eq!((course.act(12, &bounds), course.acts_at(&bounds)), (Some(Warning), Some(14)));
    }

    #[test]
    fn what_lacks_a_further_condition_is_quiet() {
        let mut course = Course::new();
        assert_eq!(course.observe(None, 0, &BOUNDS), None);
        assert_eq!(course.observe(Some(30.0), 1, &BOUNDS), Some(Critical));
        course.observe(None, 2, &BOUNDS);
        assert_eq!(course.level, Quiet);
    }

    #[test]
    fn a_single_limit_is_enough() {
        let bounds = Bounds { warning: None, ..BOUNDS };
        assert_eq!(
            acts(bounds, &[(0, 19.0), (1, 20.0), (2, 17.0), (3, 15.0), (4, 20.0)]),
            [(1, Critical), (4, Critical)]
        );
    }
}
