//! M29: messages left at the phone desk.

use cases::case::Kind;
use cases::flow::State;
use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Times, Unit};

/// What M29 says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PhoneMessages {
    /// Messages that came in the period.
    pub received: u64,
    /// Of these thrown away unread.
    pub dropped: u64,
    /// Of these closed after somebody heard them.
    pub closed: u64,
    /// Of these not heard by anybody yet.
    pub unheard: u64,
    /// From the message until somebody took it.
    pub times: Times,
}

impl Measure for PhoneMessages {
    const DEFINITION: Definition = Definition {
        id: "M29",
        name: "Phone messages",
        formula: "phone cases opened in the period: all, dropped, closed, not taken; median and p90 until taken",
        unit: Unit::Count,
        version: 1,
        counts: "Messages left at the phone desk, and what became of them.",
        omits: "Transcription and purging of recordings: no record of them is kept.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let mut measured = Self::default();
        let mut times = Vec::new();
        let of = desk.by_case();
        for case in desk.cases.iter().filter(|case| case.kind == Kind::Phone && period.contains(case.opened))
        {
            let number = case.number.to_string();
            let mut entries = of.get(number.as_str()).into_iter().flatten();
            let taken = entries.find(|entry| entry.action == "take");
            measured.received += 1;
            measured.dropped += u64::from(case.state == State::Dropped);
            measured.closed += u64::from(case.state == State::Closed);
            measured.unheard += u64::from(taken.is_none() && !case.state.is_over());
            times.extend(taken.map(|taken| taken.at.micros_since(case.opened)));
        }
        measured.times = Times::of(times);
        measured
    }
}
