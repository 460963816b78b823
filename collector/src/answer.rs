//! Responses to requests, as bytes (RFC 3261 §8.2.6).

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use engine::is_short;
use engine::sip::{Header, Message, Via};
use memchr::{memchr, memchr2};
use rules::{Flag, Flags, Method};

/// What every response takes over from its request.
#[derive(Clone, Copy)]
pub(crate) struct Request<'m, 'a> {
    /// The request.
    pub(crate) message: &'m Message<'a>,
    /// The host and port that it came from.
    pub(crate) source: SocketAddr,
    /// Stands for us in the To of the response.
    pub(crate) tag: u64,
    /// The last hop, if there is one.
    via: Option<Via<'a>>,
}

impl<'m, 'a> Request<'m, 'a> {
    pub(crate) fn new(message: &'m Message<'a>, source: SocketAddr, tag: u64) -> Self {
        Self { message, source, tag, via: message.top_via() }
    }

    /// Whether it has what a response must repeat: without any of it nobody could tell what is answered.
    pub(crate) fn can_be_answered(&self) -> bool {
        let needed = [Header::Via, Header::From, Header::To, Header::CallId, Header::Cseq];
        needed.into_iter().all(|header| self.message.value(header).is_some_and(|value| !value.is_empty()))
    }

    /// Whether CSeq has a number and names the method of the request (RFC 3261 §8.1.1.5).
    pub(crate) fn has_own_cseq(&self) -> bool {
        self.message.cseq().is_some() && self.message.cseq_method() == Some(self.message.method())
    }

    /// Whether it is a call that others might have to make room for, as far as its looks go: what is dialled is short, a
    /// name or a service, or it claims a priority.
    pub(crate) fn looks_pressing(&self) -> bool {
        let dials = matches!(self.message.method(), Method::Invite | Method::Refer);
        dials && (is_short(&self.message.request_uri()) || self.message.has(Header::ResourcePriority))
    }

    /// Where its response goes over UDP: back to its source, at the port that its Via names (RFC 3261 §18.2.2), or at the
    /// one it came from when it asks for that (RFC 3581 §4).
    pub(crate) fn reply_to(&self) -> SocketAddr {
        let Some(via) = self.via else { return self.source };
        let port = if via.rport().is_some() { self.source.port() } else { via.port.unwrap_or(SIP_PORT) };
        SocketAddr::new(self.source.ip(), if port == 0 { self.source.port() } else { port })
    }

    /// Begins a response of `status`; further header lines may follow, then [`end`].
    pub(crate) fn begin(&self, out: &mut Vec<u8>, status: u16, phrase: &str) {
        out.clear();
        out.extend_from_slice(b"SIP/2.0 ");
        put_digits(out, status);
        out.push(b' ');
        out.extend_from_slice(phrase.as_bytes());
        out.extend_from_slice(b"\r\n");
        if let Some(value) = self.message.value(Header::Via) {
            out.extend_from_slice(b"Via: ");
            self.put_top_via(out, value);
            out.extend_from_slice(b"\r\n");
        }
        if self.message.is_repeated(Header::Via) {
            for value in self.message.values(Header::Via).skip(1) {
                out.extend_from_slice(b"Via: ");
                put(out, value);
                out.extend_from_slice(b"\r\n");
            }
        }
        self.put_line(out, b"From: ", Header::From);
        self.put_line(out, b"To: ", Header::To);
        if self.message.to_tag().is_none() && status > 100 {
            out.truncate(out.len() - 2);
            out.extend_from_slice(b";tag=");
            out.extend((0..16).rev().map(|place| hex_digit((self.tag >> (4 * place)) as u8 & 15)));
            out.extend_from_slice(b"\r\n");
        }
        self.put_line(out, b"Call-ID: ", Header::CallId);
        self.put_line(out, b"CSeq: ", Header::Cseq);
    }

    /// Words a refusal of `status` that may be tried again in so many seconds.
    pub(crate) fn refuse_for_now(&self, out: &mut Vec<u8>, status: u16, retry_after_seconds: u32) {
        self.begin(out, status, phrase(status));
        // Writing to memory cannot fail.
        let _ = write!(out, "Retry-After: {retry_after_seconds}\r\n");
        end(out);
    }

