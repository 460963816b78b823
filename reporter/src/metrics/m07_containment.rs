//! M7: how long attacks go on before their block holds.

use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Times, Unit};

/// What M7 says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Containment {
    /// From the first call of a campaign until its block was in force.
    pub times: Times,
    /// Campaigns that began in the period and have no block.
    pub open: u64,
}

impl Measure for Containment {
    const DEFINITION: Definition = Definition {
        id: "M7",
        name: "Time to containment",
        formula: "median and p90 of (block in force - first call of the campaign), campaigns whose block came in the period",
        unit: Unit::Seconds,
        version: 1,
        counts: "How long an attack went on before the block that ended it was in force.",
        omits: "Attacks that no case tells of. Those without a block are counted apart.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let campaigns = || desk.context.campaigns.iter();
        let contained =
            campaigns().filter_map(|it| Some((it.first, it.contained.filter(|at| period.contains(*at))?)));
        let times = contained.map(|(first, contained)| contained.micros_since(first).max(0)).collect();
        let open = campaigns().filter(|it| it.contained.is_none() && period.contains(it.first)).count();
        Self { times: Times::of(times), open: open as u64 }
    }
}
