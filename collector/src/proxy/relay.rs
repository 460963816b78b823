//! One message in, one message out: what a proxy does, without its sockets.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use engine::sip::{Header, Message};
use engine::{Budget, Engine, Packet, Succession};
use rules::policy::PolicySet;
use rules::{Flags, Method, Timestamp, Transport};

use super::bye::{Byes, OWN_BRANCH, own_branch};
use super::course::Courses;
use super::forward::{is_whole, write_response};
use super::hop::{Hops, Question, Turn};
use super::leaving::{Entry, Leaving};
use super::port::{Place, Ports};
use super::rewrite::Rewrite;
use super::secret::put_hash;
use super::settings::{Onward, Settings};
use super::via::Back;
use crate::answer::{self, Request};
use crate::judge::{Count, Counters, News, Witness, tell_of_engine};
use crate::mirror::Mirror;
use crate::redirect::{Peer, Shedding};

/// Judges what comes and passes it on. One thread owns it.
pub(super) struct Relay {
    pub(super) engine: Engine,
    pub(super) settings: Arc<Settings>,
    pub(super) counters: Arc<Counters>,
    pub(super) witness: Witness,
    pub(super) ports: Ports,
    pub(super) hops: Hops,
    pub(super) courses: Courses,
    byes: Byes,
    /// Of each peer the policy that judges its calls.
    pub(super) judges: Vec<Option<u32>>,
    /// Who sends from a next hop without being a peer of its own.
    pub(super) inside: Peer<Onward>,
    pub(super) rewrite: Rewrite,
    /// How long the oldest message of the batch in hand had waited, in microseconds.
    pub(super) waited_micros: i64,
    pub(super) shedding: Shedding,
    /// Who is told of each decision at once.
    pub(super) mirror: Option<Mirror>,
    turns: Vec<Turn>,
}

/// What becomes of a request.
pub(super) enum Outcome {
    /// It goes on, as it stands in the room for it.
    GoesOn(Leaving),
    /// It has an answer, which stands there.
    IsAnswered,
    /// Nothing more.
    IsDone,
}

impl Relay {
    pub(super) fn new(
        engine: Engine,
        ports: Ports,
        settings: Arc<Settings>,
        counters: Arc<Counters>,
    ) -> Self {
        let mut engine = engine;
        engine.tell_hang_ups();
        let judges = settings.common.peers.judges(&engine.policies());
        let inside = Peer {
            name: String::new(),
            from: Vec::new(),
            customer: None,
            trusted: true,
            allow: None,
            block: None,
        };
        Self {
            witness: Witness::new(Arc::clone(&counters)),
            shedding: Shedding::new(&engine.policies()),
            mirror: None,
            hops: Hops::new(settings.next_hops.clone(), settings.secret),
            byes: Byes::new(settings.secret),
            engine,
            settings,
            counters,
            ports,
            courses: Courses::default(),
            judges,
            inside,
            rewrite: Rewrite::default(),
            waited_micros: 0,
            turns: Vec::new(),
        }
    }

    /// The engine, for what is asked about it as a whole.
    pub(super) fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// What it knows, when it is done.
    pub(super) fn into_engine(self) -> Engine {
        self.engine
    }

    /// Goes on with `policies`. Calls that are up keep what judged them.
    pub(super) fn replace(&mut self, policies: Arc<PolicySet>) {
        self.judges = self.settings.common.peers.judges(&policies);
        self.shedding.replace(&policies);
        // How often that happens is counted by who answers beside us.
        if self.engine.take_up(policies, Budget::default()) == Succession::Nothing {
            self.counters.add(Count::CountersLost);
        }
    }

    /// Notes how long the messages had waited that are handled from now on.
    pub(super) fn note_wait(&mut self, micros: i64) {
        self.waited_micros = micros;
    }

    /// Notes that nobody takes a connection at `place`.
    pub(super) fn lose(&mut self, place: Place) {
        let (turns, counters) = (&mut self.turns, &self.counters);
        self.hops.lose(place, &mut |turn| note_turn(turn, turns, counters));
    }

    /// Tells what happened since it was asked before.
    pub(super) fn tell(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        tell_of_engine(&mut self.engine, tell);
        for turn in self.turns.drain(..) {
            let place = turn.place.to_string();
            tell(News::NextHop { name: &turn.hop, place: &place, is_down: turn.is_down });
        }
        self.witness.tell(tell);
        tell(News::Over);
    }

    /// The next message of our own that is due at `now`, in `out`: a BYE to a side of a call that is hung up, or a question
    /// whether a next hop is up.
    pub(super) fn poll(&mut self, now: Timestamp, out: &mut Vec<u8>) -> Option<Leaving> {
        while let Some(place) = self.engine.poll_hang_up() {
            self.hang_up(place, now);
        }
        if let Some((text, leaving)) = self.byes.poll(now) {
            out.clear();
            out.extend_from_slice(text);
            return Some(leaving);
        }
        let (turns, counters) = (&mut self.turns, &self.counters);
        let question = self.hops.poll(now, &mut |turn| note_turn(turn, turns, counters))?;
        self.ask(question, out)
    }

    /// Takes one message that came in by `entry`. Returns how what is in `out` leaves; `None` when nothing does.
    pub(super) fn handle(&mut self, packet: &Packet<'_>, entry: Entry, out: &mut Vec<u8>) -> Option<Leaving> {
        // What is broken inside costs one message its way, not all others the service.
        catch_unwind(AssertUnwindSafe(|| self.take(packet, entry, out))).unwrap_or_else(|_| {
            self.counters.add(Count::FaultUnanswered);
            None
        })
    }

