//! One request in, one response out: what a redirect server does, without its sockets.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ahash::RandomState;
use engine::number::written;
use engine::sip::{Header, Message, Scheme, Uri};
use engine::{Attempt, Budget, Engine, Packet, Succession};
use rules::policy::PolicySet;
use rules::{Method, Timestamp, Verdict};

use super::next_hop::NextHop;
use super::peer::{Allow, Peer};
use super::settings::{Settings, Strangers};
use super::shedding::{Shedding, Unjudged, Waiting};
use crate::answer::{self, Request, UNFRAMED};
use crate::faults::{self, Point};
use crate::judge::{Count, Counters, Found, News, Witness, found, tell_of_all_but_attempts};
use crate::mirror::Mirror;
use crate::refusal::{self, Refusing};

/// Judges requests and words the answers. One thread owns it.
pub struct Decider {
    engine: Engine,
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    /// Of each peer the policy that judges its calls.
    judges: Vec<Option<u32>>,
    tags: RandomState,
    /// How long the oldest request of the batch in hand had waited, in microseconds.
    waited_micros: i64,
    shedding: Shedding,
    /// Attempts that were decided and not yet told.
    fresh: Vec<u32>,
    /// Who is told of each decision at once.
    mirror: Option<Mirror>,
    witness: Witness,
}

/// What became of one attempt.
pub struct Decided<'a> {
    /// The attempt.
    pub attempt: &'a Attempt,
    /// All policies in force when it was decided.
    pub policies: &'a PolicySet,
    /// The place of the policy that decided; `None` when the attempt is nobody's.
    pub policy: Option<u32>,
    /// The strictest verdict of all that touch it.
    pub verdict: Option<Verdict>,
}

impl Decider {
    pub(super) fn new(
        engine: Engine,
        settings: Arc<Settings>,
        counters: Arc<Counters>,
        mirror: Option<Mirror>,
    ) -> Self {
        let mut engine = engine;
        engine.answer_at_once();
        let judges = settings.peers.judges(&engine.policies());
        let witness = Witness::new(Arc::clone(&counters));
        let shedding = Shedding::new(&engine.policies());
        Self {
            shedding,
            engine,
            settings,
            counters,
            judges,
            tags: RandomState::new(),
            waited_micros: 0,
            fresh: Vec::new(),
            mirror,
            witness,
        }
    }

    /// Goes on with `policies`.
    pub(super) fn replace(&mut self, policies: Arc<PolicySet>) {
        self.judges = self.settings.peers.judges(&policies);
        self.shedding.replace(&policies);
        self.counters.add(Count::Reloaded);
        if self.engine.take_up(policies, Budget::default()) == Succession::Nothing {
            self.counters.add(Count::CountersLost);
        }
    }

    /// The engine, for what is asked about it as a whole.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// What it knows, when it is done.
    pub(super) fn into_engine(self) -> Engine {
        self.engine
    }

    /// Notes how long the requests had waited that are handled from now on.
    pub(super) fn note_wait(&mut self, micros: i64) {
        self.waited_micros = micros;
    }

