//! Numbers on either side of every edge of a set: with the first number of every piece, and the first behind it, every
//! part that sets cut the number space into has somebody in it.

use crate::number::{DIGITS_MAX, Number, power_of_ten};
use crate::number_set::{LOCAL_OFFSET, NumberSet};

/// Numbers inside and just outside of `set`, as long as `like` where that may be.
pub(super) fn around(set: &NumberSet, like: Option<Number>) -> Vec<Number> {
    let mut numbers = Vec::new();
    for segment in set.segments().iter().take(SEGMENTS_MAX) {
        let has = |length: &usize| segment.lengths >> length & 1 == 1;
        let lowest = (1..=DIGITS_MAX).find(has);
        let highest = (1..=DIGITS_MAX).rev().find(has);
        let usual = [like.map(Number::len), Some(11), Some(12), lowest, highest];
        let mut lengths: Vec<usize> = usual.into_iter().flatten().collect();
        let mut seen = 0u16;
        lengths.retain(|length| {
            let is_new = seen >> length & 1 == 0;
            seen |= 1 << length;
            is_new
        });
        // Numbers of the set itself first: they are what a rule asks for.
        let inside = lengths.iter().filter(|length| has(length));
        numbers.extend(inside.filter_map(|length| from(segment.low, *length).filter(|n| set.contains(*n))));
        for length in lengths {
            numbers.extend(from(segment.high + 1, length));
            numbers.extend(before(segment.low, length));
            numbers.extend(from(segment.low, length).filter(|number| !set.contains(*number)));
        }
    }
    numbers
}

/// Numbers like `like` that differ in one digit.
pub(super) fn beside(like: Number) -> impl Iterator<Item = Number> {
    let step = power_of_ten(DIGITS_MAX - like.len());
    let offset = if like.is_local() { LOCAL_OFFSET } else { 0 };
    (0..like.len().saturating_sub(1) as u32).flat_map(move |place| {
        let by = step * 10u64.pow(place);
        let position = like.position() + offset;
        [from(position + by, like.len()), before(position - by + 1, like.len())].into_iter().flatten()
    })
}

/// The first number of `length` digits at or behind `position`.
fn from(position: u64, length: usize) -> Option<Number> {
    let (offset, local) = side(position);
    let step = power_of_ten(DIGITS_MAX.checked_sub(length)?);
    number((position - offset).div_ceil(step) * step, length, local)
}

/// The last number of `length` digits in front of `position`.
fn before(position: u64, length: usize) -> Option<Number> {
    let (offset, local) = side(position);
    let step = power_of_ten(DIGITS_MAX.checked_sub(length)?);
    number((position - offset).checked_sub(1)? / step * step, length, local)
}

fn side(position: u64) -> (u64, bool) {
    if position >= LOCAL_OFFSET { (LOCAL_OFFSET, true) } else { (0, false) }
}

fn number(position: u64, length: usize, local: bool) -> Option<Number> {
    // No country code begins with a zero (ITU-T E.164 §6).
    let first = if local { 0 } else { power_of_ten(DIGITS_MAX - 1) };
    (first..power_of_ten(DIGITS_MAX)).contains(&position).then(|| Number::from_parts(position, length, local))
}

/// Pieces of one set that are looked at.
const SEGMENTS_MAX: usize = 16;
