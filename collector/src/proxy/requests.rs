//! What becomes of a request: who sent it, whether it may go on, and where (RFC 3261 §16.3 to §16.6).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use engine::Packet;
use engine::sip::{Header, Uri};
use rules::{Method, Policy, Verdict};

use super::forward::{Onwards, begins_dialog, is_whole};
use super::leaving::{Entry, Leaving};
use super::port::Place;
use super::relay::{Outcome, Relay};
use super::secret::read_hash;
use super::settings::Onward;
use super::via::{Branch, Past, past, sender};
use super::way::Way;
use crate::answer::{self, Request, UNFRAMED};
use crate::faults::{self, Point};
use crate::judge::{Count, found};
use crate::redirect::{Peer, Strangers, Unjudged, Waiting};
use crate::refusal::{self, Refusing};

/// A request, and what is known of who sent it.
#[derive(Clone, Copy)]
struct Came<'r, 'm, 'a> {
    packet: &'r Packet<'a>,
    entry: Entry,
    request: &'r Request<'m, 'a>,
    way: &'r Way<'a>,
    /// Which peer sent it; `None` for who sends from a next hop, or proves to be part of a dialog.
    place: Option<usize>,
    peer: &'r Peer<Onward>,
}

/// What a request goes on with.
#[derive(Default)]
struct Leave {
    /// The attempt that it is part of, with its number.
    call: Option<(u32, u64)>,
    /// Where a policy diverts it to.
    target: Option<Box<[u8]>>,
    /// How a policy marks it.
    tag: Option<String>,
    /// Whether it opens something, which a policy has judged.
    is_judged: bool,
}

/// What was decided about a request.
enum Judged {
    GoesOn(Leave),
    Refused(Outcome),
}

impl Relay {
    /// Takes a request. What goes out for it stands in `out`.
    pub(super) fn request(
        &mut self,
        packet: &Packet<'_>,
        entry: Entry,
        request: &Request<'_, '_>,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let message = request.message;
        let settings = Arc::clone(&self.settings);
        let way = Way::read(message, &self.ports, &settings.secret);
        let is_of_dialog = way.as_ref().is_ok_and(|way| way.is_of_dialog);
        let found = settings.common.peers.find(packet.source.ip());
        if found.is_none() && !is_of_dialog && !self.hops.has(packet.source.ip()) {
            return self.answer_stranger(packet, request, out);
        }
        let is_ack = message.method() == Method::Ack;
        // RFC 3261 §17.2.1: the ACK to an answer of our own ends here; it says so by our tag.
        if is_ack && message.to_tag().and_then(read_hash) == Some(settings.secret.tag(message)) {
            self.counters.add(Count::Acknowledged);
            return Outcome::IsDone;
        }
        let is_cut = !packet.flags.intersection(UNFRAMED).is_empty() || !is_whole(message);
        let bad_hops = message.has(Header::MaxForwards) && message.max_forwards().is_none();
        let is_lawful = request.can_be_answered()
            && request.has_own_cseq()
            && !is_cut
            && !bad_hops
            && !message.has_bare_cr();
        let Some(mut way) = way.ok().filter(|_| is_lawful) else {
            return self.say(request, 400, Count::MalformedRefused, out);
        };
        let is_for_us =
            message.method() == Method::Options && self.is_addressed(&way.next) && way.next.user.is_none();
        if is_for_us || (message.max_forwards() == Some(0) && message.method() == Method::Options) {
            self.counters.add(Count::Options);
            request.begin(out, 200, answer::phrase(200));
            out.extend_from_slice(b"Accept: application/sdp\r\n");
            answer::end(out);
            return Outcome::IsAnswered;
        }
        if message.max_forwards() == Some(0) {
            return self.say(request, 483, Count::TooManyHops, out);
        }
        let target = settings.secret.target(message, message.value(Header::Route).unwrap_or_default());
        match past(message, &self.ports, target) {
            Past::Lawful => {}
            Past::TooManyHops => return self.say(request, 483, Count::TooManyHops, out),
            Past::Looped => return self.say(request, 482, Count::Looped, out),
        }
        if let Some(options) =
            message.value(Header::ProxyRequire).filter(|_| !is_ack && message.method() != Method::Cancel)
        {
            self.counters.add(Count::Unsupported);
            request.begin(out, 420, answer::phrase(420));
            out.extend_from_slice(b"Unsupported: ");
            answer::put(out, options);
            out.extend_from_slice(b"\r\n");
            answer::end(out);
            return Outcome::IsAnswered;
        }
        let place = found.map(|(place, _)| place);
        let inside = self.inside.clone();
        let peer = found.map_or(&inside, |(_, peer)| peer);
        // The next hop says where a call from outside goes on, whatever else it brought along.
        if peer.allow.is_some() && !is_of_dialog {
            way.forget_routes();
        }
        let came = Came { packet, entry, request, way: &way, place, peer };
        match self.judge(came, out) {
            Judged::GoesOn(leave) => self.send_on(came, leave, target, out),
            Judged::Refused(outcome) => outcome,
        }
    }