    /// Ends what is overdue.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.engine.expire(now);
    }

    /// Tells what happened since it was asked before.
    pub(super) fn tell(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        for place in self.fresh.drain(..) {
            if let Some(attempt) = self.engine.attempt(place)
                && let Some(policies) = attempt.policies()
            {
                tell(News::Attempt(attempt, policies));
            }
        }
        // They were told when they were decided.
        while self.engine.poll_ended().is_some() {}
        tell_of_all_but_attempts(&mut self.engine, tell);
        self.witness.tell(tell);
        tell(News::Over);
    }

    /// Takes one packet. Returns where the response in `out` goes over UDP; `None` when there is none.
    pub(super) fn handle(&mut self, packet: &Packet<'_>, out: &mut Vec<u8>) -> Option<SocketAddr> {
        // What is broken inside costs one message its answer, not all others the service.
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let message = Message::read(packet.payload);
            let request = Request::new(&message, packet.source, self.tag(&message));
            self.answer(packet, &request, out).then(|| request.reply_to())
        }));
        answered.unwrap_or_else(|_| {
            self.counters.add(Count::FaultUnanswered);
            None
        })
    }

    /// Returns whether `out` holds a response.
    fn answer(&mut self, packet: &Packet<'_>, request: &Request<'_, '_>, out: &mut Vec<u8>) -> bool {
        self.counters.add(Count::of_transport(packet.transport));
        if answer::is_keep_alive(packet.payload) {
            self.counters.add(Count::KeepAlive);
            return false;
        }
        let message = request.message;
        let settings = Arc::clone(&self.settings);
        let Some((place, peer)) = settings.peers.find(packet.source.ip()) else {
            return self.answer_stranger(packet, request, out);
        };
        match sort(packet, request) {
            Sorted::Request => {}
            Sorted::Malformed => {
                self.say(request, 400, Count::MalformedRefused, out);
                return true;
            }
            Sorted::Nothing(count) => {
                self.counters.add(count);
                return false;
            }
        }
        match message.method() {
            method if opens(method) => return self.answer_attempt(packet, request, (place, peer), out),
            Method::Options => return self.answer_options(packet, request, (place, peer), out),
            // RFC 3261 §9.2: the INVITE has its final answer, so a CANCEL has no effect but its own.
            Method::Cancel => {
                let known = self.engine.knows_cancelled(packet);
                self.say(request, if known { 200 } else { 481 }, Count::Cancelled, out);
            }
            // RFC 3261 §12.2.2: no dialog was ever begun here.
            Method::Ack | Method::Bye | Method::Prack | Method::Update | Method::Info | Method::Notify => {
                self.say(request, 481, Count::InDialog, out);
            }
            _ => {
                self.counters.add(Count::UnknownMethod);
                request.begin(out, 405, answer::phrase(405));
                out.extend_from_slice(ALLOW);
                answer::end(out);
            }
        }
        true
    }

    /// The status that a call is refused with which is asked about over HTTP, when there is no policy and calls are refused
    /// until there is one. `None` when it is to be judged.
    pub fn refuses(&self, packet: &Packet<'_>) -> Option<u16> {
        if !self.settings.refuses_all.load(Ordering::Relaxed) {
            return None;
        }
        let message = Message::read(packet.payload);
        let opens = message.is_request() && message.to_tag().is_none() && opens(message.method());
        let fate = self.settings.without_policy(&message, self.engine.policy_set()).filter(|_| opens);
        let Some(Unjudged::IsRefused(status, count)) = fate else { return None };
        self.counters.add(Count::Http);
        self.counters.add(count);
        Some(status)
    }

    /// Judges a packet that nobody is to be answered for over SIP, by the policy at `judge` or whom it touches.
    pub fn decide(&mut self, packet: &Packet<'_>, judge: Option<u32>) -> Option<Decided<'_>> {
        self.counters.add(Count::Http);
        self.engine.judge_by(judge);
        let handled = self.engine.handle(packet);
        let place = handled.attempt?;
        let is_new = handled.decision.is_some();
        self.witness.see(&self.engine, packet, Some(place));
        let verdict = found(&self.engine, place)?.2;
        if is_new {
            self.counters.add_verdict(verdict);
            let refused = verdict.filter(|verdict| !verdict.goes_on()).and_then(|verdict| verdict.response);
            let status = refused.map_or(302, |response| response.code().unwrap_or_default());
            self.reflect(packet, place, refused.and_then(|response| response.code()));
            self.conclude(place, status, packet.at);
        }
        let (policies, policy, verdict) = found(&self.engine, place)?;
        Some(Decided { attempt: self.engine.attempt(place)?, policies, policy, verdict })
    }

    fn answer_stranger(&self, packet: &Packet<'_>, request: &Request<'_, '_>, out: &mut Vec<u8>) -> bool {
        let asks = request.message.is_request() && request.message.method() != Method::Ack;
        if self.settings.strangers == Strangers::Refuse && asks && request.can_be_answered() {
            request.begin(out, 403, answer::phrase(403));
            answer::end(out);
            if out.len() <= packet.payload.len() {
                self.counters.add(Count::StrangerRefused);
                return true;
            }
        }
        self.counters.add(Count::StrangerDropped);
        false
    }

    fn answer_attempt(
        &mut self,
        packet: &Packet<'_>,
        request: &Request<'_, '_>,
        (place, peer): (usize, &Peer),
        out: &mut Vec<u8>,
    ) -> bool {
        if let Some(known) = self.known_before(packet, request.message) {
            self.counters.add(Count::Repeated);
            self.witness.see(&self.engine, packet, Some(known));
            let said = self.word(packet, request, peer, found(&self.engine, known), out);
            if said.is_some() {
                self.witness.say(packet, request.reply_to(), out);
            }
            return said.is_some();
        }
        let without = self.settings.without_policy(request.message, self.engine.policy_set());
        if let Some(fate) = without.or_else(|| self.shed(request, peer)) {
            return self.meet(request, peer, fate, out);
        }
        self.engine.judge_by(self.judges.get(place).copied().flatten());
        // Judging is where most can break, and here there is still something to say.
        let handled = catch_unwind(AssertUnwindSafe(|| {
            faults::slow_down();
            faults::strike(Point::Judge);
            let handled = self.engine.handle_read(packet, request.message);
            (handled.attempt, handled.decision.is_some())
        }));
        let Ok((Some(attempt), is_new)) = handled else {
            let fate = self.settings.fault(request.message, self.engine.policy_set());
            return self.meet(request, peer, fate, out);
        };
        self.shedding.note_judged();
        self.witness.see(&self.engine, packet, Some(attempt));
        let found = found(&self.engine, attempt);
        let verdict = found.and_then(|(.., verdict)| verdict);
        let said = self.word(packet, request, peer, found, out);
        if is_new {
            self.counters.add_verdict(verdict);
            self.reflect(packet, attempt, said);
            // A peer that is told 404 or 503 takes its next route: to counters the call goes on all the same.
            let goes_on = verdict.is_none_or(|verdict| verdict.goes_on());
            self.conclude(attempt, if goes_on { 302 } else { said.unwrap_or_default() }, packet.at);
        } else {
            self.counters.add(Count::Repeated);
        }
        if said.is_some() {
            self.witness.say(packet, request.reply_to(), out);
        }
        said.is_some()
    }

    /// OPTIONS without a user part ask whether we judge, and are always answered. Those that ask about a user are judged: who
    /// tries server after server sends them first. One that a policy refuses is met as it says, any other one leaves no record.
    fn answer_options(
        &mut self,
        packet: &Packet<'_>,
        request: &Request<'_, '_>,
        (place, peer): (usize, &Peer),
        out: &mut Vec<u8>,
    ) -> bool {
        if request.message.request_uri().user.is_none() {
            return self.say_options(request, Count::Options, out);
        }
        match self.shed(request, peer) {
            None => {}
            // Those of trusted peers lose nothing by it.
            Some(Unjudged::Passes(_)) => return self.say_options(request, Count::Options, out),
            Some(fate) => return self.meet(request, peer, fate, out),
        }
        self.engine.judge_by(self.judges.get(place).copied().flatten());
        let handled = catch_unwind(AssertUnwindSafe(|| {
            faults::strike(Point::Judge);
            let handled = self.engine.handle_read(packet, request.message);
            (handled.attempt, handled.decision.is_some())
        }));
        let Ok((attempt, is_new)) = handled else {
            return self.say_options(request, Count::FaultPassed, out);
        };
        let judged = attempt.map(|attempt| (attempt, is_new));
        let refused = judged.filter(|(attempt, _)| {
            let verdict = found(&self.engine, *attempt).and_then(|(.., verdict)| verdict);
            verdict.is_some_and(|verdict| !verdict.goes_on())
        });
        if let Some((attempt, is_new)) = refused {
            self.witness.see(&self.engine, packet, Some(attempt));
            let found = found(&self.engine, attempt);
            let verdict = found.and_then(|(.., verdict)| verdict);
            let said = self.word(packet, request, peer, found, out);
            if is_new {
                self.counters.add_verdict(verdict);
                self.reflect(packet, attempt, said);
                self.conclude(attempt, said.unwrap_or_default(), packet.at);
            } else {
                self.counters.add(Count::Repeated);
            }
            return said.is_some();
        }
        if let Some((attempt, true)) = judged {
            self.engine.conclude(attempt, 200, packet.at);
        }
        self.say_options(request, Count::Options, out)
    }

    fn say_options(&self, request: &Request<'_, '_>, count: Count, out: &mut Vec<u8>) -> bool {
        self.counters.add(count);
        request.begin(out, 200, answer::phrase(200));
        out.extend_from_slice(ALLOW);
        out.extend_from_slice(b"Accept: application/sdp\r\n");
        answer::end(out);
        true
    }

    /// What becomes of a request when there is no time to judge it.
    fn shed(&mut self, request: &Request<'_, '_>, peer: &Peer) -> Option<Unjudged> {
        let waiting = Waiting { peer, request, micros: self.waited_micros };
        self.shedding.shed(&self.settings, waiting, self.engine.policy_set())
    }

    /// The attempt that this very request opened before, where judging it anew would not find it: there is no time to
    /// judge, or it is of a dialog that we know nothing else of.
    fn known_before(&self, packet: &Packet<'_>, message: &Message<'_>) -> Option<u32> {
        let hurried = self.settings.is_hurried(self.waited_micros);
        let in_dialog = message.to_tag().is_some();
        (hurried || in_dialog).then(|| self.engine.repeated(packet)).flatten()
    }

    /// Words what becomes of a request that is not judged. Returns whether `out` holds a response.
    fn meet(&self, request: &Request<'_, '_>, peer: &Peer, fate: Unjudged, out: &mut Vec<u8>) -> bool {
        meet(&self.settings, &self.counters, (request, peer), fate, out)
    }

    fn conclude(&mut self, attempt: u32, status: u16, at: Timestamp) {
        self.engine.conclude(attempt, status, at);
        self.fresh.push(attempt);
    }

    /// Tells of what was decided about the attempt at `place`, and what was said.
    fn reflect(&self, packet: &Packet<'_>, place: u32, status: Option<u16>) {
        if let Some(mirror) = &self.mirror {
            mirror.reflect_decision(&self.engine, (packet, place), status);
        }
    }

    /// Words the answer; returns its status, `None` for silence.
    fn word(
        &self,
        packet: &Packet<'_>,
        request: &Request<'_, '_>,
        peer: &Peer,
        found: Option<Found<'_>>,
        out: &mut Vec<u8>,
    ) -> Option<u16> {
        if let Some((policies, Some(policy), Some(verdict))) = found
            && !verdict.goes_on()
            && let Some(policy) = policies.policy(policy as usize)
        {
            let (instead, tokens) = (peer.block, &self.settings.tokens);
            let refusing = Refusing { request, policy, verdict: &verdict, instead, tokens, at: packet.at };
            return refusal::write(&refusing, out);
        }
        say_allowed(request, peer, out);
        Some(peer.allow.code())
    }

    fn say(&self, request: &Request<'_, '_>, status: u16, count: Count, out: &mut Vec<u8>) {
        self.counters.add(count);
        request.begin(out, status, answer::phrase(status));
        answer::end(out);
    }

    /// The same for every message of a transaction (RFC 3261 §8.2.7, §9.2), and known to nobody before.
    fn tag(&self, message: &Message<'_>) -> u64 {
        self.tags.hash_one((message.call_id(), message.from_tag(), message.branch()))
    }
}

