//! The datagrams of one exchange, in order, with their times.

use crate::call::{Call, Leak, Media, Method, Outcome, Side, Torn};
use crate::random::Random;

/// One datagram to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Microseconds after the exchange began.
    pub(crate) after_micros: u64,
    /// Whether the caller's side sends it.
    pub(crate) by_caller: bool,
    /// Whether it is a request of somebody who only pretends to be that side, or the answer to one.
    pub(crate) stray: bool,
    pub(crate) what: What,
}

/// What a datagram is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Request {
        method: Method,
        cseq: u32,
        /// Which transaction of its side it belongs to: names the branch.
        transaction: u16,
        /// The called side's tag, once it is known: which fork.
        fork: Option<u8>,
        /// Whether it goes to the other side's Contact rather than to the number called.
        inside: bool,
        /// The status of the challenge that it answers.
        credentials: Option<u16>,
        body: Body,
    },
    Response {
        status: u16,
        method: Method,
        cseq: u32,
        transaction: u16,
        fork: u8,
        body: Body,
        /// Whether it answers a request that opens the exchange rather than one inside it.
        opening: bool,
    },
}

/// What a datagram carries below its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    Offer,
    Hold,
    Answer,
    /// T.38, offered or accepted inside a call of voice.
    Fax,
    /// `message/sipfrag` of a transfer (RFC 3515).
    Progress,
    /// `text/plain` of a MESSAGE.
    Text,
    /// Whether somebody is on the telephone: `application/dialog-info+xml`.
    Lamp,
}

/// All datagrams of `call`, earliest first.
pub(crate) fn turns(call: &Call) -> Vec<Turn> {
    let cseq = if call.method == Method::Invite { 1 + (call.id % 50) as u32 } else { 1 };
    let mut script = Script {
        now: 0,
        turns: Vec::with_capacity(12),
        random: Random::new(call.id),
        transaction: 0,
        fork: 0,
        cseqs: [cseq, 1],
    };
    match call.outcome {
        Outcome::Ignored => script.open_with(call, cseq, None),
        Outcome::Replied(status) => script.exchange(call, status),
        _ => script.call(call),
    }
    script.turns.sort_by_key(|turn| turn.after_micros);
    script.turns
}

struct Script {
    now: u64,
    turns: Vec<Turn>,
    random: Random,
    /// The transaction that is open.
    transaction: u16,
    /// Which telephone of the called side answered.
    fork: u8,
    /// The last CSeq of the caller's side, and the next of the called side.
    cseqs: [u32; 2],
}

impl Script {
    /// A request outside any call.
    fn exchange(&mut self, call: &Call, status: u16) {
        self.challenged(call);
        self.hop();
        let cseq = self.last_cseq();
        self.response(status, call.method, cseq, Body::None);
        if call.method == Method::Subscribe && status == 200 {
            self.hop();
            self.inside(Side::Called, Method::Notify, [Body::Lamp, Body::None], 200);
        }
    }

    fn call(&mut self, call: &Call) {
        let cseq = self.open(call);
        match call.outcome {
            Outcome::Answered { ring, talk, callee_ends } => {
                self.ring(call, cseq, ring);
                self.answer(call, cseq);
                self.talk(call, talk);
                self.end(call, if callee_ends { Side::Called } else { Side::Caller });
            }
            Outcome::Cancelled { ring } => {
                self.ring(call, cseq, ring);
                self.cancel(call, cseq);
            }
            Outcome::Refused(status) => {
                self.pause(20_000, 400_000);
                self.response(status, Method::Invite, cseq, Body::None);
                self.hop();
                self.acknowledge(cseq, false);
            }
            Outcome::Replied(_) | Outcome::Ignored => {}
        }
    }

    /// INVITE and 100, with what may come between; gives the CSeq of the INVITE that counts.
    fn open(&mut self, call: &Call) -> u32 {
        let credentials = self.challenged(call);
        let cseq = self.last_cseq();
        if call.habits.repeated {
            self.now += 500_000;
            self.open_with(call, cseq, credentials);
        }
        self.hop();
        self.response(100, Method::Invite, cseq, Body::None);
        cseq
    }

