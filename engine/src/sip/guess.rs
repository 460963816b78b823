//! Whether bytes of an unknown port are SIP at all.

use memchr::memmem;
use rules::Method;

use super::header::read_name;
use super::lines::header_line_end;
use super::text::{cut, rest, starts_with_ignore_case, trim_end};
use crate::limits::START_LINE_BYTES_MAX;

/// Whether `payload`, a datagram of any port, is worth reading as SIP. Damaged start lines count as long as a
/// method with a SIP address, or a SIP version with known headers behind it, is left. TLS, RTP, STUN, HTTP, RTSP
/// and SIP inside other protocols do not.
pub fn looks_like_sip(payload: &[u8]) -> bool {
    let text = rest(payload, start_of(payload));
    let [first, ..] = text else { return false };
    if !(b'!'..0x7f).contains(first) {
        return false;
    }
    let head = text.get(..START_LINE_BYTES_MAX).unwrap_or(text);
    let line_end = header_line_end(head);
    is_start_line(cut(head, 0, line_end))
        || (is_damaged_line(cut(head, 0, line_end)) && has_headers(rest(head, line_end + 1)))
}

/// Where a message begins in `bytes`: behind line ends, as RFC 3261 §7.5 wants it, and behind white space and NULs, as peers
/// read it.
pub fn start_of(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0)).unwrap_or(bytes.len())
}

/// Whether `line` is the first line of a SIP message: a status line, a request line by its version, or a known
/// method with an address.
pub(super) fn is_start_line(line: &[u8]) -> bool {
    let line = trim_end(line);
    if starts_with_ignore_case(line, b"SIP/") {
        return line.get(4).is_some_and(u8::is_ascii_digit);
    }
    // A word of printable bytes comes first; in HEP, GTP and other wrappers it is binary.
    let word_end = line.iter().position(|&byte| byte == b' ' || byte == b'\t').unwrap_or(line.len());
    let word = cut(line, 0, word_end);
    if word.is_empty() || !word.iter().all(|&byte| (b'!'..0x7f).contains(&byte)) {
        return false;
    }
    let behind = rest(line, word_end);
    let version = behind.get(behind.len().saturating_sub(8)..).unwrap_or_default();
    if let [b' ' | b'\t', name @ .., b'/', b'0'..=b'9', b'.', b'0'..=b'9'] = version
        && name.eq_ignore_ascii_case(b"SIP")
    {
        return true;
    }
    is_known_method(word) && names_address(behind)
}

/// Whether `word` is a registered method, in any case.
fn is_known_method(word: &[u8]) -> bool {
    Method::ALL
        .iter()
        .filter(|&&method| method != Method::Other)
        .any(|method| word.eq_ignore_ascii_case(method.word().as_bytes()))
}

/// Whether the target behind a method begins as an address that SIP carries.
fn names_address(behind: &[u8]) -> bool {
    let target = super::text::trim_start(behind);
    let target = target.strip_prefix(b"<").unwrap_or(target);
    [&b"sip:"[..], b"sips:", b"tel:", b"urn:"].iter().any(|scheme| starts_with_ignore_case(target, scheme))
}

/// Whether a line that is no start line still has a SIP address, a SIP version or a method in it.
fn is_damaged_line(line: &[u8]) -> bool {
    let word = line.split(|&byte| byte == b' ').next().unwrap_or_default();
    is_known_method(word) || memmem::find(line, b"sip:").is_some() || memmem::find(line, b"SIP/").is_some()
}

/// Whether at least two of the next lines are headers that only SIP has.
fn has_headers(text: &[u8]) -> bool {
    let is_ours = |line: &[u8]| {
        use super::header::Header::{CallId, Contact, Cseq, From, MaxForwards, To, Via};
        matches!(read_name(line), Some((CallId | Contact | Cseq | From | MaxForwards | To | Via, _)))
    };
    text.split(|&byte| byte == b'\n').take(12).filter(|line| is_ours(line)).count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sip_is_recognised_even_when_damaged() {
        for payload in [
            &b"INVITE sip:+12025550143@h.example SIP/2.0\r\nVia: x\r\n\r\n"[..],
            b"\r\n\r\nOPTIONS sip:h SIP/2.0\r\n",
            b" INVITE sip:h SIP/2.0\r\n",
            b"\r\n \t\0INVITE sip:h SIP/2.0\r\n",
            b"INVITE sip:h SIP/2.0\rVia: SIP/2.0/UDP h\rFrom: <sip:a@h>\r\r",
            b"sip/2.0 200 OK\r\n\r\n",
            b"SIP/2.0 100 Trying",
            b"!odd-Method sip:h sip/2.0\r\n",
            b"aaaaaaaaaaaaaaaa sip:h SIP/2.0\n",
            b"INVITE sip:h SIP/\xff.0\r\n",
            b"invite tel:+12025550143\r\n",
            b"INVITE <sip:h> SIP/2.0 \r\n",
            b"IN\x01ITE sip:h SIQ/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nFrom: <sip:a@h>;tag=1234\r\nTo: <sip:a@h.example.com>\r\n",
        ] {
            assert!(looks_like_sip(payload), "{}", payload.escape_ascii());
        }
    }

    #[test]
    fn other_protocols_are_left_alone() {
        for payload in [
            &b""[..],
            b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 SIP/2.0\r\n",
            b"\x80\x08\x12\x34\x00\x00\x00\xa0\x00\x00\x00\x01\xd5\xd5",
            b"\x00\x01\x00\x00\x21\x12\xa4\x42",
            b"GET / HTTP/1.1\r\nHost: h.example\r\nFrom: a@h.example\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nVia: 1.1 h.example, and some more of it\r\n\r\n",
            b"OPTIONS rtsp://h.example/ RTSP/1.0\r\nCSeq: 1, and so on and so forth\r\n\r\n",
            b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n",
            b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n",
            b"HEP3\x02\xc4\x00\x00\x00\x01\x00\x07\x02 INVITE sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n",
            b"just some words",
        ] {
            assert!(!looks_like_sip(payload), "{}", payload.escape_ascii());
        }
    }
}
