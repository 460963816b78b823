//! The time that counters go by: it follows the wall, and is never set back.

use serde::{Deserialize, Serialize};

/// How far the time of counters is ahead of the wall, because clocks were set back.
///
/// When the wall is set back by an hour, windows that stood still until it is that late again would hold an hour's calls as
/// if they came at once, and stop innocents. So time goes on from where it was. A single late packet, or senders whose clocks
/// differ a little, set nothing: everything has to come from before for a while.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Clock {
    ahead: i64,
    /// How far it was before the wall was set back last.
    ahead_before: i64,
    /// When the first came of those that all came from before, on the wall.
    back_since: Option<i64>,
}

impl Clock {
    /// Takes up something that happened at `at` on the wall: `now` is when it counts from here on. Returns by how much the
    /// clock turned out to be set back; 0 nearly always.
    #[inline]
    pub(super) fn hold(&mut self, at: i64, now: &mut i64) -> i64 {
        let counted = at.saturating_add(self.ahead);
        if counted >= now.saturating_sub(LATE_MICROS_MAX) {
            self.back_since = None;
            *now = (*now).max(counted);
            return 0;
        }
        self.look_back(at, now)
    }

    #[cold]
    fn look_back(&mut self, at: i64, now: &mut i64) -> i64 {
        // Set back again, or an older one among them: what comes from there begins there.
        let since = self.back_since.filter(|since| at >= since.saturating_sub(LATE_MICROS_MAX));
        let since = *self.back_since.insert(since.unwrap_or(at));
        if at.saturating_sub(since) < SET_MICROS {
            return 0;
        }
        // The first of them counted at `now`.
        let set_back = now.saturating_sub(since).saturating_sub(self.ahead);
        self.ahead_before = self.ahead;
        self.ahead = self.ahead.saturating_add(set_back);
        self.back_since = None;
        *now = (*now).max(at.saturating_add(self.ahead));
        set_back
    }

    /// When that counts which happens at `at` on the wall as it stands now.
    #[inline]
    pub(super) fn counted(&self, at: i64) -> i64 {
        at.saturating_add(self.ahead)
    }

    /// When that counted which happened at `at` on the wall, no later than `now` counts: before the wall was set back, where it
    /// cannot have been since.
    pub(super) fn counted_by(&self, at: i64, now: i64) -> i64 {
        let counted = self.counted(at);
        if counted <= now { counted } else { at.saturating_add(self.ahead_before).min(now) }
    }

    /// When it was on the wall, as it stands now, that counted at `at`.
    #[inline]
    pub(super) fn wall(&self, at: i64) -> i64 {
        at.saturating_sub(self.ahead)
    }
}

/// What is so late counts now, and says nothing of clocks.
const LATE_MICROS_MAX: i64 = 1_000_000;
/// For so long everything has to come from before.
const SET_MICROS: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    /// When events counted that happened at these seconds, and by how much the clock was set back in all.
    fn counted(seconds: impl IntoIterator<Item = i64>) -> (Vec<i64>, i64) {
        let (mut clock, mut now, mut set_back) = (Clock::default(), 0, 0);
        let times = seconds
            .into_iter()
            .map(|second| {
                set_back += clock.hold(second * SECOND, &mut now);
                now / SECOND
            })
            .collect();
        (times, set_back / SECOND)
    }

    #[test]
    fn time_goes_on_when_the_wall_is_set_back_and_what_is_late_counts_now() {
        assert_eq!(counted([100, 105, 104, 106]), (vec![100, 105, 105, 106], 0));
        // An hour back: the first that comes from there counts now, and from there on time goes on.
        let (times, set_back) = counted([5_000, 1_400, 1_401, 1_402, 1_460, 5_000]);
        assert_eq!((times, set_back), (vec![5_000, 5_000, 5_001, 5_002, 5_060, 8_600], 3_600));
        // Calls a minute apart.
        assert_eq!(counted([5_000, 1_400, 1_460, 1_520]).0, [5_000, 5_000, 5_060, 5_120]);
        // Twice, the second time before the first is believed.
        assert_eq!(counted([5_000, 1_400, 700, 760, 820]).0, [5_000, 5_000, 5_000, 5_060, 5_120]);
    }

    #[test]
    fn a_call_that_began_before_the_wall_was_set_back_has_talked_as_long_as_it_has() {
        let (mut clock, mut now) = (Clock::default(), 0);
        for second in [5_000, 1_400, 1_460] {
            clock.hold(second * SECOND, &mut now);
        }
        assert_eq!(now - clock.counted_by(4_990 * SECOND, now), 70 * SECOND);
        assert_eq!(now - clock.counted_by(1_450 * SECOND, now), 10 * SECOND);
        assert_eq!(clock.wall(now), 1_460 * SECOND);
    }

    #[test]
    fn senders_whose_clocks_differ_set_nothing() {
        let both = (0..100).flat_map(|second| [second + 5, second]);
        let (times, set_back) = counted(both);
        assert_eq!((times.last(), set_back), (Some(&104), 0));
    }
}
