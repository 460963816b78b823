//! One concrete call that shows what a rule can do.

use std::fmt;
use std::net::SocketAddr;

use super::space::Choice;
use crate::flag::Flags;
use crate::policy::TextField;
use crate::subject::{
    Attestation, CallType, Direction, Headers, Identity, Method, Origin, Party, Subject, Transport,
};
use crate::time::Timestamp;

/// A call that a policy can be asked about: as plain as the question allows, the rest empty.
#[derive(Clone, Debug)]
pub struct Witness {
    /// When, in the customer's zone a minute that [`Witness::time`] names.
    pub at: Timestamp,
    /// That minute in words: `Mon 18:05`, `2026-12-25 09:00`.
    pub time: String,
    /// The request's method.
    pub method: Method,
    /// Which way it goes.
    pub direction: Direction,
    /// Who sent the packet.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// Who calls.
    pub callers: Vec<Identity>,
    /// Who forwarded.
    pub forwarders: Vec<Identity>,
    /// Where it goes; [`Party::Absent`] when that does not matter.
    pub called: Vec<Party>,
    /// Display name of From.
    pub display_name: Vec<u8>,
    /// User-Agent.
    pub user_agent: Vec<u8>,
    /// Hosts of the From URI and of the Request-URI.
    pub hosts: [Vec<u8>; 2],
    /// What it offers.
    pub call_type: CallType,
    /// `None` when nobody verified an Identity header that is there.
    pub attestation: Option<Attestation>,
    /// Who signed the PASSporT.
    pub signer: Vec<u8>,
    /// Whether its identities name different callers.
    pub identity_mismatch: bool,
    /// What the reader had to repair.
    pub flags: Flags,
    /// Other headers, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    pub(super) minute: usize,
    pub(super) narrowed: Narrowed,
}

/// What the question cares about: only that is said to people.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Narrowed {
    pub(super) choices: u8,
    pub(super) time: bool,
    pub(super) source: bool,
    pub(super) destination: bool,
}

impl Witness {
    /// The call as a matcher wants it.
    pub fn subject(&self) -> Subject<'_> {
        let [from, to] = &self.hosts;
        Subject {
            at: self.at,
            method: self.method,
            direction: self.direction,
            source: self.source,
            destination: self.destination,
            transport: self.transport,
            callers: &self.callers,
            forwarders: &self.forwarders,
            called: &self.called,
            dialled: (0, 1),
            restricted: false,
            display_name: &self.display_name,
            user_agent: &self.user_agent,
            hosts: [from, to],
            call_type: self.call_type,
            attestation: self.attestation,
            signer: &self.signer,
            identity_mismatch: self.identity_mismatch,
            priority: false,
            repeat: false,
            callback: false,
            flags: self.flags,
            headers: self,
        }
    }

    /// The place of its value among those of `choice`.
    pub(super) fn choice(&self, choice: Choice) -> usize {
        match choice {
            Choice::Direction => self.direction as usize,
            Choice::Transport => self.transport as usize,
            Choice::Method => self.method as usize,
            Choice::CallType => self.call_type as usize,
            Choice::Attestation => self.attestation.map_or(Attestation::ALL.len(), |value| value as usize),
            Choice::Mismatch => usize::from(self.identity_mismatch),
        }
    }

    /// Gives `choice` its value number `index`.
    pub(super) fn choose(&mut self, choice: Choice, index: usize) {
        match choice {
            Choice::Direction => self.direction = pick(Direction::ALL, index, self.direction),
            Choice::Transport => self.transport = pick(Transport::ALL, index, self.transport),
            Choice::Method => self.method = pick(Method::ALL, index, self.method),
            Choice::CallType => self.call_type = pick(CallType::ALL, index, self.call_type),
            Choice::Attestation => self.attestation = Attestation::ALL.get(index).copied(),
            Choice::Mismatch => self.identity_mismatch = index == 1,
        }
    }

    /// The texts of `field`.
    pub(super) fn texts(&self, field: &TextField) -> Vec<&[u8]> {
        match field {
            TextField::DisplayName => vec![&self.display_name],
            TextField::UserAgent => vec![&self.user_agent],
            TextField::Host => self.hosts.iter().map(Vec::as_slice).collect(),
            TextField::Signer => vec![&self.signer],
            TextField::Header(name) => self
                .headers
                .iter()
                .filter(|(other, _)| other == name)
                .map(|(_, value)| value.as_slice())
                .collect(),
        }
    }
}

