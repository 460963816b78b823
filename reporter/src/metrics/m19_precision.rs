//! M19: how often the alerts of a rule were right.

use std::collections::BTreeMap;

use serde::Serialize;

use super::desk::{Judgement, judgement};
use super::{Definition, Desk, Interval, Measure, Period, Share, Unit};

/// What M19 says: rules below 50 % first, then by name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Precision {
    /// By rule or threshold.
    pub rules: Vec<RulePrecision>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RulePrecision {
    /// Its name.
    pub rule: String,
    /// Right ones of all that were judged.
    pub share: Share,
    /// Where the true share lies.
    pub interval: Option<Interval>,
}

impl Measure for Precision {
    const DEFINITION: Definition = Definition {
        id: "M19",
        name: "Alert precision per rule",
        formula: "TP / (TP + FP) of cases closed in the period; TP: resolved or accepted risk, FP: false positive or benign",
        unit: Unit::Share,
        version: 1,
        counts: "Of the alerts of a rule that somebody judged the share that was right.",
        omits: "Cases that are open, were joined into another, or ended without a judgement.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let mut of: BTreeMap<&str, Share> = BTreeMap::new();
        for (rule, case) in desk.closed_alerts(period) {
            match judgement(case) {
                Judgement::True => *of.entry(rule).or_default() += Share::new(1, 1),
                Judgement::False => *of.entry(rule).or_default() += Share::new(0, 1),
                Judgement::Open => {}
            }
        }
        let mut rules: Vec<RulePrecision> = of
            .into_iter()
            .map(|(rule, share)| RulePrecision { rule: rule.to_owned(), share, interval: share.wilson() })
            .collect();
        rules.sort_by_key(|rule| rule.share.value().is_none_or(|value| value >= 0.5));
        Self { rules }
    }
}
