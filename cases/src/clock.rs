//! A clock that runs on a case: when it began, when it is due, whether it was met, and everything that was changed about it.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Calendar;
use crate::terms::{Due, Term};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockKind {
    /// Until the first act of a named analyst.
    Acknowledge,
    /// Until it is in force, proven, and the customer told.
    Complete,
    /// Until the customer is told of a critical threshold violation.
    Notify,
}

/// One clock of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// What it counts.
    pub kind: ClockKind,
    /// When the reason for it came in.
    pub start: Timestamp,
    /// When it is due; as judged by `calendar`.
    pub due: Due,
    /// When it was met.
    pub stopped: Option<Timestamp>,
    /// The version of the calendar that `due` follows from.
    pub calendar: String,
    /// While we waited for the customer; the last one may still be open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
    /// Due times that were replaced, the oldest first, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Replaced>,
}

/// A time in which the customer had to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it lasts.
    pub to: Option<Timestamp>,
}

/// A due time that no longer counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// When it was replaced.
    pub at: Timestamp,
    /// What it was.
    pub due: Due,
    /// The calendar it followed from.
    pub calendar: String,
    /// Why.
    pub why: String,
}

/// How a clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It was met before the contract's limit.
    Met,
    /// It runs, in time.
    Runs,
    /// It stands still, because the customer has to act and the contract says so.
    Paused,
    /// It runs, and the target is over.
    Late,
    /// The contract's limit is over, or was when it was met.
    Breached,
}

impl Clock {
    /// A clock that begins at `start`; `None` when the calendar has no business time after it.
    pub fn start(kind: ClockKind, term: &Term, calendar: &Calendar, start: Timestamp) -> Option<Self> {
        let due = term.due(calendar, start)?;
        let calendar = calendar.version();
        Some(Self { kind, start, due, stopped: None, calendar, waits: Vec::new(), replaced: Vec::new() })
    }

    /// Stops it. One that has stopped stays as it is.
    pub fn stop(&mut self, at: Timestamp) {
        if self.stopped.is_none() {
            self.stopped = Some(at);
            self.end_wait(at);
        }
    }

    /// How it stands at `now`.
    pub fn standing(&self, pauses: bool, now: Timestamp) -> Standing {
        let until = self.stopped.unwrap_or(now);
        // What was late before the customer had to act stays late (S-4).
        let waits_since = self.waits.last().filter(|wait| pauses && wait.to.is_none()).map(|wait| wait.from);
        let judged = waits_since.unwrap_or(until).min(until);
        match self.stopped {
            _ if judged > self.due.contract => Standing::Breached,
            Some(_) => Standing::Met,
            None if waits_since.is_some() => Standing::Paused,
            None if judged > self.due.target => Standing::Late,
            None => Standing::Runs,
        }
    }

    /// The customer has to act from `at` on.
    pub fn begin_wait(&mut self, at: Timestamp) {
        let is_waiting = self.waits.last().is_some_and(|wait| wait.to.is_none());
        if !is_waiting && self.stopped.is_none() {
            self.waits.push(Wait { from: at, to: None });
        }
    }

    /// The customer has acted at `at`.
    pub fn end_wait(&mut self, at: Timestamp) {
        if let Some(wait) = self.waits.last_mut().filter(|wait| wait.to.is_none()) {
            wait.to = Some(at.max(wait.from));
        }
    }

    /// Goes on after a wait, where the contract lets clocks stand still meanwhile: what was left of the business time then
    /// is left now. One that was late when the wait began stays so, and nothing becomes late by going on.
    pub fn resume(&mut self, calendar: &Calendar, at: Timestamp) {
        let Some(wait) = self.waits.last().copied().filter(|wait| wait.to.is_none()) else { return };
        self.end_wait(at);
        let moved = |due: Timestamp| {
            let left = calendar.between(wait.from, due);
            if left == 0 { Some(due) } else { calendar.add(at, left) }
        };
        if let (Some(target), Some(contract)) = (moved(self.due.target), moved(self.due.contract)) {
            let due = Due { target: target.min(contract), contract };
            self.replace(due, calendar, "the customer had to act", at);
        }
    }

