//! One planned exchange: a call, or a request outside any call.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use crate::region::Region;
use crate::truth::{Direction, Label};
use crate::writing::Writing;

/// Everything that the datagrams of one exchange are written from.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// When its first request is sent, Unix microseconds.
    pub(crate) at: i64,
    /// Seeds its Call-ID, tags, branches and the jitter of its answers.
    pub(crate) id: u64,
    pub(crate) method: Method,
    pub(crate) caller: Party,
    pub(crate) called: Party,
    /// Where the caller's side sends from.
    pub(crate) near: SocketAddr,
    /// Where the called side sends from.
    pub(crate) far: SocketAddr,
    pub(crate) style: Style,
    pub(crate) outcome: Outcome,
    pub(crate) habits: Habits,
    pub(crate) display: Cow<'static, str>,
    pub(crate) user_agent: &'static str,
    /// The value of P-Asserted-Identity, if one is sent.
    pub(crate) asserted: Option<String>,
    /// The value of Diversion, if the call was forwarded.
    pub(crate) diversion: Option<String>,
    /// Level of a SHAKEN attestation, if the carrier signed.
    pub(crate) attested: Option<char>,
    /// What few exchanges have.
    pub(crate) special: Option<Box<Special>>,
    pub(crate) direction: Direction,
    pub(crate) label: Label,
    /// The campaign it belongs to.
    pub(crate) campaign: Option<u32>,
}

/// What few exchanges have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Special {
    /// Who is no party of the call and sends into it.
    pub(crate) stranger: Option<SocketAddr>,
    /// The URI that a REFER or a 302 points to; without it a REFER goes to a colleague.
    pub(crate) target: Option<String>,
    /// The signature of another call, shown with this one.
    pub(crate) replayed: Option<Signed>,
    /// What a MESSAGE says.
    pub(crate) text: String,
}

/// What a PASSporT was signed for.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) caller: String,
    pub(crate) called: String,
    /// Unix microseconds.
    pub(crate) at: i64,
    pub(crate) id: u64,
}

/// One end of a call: who it really is and how the message writes it.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    /// `+` and digits, or a name.
    pub(crate) number: String,
    /// The URI in From or To.
    pub(crate) uri: String,
}

impl Party {
    /// The holder of `number`, written as `writing` says for `host`.
    pub(crate) fn number(number: u64, writing: Writing, host: SocketAddr, region: Region) -> Self {
        Self { number: format!("+{number}"), uri: writing.uri(number, &host.ip().to_string(), region) }
    }

    /// Somebody with a name or a short number, such as `nm` or `911`.
    pub(crate) fn named(name: &str, host: &str) -> Self {
        Self { number: name.to_owned(), uri: format!("sip:{name}@{host}") }
    }

    /// Somebody who shows no number.
    pub(crate) fn anonymous() -> Self {
        Self { number: "anonymous".to_owned(), uri: "sip:anonymous@anonymous.invalid".to_owned() }
    }
}

/// The methods the generator sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Prack,
    Update,
    Refer,
    Notify,
    Options,
    Register,
    Subscribe,
    Message,
}

/// How much a message carries and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A telephone or PBX: about 900 bytes an INVITE.
    Plain,
    /// A carrier: several Via, Record-Route, identity headers, up to about 1,475 bytes.
    Carrier,
    /// Compact header names (RFC 3261 §7.3.3).
    Compact,
    /// A script: only what RFC 3261 asks for.
    Bare,
}

/// How it ends. Times are microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Rings, is answered, then either side hangs up.
    Answered { ring: u64, talk: u64, callee_ends: bool },
    /// Rings until the caller gives up: CANCEL and 487.
    Cancelled { ring: u64 },
    /// Is refused with this status at once.
    Refused(u16),
    /// A request outside any call, answered with this status.
    Replied(u16),
    /// Nobody answers; the request is not repeated.
    Ignored,
}

/// What happens on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Habits {
    /// The status of a digest challenge and the repeat with credentials.
    pub(crate) challenge: Option<u16>,
    /// How often credentials are refused, and other ones sent, before the outcome.
    pub(crate) tries: u16,
    /// Seconds between two of those tries.
    pub(crate) try_seconds: u16,
    /// The 100 is late, so the INVITE is sent again (RFC 3261 §17.1.1.2).
    pub(crate) repeated: bool,
    /// Two telephones ring: two early dialogs.
    pub(crate) forked: bool,
    /// Early media: 183 with SDP, PRACK (RFC 3262).
    pub(crate) early_media: bool,
    /// The session changes before the answer: UPDATE (RFC 3311).
    pub(crate) updated: bool,
    /// Put on hold and taken back: two re-INVITE.
    pub(crate) held: bool,
    /// Who hands the call on: REFER, 202, NOTIFY (RFC 3515).
    pub(crate) referred: Option<Side>,
    /// The session is refreshed every so many seconds (RFC 4028); 0 for never.
    pub(crate) refresh_seconds: u16,
    pub(crate) media: Media,
    /// The caller answers what the called side asks inside the call with a challenge of its own.
    pub(crate) leak: Option<Leak>,
    /// Somebody who is no party ends the call.
    pub(crate) torn: Option<Torn>,
}

/// One end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Caller,
    Called,
}

/// What a call carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Media {
    #[default]
    Voice,
    /// T.38 offered at once.
    Fax,
    /// Voice that turns into T.38 by a re-INVITE of the called side.
    FaxLater,
    /// A clear channel: modem or ISDN data (RFC 4040).
    Modem,
    Video,
}

/// A request of the called side that the caller challenges, to hear its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leak {
    Bye(u16),
    Reinvite(u16),
}

/// How somebody who is no party ends a call, and what is said to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Torn {
    /// A BYE in the name of one side.
    Bye { as_caller: bool, status: u16 },
    /// A CANCEL while it rings.
    Cancel { status: u16 },
}

impl Call {
    /// Its Call-ID as the messages carry it.
    pub(crate) fn call_id(&self) -> String {
        let id = self.id;
        match self.style {
            Style::Carrier => format!("{id:016x}-{:08x}@{}", id.rotate_left(17) as u32, self.near.ip()),
            Style::Plain => format!(
                "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                id as u32,
                id >> 32 & 0xffff,
                id >> 48 & 0xfff,
                id >> 16 & 0xfff,
                id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
            ),
            Style::Compact | Style::Bare => format!("{id}"),
        }
    }

    pub(crate) fn special(&mut self) -> &mut Special {
        self.special.get_or_insert_default()
    }

    /// The address outside that sends into a call it is no party of.
    pub(crate) fn stranger(&self) -> Option<SocketAddr> {
        self.special.as_ref().and_then(|special| special.stranger)
    }
}

impl Method {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Prack => "PRACK",
            Self::Update => "UPDATE",
            Self::Refer => "REFER",
            Self::Notify => "NOTIFY",
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Message => "MESSAGE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
