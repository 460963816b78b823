//! PASSporTs (RFC 8225) as Identity headers carry them (RFC 8224): read, not verified.

use std::borrow::Cow;
use std::fmt;

use rules::{Flag, Flags};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::params::Params;
use super::text::{cut, rest, split_at, trim};
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
        let (token, params) = split_at(value, b';');
        let mut passport = Self { token: trim(token), ..Self::default() };
        for param in Params::read(params.unwrap_or_default()) {
            let value = param.value.unwrap_or_default();
            if param.is(b"info") {
                passport.info =
                    trim(value.strip_prefix(b"<").unwrap_or(value).strip_suffix(b">").unwrap_or(value));
            } else if param.is(b"alg") {
                passport.info_alg = value;
            } else if param.is(b"ppt") {
                passport.info_ppt = value;
            }
        }
        passport.read_token(room);
        let refused = |address: &[u8]| !address.is_empty() && is_refused_address(address);
        let x5u = passport.x5u.as_deref().unwrap_or_default().as_bytes();
        let is_refused = refused(passport.info) || refused(x5u);
        passport.flags.raise_if(is_refused, Flag::X5uRefused);
        passport
    }

    /// The called numbers.
    pub fn dests(&self) -> impl Iterator<Item = &str> {
        self.dest.iter().flatten().map(AsRef::as_ref)
    }

    fn read_token(&mut self, room: &'a mut Room) {
        let mut parts = self.token.split(|&byte| byte == b'.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
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
        match serde_json::from_slice::<HeaderText<'a>>(header_room) {
            Ok(header) => {
                self.alg = header.alg.map(|Text(text)| text);
                self.ppt = header.ppt.map(|Text(text)| text);
                self.x5u = header.x5u.map(|Text(text)| text);
            }
            Err(_) => self.flags.raise(Flag::BadPassport),
        }
        let Some(claims_length) = decode_base64url(claims, claims_room) else {
            self.flags.raise(Flag::BadPassport);
            return;
        };
        match serde_json::from_slice::<ClaimsText<'a>>(cut(claims_room, 0, claims_length)) {
            Ok(claims) => {
                self.attest = claims.attest.map(|Text(text)| text);
                self.origid = claims.origid.map(|Text(text)| text);
                self.iat = claims.iat;
                self.orig = claims.orig.and_then(|party| first(party.tn));
                self.div = claims.div.and_then(|party| first(party.tn));
                self.dest = claims.dest.map(|party| party.tn.0).unwrap_or_default();
            }
            Err(_) => self.flags.raise(Flag::BadPassport),
        }
    }
}

/// The JOSE header (RFC 8225 §4).
#[derive(Deserialize)]
struct HeaderText<'a> {
    #[serde(borrow)]
    alg: Option<Text<'a>>,
    #[serde(borrow)]
    ppt: Option<Text<'a>>,
    #[serde(borrow)]
    x5u: Option<Text<'a>>,
}

/// The claims (RFC 8225 §5, RFC 8588 §5, RFC 8946 §4).
#[derive(Deserialize)]
struct ClaimsText<'a> {
    #[serde(borrow)]
    attest: Option<Text<'a>>,
    #[serde(borrow)]
    origid: Option<Text<'a>>,
    iat: Option<u64>,
    #[serde(borrow)]
    orig: Option<PartyText<'a>>,
    #[serde(borrow)]
    dest: Option<PartyText<'a>>,
    #[serde(borrow)]
    div: Option<PartyText<'a>>,
}

#[derive(Deserialize)]
struct PartyText<'a> {
    #[serde(borrow, default)]
    tn: Numbers<'a>,
}

/// Text that is borrowed unless it holds escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// One number or a list of them; what exceeds the bound is dropped.
#[derive(Default)]
struct Numbers<'a>([Option<Cow<'a, str>>; PASSPORT_NUMBERS_MAX]);

impl<'de: 'a, 'a> Deserialize<'de> for Numbers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumbersVisitor)
    }
}

struct NumbersVisitor;

impl<'de> Visitor<'de> for NumbersVisitor {
    type Value = Numbers<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a telephone number or a list of them")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        let mut numbers = Numbers::default();
        let [first, ..] = &mut numbers.0;
        *first = Some(Cow::Borrowed(text));
        Ok(numbers)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let mut numbers = Numbers::default();
        let [first, ..] = &mut numbers.0;
        *first = Some(Cow::Owned(text.to_owned()));
        Ok(numbers)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut numbers = Numbers::default();
        for place in &mut numbers.0 {
            let Some(Text(text)) = list.next_element()? else { return Ok(numbers) };
            *place = Some(text);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(numbers)
    }
}

fn first<'a>(numbers: Numbers<'a>) -> Option<Cow<'a, str>> {
    let [first, ..] = numbers.0;
    first
}

