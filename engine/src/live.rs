//! What a server needs of the engine beside verdicts: who judges, what it answered, and what another policy takes over.

use std::sync::Arc;

use rules::policy::PolicySet;
use rules::{Method, Timestamp};

use crate::call::{Attempt, Kind, Signal};
use crate::engine::Engine;
use crate::ips::{Budget, Ending, Ips, may_be_repeated};
use crate::packet::Packet;
use crate::sight::Trunks;
use crate::sip::Message;

/// What went on when other policies were taken up.
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

    /// From now on calls that rules and thresholds want ended are told by [`poll_hang_up`](Self::poll_hang_up).
    pub fn tell_hang_ups(&mut self) {
        self.hang_ups.get_or_insert_default();
    }

    /// Where the next call stands that is up and is to be ended. Good until the next packet.
    pub fn poll_hang_up(&mut self) -> Option<u32> {
        let hang_ups = self.hang_ups.as_mut()?;
        while let Some(slot) = hang_ups.pop_front() {
            if self.table.attempt(slot).is_some_and(Attempt::is_to_be_hung_up) {
                return Some(slot);
            }
        }
        None
    }

    /// A call was answered: has it ended when a rule said so before.
    pub(crate) fn hang_up_if_told(&mut self, slot: u32) {
        let is_told = self.table.attempt(slot).is_some_and(Attempt::is_to_be_hung_up);
        if let Some(hang_ups) = self.hang_ups.as_mut().filter(|_| is_told) {
            hang_ups.push_back(slot);
        }
    }

    /// We answered the attempt at `place` ourselves, finally, with `status`; 0 is silence. Its end is told at once; it is
    /// remembered for its retransmissions.
    pub fn conclude(&mut self, place: u32, status: u16, at: Timestamp) {
        let Some(attempt) = self.table.attempt_mut(place) else { return };
        attempt.standing.concluded.get_or_insert(at);
        if status != 0 {
            attempt.progress.handle(Signal::Refuse(status), at);
            if !may_be_repeated(status) {
                self.came_to(place, Ending::Refused, at);
            }
            self.responded(place, status, at);
        }
        self.tell(place);
    }

    /// Judges by `policies` from now on. Attempts that are known keep the verdicts they have, and the policies that gave
    /// them; a refused one keeps refusing its repeats.
    pub fn take_up(&mut self, policies: Arc<PolicySet>, budget: Budget) -> Succession {
        self.reign += 1;
        let mut trunks = Trunks::new(&policies);
        trunks.take_over(&self.trunks);
        self.trunks = trunks;
        self.limits = policies.policies().iter().map(rules::Policy::limits).collect();
        let before = std::mem::take(&mut self.ips);
        self.ips = Ips::new(&policies, budget, self.hasher.clone());
        let succession = if thresholds(&policies) == thresholds(&self.policies) {
            self.ips = std::mem::take(&mut self.ips).go_on(before);
            Succession::Counters
        } else {
            self.counts_since = self.reign;
            Succession::Nothing
        };
        self.asked = crate::engine::asked(&policies);
        self.leg_headers = crate::legs::headers(&policies);
        self.policies = policies;
        self.share_anew();
        succession
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