impl Headers for Witness {
    fn any_value(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.headers.iter().any(|(other, value)| other.eq_ignore_ascii_case(name) && visit(value))
    }
}

impl fmt::Display for Witness {
    /// `an inbound call from +12105550100 to +12105550123 on Mon 18:05`: only what matters is said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let says = |choice: Choice| self.narrowed.choices >> choice as usize & 1 == 1;
        if says(Choice::Direction) {
            write!(f, "an {} ", self.direction.word())?;
        } else {
            f.write_str("a ")?;
        }
        if says(Choice::CallType) {
            write!(f, "{} ", self.call_type.word())?;
        }
        if self.method == Method::Invite {
            f.write_str("call")?;
        } else {
            write!(f, "{} request", self.method.word())?;
        }
        for identity in &self.callers {
            let asserted = if identity.asserted { "asserted " } else { "" };
            write!(f, " from {asserted}{}", Named(identity.party))?;
        }
        for identity in &self.forwarders {
            let asserted = if identity.asserted { "asserted " } else { "" };
            write!(f, " forwarded by {asserted}{}", Named(identity.party))?;
        }
        for &party in self.called.iter().filter(|&&party| party != Party::Absent) {
            write!(f, " to {}", Named(party))?;
        }
        if self.narrowed.time {
            write!(f, " on {}", self.time)?;
        }
        if self.narrowed.source {
            write!(f, " out of {}", self.source.ip())?;
        }
        if self.narrowed.destination {
            write!(f, " sent to {}", self.destination.ip())?;
        }
        let texts = [
            ("display name", &self.display_name),
            ("user agent", &self.user_agent),
            ("signer", &self.signer),
        ];
        let hosts = self.hosts.iter().map(|host| ("host", host));
        for (name, text) in texts.into_iter().chain(hosts).filter(|(_, text)| !text.is_empty()) {
            write!(f, ", {name} \"{}\"", text.escape_ascii())?;
        }
        for (name, value) in &self.headers {
            write!(f, ", {name}: {}", value.escape_ascii())?;
        }
        if says(Choice::Transport) {
            write!(f, " over {}", self.transport.word())?;
        }
        if says(Choice::Attestation) {
            write!(f, ", attestation {}", self.attestation.map_or("unverified", Attestation::word))?;
        }
        if says(Choice::Mismatch) {
            f.write_str(if self.identity_mismatch { ", identities differ" } else { ", identities agree" })?;
        }
        for flag in self.flags.iter() {
            write!(f, ", {flag}")?;
        }
        Ok(())
    }
}

struct Named(Party);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Party::Number(number) => fmt::Display::fmt(&number, f),
            Party::EmergencyService => f.write_str("urn:service:sos"),
            Party::Anonymous => f.write_str("anonymous"),
            Party::Invalid => f.write_str("an invalid number"),
            Party::Name => f.write_str("a name"),
            Party::Absent => f.write_str("nobody"),
        }
    }
}

/// An identity that a matcher may meet: asserted ones stand in P-Asserted-Identity.
pub(super) fn caller(party: Party, asserted: bool) -> Identity {
    Identity { party, origin: if asserted { Origin::Asserted } else { Origin::From }, asserted }
}

/// A forwarder, as Diversion names it.
pub(super) fn forwarder(party: Party, asserted: bool) -> Identity {
    Identity { party, origin: Origin::Diversion, asserted }
}

fn pick<T: Copy>(values: &[T], index: usize, otherwise: T) -> T {
    values.get(index).copied().unwrap_or(otherwise)
}
