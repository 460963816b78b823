//! The number that people call a case by.

use std::fmt;
use std::str::FromStr;

/// `RW-` with six digits or more and a check digit by ISO 7064 MOD 11,10. It is no secret and gives no right to anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaseNumber(u64);

impl CaseNumber {
    /// The number of the case with this serial.
    pub const fn new(serial: u64) -> Self {
        Self(serial)
    }

    /// Counts cases; what the digits before the check digit say.
    pub const fn serial(self) -> u64 {
        self.0
    }

    /// Every case number that stands in `text`, whatever is around it. One whose check digit is wrong is none.
    pub fn find_all(text: &str) -> impl Iterator<Item = Self> {
        text.match_indices(['R', 'r']).filter_map(|(at, _)| {
            let is_inside_word = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
            let rest = text.get(at..)?;
            let end = rest.char_indices().find(|(_, it)| !it.is_ascii_alphanumeric() && *it != '-');
            let word = rest[..end.map_or(rest.len(), |(end, _)| end)].trim_end_matches('-');
            if is_inside_word { None } else { word.parse().ok() }
        })
    }
}

impl fmt::Display for CaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:06}", self.0);
        write!(f, "RW-{digits}-{}", check_digit(&digits))
    }
}

impl FromStr for CaseNumber {
    type Err = Mistyped;

    /// Reads `RW-104233-3`, in any case.
    fn from_str(text: &str) -> Result<Self, Mistyped> {
        let parts = || {
            let (prefix, rest) = text.split_at_checked(3)?;
            let (digits, check) = rest.split_once('-')?;
            let is_number = prefix.eq_ignore_ascii_case("RW-")
                && (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len())
                && digits.bytes().all(|it| it.is_ascii_digit())
                && (digits.len() == DIGITS_MIN || !digits.starts_with('0'));
            let is_whole = is_number && check == check_digit(digits).to_string();
            digits.parse().ok().filter(|_| is_whole).map(Self)
        };
        parts().ok_or_else(|| Mistyped(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for CaseNumber {
    type Error = Mistyped;

    fn try_from(text: String) -> Result<Self, Mistyped> {
        text.parse()
    }
}

impl From<CaseNumber> for String {
    fn from(number: CaseNumber) -> Self {
        number.to_string()
    }
}

/// What was given as a case number and is none, cut to 40 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistyped(pub String);

impl fmt::Display for Mistyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no case number: it looks like RW-104233-3, and the last digit checks the others",
            self.0
        )
    }
}

impl std::error::Error for Mistyped {}

fn check_digit(digits: &str) -> u32 {
    let product = digits.bytes().fold(10, |product, digit| {
        let sum = match (product + u32::from(digit - b'0')) % 10 {
            0 => 10,
            sum => sum,
        };
        sum * 2 % 11
    });
    (11 - product) % 10
}

const DIGITS_MIN: usize = 6;
/// Few enough to stand in 64 bits.
const DIGITS_MAX: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c3_a_number_reads_as_it_is_written() {
        assert_eq!(CaseNumber::new(104_233).to_string(), "RW-104233-3");
        assert_eq!("rw-104233-3".parse(), Ok(CaseNumber::new(104_233)));
        for serial in [0, 1, 99_999, 999_999, 1_000_000, 123_456_789] {
            let number = CaseNumber::new(serial);
            assert_eq!(number.to_string().parse(), Ok(number));
        }
        for wrong in
            ["RW-104233-4", "RW-104233", "RW-4233-3", "RW-0104233-3", "104233-3", "", "RW-", "RW-1\u{e9}-3"]
        {
            assert!(wrong.parse::<CaseNumber>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn c3_every_wrong_digit_and_nearly_every_swap_is_noticed() {
        let (mut swaps, mut missed) = (0, 0);
        for serial in (100_000..1_000_000).step_by(37) {
            let text = CaseNumber::new(serial).to_string().into_bytes();
            for at in (3..9).chain([10]) {
                for digit in b'0'..=b'9' {
                    let mut other = text.clone();
                    if std::mem::replace(&mut other[at], digit) != digit {
                        assert!(String::from_utf8(other).unwrap().parse::<CaseNumber>().is_err());
                    }
                }
            }
            for at in 3..8 {
                let mut other = text.clone();
                other.swap(at, at + 1);
                if other != text {
                    swaps += 1;
                    missed += usize::from(String::from_utf8(other).unwrap().parse::<CaseNumber>().is_ok());
                }
            }
        }
        assert!(missed * 1_000 <= swaps * 25, "{missed} of {swaps}");
    }

    #[test]
    fn c4_numbers_are_found_in_a_subject() {
        let found = |text| CaseNumber::find_all(text).map(CaseNumber::serial).collect::<Vec<_>>();
        assert_eq!(found("Re: [RW-104233-3] Received: threats, see rw-104233-3."), [104_233, 104_233]);
        assert_eq!(found("AW: (RW-104233-3)- and xRW-104233-3, RW-104233-34, RW-104233-4"), [104_233]);
    }
}
