//! The bytes of one SIP message.

use std::io::Write;
use std::net::SocketAddr;

use crate::call::{Call, Media, Method, Style};
use crate::passport;
use crate::script::{Body, Turn, What};
use crate::session;

/// Appends formatted text to a message.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {
        $out.write_fmt(format_args!($($text)*)).expect("memory takes every byte")
    };
}

/// Writes the message that `turn` of `call` sends behind what `out` holds.
pub(crate) fn write(call: &Call, turn: &Turn, out: &mut Vec<u8>) {
    match turn.what {
        What::Request { method, cseq, transaction, fork, inside, credentials, body } => {
            let frame = Frame::new(call, turn, turn.by_caller, transaction, fork);
            frame.request_line(method, inside, out);
            frame.via(out, method == Method::Invite || method == Method::Options, false);
            let max_forwards = if call.style == Style::Carrier { 67 } else { 70 };
            put!(out, "Max-Forwards: {max_forwards}\r\n");
            frame.dialog(method, cseq, out);
            frame.contact(method, out);
            if method == Method::Invite && !inside {
                frame.identity(out);
            }
            if let Some(challenge) = credentials {
                frame.credentials(challenge, cseq, out);
            }
            frame.abilities(method, out);
            frame.extras(method, cseq, out);
            frame.body(body, out);
        }
        What::Response { status, method, cseq, transaction, fork, body, .. } => {
            let fork = (status != 100).then_some(fork);
            let frame = Frame::new(call, turn, !turn.by_caller, transaction, fork);
            put!(out, "SIP/2.0 {status} {}\r\n", reason(status));
            frame.via(out, method == Method::Invite || method == Method::Options, true);
            frame.dialog(method, cseq, out);
            frame.answer(status, method, cseq, out);
            frame.body(body, out);
        }
    }
}

/// What the headers of one message are made from.
struct Frame<'a> {
    call: &'a Call,
    /// Whether the request (this one, or the one answered) goes from the caller's side to the called side.
    forward: bool,
    /// Who sends this datagram, and who gets it.
    sender: SocketAddr,
    receiver: SocketAddr,
    /// Who sent the request: this one, or the one answered.
    requester: SocketAddr,
    branch: u64,
    fork: Option<u8>,
}

impl<'a> Frame<'a> {
    fn new(call: &'a Call, turn: &Turn, forward: bool, transaction: u16, fork: Option<u8>) -> Self {
        let (sender, receiver) = ends(call, turn);
        let requester = if matches!(turn.what, What::Request { .. }) { sender } else { receiver };
        let branch = mix(call.id ^ u64::from(transaction) << 8 ^ u64::from(forward));
        Self { call, forward, sender, receiver, requester, branch, fork }
    }

    fn request_line(&self, method: Method, inside: bool, out: &mut Vec<u8>) {
        if inside {
            put!(
                out,
                "{method} sip:{}@{};transport=udp SIP/2.0\r\n",
                self.user(!self.forward),
                self.receiver
            );
        } else {
            put!(out, "{method} {} SIP/2.0\r\n", self.call.called.uri);
        }
    }

    fn via(&self, out: &mut Vec<u8>, first_hop: bool, answered: bool) {
        let requester = self.requester;
        let name = if self.call.style == Style::Compact { "v" } else { "Via" };
        let (branch, ip) = (self.branch, requester.ip());
        put!(out, "{name}: SIP/2.0/UDP {requester};branch=z9hG4bK{branch:016x};rport");
        if answered {
            put!(out, "={};received={ip}", requester.port());
        }
        out.extend_from_slice(b"\r\n");
        if self.call.style == Style::Carrier && first_hop && self.forward {
            // One hop fewer before a forwarded call, or its Diversion would not fit into an Ethernet frame.
            if self.call.diversion.is_none() {
                let deeper = mix(branch);
                put!(out, "Via: SIP/2.0/UDP 203.0.113.230:5060;branch=z9hG4bK{deeper:016x}0\r\n");
            }
            put!(out, "Record-Route: <sip:{requester};transport=udp;lr;ftag={:08x}>\r\n", self.tag(true, 0));
        }
    }

