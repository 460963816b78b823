//! A telephone number in eight bytes, ordered as its digits are.

use std::fmt;

/// Most digits an E.164 number may have (ITU-T E.164 §6); local numbers are held to the same bound.
pub const DIGITS_MAX: usize = 15;

const LENGTH_BITS: u32 = 4;
const LOCAL_BIT: u32 = 63;

/// An international number (`+12105550100`) or a local one (`911`, an extension), never more than
/// [`DIGITS_MAX`] digits.
///
/// The digits stand left-aligned in front of their count, so that numbers compare as digit strings do
/// and all numbers behind one prefix are neighbours. Local numbers come after all international ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Number(u64);

impl Number {
    /// Reads `digits` (ASCII, without the plus) as an international number.
    /// `None` when there are none, more than [`DIGITS_MAX`], or anything but digits, or a leading zero.
    #[inline]
    pub fn international(digits: &[u8]) -> Option<Self> {
        if digits.first() == Some(&b'0') { None } else { Self::pack(digits, false) }
    }

    /// The international number whose digits are those of `value`: 1210 is `+1210`. `None` of 0 and of more than
    /// [`DIGITS_MAX`] digits.
    #[inline]
    pub fn from_value(value: u64) -> Option<Self> {
        let length = value.checked_ilog10()? as usize + 1;
        let rest = DIGITS_MAX.checked_sub(length)?;
        Some(Self::from_parts(value * power_of_ten(rest), length, false))
    }

    /// Reads `digits` as a number that only means something locally: a short code, an extension.
    pub fn local(digits: &[u8]) -> Option<Self> {
        Self::pack(digits, true)
    }

    #[inline]
    fn pack(digits: &[u8], local: bool) -> Option<Self> {
        if digits.is_empty() || digits.len() > DIGITS_MAX {
            return None;
        }
        let mut value = 0u64;
        for &byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            // Fifteen digits fit; the check for overflow would cost more than the digit.
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        }
        Some(Self::from_parts(value * power_of_ten(DIGITS_MAX - digits.len()), digits.len(), local))
    }

    /// The number whose `length` digits stand at the front of the 15-digit `position`.
    pub(crate) fn from_parts(position: u64, length: usize, local: bool) -> Self {
        debug_assert!((1..=DIGITS_MAX).contains(&length) && position < power_of_ten(DIGITS_MAX));
        Self(u64::from(local) << LOCAL_BIT | position << LENGTH_BITS | length as u64)
    }

    /// How many digits it has, 1 to 15.
    #[allow(clippy::len_without_is_empty, reason = "a number has at least one digit")]
    pub fn len(self) -> usize {
        (self.0 & 0xf) as usize
    }

    /// Whether it only means something locally.
    pub fn is_local(self) -> bool {
        self.0 >> LOCAL_BIT == 1
    }

    /// Its digits left-aligned in 15 places: `+1210` is 121_000_000_000_000.
    pub fn position(self) -> u64 {
        (self.0 & !(1 << LOCAL_BIT)) >> LENGTH_BITS
    }

    /// Its digits as one integer: `+1210` is 1210.
    pub fn value(self) -> u64 {
        self.position() / power_of_ten(DIGITS_MAX - self.len())
    }

    /// The packed form: a key for tables, equal only for equal numbers.
    pub fn key(self) -> u64 {
        self.0
    }

    /// Its digits in ASCII, without the plus.
    pub fn digits(self) -> Digits {
        let position = self.position();
        let [_, a, b, c, d, e, f, g] = eight_digits((position / 100_000_000) as u32);
        let [h, i, j, k, l, m, n, o] = eight_digits((position % 100_000_000) as u32);
        let bytes = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o];
        Digits { bytes, length: self.len() }
    }

    /// Its first `count` digits (all of them when it has fewer) as one integer.
    pub fn leading(self, count: usize) -> u64 {
        self.position() / power_of_ten(DIGITS_MAX - count.min(self.len()))
    }

    /// Whether it begins with `digits` (ASCII, without the plus).
    pub fn starts_with(self, digits: &[u8]) -> bool {
        self.digits().as_bytes().starts_with(digits)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_local() {
            f.write_str("+")?;
        }
        f.write_str(self.digits().as_str())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The digits of one number, on the stack.
#[derive(Clone, Copy)]
pub struct Digits {
    bytes: [u8; DIGITS_MAX],
    length: usize,
}

impl Digits {
    /// The digits as ASCII bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// The last eight decimal digits of `value` in ASCII, with zeros in front, worked out side by side: halves, then their halves, each
/// in its own part of one word.
#[inline]
pub fn eight_digits(value: u32) -> [u8; 8] {
    let value = u64::from(value % 100_000_000);
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    // Multiplying and shifting divides by 100 what is below 10,000, and by 10 what is below 100.
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | ((twos - tens * 10) << 8);
    (ones | 0x3030_3030_3030_3030).to_le_bytes()
}

/// 10 to the power `exponent`, for exponents up to 19.
#[inline]
#[allow(
    clippy::indexing_slicing,
    reason = "every exponent is at most 19, and this is on the path of every number"
)]
pub(crate) const fn power_of_ten(exponent: usize) -> u64 {
    POWERS_OF_TEN[exponent]
}

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const POWERS_OF_TEN: [u64; 20] = {
    let mut powers = [1; 20];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_number_of_its_digits() {
        for value in [1, 9, 10, 911, 12_105_550_100, 99_999_999_999_999, 999_999_999_999_999] {
            let digits = Number::international(value.to_string().as_bytes());
            assert_eq!(Number::from_value(value), digits, "{value}");
            assert_eq!(digits.map(Number::value), Some(value));
        }
        assert_eq!([0, 1_000_000_000_000_000, u64::MAX].map(Number::from_value), [None; 3]);
    }

    #[test]
    fn eight_digits_are_those_of_the_value() {
        for value in (0..10_000).flat_map(|four| [four, four * 10_000, 99_990_000 + four, four * 10_001]) {
            assert_eq!(eight_digits(value), format!("{value:08}").as_bytes(), "{value}");
        }
        assert_eq!(eight_digits(u32::MAX), *b"94967295");
    }

    #[test]
    fn numbers_print_as_they_were_read() {
        assert_eq!(Number::international(b"12105550100").unwrap().to_string(), "+12105550100");
        assert_eq!(Number::local(b"0042").unwrap().to_string(), "0042");
        assert_eq!(Number::international(b"123456789012345").unwrap().value(), 123_456_789_012_345);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for wrong in [&b""[..], b"0123", b"1234567890123456", b"12a4"] {
            assert_eq!(Number::international(wrong), None);
        }
    }

    #[test]
    fn numbers_sort_as_digit_strings() {
        let mut texts = ["1", "10", "100", "11", "2", "210", "2105550100", "2105550101", "3"];
        let sorted = texts;
        texts.reverse();
        texts.sort_by_key(|text| Number::international(text.as_bytes()));
        assert_eq!(texts, sorted);
    }
}