/// What a message of a peer is, before it is looked at what it wants.
pub(super) enum Sorted {
    /// A request that can be answered.
    Request,
    /// One that lacks what every request has.
    Malformed,
    /// What nothing is said to.
    Nothing(Count),
}

pub(super) fn sort(packet: &Packet<'_>, request: &Request<'_, '_>) -> Sorted {
    let message = request.message;
    if answer::is_keep_alive(packet.payload) {
        return Sorted::Nothing(Count::KeepAlive);
    }
    if message.is_response() {
        return Sorted::Nothing(Count::Response);
    }
    if !message.is_request() || !message.has(Header::Via) {
        return Sorted::Nothing(Count::MalformedDropped);
    }
    if message.method() == Method::Ack {
        return Sorted::Nothing(Count::Acknowledged);
    }
    let is_cut = !packet.flags.intersection(UNFRAMED).is_empty();
    if is_cut || !request.can_be_answered() || !request.has_own_cseq() {
        return Sorted::Malformed;
    }
    Sorted::Request
}

/// Whether a request of `method` opens something, which a policy judges.
pub(super) fn opens(method: Method) -> bool {
    use Method::{Invite, Message, Publish, Refer, Register, Subscribe};
    matches!(method, Invite | Register | Message | Subscribe | Publish | Refer)
}

