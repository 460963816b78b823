//! M27: requests that needed no question back.

use std::collections::BTreeMap;

use cases::flow::Flow;
use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Share, Unit};

/// What M27 says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Intake {
    /// Without a question back, of all requests.
    pub share: Share,
    /// By who asked, as the audit names them.
    pub contacts: BTreeMap<String, Share>,
}

impl Measure for Intake {
    const DEFINITION: Definition = Definition {
        id: "M27",
        name: "First-time-right intake",
        formula: "requests opened in the period without ask-info / all requests opened in the period; by contact",
        unit: Unit::Share,
        version: 1,
        counts: "Requests that we understood at once.",
        omits: "Requests of nobody we know, until a contact makes them its own.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let of = desk.by_case();
        let mut measured = Self::default();
        for case in
            desk.cases.iter().filter(|case| case.flow == Flow::Request && period.contains(case.opened))
        {
            let number = case.number.to_string();
            let entries = of.get(number.as_str()).map_or(&[][..], Vec::as_slice);
            let share = Share::new(u64::from(!entries.iter().any(|entry| entry.action == "ask-info")), 1);
            measured.share += share;
            if let Some(first) = entries.first() {
                *measured.contacts.entry(first.actor.clone()).or_default() += share;
            }
        }
        measured
    }
}
