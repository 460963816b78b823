//! The text of SIP messages of one call or request.

use std::net::SocketAddr;

use super::course::{CREDENTIALS, VOICE};

/// Somebody at an end of a call.
pub(super) struct Party {
    user: String,
    at: SocketAddr,
}

impl Party {
    pub(super) fn new(user: &str, at: SocketAddr) -> Self {
        Self { user: user.to_owned(), at }
    }

    fn uri(&self, at: SocketAddr) -> String {
        match self.user.as_str() {
            "anonymous" => "sip:anonymous@anonymous.invalid".to_owned(),
            user if user.parse::<std::net::IpAddr>().is_ok() => format!("sip:{user}"),
            user => format!("sip:{user}@{}", at.ip()),
        }
    }
}

/// What the messages of one call have in common.
pub(super) struct Message {
    id: usize,
    caller: Party,
    called: Party,
    /// Headers of requests that open something.
    pub opening: String,
    /// Headers of the next request inside the call.
    pub extra: String,
    pub agent: String,
    /// The name that the caller shows.
    pub shown: String,
    pub media: &'static str,
    /// Where a 3xx sends the call.
    pub contact: Option<String>,
}

impl Message {
    pub(super) fn new(id: usize, caller: Party, called: Party) -> Self {
        let agent = "telephone/3.2".to_owned();
        Self {
            id,
            caller,
            called,
            opening: String::new(),
            extra: String::new(),
            agent,
            shown: String::new(),
            media: VOICE,
            contact: None,
        }
    }

    /// A request outside the dialog; `CANCEL` and the ACK of a refusal among them.
    pub(super) fn request(&self, method: &str, cseq: u32, credentials: bool) -> String {
        let uri = self.called.uri(self.called.at);
        let mut text = self.head(&format!("{method} {uri} SIP/2.0"), method, cseq, true, method == "ACK");
        if !matches!(method, "CANCEL" | "ACK") {
            text += &format!("{}User-Agent: {}\r\n", self.opening, self.agent);
        }
        if credentials {
            text += CREDENTIALS;
        }
        text + &self.body(method)
    }

    /// A request inside the dialog, by the caller or by the called side.
    pub(super) fn inside(&self, method: &str, cseq: u32, by_caller: bool, headers: &str) -> String {
        let to = if by_caller { &self.called } else { &self.caller };
        let text = self.head(&format!("{method} {} SIP/2.0", to.uri(to.at)), method, cseq, by_caller, true);
        text + &self.extra + headers + &self.body(method)
    }

    /// A response to a request of the caller, or of the called side.
    pub(super) fn response(&self, status: u16, method: &str, cseq: u32, to_caller: bool) -> String {
        let mut text = self.head(&format!("SIP/2.0 {status} So"), method, cseq, to_caller, status > 100);
        if matches!(status, 401 | 407) {
            text += "WWW-Authenticate: Digest realm=\"example.com\",nonce=\"5a\"\r\n";
        }
        if let Some(contact) = &self.contact {
            text += &format!("Contact: <sip:{contact}@{}>\r\n", self.called.at.ip());
        }
        text + &self.body(if method == "INVITE" && status == 200 { "INVITE" } else { "" })
    }

    /// Everything up to CSeq. `by_caller` says whose request it is, or answers.
    fn head(&self, line: &str, method: &str, cseq: u32, by_caller: bool, tagged: bool) -> String {
        let id = self.id;
        let (mut from, to) =
            if by_caller { (&self.caller, &self.called) } else { (&self.called, &self.caller) };
        let [from_tag, to_tag] = if by_caller { ["a", "b"] } else { ["b", "a"] };
        let to_tag = if tagged { format!(";tag={to_tag}{id}") } else { String::new() };
        // A CANCEL and the ACK of a refusal are of the transaction of their INVITE.
        let transaction = if matches!(method, "CANCEL" | "ACK") { "INVITE" } else { method };
        let shown =
            if by_caller && !self.shown.is_empty() { format!("\"{}\" ", self.shown) } else { String::new() };
        let (via, contact) = (from.at, from.at);
        // Who registers is in To as well.
        let to = if method == "REGISTER" { &self.caller } else { to };
        if method == "REGISTER" {
            from = &self.caller;
        }
        let host = if method == "REGISTER" { self.called.at } else { from.at };
        let mut text = format!(
            "{line}\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK{id}{transaction}{cseq}{from_tag}\r\nFrom: {shown}<{}>;tag={from_tag}{id}\r\n\
             To: <{}>{to_tag}\r\nCall-ID: story-{id}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n",
            from.uri(host),
            to.uri(to.at),
        );
        if line.starts_with("INVITE") {
            text += &format!("Contact: <sip:{}@{contact}>\r\n", from.user);
        }
        text
    }

    fn body(&self, method: &str) -> String {
        let (kind, body) = match method {
            "INVITE" if !self.media.is_empty() => {
                let ip = self.caller.at.ip();
                let text =
                    format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n{}", self.media);
                ("Content-Type: application/sdp\r\n", text)
            }
            "MESSAGE" => ("Content-Type: text/plain\r\n", "A word.".to_owned()),
            _ => ("", String::new()),
        };
        format!("{kind}Content-Length: {}\r\n\r\n{body}", body.len())
    }
}
