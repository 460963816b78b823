//! M31: how long authorisers take.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Times, Unit};

/// What M31 says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Authorisation {
    /// Over all decisions.
    pub all: Times,
    /// By authoriser.
    pub authorisers: BTreeMap<String, Times>,
    /// Asked in the period and not decided.
    pub open: u64,
}

impl Measure for Authorisation {
    const DEFINITION: Definition = Definition {
        id: "M31",
        name: "Authorisation latency",
        formula: "median and p90 of (approve or refuse - last ask-authorisation before it), decisions in the period, per authoriser",
        unit: Unit::Seconds,
        version: 1,
        counts: "How long your authorisers took to decide: time that is yours and not the desk's.",
        omits: "Standing authorisations, which decide beforehand.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let mut of: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        let mut open = 0;
        for entries in desk.by_case().values() {
            let (mut asked, mut is_decided) = (None, true);
            for entry in entries {
                match entry.action.as_str() {
                    "ask-authorisation" => (asked, is_decided) = (Some(entry.at), false),
                    "approve" | "refuse" => {
                        is_decided = true;
                        if let Some(asked) = asked.filter(|_| period.contains(entry.at)) {
                            of.entry(entry.actor.clone()).or_default().push(entry.at.micros_since(asked));
                        }
                    }
                    _ => {}
                }
            }
            open += u64::from(!is_decided && asked.is_some_and(|asked| period.contains(asked)));
        }
        let all = Times::of(of.values().flatten().copied().collect());
        Self {
            all,
            authorisers: of.into_iter().map(|(name, micros)| (name, Times::of(micros))).collect(),
            open,
        }
    }
}
