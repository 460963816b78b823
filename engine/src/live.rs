//! What a server needs of the engine beside verdicts: who judges, what it answered, and what another policy takes over.

use std::sync::Arc;

use rules::policy::PolicySet;
use rules::{Method, Timestamp};

use crate::call::{Attempt, Kind, Signal};
use crate::engine::Engine;
use crate::ips::{Budget, Ending, may_be_repeated};
use crate::packet::Packet;
use crate::sip::Message;

/// What an engine with other policies took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// Everything: the thresholds are the same.
    Counters,
    /// No counters and no blocks: the thresholds are others, and numbers counted by them would mean something else.
    Nothing,
}

impl Engine {
    /// From now on only the policy at this index judges, whosever numbers a call touches; `None` lets trunks and
    /// numbers say.
    pub fn judge_by(&mut self, policy: Option<u32>) {
        self.only = policy;
    }

    /// The attempt that [`Handled::attempt`](crate::Handled::attempt) names.
    pub fn attempt(&self, place: u32) -> Option<&Attempt> {
        self.table.attempt(place)
    }

    /// Where the attempt stands that `packet` repeats word for word, if it is known. Changes nothing.
    pub fn repeated(&self, packet: &Packet<'_>) -> Option<u32> {
        let message = Message::read(packet.payload);
        let (method, keys) = (message.method(), self.keys(packet, &message));
        if method != Method::Invite {
            return self.transaction_of(&keys, method);
        }
        let payload = self.hasher.hash_one((packet.source, message.bytes()));
        let mut known = self.table.with_call_id(keys.call_id);
        known
            .find(|(_, attempt)| attempt.kind == Kind::Call && attempt.keys.payload == payload)
            .map(|(place, _)| place)
    }

    /// Whether `packet`, a CANCEL, names an INVITE that is known (RFC 3261 §9.2). Changes nothing.
    pub fn knows_cancelled(&self, packet: &Packet<'_>) -> bool {
        let message = Message::read(packet.payload);
        self.dialog(&self.keys(packet, &message), None).is_some()
    }

    /// From now on every attempt is [concluded](Self::conclude) at once.
    pub fn answer_at_once(&mut self) {
        self.table.answer_at_once();
    }

    /// We answered the attempt at `place` ourselves, finally, with `status`; 0 is silence. Its end is told at once; it is
    /// remembered for its retransmissions.
    pub fn conclude(&mut self, place: u32, status: u16, at: Timestamp) {
        let Some(attempt) = self.table.attempt_mut(place) else { return };
        if status != 0 {
            attempt.progress.handle(Signal::Refuse(status), at);
            if !may_be_repeated(status) {
                self.came_to(place, Ending::Refused, at);
            }
            self.responded(place, status, at);
        }
        self.tell(place);
    }

    /// An engine that judges by `policies` and goes on where `before` stands, as far as its thresholds are the same.
    /// `before` keeps its attempts, so that it can still answer their retransmissions.
    pub fn succeed(policies: Arc<PolicySet>, budget: Budget, before: &mut Self) -> (Self, Succession) {
        let mut engine = Self::with_seeds(policies, budget, before.seeds);
        engine.callbacks = std::mem::take(&mut before.callbacks);
        (engine.counters, engine.sight) = (before.counters, before.sight);
        engine.trunks.take_over(&before.trunks);
        std::mem::swap(&mut engine.passports, &mut before.passports);
        if thresholds(&engine.policies) != thresholds(&before.policies) {
            return (engine, Succession::Nothing);
        }
        engine.ips = std::mem::take(&mut engine.ips).go_on(std::mem::take(&mut before.ips));
        (engine, Succession::Counters)
    }
}

/// All thresholds of `policies` in words, without where they stand: counters are numbered by them.
fn thresholds(policies: &PolicySet) -> String {
    let mut said = String::new();
    for policy in policies.policies() {
        let all = policy.thresholds();
        said.push_str(&format!("{:?}{all:?}", policy.name()));
    }
    without_spans(&said)
}

/// `text`, a debug print, without the values of fields called `span`.
fn without_spans(text: &str) -> String {
    let mut parts = text.split("span: ");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.'));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_threshold_stands_does_not_make_it_another() {
        let (one, other) =
            ("Term { value: 7, span: 12..15 }, span: 1..2", "Term { value: 7, span: 5..800 }, span: 3..4");
        assert_eq!(without_spans(one), without_spans(other));
        assert_ne!(without_spans("value: 7"), without_spans("value: 8"));
    }
}
