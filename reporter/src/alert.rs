//! Alerts: one per rule and caller, or per threshold and key, while it goes on; never one per call.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use engine::{Breach, Silence};
use rules::policy::{AlertLevel, PolicySet};
use rules::{Action, Timestamp};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::line::CallLine;
use crate::text::rfc3339;
use crate::threshold::duration;

/// The rule of alerts about trunks that say nothing.
const SILENT_TRUNK: &str = "silent-trunk";
/// After so long without a further call the next one is a new alert.
const COOL_DOWN_SECONDS: i64 = 1_800;
/// Call-IDs kept with an alert.
const CALLS_MAX: usize = 50;
/// Alerts that may be open at once; past it the one that was quiet longest is closed.
const OPEN_MAX: usize = 100_000;

/// A line of `replay --alerts`.
#[derive(Clone, Debug, Serialize)]
pub struct Alert {
    /// UUID version 8 (RFC 9562) of a hash of customer, rule (with the variant of a detection), key, level and the first
    /// attempt: the same replay gives the same.
    pub id: String,
    /// When it was raised.
    pub at: String,
    /// Whose policy raised it.
    pub customer: String,
    /// The rule's name.
    pub rule: String,
    /// The label of the threshold: its name, and with `#2` the second variant of a detection; left out for a firewall
    /// rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<String>,
    /// `warning` or `critical`.
    pub level: &'static str,
    /// `info`, `warning` or `critical`.
    pub severity: &'static str,
    /// What it counts by: names of policy files, and values.
    pub key: BTreeMap<&'static str, String>,
    /// What was counted, in the unit of the limit; of a firewall rule, attempts.
    pub count: Amount,
    /// The limit reached; null for a firewall rule, which needs no count.
    pub limit: Option<Amount>,
    /// The window; null for a firewall rule.
    pub window: Option<String>,
    /// The first attempt.
    pub first: String,
    /// The last attempt.
    pub last: String,
    /// Attempts altogether; of a threshold on different elements, those.
    pub total_calls: u64,
    /// Call-IDs: of a firewall rule the first ones, of a threshold the last ones before it was reached.
    pub calls: Vec<String>,
    /// The usual value of this hour, where the limit was learned from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Amount>,
    /// `count` may lack so many events at most, because memory ran out; left out when it is exact.
    #[serde(skip_serializing_if = "is_zero")]
    pub missed_max: u64,
    /// Breaches of the same key and level before that were not told because they came within `cool_down`.
    #[serde(skip_serializing_if = "is_zero")]
    pub suppressed: u64,
    /// Until when the action of a threshold holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What the rule does to calls of its key from then on: the verdict they get; left out where nothing lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'static str>,
    /// How well could be seen when it was written; left out where nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensor: Option<Sensor>,
}

/// How well could be seen what an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sensor {
    /// Frames, fragments and holes in streams that are known to be missing since the run began.
    pub lost: u64,
    /// Which share of the last calls had a response that was seen, from 0 to 1: well below, one side only is seen.
    pub answers_seen: Amount,
}

/// A counted or measured value, written without a fraction when it has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount(pub f64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", (self.0 * 100.0).round() / 100.0)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 && self.0.abs() < 1e15 {
            return to.serialize_i64(self.0 as i64);
        }
        to.serialize_f64((self.0 * 1e4).round() / 1e4)
    }
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Alert {
    /// The alert that `breach` raises; `None` when its policy is not among `policies`.
    pub fn of_breach(breach: &Breach, policies: &PolicySet) -> Option<Self> {
        let policy = policies.policy(breach.policy as usize)?;
        let threshold = policy.threshold(breach.threshold)?;
        let level = if breach.critical { "critical" } else { "warning" };
        let severity = match threshold.alert {
            Some(AlertLevel::Info) => "info",
            Some(AlertLevel::Warning) => "warning",
            Some(AlertLevel::Critical) => "critical",
            Some(AlertLevel::None) | None => level,
        };
        let calls: Vec<String> =
            breach.calls.iter().map(|call| String::from_utf8_lossy(call).into_owned()).collect();
        let key: BTreeMap<&'static str, String> = breach.key.iter().cloned().collect();
        let key_text: Vec<String> = key.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (at, first) = (rfc3339(breach.at), rfc3339(breach.first));
        let first_call = calls.first().map_or("", String::as_str);
        Some(Self {
            id: identifier(&[
                policy.name(),
                &threshold.label(),
                &key_text.join(" "),
                level,
                first_call,
                &first,
            ]),
            at,
            customer: policy.name().to_owned(),
            rule: threshold.name.clone(),
            threshold: Some(threshold.label().into_owned()),
            level,
            severity,
            key,
            count: Amount(breach.value),
            limit: Some(Amount(breach.limit)),
            window: Some(duration(threshold.within_micros)),
            first,
            last: rfc3339(breach.last),
            total_calls: breach.total,
            calls,
            baseline: breach.baseline.map(Amount),
            missed_max: breach.missed_max,
            suppressed: u64::from(breach.suppressed),
            until: breach.until.map(rfc3339),
            action: breach
                .until
                .and_then(|_| threshold.action(breach.critical)?.deed.action())
                .map(Action::word),
            sensor: None,
        })
    }

    /// The alert that `silence` raises; `None` when its policy is not among `policies`. It counts minutes.
    pub fn of_silence(silence: &Silence, policies: &PolicySet) -> Option<Self> {
        let policy = policies.policy(silence.policy as usize)?;
        let (trunk, heard) = (silence.trunk.to_string(), rfc3339(silence.heard));
        let micros = silence.at.micros_since(silence.heard);
        let minutes = Amount(micros as f64 / 60e6);
        Some(Self {
            id: identifier(&[policy.name(), SILENT_TRUNK, &trunk, "critical", "", &heard]),
            at: rfc3339(silence.at),
            customer: policy.name().to_owned(),
            rule: SILENT_TRUNK.to_owned(),
            threshold: None,
            level: "critical",
            severity: "critical",
            key: BTreeMap::from([("trunk", trunk)]),
            count: minutes,
            limit: Some(minutes),
            window: Some(duration(micros)),
            first: heard.clone(),
            last: heard,
            total_calls: 0,
            calls: Vec::new(),
            baseline: None,
            missed_max: 0,
            suppressed: 0,
            until: None,
            action: None,
            sensor: None,
        })
    }
}

