//! The dimensions that conditions speak of, numbered.

use crate::policy::{Condition, NetworkField, NumberField, RuleAction, TextField};

/// One dimension of a subject, told apart by whether every identity counts or only asserted ones.
/// Headers come behind the fixed ones, one slot for each name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Slot(pub(crate) u16);

#[allow(non_upper_case_globals, reason = "they are used as the variants of an enum are")]
impl Slot {
    pub(crate) const Caller: Self = Self(0);
    pub(crate) const CallerAsserted: Self = Self(1);
    pub(crate) const Called: Self = Self(2);
    pub(crate) const Identity: Self = Self(3);
    pub(crate) const IdentityAsserted: Self = Self(4);
    pub(crate) const Forwarder: Self = Self(5);
    pub(crate) const ForwarderAsserted: Self = Self(6);
    /// How many slots hold numbers; they come first.
    pub(crate) const NUMBERS: usize = 7;
    pub(crate) const DisplayName: Self = Self(7);
    pub(crate) const UserAgent: Self = Self(8);
    pub(crate) const Host: Self = Self(9);
    pub(crate) const Signer: Self = Self(10);
    pub(crate) const Source: Self = Self(11);
    pub(crate) const Trunk: Self = Self(12);
    pub(crate) const Direction: Self = Self(13);
    pub(crate) const Transport: Self = Self(14);
    pub(crate) const Method: Self = Self(15);
    pub(crate) const CallType: Self = Self(16);
    pub(crate) const Attestation: Self = Self(17);
    pub(crate) const Time: Self = Self(18);
    pub(crate) const Mismatch: Self = Self(19);
    pub(crate) const Flag: Self = Self(20);
    /// The first header.
    pub(crate) const HEADERS: u16 = 21;

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Whether asserted identities alone count.
    pub(super) fn is_asserted(self) -> bool {
        matches!(self, Self::CallerAsserted | Self::IdentityAsserted | Self::ForwarderAsserted)
    }
}

/// Whether every identity counts in a clause (`unless` or `when`) of a rule that does `action`, or only what
/// a trusted peer asserted: nobody opens a door with a name that anyone may write.
pub(crate) fn counts_any(action: &RuleAction, unless: bool) -> bool {
    match action {
        RuleAction::Allow | RuleAction::BypassIps => unless,
        RuleAction::Block(_) | RuleAction::Divert(_) | RuleAction::Limit(_) => !unless,
        RuleAction::Tag(_) | RuleAction::Terminate | RuleAction::Log => true,
    }
}

/// The slot that `condition` looks at; `header` numbers the header names.
pub(crate) fn slot_of(condition: &Condition, any: bool, header: &mut impl FnMut(&str) -> u16) -> Slot {
    match condition {
        Condition::Numbers(field, _) => match (field, any) {
            (NumberField::Caller, true) => Slot::Caller,
            (NumberField::Caller, false) => Slot::CallerAsserted,
            (NumberField::Called, _) => Slot::Called,
            (NumberField::Identity, true) => Slot::Identity,
            (NumberField::Identity, false) => Slot::IdentityAsserted,
            (NumberField::ForwardedBy, true) => Slot::Forwarder,
            (NumberField::ForwardedBy, false) => Slot::ForwarderAsserted,
        },
        Condition::Text(field, _) => match field {
            TextField::DisplayName => Slot::DisplayName,
            TextField::UserAgent => Slot::UserAgent,
            TextField::Host => Slot::Host,
            TextField::Signer => Slot::Signer,
            TextField::Header(name) => Slot(Slot::HEADERS + header(name)),
        },
        Condition::Networks(NetworkField::Source, _) => Slot::Source,
        Condition::Networks(NetworkField::Trunk, _) => Slot::Trunk,
        Condition::Direction(_) => Slot::Direction,
        Condition::Transport(_) => Slot::Transport,
        Condition::Method(_) => Slot::Method,
        Condition::CallType(_) => Slot::CallType,
        Condition::Attestation(_) => Slot::Attestation,
        Condition::Time(_) => Slot::Time,
        Condition::IdentityMismatch(_) => Slot::Mismatch,
        Condition::Flag(_) => Slot::Flag,
    }
}
