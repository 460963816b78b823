//! Legs of one call: a back-to-back agent (RFC 7092) ends a call on one side and makes another of it on the other, under a
//! Call-ID of its own. Whoever sees both sides counts the call once.
//!
//! Callers write what legs are joined by, so it joins only what an agent can have made: one leg goes where the other comes
//! from, and both go to the same number.

use std::net::IpAddr;

use rules::Party;
use rules::policy::PolicySet;

use crate::call::{Attempt, Slot, State};
use crate::engine::Engine;
use crate::limits::LEGS_MAX;
use crate::packet::Packet;
use crate::sip::Message;

/// Keyed hashes by which legs of one call are found; 0 for none.
pub(crate) type Marks = [u64; 2];

/// The call that a message may be another leg of.
pub(crate) struct Lead {
    slot: Slot,
    pub(crate) call_id: Vec<u8>,
    /// Whom each policy takes it to call.
    called: Vec<(u32, Vec<Party>)>,
}

impl Lead {
    fn new(slot: Slot, attempt: &Attempt) -> Self {
        let called = attempt.views.iter().filter_map(|view| {
            let routed = attempt.facts(view).iter().filter(|fact| fact.role.routes());
            Some((view.policy?, routed.map(|fact| fact.party).collect()))
        });
        Self { slot, call_id: attempt.call_id().to_vec(), called: called.collect() }
    }

    /// Whether the policy at `index` takes it to call these numbers.
    pub(crate) fn calls(&self, index: u32, called: &[Party]) -> bool {
        self.called.iter().any(|(policy, known)| *policy == index && known == called)
    }
}

impl Engine {
    /// Looks for the call that `message`, which opens an attempt, may be another leg of: [`Engine::judge`] looks further.
    /// Returns what other legs find this one by.
    pub(crate) fn look_for_lead(&mut self, packet: &Packet<'_>, message: &Message<'_>) -> Marks {
        let session = message.session_id().filter(|uuid| is_session(uuid)).map_or(0, |uuid| self.hash(uuid));
        let named = self.leg_headers.iter().find_map(|name| message.header_values(name).next());
        let named = named.filter(|value| !value.is_empty()).map(|value| self.hash(value));
        if session == 0 && named.is_none() {
            return [0; 2];
        }
        // A header holds the Call-ID of the other leg, or the same as there.
        let other = named.and_then(|named| self.table.with_call_id(named).next()).map(|(slot, _)| slot);
        let marks = [session, named.map_or(0, |named| named ^ OF_HEADER)];
        let marked = marks.iter().filter_map(|mark| self.table.marked(*mark));
        self.lead = other
            .into_iter()
            .chain(marked)
            .find_map(|slot| {
                Some((slot, self.table.attempt(slot)?)).filter(|(_, it)| self.may_lead(it, packet))
            })
            .map(|(slot, attempt)| Lead::new(slot, attempt));
        marks
    }

    /// Whether an agent can have made the call that `packet` begins of `lead`, or `lead` of it.
    fn may_lead(&self, lead: &Attempt, packet: &Packet<'_>) -> bool {
        let (source, destination) = (packet.source.ip(), packet.destination.ip());
        lead.is_call()
            && !lead.is_leg()
            && lead.reign == self.reign
            && lead.standing.legs < LEGS_MAX
            && matches!(lead.progress.state, State::Trying | State::Ringing | State::Up)
            && source != lead.source.ip()
            && (is_one_agent(&self.policies, source, lead.destination.ip())
                || is_one_agent(&self.policies, destination, lead.source.ip()))
    }

    /// Notes that the attempt at `slot` is a leg of `lead`.
    pub(crate) fn join_leg(&mut self, slot: Slot, lead: &Lead) {
        if let Some(attempt) = self.table.attempt_mut(lead.slot) {
            attempt.standing.legs += 1;
        }
        if let Some(attempt) = self.table.attempt_mut(slot) {
            attempt.leg_of = Some(attempt.keep(&lead.call_id));
        }
    }
}

/// Whether both addresses are of one agent: the same, or such as a customer names for its agents.
fn is_one_agent(policies: &PolicySet, one: IpAddr, other: IpAddr) -> bool {
    let is_of = |policy: &rules::Policy| {
        let customer = &policy.text().customer;
        customer.is_back_to_back(one) && customer.is_back_to_back(other)
    };
    one == other || policies.policies().iter().any(is_of)
}

/// Headers by which `policies` join legs, each once.
pub(crate) fn headers(policies: &PolicySet) -> Vec<String> {
    let mut names: Vec<String> =
        policies.policies().iter().filter_map(|policy| policy.text().customer.leg_header.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether `uuid` is one of a session and not the one that stands for none (RFC 7989 §5).
fn is_session(uuid: &[u8]) -> bool {
    uuid.len() == 32
        && uuid.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        && uuid.iter().any(|digit| *digit != b'0')
}

/// Sets marks of headers apart from those of sessions.
const OF_HEADER: u64 = 0x6c65_672d_6865_6164;
