//! What cases say about calls after the fact: labels, and attacks.

use std::collections::{BTreeMap, BTreeSet};

use cases::audit::Entry;
use cases::case::Kind;
use cases::change::Line;
use cases::flow::Reason;
use cases::{Case, CaseNumber, Change};
use rules::Timestamp;

use super::desk::{Judgement, judgement, rule};
use super::{Campaign, Judged, Label};

/// Labels and campaigns of cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgements {
    /// What calls were.
    pub labels: Vec<Label>,
    /// Attacks, and when their block held.
    pub campaigns: Vec<Campaign>,
}

impl Judgements {
    /// Of closed cases and of changes in force:
    ///
    /// - A case of alerts that counts by caller, resolved: its calls were unwanted, and it is a campaign, which ended when its
    ///   rule held it back, or a change did.
    /// - One that was a false positive or benign: what its rule blocked of its caller should have passed.
    /// - A number that was put on a list for a request to block: its calls of the 30 days before were unwanted.
    /// - A number that left a list for a request to unblock: its blocks of the 30 days before were wrong.
    ///
    /// `changes` are those of `cases`, `entries` the audit, of which the time of `install` is taken.
    pub fn of(cases: &[Case], changes: &BTreeMap<CaseNumber, Change>, entries: &[Entry]) -> Self {
        let mut installed: BTreeMap<&str, Timestamp> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.action == "install") {
            installed.entry(entry.subject.as_str()).or_insert(entry.at);
        }
        let mut judgements = Self::default();
        for case in cases {
            let number = case.number.to_string();
            let at = installed.get(number.as_str()).copied();
            if let Some(rule) = rule(case) {
                judgements.of_alerts(case, rule, number, at);
            } else if let (Some(at), Some(change)) = (at, changes.get(&case.number)) {
                judgements.of_request(case, change, number, at);
            }
        }
        judgements
    }

    fn of_alerts(&mut self, case: &Case, rule: &str, number: String, installed: Option<Timestamp>) {
        let Some(caller) = case.key.as_deref().and_then(caller) else { return };
        let to = Timestamp(case.last.0.saturating_add(1));
        let label = |judged, rule| Label {
            caller: Some(caller),
            rule,
            from: case.first,
            to,
            judged,
            case: number.clone(),
        };
        match judgement(case) {
            Judgement::False => self.labels.push(label(Judged::Wanted, Some(rule.to_owned()))),
            Judgement::True
                if case.closure.as_ref().is_some_and(|closure| closure.reason == Reason::Resolved) =>
            {
                self.labels.push(label(Judged::Unwanted, None));
                self.campaigns.push(Campaign {
                    callers: BTreeSet::from([caller]),
                    first: case.first,
                    last: case.last,
                    contained: installed.into_iter().chain(case.contained).min(),
                    case: number,
                });
            }
            _ => {}
        }
    }

    fn of_request(&mut self, case: &Case, change: &Change, number: String, installed: Timestamp) {
        for line in &change.lines {
            let (entry, judged) = match (case.kind, line) {
                (Kind::Block, Line::Add { entry, .. }) => (entry, Judged::Unwanted),
                (Kind::Unblock, Line::Remove { entry, .. }) => (entry, Judged::Wanted),
                _ => continue,
            };
            if let Some(caller) = digits(entry) {
                let from = Timestamp(case.opened.0.saturating_sub(BEFORE_MICROS));
                let case = number.clone();
                self.labels.push(Label {
                    caller: Some(caller),
                    rule: None,
                    from,
                    to: installed,
                    judged,
                    case,
                });
            }
        }
    }
}

/// The caller in a key by which alerts join a case, where it is a number.
fn caller(key: &str) -> Option<u64> {
    key.split('|').find_map(|part| digits(part.strip_prefix("caller=")?))
}

/// The digits of one international number.
fn digits(text: &str) -> Option<u64> {
    let digits: String = text.strip_prefix('+')?.chars().filter(|it| !matches!(it, ' ' | '-')).collect();
    let is_number = (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

/// Of a number that a request is about so much is looked back on.
const BEFORE_MICROS: i64 = 30 * 86_400 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_in_keys_are_numbers_or_none() {
        for (key, expected) in [
            ("harassment|caller=+12105550100", Some(12_105_550_100)),
            ("harassment#2|called=+12105550142|caller=+442079460100", Some(442_079_460_100)),
            ("harassment|caller=anonymous", None),
            ("harassment|called=+12105550142", None),
            ("harassment|caller=+1210*", None),
            ("storm", None),
        ] {
            assert_eq!(caller(key), expected, "{key}");
        }
    }
}
