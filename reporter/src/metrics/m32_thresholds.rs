//! M32: whether thresholds ring as often as was agreed, and for something.

use std::collections::BTreeMap;

use serde::Serialize;

use super::desk::{Judgement, judgement, rule};
use super::{Definition, Desk, Measure, Period, Share, Unit};

/// What M32 says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Thresholds {
    /// By rule or threshold.
    pub thresholds: BTreeMap<String, Ringing>,
    /// Alerts a week, all of them.
    pub alerts_a_week: f64,
    /// Alerts a week that were agreed.
    pub budget: f64,
}

/// One threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Ringing {
    /// Alerts in hours of the period.
    pub alerts: u64,
    /// The same for a week.
    pub alerts_a_week: f64,
    /// Real ones of the cases that were judged in the period.
    pub real: Share,
}

impl Measure for Thresholds {
    const DEFINITION: Definition = Definition {
        id: "M32",
        name: "Threshold quality",
        formula: "alerts per threshold in the period / weeks, beside the budget; TP / (TP + FP) of its cases judged in the period",
        unit: Unit::Count,
        version: 1,
        counts: "How often each threshold rang in a week, whether that is more than was agreed, and how often there was something.",
        omits: "Alerts of hours that a case no longer keeps, which are the latest 72 with alerts of each. The drift of a baseline stands in the \
                report on baselines.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let weeks = period.to.micros_since(period.from) as f64 / WEEK_MICROS;
        let mut of: BTreeMap<String, Ringing> = BTreeMap::new();
        let hours = period.from.0.div_euclid(HOUR_MICROS)..(period.to.0 - 1).div_euclid(HOUR_MICROS) + 1;
        for case in desk.cases {
            let Some(rule) = rule(case) else { continue };
            let alerts: u64 = case
                .spark
                .iter()
                .filter(|(hour, _)| hours.contains(hour))
                .map(|(_, count)| u64::from(*count))
                .sum();
            if alerts > 0 {
                of.entry(rule.to_owned()).or_default().alerts += alerts;
            }
        }
        for (rule, case) in desk.closed_alerts(period) {
            let real = &mut of.entry(rule.to_owned()).or_default().real;
            match judgement(case) {
                Judgement::True => *real += Share::new(1, 1),
                Judgement::False => *real += Share::new(0, 1),
                Judgement::Open => {}
            }
        }
        for ringing in of.values_mut() {
            ringing.alerts_a_week = ringing.alerts as f64 / weeks;
        }
        let all: u64 = of.values().map(|ringing| ringing.alerts).sum();
        Self { thresholds: of, alerts_a_week: all as f64 / weeks, budget: desk.alerts_a_week }
    }
}

const HOUR_MICROS: i64 = 3_600_000_000;
const WEEK_MICROS: f64 = 168.0 * 3_600_000_000.0;
