//! Alerts that firewall rules ask for: one per rule and caller while it goes on, never one per call.

use std::collections::{BTreeMap, VecDeque};

use rules::Timestamp;
use rules::policy::AlertLevel;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::line::{CallLine, rfc3339};

/// After so long without a further call the next one is a new alert.
const COOL_DOWN_SECONDS: i64 = 1_800;
/// Call-IDs kept with an alert.
const CALLS_MAX: usize = 50;
/// Alerts that may be open at once; past it the one that was quiet longest is closed.
const OPEN_MAX: usize = 100_000;

/// A line of `replay --alerts`.
#[derive(Clone, Debug, Serialize)]
pub struct Alert {
    /// UUID version 8 (RFC 9562) of a hash of customer, rule, key, level and the first attempt: the same replay gives
    /// the same.
    pub id: String,
    /// When it was raised.
    pub at: String,
    /// Whose policy raised it.
    pub customer: String,
    /// The rule's name.
    pub rule: String,
    /// `warning` or `critical`.
    pub level: &'static str,
    /// `info`, `warning` or `critical`.
    pub severity: &'static str,
    /// What it counts by.
    pub key: Key,
    /// Attempts.
    pub count: u64,
    /// The limit reached; null for a firewall rule, which needs no count.
    pub limit: Option<u64>,
    /// The window; null for a firewall rule.
    pub window: Option<String>,
    /// The first attempt.
    pub first: String,
    /// The last attempt.
    pub last: String,
    /// Attempts altogether.
    pub total_calls: u64,
    /// Call-IDs of the first attempts.
    pub calls: Vec<String>,
}

/// What an alert counts by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Key {
    /// The caller as the call record names it.
    pub caller: String,
}

/// Folds attempts into alerts.
#[derive(Debug, Default)]
pub struct Alerts {
    open: BTreeMap<(String, String, &'static str, Key), (Alert, Timestamp)>,
    closed: VecDeque<Alert>,
    raised: u64,
}

impl Alerts {
    /// Takes one attempt whose verdict asks for an alert.
    pub fn see(&mut self, line: &CallLine<'_>, level: AlertLevel, at: Timestamp) {
        let (Some(customer), Some(rule)) = (line.customer, line.rule) else { return };
        let severity = match level {
            AlertLevel::None => return,
            AlertLevel::Info => "info",
            AlertLevel::Warning => "warning",
            AlertLevel::Critical => "critical",
        };
        let key = Key { caller: line.caller.to_string() };
        let place = (customer.to_owned(), rule.to_owned(), severity, key.clone());
        let call_id = line.call_id.as_deref().unwrap_or_default().to_owned();
        if let Some((alert, last)) = self.open.get_mut(&place)
            && at.micros_since(*last) < COOL_DOWN_SECONDS * 1_000_000
        {
            (alert.count, alert.total_calls) = (alert.count + 1, alert.total_calls + 1);
            alert.last = rfc3339(at);
            if alert.calls.len() < CALLS_MAX {
                alert.calls.push(call_id);
            }
            *last = at;
            return;
        }
        self.make_room();
        let level = if severity == "critical" { "critical" } else { "warning" };
        let moment = rfc3339(at);
        let alert = Alert {
            id: identifier(&[customer, rule, &key.caller, level, &call_id, &moment]),
            at: moment.clone(),
            customer: customer.to_owned(),
            rule: rule.to_owned(),
            level,
            severity,
            key,
            count: 1,
            limit: None,
            window: None,
            first: moment.clone(),
            last: moment,
            total_calls: 1,
            calls: vec![call_id],
        };
        self.raised += 1;
        if let Some((before, _)) = self.open.insert(place, (alert, at)) {
            self.closed.push_back(before);
        }
    }

    /// How many were raised.
    pub fn raised(&self) -> u64 {
        self.raised
    }

    /// An alert that was closed to make room, or because its caller came back after a pause.
    pub fn pop(&mut self) -> Option<Alert> {
        self.closed.pop_front()
    }

    /// All that are left, in the order in which they were raised.
    pub fn finish(self) -> Vec<Alert> {
        let mut left: Vec<Alert> =
            self.closed.into_iter().chain(self.open.into_values().map(|(alert, _)| alert)).collect();
        left.sort_by(|a, b| (&a.at, &a.id).cmp(&(&b.at, &b.id)));
        left
    }

    /// Closes the half that was quiet longest, so that a flood of callers costs little for each.
    fn make_room(&mut self) {
        if self.open.len() < OPEN_MAX {
            return;
        }
        let mut moments: Vec<Timestamp> = self.open.values().map(|(_, last)| *last).collect();
        let middle = moments.len() / 2;
        let (_, &mut median, _) = moments.select_nth_unstable(middle);
        for (_, (alert, _)) in self.open.extract_if(.., |_, (_, last)| *last <= median) {
            self.closed.push_back(alert);
        }
    }
}

/// A UUID version 8 of a hash of `parts`.
fn identifier(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut bits = digest.iter().take(16).fold(0u128, |bits, &byte| bits << 8 | u128::from(byte));
    bits = bits & !(0xf << 76) | 0x8 << 76;
    bits = bits & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_of_version_8_and_repeatable() {
        let id = identifier(&["customer", "rule"]);
        assert_eq!(id, identifier(&["customer", "rule"]));
        assert_ne!(id, identifier(&["customerr", "ule"]));
        assert_eq!((id.len(), id.as_bytes()[14], id.as_bytes()[19] & !3), (36, b'8', b'8'));
    }
}
