//! The parts of keys: what a call is counted by, as hashes on the packet path and as text for people.

use std::fmt;
use std::net::IpAddr;

use ahash::RandomState;
use ipnet::IpNet;
use rules::plan;
use rules::policy::Customer;
use rules::policy::ips::Key;
use rules::{Number, Party};

use crate::call::{Attempt, Fact, View};

/// One part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part<'a> {
    Number(Number),
    /// The leading digits of a number, and how many are left off.
    Block(u64, u8),
    Text(&'a [u8]),
    Address(IpAddr),
    Net(IpNet),
    Word(&'static str),
}

/// A call as counters see it.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) attempt: &'a Attempt,
    pub(crate) view: &'a View,
    pub(crate) customer: &'a Customer,
    /// Host of the From URI; empty where it is not known any more.
    pub(crate) host: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The part that `key` names; `None` when the call has none.
    pub(super) fn part(&self, key: Key) -> Option<Part<'a>> {
        let Parts { attempt, view, customer, .. } = *self;
        let source = attempt.source.ip().to_canonical();
        match key {
            Key::Caller => Some(self.caller()),
            Key::CallerBlock(digits) => match self.caller() {
                Part::Number(number) => Some(block(number, digits)),
                other => Some(other),
            },
            Key::CallerCountry => country_of(self.caller()),
            Key::Called => self.called(),
            Key::CalledBlock(digits) => match self.called()? {
                Part::Number(number) => Some(block(number, digits)),
                other => Some(other),
            },
            Key::CalledCountry => country_of(self.called()?),
            Key::ForwardedBy => {
                let mut forwarders = attempt.facts(view).iter().filter(|fact| fact.role.says_who_forwarded());
                forwarders.next().and_then(|fact| self.party(fact))
            }
            Key::Source => Some(self.sender()),
            Key::SourceNet(length) => {
                let longest = if source.is_ipv4() { 32 } else { 128 };
                IpNet::new(source, length.min(longest)).ok().map(|net| Part::Net(net.trunc()))
            }
            Key::Trunk => {
                let ends = [source, attempt.destination.ip().to_canonical()];
                let trunks = customer.trunks.iter().chain(&customer.trusted);
                let mut used = trunks.filter(|net| ends.iter().any(|end| net.contains(end)));
                used.next().map(|net| Part::Net(*net))
            }
            Key::UserAgent => some_text(attempt.user_agent()),
            Key::DisplayName => some_text(attempt.display_name()),
            Key::Host => some_text(self.host),
            Key::Signer => some_text(attempt.signer(view)),
            Key::Transport => Some(Part::Word(attempt.transport.word())),
            Key::Direction => view.direction.map(|direction| Part::Word(direction.word())),
            Key::CallType => Some(Part::Word(attempt.call_type.word())),
            Key::Attestation => view.attestation.map(|attestation| Part::Word(attestation.word())),
        }
    }

    /// Who calls. Who cannot be named is known by the address it came from, never as one shared caller.
    pub(super) fn caller(&self) -> Part<'a> {
        let caller = self.attempt.caller(self.view).and_then(|fact| self.party(fact));
        caller.unwrap_or_else(|| self.sender())
    }

    /// Where it comes from: an address, or the network of an IPv6 address outside, as everybody is given so many of them
    /// (RFC 6177) that each call may come from another.
    fn sender(&self) -> Part<'a> {
        let source = self.attempt.source.ip().to_canonical();
        let net = IpNet::new(source, SITE_BITS).ok();
        let net = net.filter(|_| source.is_ipv6() && !self.customer.is_own_side(source));
        net.map_or(Part::Address(source), |net| Part::Net(net.trunc()))
    }

    /// Who is called: what was dialled, where it is no number.
    pub(super) fn called(&self) -> Option<Part<'a>> {
        let called = self.attempt.facts(self.view).iter().find(|fact| fact.role.routes())?;
        if called.party == Party::Invalid { some_text(self.attempt.raw(called)) } else { self.party(called) }
    }

    /// What a minute of the call costs, in parts of [`Rates::UNIT`](rules::policy::Rates::UNIT); 0 when that is not known.
    pub(super) fn price(&self) -> u32 {
        match self.called() {
            Some(Part::Number(number)) => self.customer.rates.of(number).map_or(0, |rate| rate.per_minute),
            _ => 0,
        }
    }

    fn party(&self, fact: &Fact) -> Option<Part<'a>> {
        match fact.party {
            Party::Number(number) => Some(Part::Number(number)),
            Party::Name | Party::EmergencyService => some_text(self.attempt.raw(fact)),
            Party::Anonymous | Party::Invalid | Party::Absent => None,
        }
    }
}

impl Part<'_> {
    #[inline]
    pub(super) fn hash(self, hasher: &RandomState) -> u64 {
        match self {
            Self::Number(number) => hasher.hash_one(number.key()),
            // A number leaves its upper bits clear, but for the highest: so none is taken for an address.
            Self::Address(IpAddr::V4(address)) => {
                hasher.hash_one(u64::MAX << 32 | u64::from(address.to_bits()))
            }
            other => hasher.hash_one(other),
        }
    }
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Block(digits, left) => write!(f, "+{digits}{}", "x".repeat(usize::from(*left))),
            Self::Text(text) => f.write_str(&String::from_utf8_lossy(text)),
            Self::Address(address) => write!(f, "{address}"),
            Self::Net(net) => write!(f, "{net}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Bits of an IPv6 address that tell networks apart, where nobody says otherwise.
const SITE_BITS: u8 = 64;

/// The name of a key in alerts, as policies write it.
pub(super) fn word(key: Key) -> &'static str {
    match key {
        Key::Caller => "caller",
        Key::CallerBlock(_) => "caller_block",
        Key::CallerCountry => "caller_country",
        Key::Called => "called",
        Key::CalledBlock(_) => "called_block",
        Key::CalledCountry => "called_country",
        Key::ForwardedBy => "forwarded_by",
        Key::Source => "source",
        Key::SourceNet(_) => "source_net",
        Key::Trunk => "trunk",
        Key::UserAgent => "user_agent",
        Key::DisplayName => "display_name",
        Key::Host => "host",
        Key::Signer => "signer",
        Key::Transport => "transport",
        Key::Direction => "direction",
        Key::CallType => "call_type",
        Key::Attestation => "attestation",
    }
}

/// `number` without its last `digits`; a shorter number is its own block.
fn block<'a>(number: Number, digits: u8) -> Part<'a> {
    let kept = number.len().saturating_sub(usize::from(digits));
    if kept == 0 || number.is_local() {
        Part::Number(number)
    } else {
        Part::Block(number.leading(kept), digits)
    }
}

fn country_of<'a>(part: Part<'_>) -> Option<Part<'a>> {
    let Part::Number(number) = part else { return None };
    plan::country_of(number).map(Part::Word)
}

fn some_text(text: &[u8]) -> Option<Part<'_>> {
    (!text.is_empty()).then_some(Part::Text(text))
}
