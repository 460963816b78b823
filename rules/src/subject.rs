//! The facts of one call attempt, as the engine measured them: all that a policy may judge by.

use std::net::SocketAddr;

use crate::flag::Flags;
use crate::number::Number;
use crate::time::Timestamp;

/// What one address of a message was read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Party {
    /// A number, international or local.
    Number(Number),
    /// An emergency service by URN (`urn:service:sos`, RFC 5031).
    EmergencyService,
    /// The caller withheld the number (`anonymous`, `unknown`, `restricted`, `unavailable`…).
    Anonymous,
    /// Looks like a number but cannot be one; the raw text is kept and equals no listed number.
    Invalid,
    /// A name, such as `alice`.
    Name,
    /// No user part at all.
    Absent,
}

impl Party {
    /// The number, if it is one.
    pub fn number(self) -> Option<Number> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }
}

/// Where an identity stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// From (RFC 3261 §20.20).
    From,
    /// P-Asserted-Identity (RFC 3325).
    Asserted,
    /// P-Preferred-Identity (RFC 3325).
    Preferred,
    /// Remote-Party-ID with party=calling (draft-ietf-sip-privacy-04).
    RemoteParty,
    /// Diversion (RFC 5806).
    Diversion,
    /// History-Info (RFC 7044).
    History,
}

/// One identity of the message and whether it may open a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What it was read as.
    pub party: Party,
    /// The header it stood in.
    pub origin: Origin,
    /// Whether a `trusted` peer asserted it (P-Asserted-Identity) or the customer's own trunk sent it. Only
    /// such identities count in an `allow` and in the `unless` of a block.
    pub asserted: bool,
}

/// Which way a call goes, seen from the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum Direction {
    /// From outside to the customer.
    Inbound,
    /// From the customer to outside.
    Outbound,
    /// From the customer to the customer.
    Internal,
}

/// What carried the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Sctp,
    Ws,
    Wss,
}

/// Declares an enum whose variants have fixed words in policy files and records.
macro_rules! worded {
    ($(#[$meta:meta])* $name:ident { $($variant:ident $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "the words say it all")]
        pub enum $name { $($variant),+ }

        impl $name {
            /// Every value, in order of their bits.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in policy files and records.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value that `word` names.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

worded! {
    /// SIP methods of the IANA registry; every other one is `Other`.
    Method {
        Invite "INVITE", Ack "ACK", Bye "BYE", Cancel "CANCEL", Register "REGISTER", Options "OPTIONS",
        Prack "PRACK", Subscribe "SUBSCRIBE", Notify "NOTIFY", Publish "PUBLISH", Info "INFO", Refer "REFER",
        Message "MESSAGE", Update "UPDATE", Other "other",
    }
}

worded! {
    /// What the session description offers.
    CallType { Voice "voice", Fax "fax", Video "video", Other "other" }
}

worded! {
    /// What is known of the caller's right to the number (RFC 8588), as far as a trusted peer said or we verified.
    Attestation { Full "A", Partial "B", Gateway "C", None "none", Failed "failed" }
}

impl Direction {
    /// Every direction, in order of their bits.
    pub const ALL: &'static [Self] = &[Self::Inbound, Self::Outbound, Self::Internal];

    /// The word in policy files and records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
        }
    }

    /// The direction that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|direction| direction.word() == word)
    }
}

impl Transport {
    /// Every transport, in order of their bits.
    pub const ALL: &'static [Self] = &[Self::Udp, Self::Tcp, Self::Tls, Self::Sctp, Self::Ws, Self::Wss];

    /// The word in policy files and records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Sctp => "sctp",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The transport that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|transport| transport.word() == word)
    }
}

/// Looks up headers of the message under judgement by name.
pub trait Headers {
    /// Hands every value of the header `name` (any case) to `visit`, in order, until it returns true.
    /// Returns whether it did.
    fn any_value(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

/// A message without headers, for questions asked on the command line.
impl Headers for () {
    fn any_value(&self, _: &str, _: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        false
    }
}

/// The facts of one attempt under one customer's policy. Plain data; all text is as it came from the wire.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// When it was seen.
    pub at: Timestamp,
    /// The request's method, by the request line; REFER for a 3xx to an INVITE, which transfers the call as well.
    pub method: Method,
    /// Which way it goes.
    pub direction: Direction,
    /// Who sent the packet.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// Every identity that says who calls: From, P-Asserted-Identity, P-Preferred-Identity, Remote-Party-ID.
    pub callers: &'a [Identity],
    /// Every identity that says who forwarded: Diversion, History-Info.
    pub forwarders: &'a [Identity],
    /// Where it goes: the Request-URI first, then routing numbers, Refer-To and redirect targets.
    pub called: &'a [Party],
    /// Which of `called` are dialled, from the first to behind the last: the Request-URI with its routing number; of a REFER each Refer-To, of a 3xx each Contact.
    pub dialled: (usize, usize),
    /// Whether the caller asked for privacy (RFC 3323) or withheld the number.
    pub restricted: bool,
    /// Display name of From, unquoted.
    pub display_name: &'a [u8],
    /// User-Agent.
    pub user_agent: &'a [u8],
    /// Hosts of the From URI and of the Request-URI.
    pub hosts: [&'a [u8]; 2],
    /// What its session description offers.
    pub call_type: CallType,
    /// `None` when an Identity header is there that nobody has verified.
    pub attestation: Option<Attestation>,
    /// Who signed the PASSporT; empty when unknown.
    pub signer: &'a [u8],
    /// Whether its identities name different callers.
    pub identity_mismatch: bool,
    /// Whether it carries a Resource-Priority of esnet, ets or wps (RFC 4412) from a trusted peer.
    pub priority: bool,
    /// Whether it calls back somebody who has just called an emergency number.
    pub callback: bool,
    /// Whether it repeats an attempt to the same numbers that this policy judged already and let pass (with
    /// credentials after a challenge, as a rule): rules decide anew, limits do not count it again and are not
    /// exceeded by the place it has. Never to be set after a refusal or for other numbers: it would be a way
    /// round every limit.
    pub repeat: bool,
    /// What the reader had to repair.
    pub flags: Flags,
    /// Other headers.
    pub headers: &'a dyn Headers,
}
