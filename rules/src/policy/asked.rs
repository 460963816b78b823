//! What a policy asks about calls beyond the facts that every record keeps.

use crate::policy::{Condition, Mode, Policy, RuleAction, TextField};

impl Policy {
    /// Headers that its rules and thresholds look at by name, in lower case, each once. What is off counts as well: it may be
    /// tried on recorded calls.
    pub fn headers_asked(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for condition in self.conditions() {
            if let Condition::Text(TextField::Header(name), _) = condition
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
        names
    }

    /// Whether its verdict on a call depends on when other calls came or ended: by a limit, or by a threshold.
    pub fn counts_calls(&self) -> bool {
        let limits = |action: &RuleAction| matches!(action, RuleAction::Limit(_));
        self.has_thresholds
            || self.text.firewall.iter().any(|rule| rule.mode != Mode::Off && limits(&rule.action))
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let rules = self.text.firewall.iter().flat_map(|rule| rule.when.iter().chain(&rule.unless));
        let thresholds = self.thresholds.iter();
        rules.chain(thresholds.flat_map(|one| one.when.iter().chain(&one.unless).chain(&one.block_when)))
    }
}
