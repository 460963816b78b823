//! Addresses of header fields: a display name, a URI in angle brackets or bare, and parameters.

use memchr::memrchr;
use rules::{Flag, Flags};

use super::params::{Params, quoted_end};
use super::plain::{PlainAddress, read_plain_tag};
use super::text::{byte, cut, find, find_either, is_space, rest, trim, trim_start};
use super::uri::Uri;

/// One address (RFC 3261 §20.10, name-addr or addr-spec), as slices of the message.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameAddr<'a> {
    /// The display name without its quotes; escapes and folds are kept. Empty without one.
    pub display: &'a [u8],
    /// The address itself.
    pub uri: Uri<'a>,
    /// What stands behind the address, with the first semicolon.
    pub params: &'a [u8],
    /// What had to be repaired in this address, its URI included.
    pub flags: Flags,
    /// Bytes behind the comma that ended it.
    pub(super) tail: usize,
}

impl<'a> NameAddr<'a> {
    /// Reads the first address of `value`. Never fails.
    #[inline]
    pub fn read(value: &'a [u8]) -> Self {
        match Self::read_alone(value, value.len()) {
            Some(address) => address,
            None => Self::read_any(value),
        }
    }

    /// Reads the first address of `value` whatever it is.
    #[inline(never)]
    pub(super) fn read_any(value: &'a [u8]) -> Self {
        Self::read_one(value, &mut None).0
    }

    /// Reads the first `length` bytes of `text` if they are one address and written as most are.
    #[inline(always)]
    pub(super) fn read_alone(text: &'a [u8], length: usize) -> Option<Self> {
        if let Some(plain) = PlainAddress::read(text, length) {
            return Some(plain.into_address());
        }
        let parts = PlainParts::find(text.get(..length)?)?;
        let uri = Uri::read(parts.uri);
        let flags = uri.flags;
        Some(Self { display: parts.display, uri, params: parts.params, flags, tail: 0 })
    }

    /// The parameters of the header, not those inside the URI.
    pub fn params(&self) -> Params<'a> {
        Params::read(self.params)
    }

    /// The value of the first parameter `name`.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.params().value(name)
    }

    /// The first `tag` parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        // A tag is nearly always the only parameter and plain.
        match self.params {
            [b';', b't', b'a', b'g', b'=', tag @ ..] if find_either(b';', b'"', tag).is_none() => {
                Some(trim(tag))
            }
            [] => None,
            _ => self.param(b"tag"),
        }
    }

    /// The first `tag` of the first address of the first `length` bytes of `text`: what [`tag`](Self::tag) of it says, without
    /// reading its URI where it is written as everybody does.
    #[inline]
    pub(super) fn read_tag(text: &'a [u8], length: usize) -> Option<&'a [u8]> {
        match read_plain_tag(text, length) {
            Some(tag) => tag,
            None => Self::read_any(text.get(..length)?).tag(),
        }
    }

    /// How many bytes of `value`, which it was read from as the first address, stand behind its comma.
    pub(super) fn behind(&self, value: &[u8]) -> usize {
        self.tail.min(value.len())
    }

    /// Reads one address and returns what stands behind the comma that ends it. `tail` remembers, over all
    /// addresses of one value, how many bytes there are from its last bracket on: looking for it again at
    /// each comma would take quadratic time.
    pub(super) fn read_one(value: &'a [u8], tail: &mut Option<usize>) -> (Self, &'a [u8]) {
        let mut address = Self::default();
        let mut value = trim_start(value);
        let mut display_end = 0;
        let mut bare = true;
        if value.first() == Some(&b'"') {
            match quoted_end(value, 0) {
                Some(end) => {
                    address.display = cut(value, 1, end - 1);
                    value = trim_start(rest(value, end));
                    bare = false;
                }
                None => return address.read_unbalanced(value),
            }
        }
        if value.first() != Some(&b'<') {
            match find_bracket(value, tail) {
                Before::Bracket { at, tidy } => {
                    if bare {
                        address.display = trim(cut(value, 0, at));
                    }
                    address.flags.raise_if(!bare || !tidy, Flag::Malformed);
                    display_end = at;
                }
                Before::Nothing { end } => {
                    address.flags.raise_if(!bare, Flag::Malformed);
                    return address.read_bare(value, end);
                }
                Before::Unbalanced => return address.read_unbalanced(value),
            }
        }
        address.read_bracketed(rest(value, display_end + 1))
    }

    /// Reads a URI behind its opening bracket.
    #[inline(always)]
    fn read_bracketed(mut self, value: &'a [u8]) -> (Self, &'a [u8]) {
        let (inner, behind) = match find(b'>', value) {
            Some(end) => (cut(value, 0, end), rest(value, end + 1)),
            None => {
                self.flags.raise(Flag::Malformed);
                (value, &[][..])
            }
        };
        // White space inside the brackets breaks the grammar (RFC 4475 §3.1.2.14).
        let padded = is_space(byte(inner, 0)) || inner.last().is_some_and(|&last| is_space(last));
        self.flags.raise_if(padded, Flag::Malformed);
        self.uri = Uri::read(inner);
        self.flags = self.flags.union(self.uri.flags);
        self.read_params(behind)
    }

    /// Reads a URI without brackets; whatever follows a semicolon belongs to the header (§20).
    #[inline(never)]
    fn read_bare(mut self, value: &'a [u8], end: usize) -> (Self, &'a [u8]) {
        let text = trim(cut(value, 0, end));
        self.uri = Uri::read(text);
        // A question mark may only stand inside brackets (RFC 4475 §3.1.2.12).
        self.flags = self.flags.union(self.uri.flags);
        self.flags.raise_if(!self.uri.headers.is_empty(), Flag::Malformed);
        self.read_params(rest(value, end))
    }

    /// Reads an address whose display name opens a quote that never closes: the last bracket is taken for the
    /// address, because nobody can tell where the name was meant to end (RFC 4475 §3.1.2.6).
    #[inline(never)]
    fn read_unbalanced(mut self, value: &'a [u8]) -> (Self, &'a [u8]) {
        self.flags.raise(Flag::Malformed);
        match memrchr(b'<', value) {
            Some(at) => {
                self.display = trim(cut(value, usize::from(value.starts_with(b"\"")), at));
                (self.read_bracketed(rest(value, at + 1)).0, &[])
            }
            None => {
                let value = rest(value, usize::from(value.starts_with(b"\"")));
                (self.read_bare(value, find_either(b';', b',', value).unwrap_or(value.len())).0, &[])
            }
        }
    }

    /// Reads the parameters up to the comma that ends this address.
    #[inline(always)]
    fn read_params(mut self, behind: &'a [u8]) -> (Self, &'a [u8]) {
        let behind = trim_start(behind);
        let mut at = 0;
        while let Some(found) = find_either(b',', b'"', rest(behind, at)) {
            at += found;
            if byte(behind, at) == b',' {
                break;
            }
            match quoted_end(behind, at) {
                Some(end) => at = end,
                None => {
                    self.flags.raise(Flag::Malformed);
                    at = behind.len();
                }
            }
        }
        if byte(behind, at) != b',' {
            at = behind.len();
        }
        let params = trim(cut(behind, 0, at));
        let orderly = params.is_empty() || (params.first() == Some(&b';') && params.last() != Some(&b';'));
        self.flags.raise_if(!orderly, Flag::Malformed);
        self.params = params;
        let behind = rest(behind, at + 1);
        self.tail = behind.len();
        (self, behind)
    }
}