    /// Recomputes the due times from the start: the calendar was changed, or the promise is another one. A clock that was met
    /// keeps what it was judged by (S-6). Where clocks stand still while the customer has to act, `pauses`, what was left when a
    /// wait began is left at its end, as in [`Self::resume`]. Whether a due time is another one now.
    pub fn recompute(
        &mut self,
        term: &Term,
        calendar: &Calendar,
        (why, pauses): (&str, bool),
        at: Timestamp,
    ) -> bool {
        if self.stopped.is_some() {
            return false;
        }
        let Some(mut due) = term.due(calendar, self.start) else { return false };
        let waits = self.waits.iter().filter(|_| pauses).filter_map(|wait| Some((wait.from, wait.to?)));
        for (from, to) in waits {
            let moved = |due| match calendar.between(from, due) {
                0 => Some(due),
                left => calendar.add(to, left),
            };
            if let (Some(target), Some(contract)) = (moved(due.target), moved(due.contract)) {
                due = Due { target: target.min(contract), contract };
            }
        }
        let is_other = due != self.due;
        self.replace(due, calendar, why, at);
        is_other
    }

    /// Microseconds of business time until it was met, or until `now`, without those in which the customer had to act.
    pub fn net_business_time(&self, calendar: &Calendar, now: Timestamp) -> i64 {
        let until = self.stopped.unwrap_or(now);
        let waited =
            self.waits.iter().map(|wait| calendar.between(wait.from, wait.to.unwrap_or(until).min(until)));
        calendar.between(self.start, until) - waited.sum::<i64>()
    }

    /// When to warn: at 50, 75 and 90 % of the business time until the target, and at the target. All of them lie within
    /// business hours, or at their end.
    pub fn warnings(&self, calendar: &Calendar) -> [Timestamp; 4] {
        let whole = calendar.between(self.start, self.due.target);
        [50, 75, 90, 100].map(|percent| match whole * percent / 100 {
            0 => self.due.target,
            part => calendar.add(self.start, part).unwrap_or(self.due.target),
        })
    }

    fn replace(&mut self, due: Due, calendar: &Calendar, why: &str, at: Timestamp) {
        if due == self.due {
            return;
        }
        let before = Replaced {
            at,
            due: self.due,
            calendar: std::mem::replace(&mut self.calendar, calendar.version()),
            why: why.to_owned(),
        };
        self.replaced.push(before);
        self.due = due;
    }
}

impl ClockKind {
    /// The word that is stored, shown and written in statements.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Complete => "complete",
            Self::Notify => "notify",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Service;