    /// From, To, Call-ID and CSeq.
    fn dialog(&self, method: Method, cseq: u32, out: &mut Vec<u8>) {
        let call = self.call;
        let compact = call.style == Style::Compact;
        let [from, to, id] = if compact { ["f", "t", "i"] } else { ["From", "To", "Call-ID"] };
        let (from_uri, to_uri) = if self.forward {
            (&call.caller.uri, &call.called.uri)
        } else {
            (&call.called.uri, &call.caller.uri)
        };
        put!(out, "{from}: ");
        if self.forward && !call.display.is_empty() {
            put!(out, "\"{}\" ", call.display);
        }
        let caller_tag = self.tag(true, 0);
        let called_tag = self.fork.map(|fork| self.tag(false, fork));
        if self.forward {
            put!(out, "<{from_uri}>;tag={caller_tag:08x}\r\n{to}: <{to_uri}>");
            if let Some(tag) = called_tag {
                put!(out, ";tag={tag:08x}");
            }
        } else {
            let tag = called_tag.unwrap_or_default();
            put!(out, "<{from_uri}>;tag={tag:08x}\r\n{to}: <{to_uri}>;tag={caller_tag:08x}");
        }
        put!(out, "\r\n{id}: {}\r\nCSeq: {cseq} {method}\r\n", call.call_id());
    }

    fn contact(&self, method: Method, out: &mut Vec<u8>) {
        let name = if self.call.style == Style::Compact { "m" } else { "Contact" };
        let user = self.user(self.forward);
        match method {
            Method::Invite | Method::Refer | Method::Options | Method::Subscribe | Method::Update => {
                put!(out, "{name}: <sip:{user}@{};transport=udp>\r\n", self.sender);
            }
            Method::Register => put!(out, "{name}: <sip:{user}@{}>;expires=3600\r\n", self.sender),
            _ => {}
        }
    }

    /// Who is asserted to call, on whose behalf, and who signed it.
    fn identity(&self, out: &mut Vec<u8>) {
        let call = self.call;
        if let Some(asserted) = &call.asserted {
            put!(out, "P-Asserted-Identity: {asserted}\r\n");
        }
        if let Some(diversion) = &call.diversion {
            put!(out, "Diversion: {diversion}\r\n");
        }
        if let Some(level) = call.attested {
            passport::write(call, level, out);
        }
    }

    fn credentials(&self, challenge: u16, cseq: u32, out: &mut Vec<u8>) {
        let name = if challenge == 401 { "Authorization" } else { "Proxy-Authorization" };
        let guess = self.call.id ^ u64::from(cseq) << 32;
        put!(
            out,
            "{name}: Digest username=\"{}\",realm=\"example.com\",nonce=\"{:016x}\",uri=\"sip:example.com\",\
             response=\"{:016x}{:016x}\",algorithm=MD5\r\n",
            self.user(self.forward),
            self.nonce(cseq.saturating_sub(1)),
            mix(guess ^ 2),
            mix(guess ^ 3)
        );
    }

    /// What a challenge to the request with this CSeq asks to be hashed.
    fn nonce(&self, cseq: u32) -> u64 {
        mix(self.call.id ^ 1 ^ u64::from(cseq) << 40)
    }

    /// What the sender can do.
    fn abilities(&self, method: Method, out: &mut Vec<u8>) {
        let call = self.call;
        put!(out, "User-Agent: {}\r\n", call.user_agent);
        if call.style == Style::Bare || !matches!(method, Method::Invite | Method::Options) {
            return;
        }
        let allowed = "INVITE, ACK, CANCEL, OPTIONS, BYE, PRACK, UPDATE, REFER, NOTIFY, INFO, SUBSCRIBE";
        let name = if call.style == Style::Compact { "k" } else { "Supported" };
        if call.style == Style::Carrier {
            put!(out, "Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE\r\nSupported: timer, 100rel\r\n");
            return;
        }
        put!(out, "Allow: {allowed}\r\n{name}: replaces, timer, 100rel\r\nAccept: application/sdp\r\n");
        if method == Method::Invite && call.style != Style::Compact {
            put!(out, "Session-Expires: 1800\r\nMin-SE: 90\r\n");
        }
    }

    fn extras(&self, method: Method, cseq: u32, out: &mut Vec<u8>) {
        match method {
            Method::Prack => put!(out, "RAck: 1 {} INVITE\r\n", cseq.saturating_sub(1)),
            Method::Refer => {
                let (caller, called) = (&self.call.caller.uri, &self.call.called.uri);
                let by = if self.forward { caller } else { called };
                match self.target() {
                    Some(target) => put!(out, "Refer-To: <{target}>\r\nReferred-By: <{by}>\r\n"),
                    None => {
                        let (colleague, host) = (mix(self.call.id) % 100, self.sender.ip());
                        put!(out, "Refer-To: <sip:01{colleague:02}@{host}>\r\nReferred-By: <{by}>\r\n");
                    }
                }
            }
            Method::Notify if self.call.method == Method::Subscribe => {
                put!(out, "Event: dialog\r\nSubscription-State: active;expires=3600\r\n");
            }
            Method::Notify => {
                put!(out, "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n")
            }
            Method::Subscribe => {
                put!(out, "Event: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: 3600\r\n");
            }
            Method::Update if self.call.habits.refresh_seconds > 0 => {
                let interval = u32::from(self.call.habits.refresh_seconds) * 2;
                put!(out, "Session-Expires: {interval};refresher=uac\r\n");
            }
            Method::Cancel if self.call.style == Style::Carrier => {
                put!(out, "Reason: SIP;cause=487;text=\"ORIGINATOR_CANCEL\"\r\n");
            }
            Method::Bye if self.call.style == Style::Carrier => {
                put!(out, "Reason: Q.850;cause=16;text=\"Normal call clearing\"\r\n");
            }
            _ => {}
        }
    }

