//! URIs as SIP messages carry them: sip, sips, tel, urn, and whatever else a stranger writes.

use rules::{Flag, Flags};

use super::block::{Block, scan};
use super::params::Params;
use super::text::{byte, cut, find, find_first, rest, split_at, trim};

/// The scheme of a URI, in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966)
    Tel,
    /// `urn:` (RFC 5031 for emergency services)
    Urn,
    /// Any other.
    Other,
    /// None at all.
    Missing,
}

/// A URI taken apart, as slices of the message; nothing is unescaped.
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    /// The whole URI.
    pub text: &'a [u8],
    /// Its scheme.
    pub scheme: Scheme,
    /// What stands before the `@`, with telephone parameters (`;phone-context=…`), without a password. For
    /// `tel:` and `urn:` all behind the scheme up to a `?`. `None` without an `@`.
    pub user: Option<&'a [u8]>,
    /// Behind a colon in the user part; empty without one.
    pub password: &'a [u8],
    /// The host without port; IPv6 hosts with their brackets. Empty for `tel:` and `urn:`.
    pub host: &'a [u8],
    /// The port, if one stands there.
    pub port: Option<u16>,
    /// URI parameters without the leading semicolon; empty for `tel:`.
    pub params: &'a [u8],
    /// Embedded headers, without the question mark.
    pub headers: &'a [u8],
    /// What had to be repaired.
    pub flags: Flags,
}

impl<'a> Uri<'a> {
    /// Reads `text`, which stands without angle brackets. Never fails; what is wrong is in the flags.
    #[inline]
    pub fn read(text: &'a [u8]) -> Self {
        Self::read_any(text)
    }

    /// Reads `text` whatever it is.
    #[inline(never)]
    pub(super) fn read_any(text: &'a [u8]) -> Self {
        let text = trim(text);
        let flags = Flags::NONE;
        let (scheme, behind) = read_scheme(text);
        let mut uri = Self {
            text,
            scheme,
            user: None,
            password: &[],
            host: &[],
            port: None,
            params: &[],
            headers: &[],
            flags,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => uri.read_address(behind),
            Scheme::Tel | Scheme::Urn => uri.read_number(behind),
            Scheme::Other => uri.read_address(behind.strip_prefix(b"//").unwrap_or(behind)),
            Scheme::Missing => {
                // `*` is how REGISTER names all contacts (RFC 3261 §20.10).
                if text != b"*" {
                    uri.flags.raise(Flag::BadUri);
                    uri.read_address(behind);
                }
            }
        }
        uri
    }

    /// The URI's parameters; those of a `tel:` number are in [`user`](Self::user) and not among them.
    pub fn params(&self) -> Params<'a> {
        Params::read(self.params)
    }

    /// What stands behind `tel:` or `urn:`.
    fn read_number(&mut self, behind: &'a [u8]) {
        let (user, headers) = split_at(behind, b'?');
        self.flags.raise_if(user.is_empty(), Flag::BadUri);
        self.user = Some(user);
        self.headers = headers.unwrap_or_default();
        self.check_bytes(behind);
    }

    /// What stands behind `sip:` or a scheme we do not know: user, host, port, parameters, headers.
    ///
    /// The user part may hold `;` and `?` (RFC 4475 §3.1.1.13), so that only an `@` tells where it ends; behind it
    /// none may stand unescaped. One pass notes the first of each separator in user part and host part.
    #[inline(always)]
    fn read_address(&mut self, behind: &'a [u8]) {
        let mut seen = Separators::default();
        let mut is_odd = false;
        let mut user_end = None;
        let mut base = 0;
        while base < behind.len() {
            let mut marks = scan(rest(behind, base), Block::marks);
            while marks != 0 {
                let at = base.wrapping_add(marks.trailing_zeros() as usize);
                marks &= marks.wrapping_sub(1);
                match byte(behind, at) {
                    b':' => seen.colon = seen.colon.min(at),
                    b';' => seen.semicolon = seen.semicolon.min(at),
                    b'?' => seen.question = seen.question.min(at),
                    b'@' if user_end.is_none() => {
                        user_end = Some((at, seen.colon));
                        seen = Separators::default();
                    }
                    b'@' | b'<'..=b'>' | 0x80.. => {}
                    _ => is_odd = true,
                }
            }
            base = base.wrapping_add(64);
        }
        if is_odd {
            self.check_bytes(behind);
        }
        let mut host_at = 0;
        if let Some((end, colon)) = user_end {
            self.user = Some(cut(behind, 0, end.min(colon)));
            self.password = cut(behind, colon.saturating_add(1), end);
            host_at = end + 1;
        }
        let host_end = seen.semicolon.min(seen.question).min(behind.len());
        if seen.semicolon < seen.question {
            self.params = cut(behind, seen.semicolon + 1, seen.question.min(behind.len()));
        }
        self.headers = rest(behind, seen.question.saturating_add(1));
        self.read_host(trim(cut(behind, host_at, host_end)));
    }

    /// Looks closer at bytes that no URI may hold, and at escapes.
    #[inline(never)]
    fn check_bytes(&mut self, text: &[u8]) {
        if text.iter().any(|&byte| byte <= b' ') {
            self.flags.raise(Flag::Malformed);
            self.flags.raise_if(text.contains(&0), Flag::Nul);
        }
        self.flags.raise_if(has_bad_escape(text), Flag::BadEscape);
    }

    fn read_host(&mut self, hostport: &'a [u8]) {
        let host_end;
        if hostport.first() == Some(&b'[') {
            match find(b']', hostport) {
                Some(end) => host_end = end + 1,
                None => host_end = hostport.len(),
            }
            let inner = cut(hostport, 1, host_end.saturating_sub(1));
            let tidy = inner.iter().all(|&byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
            self.flags.raise_if(inner.is_empty() || !tidy, Flag::BadUri);
        } else {
            host_end = find_first(hostport, Block::foreign_to_hosts).unwrap_or(hostport.len());
        }
        let mut host = cut(hostport, 0, host_end);
        let behind = rest(hostport, host_end);
        if let [b':', digits @ ..] = behind {
            self.port = read_port(digits);
            self.flags.raise_if(self.port.is_none(), Flag::BadUri);
        } else if !behind.is_empty() {
            // Kept whole, so that a rule on hosts sees all of it.
            host = hostport;
            if self.scheme != Scheme::Other {
                self.flags.raise(Flag::Malformed);
            }
        }
        self.host = host;
        self.flags.raise_if(host.is_empty() && self.scheme != Scheme::Other, Flag::BadUri);
    }
}

