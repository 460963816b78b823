//! What RFC 3261 and its torture tests (RFC 4475, RFC 5118) want done with a message as such.

use std::fmt;

use rules::{Flag, Flags, Method};

use super::header::Header;
use super::message::Message;
use super::text::trim;
use super::uri::Scheme;

/// What to do with a message before anybody asks who calls whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Go on with it; it may still carry flags.
    Accept,
    /// A request to answer with this status.
    Reject {
        /// The status code.
        status: u16,
        /// Its reason phrase.
        reason: &'static str,
    },
    /// A response, or something that is neither; nobody answers those.
    Discard {
        /// What says so.
        section: &'static str,
    },
}

impl Disposition {
    /// Where it is written what to do; `None` when there is nothing to object to.
    pub const fn section(self) -> Option<&'static str> {
        match self {
            Self::Accept => None,
            Self::Discard { section } => Some(section),
            Self::Reject { status: 416, .. } => Some("RFC 3261 §8.2.2.1"),
            Self::Reject { status: 420, .. } => Some("RFC 3261 §8.2.2.3"),
            Self::Reject { status: 501, .. } => Some("RFC 3261 §21.5.2"),
            Self::Reject { status: 505, .. } => Some("RFC 3261 §21.5.6"),
            Self::Reject { .. } => Some("RFC 3261 §21.4.1"),
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("go on with it")?,
            Self::Reject { status, reason } => write!(f, "answer {status} {reason}")?,
            Self::Discard { .. } => f.write_str("discard it, unanswered")?,
        }
        self.section().map_or(Ok(()), |section| write!(f, " ({section})"))
    }
}

impl Message<'_> {
    /// What to do with the message. `defects` is what [`defects`](Message::defects) found. What depends on who
    /// answers (483 at zero hops, 415, 406, 401) is left to them.
    pub fn disposition(&self, defects: Flags) -> Disposition {
        let flags = defects.union(self.address_defects());
        if !self.is_request() {
            return self.judge_response(flags);
        }
        if flags.contains(Flag::BadVersion) {
            return reject(505, "Version Not Supported");
        }
        // RFC 4475 §3.1.2.18: a method nobody knows, and CSeq names another.
        if flags.contains(Flag::UnknownMethod) && flags.contains(Flag::CseqMismatch) {
            return reject(501, "Not Implemented");
        }
        if !flags.intersection(broken()).is_empty() {
            return reject(400, "Bad Request");
        }
        match self.request_uri().scheme {
            Scheme::Other | Scheme::Missing => return reject(416, "Unsupported URI Scheme"),
            Scheme::Sip | Scheme::Sips | Scheme::Tel | Scheme::Urn => {}
        }
        if self.method() == Method::Register && !self.names_account() {
            return reject(400, "Bad Request");
        }
        if self.wants_unknown_extension() {
            return reject(420, "Bad Extension");
        }
        Disposition::Accept
    }

    fn judge_response(&self, flags: Flags) -> Disposition {
        // RFC 4475 §3.3.17: behind our own Via the next one names a broadcast address.
        let broadcast = self.vias().skip(1).any(|via| via.host == b"255.255.255.255");
        let broken = !flags.intersection(broken().union(Flags::of(Flag::BadStatus))).is_empty();
        let readable = self.is_response() && !broken && !flags.contains(Flag::BadVersion);
        match (readable, broadcast) {
            (true, false) => Disposition::Accept,
            (true, true) => Disposition::Discard { section: "RFC 4475 §3.3.17" },
            (false, _) => Disposition::Discard { section: "RFC 3261 §18.3" },
        }
    }

    /// Whether To is what a registrar keeps: a SIP address (RFC 3261 §10.3, RFC 4475 §3.3.4).
    fn names_account(&self) -> bool {
        self.to().is_some_and(|to| matches!(to.uri.scheme, Scheme::Sip | Scheme::Sips))
    }

    /// Whether it requires an extension that no RFC has registered.
    fn wants_unknown_extension(&self) -> bool {
        [Header::Require, Header::ProxyRequire].into_iter().any(|header| {
            self.values(header).flat_map(|value| value.split(|&byte| byte == b',').map(trim)).any(|tag| {
                !tag.is_empty() && !OPTION_TAGS.iter().any(|known| tag.eq_ignore_ascii_case(known.as_bytes()))
            })
        })
    }
}

fn reject(status: u16, reason: &'static str) -> Disposition {
    Disposition::Reject { status, reason }
}

/// Flags that no request may carry and be answered with anything but 400. Bare line feeds, NULs that a quoted
/// string may hold, bytes that are not UTF-8, missing tags, odd numbers and trailing bytes are let through, as
/// RFC 4475 does.
fn broken() -> Flags {
    [
        Flag::Malformed,
        Flag::FoldAfterStartLine,
        Flag::CtlInHeaderName,
        Flag::NoColon,
        Flag::BareCr,
        Flag::DupSingleHeader,
        Flag::MissingHeader,
        Flag::Truncated,
        Flag::BadContentLength,
        Flag::DupContentLength,
        Flag::BadStartLine,
        Flag::BadCseq,
        Flag::CseqMismatch,
        Flag::BadUri,
        Flag::UriHeaders,
        Flag::BadEscape,
        Flag::Oversized,
    ]
    .into_iter()
    .collect()
}

/// The IANA registry of option tags.
const OPTION_TAGS: &[&str] = &[
    "100rel",
    "199",
    "answermode",
    "early-session",
    "eventlist",
    "explicitsub",
    "from-change",
    "geolocation-http",
    "geolocation-sip",
    "gin",
    "gruu",
    "histinfo",
    "ice",
    "join",
    "multiple-refer",
    "norefersub",
    "nosub",
    "outbound",
    "path",
    "policy",
    "precondition",
    "pref",
    "privacy",
    "recipient-list-invite",
    "recipient-list-message",
    "recipient-list-subscribe",
    "record-aware",
    "replaces",
    "resource-priority",
    "sdp-anat",
    "sec-agree",
    "siprec",
    "tdialog",
    "timer",
    "trickle-ice",
    "uui",
];
