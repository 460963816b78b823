//! What a proxy keeps of a call beside its verdict: where it went, and what it takes to hang it up.

use engine::sip::{Header, Message, NameAddr};
use rules::Method;

use super::port::Place;
use crate::limits::{CONTACT_BYTES_MAX, DIALOG_BYTES_MAX};

/// The courses of all calls that the engine knows, by their place there.
#[derive(Default)]
pub(super) struct Courses(Vec<Option<Course>>);

/// The course of one call.
pub(super) struct Course {
    /// The number of the attempt: its place may have been given to another since.
    sequence: u64,
    /// Where it went.
    pub(super) to: Place,
    /// Whether anything came back from there.
    pub(super) is_heard: bool,
    /// The Request-URI that it went on with, where a policy diverted it.
    pub(super) target: Option<Box<[u8]>>,
    /// Where it came from, and the socket it came in on.
    pub(super) from: (Place, usize),
    caller_contact: Box<[u8]>,
    caller_cseq: u32,
    /// What it takes to hang it up, once it was answered.
    pub(super) dialog: Option<Box<Dialog>>,
}

/// A call that is up.
pub(super) struct Dialog {
    /// Who called, as the To of requests to it has it.
    pub(super) caller: Side,
    /// Who was called.
    pub(super) called: Side,
    pub(super) call_id: Box<[u8]>,
    /// Whether the caller has acknowledged the answer: before, nobody but it may hang up (RFC 3261 §15).
    pub(super) is_acknowledged: bool,
    /// Whether it is to be hung up as soon as it may be.
    pub(super) is_condemned: bool,
}

/// One side of a call that is up.
pub(super) struct Side {
    /// Its address with its tag, a whole value of From or To.
    pub(super) party: Box<[u8]>,
    tag: Box<[u8]>,
    /// The URI of its Contact.
    pub(super) contact: Box<[u8]>,
    /// The Route values of a request to it, ours left out, in order, each in its brackets.
    pub(super) routes: Box<[u8]>,
    /// The highest CSeq number that it has used.
    pub(super) cseq: u32,
}

impl Courses {
    /// The course of the attempt at `place` that has this number.
    pub(super) fn get(&mut self, place: u32, sequence: u64) -> Option<&mut Course> {
        self.0.get_mut(place as usize)?.as_mut().filter(|course| course.sequence == sequence)
    }

    /// Notes that the attempt at `place` goes `to` there. What is known of it already stays.
    pub(super) fn begin(
        &mut self,
        (place, sequence): (u32, u64),
        to: Place,
        from: (Place, usize),
        message: &Message<'_>,
    ) {
        let place = place as usize;
        if place >= self.0.len() {
            self.0.resize_with(place + 1, || None);
        }
        let Some(slot) = self.0.get_mut(place) else { return };
        if let Some(known) = slot.as_mut().filter(|known| known.sequence == sequence) {
            if known.to != to {
                (known.to, known.is_heard) = (to, false);
            }
            known.caller_cseq = known.caller_cseq.max(number(message));
            return;
        }
        *slot = Some(Course {
            sequence,
            to,
            is_heard: false,
            target: None,
            from,
            caller_contact: contact(message),
            caller_cseq: number(message),
            dialog: None,
        });
    }
}

impl Course {
    /// Takes a 2xx to the INVITE. `is_own` tells which Record-Route values are ours.
    pub(super) fn answer(&mut self, message: &Message<'_>, is_own: impl Fn(&NameAddr<'_>) -> bool) {
        if self.dialog.is_some() {
            return;
        }
        let routes: Vec<NameAddr<'_>> =
            message.addresses(Header::RecordRoute).take(crate::limits::ROUTES_MAX).collect();
        // The last hop put its value first: those before ours lie towards the called, those behind towards the caller.
        let first = routes.iter().position(&is_own).unwrap_or(0);
        let last = routes.iter().rposition(&is_own).map_or(0, |last| last + 1);
        let towards_called = routes.iter().take(first).rev();
        let towards_caller = routes.iter().skip(last);
        let (Some(from), Some(to)) = (message.value(Header::From), message.value(Header::To)) else { return };
        let call_id = message.call_id();
        if from.len() + to.len() + call_id.len() > DIALOG_BYTES_MAX {
            return;
        }
        let caller = Side {
            party: flat(from),
            tag: message.from_tag().unwrap_or_default().into(),
            contact: std::mem::take(&mut self.caller_contact),
            routes: list(towards_caller),
            cseq: self.caller_cseq,
        };
        let called = Side {
            party: flat(to),
            tag: message.to_tag().unwrap_or_default().into(),
            contact: contact(message),
            routes: list(towards_called),
            cseq: 0,
        };
        let call_id = call_id.into();
        self.dialog =
            Some(Box::new(Dialog { caller, called, call_id, is_acknowledged: false, is_condemned: false }));
    }

    /// Takes a request inside the call. Returns whether it is to be hung up now.
    pub(super) fn go_on(&mut self, message: &Message<'_>) -> bool {
        if message.method() == Method::Bye {
            self.dialog = None;
            return false;
        }
        let Some(dialog) = &mut self.dialog else { return false };
        let tag = message.from_tag().unwrap_or_default();
        let side = if *tag == *dialog.caller.tag { &mut dialog.caller } else { &mut dialog.called };
        if *tag != *side.tag {
            return false;
        }
        if message.method() == Method::Ack {
            dialog.is_acknowledged = true;
            return dialog.is_condemned;
        }
        side.cseq = side.cseq.max(number(message));
        // RFC 3261 §12.2.2, RFC 3311 §5.2: these refresh where the side is reached.
        if matches!(message.method(), Method::Invite | Method::Update) {
            let contact = contact(message);
            if !contact.is_empty() {
                side.contact = contact;
            }
        }
        false
    }
}

/// The URI of the first Contact; empty when there is none, or none that could be a Request-URI.
fn contact(message: &Message<'_>) -> Box<[u8]> {
    let contact = message.address(Header::Contact).map_or(&b""[..], |contact| contact.uri.text);
    let is_plain = contact.len() <= CONTACT_BYTES_MAX
        && !contact.iter().any(|byte| *byte <= b' ' || b"<>\"".contains(byte));
    if is_plain { contact.into() } else { Box::default() }
}

fn number(message: &Message<'_>) -> u32 {
    message.cseq().map_or(0, |(number, _)| number)
}

fn flat(value: &[u8]) -> Box<[u8]> {
    let mut out = Vec::with_capacity(value.len());
    crate::answer::put(&mut out, value);
    out.into()
}

fn list<'a>(routes: impl Iterator<Item = &'a NameAddr<'a>>) -> Box<[u8]> {
    let mut out = Vec::new();
    for route in routes {
        out.extend_from_slice(if out.is_empty() { b"<" } else { b", <" });
        crate::answer::put(&mut out, route.uri.text);
        out.push(b'>');
    }
    if out.len() > DIALOG_BYTES_MAX { Box::default() } else { out.into() }
}
