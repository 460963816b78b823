//! M24: how long until somebody takes a case, and until it is done.

use std::collections::BTreeMap;

use cases::ClockKind;
use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Times, Unit};

/// What M24 says, by kind and severity of the case such as `block/info`, and over all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResponseTimes {
    /// Over all cases.
    pub all: Responses,
    /// By kind and severity.
    pub groups: BTreeMap<String, Responses>,
}

/// How long cases took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Responses {
    /// To acknowledge, on the wall's clock.
    pub acknowledge: Times,
    /// The same in business time, without waiting for the customer.
    pub acknowledge_business: Times,
    /// To complete, on the wall's clock.
    pub complete: Times,
    /// The same in business time, without waiting for the customer.
    pub complete_business: Times,
}

#[derive(Default)]
struct Taken([Vec<i64>; 4]);

impl Measure for ResponseTimes {
    const DEFINITION: Definition = Definition {
        id: "M24",
        name: "MTTA and MTTR",
        formula: "median and p90 of (stop - start) of acknowledge and complete clocks stopped in the period: wall time, and business time net of \
                  waits for the customer",
        unit: Unit::Seconds,
        version: 1,
        counts: "How long it took until somebody worked on a case, and until it was done.",
        omits: "Cases that are still open. Medians, not means: one very long case does not hide the others.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let (mut all, mut groups) = (Taken::default(), BTreeMap::<String, Taken>::new());
        for case in desk.cases {
            for clock in &case.clocks {
                let Some(stopped) = clock.stopped.filter(|stopped| period.contains(*stopped)) else {
                    continue;
                };
                let place = match clock.kind {
                    ClockKind::Acknowledge => 0,
                    ClockKind::Complete => 2,
                    ClockKind::Notify => continue,
                };
                let (wall, business) =
                    (stopped.micros_since(clock.start), clock.net_business_time(desk.calendar, desk.now));
                let group =
                    groups.entry(format!("{}/{}", case.kind.name(), case.severity.name())).or_default();
                for taken in [&mut all, group] {
                    for (times, micros) in taken.0.iter_mut().skip(place).zip([wall, business]) {
                        times.push(micros);
                    }
                }
            }
        }
        let groups = groups.into_iter().map(|(name, taken)| (name, taken.responses()));
        Self { groups: groups.collect(), all: all.responses() }
    }
}

impl Taken {
    fn responses(self) -> Responses {
        let [acknowledge, acknowledge_business, complete, complete_business] = self.0.map(Times::of);
        Responses { acknowledge, acknowledge_business, complete, complete_business }
    }
}
