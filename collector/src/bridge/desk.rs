//! One packet of the kernel: what it carries, whether it goes on, and what is said to who sent it.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ahash::RandomState;
use engine::sip::Message;
use engine::{Engine, Packet};
use rules::{Method, Timestamp, Transport};

use super::inject::{Injector, Segment};
use crate::answer::{self, Request};
use crate::assembler::Ip;
use crate::faults::{self, Point};
use crate::judge::{Count, Counters, News, Witness, found, tell_of_engine};
use crate::mirror::Mirror;
use crate::redirect::{Settings, Unjudged};
use crate::refusal::{self, Refusing};
use crate::{Assembler, Frame, LinkType};

/// Puts messages together, judges them, and answers those that go no further.
pub(super) struct Desk {
    assembler: Assembler,
    judging: Judging,
}

struct Judging {
    engine: Engine,
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    injector: Injector,
    tags: RandomState,
    answer: Vec<u8>,
    witness: Witness,
    /// Who is told of each decision at once.
    mirror: Option<Mirror>,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    GoesOn,
    /// It ends here, and who sent it is told by what stands ready.
    IsAnswered,
    /// It ends here without a word.
    IsDropped,
}

impl Desk {
    pub(super) fn new(
        engine: Engine,
        injector: Injector,
        (settings, counters): (Arc<Settings>, Arc<Counters>),
    ) -> Self {
        let (tags, answer) = (RandomState::new(), Vec::new());
        let witness = Witness::new(Arc::clone(&counters));
        Self {
            assembler: Assembler::new(),
            judging: Judging { engine, settings, counters, injector, tags, answer, witness, mirror: None },
        }
    }

    /// Tells `mirror` of each decision from now on.
    pub(super) fn tell_to(&mut self, mirror: Option<Mirror>) {
        self.judging.mirror = mirror;
    }

    pub(super) fn engine(&mut self) -> &mut Engine {
        &mut self.judging.engine
    }

    /// Tells what happened since it was asked before.
    pub(super) fn tell(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        tell_of_engine(&mut self.judging.engine, tell);
        self.judging.witness.tell(tell);
        tell(News::Over);
    }

    pub(super) fn into_engine(self) -> Engine {
        self.judging.engine
    }

    /// Whether `packet`, from its IP header on, goes on. Whatever is no SIP does.
    pub(super) fn passes(&mut self, packet: &[u8], now: Timestamp) -> bool {
        let Self { assembler, judging } = self;
        let frame =
            Frame { at: now, link: LinkType::RAW, data: packet, original_length: packet.len() as u32 };
        let mut passes = true;
        assembler.assemble(frame, &mut |message| passes &= judging.passes(&message, packet));
        judging.counters.add(if passes { Count::PacketPassed } else { Count::PacketDropped });
        passes
    }
}

impl Judging {
    fn passes(&mut self, packet: &Packet<'_>, carrier: &[u8]) -> bool {
        self.counters.add(Count::Queued);
        let message = Message::read(packet.payload);
        let request = Request::new(&message, packet.source, self.tag(&message));
        // What is broken inside costs one call its verdict, not all others the service.
        let fate = catch_unwind(AssertUnwindSafe(|| self.judge(packet, &request)));
        let fate = fate.unwrap_or_else(|_| self.fault(&request));
        let is_in_reach = is_carried_by(packet, carrier);
        match fate {
            Fate::GoesOn => true,
            // What a tunnel hides is judged and told, but only its ends could answer it.
            Fate::IsAnswered | Fate::IsDropped if !is_in_reach => true,
            Fate::IsDropped => false,
            Fate::IsAnswered => {
                self.witness.say(packet, request.reply_to(), &self.answer);
                self.say(packet, request.reply_to(), carrier);
                false
            }
        }
    }

    fn judge(&mut self, packet: &Packet<'_>, request: &Request<'_, '_>) -> Fate {
        let message = request.message;
        if !message.is_request() {
            // Where a 3xx sends a call on is judged when it goes there.
            let call = self.engine.handle_read(packet, message).call;
            self.witness.see(&self.engine, packet, call);
            return Fate::GoesOn;
        }
        let opens = message.to_tag().is_none() && may_be_refused(message.method());
        if opens && let Some(fate) = self.settings.without_policy(message, self.engine.policy_set()) {
            return self.meet(request, fate);
        }
        faults::slow_down();
        faults::strike(Point::Judge);
        let handled = self.engine.handle_read(packet, message);
        let (call, attempt, is_new) = (handled.call, handled.attempt, handled.decision.is_some());
        self.witness.see(&self.engine, packet, attempt.or(call));
        // RFC 3261 §9.2, §17.2.1: what belongs to an INVITE that was answered here ends here.
        if matches!(message.method(), Method::Ack | Method::Cancel) {
            if !call.is_some_and(|place| self.is_refused(place)) {
                return Fate::GoesOn;
            }
            let is_ack = message.method() == Method::Ack;
            self.counters.add(if is_ack { Count::Acknowledged } else { Count::Cancelled });
            return if is_ack { Fate::IsDropped } else { self.word(request, 200) };
        }
        let Some(attempt) = attempt else { return Fate::GoesOn };
        let (policy, verdict) = match found(&self.engine, attempt) {
            Some((policies, policy, verdict)) => {
                (policy.and_then(|place| policies.policy(place as usize)), verdict)
            }
            None => (None, None),
        };
        if is_new {
            self.counters.add_verdict(verdict);
        } else {
            self.counters.add(Count::Repeated);
        }
        let refused = policy.zip(verdict).filter(|(_, verdict)| !verdict.goes_on());
        let Some((policy, verdict)) = refused.filter(|_| may_be_refused(message.method())) else {
            if is_new {
                reflect(self.mirror.as_ref(), &self.engine, (packet, attempt), None);
            }
            return Fate::GoesOn;
        };
        let tokens = &self.settings.tokens;
        let refusing = Refusing { request, policy, verdict: &verdict, instead: None, tokens, at: packet.at };
        let said = refusal::write(&refusing, &mut self.answer);
        if is_new {
            self.engine.conclude(attempt, said.unwrap_or_default(), packet.at);
            reflect(self.mirror.as_ref(), &self.engine, (packet, attempt), said);
        }
        if said.is_some() && request.can_be_answered() { Fate::IsAnswered } else { Fate::IsDropped }
    }

