//! Alerts become cases: the same thing joins the case that is open, comes back to one that was closed, or opens a new one.

use std::collections::BTreeMap;

use rules::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use crate::case::{Case, Feedback, Kind, Relation, Severity, Wanted, title};
use crate::clock::ClockKind;
use crate::flow::{Reason, Signal, State};
use crate::{CaseNumber, Informal, Service};

/// An alert as the engine wrote it.
#[derive(Clone, Debug, Deserialize)]
pub struct Alert {
    /// The same alert always has the same.
    pub id: String,
    /// When it was raised.
    #[serde(deserialize_with = "moment")]
    pub at: Timestamp,
    /// Whose policy raised it.
    pub customer: String,
    /// The rule's name.
    pub rule: String,
    /// The label of the threshold.
    pub threshold: Option<String>,
    /// `info`, `warning` or `critical`.
    pub severity: Severity,
    /// What it counts by.
    #[serde(default)]
    pub key: BTreeMap<String, String>,
    /// The first attempt.
    #[serde(deserialize_with = "moment")]
    pub first: Timestamp,
    /// The last attempt.
    #[serde(deserialize_with = "moment")]
    pub last: Timestamp,
    /// Attempts altogether.
    #[serde(default)]
    pub total_calls: u64,
    /// The verdict that its rule gives to calls of its key from then on; `None` where they pass.
    #[serde(default)]
    pub action: Option<String>,
}

/// Where an alert goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// To the open case.
    Join,
    /// To the closed case, which is opened again.
    Reopen,
    /// To the closed case, which stays closed: an exception, or a risk that the customer lives with.
    Count,
    /// To a new case; the same happened before in this one.
    Open {
        /// The case that was closed too long ago.
        after: Option<CaseNumber>,
    },
}

impl Alert {
    /// The label of its threshold, or its rule.
    pub fn label(&self) -> &str {
        self.threshold.as_deref().unwrap_or(&self.rule)
    }

    /// By what alerts belong together: rule, variant and key, such as the caller (D-2).
    pub fn join_key(&self) -> String {
        let rule = self.label();
        let values: Vec<_> = self.key.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let key = format!("{rule}|{}", values.join("|")).replace(char::is_control, "\u{fffd}");
        if key.len() <= KEY_BYTES_MAX {
            return key;
        }
        // What a stranger wrote at length is known by its hash: indexes of databases have bounds.
        let hash = Sha256::digest(key.as_bytes());
        hash.iter().fold(format!("{rule}|"), |key, byte| key + &format!("{byte:02x}"))
    }

    /// From when its rule holds back what it tells of; `None` where it does not.
    pub(crate) fn contained(&self) -> Option<Timestamp> {
        matches!(self.action.as_deref(), Some("block" | "divert")).then_some(self.at)
    }

    /// When it was raised. What lies more than five minutes ahead of `now` counts from now (S-12).
    pub fn raised(&self, now: Timestamp) -> Timestamp {
        if self.at.micros_since(now) > AHEAD_MICROS_MAX { now } else { self.at }
    }

    /// In which hour since 1970 it is counted.
    pub(crate) fn hour(&self, now: Timestamp) -> i64 {
        self.raised(now).0.div_euclid(HOUR_MICROS)
    }

    /// What it is about: its key as JSON, by which the same caller is the same in all alerts.
    pub(crate) fn subject(&self) -> String {
        let cut = |(name, value): (&String, &String)| {
            (name.clone(), value.chars().take(SUBJECT_CHARACTERS_MAX).collect::<String>().into())
        };
        serde_json::Value::Object(self.key.iter().map(cut).collect()).to_string()
    }

    /// Where it goes, when `latest` is the last case with its key: the open one, if there is one.
    pub fn place(&self, latest: Option<&Case>, now: Timestamp) -> Place {
        let Some(case) = latest else { return Place::Open { after: None } };
        let Some(closure) = case.closure.as_ref().filter(|_| case.state.is_over()) else {
            return Place::Join;
        };
        let is_recent = self.raised(now).micros_since(closure.at) <= REOPEN_MICROS_MAX;
        match (closure.reason, closure.feedback) {
            _ if !is_recent => Place::Open { after: Some(case.number) },
            (Reason::FalsePositive, Some(Feedback::Exception)) | (Reason::AcceptedRisk, _) => Place::Count,
            _ => Place::Reopen,
        }
    }

