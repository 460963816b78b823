//! M25: what is left to do, and how old it is.

use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Times, Unit};

/// What M25 says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// Open at the end of the period, and how old they were then.
    pub ages: Times,
    /// Opened in the period.
    pub opened: u64,
    /// Closed in the period.
    pub closed: u64,
    /// `opened - closed`.
    pub growth: i64,
}

impl Measure for Backlog {
    const DEFINITION: Definition = Definition {
        id: "M25",
        name: "Backlog and age",
        formula: "cases open at the end; median, p90 and max of (end - opened); opened - closed",
        unit: Unit::Count,
        version: 1,
        counts: "Cases that were open at the end of the period and for how long, and whether there were more or fewer of them than before.",
        omits: "A case that was closed and opened again counts by its last closing.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let end = period.to.min(desk.now);
        let closed_at = |case: &cases::Case| case.closure.as_ref().map(|closure| closure.at);
        let is_open = |case: &&cases::Case| {
            let is_over = case.state.is_over() && closed_at(case).is_none_or(|at| at < end);
            case.opened < end && !is_over
        };
        let ages = desk.cases.iter().filter(is_open).map(|case| end.micros_since(case.opened)).collect();
        let opened = desk.cases.iter().filter(|case| period.contains(case.opened)).count() as u64;
        let closed = desk.cases.iter().filter_map(closed_at).filter(|at| period.contains(*at)).count() as u64;
        Self { ages: Times::of(ages), opened, closed, growth: opened.cast_signed() - closed.cast_signed() }
    }
}
