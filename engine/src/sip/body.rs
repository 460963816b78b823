//! What the body offers: session descriptions, alone or inside multipart bodies.

use std::num::NonZeroU64;

use rules::CallType;

use super::block::{Block, look, scan};
use super::text::{cut, is_space, line_end, rest, split_at, starts_with_ignore_case, trim, trim_start};

/// Reads the kind of call from the media lines (RFC 8866 §5.14) of `body`. A medium with port zero is refused
/// (RFC 3264 §5.1) and does not count. Fax outweighs video and video outweighs voice, so that a second medium
/// does not hide the first.
pub(super) fn read_call_type(content_type: Option<&[u8]>, body: &[u8]) -> CallType {
    if body.is_empty() || !may_hold_session(content_type, body) {
        return CallType::Other;
    }
    let mut session = Session { kind: CallType::Other, is_active: false };
    let mut is_start = 1;
    let (rows, tail) = body.as_chunks();
    let mut behind = body;
    for row in rows {
        let line_ends = look(row, is_line_end);
        session.read_lines(behind, line_ends << 1 | is_start);
        is_start = line_ends >> (ROW - 1);
        behind = rest(behind, ROW);
    }
    let line_ends = match body.last_chunk() {
        Some(row) => look(row, is_line_end).unbounded_shr((ROW - tail.len()) as u32),
        None => scan(tail, is_line_end),
    };
    session.read_lines(behind, line_ends << 1 | is_start);
    session.kind
}

#[inline(always)]
fn is_line_end(block: Block) -> u64 {
    block.equal(b'\n')
}

/// What is known of a session while its lines are read.
struct Session {
    kind: CallType,
    /// Whether the last medium is not refused.
    is_active: bool,
}

impl Session {
    /// Reads the lines of `text` that begin where `starts` has bits.
    #[inline(always)]
    fn read_lines(&mut self, text: &[u8], mut starts: u64) {
        while let Some(at) = NonZeroU64::new(starts) {
            let line = rest(text, at.trailing_zeros() as usize);
            starts &= starts.wrapping_sub(1);
            // One look passes nearly all lines but the two kinds that matter.
            if line.first().is_some_and(|first| first & !0x2c == b'A') {
                self.read_line(line);
            }
        }
    }

    #[inline(always)]
    fn read_line(&mut self, line: &[u8]) {
        match line {
            [b'm' | b'M', b'=', line @ ..] => {
                let medium = read_medium(line);
                self.is_active = medium.is_some();
                self.kind = strongest(self.kind, medium.unwrap_or(CallType::Other));
            }
            [b'a', b'=', b'r', attribute @ ..] if self.is_active => {
                // Bits in clear (RFC 4040) are a modem's or a terminal's: no voice, and no fax that one knows of.
                self.kind = match read_map(attribute) {
                    Some(CallType::Other) if self.kind != CallType::Voice => self.kind,
                    Some(kind) => kind,
                    None => self.kind,
                };
            }
            _ => {}
        }
    }
}

/// Bytes that are looked at together.
const ROW: usize = 64;

/// Whether a body of this type may hold a session description. A missing type is judged by the body.
fn may_hold_session(content_type: Option<&[u8]>, body: &[u8]) -> bool {
    match content_type {
        None => trim(body).starts_with(b"v="),
        Some(kind) if kind.starts_with(b"application/sdp") => true,
        Some(kind) => {
            starts_with_ignore_case(kind, b"application/sdp") || starts_with_ignore_case(kind, b"multipart/")
        }
    }
}

/// The kind of call that the media line at the start of `line`, without its `m=`, asks for; `None` when it is refused.
#[inline]
fn read_medium(line: &[u8]) -> Option<CallType> {
    if is_plain_audio(line) { Some(CallType::Voice) } else { read_any_medium(line) }
}