    fn take(&mut self, packet: &Packet<'_>, entry: Entry, out: &mut Vec<u8>) -> Option<Leaving> {
        self.counters.add(match packet.transport {
            Transport::Tcp => Count::Tcp,
            Transport::Tls => Count::Tls,
            _ => Count::Udp,
        });
        if answer::is_keep_alive(packet.payload) {
            self.counters.add(Count::KeepAlive);
            return None;
        }
        let message = Message::read(packet.payload);
        if message.is_response() {
            return self.respond(packet, &message, out);
        }
        if !message.is_request() || !message.has(Header::Via) {
            self.counters.add(Count::MalformedDropped);
            return None;
        }
        let request = Request::new(&message, packet.source, self.settings.secret.tag(&message));
        match self.request(packet, entry, &request, out) {
            Outcome::GoesOn(leaving) => Some(leaving),
            Outcome::IsAnswered => {
                let to = Place { transport: packet.transport, address: request.reply_to() };
                Some(Leaving { port: entry.port, to, line: entry.line })
            }
            Outcome::IsDone => None,
        }
    }

    /// RFC 3261 §16.7, §16.11: a response goes where the Via behind ours says, if it is to a request that we passed on.
    fn respond(&mut self, packet: &Packet<'_>, message: &Message<'_>, out: &mut Vec<u8>) -> Option<Leaving> {
        if let Some(branch) = own_branch(message) {
            let status = message.status().unwrap_or_default();
            if status >= 200 {
                self.byes.answer(branch);
            }
            let (turns, counters) = (&mut self.turns, &self.counters);
            self.hops.answer(branch, status, &mut |turn| note_turn(turn, turns, counters));
            self.counters.add(Count::OwnAnswered);
            return None;
        }
        let back = Back::read(message, &self.ports, &self.settings.secret).filter(|_| is_whole(message));
        let Some(back) = back else {
            self.counters.add(Count::Stray);
            return None;
        };
        // The response goes on whatever becomes of the records.
        let followed = catch_unwind(AssertUnwindSafe(|| self.follow(packet, message)));
        if followed.is_err() {
            self.counters.add(Count::FaultPassed);
        }
        if !write_response(message, back.to, &mut self.rewrite, out) {
            self.counters.add(Count::TooLong);
            return None;
        }
        let port = if self.ports.get(back.branch.port).is_some() { back.branch.port } else { 0 };
        self.counters.add(Count::ResponsePassed);
        Some(Leaving { port, to: back.to, line: back.branch.line })
    }

    /// Keeps what a response tells of its call.
    fn follow(&mut self, packet: &Packet<'_>, message: &Message<'_>) {
        let handled = self.engine.handle_read(packet, message);
        self.witness.see(&self.engine, packet, handled.call);
        let Some(place) = handled.call else { return };
        let Some(sequence) = self.engine.attempt(place).map(|attempt| attempt.sequence) else { return };
        let Some(course) = self.courses.get(place, sequence) else { return };
        course.is_heard = true;
        if handled.method == Method::Invite
            && handled.status.is_some_and(|status| (200..300).contains(&status))
        {
            let ports = &self.ports;
            course.answer(message, |route| ports.named(route.uri.host, route.uri.port).is_some());
        }
    }

    /// Ends the call of the attempt at `place`, now or as soon as it may be ended.
    pub(super) fn hang_up(&mut self, place: u32, now: Timestamp) {
        let attempt =
            self.engine.attempt(place).map(|attempt| (attempt.sequence, attempt.source, attempt.destination));
        let Some((sequence, source, destination)) = attempt else { return };
        let course = self.courses.get(place, sequence).filter(|_| self.byes.has_room());
        let Some((course, mut dialog)) =
            course.and_then(|course| course.dialog.take().map(|dialog| (course, dialog)))
        else {
            return self.counters.add(Count::NotHungUp);
        };
        if !dialog.is_acknowledged {
            dialog.is_condemned = true;
            course.dialog = Some(dialog);
            return;
        }
        let bye = self.byes.begin(&dialog, course, &mut self.ports, now);
        self.counters.add(Count::HungUp);
        // What the engine knows of a call it knows from its messages, ours among them.
        let packet = Packet {
            at: now,
            source,
            destination,
            transport: Transport::Udp,
            payload: bye,
            flags: Flags::NONE,
        };
        self.engine.handle(&packet);
    }

    fn ask(&mut self, Question { place, branch }: Question, out: &mut Vec<u8>) -> Option<Leaving> {
        let port = self.ports.towards(place, 0)?;
        let own = self.ports.get(port)?;
        out.clear();
        // Writing to memory cannot fail, here and below.
        let _ = write!(out, "OPTIONS sip:{}{} SIP/2.0\r\nVia: ", place.address, place.transport_param());
        own.put_via(out);
        out.extend_from_slice(OWN_BRANCH);
        put_hash(out, branch);
        let name = &own.name;
        let _ = write!(
            out,
            ";rport\r\nMax-Forwards: 70\r\nFrom: <sip:{name}>;tag={branch:x}\r\nTo: <sip:{0}{1}>\r\nCall-ID: {branch:x}@{name}\r\n\
             CSeq: 1 OPTIONS\r\nContact: <sip:{name}{1}>\r\nContent-Length: 0\r\n\r\n",
            place.address,
            place.transport_param()
        );
        Some(Leaving { port, to: place, line: None })
    }
}

fn note_turn(turn: Turn, turns: &mut Vec<Turn>, counters: &Counters) {
    counters.add(if turn.is_down { Count::HopDown } else { Count::HopUp });
    turns.push(turn);
}