    /// The request that opens, and again with credentials as often as they are asked for; gives what the last one
    /// answers.
    fn challenged(&mut self, call: &Call) -> Option<u16> {
        let mut cseq = self.last_cseq();
        self.open_with(call, cseq, None);
        let challenge = call.habits.challenge?;
        for attempt in 0..=call.habits.tries {
            self.hop();
            self.response(challenge, call.method, cseq, Body::None);
            if call.method == Method::Invite {
                self.hop();
                self.acknowledge(cseq, false);
            }
            if attempt > 0 {
                self.now += u64::from(call.habits.try_seconds) * 1_000_000;
            }
            self.hop();
            self.transaction += 1;
            cseq = self.next_cseq(Side::Caller);
            self.open_with(call, cseq, Some(challenge));
        }
        Some(challenge)
    }

    /// Rings for `ring` microseconds.
    fn ring(&mut self, call: &Call, cseq: u32, ring: u64) {
        self.pause(60_000, 600_000);
        let (begin, end) = (self.now, self.now + ring);
        let open = self.transaction;
        if call.habits.early_media {
            self.response(183, Method::Invite, cseq, Body::Answer);
            self.hop();
            self.transaction += 20;
            self.inside(Side::Caller, Method::Prack, [Body::None; 2], 200);
            if call.habits.updated {
                self.hop();
                self.inside(Side::Caller, Method::Update, [Body::Offer, Body::Answer], 200);
            }
        } else {
            self.response(180, Method::Invite, cseq, Body::None);
        }
        if let Some(Torn::Cancel { status }) = call.habits.torn {
            self.now = if status == 200 { end } else { begin + ring / 2 };
            self.transaction = open + 40;
            self.stray(Side::Caller, Method::Cancel, cseq, None, status);
        }
        self.transaction = open;
        if call.habits.forked {
            self.hop();
            self.fork = 1;
            self.response(180, Method::Invite, cseq, Body::None);
        }
        self.now = self.now.max(end);
    }

    fn answer(&mut self, call: &Call, cseq: u32) {
        self.fork = u8::from(call.habits.forked);
        self.response(200, Method::Invite, cseq, Body::Answer);
        self.hop();
        self.acknowledge(cseq, true);
        // Numbers of the branches above those that PRACK and its like had.
        self.transaction += 60;
    }

    fn talk(&mut self, call: &Call, talk: u64) {
        let (begin, habits) = (self.now, &call.habits);
        let mut events: Vec<(u64, Event)> = Vec::new();
        if habits.held && talk > 20_000_000 {
            events.extend([(talk / 4, Event::Hold), (talk / 2, Event::Resume)]);
        }
        if habits.media == Media::FaxLater {
            events.push((talk.min(4_000_000) / 2, Event::Fax));
        }
        if let Some(Leak::Reinvite(status)) = habits.leak {
            events.push((talk / 3, Event::Challenged(status)));
        }
        if let Some(Torn::Bye { as_caller, status }) = habits.torn {
            let side = if as_caller { Side::Caller } else { Side::Called };
            let when = if status == 200 { talk } else { talk / 2 };
            events.push((when, Event::Torn(side, status)));
        }
        let refresh = u64::from(habits.refresh_seconds) * 1_000_000;
        let count = talk.saturating_sub(1).checked_div(refresh).unwrap_or(0);
        events.extend((1..=count).map(|count| (count * refresh, Event::Refresh)));
        events.sort_by_key(|&(after, _)| after);
        for (after, event) in events {
            self.now = self.now.max(begin + after);
            self.happen(event);
        }
        self.now = self.now.max(begin + talk);
        if let Some(side) = habits.referred {
            self.refer(side);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Hold => self.reinvite(Side::Caller, [Body::Hold, Body::Answer]),
            Event::Resume => self.reinvite(Side::Caller, [Body::Offer, Body::Answer]),
            Event::Fax => self.reinvite(Side::Called, [Body::Fax, Body::Fax]),
            Event::Refresh => self.inside(Side::Caller, Method::Update, [Body::None; 2], 200),
            Event::Torn(side, status) => {
                let cseq = self.last_cseq() + 20;
                let fork = Some(self.fork);
                self.stray(side, Method::Bye, cseq, fork, status);
            }
            Event::Challenged(status) => {
                let cseq = self.next_cseq(Side::Called);
                self.challenge_inside(Method::Invite, cseq, status, Body::Offer);
                self.reinvite_with(Side::Called, [Body::Offer, Body::Answer], Some(status));
            }
        }
    }

