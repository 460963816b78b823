//! A call with some facts changed.

use std::net::SocketAddr;

use super::Change;
use super::fact::Derived;
use crate::policy::{Policy, TextField};
use crate::subject::{Headers, Identity, Origin, Party, Subject};

/// Hands `subject` with `changes` to `then`, with what follows from them. Changes of the policy change nothing here.
pub(super) fn with<R>(
    (policy, subject, derived): (&Policy, &Subject<'_>, Derived),
    changes: &[&Change],
    then: impl FnOnce(&Subject<'_>) -> R,
) -> R {
    let (mut callers, mut forwarders) = (subject.callers.to_vec(), subject.forwarders.to_vec());
    let mut called = subject.called.to_vec();
    let headers = Replaced { others: subject.headers, changes };
    let mut altered: Subject<'_> = *subject;
    altered.headers = &headers;
    for change in changes {
        match change {
            Change::Caller(party) => {
                name(&mut callers, *party, Origin::From);
                (altered.restricted, altered.identity_mismatch) = (false, false);
            }
            Change::Withheld(withheld) => altered.restricted = *withheld,
            Change::Forwarder(Some(party)) => name(&mut forwarders, *party, Origin::Diversion),
            Change::Forwarder(None) => forwarders.clear(),
            Change::Called(party) => called = vec![*party],
            Change::Text(field, text) => {
                let text = text.as_deref().unwrap_or_default();
                match field {
                    TextField::DisplayName => altered.display_name = text,
                    TextField::UserAgent => altered.user_agent = text,
                    TextField::Signer => altered.signer = text,
                    TextField::Host => altered.hosts = [text, text],
                    TextField::Header(_) => {}
                }
            }
            Change::Source(address) => altered.source = SocketAddr::new(*address, subject.source.port()),
            Change::Destination(address) => {
                altered.destination = SocketAddr::new(*address, subject.destination.port());
            }
            Change::Direction(direction) => altered.direction = *direction,
            Change::Transport(transport) => altered.transport = *transport,
            Change::Method(method) => altered.method = *method,
            Change::CallType(call_type) => altered.call_type = *call_type,
            Change::Attestation(attestation) => altered.attestation = *attestation,
            Change::Mismatch(mismatch) => altered.identity_mismatch = *mismatch,
            Change::Flags(flags) => altered.flags = *flags,
            Change::At(at) => altered.at = *at,
            Change::Vouched(_)
            | Change::Room(_)
            | Change::Off(_)
            | Change::Enforced(_)
            | Change::Unlisted(_) => {}
        }
    }
    let source = altered.source.ip();
    if derived.trust && changes.iter().any(|change| matches!(change, Change::Source(_))) {
        let customer = &policy.text.customer;
        let (own_side, trusted) = (customer.is_own_side(source), customer.trusts(source));
        for caller in &mut callers {
            caller.asserted = own_side || trusted && caller.origin == Origin::Asserted;
        }
        forwarders.iter_mut().for_each(|forwarder| forwarder.asserted = own_side || trusted);
    }
    for change in changes {
        if let Change::Vouched(vouched) = change {
            callers.iter_mut().chain(&mut forwarders).for_each(|identity| identity.asserted = *vouched);
        }
    }
    if derived.direction {
        altered.direction = policy.direction(source, &called, &callers);
    }
    // What repeats a call to other numbers is another call.
    altered.repeat &= altered.at == subject.at && callers == subject.callers && called == subject.called;
    (altered.callers, altered.forwarders, altered.called) = (&callers, &forwarders, &called);
    then(&altered)
}

/// Lets every identity name `party`.
fn name(identities: &mut Vec<Identity>, party: Party, origin: Origin) {
    if identities.is_empty() {
        identities.push(Identity { party, origin, asserted: false });
    }
    identities.iter_mut().for_each(|identity| identity.party = party);
}

/// The headers of a message, but for those that are changed.
struct Replaced<'a> {
    others: &'a dyn Headers,
    changes: &'a [&'a Change],
}

impl Headers for Replaced<'_> {
    fn any_value(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let changed = self.changes.iter().find_map(|change| match change {
            Change::Text(TextField::Header(other), text) if other.eq_ignore_ascii_case(name) => Some(text),
            _ => None,
        });
        match changed {
            Some(text) => text.as_deref().is_some_and(visit),
            None => self.others.any_value(name, visit),
        }
    }
}
