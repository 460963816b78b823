//! How many calls of each limit have passed, and are up.

use std::collections::VecDeque;

use crate::policy::{FirewallRule, Limit, RuleAction, RuleId};
use crate::time::Timestamp;

/// The state of all limits of one policy: plain data, bounded by the limits themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// By rule, sorted.
    counters: Vec<(RuleId, Counter)>,
}

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Counter {
    /// The last calls that passed, oldest first, at most as many as may pass in one window.
    Rate { passed: VecDeque<Timestamp>, calls: u32, per_micros: i64 },
    /// Calls that are up.
    Concurrent { up: u32, most: u32 },
}

impl Limits {
    /// Nothing has passed yet.
    pub(super) fn new(rules: &[FirewallRule]) -> Self {
        let counter = |(rule, id): (&FirewallRule, u32)| match rule.action {
            RuleAction::Limit(limit) => Some((RuleId(id), Counter::new(limit))),
            _ => None,
        };
        Self { counters: rules.iter().zip(0..).filter_map(counter).collect() }
    }

    /// Whether one more call at `at` would exceed the limit of `rule`.
    pub fn is_exceeded(&self, rule: RuleId, at: Timestamp) -> bool {
        self.counter(rule).is_some_and(|counter| counter.is_exceeded(at))
    }

    /// The same for a repeat of a call that was let pass and stands among those counted: a full window or a
    /// full trunk does not refuse the call that filled it, a limit of no call at all does.
    pub fn is_exceeded_by_repeat(&self, rule: RuleId) -> bool {
        self.counter(rule).is_some_and(Counter::is_exceeded_by_counted)
    }

    /// Tells that a call ended that a verdict named in `held`.
    pub fn ended(&mut self, rule: RuleId) {
        if let Some(Counter::Concurrent { up, .. }) = self.counter_mut(rule) {
            *up = up.saturating_sub(1);
        }
    }

    /// How many calls count towards the limit of `rule` at `at`: those in the window, or those that are up.
    pub fn count(&self, rule: RuleId, at: Timestamp) -> u32 {
        match self.counter(rule) {
            Some(Counter::Rate { passed, per_micros, .. }) => {
                let inside = passed.iter().filter(|&&passed| is_inside(passed, at, *per_micros));
                u32::try_from(inside.count()).unwrap_or(u32::MAX)
            }
            Some(Counter::Concurrent { up, .. }) => *up,
            None => 0,
        }
    }

    /// Whether `rule` counts calls until they end.
    pub(super) fn is_gauge(&self, rule: RuleId) -> bool {
        matches!(self.counter(rule), Some(Counter::Concurrent { .. }))
    }

    /// Counts one more call.
    pub(super) fn pass(&mut self, rule: RuleId, at: Timestamp) {
        match self.counter_mut(rule) {
            Some(Counter::Rate { passed, calls, .. }) => {
                if passed.len() >= *calls as usize {
                    passed.pop_front();
                }
                passed.push_back(at);
            }
            Some(Counter::Concurrent { up, .. }) => *up = up.saturating_add(1),
            None => {}
        }
    }

    /// Takes over what `other` counted, rule by rule: `renamed` says which rule of ours was which of its.
    pub fn take_over(&mut self, other: &Self, renamed: impl Fn(RuleId) -> Option<RuleId>) {
        for (rule, counter) in &mut self.counters {
            if let Some(old) = renamed(*rule).and_then(|old| other.counter(old)) {
                counter.take_over(old);
            }
        }
    }

    fn counter(&self, rule: RuleId) -> Option<&Counter> {
        let index = self.counters.binary_search_by_key(&rule, |entry| entry.0).ok()?;
        self.counters.get(index).map(|entry| &entry.1)
    }

    fn counter_mut(&mut self, rule: RuleId) -> Option<&mut Counter> {
        let index = self.counters.binary_search_by_key(&rule, |entry| entry.0).ok()?;
        self.counters.get_mut(index).map(|entry| &mut entry.1)
    }
}

