//! The JSON texts of a PASSporT: in one pass where they are written as nearly all are, else by `serde_json`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::limits::PASSPORT_NUMBERS_MAX;

/// What the JOSE header says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) alg: Option<Cow<'a, str>>,
    pub(super) ppt: Option<Cow<'a, str>>,
    pub(super) x5u: Option<Cow<'a, str>>,
}

/// What the claims say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claims<'a> {
    pub(super) attest: Option<Cow<'a, str>>,
    pub(super) origid: Option<Cow<'a, str>>,
    pub(super) iat: Option<u64>,
    pub(super) orig: Option<Cow<'a, str>>,
    pub(super) div: Option<Cow<'a, str>>,
    pub(super) dest: [Option<Cow<'a, str>>; PASSPORT_NUMBERS_MAX],
}

impl<'a> Header<'a> {
    /// Reads the header; `None` when it is none.
    pub(super) fn read(text: &'a [u8]) -> Option<Self> {
        Self::read_plain(text).or_else(|| Self::read_any(text))
    }

    /// Reads it as nearly all are written. `None` says nothing but that [`read_any`](Self::read_any) must look.
    fn read_plain(text: &'a [u8]) -> Option<Self> {
        let mut header = Self::default();
        Plain::read(text, |plain, name| match name {
            b"alg" => put(&mut header.alg, plain.text()?),
            b"ppt" => put(&mut header.ppt, plain.text()?),
            b"x5u" => put(&mut header.x5u, plain.text()?),
            _ => plain.pass_value(),
        })?;
        Some(header)
    }

    fn read_any(text: &'a [u8]) -> Option<Self> {
        let header: HeaderText<'a> = serde_json::from_slice(text).ok()?;
        let text = |text: Option<Text<'a>>| text.map(|Text(text)| text);
        Some(Self { alg: text(header.alg), ppt: text(header.ppt), x5u: text(header.x5u) })
    }
}

impl<'a> Claims<'a> {
    /// Reads the claims; `None` when they are none.
    pub(super) fn read(text: &'a [u8]) -> Option<Self> {
        Self::read_plain(text).or_else(|| Self::read_any(text))
    }

    /// Reads them as nearly all are written. `None` says nothing but that [`read_any`](Self::read_any) must look.
    fn read_plain(text: &'a [u8]) -> Option<Self> {
        let mut claims = Self::default();
        let (mut has_orig, mut has_div, mut has_dest) = (false, false, false);
        Plain::read(text, |plain, name| match name {
            b"attest" => put(&mut claims.attest, plain.text()?),
            b"origid" => put(&mut claims.origid, plain.text()?),
            b"iat" => {
                let twice = claims.iat.replace(plain.number()?).is_some();
                (!twice).then_some(())
            }
            b"orig" => put_party(&mut has_orig, std::slice::from_mut(&mut claims.orig), plain),
            b"div" => put_party(&mut has_div, std::slice::from_mut(&mut claims.div), plain),
            b"dest" => put_party(&mut has_dest, &mut claims.dest, plain),
            _ => plain.pass_value(),
        })?;
        Some(claims)
    }

    fn read_any(text: &'a [u8]) -> Option<Self> {
        let claims: ClaimsText<'a> = serde_json::from_slice(text).ok()?;
        let text = |text: Option<Text<'a>>| text.map(|Text(text)| text);
        Some(Self {
            attest: text(claims.attest),
            origid: text(claims.origid),
            iat: claims.iat,
            orig: claims.orig.and_then(|party| first(party.tn)),
            div: claims.div.and_then(|party| first(party.tn)),
            dest: claims.dest.map(|party| party.tn.0).unwrap_or_default(),
        })
    }
}

/// A JSON object of texts, numbers and lists of texts in printable ASCII, without white space and escapes.
struct Plain<'a> {
    rest: &'a [u8],
}

impl<'a> Plain<'a> {
    /// Reads `text`, all of it, as one object; `member` takes the value of each name. A break in what is read
    /// here, or a name that stands twice, ends it with `None`.
    #[inline]
    fn read(text: &'a [u8], member: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        let mut plain = Self { rest: text };
        plain.object(member)?;
        plain.rest.is_empty().then_some(())
    }

    #[inline]
    fn object(&mut self, mut member: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        self.pass(b'{')?;
        loop {
            let name = self.bytes()?;
            self.pass(b':')?;
            member(self, name)?;
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// A list of texts, none empty, each handed to `take`; or a single one.
    fn texts(&mut self, mut take: impl FnMut(&'a str)) -> Option<()> {
        if self.rest.first() != Some(&b'[') {
            take(self.text()?);
            return Some(());
        }
        self.pass(b'[')?;
        loop {
            take(self.text()?);
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn pass_value(&mut self) -> Option<()> {
        self.texts(|_| {})
    }

    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    #[inline]
    fn bytes(&mut self) -> Option<&'a [u8]> {
        self.pass(b'"')?;
        let (text, rest) = self.rest.split_at_checked(plain_length(self.rest))?;
        self.rest = rest;
        self.pass(b'"')?;
        Some(text)
    }

    fn number(&mut self) -> Option<u64> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(digits)?;
        // A zero in front is no JSON, and more digits may be beyond the type.
        if !(1..=NUMBER_DIGITS_MAX).contains(&digits.len()) || digits.first() == Some(&b'0') {
            return None;
        }
        self.rest = rest;
        matches!(rest, [b',' | b'}', ..])
            .then(|| digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit & 0xf)))
    }

    #[inline]
    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }
}

