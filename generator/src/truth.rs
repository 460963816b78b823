//! What really happened: the label beside each exchange.

use std::net::SocketAddr;

use crate::attack::Attack;
use crate::call::{Call, Method};
use crate::confounder::Confounder;
use crate::script::{Turn, What};

/// The truth about one exchange: a call, or a request outside any call.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Its Call-ID.
    pub call_id: String,
    /// `INVITE` for a call, else the method of the request.
    pub method: &'static str,
    /// When its first request was sent, Unix microseconds.
    pub start_micros: i64,
    /// Who called: `+` and E.164 digits, or a name. For evasive callers the number they meant to hide.
    pub caller: String,
    /// Who was called, written the same way.
    pub called: String,
    /// Which way it went, seen from the customer.
    pub direction: Direction,
    /// What it was.
    pub label: Label,
    /// The campaign it is part of; `None` for honest traffic.
    pub campaign: Option<u32>,
    /// Where the attacker sends from: where the first request came from, or who sent into a call of others.
    pub source: SocketAddr,
    /// Final status of the first request (after a challenge, of its repeat); `None` when nobody answered.
    pub status: Option<u16>,
    /// From the first 18x to the final response to the INVITE; `None` when it never rang.
    pub ring_seconds: Option<f64>,
    /// From the 2xx to the BYE; `None` when the call was not answered.
    pub duration_seconds: Option<f64>,
    /// How many datagrams belong to it.
    pub datagrams: usize,
}

/// Which way a call goes, seen from the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From outside to the customer.
    Inbound,
    /// From the customer to outside.
    Outbound,
    /// From the customer to the customer.
    Internal,
}

/// What a call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// An honest call.
    Benign(Benign),
    /// Part of an honest event that looks like an attack.
    Confounder(Confounder),
    /// Part of an attack.
    Attack(Attack),
}

/// Kinds of honest traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Benign {
    /// Somebody outside calls the customer.
    Inbound,
    /// The customer calls somebody in its country.
    Outbound,
    /// The customer calls abroad.
    International,
    /// Somebody abroad calls the customer.
    FromAbroad,
    /// A colleague calls a colleague.
    Internal,
    /// A call that somebody else forwarded to the customer.
    Forwarded,
    /// Somebody who works there calls in from outside and shows the customer's number, as a Diversion says.
    OwnMobile,
    /// Somebody with a number next to the customer's calls.
    Neighbour,
    /// A call from or to a number that costs its caller nothing.
    TollFree,
    /// Somebody hears the voicemail.
    Voicemail,
    /// A fax between fax machines.
    Fax,
    /// Somebody joins the conference bridge.
    Conference,
    /// A telephone sends its caller on to another number: 302, and the call there.
    Moved,
    /// A call to the emergency number.
    Emergency,
    /// The call back after a call to the emergency number.
    EmergencyCallback,
    /// OPTIONS between the border and its carriers.
    KeepAlive,
    /// REGISTER of the customer's telephones.
    Registration,
    /// A telephone watches the lamp of a colleague: SUBSCRIBE, NOTIFY.
    Subscription,
    /// A text between colleagues: MESSAGE.
    Message,
}

impl Truth {
    /// Whether the call was answered.
    pub fn answered(&self) -> bool {
        self.duration_seconds.is_some()
    }

    /// Whether it is a call and not a request outside one.
    pub fn is_call(&self) -> bool {
        self.method == Method::Invite.word()
    }

    /// Reads it off the datagrams that `call` is played with.
    pub(crate) fn read(call: &Call, turns: &[Turn]) -> Self {
        let responses = turns.iter().filter_map(|turn| match turn.what {
            What::Response { status, method, opening: true, .. } if method == call.method => {
                Some((turn.after_micros, status))
            }
            _ => None,
        });
        let mut rings = None;
        let mut last = None;
        for (after, status) in responses {
            match status {
                100 => {}
                101..=199 => rings = rings.or(Some(after)),
                200..=299 if last.is_some_and(|(_, last)| last == status) => {}
                _ => last = Some((after, status)),
            }
        }
        let bye = |stray: bool| {
            let of = move |turn: &&Turn| turn.stray == stray;
            turns.iter().filter(of).find_map(|turn| match turn.what {
                What::Request { method: Method::Bye, .. } => Some(turn.after_micros),
                _ => None,
            })
        };
        let ended = bye(false).or_else(|| bye(true));
        let seconds = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e6;
        Self {
            call_id: call.call_id(),
            method: call.method.word(),
            start_micros: call.at,
            caller: call.caller.number.clone(),
            called: call.called.number.clone(),
            direction: call.direction,
            label: call.label,
            campaign: call.campaign,
            source: call.stranger().unwrap_or(call.near),
            status: last.map(|(_, status)| status),
            ring_seconds: rings.zip(last).map(|(ring, (end, _))| seconds(ring, end)),
            duration_seconds: last.zip(ended).map(|((start, _), end)| seconds(start, end)),
            datagrams: turns.len(),
        }
    }
}

impl Label {
    /// Its word: `inbound`, `radio-contest`, `wangiri`…
    pub const fn word(self) -> &'static str {
        match self {
            Self::Benign(kind) => kind.word(),
            Self::Confounder(event) => event.word(),
            Self::Attack(attack) => attack.word(),
        }
    }

    /// Whether it is part of an attack; a confounder is not.
    pub const fn is_attack(self) -> bool {
        matches!(self, Self::Attack(_))
    }
}

impl Benign {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::International => "international",
            Self::FromAbroad => "from-abroad",
            Self::Internal => "internal",
            Self::Forwarded => "forwarded",
            Self::OwnMobile => "own-mobile",
            Self::Neighbour => "neighbour",
            Self::TollFree => "toll-free",
            Self::Voicemail => "voicemail",
            Self::Fax => "fax",
            Self::Conference => "conference",
            Self::Moved => "moved",
            Self::Emergency => "emergency",
            Self::EmergencyCallback => "emergency-callback",
            Self::KeepAlive => "keep-alive",
            Self::Registration => "registration",
            Self::Subscription => "subscription",
            Self::Message => "message",
        }
    }
}

impl Direction {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
        }
    }
}