    fn is_refused(&self, place: u32) -> bool {
        found(&self.engine, place).and_then(|(.., verdict)| verdict).is_some_and(|verdict| !verdict.goes_on())
    }

    fn fault(&mut self, request: &Request<'_, '_>) -> Fate {
        let opens = request.message.is_request() && may_be_refused(request.message.method());
        let fate = match opens {
            true => self.settings.fault(request.message, self.engine.policy_set()),
            false => Unjudged::Passes(Count::FaultPassed),
        };
        self.meet(request, fate)
    }

    /// What becomes of a request that is not judged.
    fn meet(&mut self, request: &Request<'_, '_>, fate: Unjudged) -> Fate {
        match fate {
            Unjudged::Passes(count) => {
                self.counters.add(count);
                Fate::GoesOn
            }
            Unjudged::IsRefused(status, count) => {
                self.counters.add(count);
                self.word(request, status)
            }
            Unjudged::IsSilent(count) => {
                self.counters.add(count);
                Fate::IsDropped
            }
        }
    }

    fn word(&mut self, request: &Request<'_, '_>, status: u16) -> Fate {
        if !request.can_be_answered() {
            return Fate::IsDropped;
        }
        request.begin(&mut self.answer, status, answer::phrase(status));
        answer::end(&mut self.answer);
        Fate::IsAnswered
    }

    /// Says the answer that stands ready in the name of whom the packet was meant for.
    fn say(&mut self, packet: &Packet<'_>, reply_to: SocketAddr, carrier: &[u8]) {
        let said = match (packet.transport, segment(carrier)) {
            (Transport::Udp, _) => self.injector.datagram(packet.destination, reply_to, &self.answer),
            // Inside a WebSocket the answer would have to be framed: there it is the end alone.
            (transport, Some(segment)) => {
                let answer = if transport == Transport::Tcp { self.answer.as_slice() } else { b"" };
                self.injector.end(segment, answer)
            }
            (_, None) => return,
        };
        self.counters.add(if said.is_ok() { Count::AnswerInjected } else { Count::SendFailed });
    }

    /// The same for every message of a transaction (RFC 3261 §8.2.7), and known to nobody before.
    fn tag(&self, message: &Message<'_>) -> u64 {
        self.tags.hash_one((message.call_id(), message.from_tag(), message.branch()))
    }
}

/// Tells of what was decided, and what was said; nothing where it goes on.
fn reflect(mirror: Option<&Mirror>, engine: &Engine, of: (&Packet<'_>, u32), status: Option<u16>) {
    if let Some(mirror) = mirror {
        mirror.reflect_decision(engine, of, status);
    }
}

/// Whether a policy may refuse it: what ends a call, or is part of one, goes on whatever it says.
fn may_be_refused(method: Method) -> bool {
    use Method::{Ack, Bye, Cancel, Info, Notify, Prack, Update};
    !matches!(method, Ack | Bye | Cancel | Info | Notify | Prack | Update)
}

/// Whether `packet` is what `carrier` carries itself, rather than something wrapped in it.
fn is_carried_by(packet: &Packet<'_>, carrier: &[u8]) -> bool {
    Ip::read(carrier).is_ok_and(|ip| {
        let ends = (ip.ends.source, ip.ends.destination);
        ends == (packet.source.ip(), packet.destination.ip()) && matches!(ip.protocol, UDP | TCP | FRAGMENT)
    })
}

fn segment(carrier: &[u8]) -> Option<Segment> {
    let ip = Ip::read(carrier).ok().filter(|ip| ip.protocol == TCP && ip.fragment.is_none())?;
    Segment::read(ip.ends.source, ip.ends.destination, ip.payload)
}

const TCP: u8 = 6;
const UDP: u8 = 17;
/// The header of a fragment of IPv6.
const FRAGMENT: u8 = 44;
