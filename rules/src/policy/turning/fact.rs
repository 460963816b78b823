//! The facts that a condition hangs on.

use crate::policy::{Condition, NetworkField, NumberField, NumberTerm, Policy, TextField};
use crate::subject::{Origin, Subject};

/// A fact of a call that can be different while the others stay.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    Caller,
    Withheld,
    Vouched,
    Called,
    Forwarder,
    Source,
    Destination,
    Direction,
    Time,
    Attestation,
    Text(TextField),
    CallType,
    Method,
    Transport,
    Mismatch,
    Flags,
    Room,
}

/// What follows from other facts of this call, rather than being a fact of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Derived {
    /// The direction is what source and numbers say.
    pub(super) direction: bool,
    /// Whose word counts is what the source says.
    pub(super) trust: bool,
    has_trunks: bool,
}

impl Derived {
    pub(super) fn of(policy: &Policy, subject: &Subject<'_>) -> Self {
        let customer = &policy.text.customer;
        let source = subject.source.ip();
        let (own_side, trusted) = (customer.is_own_side(source), customer.trusts(source));
        let callers = subject.callers.iter();
        let mut callers =
            callers.map(|one| (one.asserted, own_side || trusted && one.origin == Origin::Asserted));
        let mut forwarders = subject.forwarders.iter().map(|one| (one.asserted, own_side || trusted));
        Self {
            direction: subject.direction == policy.direction(source, subject.called, subject.callers),
            trust: callers.all(|(is, by)| is == by) && forwarders.all(|(is, by)| is == by),
            has_trunks: !customer.trunks.is_empty(),
        }
    }
}

impl Fact {
    /// Every fact that `condition` hangs on; `any` as in [`Facts::fit`](crate::policy::judge_facts::Facts::fit).
    pub(super) fn of(condition: &Condition, any: bool, derived: Derived) -> Vec<Self> {
        match condition {
            Condition::Numbers(field, terms) => {
                let has = |fits: fn(&NumberTerm) -> bool| terms.iter().any(|term| fits(&term.value));
                let neighbour = has(|term| matches!(term, NumberTerm::Neighbour));
                let names_caller = matches!(field, NumberField::Caller | NumberField::Identity);
                let names_forwarder = matches!(field, NumberField::ForwardedBy | NumberField::Identity);
                let is_called = *field == NumberField::Called;
                let withheld = names_caller && has(|term| matches!(term, NumberTerm::Anonymous));
                let vouched = !any && !is_called;
                let facts = [
                    (Self::Caller, names_caller || is_called && neighbour),
                    (Self::Withheld, withheld),
                    (Self::Vouched, vouched),
                    (Self::Called, is_called || neighbour),
                    (Self::Forwarder, names_forwarder),
                    (Self::Source, vouched && derived.trust),
                ];
                facts.into_iter().filter(|fact| fact.1).map(|fact| fact.0).collect()
            }
            Condition::Text(field, _) => vec![Self::Text(field.clone())],
            Condition::Networks(NetworkField::Source, _) => vec![Self::Source],
            Condition::Networks(NetworkField::Trunk, _) => vec![Self::Source, Self::Destination],
            Condition::Direction(_) if !derived.direction => vec![Self::Direction],
            Condition::Direction(_) if derived.has_trunks => vec![Self::Called, Self::Source],
            Condition::Direction(_) => vec![Self::Caller, Self::Called],
            Condition::Transport(_) => vec![Self::Transport],
            Condition::Method(_) => vec![Self::Method],
            Condition::CallType(_) => vec![Self::CallType],
            Condition::Attestation(_) => vec![Self::Attestation],
            Condition::Time(_) => vec![Self::Time],
            Condition::IdentityMismatch(_) => vec![Self::Caller, Self::Mismatch],
            Condition::Flag(_) => vec![Self::Flags],
        }
    }
}