    /// One side hands the other on.
    fn refer(&mut self, referrer: Side) {
        self.inside(referrer, Method::Refer, [Body::None; 2], 202);
        self.pause(800_000, 3_000_000);
        self.inside(referrer.other(), Method::Notify, [Body::Progress, Body::None], 200);
        self.hop();
    }

    fn end(&mut self, call: &Call, side: Side) {
        if matches!(call.habits.torn, Some(Torn::Bye { status: 200, .. })) {
            return;
        }
        self.transaction += 1;
        let mut credentials = None;
        if let (Some(Leak::Bye(status)), Side::Called) = (call.habits.leak, side) {
            let cseq = self.next_cseq(side);
            self.challenge_inside(Method::Bye, cseq, status, Body::None);
            credentials = Some(status);
        }
        let (cseq, transaction, fork) = (self.next_cseq(side), self.transaction, self.fork);
        self.push(side, Self::request(Method::Bye, cseq, transaction, fork, credentials, Body::None));
        self.hop();
        self.push(side.other(), Self::reply(200, Method::Bye, cseq, transaction, fork, Body::None));
    }

    /// CANCEL and 487; only the 487 when somebody else's CANCEL was believed.
    fn cancel(&mut self, call: &Call, cseq: u32) {
        let transaction = self.transaction;
        if call.habits.torn != Some(Torn::Cancel { status: 200 }) {
            let what = What::Request {
                method: Method::Cancel,
                cseq,
                transaction,
                fork: None,
                inside: false,
                credentials: None,
                body: Body::None,
            };
            self.push(Side::Caller, what);
            self.hop();
            let what = Self::reply(200, Method::Cancel, cseq, transaction, self.fork, Body::None);
            self.push(Side::Called, what);
        }
        self.now += 300;
        self.response(487, Method::Invite, cseq, Body::None);
        self.hop();
        self.acknowledge(cseq, false);
    }

    /// A request inside the dialog and its answer, with their bodies.
    fn inside(&mut self, side: Side, method: Method, bodies: [Body; 2], status: u16) {
        self.inside_with(side, method, bodies, status, None);
    }

    fn inside_with(
        &mut self,
        side: Side,
        method: Method,
        [ask, answer]: [Body; 2],
        status: u16,
        credentials: Option<u16>,
    ) {
        self.transaction += 2;
        let (cseq, transaction, fork) = (self.next_cseq(side), self.transaction, self.fork);
        self.push(side, Self::request(method, cseq, transaction, fork, credentials, ask));
        self.hop();
        self.push(side.other(), Self::reply(status, method, cseq, transaction, fork, answer));
        if method == Method::Invite {
            self.hop();
            self.push(side, Self::request(Method::Ack, cseq, transaction + 1, fork, None, Body::None));
        }
    }

    fn reinvite(&mut self, side: Side, bodies: [Body; 2]) {
        self.reinvite_with(side, bodies, None);
    }

    fn reinvite_with(&mut self, side: Side, bodies: [Body; 2], credentials: Option<u16>) {
        self.inside_with(side, Method::Invite, bodies, 200, credentials);
        self.hop();
    }

