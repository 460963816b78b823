//! How a refused or diverted call is told so.

use std::io::Write as _;

use engine::sip::Message;
use rules::policy::Response;
use rules::{Policy, Verdict};

use crate::answer::{self, Request};

/// A verdict that is in the way of a request.
pub(crate) struct Refusing<'r, 'm, 'a> {
    pub(crate) request: &'r Request<'m, 'a>,
    pub(crate) policy: &'r Policy,
    pub(crate) verdict: &'r Verdict,
    /// How the peer wants every refusal said; `None` leaves it to the policy.
    pub(crate) instead: Option<Response>,
}

/// Words it. Returns the status; `None` for silence, and `out` means nothing then.
pub(crate) fn write(refusing: &Refusing<'_, '_, '_>, out: &mut Vec<u8>) -> Option<u16> {
    let Refusing { request, policy, verdict, instead } = refusing;
    if let Some(target) = policy.diversion(verdict) {
        request.begin(out, 302, answer::phrase(302));
        out.extend_from_slice(b"Contact: <");
        answer::put(out, target.as_bytes());
        out.extend_from_slice(b">\r\n");
        answer::end(out);
        return Some(302);
    }
    let customer = &policy.text().customer;
    let response = instead.or(verdict.response).unwrap_or(customer.list_response);
    match response {
        Response::Drop => return None,
        Response::NetworkBlocked => {
            request.begin(out, 603, "Network Blocked");
            put_reason(out, policy);
        }
        Response::Rejected { fallback } => {
            let page = customer.redress.as_ref().and_then(|redress| redress.url.as_deref());
            let Some(page) = page.filter(|_| takes_608(request.message)) else {
                request.begin(out, fallback, answer::phrase(fallback));
                answer::end(out);
                return Some(fallback);
            };
            // RFC 8688 §3.2: the page serves the signed jCard.
            request.begin(out, 608, answer::phrase(608));
            out.extend_from_slice(b"Call-Info: <");
            answer::put(out, page.as_bytes());
            out.extend_from_slice(b">;purpose=jwscard\r\n");
        }
        Response::Code(code) => request.begin(out, code, answer::phrase(code)),
    }
    answer::end(out);
    response.code()
}

/// The Reason of ATIS-1000099 §5: analytics blocked it, and where the caller may complain.
fn put_reason(out: &mut Vec<u8>, policy: &Policy) {
    let customer = &policy.text().customer;
    out.extend_from_slice(b"Reason: SIP;cause=603;text=\"v=analytics1");
    if let Some(redress) = &customer.redress {
        for (name, value) in [("url", &redress.url), ("tel", &redress.tel)] {
            if let Some(value) = value {
                // Writing to memory cannot fail.
                let _ = write!(out, ";{name}=");
                out.extend(value.bytes().filter(|byte| !matches!(byte, b'"' | b'\\' | b'\r' | b'\n')));
            }
        }
    }
    let location = customer.location.as_deref().unwrap_or(LOCATION);
    let _ = write!(out, "\";location={location}\r\n");
}

/// Whether somebody on the way understands 608 and tells the caller (RFC 8688 §3.1).
fn takes_608(message: &Message<'_>) -> bool {
    const TAG: &[u8] = b"+sip.608";
    message.feature_caps().any(|caps| {
        caps.split(|&byte| matches!(byte, b';' | b',')).any(|cap| cap.trim_ascii().eq_ignore_ascii_case(TAG))
    })
}

/// Without a word of the policy: the local network (ITU-T Q.850 §2.2.3, as RFC 8606 carries it).
const LOCATION: &str = "LN";