impl Default for Uri<'_> {
    /// No URI at all.
    fn default() -> Self {
        Self {
            text: &[],
            scheme: Scheme::Missing,
            user: None,
            password: &[],
            host: &[],
            port: None,
            params: &[],
            headers: &[],
            flags: Flags::NONE,
        }
    }
}

/// Where each separator stands first; beyond all texts when it does not.
struct Separators {
    colon: usize,
    semicolon: usize,
    question: usize,
}

impl Default for Separators {
    fn default() -> Self {
        Self { colon: usize::MAX, semicolon: usize::MAX, question: usize::MAX }
    }
}

/// The scheme of `text` and what stands behind its colon. What has a colon but no name before it that a
/// scheme may bear (RFC 3986 §3.1), such as `host:5060`, is taken as having none.
#[inline(always)]
fn read_scheme(text: &[u8]) -> (Scheme, &[u8]) {
    match text {
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', behind @ ..] => return (Scheme::Sip, behind),
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', behind @ ..] => {
            return (Scheme::Sips, behind);
        }
        [b't' | b'T', b'e' | b'E', b'l' | b'L', b':', behind @ ..] => return (Scheme::Tel, behind),
        [b'u' | b'U', b'r' | b'R', b'n' | b'N', b':', behind @ ..] => return (Scheme::Urn, behind),
        _ => {}
    }
    let name_end = text
        .iter()
        .position(|&byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'-' | b'.'))
        .unwrap_or(text.len());
    let behind = rest(text, name_end);
    let is_name = text.first().is_some_and(u8::is_ascii_alphabetic);
    let is_port = rest(behind, 1).first().is_some_and(u8::is_ascii_digit)
        && find(b'.', cut(text, 0, name_end)).is_some();
    match behind {
        [b':', behind @ ..] if is_name && !is_port => (Scheme::Other, behind),
        _ => (Scheme::Missing, text),
    }
}

/// A port: one to five digits up to 65535.
#[inline]
pub(super) fn read_port(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let mut port: u32 = 0;
    for &digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        port = port.wrapping_mul(10).wrapping_add(u32::from(value));
    }
    u16::try_from(port).ok()
}

