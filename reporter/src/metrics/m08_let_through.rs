//! M8: calls of campaigns that got through before a block held.

use std::collections::BTreeMap;

use records::Columns;
use serde::{Deserialize, Serialize};

use super::{Class, Context, Definition, Fold, Period, Rows, Unit};

/// Passed calls by campaign, those before its block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetThrough {
    cases: BTreeMap<String, Through>,
}

/// Calls of one campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Through {
    /// Let on before its block held, or at all where there was none.
    pub passed_before: u64,
    /// Let on afterwards.
    pub passed_after: u64,
    /// Blocked.
    pub blocked: u64,
}

/// What M8 says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GotThrough {
    /// Over all campaigns.
    pub total: u64,
    /// By the case that tells of the campaign.
    pub cases: BTreeMap<String, Through>,
}

impl Fold for LetThrough {
    const DEFINITION: Definition = Definition {
        id: "M8",
        name: "Calls that got through before containment",
        formula: "sum over campaigns of passed attempts of its callers from its first call until its block",
        unit: Unit::Count,
        version: 1,
        counts: "Of each attack that a case tells of the calls that still went through before the block that ended it.",
        omits: "Callers of the attack that the case does not name.",
    };
    const NEEDS: Columns = Columns::NONE;
    type Answer = GotThrough;

    fn take(&mut self, rows: &Rows<'_>) {
        if !rows.has_campaigns() {
            return;
        }
        for attempt in rows.attempts() {
            let caller = rows.batch.caller.get(attempt.row).copied().unwrap_or_default();
            for place in rows.index.campaigns(caller) {
                let start = rows.batch.start.get(attempt.row).copied().unwrap_or_default();
                let Some(campaign) = rows.context.campaigns.get(*place) else { continue };
                if start < campaign.first.0 || start > campaign.last.0 {
                    continue;
                }
                let through = self.cases.entry(campaign.case.clone()).or_default();
                let is_before = campaign.contained.is_none_or(|contained| start < contained.0);
                match attempt.class {
                    Class::Passed if is_before => through.passed_before += 1,
                    Class::Passed => through.passed_after += 1,
                    Class::Blocked => through.blocked += 1,
                    _ => {}
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        for (case, more) in other.cases {
            let through = self.cases.entry(case).or_default();
            through.passed_before += more.passed_before;
            through.passed_after += more.passed_after;
            through.blocked += more.blocked;
        }
    }

    fn answer(&self, _: &Context, _: &Period) -> GotThrough {
        let total = self.cases.values().map(|through| through.passed_before).sum();
        GotThrough { total, cases: self.cases.clone() }
    }
}
