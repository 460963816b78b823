//! Reads a number as text; the short way first, as nearly every caller writes it.

use super::{Bare, DialPlan, Dialled, Habits, Role, Written};
use crate::flag::Flags;
use crate::number::{DIGITS_MAX, Number};
use crate::subject::Party;

/// Reads `text` without parameters as a call under `plan` would: a list entry, an argument, a user part. Never
/// fails.
pub fn read_text(text: &[u8], plan: &DialPlan, role: Role) -> (Party, Flags) {
    if let Some(number) = read_short(text, plan, role) {
        return (Party::Number(number), Flags::NONE);
    }
    let written = Written::read(text, plan.habits());
    let dialled = Dialled { plan, role, guarded: written.may_be_emergency() };
    let (party, flags) = written.without_number().unwrap_or_else(|| dialled.read(&written));
    (party, flags.union(written.flags))
}

/// The commonest ways to write a number: plus and digits, a national number that exists, one that exists behind
/// the region's own country code. `None` says nothing but that [`Dialled`] must look; it would read the same.
#[inline]
pub fn read_short(text: &[u8], plan: &DialPlan, role: Role) -> Option<Number> {
    match text {
        [b'+', digits @ ..] => read_plain(digits, plan.habits()),
        [b'1'..=b'9', ..] if (BARE_DIGITS_MIN..=DIGITS_MAX).contains(&text.len()) => {
            read_bare(text, plan, role)
        }
        _ => None,
    }
}

fn read_bare(digits: &[u8], plan: &DialPlan, role: Role) -> Option<Number> {
    let habits = plan.habits();
    if role != Role::Caller && habits.extension(digits).is_some() {
        return None;
    }
    let valid = |number: &Number| habits.is_valid(*number);
    if plan.bare == Bare::International {
        return read_plain(digits, habits).filter(valid);
    }
    let own = habits.code().digits.as_slice();
    if let Some(number) = read_joined(own, digits, habits).filter(valid) {
        return Some(number);
    }
    let prefixes = || habits.international_prefixes.iter().chain(&habits.national_prefixes);
    // +1 is the trunk prefix of its own numbers too; there both readings are one.
    let is_prefixed =
        || prefixes().any(|prefix| prefix.strip(digits).is_some() && prefix.strip(own) != Some(b""));
    let number = if digits.starts_with(own) { read_plain(digits, habits)? } else { return None };
    (valid(&number) && !is_prefixed()).then_some(number)
}

fn read_joined(head: &[u8], tail: &[u8], habits: &Habits) -> Option<Number> {
    let mut digits = [0; DIGITS_MAX];
    let length = head.len() + tail.len();
    digits.get_mut(..head.len())?.copy_from_slice(head);
    digits.get_mut(head.len()..length)?.copy_from_slice(tail);
    read_plain(digits.get(..length)?, habits)
}

/// Fewer digits may be an emergency number or something else local.
const BARE_DIGITS_MIN: usize = 7;

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
