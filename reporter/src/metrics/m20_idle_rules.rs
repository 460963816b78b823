//! M20: rules that never decide.

use records::Columns;
use serde::{Deserialize, Serialize};

use super::tally::Tally;
use super::{Context, Definition, Fold, Period, Rows, Unit};

/// Attempts by the rule that decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleHits {
    rules: Tally<String>,
}

/// What M20 says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleUse {
    /// Rules of the policy that decided nothing, in its order.
    pub idle: Vec<String>,
    /// Rules that an earlier one always comes before: which, and by which.
    pub shadowed: Vec<(String, String)>,
    /// Attempts by the rule that decided, the busiest first: 100 at most.
    pub hits: Vec<(String, u64)>,
}

impl Fold for RuleHits {
    const DEFINITION: Definition = Definition {
        id: "M20",
        name: "Idle and shadowed rules",
        formula: "rules of the policy with no attempt that they decided; rules that the prover shows to be never reached",
        unit: Unit::Count,
        version: 1,
        counts: "Rules that decided no call in the period: 90 days in the report on rules. Rules that can never decide one because an earlier rule \
                 always does.",
        omits: "What a rule that only watches would have decided counts as a hit of it, since records name it.",
    };
    const NEEDS: Columns = Columns::NONE;
    type Answer = RuleUse;

    fn take(&mut self, rows: &Rows<'_>) {
        let words = &rows.batch.rule;
        let mut counts = vec![0u64; words.words().len() + 1];
        for attempt in rows.attempts() {
            let code = words.codes().get(attempt.row).map_or(0, |code| *code as usize);
            if let Some(count) = counts.get_mut(code) {
                *count += 1;
            }
        }
        for (code, count) in counts.into_iter().enumerate().skip(1) {
            if let Some(rule) = u32::try_from(code).ok().and_then(|code| words.word(code)) {
                self.rules.add(rule.to_owned(), count);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.rules.merge(other.rules);
    }

    fn answer(&self, context: &Context, _: &Period) -> RuleUse {
        let idle = context.rules.iter().filter(|rule| self.rules.count(&rule.name) == 0);
        let shadowed =
            context.rules.iter().filter_map(|rule| Some((rule.name.clone(), rule.shadowed_by.clone()?)));
        RuleUse {
            idle: idle.map(|rule| rule.name.clone()).collect(),
            shadowed: shadowed.collect(),
            hits: self.rules.top(100),
        }
    }
}
