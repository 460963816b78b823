//! PASSporTs (RFC 8225) as Identity headers carry them (RFC 8224): read, not verified.

mod claims;

use std::borrow::Cow;
use std::fmt;

use memchr::memchr_iter;
use rules::{Flag, Flags};
use stir::{Signed, is_refused_address};

use self::claims::{Claims, Header};
use super::params::Params;
use super::text::{cut, split_at, trim};
use crate::limits::{PASSPORT_BYTES_MAX, PASSPORT_NUMBERS_MAX};

/// Room for the decoded JSON texts of one PASSporT; the caller keeps it, so that no heap is needed.
pub struct Room([u8; PASSPORT_BYTES_MAX]);

impl Default for Room {
    fn default() -> Self {
        Self([0; PASSPORT_BYTES_MAX])
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Room")
    }
}

/// What one Identity value says. All of it is the sender's word until its signature is verified.
#[derive(Clone, Debug, Default)]
pub struct Passport<'a> {
    /// The three parts with their dots, as signed; empty parts for the compact form.
    pub token: &'a [u8],
    /// Whether it is the compact form (RFC 8225 §7): header and claims are left to the verifier to rebuild.
    pub compact: bool,
    /// The `info` parameter: where the certificate lies, without brackets.
    pub info: &'a [u8],
    /// The `alg` parameter of the header field.
    pub info_alg: &'a [u8],
    /// The `ppt` parameter of the header field, without quotes.
    pub info_ppt: &'a [u8],
    /// The signature's algorithm; `ES256` is the only lawful one.
    pub alg: Option<Cow<'a, str>>,
    /// The extension, such as `shaken`.
    pub ppt: Option<Cow<'a, str>>,
    /// Where the certificate lies, by the signed header.
    pub x5u: Option<Cow<'a, str>>,
    /// The attestation as written: `A`, `B` or `C` (RFC 8588).
    pub attest: Option<Cow<'a, str>>,
    /// The caller's number: digits without plus.
    pub orig: Option<Cow<'a, str>>,
    /// The called numbers, at most [`PASSPORT_NUMBERS_MAX`] of them.
    pub dest: [Option<Cow<'a, str>>; PASSPORT_NUMBERS_MAX],
    /// The diverting number of a `div` PASSporT (RFC 8946).
    pub div: Option<Cow<'a, str>>,
    /// When it was signed, in seconds since 1970.
    pub iat: Option<u64>,
    /// Names the origin of the call to the signer (RFC 8588).
    pub origid: Option<Cow<'a, str>>,
    /// `bad-passport` when a part cannot be read, `x5u-refused` when an address in it must not be fetched.
    pub flags: Flags,
}

impl<'a> Passport<'a> {
    /// Reads `value`, one Identity value. Never fails; what cannot be read is absent and flagged.
    pub fn read(value: &'a [u8], room: &'a mut Room) -> Self {
        let Signed { token, info, alg, ppt } = signed(value);
        let mut passport = Self { token, info, info_alg: alg, info_ppt: ppt, ..Self::default() };
        passport.read_token(room);
        let refused = |address: &[u8]| !address.is_empty() && is_refused_address(address);
        let x5u = passport.x5u.as_deref().unwrap_or_default().as_bytes();
        // Both name one certificate, as a rule.
        let is_refused = refused(passport.info) || (x5u != passport.info && refused(x5u));
        passport.flags.raise_if(is_refused, Flag::X5uRefused);
        passport
    }

    /// The called numbers.
    pub fn dests(&self) -> impl Iterator<Item = &str> {
        self.dest.iter().flatten().map(AsRef::as_ref)
    }

    fn read_token(&mut self, room: &'a mut Room) {
        let Some((header, claims, signature)) = parts(self.token) else {
            self.flags.raise(Flag::BadPassport);
            return;
        };
        self.flags.raise_if(signature.is_empty(), Flag::BadPassport);
        if header.is_empty() && claims.is_empty() {
            self.compact = true;
            return;
        }
        let Room(room) = room;
        let Some(header_length) = decode_base64url(header, room) else {
            self.flags.raise(Flag::BadPassport);
            return;
        };
        let (header_room, claims_room) = room.split_at_mut(header_length);
        match Header::read(header_room) {
            Some(header) => (self.alg, self.ppt, self.x5u) = (header.alg, header.ppt, header.x5u),
            None => self.flags.raise(Flag::BadPassport),
        }
        let Some(claims_length) = decode_base64url(claims, claims_room) else {
            self.flags.raise(Flag::BadPassport);
            return;
        };
        match Claims::read(cut(claims_room, 0, claims_length)) {
            Some(claims) => {
                (self.attest, self.origid, self.iat) = (claims.attest, claims.origid, claims.iat);
                (self.orig, self.div, self.dest) = (claims.orig, claims.div, claims.dest);
            }
            None => self.flags.raise(Flag::BadPassport),
        }
    }
}