    fn at(text: &str) -> Timestamp {
        Timestamp(format!("{text}-05:00").parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn started(text: &str) -> (Service, Clock) {
        let service = Service::sample();
        let term = service.terms().complete;
        let clock = Clock::start(ClockKind::Complete, &term, service.calendar(), at(text)).unwrap();
        (service, clock)
    }

    #[test]
    fn s4_waiting_does_not_stop_a_contract_clock_but_is_told_apart() {
        let (service, mut clock) = started("2026-10-05T10:00:00");
        clock.begin_wait(at("2026-10-05T11:00:00"));
        clock.begin_wait(at("2026-10-05T11:30:00"));
        assert_eq!(clock.standing(false, at("2026-10-06T17:00:00.000001")), Standing::Breached);
        clock.stop(at("2026-10-06T09:00:00"));
        assert_eq!(clock.standing(false, at("2027-01-01T00:00:00")), Standing::Met);
        // An hour of ours; the rest was the customer's.
        let hour = 3_600_000_000;
        assert_eq!(clock.net_business_time(service.calendar(), at("2026-10-07T00:00:00")), hour);
        assert_eq!(
            clock.waits,
            [Wait { from: at("2026-10-05T11:00:00"), to: Some(at("2026-10-06T09:00:00")) }]
        );
    }

    #[test]
    fn s4_a_paused_clock_goes_on_with_what_was_left() {
        let (service, mut clock) = started("2026-10-05T10:00:00");
        clock.begin_wait(at("2026-10-05T11:00:00"));
        assert_eq!(clock.standing(true, at("2026-10-20T12:00:00")), Standing::Paused);
        clock.resume(service.calendar(), at("2026-10-20T12:00:00"));
        // Three of four hours were left, and fifteen until the contract's limit.
        assert_eq!(clock.due.target, at("2026-10-20T15:00:00"));
        // Six hours of Monday and nine of Tuesday: five on the 20th, nine on the 21st, one on the 22nd.
        assert_eq!(clock.due.contract, at("2026-10-22T09:00:00"));
        assert_eq!(clock.standing(true, at("2026-10-20T12:00:00")), Standing::Runs);
        assert_eq!(clock.replaced[0].due.target, at("2026-10-05T14:00:00"));
    }

    #[test]
    fn s4_a_breached_clock_stays_breached_over_a_pause() {
        let (service, mut clock) = started("2026-10-05T10:00:00");
        clock.begin_wait(at("2026-10-06T17:00:01"));
        assert_eq!(clock.standing(true, at("2026-10-08T12:00:00")), Standing::Breached);
        clock.resume(service.calendar(), at("2026-10-08T12:00:00"));
        assert_eq!(clock.standing(true, at("2026-10-08T12:00:00")), Standing::Breached);
    }

    #[test]
    fn s5_warnings_lie_in_business_time() {
        let (service, clock) = started("2026-10-30T16:00:00");
        // One hour on Friday, three on Monday, when it is an hour earlier by the same clock.
        let monday = |text: &str| {
            Timestamp(format!("2026-11-02T{text}-06:00").parse::<jiff::Timestamp>().unwrap().as_microsecond())
        };
        let expected = [monday("09:00:00"), monday("10:00:00"), monday("10:36:00"), monday("11:00:00")];
        assert_eq!(clock.warnings(service.calendar()), expected);
    }

    #[test]
    fn s6_a_new_calendar_moves_open_clocks_and_judges_no_closed_one() {
        let (service, mut open) = started("2026-10-05T16:00:00");
        let mut met = open.clone();
        met.stop(at("2026-10-06T10:30:00"));
        let text =
            include_str!("../sample.toml").replace("\"2027-01-01\"]", "\"2027-01-01\", \"2026-10-06\"]");
        let changed = Service::parse(&text).unwrap();
        let term = service.terms().complete;
        for clock in [&mut open, &mut met] {
            let why = ("the sixth is closed", false);
            assert_eq!(
                clock.recompute(&term, changed.calendar(), why, at("2026-10-05T16:30:00")),
                clock.stopped.is_none()
            );
        }
        assert_eq!(
            (open.due.target, open.due.contract),
            (at("2026-10-07T11:00:00"), at("2026-10-07T17:00:00"))
        );
        assert_eq!((open.replaced.len(), open.calendar.as_str()), (1, changed.calendar().version().as_str()));
        assert_eq!((met.replaced.len(), met.calendar.as_str()), (0, service.calendar().version().as_str()));
        assert_eq!(met.standing(false, at("2026-10-09T00:00:00")), Standing::Met);
    }

    #[test]
    fn s3_done_at_the_very_end_is_in_time() {
        let (_, mut clock) = started("2026-10-05T10:00:00");
        clock.stop(at("2026-10-06T17:00:00"));
        assert_eq!(clock.standing(false, at("2026-10-06T17:00:00")), Standing::Met);
        let (_, mut clock) = started("2026-10-05T10:00:00");
        clock.stop(at("2026-10-06T17:00:00.000001"));
        assert_eq!(clock.standing(false, at("2026-10-06T17:00:00")), Standing::Breached);
    }
}
