//! One planned exchange: a call, or a request outside any call.

use std::fmt;
use std::net::SocketAddr;

use crate::truth::{Direction, Label};

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
    pub(crate) display: &'static str,
    pub(crate) user_agent: &'static str,
    /// The value of P-Asserted-Identity, if one is sent.
    pub(crate) asserted: Option<String>,
    /// The value of Diversion, if the call was forwarded.
    pub(crate) diversion: Option<String>,
    /// Level of a SHAKEN attestation, if the carrier signed.
    pub(crate) attested: Option<char>,
    pub(crate) direction: Direction,
    pub(crate) label: Label,
}

/// One end of a call: who it really is and how the message writes it.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    /// `+` and digits, or a name.
    pub(crate) number: String,
    /// The URI in From or To.
    pub(crate) uri: String,
}

/// The methods the generator sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Prack,
    Refer,
    Notify,
    Options,
    Register,
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
    /// The 100 is late, so the INVITE is sent again (RFC 3261 §17.1.1.2).
    pub(crate) repeated: bool,
    /// Two telephones ring: two early dialogs.
    pub(crate) forked: bool,
    /// Early media: 183 with SDP, PRACK (RFC 3262).
    pub(crate) early_media: bool,
    /// Put on hold and taken back: two re-INVITE.
    pub(crate) held: bool,
    /// Handed on to a colleague: REFER, 202, NOTIFY (RFC 3515).
    pub(crate) referred: bool,
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
}

impl Method {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Prack => "PRACK",
            Self::Refer => "REFER",
            Self::Notify => "NOTIFY",
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