    fn is_addressed(&self, uri: &Uri<'_>) -> bool {
        self.ports.named(uri.host, uri.port).is_some()
    }

    fn answer_stranger(&self, packet: &Packet<'_>, request: &Request<'_, '_>, out: &mut Vec<u8>) -> Outcome {
        let asks = request.message.method() != Method::Ack;
        if self.settings.common.strangers == Strangers::Refuse && asks && request.can_be_answered() {
            request.begin(out, 403, answer::phrase(403));
            answer::end(out);
            if out.len() <= packet.payload.len() {
                self.counters.add(Count::StrangerRefused);
                return Outcome::IsAnswered;
            }
        }
        self.counters.add(Count::StrangerDropped);
        Outcome::IsDone
    }

    fn judge(&mut self, came: Came<'_, '_, '_>, out: &mut Vec<u8>) -> Judged {
        let message = came.request.message;
        let method = message.method();
        let opens = message.to_tag().is_none() && !matches!(method, Method::Ack | Method::Cancel);
        if opens
            && let Some(fate) = self.without_judging(came)
            && self.engine.repeated(came.packet).is_none()
        {
            return self.undecided(came, fate, out);
        }
        self.engine.judge_by(came.place.and_then(|place| self.judges.get(place).copied().flatten()));
        // Judging is where most can break, and here there is still something to be done about it.
        let handled = catch_unwind(AssertUnwindSafe(|| {
            if opens {
                faults::slow_down();
                faults::strike(Point::Judge);
            }
            let handled = self.engine.handle_read(came.packet, message);
            (handled.call, handled.attempt, handled.decision.is_some())
        }));
        let Ok((call, attempt, is_new)) = handled else {
            let fate = match opens {
                true => self.settings.common.fault(message, self.engine.policy_set()),
                false => Unjudged::Passes(Count::FaultPassed),
            };
            return self.undecided(came, fate, out);
        };
        if opens {
            self.shedding.note_judged();
        }
        self.witness.see(&self.engine, came.packet, attempt.or(call));
        let call = call.and_then(|place| Some((place, self.engine.attempt(place)?.sequence)));
        let mut leave = Leave { call, ..Leave::default() };
        if method == Method::Cancel {
            return self.cancel(came, leave, out);
        }
        let Some(attempt) = attempt else { return self.go_on(came, leave) };
        let policies = self.engine.attempt(attempt).and_then(|attempt| attempt.policies()).map(Arc::clone);
        let (policy, verdict) =
            found(&self.engine, attempt).map_or((None, None), |(_, policy, verdict)| (policy, verdict));
        let policy = policies.as_deref().zip(policy).and_then(|(all, place)| all.policy(place as usize));
        let verdict = verdict.filter(|verdict| verdict.goes_on() || may_be_refused(&came));
        if is_new {
            self.counters.add_verdict(verdict);
        } else {
            self.counters.add(Count::Repeated);
        }
        let is_refused = verdict.is_some_and(|verdict| !verdict.goes_on());
        leave.target = diversion(policy, verdict.filter(|_| is_refused));
        if is_refused && leave.target.is_none() {
            return Judged::Refused(self.refuse(came, (attempt, is_new), policy, verdict, out));
        }
        if is_new {
            self.reflect(came.packet, attempt, None);
        }
        leave.tag = policy.zip(verdict).and_then(|(policy, verdict)| policy.tag(&verdict)).map(str::to_owned);
        leave.is_judged = true;
        Judged::GoesOn(leave)
    }

