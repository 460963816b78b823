//! Recounts every threshold from call lines, plainly and apart from the engine, and compares with the alerts it raised.

mod call;
mod compare;
mod course;
mod key;
mod steps;
mod sweep;
mod window;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use engine::Handled;
use rules::Timestamp;
use rules::policy::ips::{Count, Key};
use rules::policy::{PolicySet, Threshold};
use rules::{Flag, Flags, Method};

use crate::alert::Alert;
use crate::line::CallLine;

pub use compare::{Difference, LeftOut, Reconciliation};

use call::{Arrivals, Call, Moment, Role, Words, micros};
use compare::Raised;

/// What is kept of call lines and alerts until they are compared: about 200 bytes a counted call, and 40 for each
/// threshold that counted it.
#[derive(Debug)]
pub struct Recount {
    policies: Arc<PolicySet>,
    /// Policy and threshold by customer and label.
    places: HashMap<String, HashMap<String, (usize, usize)>>,
    words: Words,
    calls: Vec<Call>,
    arrivals: Arrivals,
    counted: BTreeMap<(usize, usize), Vec<Entry>>,
    raised: Vec<Raised>,
}

/// One thing that a threshold counted.
#[derive(Clone, Copy, Debug)]
struct Entry {
    call: usize,
    at: Moment,
    refused: Refused,
    /// The key as a word; `None` when the call lacks a part of it.
    key: Option<u32>,
}

/// How it was kept from going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    No,
    Before,
    Then,
}

impl Recount {
    /// Nothing counted yet, by the thresholds of `policies`.
    pub fn new(policies: Arc<PolicySet>) -> Self {
        let mut places: HashMap<String, HashMap<String, (usize, usize)>> = HashMap::new();
        for (index, policy) in policies.policies().iter().enumerate() {
            let labels = policy.thresholds().iter().enumerate();
            let labels = labels.map(|(place, threshold)| (threshold.label().into_owned(), (index, place)));
            places.entry(policy.name().to_owned()).or_default().extend(labels);
        }
        Self {
            policies,
            places,
            words: Words::default(),
            calls: Vec::new(),
            arrivals: Arrivals::default(),
            counted: BTreeMap::new(),
            raised: Vec::new(),
        }
    }

    /// Takes a message of `call_id` that does not come after all others by its stamp `at`: one that is late, or shares it. It
    /// counted at `counted`. Lines tell neither; what comes in order need not be told.
    pub fn see_message(&mut self, call_id: &str, handled: &Handled<'_>, at: Timestamp, counted: Timestamp) {
        let role = match handled.status {
            Some(status) if handled.method != Method::Cancel => Role::Answers(status / 100),
            None if handled.attempt.is_some() => Role::Opens,
            None if handled.method == Method::Bye => Role::HangsUp,
            _ => return,
        };
        self.arrivals.see(call_id, role, at.0, counted.0.max(at.0));
    }

    /// Takes a call line, in any order, once all its messages were told.
    pub fn see_line(&mut self, line: &CallLine<'_>) {
        let Some(places) = line.customer.and_then(|customer| self.places.get(customer)) else { return };
        let policies = Arc::clone(&self.policies);
        let policy = policies.policies().iter().find(|policy| Some(policy.name()) == line.customer);
        let Some(policy) = policy else { return };
        for counting in &line.counted {
            let call = self.calls.len();
            let parties = key::Sides::of(line, counting);
            self.calls.push(Call::new(
                line,
                &parties,
                &policy.text().customer,
                &mut self.words,
                &self.arrivals,
            ));
            let at = self.arrivals.opening(line.call_id.as_deref().unwrap_or_default(), micros(&counting.at));
            let refused = match counting.refused {
                None => Refused::No,
                Some("before") => Refused::Before,
                Some(_) => Refused::Then,
            };
            for label in &counting.thresholds {
                let Some(&(policy, place)) = places.get(label.as_ref()) else { continue };
                let Some(policy_then) = self.policies.policy(policy) else { continue };
                let Some(threshold) = policy_then.thresholds().get(place) else { continue };
                let key = key::text(line, &parties, threshold, &policy_then.text().customer);
                let key = key.map(|key| self.words.number(&key));
                let entry = Entry { call, at, refused, key };
                self.counted.entry((policy, place)).or_default().push(entry);
            }
        }
    }

    /// Takes an alert; those of firewall rules are none of thresholds.
    pub fn see_alert(&mut self, alert: &Alert) {
        self.raised.extend(Raised::by_engine(alert));
    }

    /// Recounts, and compares. Nothing happened after `until`, the last message.
    pub fn finish(self, until: Timestamp) -> Reconciliation {
        let mut recounted = Vec::new();
        let mut left_out = Vec::new();
        let mut thresholds = 0;
        for (index, policy) in self.policies.policies().iter().enumerate() {
            for (place, threshold) in policy.thresholds().iter().enumerate() {
                if let Some(why) = unable(threshold) {
                    left_out.push(LeftOut {
                        customer: policy.name().to_owned(),
                        threshold: threshold.label().into_owned(),
                        why,
                    });
                    continue;
                }
                thresholds += 1;
                let entries = self.counted.get(&(index, place)).map(Vec::as_slice).unwrap_or_default();
                let mut by_key: BTreeMap<u32, Vec<Entry>> = BTreeMap::new();
                for entry in entries {
                    if let Some(key) = entry.key {
                        by_key.entry(key).or_default().push(*entry);
                    }
                }
                for (key, entries) in by_key {
                    let steps = steps::of(threshold, &entries, &self.calls);
                    let breaches = sweep::sweep(threshold, &steps, until.0);
                    let key = self.words.text(key);
                    let raised = |breach| Raised::by_recount(policy.name(), threshold, key, breach);
                    recounted.extend(breaches.into_iter().map(raised));
                }
            }
        }
        compare::compare(self.raised, recounted, left_out, thresholds, self.calls.len())
    }
}

/// Why call lines cannot tell what `threshold` counts; `None` when they can.
fn unable(threshold: &Threshold) -> Option<&'static str> {
    let counts = || std::iter::once(threshold.count).chain(threshold.also.iter().map(|also| also.count));
    if counts().any(|count| count == Count::Cost) {
        return Some("call lines have no prices");
    }
    if threshold.per.contains(&Key::Host) {
        return Some("call lines do not have the host of From");
    }
    if !threshold.flags.intersection(Flags::of(Flag::ChallengeInDialog)).is_empty() {
        return Some("a challenge to a BYE comes after the line was written");
    }
    if threshold.warning.is_none() && threshold.critical.is_none() {
        return Some("its limit is learned");
    }
    None
}
