//! M17: cases of fraud, by type and outcome.

use std::collections::BTreeMap;

use serde::Serialize;

use super::desk::rule;
use super::{Definition, Desk, Measure, Period, Unit};

/// What M17 says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FraudCases {
    /// By detection, then by why they were closed, or `open`.
    pub types: BTreeMap<String, BTreeMap<String, u64>>,
    /// All.
    pub total: u64,
}

impl Measure for FraudCases {
    const DEFINITION: Definition = Definition {
        id: "M17",
        name: "Vishing and fraud cases",
        formula: "cases opened in the period by a detection of fraud, by detection and outcome",
        unit: Unit::Count,
        version: 1,
        counts: "Cases that began with an alert of a detection of fraud or of calls that fish for secrets, and how they ended.",
        omits: "What a customer lost or was spared, and which department was meant: cases do not record it as numbers.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let mut types: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for case in desk.cases.iter().filter(|case| period.contains(case.opened)) {
            // A variant of a detection is the same type.
            let Some(rule) = rule(case).map(|rule| rule.split('#').next().unwrap_or(rule)) else { continue };
            if FRAUD.contains(&rule) {
                let outcome = case.closure.as_ref().map_or("open", |closure| closure.reason.name());
                *types.entry(rule.to_owned()).or_default().entry(outcome.to_owned()).or_default() += 1;
            }
        }
        let total = types.values().flat_map(BTreeMap::values).sum();
        Self { types, total }
    }
}

/// Shipped detections whose alerts tell of fraud.
const FRAUD: [&str; 9] = [
    "after-hours-outbound",
    "concurrent-call-theft",
    "fraud-test-calls",
    "international-revenue-share-fraud",
    "sim-box",
    "traffic-pumping",
    "transfer-fraud",
    "voicemail-break-in",
    "wangiri",
];