/// Parts `value`, one Identity value, without looking into the PASSporT. Never fails; what is not there is empty.
pub fn signed(value: &[u8]) -> Signed<'_> {
    let (token, params) = split_at(value, b';');
    let mut signed = Signed { token: trim(token), ..Signed::default() };
    for param in Params::read(params.unwrap_or_default()) {
        let value = param.value.unwrap_or_default();
        if param.is(b"info") {
            signed.info = trim(value.strip_prefix(b"<").unwrap_or(value).strip_suffix(b">").unwrap_or(value));
        } else if param.is(b"alg") {
            signed.alg = value;
        } else if param.is(b"ppt") {
            signed.ppt = value;
        }
    }
    signed
}

/// Header, claims and signature of `token`; `None` when it has not exactly two dots.
fn parts(token: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut dots = memchr_iter(b'.', token);
    let (first, second) = (dots.next()?, dots.next()?);
    if dots.next().is_some() {
        return None;
    }
    Some((token.get(..first)?, token.get(first + 1..second)?, token.get(second + 1..)?))
}

/// Decodes base64url (RFC 4648 §5) with or without padding into `room`; returns how many bytes it made, `None`
/// when a byte is none of the alphabet or the room is too small.
fn decode_base64url(text: &[u8], room: &mut [u8]) -> Option<usize> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let (groups, last) = text.as_chunks::<4>();
    let whole = groups.len() * 3;
    let (places, behind) = room.split_at_mut_checked(whole)?;
    let mut wrong = 0;
    for (group, place) in groups.iter().zip(places.as_chunks_mut::<3>().0) {
        let [a, b, c, d] = group.map(sextet);
        wrong |= a | b | c | d;
        let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
        let [_, bytes @ ..] = bits.to_be_bytes();
        *place = bytes;
    }
    let tail = match *last {
        [] => 0,
        [a, b] => {
            let [a, b] = [a, b].map(sextet);
            wrong |= a | b;
            *behind.first_mut()? = a << 2 | b >> 4;
            1
        }
        [a, b, c] => {
            let [a, b, c] = [a, b, c].map(sextet);
            wrong |= a | b | c;
            *behind.first_chunk_mut()? = [a << 2 | b >> 4, b << 4 | c >> 2];
            2
        }
        _ => return None,
    };
    (wrong & NO_SEXTET == 0).then_some(whole + tail)
}

#[inline]
#[allow(clippy::indexing_slicing, reason = "every byte has a place")]
fn sextet(byte: u8) -> u8 {
    SEXTETS[usize::from(byte)]
}

/// The bit that only bytes outside the alphabet have.
const NO_SEXTET: u8 = 0x80;

