//! The datagrams of one exchange, in order, with their times.

use crate::call::{Call, Method, Outcome};
use crate::random::Random;

/// One datagram to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Microseconds after the exchange began.
    pub(crate) after_micros: u64,
    /// Whether the caller's side sends it.
    pub(crate) by_caller: bool,
    pub(crate) what: What,
}

/// What a datagram is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Request {
        method: Method,
        cseq: u32,
        /// Which transaction of its side it belongs to: names the branch.
        transaction: u8,
        /// The called side's tag, once it is known: which fork.
        fork: Option<u8>,
        /// Whether it goes to the other side's Contact rather than to the number called.
        inside: bool,
        /// Whether it answers a challenge.
        credentials: bool,
        body: Body,
    },
    Response {
        status: u16,
        method: Method,
        cseq: u32,
        transaction: u8,
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
    /// `message/sipfrag` of a transfer (RFC 3515).
    Progress,
}

/// All datagrams of `call`, earliest first.
pub(crate) fn turns(call: &Call) -> Vec<Turn> {
    let mut script =
        Script { now: 0, turns: Vec::with_capacity(12), random: Random::new(call.id), transaction: 0 };
    match call.outcome {
        Outcome::Ignored => script.request(call.method, 1, None, false),
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
    transaction: u8,
}

impl Script {
    fn exchange(&mut self, call: &Call, status: u16) {
        self.request(call.method, 1, None, false);
        if let Some(challenge) = call.habits.challenge {
            self.hop();
            self.response(challenge, call.method, 1, 0, Body::None);
            self.hop();
            self.transaction += 1;
            self.request(call.method, 2, None, true);
            self.hop();
            self.response(status, call.method, 2, 0, Body::None);
        } else {
            self.hop();
            self.response(status, call.method, 1, 0, Body::None);
        }
    }

    fn call(&mut self, call: &Call) {
        let cseq = self.open(call);
        match call.outcome {
            Outcome::Answered { ring, talk, callee_ends } => {
                self.ring(call, cseq, ring);
                self.answer(call, cseq);
                self.talk(call, cseq, talk);
                self.end(call, cseq, callee_ends);
            }
            Outcome::Cancelled { ring } => {
                self.ring(call, cseq, ring);
                self.cancel(cseq);
            }
            Outcome::Refused(status) => {
                self.pause(20_000, 400_000);
                self.response(status, Method::Invite, cseq, 0, Body::None);
                self.hop();
                self.acknowledge(cseq, 0, false);
            }
            Outcome::Replied(_) | Outcome::Ignored => {}
        }
    }

    /// INVITE and 100, with what may come between; gives the CSeq of the INVITE that counts.
    fn open(&mut self, call: &Call) -> u32 {
        let mut cseq = 1 + (call.id % 50) as u32;
        self.request(Method::Invite, cseq, None, false);
        if let Some(challenge) = call.habits.challenge {
            self.hop();
            self.response(challenge, Method::Invite, cseq, 0, Body::None);
            self.hop();
            self.acknowledge(cseq, 0, false);
            self.hop();
            self.transaction += 1;
            cseq += 1;
            self.request(Method::Invite, cseq, None, true);
        }
        if call.habits.repeated {
            self.now += 500_000;
            self.request(Method::Invite, cseq, None, call.habits.challenge.is_some());
        }
        self.hop();
        self.response(100, Method::Invite, cseq, 0, Body::None);
        cseq
    }

    /// Rings for `ring` microseconds.
    fn ring(&mut self, call: &Call, cseq: u32, ring: u64) {
        self.pause(60_000, 600_000);
        let end = self.now + ring;
        if call.habits.early_media {
            self.response(183, Method::Invite, cseq, 0, Body::Answer);
            self.hop();
            let open = self.transaction;
            self.transaction = open + 20;
            self.request(Method::Prack, cseq + 1, Some(0), false);
            self.hop();
            self.response_inside(200, Method::Prack, cseq + 1, 0);
            self.transaction = open;
        } else {
            self.response(180, Method::Invite, cseq, 0, Body::None);
        }
        if call.habits.forked {
            self.hop();
            self.response(180, Method::Invite, cseq, 1, Body::None);
        }
        self.now = self.now.max(end);
    }

    fn answer(&mut self, call: &Call, cseq: u32) {
        let fork = u8::from(call.habits.forked);
        self.response(200, Method::Invite, cseq, fork, Body::Answer);
        self.hop();
        self.acknowledge(cseq, fork, true);
    }

    fn talk(&mut self, call: &Call, cseq: u32, talk: u64) {
        let (begin, fork) = (self.now, u8::from(call.habits.forked));
        if call.habits.held && talk > 20_000_000 {
            for (part, body, number) in [(4, Body::Hold, cseq + 2), (2, Body::Offer, cseq + 3)] {
                self.now = begin + talk / part;
                self.transaction += 2;
                self.request_with(Method::Invite, number, Some(fork), false, body);
                self.hop();
                self.response_inside(200, Method::Invite, number, fork);
                self.hop();
                self.acknowledge(number, fork, true);
            }
        }
        self.now = begin + talk;
        if call.habits.referred {
            self.refer(call);
        }
    }

    /// The called side hands the caller on to a colleague.
    fn refer(&mut self, call: &Call) {
        let fork = u8::from(call.habits.forked);
        let (referrer, referee) = (false, true);
        self.transaction += 2;
        self.push(referrer, request(Method::Refer, 1, self.transaction, Some(fork), Body::None));
        self.hop();
        self.push(referee, inside(202, Method::Refer, 1, self.transaction, fork));
        self.pause(800_000, 3_000_000);
        self.transaction += 1;
        self.push(referee, request(Method::Notify, 90, self.transaction, Some(fork), Body::Progress));
        self.hop();
        self.push(referrer, inside(200, Method::Notify, 90, self.transaction, fork));
        self.hop();
    }

    fn end(&mut self, call: &Call, cseq: u32, callee_ends: bool) {
        let (by_caller, fork) = (!callee_ends, u8::from(call.habits.forked));
        let number = if by_caller { cseq + 10 } else { 2 };
        self.transaction += 3;
        self.push(by_caller, request(Method::Bye, number, self.transaction, Some(fork), Body::None));
        self.hop();
        self.push(!by_caller, inside(200, Method::Bye, number, self.transaction, fork));
    }

    fn cancel(&mut self, cseq: u32) {
        self.request(Method::Cancel, cseq, None, false);
        self.hop();
        self.response_inside(200, Method::Cancel, cseq, 0);
        self.now += 300;
        self.response(487, Method::Invite, cseq, 0, Body::None);
        self.hop();
        self.acknowledge(cseq, 0, false);
    }

    /// ACK: of a 2xx a transaction of its own, else part of the INVITE's (RFC 3261 §17.1.1.3).
    fn acknowledge(&mut self, cseq: u32, fork: u8, accepted: bool) {
        let transaction = self.transaction + u8::from(accepted);
        self.push(
            true,
            What::Request {
                method: Method::Ack,
                cseq,
                transaction,
                fork: Some(fork),
                inside: accepted,
                credentials: false,
                body: Body::None,
            },
        );
    }

    fn request(&mut self, method: Method, cseq: u32, fork: Option<u8>, credentials: bool) {
        let body = if method == Method::Invite { Body::Offer } else { Body::None };
        self.request_with(method, cseq, fork, credentials, body);
    }

    fn request_with(&mut self, method: Method, cseq: u32, fork: Option<u8>, credentials: bool, body: Body) {
        let transaction = self.transaction;
        let inside = fork.is_some();
        self.push(true, What::Request { method, cseq, transaction, fork, inside, credentials, body });
    }

    fn response(&mut self, status: u16, method: Method, cseq: u32, fork: u8, body: Body) {
        let transaction = self.transaction;
        self.push(false, What::Response { status, method, cseq, transaction, fork, body, opening: true });
    }

    fn response_inside(&mut self, status: u16, method: Method, cseq: u32, fork: u8) {
        let body = if method == Method::Invite { Body::Answer } else { Body::None };
        let transaction = self.transaction;
        self.push(false, What::Response { status, method, cseq, transaction, fork, body, opening: false });
    }

    fn push(&mut self, by_caller: bool, what: What) {
        self.turns.push(Turn { after_micros: self.now, by_caller, what });
    }

    /// The time one datagram takes to the other side and back through a program.
    fn hop(&mut self) {
        self.pause(900, 22_000);
    }

    fn pause(&mut self, low: u64, high: u64) {
        self.now += self.random.between(low, high);
    }
}

fn request(method: Method, cseq: u32, transaction: u8, fork: Option<u8>, body: Body) -> What {
    What::Request { method, cseq, transaction, fork, inside: true, credentials: false, body }
}

fn inside(status: u16, method: Method, cseq: u32, transaction: u8, fork: u8) -> What {
    What::Response { status, method, cseq, transaction, fork, body: Body::None, opening: false }
}