const NUMBER_DIGITS_MAX: usize = 18;

/// How many bytes at the front of `text` stand for themselves inside a JSON text; eight at a time.
#[inline]
fn plain_length(text: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES * 0x80;
    let (words, rest) = text.as_chunks::<8>();
    let mut passed = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        // A borrow makes false hits only behind true ones, and the first alone counts.
        let below = |word: u64, least: u64| word.wrapping_sub(ONES * least) & !word & HIGH;
        let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let odd = equal(b'"') | equal(b'\\') | equal(0x7f) | below(word, 0x20) | word & HIGH;
        if odd != 0 {
            return passed + (odd.trailing_zeros() / 8) as usize;
        }
        passed += 8;
    }
    passed + rest.iter().take_while(|&&byte| is_plain(byte)).count()
}

/// Whether `byte` stands for itself inside a text.
#[inline]
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Puts `text` into `place`, unless something is there.
fn put<'a>(place: &mut Option<Cow<'a, str>>, text: &'a str) -> Option<()> {
    place.replace(Cow::Borrowed(text)).is_none().then_some(())
}

/// Puts the numbers of a party into `places`, as many as there are; `there` says whether it was seen before.
fn put_party<'a>(there: &mut bool, places: &mut [Option<Cow<'a, str>>], plain: &mut Plain<'a>) -> Option<()> {
    if std::mem::replace(there, true) {
        return None;
    }
    let mut has_numbers = false;
    plain.object(|plain, name| {
        if name != b"tn" {
            return plain.pass_value();
        }
        if std::mem::replace(&mut has_numbers, true) {
            return None;
        }
        let mut places = places.iter_mut();
        plain.texts(|number| {
            if let Some(place) = places.next() {
                *place = Some(Cow::Borrowed(number));
            }
        })
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: &[&str] = &[
        r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cert.example.com/a.crt"}"#,
        r#"{"typ":"passport"}"#,
    ];

    const CLAIMS: &[&str] = &[
        r#"{"attest":"A","dest":{"tn":["12025550100"]},"iat":1790000000,"orig":{"tn":"12025550143"},"origid":"5b0a"}"#,
        r#"{"dest":{"tn":["1","2","3","4","5"],"uri":["sip:a@h"]},"div":{"tn":"12025550101"},"iat":0,"orig":{"tn":["1","2"]}}"#,
        r#"{"iat":10,"orig":{"uri":"sip:a@h"},"rcd":{"nam":"Alice"},"opt":["a"],"x":""}"#,
    ];

    const SNIPPETS: &[&str] = &[
        "",
        " ",
        "0",
        "7",
        "-",
        ".5",
        "e3",
        "\"",
        "\\",
        "\\u0031",
        "{",
        "}",
        "[",
        "]",
        "{}",
        "[]",
        ":",
        ",",
        "null",
        "true",
        "\u{e9}",
        "\u{0}",
        "\n",
        "\"iat\":5,",
        "\"tn\":\"9\",",
        "\"orig\":{\"tn\":\"9\"},",
        "\"attest\":\"B\",",
        "\"alg\":\"x\",",
        "99999999999999999999",
    ];

    /// Every text that is `base` with one byte changed, or with a stretch of up to two bytes replaced.
    fn mutations(base: &str, mut check: impl FnMut(&[u8])) {
        check(base.as_bytes());
        for at in 0..=base.len() {
            for cut in 0..=2.min(base.len() - at) {
                for snippet in SNIPPETS {
                    let (head, tail) = (&base.as_bytes()[..at], &base.as_bytes()[at + cut..]);
                    check(&[head, snippet.as_bytes(), tail].concat());
                }
            }
            let mut changed = base.as_bytes().to_vec();
            for byte in 0..=255 {
                if let Some(place) = changed.get_mut(at) {
                    *place = byte;
                    check(&changed);
                }
            }
            check(&base.as_bytes()[..at]);
        }
    }

    #[test]
    fn the_short_way_reads_what_the_long_way_reads() {
        let mut taken = 0;
        for base in HEADERS {
            assert!(Header::read_plain(base.as_bytes()).is_some(), "{base}");
            mutations(base, |text| {
                let Some(header) = Header::read_plain(text) else { return };
                assert_eq!(Some(header), Header::read_any(text), "{}", text.escape_ascii());
                taken += 1;
            });
        }
        for base in CLAIMS {
            mutations(base, |text| {
                let Some(claims) = Claims::read_plain(text) else { return };
                assert_eq!(Some(claims), Claims::read_any(text), "{}", text.escape_ascii());
                taken += 1;
            });
        }
        assert!(Claims::read_plain(CLAIMS[0].as_bytes()).is_some());
        assert!(taken > 10_000, "{taken}");
    }
}
