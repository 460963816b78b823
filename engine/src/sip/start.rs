//! The first line of a message: a request, a status, or neither.

use memchr::{memchr, memrchr};
use rules::{Flag, Flags, Method};

use super::text::{cut, is_token, rest, starts_with_ignore_case, trim, trim_end};

/// What the first line says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start<'a> {
    /// `METHOD uri SIP/2.0`
    Request { method: &'a [u8], uri: &'a [u8] },
    /// `SIP/2.0 status reason`; the status is `None` when it is not three digits from 100 to 699.
    Status { status: Option<u16>, reason: &'a [u8] },
    /// Something else.
    Neither,
}

impl<'a> Start<'a> {
    /// Reads `line`, which has no line end any more.
    #[inline(always)]
    pub(super) fn read(line: &'a [u8], flags: &mut Flags) -> Self {
        Self::read_plain(line).unwrap_or_else(|| Self::read_any(line, flags))
    }

    /// Reads a line as nearly all are: every word where the grammar puts it, one space between them.
    #[inline(always)]
    fn read_plain(line: &'a [u8]) -> Option<Self> {
        if let [b'S', b'I', b'P', b'/', b'2', b'.', b'0', b' ', status @ ..] = line {
            let [hundreds @ b'1'..=b'6', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b' ', reason @ ..] = status
            else {
                return None;
            };
            if reason.last().is_none_or(|&last| last <= b' ') {
                return None;
            }
            let digit = |digit: u8| u16::from(digit.wrapping_sub(b'0'));
            let status = Some(digit(*hundreds) * 100 + digit(*tens) * 10 + digit(*ones));
            return Some(Self::Status { status, reason });
        }
        let words = line.strip_suffix(b" SIP/2.0")?;
        let method_end = words.iter().position(|byte| !byte.is_ascii_uppercase())?;
        let (method, [b' ', uri @ ..]) = words.split_at_checked(method_end)? else { return None };
        let is_plain = matches!(uri, [first, .., last] if *first > b' ' && *first != b'<' && *last > b' ');
        (is_plain && method_end > 0).then_some(Self::Request { method, uri })
    }

    #[inline(never)]
    fn read_any(line: &'a [u8], flags: &mut Flags) -> Self {
        if starts_with_ignore_case(line, b"SIP/") && line.get(4).is_some_and(u8::is_ascii_digit) {
            return Self::read_status(line, flags);
        }
        Self::read_request(line, flags)
    }

    fn read_status(line: &'a [u8], flags: &mut Flags) -> Self {
        let version_end = memchr(b' ', line).unwrap_or(line.len());
        flags.raise_if(!is_version(cut(line, 0, version_end)), Flag::BadVersion);
        let behind = rest(line, version_end + 1);
        flags.raise_if(behind.starts_with(b" "), Flag::Malformed);
        let behind = trim(behind);
        let code_end = memchr(b' ', behind).unwrap_or(behind.len());
        let status = match cut(behind, 0, code_end) {
            &[hundreds @ b'1'..=b'6', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                Some(u16::from(hundreds - b'0') * 100 + u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
            }
            _ => None,
        };
        flags.raise_if(status.is_none(), Flag::BadStatus);
        Self::Status { status, reason: rest(behind, code_end + 1) }
    }

    fn read_request(line: &'a [u8], flags: &mut Flags) -> Self {
        let trimmed = trim_end(line);
        let method_end = trimmed.iter().position(|&byte| byte == b' ' || byte == b'\t');
        let Some(method_end) = method_end.filter(|&end| end > 0) else {
            flags.raise(Flag::BadStartLine);
            return Self::Neither;
        };
        let method = cut(trimmed, 0, method_end);
        let behind = rest(trimmed, method_end + 1);
        let version_start = memrchr(b' ', behind).map_or(0, |space| space + 1);
        let version = rest(behind, version_start);
        let mut uri = cut(behind, 0, version_start.saturating_sub(1));
        if !is_version(version) {
            if starts_with_ignore_case(version, b"SIP/") || version.eq_ignore_ascii_case(b"SIP") {
                flags.raise(Flag::BadVersion);
            } else {
                // No version at all: what stands behind the method is the target, if anything is.
                flags.raise(Flag::BadStartLine);
                uri = behind;
            }
        }
        let tidy = trimmed.len() == line.len()
            && !matches!(uri, [b' ' | b'\t', ..] | [.., b' ' | b'\t'])
            && trimmed.get(method_end) == Some(&b' ');
        flags.raise_if(!tidy || !method.iter().all(|&byte| is_token(byte)), Flag::Malformed);
        uri = trim(uri);
        if let [b'<', inner @ ..] = uri {
            // RFC 4475 §3.1.2.7: no brackets here; the number inside is still where the call goes.
            flags.raise(Flag::Malformed);
            uri = trim(inner.strip_suffix(b">").unwrap_or(inner));
        }
        flags.raise_if(uri.is_empty(), Flag::BadStartLine);
        Self::Request { method, uri }
    }
}

/// Reads a method; methods are case-sensitive (RFC 3261 §7.1).
pub(super) fn read_method(text: &[u8]) -> Method {
    match text {
        b"INVITE" => Method::Invite,
        b"ACK" => Method::Ack,
        b"BYE" => Method::Bye,
        b"CANCEL" => Method::Cancel,
        b"REGISTER" => Method::Register,
        b"OPTIONS" => Method::Options,
        b"PRACK" => Method::Prack,
        b"SUBSCRIBE" => Method::Subscribe,
        b"NOTIFY" => Method::Notify,
        b"PUBLISH" => Method::Publish,
        b"INFO" => Method::Info,
        b"REFER" => Method::Refer,
        b"MESSAGE" => Method::Message,
        b"UPDATE" => Method::Update,
        _ => Method::Other,
    }
}

/// Whether `text` is the version of RFC 3261, in any case (§7.1).
fn is_version(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"SIP/2.0")
}