/// Whether it is voice over RTP with a port, written as nearly everybody does.
#[inline]
fn is_plain_audio(line: &[u8]) -> bool {
    let Some([b'1'..=b'9', port @ ..]) = line.strip_prefix(b"audio ") else { return false };
    let mut behind = port;
    while let [b'0'..=b'9', tail @ ..] = behind {
        behind = tail;
    }
    behind.starts_with(b" RTP/")
}

#[inline(never)]
fn read_any_medium(line: &[u8]) -> Option<CallType> {
    let line = cut(line, 0, line_end(line));
    let (media, behind) = split_word(line);
    let (port, behind) = split_word(behind);
    let (protocol, formats) = split_word(behind);
    if port == b"0" || port.starts_with(b"0/") {
        return None;
    }
    let is_audio = media == b"audio" || media.eq_ignore_ascii_case(b"audio");
    let fax = matches!(protocol, [b'u' | b'U', ..])
        && starts_with_ignore_case(protocol, b"udp")
        && !is_other_udp(protocol)
        || (!is_audio
            && formats.split(|&byte| is_space(byte)).any(|format| format.eq_ignore_ascii_case(b"t38")));
    Some(if fax {
        CallType::Fax
    } else if is_audio {
        CallType::Voice
    } else if media.eq_ignore_ascii_case(b"video") {
        CallType::Video
    } else {
        CallType::Other
    })
}

/// The first word of `text` and what stands behind it.
#[inline(always)]
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = trim_start(text);
    let end = text.iter().position(|&byte| byte <= b' ').unwrap_or(text.len());
    (cut(text, 0, end), rest(text, end))
}

/// Whether a protocol that begins with `udp` is not one for fax or modems, which are `udptl` (T.38) and `udpsprt`
/// (V.150.1).
fn is_other_udp(protocol: &[u8]) -> bool {
    !starts_with_ignore_case(protocol, b"udptl") && !starts_with_ignore_case(protocol, b"udpsprt")
}

/// The kind of call that the attribute at the start of `line`, without its `a=r`, makes of a medium: an `rtpmap` of
/// fax, modem or data; `None` of everything else.
#[inline]
fn read_map(line: &[u8]) -> Option<CallType> {
    let value = line.strip_prefix(b"tpmap:")?;
    let mut behind = value;
    while let [b'0'..=b'9', tail @ ..] = behind {
        behind = tail;
    }
    match behind {
        // What nearly every line says: a format, one space, and a codec that is none of them.
        [b' ', first, second, ..]
            if behind.len() < value.len()
                && *first > b' '
                && !matches!(second, b'3' | b'1' | b'L' | b'l') =>
        {
            None
        }
        _ => read_codec(cut(value, 0, line_end(value))),
    }
}

/// Whether the `rtpmap` value names fax over RTP (RFC 4612), modem over IP (V.150.1), or bits in clear (RFC 4040).
#[inline(never)]
fn read_codec(value: &[u8]) -> Option<CallType> {
    let (_, codec) = split_word(value);
    let name = split_at(trim_start(codec), b'/').0;
    let is = |known: &&[u8]| name.eq_ignore_ascii_case(known);
    match () {
        () if [&b"t38"[..], b"v150fw", b"v150mr"].iter().any(is) => Some(CallType::Fax),
        () if is(&&b"clearmode"[..]) => Some(CallType::Other),
        () => None,
    }
}

