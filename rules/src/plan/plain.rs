//! The short way to read a number: international digits as nearly every caller writes them.

use super::Habits;
use crate::number::Number;

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
