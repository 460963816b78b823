//! Requests and responses as they go on, as bytes (RFC 3261 §16.6, §16.7).

use std::io::Write as _;

use engine::sip::{ContentLength, Header, Message};
use rules::{Flag, Method};

use super::leaving::Leaving;
use super::port::{Place, Port, Ports};
use super::rewrite::{Rewrite, line_of, place_of};
use super::secret::put_hash;
use super::settings::Marks;
use super::via::{Branch, own_part};
use super::way::Way;
use crate::answer::Request;
use crate::limits::SENT_BYTES_MAX;

/// A request that goes on.
pub(super) struct Onwards<'r, 'm, 'a> {
    pub(super) request: &'r Request<'m, 'a>,
    pub(super) way: &'r Way<'a>,
    /// The Request-URI that it goes on with, where a policy says another one.
    pub(super) target: Option<&'r [u8]>,
    pub(super) branch: Branch,
    pub(super) leaving: Leaving,
    /// What its Record-Route says, when it begins a dialog.
    pub(super) dialog: Option<u64>,
    /// How it is marked; `None` when no policy judged it.
    pub(super) marks: Option<(&'r Marks, Option<&'r str>)>,
}

impl Onwards<'_, '_, '_> {
    /// Writes it. Returns false when it has grown too long to be sent.
    pub(super) fn write(&self, ports: &Ports, rewrite: &mut Rewrite, out: &mut Vec<u8>) -> bool {
        let message = self.request.message;
        let bytes = message.bytes();
        let begin = message.header_at();
        let Some(port) = ports.get(self.leaving.port) else { return false };
        rewrite.clear();
        rewrite.replace(begin..begin, |out| {
            self.branch.put_line(out, port);
            if let Some(dialog) = self.dialog {
                // RFC 5658: who leaves by another socket than it came in is found by both of them, from both sides.
                put_record_route(out, port, dialog);
                if self.leaving.port != self.branch.port
                    && let Some(port) = ports.get(self.branch.port)
                {
                    put_record_route(out, port, dialog);
                }
            }
            if !message.has(Header::MaxForwards) {
                // Writing to memory cannot fail.
                let _ = write!(out, "Max-Forwards: {HOPS}\r\n");
            }
            put_length(message, self.leaving.to, out);
        });
        self.way.note(message, self.target, rewrite);
        if let Some(via) = message.value(Header::Via)
            && let Some(place) = place_of(bytes, via)
        {
            rewrite.replace(place, |out| self.request.put_top_via(out, via));
        }
        if let (Some(value), Some(hops)) = (message.value(Header::MaxForwards), message.max_forwards())
            && let Some(place) = place_of(bytes, value)
        {
            rewrite.replace(place, |out| _ = write!(out, "{}", hops.saturating_sub(1)));
        }
        if let Some((marks, tag)) = self.marks {
            marks.note(message, tag, rewrite);
        }
        let first = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or_default();
        rewrite.write(bytes, first, end(message), out);
        out.len() <= SENT_BYTES_MAX
    }
}

/// Writes `message`, a response, without our own Via. Returns false when it cannot be.
pub(super) fn write_response(
    message: &Message<'_>,
    to: Place,
    rewrite: &mut Rewrite,
    out: &mut Vec<u8>,
) -> bool {
    let bytes = message.bytes();
    rewrite.clear();
    let Some((own, is_whole)) = own_part(message) else { return false };
    let place = if is_whole { line_of(bytes, own) } else { place_of(bytes, own) };
    let Some(place) = place else { return false };
    rewrite.remove(place);
    let begin = message.header_at();
    rewrite.replace(begin..begin, |out| put_length(message, to, out));
    rewrite.write(bytes, 0, end(message), out);
    out.len() <= SENT_BYTES_MAX
}

/// Whether the end of `message`, a datagram, is where it says (RFC 3261 §18.3), and its first header line is one: what we
/// put before it must not be joined to it.
pub(super) fn is_whole(message: &Message<'_>) -> bool {
    let left = message.bytes().len().saturating_sub(message.body_at());
    let fits = match message.content_length() {
        ContentLength::Missing => true,
        ContentLength::Bytes(length) => length <= left,
        ContentLength::Bad | ContentLength::Disagreeing => false,
    };
    let flags = message.flags();
    let is_broken = [Flag::Truncated, Flag::FoldAfterStartLine, Flag::Oversized]
        .into_iter()
        .any(|flag| flags.contains(flag));
    fits && !is_broken
}

/// Whether a request of `method` begins a dialog when it is no part of one (RFC 3261 §12.1, RFC 6665 §4.1, RFC 3515 §2.4).
pub(super) fn begins_dialog(method: Method) -> bool {
    matches!(method, Method::Invite | Method::Subscribe | Method::Refer)
}

fn put_record_route(out: &mut Vec<u8>, port: &Port, dialog: u64) {
    out.extend_from_slice(b"Record-Route: <sip:");
    put_hash(out, dialog);
    out.push(b'@');
    port.put_name(out);
    port.put_transport(out);
    out.extend_from_slice(b";lr>\r\n");
}

/// Over a connection every message says how long it is (RFC 3261 §18.3); in a datagram it need not.
fn put_length(message: &Message<'_>, to: Place, out: &mut Vec<u8>) {
    if to.is_stream() && matches!(message.content_length(), ContentLength::Missing) {
        // Writing to memory cannot fail.
        let _ = write!(out, "Content-Length: {}\r\n", message.body().len());
    }
}

/// Where the last byte of `message` is that counts.
fn end(message: &Message<'_>) -> usize {
    message.body_at() + message.body().len()
}

/// Hops that a request may go which does not say how many (RFC 3261 §16.6, item 3).
const HOPS: u8 = 70;
