//! TNAuthList: which numbers a certificate may speak for (RFC 8226 §9).

use rules::Number;

use crate::limits::{AUTHORITIES_MAX, CODE_BYTES_MAX};

/// What a certificate may speak for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// Its entries, at least one.
    pub entries: Vec<Entry>,
}

/// One entry of a TNAuthList.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Every number of the service provider with this code (SPC, in North America the OCN).
    Provider(String),
    /// So many numbers from the first one on.
    Range(Number, u64),
    /// One number.
    One(Number),
}

impl Authority {
    /// Reads the content of the extension; `None` when it is none.
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let (SEQUENCE, mut list, []) = element(der)? else { return None };
        let mut entries = Vec::new();
        while !list.is_empty() {
            let (tag, content, behind) = element(list)?;
            list = behind;
            // The module of RFC 8226 tags explicitly: inside each tag stands the whole value.
            let (inner, value, []) = element(content)? else { return None };
            entries.push(match (tag, inner) {
                (PROVIDER, TEXT) => Entry::Provider(code(value)?),
                (RANGE, SEQUENCE) => range(value)?,
                (ONE, TEXT) => Entry::One(number(value)?),
                _ => return None,
            });
            if entries.len() > AUTHORITIES_MAX {
                return None;
            }
        }
        (!entries.is_empty()).then_some(Self { entries })
    }

    /// The codes of its service providers.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Provider(code) => Some(code.as_str()),
            Entry::Range(..) | Entry::One(_) => None,
        })
    }

    /// Whether it names `number` itself.
    pub fn names(&self, number: Number) -> bool {
        self.entries.iter().any(|entry| match *entry {
            Entry::Provider(_) => false,
            Entry::Range(first, count) => {
                let offset = number.value().checked_sub(first.value());
                number.len() == first.len() && offset.is_some_and(|offset| offset < count)
            }
            Entry::One(one) => crate::call::same(one, number),
        })
    }
}

/// TelephoneNumberRange: the first number and how many there are.
fn range(sequence: &[u8]) -> Option<Entry> {
    let (TEXT, first, behind) = element(sequence)? else { return None };
    let (INTEGER, count, _) = element(behind)? else { return None };
    // RFC 8226 wants two at least; a negative one has its first bit set.
    if count.first()? & 0x80 != 0 || count.len() > 8 {
        return None;
    }
    let count = count.iter().fold(0u64, |count, &byte| count << 8 | u64::from(byte));
    (count >= 2).then_some(Entry::Range(number(first)?, count))
}

/// A number as a TNAuthList or a PASSporT writes it: digits without plus.
pub(crate) fn number(digits: &[u8]) -> Option<Number> {
    Number::international(digits).or_else(|| Number::local(digits))
}

fn code(text: &[u8]) -> Option<String> {
    let is_plain = !text.is_empty() && text.len() <= CODE_BYTES_MAX && text.iter().all(u8::is_ascii_graphic);
    is_plain.then(|| String::from_utf8_lossy(text).into_owned())
}

/// The first element of `der`: its tag, its content and what stands behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, length], behind) = der.split_first_chunk::<2>()?;
    let (length, behind) = match length {
        0..=0x7f => (usize::from(length), behind),
        0x81..=0x83 => {
            let (bytes, behind) = behind.split_at_checked(usize::from(length & 0x0f))?;
            (bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), behind)
        }
        _ => return None,
    };
    let (content, behind) = behind.split_at_checked(length)?;
    Some((tag, content, behind))
}

const PROVIDER: u8 = 0xa0;
const RANGE: u8 = 0xa1;
const ONE: u8 = 0xa2;
const SEQUENCE: u8 = 0x30;
const TEXT: u8 = 0x16;
const INTEGER: u8 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Number {
        number(text.as_bytes()).unwrap()
    }

    #[test]
    fn providers_ranges_and_numbers_are_read() {
        let code = b"\x30\x08\xa0\x06\x16\x04709J";
        let authority = Authority::parse(code).unwrap();
        assert_eq!(authority.providers().collect::<Vec<_>>(), ["709J"]);
        assert!(!authority.names(digits("12025550143")));

        let range = b"\x30\x14\xa1\x12\x30\x10\x16\x0b12025550100\x02\x01\x64";
        let authority = Authority::parse(range).unwrap();
        for (number, named) in [
            ("12025550099", false),
            ("12025550100", true),
            ("12025550199", true),
            ("12025550200", false),
            ("2025550100", false),
        ] {
            assert_eq!(authority.names(digits(number)), named, "{number}");
        }

        let one = b"\x30\x0f\xa2\x0d\x16\x0b12025550143";
        assert!(Authority::parse(one).unwrap().names(digits("12025550143")));
    }

    #[test]
    fn what_is_no_list_is_none() {
        for der in [
            &b""[..],
            b"\x30\x00",
            b"\x30\x05\xa0\x03\x16\x01",
            b"\x30\x04\x80\x02\x16\x01",
            b"\x30\x05\xa0\x03\x16\x01 ",
            b"\x30\x14\xa1\x12\x30\x10\x16\x0b12025550100\x02\x01\x01",
            b"\x30\x14\xa1\x12\x30\x10\x16\x0b12025550100\x02\x01\x81",
            b"\x30\x05\xa3\x03\x16\x011",
            b"\x30\x05\xa0\x03\x16\x011\x00",
            b"\x16\x31ca.example.com/sti-ca/acme/TNAuthList",
        ] {
            assert_eq!(Authority::parse(der), None, "{}", der.escape_ascii());
        }
    }
}
