//! A block that a threshold has set, as people and machines read it.

use std::collections::BTreeMap;
use std::fmt;

use engine::Restraint;
use rules::Action;
use rules::policy::PolicySet;
use serde::Serialize;

use crate::alert::{Amount, identifier};
use crate::json::{counted, printable};
use crate::text::rfc3339;

/// One thing that a breached threshold has set in force.
#[derive(Clone, Debug, Serialize)]
pub struct Block {
    /// Eight digits of a hash of customer, rule and key: the same as long as it is in force.
    pub id: String,
    /// Whose policy set it.
    pub customer: String,
    /// The threshold's name.
    pub rule: String,
    /// `warning` or `critical`.
    pub level: &'static str,
    /// `block`, `divert`, `tag` or `limit`.
    pub action: &'static str,
    /// Against whom it holds: names of policy files, and values.
    pub key: BTreeMap<&'static str, String>,
    /// What was counted when it was set.
    pub count: Amount,
    /// The limit that it reached.
    pub limit: Amount,
    /// Since when.
    pub since: String,
    /// Until when.
    pub until: String,
    /// Attempts that it was held against.
    pub hits: u64,
    /// Whether somebody lifted it.
    pub lifted: bool,
}

impl Block {
    /// What `restraint` says; `None` when its policy is not among `policies`.
    pub fn new(restraint: &Restraint, policies: &PolicySet) -> Option<Self> {
        let policy = policies.policy(restraint.policy as usize)?;
        let threshold = policy.threshold(restraint.measure.threshold)?;
        let key: BTreeMap<&'static str, String> = restraint.key.iter().cloned().collect();
        let variant = restraint.measure.threshold.0.to_string();
        let mut parts = vec![policy.name(), &threshold.name, &variant];
        parts.extend(key.iter().flat_map(|(name, value)| [*name, value.as_str()]));
        Some(Self {
            id: identifier(&parts).chars().take(8).collect(),
            customer: policy.name().to_owned(),
            rule: threshold.name.clone(),
            level: if restraint.measure.critical { "critical" } else { "warning" },
            action: threshold
                .action(restraint.measure.critical)
                .and_then(|action| action.deed.action())
                .map_or("alert", Action::word),
            key,
            count: Amount(restraint.measure.value),
            limit: Amount(restraint.measure.limit),
            since: rfc3339(restraint.since),
            until: rfc3339(restraint.until),
            hits: restraint.hits,
            lifted: restraint.lifted,
        })
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<String> =
            self.key.iter().map(|(name, value)| format!("{name} {}", printable(value))).collect();
        let state = if self.lifted { "lifted, would hold" } else { self.action };
        write!(
            f,
            "{}  {} {} until {}  by \"{}\" of {} ({}, {} of {} at {}), {}",
            self.id,
            key.join(", "),
            state,
            self.until,
            printable(&self.rule),
            printable(&self.customer),
            self.level,
            self.count,
            self.limit,
            self.since,
            counted(self.hits, "attempt")
        )
    }
}