/// Words what becomes of a request of `peer` that is not judged, and counts it. Returns whether `out` holds a response.
pub(super) fn meet(
    settings: &Settings,
    counters: &Counters,
    (request, peer): (&Request<'_, '_>, &Peer),
    fate: Unjudged,
    out: &mut Vec<u8>,
) -> bool {
    match fate {
        Unjudged::Passes(count) => {
            counters.add(count);
            say_allowed(request, peer, out);
        }
        Unjudged::IsRefused(status, count) => {
            counters.add(count);
            request.refuse_for_now(out, status, settings.overload.retry_after_seconds);
        }
        Unjudged::IsSilent(count) => {
            counters.add(count);
            return false;
        }
    }
    true
}

fn say_allowed(request: &Request<'_, '_>, peer: &Peer, out: &mut Vec<u8>) {
    let status = peer.allow.code();
    request.begin(out, status, answer::phrase(status));
    if let Allow::Redirect(next_hop) = &peer.allow {
        put_contact(next_hop, &request.message.request_uri(), out);
    }
    answer::end(out);
}

/// Where a call to `uri` goes on. Whom it calls goes before the next hop wherever it stood: without that nobody could
/// route it on.
fn put_contact(next_hop: &NextHop, uri: &Uri<'_>, out: &mut Vec<u8>) {
    let user = written(uri);
    // RFC 5031 §3: `urn:service:sos` is `sos` where a URI with a host must stand.
    let user = if uri.scheme == Scheme::Urn { user.strip_prefix(b"service:").unwrap_or(user) } else { user };
    out.extend_from_slice(b"Contact: <");
    next_hop.write(out, user);
    if uri.scheme == Scheme::Tel {
        // RFC 3261 §19.1.6.
        out.extend_from_slice(b";user=phone");
    }
    out.extend_from_slice(b">\r\n");
}

