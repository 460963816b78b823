//! The emergency guard: the only way to the rules leads through it.

use crate::Number;
use crate::policy::{Mode, Policy};
use crate::subject::{Direction, Party, Subject};
use crate::verdict::Reason;

/// A subject that the guard has seen and that is no emergency call.
///
/// Rules are judged for this type alone, and only [`Policy::guard`] makes one: no rule, mode or list can be
/// asked about an emergency call, because there is no value to ask with.
#[derive(Clone, Copy)]
pub(super) struct Cleared<'a, 's>(&'a Subject<'s>);

impl<'a, 's> Cleared<'a, 's> {
    /// The subject.
    pub(super) fn subject(self) -> &'a Subject<'s> {
        self.0
    }
}

impl Policy {
    /// Lets pass what nothing may stop, and clears the rest for judgement.
    pub(super) fn guard<'a, 's>(&self, subject: &'a Subject<'s>) -> Result<Cleared<'a, 's>, Reason> {
        if self.is_emergency(subject) {
            return Err(Reason::Emergency);
        }
        if subject.priority {
            return Err(Reason::Priority);
        }
        if self.text.customer.mode == Mode::Off {
            return Err(Reason::Off);
        }
        if subject.callback && !self.caller_is_blocked(subject) {
            return Err(Reason::EmergencyCallback);
        }
        Ok(Cleared(subject))
    }

    /// Whether `subject` calls an emergency service and nobody else. What is dialled decides, not what further headers
    /// name: they would be a way round every block. A transfer dials its Refer-To, or each Contact of the 3xx: an
    /// emergency service among them lets no other pass.
    fn is_emergency(&self, subject: &Subject<'_>) -> bool {
        let dialled = subject.called.get(subject.dialled.0..subject.dialled.1);
        // Without trunks a caller who withholds the number tells no direction: it is an outbound call all the same.
        let leaves = matches!(subject.direction, Direction::Outbound | Direction::Internal)
            || self.text.customer.trunks.is_empty();
        // A call for help of one of the customer's numbers counts wherever it is asked about: a trunk may be missing.
        let is_for_help = |number: &Number| {
            (leaves || number.is_local())
                && self.emergency.contains(*number)
                && (leaves || self.owns_caller(subject.callers))
        };
        let is_emergency = |party: &Party| match party {
            Party::EmergencyService => true,
            Party::Number(number) => is_for_help(number),
            Party::Anonymous | Party::Invalid | Party::Name | Party::Absent => false,
        };
        dialled.is_some_and(|dialled| !dialled.is_empty() && dialled.iter().all(is_emergency))
    }

    /// Whether a block rule names the caller, or a list with the caller on it.
    fn caller_is_blocked(&self, subject: &Subject<'_>) -> bool {
        let numbers = subject.callers.iter().filter_map(|caller| caller.party.number());
        numbers.into_iter().any(|number| self.blocks_caller(number, subject.at))
    }
}