/// The parts of an address that is written as nearly all are: alone in its value, in brackets, perhaps with a quoted
/// name before and one space between, and with parameters that hold no quote.
struct PlainParts<'a> {
    display: &'a [u8],
    uri: &'a [u8],
    params: &'a [u8],
}

impl<'a> PlainParts<'a> {
    #[inline(always)]
    fn find(value: &'a [u8]) -> Option<Self> {
        let (display, uri, params) = split_bracketed(value)?;
        if !matches!(uri, [first, .., last] if *first > b' ' && *last > b' ') {
            return None;
        }
        let is_plain = match params {
            [] => true,
            [b';', .., last] if *last > b' ' && *last != b';' => find_either(b',', b'"', params).is_none(),
            _ => false,
        };
        is_plain.then_some(Self { display, uri, params })
    }
}

/// Name, address and what stands behind the closing bracket of `value`, if it begins with a bracket or with a quoted
/// name that has no escapes and a bracket behind it.
#[inline(always)]
fn split_bracketed(value: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut display = &[][..];
    let mut address = value;
    if let [b'"', name @ ..] = value {
        let end = find_either(b'"', b'\\', name).filter(|&end| byte(name, end) == b'"')?;
        display = name.get(..end)?;
        address = name.get(end.wrapping_add(1)..)?;
        if let [b' ', behind @ ..] = address {
            address = behind;
        }
    }
    let [b'<', inner @ ..] = address else { return None };
    let end = find(b'>', inner)?;
    Some((display, inner.get(..end)?, inner.get(end.wrapping_add(1)..)?))
}

/// What a value holds before its parameters.
enum Before {
    /// A bracket at `at`; `tidy` when only a plain display name stands before it.
    Bracket { at: usize, tidy: bool },
    /// No bracket; the bare address ends at `end`.
    Nothing { end: usize },
    /// A quote that never closes.
    Unbalanced,
}

