//! M18: from alerts to cases to what was done.

use std::collections::BTreeSet;

use cases::flow::Flow;
use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Share, Unit};

/// What M18 says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Funnel {
    /// Alerts in cases that were opened in the period.
    pub alerts: u64,
    /// These cases.
    pub cases: u64,
    /// Of these the ones for which a change came into force.
    pub acted: Share,
    /// Alerts for each case.
    pub alerts_per_case: Option<f64>,
    /// Cases for each 10,000 attempts.
    pub cases_per_10_000_attempts: Option<f64>,
}

impl Measure for Funnel {
    const DEFINITION: Definition = Definition {
        id: "M18",
        name: "Alerts, cases, actions",
        formula: "alerts in cases opened in the period; cases; cases with a change in force; alerts / cases; 10,000 cases / A",
        unit: Unit::Count,
        version: 1,
        counts: "How many alerts became how many cases, and for how many of these something was changed.",
        omits: "Alerts that joined a case opened before the period, and cases that were joined into another.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let installed: BTreeSet<&str> = desk
            .entries
            .iter()
            .filter(|entry| entry.action == "install")
            .map(|entry| entry.subject.as_str())
            .collect();
        let is_meant = |case: &&cases::Case| {
            case.flow == Flow::Alert
                && period.contains(case.opened)
                && case
                    .closure
                    .as_ref()
                    .is_none_or(|closure| closure.reason != cases::flow::Reason::Duplicate)
        };
        let (mut alerts, mut acted) = (0, Share::default());
        for case in desk.cases.iter().filter(is_meant) {
            alerts += case.alerts;
            acted += Share::new(u64::from(installed.contains(case.number.to_string().as_str())), 1);
        }
        let cases = acted.whole;
        let attempts = desk.attempts.filter(|attempts| *attempts > 0);
        Self {
            alerts,
            cases,
            acted,
            alerts_per_case: (cases > 0).then(|| alerts as f64 / cases as f64),
            cases_per_10_000_attempts: attempts.map(|attempts| cases as f64 * 10_000.0 / attempts as f64),
        }
    }
}
