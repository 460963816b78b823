//! Firewall rules, as the compiler hands them to the matcher and to the prover.

use ipnet::IpNet;

use crate::flag::Flags;
use crate::number_set::NumberSet;
use crate::policy::{HoursId, ListId, Span, WeekSet};
use crate::time::Timestamp;

/// A firewall rule's place in file order, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct RuleId(pub u32);

/// One `[[firewall]]` table.
#[derive(Clone, Debug)]
pub struct FirewallRule {
    /// Its name, unique in the file.
    pub name: String,
    /// All of these must hold.
    pub when: Vec<Condition>,
    /// None of these may hold.
    pub unless: Vec<Condition>,
    /// What it does.
    pub action: RuleAction,
    /// Whether it acts, only reports, or sleeps (`off`). Already the stricter of its own and the customer's.
    pub mode: Mode,
    /// How loudly it reports.
    pub alert: AlertLevel,
    /// Whether a match opens a case.
    pub case: bool,
    /// When it stops acting by itself.
    pub expires: Option<Timestamp>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// Where it stands in the file.
    pub span: Span,
}

/// A value together with the text it was read from.
#[derive(Clone, Debug)]
pub struct Term<T> {
    /// The value.
    pub value: T,
    /// The text in the policy file.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// One dimension of `when` or `unless`. It holds when any of its terms does. A clause names a dimension at
/// most once (`header.NAME` once per name).
#[derive(Clone, Debug)]
pub enum Condition {
    /// Bit *n* for the *n*-th of `Direction::ALL`.
    Direction(u8),
    /// A number dimension.
    Numbers(NumberField, Vec<Term<NumberTerm>>),
    /// A text dimension.
    Text(TextField, Vec<Term<TextTerm>>),
    /// An address dimension.
    Networks(NetworkField, Vec<Term<NetworkTerm>>),
    /// Bit *n* for the *n*-th of `Transport::ALL`.
    Transport(u8),
    /// Bit *n* for the *n*-th of `Method::ALL`.
    Method(u16),
    /// Bit *n* for the *n*-th of `CallType::ALL`.
    CallType(u8),
    /// Bit *n* for the *n*-th of `Attestation::ALL`. An unverified Identity header (`None`) fits none of them.
    Attestation(u8),
    /// Times, in the customer's zone.
    Time(Vec<Term<TimeTerm>>),
    /// Whether the identities name different callers.
    IdentityMismatch(bool),
    /// Any of these flags.
    Flag(Flags),
}

impl Condition {
    /// Whether `other` speaks of the same dimension.
    pub(crate) fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Numbers(a, _), Self::Numbers(b, _)) => a == b,
            (Self::Text(a, _), Self::Text(b, _)) => a == b,
            (Self::Networks(a, _), Self::Networks(b, _)) => a == b,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// Which numbers of a subject a condition looks at. A condition holds when any of them fits any term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberField {
    /// `Subject::callers`.
    Caller,
    /// `Subject::called`.
    Called,
    /// `Subject::callers` and `Subject::forwarders`.
    Identity,
    /// `Subject::forwarders`.
    ForwardedBy,
}

/// One term of a number dimension. Words that stand for sets of numbers (`premium`, `country:GB`,
/// `international`, `own`, `length:7-9`, …) are already those sets.
#[derive(Clone, Debug)]
pub enum NumberTerm {
    /// Any of these numbers.
    Set(NumberSet),
    /// Any entry of a list of numbers.
    List(ListId),
    /// The number was withheld: `Party::Anonymous`, or `Subject::restricted` for the caller.
    Anonymous,
    /// `Party::Invalid`, or a number of this set (those that break their plan).
    Invalid(NumberSet),
    /// Shares the first 6 national digits (+1) or all but the last 4 (elsewhere) with the called number.
    Neighbour,
    /// An emergency number or service: `Party::EmergencyService` or a number of this set.
    Emergency(NumberSet),
}

/// Which text of a subject a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextField {
    /// Display name of From.
    DisplayName,
    /// User-Agent.
    UserAgent,
    /// Host of the From URI or of the Request-URI.
    Host,
    /// Who signed the PASSporT.
    Signer,
    /// Any value of this header; the name in lower case.
    Header(String),
}

/// One term of a text dimension.
#[derive(Clone, Debug)]
pub enum TextTerm {
    /// The text contains this, in any case (ASCII).
    Literal(String),
    /// The text matches this linear-time regular expression (already known to compile).
    Regex(String),
    /// Any entry of a list of texts.
    List(ListId),
}

/// Which address of a subject a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkField {
    /// Who sent the packet.
    Source,
    /// Either end of the packet.
    Trunk,
}

/// One term of an address dimension.
#[derive(Clone, Debug)]
pub enum NetworkTerm {
    /// In this network.
    Network(IpNet),
    /// In any network of a list.
    List(ListId),
}

/// One term of the time dimension.
#[derive(Clone, Debug)]
pub enum TimeTerm {
    /// Inside the named hours.
    Inside(HoursId),
    /// Outside the named hours.
    Outside(HoursId),
    /// In these minutes of the week.
    Weekly(Box<WeekSet>),
}

/// What a firewall rule does.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleAction {
    /// Ends the search: the call goes on.
    Allow,
    /// Ends the search, and blocks set by thresholds are skipped.
    BypassIps,
    /// Ends the search: the call is refused so.
    Block(Response),
    /// Ends the search: the call goes to this address.
    Divert(String),
    /// Marks the call; the search goes on.
    Tag(String),
    /// Ends the search when exceeded.
    Limit(Limit),
    /// Ends a call that is up; the search goes on.
    Terminate,
    /// Reports; the search goes on.
    Log,
}

/// How a refusal is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Response {
    /// A plain final response, 400 to 699.
    Code(u16),
    /// `603 Network Blocked` with the Reason of ATIS-1000099.
    NetworkBlocked,
    /// 608 with a jCard where the INVITE allows it (RFC 8688), else this code.
    Rejected {
        /// What is sent to a caller whose INVITE lacks `+sip.608`.
        fallback: u16,
    },
    /// Silence.
    Drop,
}

impl Response {
    /// The status code it is said with; `None` for silence.
    pub const fn code(self) -> Option<u16> {
        match self {
            Self::Code(code) => Some(code),
            Self::NetworkBlocked => Some(603),
            Self::Rejected { .. } => Some(608),
            Self::Drop => None,
        }
    }
}

/// How many calls may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// At most this many matching attempts in any window of this length.
    Rate {
        /// Attempts.
        calls: u32,
        /// Window, in microseconds.
        per_micros: i64,
    },
    /// At most this many matching calls up at once.
    Concurrent(u32),
}

/// Whether a rule or a policy acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Sleeps.
    Off,
    /// Reports what it would do.
    Shadow,
    /// Acts.
    Enforce,
}

/// How loudly a rule reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum AlertLevel {
    None,
    Info,
    Warning,
    Critical,
}
