//! A call as records keep it: what a policy can judge again.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;

use rules::{Attestation, CallType, Flag, Flags, Method, Party, Timestamp, Transport};

use crate::call::{Attempt, Fact, Kind, Role, Shown, Side, Sighting};
use crate::limits::{FACTS_MAX, HEADERS_KEPT_MAX, TALLIES_MAX};

/// A recorded call with its course. One is filled again and again; its buffers stay.
#[derive(Debug)]
pub struct Recorded {
    /// What it is called in the answer.
    pub row: u64,
    /// The first message.
    pub started: Timestamp,
    /// What opened it.
    pub kind: Kind,
    /// Whether it is another leg of a call: it counted nowhere.
    pub is_leg: bool,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// What its session description offered.
    pub call_type: CallType,
    /// What became of it.
    pub course: Course,
    pub(crate) call_id: Range<u32>,
    pub(crate) text: Vec<u8>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) sightings: Vec<Sighting>,
}

/// What became of a recorded call. Times are microseconds from its start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Course {
    /// The first ring.
    pub rang: Option<i64>,
    /// The first 2xx.
    pub answered: Option<i64>,
    /// The last refusal, or the BYE of an answered call.
    pub ended: Option<i64>,
    /// The final response; 0 without one.
    pub status: u16,
    /// The first refusal that no repeat answered.
    pub refused: Option<(u16, i64)>,
    /// When its time was up.
    pub timed_out: Option<i64>,
    /// When we answered it ourselves.
    pub concluded: Option<i64>,
    /// Who hung up.
    pub hung_up: Option<Side>,
    /// Whether a CANCEL was seen.
    pub cancelled: bool,
    /// Whether it is a REGISTER with credentials.
    pub has_credentials: bool,
    /// Whether another REGISTER of its Call-ID carried them.
    pub is_followed_up: bool,
    /// Flags that were noticed later, and when.
    pub noticed: [Option<(Flag, i64)>; crate::limits::NOTICED_MAX],
}

/// What one message of a recorded call showed, beside its addresses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Showing<'a> {
    /// When it came.
    pub at: Timestamp,
    /// What the reader repaired.
    pub flags: Flags,
    /// What was known of the caller's right to the number.
    pub attestation: Option<Attestation>,
    /// Whether the caller asked for privacy.
    pub restricted: bool,
    /// Whether it carries a Resource-Priority that outranks policy.
    pub has_priority: bool,
    /// Whether it is the INVITE again with a higher CSeq.
    pub is_repeat: bool,
    /// Display name of From.
    pub display_name: &'a [u8],
    /// User-Agent.
    pub user_agent: &'a [u8],
    /// Who signed, where it passed.
    pub signer: &'a [u8],
    /// Hosts of the From URI and of the Request-URI.
    pub hosts: [&'a [u8]; 2],
}

impl Default for Recorded {
    fn default() -> Self {
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self {
            row: 0,
            started: Timestamp::default(),
            kind: Kind::Call,
            is_leg: false,
            source: nowhere,
            destination: nowhere,
            transport: Transport::Udp,
            call_type: CallType::Other,
            course: Course::default(),
            call_id: 0..0,
            text: Vec::new(),
            facts: Vec::new(),
            sightings: Vec::new(),
        }
    }
}

impl Recorded {
    /// Makes it a call that began at `started`, of which nothing else is known.
    pub fn begin(&mut self, row: u64, started: Timestamp, call_id: &[u8]) {
        (self.row, self.started, self.kind, self.is_leg) = (row, started, Kind::Call, false);
        self.course = Course::default();
        self.text.clear();
        self.facts.clear();
        self.sightings.clear();
        self.call_id = self.keep(call_id);
    }

    /// Adds a message that showed `showing`; the addresses and headers that follow are its. More than [`TALLIES_MAX`] are
    /// left out.
    pub fn message(&mut self, showing: &Showing<'_>) {
        if self.sightings.len() >= TALLIES_MAX {
            return;
        }
        let shown = Shown {
            display_name: self.keep(showing.display_name),
            user_agent: self.keep(showing.user_agent),
            hosts: showing.hosts.map(|host| self.keep(host)),
            headers: 0..0,
        };
        let signer = self.keep(showing.signer);
        let first = self.facts.len() as u32;
        self.sightings.push(Sighting {
            policy: 0,
            at: showing.at,
            flags: showing.flags,
            attestation: showing.attestation,
            restricted: showing.restricted,
            has_priority: showing.has_priority,
            is_repeat: showing.is_repeat,
            facts: first..first,
            signer,
            shown,
        });
    }

    /// Adds an address to the last message, in its order; `written` is its user part where it is no number.
    pub fn address(&mut self, role: Role, party: Party, written: &[u8]) {
        let raw = if party.number().is_some() { 0..0 } else { self.keep(written) };
        let Some(last) = self.sightings.last_mut() else { return };
        if last.facts.len() < FACTS_MAX {
            self.facts.push(Fact { role, party, raw });
            last.facts.end = self.facts.len() as u32;
        }
    }

    /// Adds headers of the last message, all at once.
    pub fn headers<'a>(&mut self, headers: impl Iterator<Item = (&'a str, &'a [u8])>) {
        let start = self.text.len() as u32;
        for (name, value) in headers.take(HEADERS_KEPT_MAX) {
            self.text.extend_from_slice(name.as_bytes());
            self.text.push(b':');
            self.text.extend(value.iter().filter(|byte| **byte != b'\n'));
            self.text.push(b'\n');
        }
        if let Some(last) = self.sightings.last_mut() {
            last.shown.headers = start..self.text.len() as u32;
        }
    }

    /// Hands all over to `attempt`, and takes its buffers.
    pub(crate) fn hand_over(&mut self, attempt: &mut Attempt) {
        std::mem::swap(&mut attempt.text, &mut self.text);
        std::mem::swap(&mut attempt.facts, &mut self.facts);
        std::mem::swap(&mut attempt.sightings, &mut self.sightings);
        attempt.sequence = self.row;
        attempt.leg_of = self.is_leg.then_some(0..0);
        (attempt.source, attempt.destination) = (self.source, self.destination);
        (attempt.transport, attempt.call_type) = (self.transport, self.call_type);
        (attempt.call_id, attempt.method) = (self.call_id.clone(), 0..0);
        let shown = attempt.sightings.first().map(|first| first.shown.clone()).unwrap_or_default();
        (attempt.display_name, attempt.user_agent) = (shown.display_name, shown.user_agent);
        attempt.standing.has_credentials = self.course.has_credentials;
        attempt.standing.is_followed_up = self.course.is_followed_up;
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(bytes);
        start..self.text.len() as u32
    }
}

/// What opened it, by a record's `kind`.
pub fn kind_of(word: &str, is_redirection: bool) -> Kind {
    if matches!(word, "call" | "leg") {
        return Kind::Call;
    }
    let is_named = |method: &&Method| method.word().eq_ignore_ascii_case(word);
    let method = Method::ALL.iter().find(is_named).copied().unwrap_or(Method::Other);
    if is_redirection { Kind::Redirection(method) } else { Kind::Request(method) }
}
