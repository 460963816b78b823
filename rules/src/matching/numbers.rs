//! Facts about single numbers that several tables ask for.

use crate::number::Number;
use crate::number_set::LOCAL_OFFSET;

/// Where `number` stands in the number space of [`crate::number_set::Segment`].
#[inline]
pub(crate) fn position(number: Number) -> u64 {
    number.position() + if number.is_local() { LOCAL_OFFSET } else { 0 }
}

/// Whether `a` and `b` share the first 6 national digits (+1), or all but the last 4 (elsewhere).
pub fn is_neighbour(a: Number, b: Number) -> bool {
    if a.len() != b.len() || a.is_local() != b.is_local() {
        return false;
    }
    let nanp = !a.is_local() && a.leading(1) == 1 && b.leading(1) == 1;
    let shared = if nanp { NANP_SHARED } else { a.len().saturating_sub(4) };
    shared > 0 && a.len() > shared && a.leading(shared) == b.leading(shared)
}

/// The country code and six digits of +1.
const NANP_SHARED: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_their_block_and_nobody_else_does() {
        let number = |digits: &str| Number::international(digits.as_bytes()).unwrap();
        for (a, b, expected) in [
            ("12105550100", "12105559999", true),
            ("12105550100", "12105560100", false),
            ("442079460001", "442079469999", true),
            ("442079460001", "442079470001", false),
            ("442079460001", "44207946000", false),
        ] {
            assert_eq!(is_neighbour(number(a), number(b)), expected, "{a} {b}");
        }
        assert!(!is_neighbour(Number::local(b"101").unwrap(), Number::local(b"102").unwrap()));
    }
}