/// Decodes base64url (RFC 4648 §5) with or without padding into `room`; returns how many bytes it made, `None`
/// when a byte is none of the alphabet or the room is too small.
fn decode_base64url(text: &[u8], room: &mut [u8]) -> Option<usize> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut used = 0;
    for group in text.chunks(4) {
        if group.len() == 1 {
            return None;
        }
        let mut bits: u32 = 0;
        for &byte in group {
            bits = bits << 6 | u32::from(sextet(byte)?);
        }
        bits <<= 6 * (4 - group.len() as u32);
        let [_, bytes @ ..] = bits.to_be_bytes();
        let made = group.len() - 1;
        room.get_mut(used..used + made)?.copy_from_slice(bytes.get(..made)?);
        used += made;
    }
    Some(used)
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

/// Whether a certificate must never be fetched from `address`, which a stranger wrote: anything but https on port
/// 443 or 8443, user information, a query or a fragment, and hosts that name this machine or a special-purpose
/// network. A name may still resolve to such an address, so that whoever fetches asks
/// [`is_special_address`] about the addresses it resolved.
pub fn is_refused_address(address: &[u8]) -> bool {
    if !super::text::starts_with_ignore_case(address, b"https://") {
        return true;
    }
    let behind = rest(address, 8);
    if behind
        .iter()
        .any(|&byte| byte <= b' ' || byte >= 0x7f || matches!(byte, b'?' | b'#' | b'\\' | b'"' | b'<' | b'>'))
    {
        return true;
    }
    let authority = split_at(behind, b'/').0;
    if authority.contains(&b'@') {
        return true;
    }
    let (host, port) = match authority {
        [b'[', inner @ ..] => {
            let (host, behind) = split_at(inner, b']');
            match behind {
                Some([]) => (host, None),
                Some([b':', port @ ..]) => (host, Some(port)),
                _ => return true,
            }
        }
        _ => split_at(authority, b':'),
    };
    if !matches!(port, None | Some(b"443" | b"8443")) {
        return true;
    }
    is_refused_host(host, authority.starts_with(b"["))
}

fn is_refused_host(host: &[u8], bracketed: bool) -> bool {
    let Ok(text) = std::str::from_utf8(host) else { return true };
    if bracketed {
        return text.parse().map_or(true, |address: std::net::Ipv6Addr| is_special_address(address.into()));
    }
    if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
        return is_special_address(address.into());
    }
    let name = text.trim_end_matches('.');
    let labels_end = name.rsplit('.').next().unwrap_or_default();
    // A last label that is a number makes an address in forms that only some resolvers read: 127.1, 0x7f000001,
    // 2130706433, 0177.0.0.1.
    let numeric = labels_end.starts_with(|first: char| first.is_ascii_digit());
    let local =
        ["localhost", "local", "internal", "localdomain", "lan", "home", "corp", "intranet", "arpa", "onion"];
    let lawful = name.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    !lawful
        || numeric
        || !name.contains('.')
        || local.iter().any(|local| labels_end.eq_ignore_ascii_case(local))
}

/// Whether `address` belongs to a special-purpose network (IANA registries, RFC 6890): loopback, private, shared,
/// link-local, documentation, benchmarking, multicast, reserved, and IPv6 forms that carry an IPv4 address.
pub fn is_special_address(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(address) => is_special_v4(address),
        std::net::IpAddr::V6(address) => is_special_v6(address),
    }
}

fn is_special_v4(address: std::net::Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || matches!(first, 0 | 127 | 224..)
        || (first == 100 && second & 0xc0 == 64)
        || (first == 192 && second == 0 && third == 0)
        || (first == 192 && second == 88 && third == 99)
        || (first == 198 && second & 0xfe == 18)
}

fn is_special_v6(address: std::net::Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only global unicast is left, without what is carved out of it: Teredo and other protocol assignments,
    // documentation, 6to4.
    let global = first & 0xe000 == 0x2000;
    !global
        || (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
        || first == 0x2002
        || first == 0x3fff
}

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

    #[test]
    fn addresses_that_lead_inside_are_refused() {
        for address in [
            "http://cert.example.com/a",
            "ftp://cert.example.com/a",
            "https://cert.example.com:80/a",
            "https://cert.example.com:0443/a",
            "https://user@cert.example.com/a",
            "https://cert.example.com@127.0.0.1/a",
            "https://cert.example.com/a?b",
            "https://cert.example.com/a#b",
            "https://cert.example.com\\@127.0.0.1/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest",
            "https://100.64.0.1/",
            "https://198.18.0.1/",
            "https://203.0.113.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:8.8.8.8]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[fe80::1]/",
            "https://[fe80::1%25eth0]/",
            "https://[fc00::1]/",
            "https://[2001:db8::1]/",
            "https://[2002:7f00:1::]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost:8443/",
            "https://printer.local/",
            "https://intranet/",
            "https:///a",
            "https://",
            "https://cert.example.com\r\nHost: x/",
            "https://127.0.0.1\0.example.com/",
            "",
        ] {
            assert!(is_refused_address(address.as_bytes()), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_let_through() {
        for address in [
            "https://cert.example.com/a.crt",
            "HTTPS://Cert.Example.COM:8443/shaken/a.pem",
            "https://cert.example.com:443",
            "https://8.8.8.8/a",
            "https://[2606:4700::1111]:443/a",
        ] {
            assert!(!is_refused_address(address.as_bytes()), "{address}");
        }
    }
}
