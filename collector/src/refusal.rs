//! How a refused or diverted call is told so.

use std::io::Write as _;

use rules::policy::Response;
use rules::{Policy, Timestamp, Verdict};

use crate::answer::{self, Request};
use crate::redress::{PLACE, Tokens};

/// A verdict that is in the way of a request.
pub(crate) struct Refusing<'r, 'm, 'a> {
    pub(crate) request: &'r Request<'m, 'a>,
    pub(crate) policy: &'r Policy,
    pub(crate) verdict: &'r Verdict,
    /// How the peer wants every refusal said; `None` leaves it to the policy.
    pub(crate) instead: Option<Response>,
    /// What tells the caller which call it was.
    pub(crate) tokens: &'r Tokens,
    /// When it is refused.
    pub(crate) at: Timestamp,
}

/// Words it. Returns the status; `None` for silence, and `out` means nothing then.
pub(crate) fn write(refusing: &Refusing<'_, '_, '_>, out: &mut Vec<u8>) -> Option<u16> {
    let Refusing { request, policy, verdict, instead, .. } = refusing;
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
            put_reason(out, refusing);
        }
        Response::Rejected { fallback } => {
            let page = customer.redress.as_ref().and_then(|redress| redress.url.as_deref());
            let Some(page) = page.filter(|_| request.message.takes_608()) else {
                request.begin(out, fallback, answer::phrase(fallback));
                answer::end(out);
                return Some(fallback);
            };
            // RFC 8688 §3.2: the page serves the signed jCard.
            request.begin(out, 608, answer::phrase(608));
            out.extend_from_slice(b"Call-Info: <");
            put_address(out, page, refusing);
            out.extend_from_slice(b">;purpose=jwscard\r\n");
        }
        Response::Code(code) => request.begin(out, code, answer::phrase(code)),
    }
    answer::end(out);
    response.code()
}

/// The Reason of ATIS-1000099 §5: analytics blocked it, and where the caller may complain.
fn put_reason(out: &mut Vec<u8>, refusing: &Refusing<'_, '_, '_>) {
    let customer = &refusing.policy.text().customer;
    out.extend_from_slice(b"Reason: SIP;cause=603;text=\"v=analytics1");
    if let Some(redress) = &customer.redress {
        if let Some(url) = &redress.url {
            out.extend_from_slice(b";url=");
            put_address(out, url, refusing);
        }
        if let Some(tel) = &redress.tel {
            out.extend_from_slice(b";tel=");
            put_quoted(out, tel);
        }
    }
    let location = customer.location.as_deref().unwrap_or(LOCATION);
    let _ = write!(out, "\";location={location}\r\n");
}

/// The address of `page`, with the token of the call where it has a place for one.
fn put_address(out: &mut Vec<u8>, page: &str, refusing: &Refusing<'_, '_, '_>) {
    let Some((before, after)) = page.split_once(PLACE) else { return put_quoted(out, page) };
    put_quoted(out, before);
    let call_id = refusing.request.message.call_id();
    // Writing to memory cannot fail.
    let _ = write!(out, "{}", refusing.tokens.of(refusing.policy.name(), call_id, refusing.at));
    put_quoted(out, after);
}

/// What cannot end the quotes or the line that it stands in.
fn put_quoted(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|byte| !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'\r' | b'\n')));
}

/// Without a word of the policy: the local network (ITU-T Q.850 §2.2.3, as RFC 8606 carries it).
const LOCATION: &str = "LN";