    /// A request inside a call, or the ACK to a refusal of others.
    fn go_on(&mut self, came: Came<'_, '_, '_>, leave: Leave) -> Judged {
        if let Some((place, sequence)) = leave.call
            && let Some(course) = self.courses.get(place, sequence)
            && course.go_on(came.request.message)
        {
            self.hang_up(place, came.packet.at);
        }
        Judged::GoesOn(leave)
    }

    /// RFC 3261 §16.10: a CANCEL goes where its INVITE went; to one that we have answered ourselves it has no effect.
    fn cancel(&mut self, came: Came<'_, '_, '_>, leave: Leave, out: &mut Vec<u8>) -> Judged {
        self.counters.add(Count::Cancelled);
        let refused = leave.call.filter(|(place, sequence)| {
            let verdict = found(&self.engine, *place).and_then(|(.., verdict)| verdict);
            verdict.is_some_and(|verdict| !verdict.goes_on()) && self.courses.get(*place, *sequence).is_none()
        });
        if refused.is_none() {
            return Judged::GoesOn(leave);
        }
        came.request.begin(out, 200, answer::phrase(200));
        answer::end(out);
        self.witness.say(came.packet, came.request.reply_to(), out);
        Judged::Refused(Outcome::IsAnswered)
    }

    fn refuse(
        &mut self,
        came: Came<'_, '_, '_>,
        (attempt, is_new): (u32, bool),
        policy: Option<&Policy>,
        verdict: Option<Verdict>,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let said = policy.zip(verdict).and_then(|(policy, verdict)| {
            let (request, at) = (came.request, came.packet.at);
            let (instead, tokens) = (came.peer.block, &self.settings.common.tokens);
            refusal::write(&Refusing { request, policy, verdict: &verdict, instead, tokens, at }, out)
        });
        if is_new {
            self.engine.conclude(attempt, said.unwrap_or_default(), came.packet.at);
            self.reflect(came.packet, attempt, said);
        }
        if said.is_some() {
            self.witness.say(came.packet, came.request.reply_to(), out);
        }
        if said.is_some() { Outcome::IsAnswered } else { Outcome::IsDone }
    }

    /// Tells of what was decided about the attempt at `place`, and what was said; nothing where it goes on.
    fn reflect(&self, packet: &Packet<'_>, place: u32, status: Option<u16>) {
        if let Some(mirror) = &self.mirror {
            mirror.reflect_decision(&self.engine, (packet, place), status);
        }
    }

    /// What becomes of a request that opens something, when it is not judged: for want of a policy, or of time.
    fn without_judging(&mut self, came: Came<'_, '_, '_>) -> Option<Unjudged> {
        let (common, policies) = (&self.settings.common, self.engine.policy_set());
        let waiting = Waiting { peer: came.peer, request: came.request, micros: self.waited_micros };
        let without = common.without_policy(came.request.message, policies);
        without.or_else(|| self.shedding.shed(common, waiting, policies))
    }

    fn undecided(&self, came: Came<'_, '_, '_>, fate: Unjudged, out: &mut Vec<u8>) -> Judged {
        let retry_after_seconds = self.settings.common.overload.retry_after_seconds;
        match fate {
            Unjudged::Passes(count) => {
                self.counters.add(count);
                Judged::GoesOn(Leave::default())
            }
            Unjudged::IsRefused(status, count) => {
                self.counters.add(count);
                came.request.refuse_for_now(out, status, retry_after_seconds);
                Judged::Refused(Outcome::IsAnswered)
            }
            Unjudged::IsSilent(count) => {
                self.counters.add(count);
                Judged::Refused(Outcome::IsDone)
            }
        }
    }