    /// What a response adds.
    fn answer(&self, status: u16, method: Method, cseq: u32, out: &mut Vec<u8>) {
        match status {
            401 | 407 => {
                let name = if status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
                let nonce = self.nonce(cseq);
                put!(
                    out,
                    "{name}: Digest realm=\"example.com\",nonce=\"{nonce:016x}\",algorithm=MD5,qop=\"auth\"\r\n"
                );
            }
            183 => put!(out, "Require: 100rel\r\nRSeq: 1\r\n"),
            302 => {
                if let Some(target) = self.target() {
                    put!(out, "Contact: <{target}>\r\n");
                }
            }
            _ => {}
        }
        if method == Method::Invite && (101..300).contains(&status) {
            let user = self.user(!self.forward);
            put!(
                out,
                "Contact: <sip:{user}@{};transport=udp>\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, PRACK, UPDATE, REFER\r\n",
                self.sender
            );
        }
        if method == Method::Register && status == 200 {
            put!(out, "Contact: <sip:{}@{}>;expires=3600\r\n", self.user(true), self.receiver);
        }
        put!(out, "Server: {}\r\n", if self.call.style == Style::Carrier { "sbc/8.4" } else { "pbx/18.20" });
    }

    fn body(&self, body: Body, out: &mut Vec<u8>) {
        let compact = self.call.style == Style::Compact;
        let [kind, length] = if compact { ["c", "l"] } else { ["Content-Type", "Content-Length"] };
        let (kind_of_body, text) = match body {
            Body::None => {
                put!(out, "{length}: 0\r\n\r\n");
                return;
            }
            Body::Progress => ("message/sipfrag;version=2.0", b"SIP/2.0 200 OK\r\n".to_vec()),
            Body::Lamp => ("application/dialog-info+xml", session::lamp(self.call)),
            Body::Text => {
                ("text/plain", self.call.special.iter().flat_map(|special| special.text.bytes()).collect())
            }
            Body::Fax => ("application/sdp", session::write(self.call, self.sender, Media::Fax, "sendrecv")),
            Body::Hold => {
                ("application/sdp", session::write(self.call, self.sender, Media::Voice, "sendonly"))
            }
            Body::Offer | Body::Answer => (
                "application/sdp",
                session::write(self.call, self.sender, self.call.habits.media, "sendrecv"),
            ),
        };
        put!(out, "{kind}: {kind_of_body}\r\n{length}: {}\r\n\r\n", text.len());
        out.extend_from_slice(&text);
    }

    /// Where a transfer points to, if not to a colleague.
    fn target(&self) -> Option<&str> {
        self.call.special.as_ref().and_then(|special| special.target.as_deref())
    }

    /// What stands before the @ of the Contact of one side.
    fn user(&self, callers: bool) -> &str {
        let party = if callers { &self.call.caller } else { &self.call.called };
        party.number.trim_start_matches('+')
    }

    fn tag(&self, callers: bool, fork: u8) -> u32 {
        mix(self.call.id ^ 0x7461_6700 ^ u64::from(fork) << 1 ^ u64::from(callers)) as u32
    }
}

/// Who sends the datagram of `turn`, and who gets it.
pub(crate) fn ends(call: &Call, turn: &Turn) -> (SocketAddr, SocketAddr) {
    let (sender, receiver) = if turn.by_caller { (call.near, call.far) } else { (call.far, call.near) };
    match (call.stranger().filter(|_| turn.stray), turn.what) {
        (Some(stranger), What::Request { .. }) => (stranger, receiver),
        (Some(stranger), What::Response { .. }) => (sender, stranger),
        (None, _) => (sender, receiver),
    }
}

/// Spreads the bits of `value`, so that names made of it look unlike.
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let value = (value ^ value >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    value ^ value >> 32
}

const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        302 => "Moved Temporarily",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        415 => "Unsupported Media Type",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        603 => "Decline",
        _ => "Answer",
    }
}
