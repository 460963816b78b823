//! Reads a number as text; the short way first, as nearly every caller writes it.

use super::{DialPlan, Dialled, Habits, Role, Written};
use crate::flag::Flags;
use crate::number::Number;
use crate::subject::Party;

/// Reads `text` without parameters as a call under `plan` would: a list entry, an argument, a user part. Never
/// fails.
pub fn read_text(text: &[u8], plan: &DialPlan, role: Role) -> (Party, Flags) {
    if let [b'+', digits @ ..] = text
        && let Some(number) = read_plain(digits, plan.habits())
    {
        return (Party::Number(number), Flags::NONE);
    }
    let written = Written::read(text, plan.habits());
    let dialled = Dialled { plan, role, guarded: written.may_be_emergency() };
    let (party, flags) = written.without_number().unwrap_or_else(|| dialled.read(&written));
    (party, flags.union(written.flags))
}

/// Reads digits behind a plus that are possible in their country and begin as numbers there do: the common
/// case. `None` says nothing but that [`Dialled`](super::Dialled) must look.
#[inline]
pub fn read_plain(digits: &[u8], habits: &Habits) -> Option<Number> {
    let number = Number::international(digits)?;
    let code = habits.code_of_leading((number.position() / LEADING) as usize)?;
    let first = digits.get(code.digits.len())?;
    let usual = code.lengths >> digits.len() & 1 == 1 && code.unusual >> (first & 0xf) & 1 == 0;
    usual.then_some(number)
}

/// Divides the 15 digits of a number's position to its first three.
const LEADING: u64 = 1_000_000_000_000;