    fn put_line(&self, out: &mut Vec<u8>, name: &[u8], header: Header) {
        if let Some(value) = self.message.value(header) {
            out.extend_from_slice(name);
            put(out, value);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Via of the last hop with the address that it was received from (RFC 3261 §18.2.1, RFC 3581 §4). What the hop itself
    /// says of that address does not stay: responses would go wherever it likes.
    pub(crate) fn put_top_via(&self, out: &mut Vec<u8>, value: &[u8]) {
        let (top, others) = value.split_at_checked(first_end(value)).unwrap_or((value, &[]));
        let Some(via) = self.via else { return put(out, value) };
        let asks_for_port = via.rport().is_some();
        let says_where_from = via.received().is_some() || via.rport().is_some_and(|port| !port.is_empty());
        match asks_for_port.then(|| empty_rport(top)).flatten() {
            _ if says_where_from => self.put_without_source(out, &via),
            Some(end) => {
                let (before, behind) = top.split_at_checked(end).unwrap_or((top, &[]));
                put(out, before);
                // Writing to memory cannot fail.
                let _ = write!(out, "={}", self.source.port());
                put(out, behind);
            }
            None => put(out, top),
        }
        let address = self.source.ip().to_canonical();
        if asks_for_port || !is_address(via.host, address) {
            let _ = write!(out, ";received={address}");
        }
        put(out, others);
    }

    /// The first Via value, with what we know of its source for what it says itself.
    fn put_without_source(&self, out: &mut Vec<u8>, via: &Via<'_>) {
        out.extend_from_slice(b"SIP/2.0/");
        put(out, via.transport);
        out.push(b' ');
        put(out, via.host);
        if let Some(port) = via.port {
            // Writing to memory cannot fail, here and below.
            let _ = write!(out, ":{port}");
        }
        for param in via.params() {
            if param.is(b"received") {
                continue;
            }
            out.push(b';');
            put(out, param.name);
            let is_token =
                |value: &[u8]| value.iter().all(|byte| byte.is_ascii_graphic() && !b",;\"".contains(byte));
            match param.value {
                _ if param.is(b"rport") => _ = write!(out, "={}", self.source.port()),
                Some(value) if is_token(value) => {
                    out.push(b'=');
                    put(out, value);
                }
                Some(value) => {
                    out.extend_from_slice(b"=\"");
                    put(out, value);
                    out.push(b'"');
                }
                None => {}
            }
        }
    }
}

/// Writes a number of three digits.
fn put_digits(out: &mut Vec<u8>, status: u16) {
    out.extend([100, 10, 1].map(|place| b'0' + (status / place % 10) as u8));
}

/// Whether `payload` only keeps a way through NAT open: CRLF CRLF (RFC 5626 §3.5.1), or as many zeros.
pub(crate) fn is_keep_alive(payload: &[u8]) -> bool {
    payload.len() <= KEEP_ALIVE_BYTES_MAX && payload.iter().all(|byte| b"\r\n\0".contains(byte))
}

pub(crate) fn hex_digit(nibble: u8) -> u8 {
    b"0123456789ABCDEF".get(usize::from(nibble)).copied().unwrap_or(b'0')
}

/// Ends a response without a body.
pub(crate) fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
}

/// The usual words for `status` (RFC 3261 §21, RFC 8197, RFC 8688).
pub(crate) fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        410 => "Gone",
        420 => "Bad Extension",
        433 => "Anonymity Disallowed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        607 => "Unwanted",
        608 => "Rejected",
        _ if status < 500 => "Request Failure",
        _ if status < 600 => "Server Failure",
        _ => "Global Failure",
    }
}

/// Writes `value` on one line: what a fold hides stays inside its header.
pub(crate) fn put(out: &mut Vec<u8>, value: &[u8]) {
    if memchr2(b'\r', b'\n', value).is_none() {
        out.extend_from_slice(value);
    } else {
        out.extend(value.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    }
}

/// Where the first of several values of one line ends: at a comma outside quotes.
pub(crate) fn first_end(value: &[u8]) -> usize {
    let Some(comma) = memchr(b',', value) else { return value.len() };
    if memchr(b'"', value.get(..comma).unwrap_or_default()).is_none() {
        return comma;
    }
    let mut quoted = false;
    let mut escaped = false;
    for (index, &byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return index,
            _ => {}
        }
    }
    value.len()
}