    /// Opens a case for it.
    pub fn open(
        &self,
        number: CaseNumber,
        after: Option<CaseNumber>,
        service: &Service,
        now: Timestamp,
    ) -> Case {
        let at = self.raised(now);
        let subject: Vec<_> = self.key.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let line = format!("{}: {}", self.rule, subject.join(", "));
        let mut case = Case {
            number,
            customer: self.customer.clone(),
            kind: Kind::Alert,
            kinds_before: Vec::new(),
            flow: Kind::Alert.flow(),
            state: State::Open,
            title: title(line.trim_end_matches([':', ' '])),
            severity: self.severity,
            is_high_priority: false,
            owner: None,
            opened: at,
            clocks: Vec::new(),
            informal: Informal::default(),
            key: Some(self.join_key()),
            alerts: 0,
            first: self.first,
            last: self.last,
            contained: None,
            spark: Vec::new(),
            by_rule: BTreeMap::new(),
            closure: None,
            findings: None,
            change: None,
            wanted: Wanted::default(),
            links: after.map(|after| (after, Relation::RecursAfter)).into_iter().collect(),
            version: 0,
        };
        case.begin_cycle(service, at);
        self.join(&mut case, service, now);
        case
    }

    /// Puts it into `case`: counted, the latest values taken over, and a clock for the first critical one, or for a step up.
    pub fn join(&self, case: &mut Case, service: &Service, now: Timestamp) {
        let at = self.raised(now);
        let is_step_up = self.severity > case.severity || case.alerts == 0;
        case.alerts += 1;
        case.span(self);
        case.tick(self.hour(now), 1);
        case.severity = case.severity.max(self.severity);
        if self.severity == Severity::Critical && is_step_up && !case.state.is_over() {
            // Counted from when it was detected, not from when somebody wrote it down.
            case.begin_clock(ClockKind::Notify, service, at);
        }
    }

    /// Opens `case` again for it.
    pub fn reopen(&self, case: &mut Case, service: &Service, now: Timestamp) {
        if case.step(&Signal::Reopen, "ringwall", service, self.raised(now)).is_ok() {
            case.alerts += 1;
            case.span(self);
            case.tick(self.hour(now), 1);
            if self.severity == Severity::Critical {
                case.begin_clock(ClockKind::Notify, service, self.raised(now));
            }
            case.severity = case.severity.max(self.severity);
        }
    }
}

/// New cases of the last minute: more than a desk can read are a storm (D-5).
#[derive(Clone, Debug, Default)]
pub struct Storm {
    /// When cases were opened, and whose, in order.
    opened: std::collections::VecDeque<(Timestamp, String)>,
    /// Customers whose alerts go to one case, and the last alert that would have opened another.
    stormy: BTreeMap<String, Timestamp>,
}

impl Storm {
    /// Whether one more case may be opened for `customer` at `now`; if not, what it would hold goes to the storm's case.
    pub fn may_open(&mut self, customer: &str, now: Timestamp) -> bool {
        while self.opened.front().is_some_and(|(at, _)| now.micros_since(*at) > MINUTE_MICROS) {
            self.opened.pop_front();
        }
        if let Some(last) = self.stormy.get_mut(customer) {
            if now.micros_since(*last) <= QUIET_MICROS {
                *last = now;
                return false;
            }
            self.stormy.remove(customer);
        }
        let own = self.opened.iter().filter(|(_, of)| of == customer).count();
        if own >= OPENED_A_MINUTE_MAX || self.opened.len() >= OPENED_A_MINUTE_ALL_MAX {
            self.stormy.insert(customer.to_owned(), now);
            return false;
        }
        self.opened.push_back((now, customer.to_owned()));
        true
    }
}

/// RFC 3339.
fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    let at: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
    Ok(Timestamp(at.as_microsecond()))
}

/// The key of the case that holds a storm of one customer.
pub const STORM_KEY: &str = "storm";

/// A longer key is hashed. Rules have names of a few words.
const KEY_BYTES_MAX: usize = 400;
/// What a stranger wrote at length is cut where it is shown and counted.
const SUBJECT_CHARACTERS_MAX: usize = 120;
const MINUTE_MICROS: i64 = 60_000_000;
const HOUR_MICROS: i64 = 60 * MINUTE_MICROS;
/// An alert may be so far ahead of our clock before it is not believed.
const AHEAD_MICROS_MAX: i64 = 5 * MINUTE_MICROS;
/// The same within 72 hours after a case was closed belongs to it.
const REOPEN_MICROS_MAX: i64 = 72 * HOUR_MICROS;
/// After ten minutes without one that would have opened a case a storm is over.
const QUIET_MICROS: i64 = 10 * MINUTE_MICROS;
const OPENED_A_MINUTE_MAX: usize = 60;
const OPENED_A_MINUTE_ALL_MAX: usize = 300;