    /// The called side asks inside the dialog and the caller challenges it.
    fn challenge_inside(&mut self, method: Method, cseq: u32, status: u16, body: Body) {
        self.transaction += 2;
        let (transaction, fork) = (self.transaction, self.fork);
        self.push(Side::Called, Self::request(method, cseq, transaction, fork, None, body));
        self.hop();
        self.push(Side::Caller, Self::reply(status, method, cseq, transaction, fork, Body::None));
        self.hop();
        if method == Method::Invite {
            self.push(Side::Called, Self::request(Method::Ack, cseq, transaction, fork, None, Body::None));
            self.hop();
        }
        self.transaction += 1;
    }

    /// A request of somebody who pretends to be `side`, and what the other side says to it.
    fn stray(&mut self, side: Side, method: Method, cseq: u32, fork: Option<u8>, status: u16) {
        self.transaction += 2;
        let transaction = self.transaction;
        let what = What::Request {
            method,
            cseq,
            transaction,
            fork,
            inside: fork.is_some(),
            credentials: None,
            body: Body::None,
        };
        self.push(side, what);
        self.hop();
        let what = Self::reply(status, method, cseq, transaction, fork.unwrap_or_default(), Body::None);
        self.push(side.other(), what);
        let from = self.turns.len().saturating_sub(2);
        self.turns.iter_mut().skip(from).for_each(|turn| turn.stray = true);
    }

    /// ACK: of a 2xx a transaction of its own, else part of the INVITE's (RFC 3261 §17.1.1.3).
    fn acknowledge(&mut self, cseq: u32, accepted: bool) {
        let what = What::Request {
            method: Method::Ack,
            cseq,
            transaction: self.transaction + u16::from(accepted),
            fork: Some(self.fork),
            inside: accepted,
            credentials: None,
            body: Body::None,
        };
        self.push(Side::Caller, what);
    }

    fn open_with(&mut self, call: &Call, cseq: u32, credentials: Option<u16>) {
        let body = match call.method {
            Method::Invite => Body::Offer,
            Method::Message => Body::Text,
            _ => Body::None,
        };
        let (method, transaction) = (call.method, self.transaction);
        let what = What::Request { method, cseq, transaction, fork: None, inside: false, credentials, body };
        self.push(Side::Caller, what);
    }

    fn response(&mut self, status: u16, method: Method, cseq: u32, body: Body) {
        let (transaction, fork) = (self.transaction, self.fork);
        let what = What::Response { status, method, cseq, transaction, fork, body, opening: true };
        self.push(Side::Called, what);
    }

    fn request(
        method: Method,
        cseq: u32,
        transaction: u16,
        fork: u8,
        credentials: Option<u16>,
        body: Body,
    ) -> What {
        What::Request { method, cseq, transaction, fork: Some(fork), inside: true, credentials, body }
    }

    fn reply(status: u16, method: Method, cseq: u32, transaction: u16, fork: u8, body: Body) -> What {
        What::Response { status, method, cseq, transaction, fork, body, opening: false }
    }

    fn push(&mut self, side: Side, what: What) {
        let by_caller = side == Side::Caller;
        self.turns.push(Turn { after_micros: self.now, by_caller, stray: false, what });
    }

    fn last_cseq(&self) -> u32 {
        let [caller, _] = self.cseqs;
        caller
    }

    fn next_cseq(&mut self, side: Side) -> u32 {
        let [caller, called] = &mut self.cseqs;
        let cseq = if side == Side::Caller { caller } else { called };
        *cseq += 1;
        *cseq
    }

    /// The time one datagram takes to the other side and back through a program.
    fn hop(&mut self) {
        self.pause(900, 22_000);
    }

    fn pause(&mut self, low: u64, high: u64) {
        self.now += self.random.between(low, high);
    }
}

/// What happens inside a call that is up.
#[derive(Clone, Copy)]
enum Event {
    Hold,
    Resume,
    Fax,
    Refresh,
    Torn(Side, u16),
    Challenged(u16),
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Called,
            Self::Called => Self::Caller,
        }
    }
}