/// Where the name of an `rport` without a value ends in `via`.
fn empty_rport(via: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"rport";
    let starts = (0..via.len()).filter(|&at| via.get(at) == Some(&b';'));
    for start in starts {
        let skipped = via.get(start + 1..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let name_at = start + 1 + skipped;
        let name = via.get(name_at..name_at + NAME.len()).unwrap_or_default();
        if !name.eq_ignore_ascii_case(NAME) {
            continue;
        }
        let behind = via.get(name_at + NAME.len()..).unwrap_or_default();
        let next = behind.iter().find(|byte| !byte.is_ascii_whitespace());
        if matches!(next, None | Some(b';')) {
            return Some(name_at + NAME.len());
        }
    }
    None
}

/// Whether `host`, as a Via has it, is the address `address`.
fn is_address(host: &[u8], address: IpAddr) -> bool {
    let text = std::str::from_utf8(host).unwrap_or_default();
    text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|named| named.to_canonical() == address)
}

/// What makes it unknown where the next message of a stream begins, and so what this one means.
pub(crate) const UNFRAMED: Flags = Flags::of(Flag::BadContentLength)
    .union(Flags::of(Flag::DupContentLength))
    .union(Flags::of(Flag::Oversized));

const SIP_PORT: u16 = 5060;

const KEEP_ALIVE_BYTES_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(lines: &str, source: &str) -> String {
        let request = format!("INVITE sip:1@example.com SIP/2.0\r\n{lines}\r\n");
        let message = Message::read(request.as_bytes());
        let request = Request::new(&message, source.parse().unwrap(), 0xab);
        let mut out = Vec::new();
        request.begin(&mut out, 603, phrase(603));
        end(&mut out);
        String::from_utf8(out).unwrap()
    }

    const REST: &str =
        "From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n";

    #[test]
    fn vias_are_repeated_in_order_and_the_first_says_where_from() {
        let vias = "Via: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.2\r\nv: SIP/2.0/TCP h.example\r\n";
        let said = answer(&format!("{vias}{REST}"), "198.51.100.7:5062");
        assert_eq!(
            said,
            "SIP/2.0 603 Decline\r\n\
             Via: SIP/2.0/UDP 192.0.2.1;rport=5062;branch=z9hG4bK1;received=198.51.100.7, SIP/2.0/UDP 192.0.2.2\r\n\
             Via: SIP/2.0/TCP h.example\r\nFrom: <sip:a@example.com>;tag=1\r\n\
             To: <sip:b@example.com>;tag=00000000000000AB\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn a_via_that_is_right_stays_as_it_is() {
        let said =
            answer(&format!("Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1\r\n{REST}"), "192.0.2.1:5062");
        assert!(said.contains("\r\nVia: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1\r\n"), "{said}");
    }

    #[test]
    fn nobody_says_for_itself_where_it_was_received_from() {
        let via = "SIP/2.0/UDP h.example:5062;received=203.0.113.9;rport=9;branch=z9hG4bK1;x=\"a, b\"";
        let said = answer(&format!("Via: {via}, SIP/2.0/UDP 192.0.2.2\r\n{REST}"), "192.0.2.1:5061");
        let expected = "Via: SIP/2.0/UDP h.example:5062;rport=5061;branch=z9hG4bK1;x=\"a, b\";received=192.0.2.1, SIP/2.0/UDP 192.0.2.2\r\n";
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn a_fold_opens_no_line_of_its_own() {
        let lines = "Via: SIP/2.0/UDP 192.0.2.1\r\nFrom: \"x\r\n Contact: y\" <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>;tag=2\r\n\
                     Call-ID: c\r\nCSeq: 7 INVITE\r\n";
        let said = answer(lines, "192.0.2.1:5060");
        assert!(!said.contains("\nContact") && !said.contains("\r\n Contact"), "{said}");
        assert!(said.contains("To: <sip:b@example.com>;tag=2\r\n"), "a dialog keeps its tag: {said}");
    }
}
