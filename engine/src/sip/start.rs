//! The first line of a message: a request, a status, or neither.

use std::num::NonZeroU16;

use memchr::{memchr, memrchr};
use rules::{Flag, Flags, Method};

use super::block::Block;
use super::text::{cut, is_token, rest, starts_with_ignore_case, trim, trim_end};

/// What the first line says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    pub(super) kind: Kind,
    /// The method of a request.
    pub(super) method: Method,
    /// The status code of a response, if it is three digits from 100 to 699.
    pub(super) status: Option<NonZeroU16>,
    /// The method of a request as written, or the reason phrase of a response.
    pub(super) word: &'a [u8],
    /// The target of a request.
    pub(super) uri: &'a [u8],
}

/// What a first line may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `METHOD uri SIP/2.0`
    Request,
    /// `SIP/2.0 status reason`
    Status,
    /// Something else.
    Neither,
}

impl<'a> Start<'a> {
    pub(super) const NEITHER: Self =
        Self { kind: Kind::Neither, method: Method::Other, status: None, word: &[], uri: &[] };

    /// Reads `line`, which has no line end any more.
    #[inline(always)]
    pub(super) fn read(line: &'a [u8], flags: &mut Flags) -> Self {
        let read = if line.first() == Some(&b'S') { Self::read_plain_status(line) } else { None };
        match read.or_else(|| Self::read_plain_request(line)) {
            Some(start) => start,
            None => Self::read_any(line, flags),
        }
    }

    /// Reads a status line as nearly all are: every word where the grammar puts it, one space between them.
    #[inline(always)]
    fn read_plain_status(line: &'a [u8]) -> Option<Self> {
        let [version @ .., hundreds, tens, ones, b' '] = line.first_chunk::<12>()? else { return None };
        if version != b"SIP/2.0 "
            || !matches!((hundreds, tens, ones), (b'1'..=b'6', b'0'..=b'9', b'0'..=b'9'))
        {
            return None;
        }
        let reason = line.get(12..).filter(|reason| reason.last().is_some_and(|&last| last > b' '))?;
        Some(Self::of_status(read_status([*hundreds, *tens, *ones]), reason))
    }

    /// Reads a request line with a method that is known, as nearly all are written.
    #[inline(always)]
    fn read_plain_request(line: &'a [u8]) -> Option<Self> {
        let words = line.strip_suffix(b" SIP/2.0")?;
        let spaces = NonZeroU16::new(Block::read(words.first_chunk()?).equal(b' ') as u16)?;
        let (method, target) = words.split_at_checked(spaces.trailing_zeros() as usize)?;
        let [_, uri @ ..] = target else { return None };
        let is_plain = matches!(uri, [first, .., last] if *first > b' ' && *first != b'<' && *last > b' ');
        let known = read_method(method);
        (is_plain && known != Method::Other).then_some(Self {
            kind: Kind::Request,
            method: known,
            status: None,
            word: method,
            uri,
        })
    }

    #[inline(never)]
    fn read_any(line: &'a [u8], flags: &mut Flags) -> Self {
        if starts_with_ignore_case(line, b"SIP/") && line.get(4).is_some_and(u8::is_ascii_digit) {
            return Self::read_any_status(line, flags);
        }
        Self::read_request(line, flags)
    }

    fn read_any_status(line: &'a [u8], flags: &mut Flags) -> Self {
        let version_end = memchr(b' ', line).unwrap_or(line.len());
        flags.raise_if(!is_version(cut(line, 0, version_end)), Flag::BadVersion);
        let behind = rest(line, version_end + 1);
        flags.raise_if(behind.starts_with(b" "), Flag::Malformed);
        let behind = trim(behind);
        let code_end = memchr(b' ', behind).unwrap_or(behind.len());
        let status = match cut(behind, 0, code_end) {
            &[hundreds @ b'1'..=b'6', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                read_status([hundreds, tens, ones])
            }
            _ => None,
        };
        flags.raise_if(status.is_none(), Flag::BadStatus);
        Self::of_status(status, rest(behind, code_end + 1))
    }

    #[inline(always)]
    fn of_status(status: Option<NonZeroU16>, reason: &'a [u8]) -> Self {
        Self { kind: Kind::Status, method: Method::Other, status, word: reason, uri: &[] }
    }

    fn read_request(line: &'a [u8], flags: &mut Flags) -> Self {
        let trimmed = trim_end(line);
        let method_end = trimmed.iter().position(|&byte| byte == b' ' || byte == b'\t');
        let Some(method_end) = method_end.filter(|&end| end > 0) else {
            flags.raise(Flag::BadStartLine);
            return Self::NEITHER;
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
        Self { kind: Kind::Request, method: read_method(method), status: None, word: method, uri }
    }
}

/// The number that three digits are.
#[inline(always)]
fn read_status(digits: [u8; 3]) -> Option<NonZeroU16> {
    let [hundreds, tens, ones] = digits.map(|digit| u16::from(digit.wrapping_sub(b'0')));
    NonZeroU16::new(hundreds * 100 + tens * 10 + ones)
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