impl Counter {
    fn new(limit: Limit) -> Self {
        match limit {
            Limit::Rate { calls, per_micros } => Self::Rate {
                passed: VecDeque::with_capacity((calls as usize).min(PASSED_READY)),
                calls,
                per_micros,
            },
            Limit::Concurrent(most) => Self::Concurrent { up: 0, most },
        }
    }

    fn is_exceeded(&self, at: Timestamp) -> bool {
        match self {
            Self::Rate { calls: 0, .. } => true,
            // Only as many are kept as may pass, so that the oldest of a full window decides.
            Self::Rate { passed, calls, per_micros } => {
                passed.len() >= *calls as usize
                    && passed.front().is_some_and(|&oldest| is_inside(oldest, at, *per_micros))
            }
            Self::Concurrent { up, most } => up >= most,
        }
    }

    fn is_exceeded_by_counted(&self) -> bool {
        match self {
            Self::Rate { calls, .. } => *calls == 0,
            // More than may be are up after a change of policy alone.
            Self::Concurrent { up, most } => *most == 0 || up > most,
        }
    }

    fn take_over(&mut self, old: &Self) {
        match (self, old) {
            (Self::Rate { passed, calls, .. }, Self::Rate { passed: old, .. }) => {
                let kept = old.len().min(*calls as usize);
                passed.extend(old.iter().skip(old.len() - kept));
            }
            (Self::Concurrent { up, .. }, Self::Concurrent { up: old, .. }) => *up = *old,
            _ => {}
        }
    }
}

/// Whether a call that passed at `passed` lies in the window that ends at `at`. One that is said to have passed much later did so
/// before the clock was set back: it must not refuse others until it is that late again.
fn is_inside(passed: Timestamp, at: Timestamp, per_micros: i64) -> bool {
    (-LATE_MICROS_MAX..per_micros).contains(&at.micros_since(passed))
}

/// By so much packets overtake each other, and clocks of those who send them differ.
const LATE_MICROS_MAX: i64 = 10_000_000;
/// For how many calls of a window room is made in advance; more grow once.
const PASSED_READY: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(limit: Limit) -> Limits {
        Limits { counters: vec![(RuleId(3), Counter::new(limit))] }
    }

    #[test]
    fn no_window_of_a_rate_ever_holds_more_than_may_pass() {
        let mut limits = limits(Limit::Rate { calls: 3, per_micros: 1_000 });
        let mut passed: Vec<i64> = Vec::new();
        for at in (0..20_000).map(|step: i64| step * 97 + step * step % 61) {
            let at = Timestamp(at);
            let inside = passed.iter().filter(|&&earlier| earlier > at.0 - 1_000).count();
            assert_eq!(limits.count(RuleId(3), at), inside as u32);
            assert_eq!(limits.is_exceeded(RuleId(3), at), inside >= 3);
            if inside < 3 {
                limits.pass(RuleId(3), at);
                passed.push(at.0);
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_back_refuses_nobody_for_longer_than_the_window() {
        let mut limits = limits(Limit::Rate { calls: 2, per_micros: 60_000_000 });
        let at = |second: i64| Timestamp::from_seconds(second);
        limits.pass(RuleId(3), at(10_000));
        limits.pass(RuleId(3), at(10_001));
        // What overtook another one counts; an hour back it is another time.
        assert!(limits.is_exceeded(RuleId(3), at(9_999)));
        assert!(!limits.is_exceeded(RuleId(3), at(6_400)));
        assert_eq!(limits.count(RuleId(3), at(6_400)), 0);
        limits.pass(RuleId(3), at(6_400));
        limits.pass(RuleId(3), at(6_410));
        assert!(limits.is_exceeded(RuleId(3), at(6_420)));
        assert!(!limits.is_exceeded(RuleId(3), at(6_460)));
    }

    #[test]
    fn a_concurrent_limit_counts_calls_until_they_end() {
        let (mut limits, now) = (limits(Limit::Concurrent(2)), Timestamp(0));
        limits.pass(RuleId(3), now);
        limits.pass(RuleId(3), now);
        assert!(limits.is_exceeded(RuleId(3), now));
        limits.ended(RuleId(3));
        assert!(!limits.is_exceeded(RuleId(3), now));
    }
}
