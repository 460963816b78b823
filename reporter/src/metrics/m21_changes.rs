//! M21: changes of policy, and how long they take.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Times, Unit};

/// What M21 says: cases, each counted once however often it was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// A change was proposed.
    pub requested: u64,
    /// Enough authorisers said yes.
    pub authorised: u64,
    /// An authoriser said no.
    pub refused: u64,
    /// It came into force.
    pub implemented: u64,
    /// It was taken back.
    pub rolled_back: u64,
    /// From the opening of the case until the change was in force.
    pub times: Times,
}

impl Measure for Changes {
    const DEFINITION: Definition = Definition {
        id: "M21",
        name: "Policy changes",
        formula: "cases with propose / authorise / refuse / install / roll-back in the period; median of (install - opened)",
        unit: Unit::Count,
        version: 1,
        counts: "Changes that were proposed, authorised, refused, put in force and taken back, and how long it took from the request to the effect.",
        omits: "Changes that no case asked for, such as lists that are fetched.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let distinct = |actions| {
            desk.done(period, actions).map(|entry| entry.subject.as_str()).collect::<BTreeSet<_>>().len()
                as u64
        };
        let opened: BTreeMap<String, _> =
            desk.cases.iter().map(|case| (case.number.to_string(), case.opened)).collect();
        let mut first: BTreeMap<&str, i64> = BTreeMap::new();
        for entry in desk.done(period, &["install"]) {
            if let Some(opened) = opened.get(&entry.subject) {
                first.entry(entry.subject.as_str()).or_insert_with(|| entry.at.micros_since(*opened));
            }
        }
        Self {
            requested: distinct(&["propose"]),
            authorised: distinct(&["authorise"]),
            refused: distinct(&["refuse"]),
            implemented: distinct(&["install"]),
            rolled_back: distinct(&["roll-back"]),
            times: Times::of(first.into_values().collect()),
        }
    }
}