/// The value of each byte of the alphabet.
#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
static SEXTETS: [u8; 256] = {
    let mut sextets = [NO_SEXTET; 256];
    let mut value = 0;
    while value < 64 {
        let byte = match value {
            0..26 => b'A' + value,
            26..52 => b'a' + value - 26,
            52..62 => b'0' + value - 52,
            62 => b'-',
            _ => b'_',
        };
        sextets[byte as usize] = value;
        value += 1;
    }
    sextets
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Base64url without padding.
    fn encode(text: &str) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut encoded = String::new();
        for group in text.as_bytes().chunks(3) {
            let mut bits = 0u32;
            for at in 0..3 {
                bits = bits << 8 | u32::from(group.get(at).copied().unwrap_or(0));
            }
            for at in 0..=group.len() {
                encoded.push(char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]));
            }
        }
        encoded
    }

    fn identity(header: &str, claims: &str, params: &str) -> String {
        format!("{}.{}.c2lnbmF0dXJl{params}", encode(header), encode(claims))
    }

    const HEADER: &str =
        r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cert.example.com/a.crt"}"#;

    #[test]
    fn a_shaken_passport_is_read_whole() {
        let claims = r#"{"attest":"B","dest":{"tn":["12025550100","12025550101"]},"iat":1790000000,"orig":{"tn":"12025550143"},"origid":"5b0a"}"#;
        let value =
            identity(HEADER, claims, ";info=<https://cert.example.com/a.crt>;alg=ES256;ppt=\"shaken\"");
        let mut room = Room::default();
        let passport = Passport::read(value.as_bytes(), &mut room);
        assert_eq!(passport.flags, Flags::NONE);
        assert_eq!(passport.alg.as_deref(), Some("ES256"));
        assert_eq!(passport.ppt.as_deref(), Some("shaken"));
        assert_eq!(passport.attest.as_deref(), Some("B"));
        assert_eq!(passport.orig.as_deref(), Some("12025550143"));
        assert_eq!(passport.dests().collect::<Vec<_>>(), ["12025550100", "12025550101"]);
        assert_eq!(passport.iat, Some(1_790_000_000));
        assert_eq!(passport.origid.as_deref(), Some("5b0a"));
        assert_eq!(
            (passport.info, passport.info_ppt),
            (&b"https://cert.example.com/a.crt"[..], &b"shaken"[..])
        );
        assert!(!passport.compact);
    }

    #[test]
    fn the_compact_form_says_only_what_its_parameters_say() {
        let mut room = Room::default();
        let passport =
            Passport::read(b"..c2ln;info=<https://cert.example.com/a.crt>;alg=ES256;ppt=shaken", &mut room);
        assert!(passport.compact && passport.flags.is_empty());
        assert_eq!(passport.info_alg, b"ES256");
        assert_eq!(passport.orig, None);
    }

    #[test]
    fn what_rfc_8225_does_not_allow_is_flagged() {
        let mut room = Room::default();
        let fine = r#"{"orig":{"tn":"12025550143"}}"#;
        let broken = [
            String::new(),
            "a.b".to_owned(),
            "a.b.c.d".to_owned(),
            "!.!.c2ln".to_owned(),
            identity("not json", fine, ""),
            identity(HEADER, "[]", ""),
            // An object written as text, as some signers do.
            identity(HEADER, r#"{"orig":"{\"tn\":\"12025550143\"}"}"#, ""),
            identity(HEADER, r#"{"orig":{"tn":12025550143}}"#, ""),
            identity(HEADER, r#"{"orig":{"tn":"1"},"orig":{"tn":"2"}}"#, ""),
            identity(HEADER, fine, "").replace("c2lnbmF0dXJl", ""),
            identity(HEADER, &"[".repeat(2_000), ""),
            "A".repeat(100_000),
            format!("{}.e30.c2ln", "A".repeat(100_000)),
        ];
        for value in broken {
            let passport = Passport::read(value.as_bytes(), &mut room);
            assert!(passport.flags.contains(Flag::BadPassport), "{}", value.get(..60).unwrap_or(&value));
        }
    }

    #[test]
    fn escapes_in_claims_are_read() {
        let mut room = Room::default();
        let value = identity(HEADER, r#"{"orig":{"tn":"\u0031202"},"dest":{"uri":["sip:a@h"]}}"#, "");
        assert_eq!(Passport::read(value.as_bytes(), &mut room).orig.as_deref(), Some("1202"));
    }

    /// Byte by byte, as RFC 4648 §5 tells it.
    fn decode(text: &[u8]) -> Option<Vec<u8>> {
        let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (mut bits, mut count, mut decoded) = (0u32, 0, Vec::new());
        for byte in text {
            let sextet = alphabet.iter().position(|known| known == byte)?;
            (bits, count) = (bits << 6 | sextet as u32, count + 6);
            if count >= 8 {
                count -= 8;
                decoded.push((bits >> count) as u8);
            }
        }
        (text.len() % 4 != 1).then_some(decoded)
    }

    #[test]
    fn four_letters_at_a_time_are_decoded_as_one_by_one() {
        let base = b"eyJhbGciOiJFUzI1NiJ9_-Az";
        for end in 0..=base.len() {
            for pad in [&b""[..], b"=", b"==", b"==="] {
                for at in 0..=end {
                    for byte in 0..=255 {
                        let mut text = base[..end].to_vec();
                        if let Some(place) = text.get_mut(at) {
                            *place = byte;
                        }
                        text.extend(pad);
                        for room in [&mut [0; 64][..], &mut [0; 7]] {
                            let found = decode_base64url(&text, room).map(|length| room[..length].to_vec());
                            let expected = decode(&text).filter(|decoded| decoded.len() <= room.len());
                            assert_eq!(found, expected, "{}", text.escape_ascii());
                        }
                    }
                }
            }
        }
    }
}
