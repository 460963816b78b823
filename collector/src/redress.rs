//! What tells a refused call apart to its caller: a short token in the address where they complain. Nothing is remembered for
//! it: who has the record of the call makes the same token of it again, also after a restart and on a twin.

use std::fmt;
#[allow(
    deprecated,
    reason = "the one keyed hash of the standard library; its words stay the same in every version"
)]
use std::hash::{Hasher as _, SipHasher};

use rules::Timestamp;

/// Makes tokens. Nobody without its key makes one that [`Tokens::read`] takes.
#[derive(Clone, Copy)]
pub struct Tokens {
    first: u64,
    second: u64,
}

/// A token that was ours: on which day a call was refused, and which one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// The day, UTC, modulo 32.
    day: u8,
    /// Of customer, day and Call-ID.
    id: u64,
    /// Of both, so that a made-up token is known without looking for its call.
    tag: u64,
}

impl Tokens {
    /// By the key that `bytes` are.
    pub fn new(bytes: [u8; 16]) -> Self {
        let (first, second) = bytes.split_at(8);
        let number = |half: &[u8]| half.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        Self { first: number(first), second: number(second) }
    }

    /// The token of the call `call_id` that the policy of `customer` refused at `at`.
    pub fn of(&self, customer: &str, call_id: &[u8], at: Timestamp) -> Token {
        self.of_day(customer, call_id, (at.0.div_euclid(DAY_MICROS).rem_euclid(DAYS)) as u8)
    }

    /// Whether `token` is that of this call.
    pub fn is_of(&self, token: &Token, customer: &str, call_id: &[u8]) -> bool {
        self.of_day(customer, call_id, token.day) == *token
    }

    /// The token that `text` is, in whatever case; `None` for what never was ours.
    pub fn read(&self, text: &str) -> Option<Token> {
        if text.len() != CHARACTERS {
            return None;
        }
        let value = text.bytes().try_fold(0_u128, |value, byte| {
            let byte = match byte.to_ascii_lowercase() {
                b'o' => b'0',
                b'i' | b'l' => b'1',
                byte => byte,
            };
            let digit = ALPHABET.iter().position(|it| *it == byte)?;
            Some(value << 5 | digit as u128)
        })?;
        let id = (value >> TAG_BITS) as u64 & mask(ID_BITS);
        let day = (value >> (TAG_BITS + ID_BITS)) as u8;
        let token = Token { day, id, tag: value as u64 & mask(TAG_BITS) };
        (self.tag(day, id) == token.tag).then_some(token)
    }

    fn of_day(&self, customer: &str, call_id: &[u8], day: u8) -> Token {
        let id = self.hash(0, &[customer.as_bytes(), &[day], call_id]) & mask(ID_BITS);
        Token { day, id, tag: self.tag(day, id) }
    }

    fn tag(&self, day: u8, id: u64) -> u64 {
        self.hash(1, &[&[day], &id.to_be_bytes()]) & mask(TAG_BITS)
    }

    #[allow(deprecated, reason = "as above")]
    fn hash(&self, kind: u8, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher::new_with_keys(self.first, self.second);
        hasher.write(&[kind]);
        for part in parts {
            hasher.write(&(part.len() as u64).to_be_bytes());
            hasher.write(part);
        }
        hasher.finish()
    }
}

impl Token {
    /// When the day began on which the call was refused: the latest such day that is not after `now`, at most a month before.
    pub fn day(&self, now: Timestamp) -> Timestamp {
        let today = now.0.div_euclid(DAY_MICROS);
        let back = (today - i64::from(self.day)).rem_euclid(DAYS);
        Timestamp((today - back) * DAY_MICROS)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value =
            (u128::from(self.day) << ID_BITS | u128::from(self.id)) << TAG_BITS | u128::from(self.tag);
        for place in (0..CHARACTERS).rev() {
            let digit = (value >> (5 * place)) as usize & 31;
            write!(f, "{}", ALPHABET.get(digit).map_or('?', |byte| char::from(*byte)))?;
        }
        Ok(())
    }
}

/// A key is not for logs.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// Where the token stands in the address of a policy.
pub const PLACE: &str = "{token}";
/// 5 bits of day, 48 of the call, 32 that prove it: what is typed from paper, five bits a character.
const CHARACTERS: usize = 17;
const ID_BITS: u32 = 48;
const TAG_BITS: u32 = 32;
/// Without i, l, o and u: none is read for another (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;
/// A token is found again for as many days.
const DAYS: i64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_791_212_400_000_000); // 2026-10-05T15:00:00Z

    #[test]
    fn a_token_is_read_as_it_was_written_and_leads_to_its_call_and_day() {
        let tokens = Tokens::new([7; 16]);
        let token = tokens.of("Acme", b"a@example.com", AT);
        let text = token.to_string();
        assert!(text.len() == CHARACTERS && text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
        assert_eq!(tokens.read(&text), Some(token));
        assert_eq!(tokens.read(&text.to_uppercase()), Some(token));
        assert!(tokens.is_of(&token, "Acme", b"a@example.com"));
        assert!(!tokens.is_of(&token, "Other", b"a@example.com"));
        assert!(!tokens.is_of(&token, "Acme", b"b@example.com"));
        let days = |days: i64| AT.plus_micros(days * DAY_MICROS);
        let began = Timestamp(AT.0.div_euclid(DAY_MICROS) * DAY_MICROS);
        assert!((0..32).all(|later| token.day(days(later)) == began));
        assert_ne!(tokens.of("Acme", b"a@example.com", days(1)), token);
    }

    #[test]
    fn what_somebody_made_up_is_no_token() {
        let tokens = Tokens::new([7; 16]);
        let text = tokens.of("Acme", b"a@example.com", AT).to_string();
        assert_eq!(Tokens::new([8; 16]).read(&text), None);
        for at in 0..CHARACTERS {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'2' { b'3' } else { b'2' };
            assert_eq!(tokens.read(std::str::from_utf8(&other).unwrap()), None, "character {at}");
        }
        for hostile in ["", "0", "ü2345678901234567", "<script>alert(1)/", &"0".repeat(18)] {
            assert_eq!(tokens.read(hostile), None);
        }
    }
}
