//! SIP messages made by hand.

/// One dialog's fixed parts.
#[derive(Clone)]
pub(crate) struct Dialog {
    pub(crate) call_id: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) from_tag: &'static str,
    pub(crate) to_tag: &'static str,
}

impl Default for Dialog {
    fn default() -> Self {
        Self {
            call_id: "one@example.com",
            from: "+13035550142",
            to: "+12105550100",
            from_tag: "a",
            to_tag: "b",
        }
    }
}

impl Dialog {
    /// A request of the caller outside the dialog (no To tag).
    pub(crate) fn opening(&self, method: &str, cseq: u32, branch: &str, extra: &str) -> Vec<u8> {
        self.request(method, cseq, method, branch, false, "", extra)
    }

    /// A request of the caller inside the dialog.
    pub(crate) fn by_caller(&self, method: &str, cseq: u32, branch: &str) -> Vec<u8> {
        self.request(method, cseq, method, branch, false, &format!(";tag={}", self.to_tag), "")
    }

    /// A request of the called side inside the dialog.
    pub(crate) fn by_called(&self, method: &str, cseq: u32, branch: &str) -> Vec<u8> {
        self.request(method, cseq, method, branch, true, &format!(";tag={}", self.from_tag), "")
    }

    /// A response to a request of the caller.
    pub(crate) fn response(&self, status: &str, method: &str, cseq: u32, branch: &str) -> Vec<u8> {
        format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{branch}\r\n\
             From: <sip:{}@caller.example.com>;tag={}\r\nTo: <sip:{}@called.example.com>;tag={}\r\n\
             Call-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:198.51.100.1>\r\nContent-Length: 0\r\n\r\n",
            self.from, self.from_tag, self.to, self.to_tag, self.call_id
        )
        .into_bytes()
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one message")]
    fn request(
        &self,
        method: &str,
        cseq: u32,
        cseq_method: &str,
        branch: &str,
        by_called: bool,
        to_tag: &str,
        extra: &str,
    ) -> Vec<u8> {
        let (from, to, from_tag) =
            if by_called { (self.to, self.from, self.to_tag) } else { (self.from, self.to, self.from_tag) };
        format!(
            "{method} sip:{to}@gateway.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{from}@caller.example.com>;tag={from_tag}\r\n\
             To: <sip:{to}@called.example.com>{to_tag}\r\nCall-ID: {}\r\nCSeq: {cseq} {cseq_method}\r\n\
             Contact: <sip:192.0.2.1>\r\n{extra}Content-Length: 0\r\n\r\n",
            self.call_id
        )
        .into_bytes()
    }
}