/// Looks for the bracket that opens the address behind an unquoted display name.
fn find_bracket(value: &[u8], tail: &mut Option<usize>) -> Before {
    let mut tidy = true;
    let mut colon = false;
    let mut at = 0;
    loop {
        match byte(value, at) {
            b'<' => return Before::Bracket { at, tidy: tidy && !colon },
            b';' => return Before::Nothing { end: at },
            b':' | b'@' => colon = true,
            // A comma ends an address; in a display name it has no place, but people write it (RFC 4475
            // §3.1.2.15). It is a name when no address stands before it and a bracket comes later.
            b',' => {
                let tail =
                    *tail.get_or_insert_with(|| memrchr(b'<', value).map_or(0, |last| value.len() - last));
                if colon || value.len() - at < tail || tail == 0 {
                    return Before::Nothing { end: at };
                }
                tidy = false;
            }
            b'"' => {
                tidy = false;
                match quoted_end(value, at) {
                    Some(end) => at = end - 1,
                    None => return Before::Unbalanced,
                }
            }
            0 if at >= value.len() => return Before::Nothing { end: value.len() },
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `display|uri|params` of every address in `value`, and the flags of all.
    fn read(value: &str) -> (Vec<String>, Flags) {
        let mut rest = value.as_bytes();
        let mut tail = None;
        let mut addresses = Vec::new();
        let mut flags = Flags::NONE;
        while !trim(rest).is_empty() {
            let (address, behind) = NameAddr::read_one(rest, &mut tail);
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            addresses.push(format!(
                "{}|{}|{}",
                text(address.display),
                text(address.uri.text),
                text(address.params)
            ));
            flags = flags.union(address.flags);
            rest = behind;
        }
        (addresses, flags)
    }

    fn check(value: &str, expected: &[&str]) {
        let (addresses, flags) = read(value);
        assert_eq!(addresses, expected);
        assert!(!flags.contains(Flag::Malformed), "{value}: {flags:?}");
    }

    fn check_malformed(value: &str, expected: &[&str]) {
        let (addresses, flags) = read(value);
        assert_eq!(addresses, expected);
        assert!(flags.contains(Flag::Malformed), "{value}: {flags:?}");
    }

    #[test]
    fn lawful_addresses() {
        check("<sip:a@h>;tag=a1", &["|sip:a@h|;tag=a1"]);
        check("sip:a@h;tag=a1", &["|sip:a@h|;tag=a1"]);
        check("\"A\" <sip:a@h>", &["A|sip:a@h|"]);
        check("caller<sip:a@h>;tag=323", &["caller|sip:a@h|;tag=323"]);
        check("+18005550111 support line <sip:a@h>", &["+18005550111 support line|sip:a@h|"]);
        check("\r\n\t<sip:a@h>\r\n ;tag=a1", &["|sip:a@h|;tag=a1"]);
        check("tel:+1-202-555-0143;tag=a1", &["|tel:+1-202-555-0143|;tag=a1"]);
        check(
            "<sip:a@h>;q=0.9, <tel:+1-900-555-0100>;q=0.1",
            &["|sip:a@h|;q=0.9", "|tel:+1-900-555-0100|;q=0.1"],
        );
        check("sip:a@h,sip:b@h;x=\"1,2\" , <sip:c@h>", &["|sip:a@h|", "|sip:b@h|;x=\"1,2\"", "|sip:c@h|"]);
        check("*", &["|*|"]);
    }

    #[test]
    fn decoys_in_quotes_stay_in_quotes() {
        check("\"<sip:x@y>\" <sip:a@h>", &["<sip:x@y>|sip:a@h|"]);
        check("\"a\\\" <sip:x@y> \\\"b\" <sip:a@h>", &["a\\\" <sip:x@y> \\\"b|sip:a@h|"]);
        check("\"a, <sip:x@y>\" <sip:a@h>, <sip:b@h>", &["a, <sip:x@y>|sip:a@h|", "|sip:b@h|"]);
        check("\"J Rosenberg \\\\\\\"\" <sip:a@h>", &["J Rosenberg \\\\\\\"|sip:a@h|"]);
    }

    #[test]
    fn broken_addresses_still_give_their_uri() {
        check_malformed("< sip:a@h >;tag=a1", &["|sip:a@h|;tag=a1"]);
        check_malformed("\"unterminated <sip:a@h>;tag=a1", &["unterminated|sip:a@h|;tag=a1"]);
        check_malformed("Bell, Alexander <sip:a@h>;tag=43", &["Bell, Alexander|sip:a@h|;tag=43"]);
        check_malformed("\"Joe\" <sip:a@h>;;;;", &["Joe|sip:a@h|;;;;"]);
        check_malformed("<sip:a@h", &["|sip:a@h|"]);
        check_malformed("<sip:a@h> b <sip:c@h>;tag=1", &["|sip:a@h|b <sip:c@h>;tag=1"]);
        check_malformed("\"A\" B <sip:a@h>", &["A|sip:a@h|"]);
        check_malformed("x \"<sip:x@y>\" <sip:a@h>", &["x \"<sip:x@y>\"|sip:a@h|"]);
        check_malformed("sip:a@h?Route=%3Csip:b%3E", &["|sip:a@h?Route=%3Csip:b%3E|"]);
    }

    #[test]
    fn the_tag_is_found_among_others() {
        let tag = |value: &'static str| NameAddr::read(value.as_bytes()).tag();
        assert_eq!(tag("<sip:a@h>;tag=a1"), Some(&b"a1"[..]));
        assert_eq!(tag("<sip:a@h>;x=1; TaG = a1 ;tag=b2"), Some(&b"a1"[..]));
        assert_eq!(tag("<sip:a@h;tag=no>"), None);
        assert_eq!(tag("sip:a@h ;   tag    = 1918181833n"), Some(&b"1918181833n"[..]));
    }
}
