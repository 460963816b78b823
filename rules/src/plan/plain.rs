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
        [b'0'..=b'9', _, ..] if role != Role::Caller => read_extension(text, plan.habits()),
        _ => None,
    }
}

/// Reads an extension that is no emergency number and stands for a usual number.
fn read_extension(digits: &[u8], habits: &Habits) -> Option<Number> {
    let number = habits.extension(digits)?;
    let is_plain = digits.iter().all(u8::is_ascii_digit)
        && !Number::local(digits).is_some_and(|number| habits.emergency.contains(number));
    if is_plain { read_plain(number.digits().as_bytes(), habits) } else { None }
}

fn read_bare(digits: &[u8], plan: &DialPlan, role: Role) -> Option<Number> {
    let habits = plan.habits();
    if role != Role::Caller && habits.extension(digits).is_some() {
        return None;
    }
    let valid = |number: &Number| habits.is_valid(*number);
    if plan.bare == Bare::International {
        return stands_as_written(digits, plan, role).or_else(|| read_plain(digits, habits).filter(valid));
    }
    if let Some(number) = read_inside(digits, habits) {
        return Some(number);
    }
    let own = habits.code().digits.as_slice();
    let prefixes = || habits.international_prefixes.iter().chain(&habits.national_prefixes);
    // +1 is the trunk prefix of its own numbers too; there both readings are one.
    let is_prefixed =
        || prefixes().any(|prefix| prefix.strip(digits).is_some() && prefix.strip(own) != Some(b""));
    if !digits.starts_with(own) {
        return None;
    }
    let number = read_plain(digits, habits)?;
    (valid(&number) && !is_prefixed()).then_some(number)
}

/// Reads bare digits that the customer says come as E.164: a usual number of some country is that number, in service or
/// not. `None` when they may be something else all the same: a national number that exists, or one behind an access code.
pub(super) fn stands_as_written(digits: &[u8], plan: &DialPlan, role: Role) -> Option<Number> {
    let habits = plan.habits();
    if plan.bare != Bare::International || !(role == Role::Caller || habits.access_codes.is_empty()) {
        return None;
    }
    let number = read_plain(digits, habits)?;
    (read_inside(digits, habits).is_none() || habits.is_valid(number)).then_some(number)
}

/// Reads the digits of a national number that exists.
fn read_inside(digits: &[u8], habits: &Habits) -> Option<Number> {
    let own = habits.code().digits.as_slice();
    let fits = u32::from(habits.code().lengths).unbounded_shr((own.len() + digits.len()) as u32) & 1 == 1;
    let number = if fits { read_joined(own, digits, habits) } else { None };
    number.filter(|number| habits.is_valid(*number))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plans() -> Vec<DialPlan> {
        let pair = |pattern: &str, number: &str| (pattern.to_owned(), number.to_owned());
        let extensions = [
            pair("01xx", "+1 210 555 01xx"),
            // Emergency numbers come before extensions, and an overlong number is no usual one.
            pair("9xx", "+1 210 555 09xx"),
            pair("3xxx", "+44 20 1234 567 3xxx"),
            pair("4xxxxxxx", "+44 20 4xxxxxxx"),
        ];
        ["US", "GB", "DE", "AR", "IT"]
            .into_iter()
            .flat_map(|region| [Bare::National, Bare::International].map(|bare| (region, bare)))
            .map(|(region, bare)| DialPlan::new(region, bare, None, &["9".to_owned()], &extensions).unwrap())
            .collect()
    }

    fn check(text: &[u8]) {
        for plan in plans() {
            for role in [Role::Caller, Role::OwnCaller, Role::Called] {
                let Some(number) = read_short(text, &plan, role) else { continue };
                let written = Written::read(text, plan.habits());
                let dialled = Dialled { plan: &plan, role, guarded: written.may_be_emergency() };
                assert_eq!(dialled.read(&written), (Party::Number(number), Flags::NONE), "{plan:?} {role:?}");
                assert!(written.flags.is_empty() && written.without_number().is_none());
            }
        }
    }

    #[test]
    fn an_extension_is_read_as_its_number_and_an_emergency_number_is_not() {
        let us = plans().swap_remove(0);
        let read = |text: &[u8]| read_short(text, &us, Role::Called).map(|number| number.to_string());
        assert_eq!(read(b"0115").as_deref(), Some("+12105550115"));
        assert_eq!(read(b"922").as_deref(), Some("+12105550922"));
        assert_eq!(read(b"911"), None);
        assert_eq!(read(b"0a15"), None);
        assert_eq!(read_short(b"0115", &us, Role::Caller), None);
    }

    proptest! {
        #[test]
        fn the_short_way_reads_what_the_long_way_reads(
            text in "(\\+|00|011|9|1|44|49)?[0-9]{1,12}",
            extension in "(01|9|3|4)[0-9a]{1,7}",
        ) {
            check(text.as_bytes());
            check(extension.as_bytes());
        }
    }
}