impl Alert {
    /// The alert that the service itself raises: it is critical, and nobody's.
    pub fn of_service(rule: &str, at: Timestamp) -> Self {
        let moment = rfc3339(at);
        Self {
            id: identifier(&["", rule, &moment]),
            at: moment.clone(),
            customer: String::new(),
            rule: rule.to_owned(),
            threshold: None,
            level: "critical",
            severity: "critical",
            key: BTreeMap::new(),
            count: Amount(1.0),
            limit: None,
            window: None,
            first: moment.clone(),
            last: moment,
            total_calls: 0,
            calls: Vec::new(),
            baseline: None,
            missed_max: 0,
            suppressed: 0,
            until: None,
            action: None,
            sensor: None,
        }
    }
}

/// Folds attempts that firewall rules ask alerts for.
#[derive(Debug, Default)]
pub struct Alerts {
    open: BTreeMap<(String, String, &'static str, String), (Alert, Timestamp)>,
    closed: VecDeque<Alert>,
    raised: u64,
}

impl Alerts {
    /// Takes one attempt whose verdict asks for an alert. Returns the alert when it raises a new one; what follows is
    /// added to that.
    pub fn see(&mut self, line: &CallLine<'_>, level: AlertLevel, at: Timestamp) -> Option<&Alert> {
        let (customer, rule) = line.customer.zip(line.rule)?;
        let severity = match level {
            AlertLevel::None => return None,
            AlertLevel::Info => "info",
            AlertLevel::Warning => "warning",
            AlertLevel::Critical => "critical",
        };
        let caller = line.caller.to_string();
        let place = (customer.to_owned(), rule.to_owned(), severity, caller.clone());
        let call_id = line.call_id.as_deref().unwrap_or_default().to_owned();
        if let Some((alert, last)) = self.open.get_mut(&place)
            && at.micros_since(*last) < COOL_DOWN_SECONDS * 1_000_000
        {
            alert.total_calls += 1;
            alert.count = Amount(alert.total_calls as f64);
            alert.last = rfc3339(at);
            if alert.calls.len() < CALLS_MAX {
                alert.calls.push(call_id);
            }
            *last = at;
            return None;
        }
        self.make_room();
        let level = if severity == "critical" { "critical" } else { "warning" };
        let moment = rfc3339(at);
        let alert = Alert {
            id: identifier(&[customer, rule, &caller, level, &call_id, &moment]),
            at: moment.clone(),
            customer: customer.to_owned(),
            rule: rule.to_owned(),
            threshold: None,
            level,
            severity,
            key: BTreeMap::from([("caller", caller)]),
            count: Amount(1.0),
            limit: None,
            window: None,
            first: moment.clone(),
            last: moment,
            total_calls: 1,
            calls: vec![call_id],
            baseline: None,
            missed_max: 0,
            suppressed: 0,
            until: None,
            action: (line.verdict != Action::Allow.word()).then_some(line.verdict),
            sensor: None,
        };
        self.raised += 1;
        if let Some((before, _)) = self.open.insert(place.clone(), (alert, at)) {
            self.closed.push_back(before);
        }
        self.open.get(&place).map(|(alert, _)| alert)
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
pub(crate) fn identifier(parts: &[&str]) -> String {
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
