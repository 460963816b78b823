//! Clocks that no contract knows: they tell the desk what it owes next, and stand in no statement.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::flow::State;
use crate::{Calendar, Case};

/// When those of a case began. What is due follows from the calendar of the moment at which somebody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Informal {
    /// `update`: when the customer was told of the case last; `None` while no further word is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
    /// `authorisation`: when authorisers were asked; `None` while nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Timestamp>,
}

/// What becomes due of a request for authorisation (Z-5); `None` where the calendar has no business time left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reminders {
    /// Authorisers are reminded: after one business hour, and after four.
    pub first: Option<Timestamp>,
    /// See `first`.
    pub second: Option<Timestamp>,
    /// The escalation contact hears of it: after eight.
    pub escalation: Option<Timestamp>,
    /// It ends without a yes: with the fifth business day.
    pub end: Option<Timestamp>,
}

impl Informal {
    /// Whether neither runs.
    pub const fn is_empty(&self) -> bool {
        self.told.is_none() && self.asked.is_none()
    }

    /// By when the customer should hear of the case again: the end of the next business day.
    pub fn update_due(&self, calendar: &Calendar) -> Option<Timestamp> {
        update_due(calendar, self.told?)
    }

    /// What becomes due while authorisers are silent.
    pub fn reminders(&self, calendar: &Calendar) -> Option<Reminders> {
        Some(Reminders::of(calendar, self.asked?))
    }
}

impl Reminders {
    /// Of authorisers who were asked at `asked`.
    pub fn of(calendar: &Calendar, asked: Timestamp) -> Self {
        let hours = |count: i64| calendar.add(asked, count * HOUR_MICROS);
        let end = calendar.end_of_business_day_after(asked, UNAUTHORISED_DAYS);
        Self { first: hours(1), second: hours(4), escalation: hours(8), end }
    }

    /// In the order in which they come.
    pub const fn moments(&self) -> [Option<Timestamp>; 4] {
        [self.first, self.second, self.escalation, self.end]
    }
}

/// By when a customer who was told something at `told` should hear more.
pub fn update_due(calendar: &Calendar, told: Timestamp) -> Option<Timestamp> {
    calendar.end_of_business_day_after(told, UPDATE_DAYS)
}

impl Case {
    /// Begins and ends what it owes without a promise, by what was just done: `what`, which the customer sees or not.
    pub(crate) fn owe(&mut self, what: &str, is_seen: bool, now: Timestamp) {
        self.informal.asked = match (self.state, what) {
            (State::AwaitingAuthorisation, "ask-authorisation") => Some(now),
            (State::AwaitingAuthorisation, _) => self.informal.asked,
            _ => None,
        };
        let is_news = !OF_CUSTOMERS.contains(&what);
        if !self.owes_a_word() {
            self.informal.told = None;
        } else if is_seen && (is_news || self.informal.told.is_none()) {
            // What the customer says tells them nothing, but begins that they wait for an answer.
            self.informal.told = Some(now);
        }
    }

    /// Whether its customer waits for the desk. Where it is theirs to act, or all is told, nothing more is owed.
    const fn owes_a_word(&self) -> bool {
        !self.state.is_over()
            && !self.state.waits_for_customer()
            && !matches!(self.state, State::Quarantine | State::Unverified | State::Done | State::Informed)
    }
}

/// Acts that are customers' own.
const OF_CUSTOMERS: [&str; 8] =
    ["reply", "answer", "approve", "refuse", "disown", "adopt", "release", "leave-out"];
/// Business days.
const UPDATE_DAYS: u32 = 1;
/// Business days.
const UNAUTHORISED_DAYS: u32 = 5;
const HOUR_MICROS: i64 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Service;
    use crate::statement::tests::case;

    fn at(text: &str) -> Timestamp {
        Timestamp(format!("{text}-05:00").parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn a_customer_hears_of_an_open_case_by_the_end_of_the_next_business_day() {
        let service = Service::sample();
        for (told, due) in [
            ("2026-10-05T10:00:00", "2026-10-06T17:00:00"),
            // Before the desk opens the day that begins then is the next one; after Friday it is Monday.
            ("2026-10-05T06:00:00", "2026-10-05T17:00:00"),
            ("2026-10-09T16:30:00", "2026-10-12T17:00:00"),
        ] {
            let informal = Informal { told: Some(at(told)), asked: None };
            assert_eq!(informal.update_due(service.calendar()), Some(at(due)), "{told}");
        }
    }

    #[test]
    fn the_next_word_to_the_customer_begins_it_again_and_the_end_ends_it() {
        let service = Service::sample();
        let mut case = case("Acme", at("2026-10-05T10:00:00"), &service);
        let mut told = |state: State, what: &str, is_seen: bool, minute: i64| {
            case.state = state;
            case.owe(what, is_seen, Timestamp(minute));
            case.informal.told.map(|at| at.0)
        };
        assert_eq!(told(State::New, "open", true, 1), Some(1));
        assert_eq!(told(State::Acknowledged, "take", true, 2), Some(2));
        // What the desk says to itself, or the customer to the desk, tells the customer nothing.
        assert_eq!(told(State::Acknowledged, "note", false, 3), Some(2));
        assert_eq!(told(State::Acknowledged, "reply", true, 4), Some(2));
        assert_eq!(told(State::Acknowledged, "message", true, 5), Some(5));
        // It is the customer's turn; their answer begins it again.
        assert_eq!(told(State::NeedsInfo, "ask-info", true, 6), None);
        assert_eq!(told(State::NeedsInfo, "note", false, 7), None);
        assert_eq!(told(State::Acknowledged, "answer", true, 8), Some(8));
        assert_eq!(told(State::Done, "prove", true, 9), None);
        assert_eq!(told(State::Closed, "close", false, 10), None);
        assert_eq!(told(State::Acknowledged, "reopen", true, 11), Some(11));
    }

    #[test]
    fn z5_authorisers_are_reminded_from_when_they_were_asked_last() {
        let service = Service::sample();
        let mut case = case("Acme", at("2026-10-05T10:00:00"), &service);
        case.state = State::AwaitingAuthorisation;
        case.owe("ask-authorisation", true, at("2026-10-05T10:00:00"));
        case.owe("note", false, at("2026-10-05T11:00:00"));
        let reminders = case.informal.reminders(service.calendar()).unwrap();
        let expected =
            ["2026-10-05T11:00:00", "2026-10-05T14:00:00", "2026-10-06T09:00:00", "2026-10-12T17:00:00"];
        assert_eq!(reminders.moments(), expected.map(|text| Some(at(text))));
        case.state = State::Implementing;
        case.owe("authorise", true, at("2026-10-05T12:00:00"));
        assert_eq!((case.informal.asked, case.informal.told), (None, Some(at("2026-10-05T12:00:00"))));
    }
}