/// Whether a percent sign in `text` lacks its two hexadecimal digits.
fn has_bad_escape(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text)
        .any(|at| !byte(text, at + 1).is_ascii_hexdigit() || !byte(text, at + 2).is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a URI is expected to be read as; text for bytes.
    #[derive(Debug, PartialEq)]
    struct Parts<'a> {
        scheme: Scheme,
        user: Option<&'a str>,
        host: &'a str,
        port: Option<u16>,
        params: &'a str,
    }

    fn check(
        text: &str,
        scheme: Scheme,
        user: Option<&str>,
        host: &str,
        port: Option<u16>,
        params: &str,
    ) -> Flags {
        let uri = Uri::read(text.as_bytes());
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        let read = Parts {
            scheme: uri.scheme,
            user: uri.user.map(text),
            host: text(uri.host),
            port: uri.port,
            params: text(uri.params),
        };
        assert_eq!(read, Parts { scheme, user, host, port, params });
        uri.flags
    }

    fn flags<const N: usize>(flags: [Flag; N]) -> Flags {
        flags.into_iter().collect()
    }

    #[test]
    fn sip_addresses_come_apart() {
        use Scheme::{Sip, Sips};
        let none = Flags::NONE;
        assert_eq!(
            check("sip:+12025550143@h.example", Sip, Some("+12025550143"), "h.example", None, ""),
            none
        );
        assert_eq!(
            check("SiPs:a@h.example:5061;lr;x=y", Sips, Some("a"), "h.example", Some(5061), "lr;x=y"),
            none
        );
        assert_eq!(check("sip:h.example", Sip, None, "h.example", None, ""), none);
        assert_eq!(
            check("sip:a@[2001:db8::10]:5070", Sip, Some("a"), "[2001:db8::10]", Some(5070), ""),
            none
        );
        assert_eq!(check("sip:a@[::ffff:192.0.2.2]", Sip, Some("a"), "[::ffff:192.0.2.2]", None, ""), none);
        assert_eq!(check("sip:+1202@h;user=phone", Sip, Some("+1202"), "h", None, "user=phone"), none);
    }

    #[test]
    fn the_user_part_may_hold_semicolons_and_question_marks() {
        let text = "sip:user;par=u%40example.net@example.com";
        check(text, Scheme::Sip, Some("user;par=u%40example.net"), "example.com", None, "");
        check("sip:a?b/c@example.com;x?y=z", Scheme::Sip, Some("a?b/c"), "example.com", None, "x");
        let uri = Uri::read(b"sip:19005550100:x:y@gw.example?Route=%3Csip:a%3E");
        assert_eq!(uri.user, Some(&b"19005550100"[..]));
        assert_eq!(uri.password, b"x:y");
        assert_eq!(uri.headers, b"Route=%3Csip:a%3E");
    }

    #[test]
    fn numbers_and_services_are_user_parts() {
        use Scheme::{Tel, Urn};
        check(
            "TEL:+1-202-555-0143;phone-context=+1",
            Tel,
            Some("+1-202-555-0143;phone-context=+1"),
            "",
            None,
            "",
        );
        check(
            "tel:9005550100;phone-context=+1?Replaces=x",
            Tel,
            Some("9005550100;phone-context=+1"),
            "",
            None,
            "",
        );
        check("urn:service:sos.police", Urn, Some("service:sos.police"), "", None, "");
    }

    #[test]
    fn foreign_schemes_are_no_defect() {
        use Scheme::Other;
        let none = Flags::NONE;
        assert_eq!(
            check("im:+12025550143@h.example", Other, Some("+12025550143"), "h.example", None, ""),
            none
        );
        assert_eq!(check("soap.beep://192.0.2.103:3002", Other, None, "192.0.2.103", Some(3002), ""), none);
        assert_eq!(check("http://www.example.com/", Other, None, "www.example.com/", None, ""), none);
        assert_eq!(check("isbn:2983792873", Other, None, "2983792873", None, ""), none);
    }

    #[test]
    fn broken_addresses_are_flagged_and_read_as_far_as_they_go() {
        use Scheme::{Missing, Sip};
        let malformed = flags([Flag::Malformed]);
        let bad = flags([Flag::BadUri]);
        assert_eq!(
            check("sip:a@h.example%00.evil", Sip, Some("a"), "h.example%00.evil", None, ""),
            malformed
        );
        assert_eq!(check("sip:a@example.com; lr", Sip, Some("a"), "example.com", None, " lr"), malformed);
        assert_eq!(check("sip:2001:db8::10", Sip, None, "2001", None, ""), bad);
        assert_eq!(check("sip:a@h:99999", Sip, Some("a"), "h", None, ""), bad);
        assert_eq!(check("sip:a@", Sip, Some("a"), "", None, ""), bad);
        assert_eq!(check("alan@jasomi.example", Missing, Some("alan"), "jasomi.example", None, ""), bad);
        assert_eq!(check("h.example:5060", Missing, None, "h.example", Some(5060), ""), bad);
        assert_eq!(check("", Missing, None, "", None, ""), bad);
        assert_eq!(check("sip:%4x@h", Sip, Some("%4x"), "h", None, ""), flags([Flag::BadEscape]));
        assert_eq!(check("sip:1\0@h", Sip, Some("1\0"), "h", None, ""), flags([Flag::Malformed, Flag::Nul]));
        assert_eq!(check("*", Missing, None, "", None, ""), Flags::NONE);
    }
}
