//! M23: promises that were kept, clock by clock.

use std::collections::BTreeMap;

use cases::Clock;
use rules::Timestamp;
use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Share, Unit};

/// What M23 says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attainment {
    /// By what is counted: acknowledge, complete, notify.
    pub clocks: BTreeMap<&'static str, Kept>,
    /// Due times that were replaced in the period: case, clock, and why.
    pub voided: Vec<Voided>,
}

/// One kind of clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Met before the target, of all that ended or became late.
    pub target: Share,
    /// The same for the contract's limit.
    pub contract: Share,
}

/// A due time that no longer counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Voided {
    /// The case.
    pub case: String,
    /// What was counted.
    pub clock: &'static str,
    /// When it was replaced.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

impl Measure for Attainment {
    const DEFINITION: Definition = Definition {
        id: "M23",
        name: "SLA attainment per clock",
        formula: "met / (met + missed), by clock, for target and contract; clocks that stopped in the period, or are open and late at its end",
        unit: Unit::Share,
        version: 1,
        counts: "How many promised times were kept. One that is still open and late counts as missed.",
        omits: "Clocks that run and are not late. Due times that were replaced are listed with the reason, and do not count.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let end = period.to.min(desk.now);
        let mut measured = Self::default();
        for case in desk.cases {
            for clock in &case.clocks {
                let kept = measured.clocks.entry(clock.kind.name()).or_default();
                kept.target += judged(clock, clock.due.target, period, end);
                kept.contract += judged(clock, clock.due.contract, period, end);
                let replaced = clock.replaced.iter().filter(|replaced| period.contains(replaced.at));
                measured.voided.extend(replaced.map(|replaced| Voided {
                    case: case.number.to_string(),
                    clock: clock.kind.name(),
                    at: replaced.at,
                    why: replaced.why.clone(),
                }));
            }
        }
        measured
    }
}

fn judged(clock: &Clock, due: Timestamp, period: &Period, end: Timestamp) -> Share {
    match clock.stopped {
        Some(stopped) if period.contains(stopped) => Share::new(u64::from(stopped <= due), 1),
        Some(stopped) if stopped < period.to => Share::default(),
        // At the end of the period it had not stopped.
        _ if clock.start < end && due < end => Share::new(0, 1),
        _ => Share::default(),
    }
}