const ALLOW: &[u8] = b"Allow: INVITE, ACK, CANCEL, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, PUBLISH, REFER\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(target: &str) -> String {
        let request = format!("INVITE {target} SIP/2.0\r\n\r\n");
        let mut out = Vec::new();
        let next_hop = "sip:192.0.2.77:5070".parse().unwrap();
        put_contact(&next_hop, &Message::read(request.as_bytes()).request_uri(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn whom_a_call_is_for_is_in_the_contact_wherever_it_stood() {
        for (target, user) in [
            ("sip:+12105550101@192.0.2.1", "+12105550101@"),
            ("sip:+12105550101;npdi@192.0.2.1;user=phone", "+12105550101;npdi@"),
            ("sip:+12105550101", "+12105550101@"),
            ("sip:%2b12105550101", "%2b12105550101@"),
            ("sip:2105550101:5060;transport=tcp", "2105550101@"),
            ("sip:@+12105550101", "+12105550101@"),
            ("sip:tel:+12105550101@192.0.2.1", "+12105550101@"),
            ("h323:+12105550101", "+12105550101@"),
            ("+12105550101", "+12105550101@"),
            ("sip:alice:secret@192.0.2.1", "alice@"),
            ("urn:service:sos.fire", "sos.fire@"),
            ("sip:ringwall.example.com", ""),
            ("sip:192.0.2.1:5060", ""),
            ("sip:[2001:db8::1]", ""),
        ] {
            assert_eq!(contact(target), format!("Contact: <sip:{user}192.0.2.77:5070>\r\n"), "{target}");
        }
        assert_eq!(contact("tel:+12105550101"), "Contact: <sip:+12105550101@192.0.2.77:5070;user=phone>\r\n");
    }
}