    /// Passes a request on.
    fn send_on(
        &mut self,
        came: Came<'_, '_, '_>,
        mut leave: Leave,
        target: u64,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let message = came.request.message;
        let to = match self.destination(came, &mut leave) {
            Ok(to) => to,
            Err(status) => return self.give_up(came, &leave, status, out),
        };
        let usual = came.way.leaves_by.unwrap_or(came.entry.port);
        let Some(port) = self.ports.towards(to, usual) else { return self.give_up(came, &leave, 404, out) };
        let via = message.top_via();
        let sender = via.map_or(came.packet.source, |via| sender(&via, came.packet.source));
        let secret = &self.settings.secret;
        let transaction = secret.transaction(message, message.branch().unwrap_or_default(), sender);
        let is_first = message.to_tag().is_none() && begins_dialog(message.method());
        let leaving = Leaving { port, to, line: None };
        let onwards = Onwards {
            request: came.request,
            way: came.way,
            target: leave.target.as_deref(),
            branch: Branch { port: came.entry.port, line: came.entry.line, transaction, target },
            leaving,
            dialog: is_first
                .then(|| secret.dialog(message.call_id(), message.from_tag().unwrap_or_default())),
            marks: leave.is_judged.then_some((&self.settings.marks, leave.tag.as_deref())),
        };
        let fits = onwards.write(&self.ports, &mut self.rewrite, out);
        if !fits {
            return self.give_up(came, &leave, 513, out);
        }
        if let Some(call) = leave.call.filter(|_| leave.is_judged) {
            let from = Place { transport: came.packet.transport, address: sender };
            self.courses.begin(call, to, (from, came.entry.port), message);
            if let Some(course) = self.courses.get(call.0, call.1) {
                course.target = leave.target;
            }
        }
        self.counters.add(Count::RequestPassed);
        Outcome::GoesOn(leaving)
    }

    /// Where a request goes; else the status that says why it goes nowhere.
    fn destination(&mut self, came: Came<'_, '_, '_>, leave: &mut Leave) -> Result<Place, u16> {
        let by_itself = || Place::of(&came.way.next).ok_or(404);
        if let Some(target) = &leave.target {
            return Place::of(&Uri::read(target)).ok_or(404);
        }
        if came.way.is_of_dialog {
            return by_itself();
        }
        let message = came.request.message;
        let is_first = message.to_tag().is_none();
        let course = leave.call.and_then(|(place, sequence)| self.courses.get(place, sequence));
        // Who is called may forget our Route: what it sends must not come back to it.
        let source = came.packet.source;
        let course =
            course.filter(|course| (is_first || came.peer.allow.is_some()) && course.to.address != source);
        if let Some(course) = course {
            let is_lost = !course.is_heard && self.hops.is_down(course.to);
            if !is_lost || message.method() != Method::Invite {
                leave.target.clone_from(&course.target);
                return Ok(course.to);
            }
        }
        match came.peer.allow {
            Some(hop) => {
                let key = self.settings.secret.dialog(message.call_id(), b"");
                self.hops.choose(hop, key).ok_or(503)
            }
            None if self.is_addressed(&came.way.next) => Err(404),
            None => by_itself(),
        }
    }

    /// Answers a request that goes nowhere.
    fn give_up(&mut self, came: Came<'_, '_, '_>, leave: &Leave, status: u16, out: &mut Vec<u8>) -> Outcome {
        let count = match status {
            503 => Count::NoHop,
            513 => Count::TooLong,
            _ => Count::NoWay,
        };
        if let Some((place, _)) = leave.call.filter(|_| leave.is_judged) {
            self.engine.conclude(place, status, came.packet.at);
        }
        self.say(came.request, status, count, out)
    }

    fn say(&self, request: &Request<'_, '_>, status: u16, count: Count, out: &mut Vec<u8>) -> Outcome {
        self.counters.add(count);
        // RFC 3261 §17.1.1.3: nobody answers an ACK.
        if request.message.method() == Method::Ack || !request.can_be_answered() {
            return Outcome::IsDone;
        }
        request.begin(out, status, answer::phrase(status));
        answer::end(out);
        Outcome::IsAnswered
    }
}

/// Whether a policy may refuse it: what ends a call, or belongs to one that was let through, goes on whatever it says.
fn may_be_refused(came: &Came<'_, '_, '_>) -> bool {
    let method = came.request.message.method();
    let ends = matches!(method, Method::Ack | Method::Bye | Method::Cancel | Method::Prack);
    // A transfer opens a call to somebody else.
    !ends && (!came.way.is_of_dialog || method == Method::Refer)
}

/// The Request-URI that `verdict` diverts to, when it says by address where that is: else the caller is told.
fn diversion(policy: Option<&Policy>, verdict: Option<Verdict>) -> Option<Box<[u8]>> {
    let target = policy?.diversion(&verdict?)?.as_bytes();
    let is_plain = !target.iter().any(|byte| *byte <= b' ' || b"<>\"".contains(byte));
    (is_plain && Place::of(&Uri::read(target)).is_some()).then(|| target.into())
}