fn strongest(one: CallType, other: CallType) -> CallType {
    let strength = |kind| match kind {
        CallType::Fax => 3,
        CallType::Video => 2,
        CallType::Voice => 1,
        CallType::Other => 0,
    };
    if strength(one) >= strength(other) { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::super::agreement::{mutate, random};
    use super::*;

    fn check(content_type: &str, body: &str, expected: CallType) {
        let content_type = Some(content_type.as_bytes()).filter(|kind| !kind.is_empty());
        assert_eq!(read_call_type(content_type, body.replace('\n', "\r\n").as_bytes()), expected, "{body}");
        assert_eq!(read_call_type(content_type, body.as_bytes()), expected, "{body} with LF");
    }

    #[test]
    fn media_lines_say_what_kind_of_call_it_is() {
        let sdp = "application/sdp";
        check(sdp, "v=0\nc=IN IP4 192.0.2.1\nm=audio 49217 RTP/AVP 0 12\n", CallType::Voice);
        check(sdp, "v=0\nm=audio 49217 RTP/AVP 0\nm=video 3227 RTP/AVP 31\n", CallType::Video);
        check(sdp, "v=0\nm=audio 49217 RTP/AVP 0\nm=video 0 RTP/AVP 31\n", CallType::Voice);
        check(sdp, "v=0\nm=audio 0 RTP/AVP 0\nm=image 5000 udptl t38\n", CallType::Fax);
        check(sdp, "v=0\nm=image 5000 UDPTL T38\n", CallType::Fax);
        check(sdp, "v=0\nm=image 5000 tcp t38\n", CallType::Fax);
        check(sdp, "v=0\nm=audio 5000 RTP/AVP 98\na=rtpmap:98 t38/8000\n", CallType::Fax);
        check(sdp, "v=0\nm=message 7654 TCP/MSRP *\n", CallType::Other);
        check(sdp, "v=0\nm=audio 5000 RTP/AVP 97\na=rtpmap:97 CLEARMODE/8000\n", CallType::Other);
        check(sdp, "v=0\nm=audio 5000 RTP/AVP 97\na=rtpmap:97 iLBC/8000\n", CallType::Voice);
        check(sdp, "v=0\nm=image 5000 udptl t38\na=rtpmap:97 clearmode/8000\n", CallType::Fax);
        check("Application/SDP;charset=x", "v=0\nm=audio 1 RTP/AVP 0", CallType::Voice);
        check("", "v=0\nm=audio 1 RTP/AVP 0", CallType::Voice);
        check(sdp, "", CallType::Other);
        check("text/plain", "m=audio 1 RTP/AVP 0\n", CallType::Other);
    }

    #[test]
    fn sessions_inside_multipart_bodies_count() {
        let body = "--b\nContent-Type: application/isup;version=x\n\n\x01\x11\x48\n--b\nContent-Type: application/sdp\n\nv=0\nm=image 1 udptl t38\n--b--\n";
        check("multipart/mixed;boundary=b", body, CallType::Fax);
    }

    #[test]
    fn a_quick_look_at_the_lines_agrees_with_a_slow_one() {
        let seeds = [
            &b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 49217 RTP/AVP 0 98\r\na=rtpmap:98 t38/8000\r\na=x\r\nm=video 0 RTP/AVP 31\r\n"[..],
            b"v=0\nm=audio 1 RTP/AVP 0\na=rtpmap:0 PCMU/8000\nM=image 5000 udptl t38\na=recvonly",
            b"v=0\nm=audio 1 RTP/AVP 97\na=rtpmap:97 CLEARMODE/8000\nm=video 2 RTP/AVP 31\n",
        ];
        let mut next = random();
        for round in 0..50_000 {
            let body = mutate(seeds[round % seeds.len()], &mut next);
            let (mut kind, mut active) = (CallType::Other, false);
            for line in body.split(|&byte| byte == b'\n') {
                match line {
                    [b'm' | b'M', b'=', line @ ..] => {
                        active = read_any_medium(line).is_some();
                        kind = strongest(kind, read_any_medium(line).unwrap_or(CallType::Other));
                    }
                    [b'a', b'=', b'r', b't', b'p', b'm', b'a', b'p', b':', value @ ..] if active => {
                        match read_codec(value) {
                            Some(CallType::Fax) => kind = CallType::Fax,
                            Some(CallType::Other) if kind == CallType::Voice => kind = CallType::Other,
                            _ => {}
                        }
                    }
                    _ => {}
                }
            }
            let kind = if body.is_empty() { CallType::Other } else { kind };
            let read = read_call_type(Some(b"application/sdp"), &body);
            assert_eq!(read, kind, "{}", body.escape_ascii());
        }
    }
}
