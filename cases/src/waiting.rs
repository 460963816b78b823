//! What ends by itself when nobody does anything: requests that nobody adopts, questions that nobody answers, mail in
//! quarantine, and what is done and told without a word against it.

use rules::Timestamp;

use crate::flow::{Reason, Signal, State};
use crate::{Calendar, Case};

/// Where something may wait.
pub const STATES: [State; 5] =
    [State::Unverified, State::NeedsInfo, State::Quarantine, State::Informed, State::Done];

/// What is to happen to `case`, which has stood where it does since `since`; nothing yet, mostly.
pub fn due(case: &Case, since: Timestamp, calendar: &Calendar, now: Timestamp) -> Option<Signal> {
    let after = |days| calendar.end_of_business_day_after(since, days).is_some_and(|end| end <= now);
    match case.state {
        // N-4.
        State::Unverified if !case.is_appeal() && after(UNADOPTED_DAYS) => {
            Some(Signal::Close(Reason::NotAuthorised))
        }
        State::NeedsInfo if after(UNANSWERED_DAYS) => Some(Signal::Close(Reason::NoAnswer)),
        State::Informed | State::Done if after(UNOPPOSED_DAYS) => Some(Signal::Close(Reason::Resolved)),
        State::Quarantine if now.micros_since(since) >= QUARANTINE_MICROS => Some(Signal::Drop),
        _ => None,
    }
}

/// The sentence that a case is closed with.
pub const fn words(signal: &Signal) -> &'static str {
    match signal {
        Signal::Close(Reason::NotAuthorised) => {
            "no registered contact made it their own within 5 business days"
        }
        Signal::Close(Reason::NoAnswer) => "what was missing was not said within 10 business days",
        Signal::Close(Reason::Resolved) => "nobody objected within 2 business days",
        _ => "30 days in quarantine",
    }
}

/// Business days.
const UNADOPTED_DAYS: u32 = 5;
/// Business days.
const UNANSWERED_DAYS: u32 = 10;
/// Business days.
const UNOPPOSED_DAYS: u32 = 2;
const QUARANTINE_MICROS: i64 = 30 * 86_400 * 1_000_000;
