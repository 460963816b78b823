//! A policy's rules as conjunctions of tests over one space of calls.

use std::collections::HashSet;
use std::rc::Rc;

use super::calendar::{Calendar, Minutes};
use super::networks::Networks;
use super::numbers::{Atoms, Parties};
use super::texts::{TextPool, Texts};
use super::witness::Witness;
use crate::number::Number;
use crate::policy::{
    Condition, FirewallRule, ListContent, Mode, NetworkField, NetworkTerm, NumberField, PolicyText,
    RuleAction, Term, TextField,
};
use crate::subject::{Attestation, CallType, Direction, Identity, Method, Transport};
use crate::time::Timestamp;

/// All that the rules of one policy can tell apart.
pub(super) struct Space<'a> {
    pub(super) policy: &'a PolicyText,
    pub(super) numbers: Atoms<'a>,
    pub(super) calendar: Calendar<'a>,
    pub(super) texts: TextPool<'a>,
    /// Text fields that any rule looks at.
    pub(super) fields: Vec<TextField>,
    /// One for each firewall rule, in file order.
    pub(super) shapes: Vec<Shape>,
    /// When the question is asked.
    pub(super) now: Timestamp,
    /// Every distinct test once: two literals ask the same when they share it.
    tests: HashSet<Rc<Test>>,
}

/// What one firewall rule matches.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// All of these hold for every call it matches, and for no other.
    pub(super) literals: Vec<Literal>,
    /// Whether it can match at all: neither off nor expired.
    pub(super) awake: bool,
    /// Whether a match ends the search.
    pub(super) ends: bool,
    /// When it stops.
    pub(super) expires: Option<Timestamp>,
}

/// A test that must hold, or must not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Literal {
    pub(super) test: Rc<Test>,
    pub(super) holds: bool,
}

/// One thing that is true of a call or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Test {
    /// The value of this dimension has one of these bits.
    Bits(Choice, u64),
    /// Any of these flags is raised.
    Flags(u64),
    /// Some number on this side fits; only asserted ones are looked at when `asserted`.
    Numbers { side: NumberField, asserted: bool, parties: Parties },
    /// Some text of this field fits; the index is into [`Space::fields`].
    Text(usize, Texts),
    /// The address lies there.
    Address(End, Networks),
    /// The minute is one of these.
    Time(Minutes),
}

/// Dimensions with a handful of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub(super) enum Choice {
    Direction,
    Transport,
    Method,
    CallType,
    Attestation,
    Mismatch,
}

/// Which end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    Source,
    Destination,
    Either,
}

impl Choice {
    /// Every one, in order of their discriminants.
    pub(super) const ALL: [Self; 6] =
        [Self::Direction, Self::Transport, Self::Method, Self::CallType, Self::Attestation, Self::Mismatch];

    /// A bit for every value there is. An attestation nobody verified is a value too: it fits no condition.
    pub(super) const fn values(self) -> u64 {
        let count = match self {
            Self::Direction => Direction::ALL.len(),
            Self::Transport => Transport::ALL.len(),
            Self::Method => Method::ALL.len(),
            Self::CallType => CallType::ALL.len(),
            Self::Attestation => Attestation::ALL.len() + 1,
            Self::Mismatch => 2,
        };
        (1 << count) - 1
    }
}

impl<'a> Space<'a> {
    /// Reads the rules of `policy` as they stand at `now`.
    pub(super) fn new(policy: &'a PolicyText, now: Timestamp) -> Self {
        let mut space = Self {
            policy,
            numbers: Atoms::new(policy),
            calendar: Calendar::new(policy),
            texts: TextPool::new(policy),
            fields: Vec::new(),
            shapes: Vec::new(),
            now,
            tests: HashSet::new(),
        };
        space.shapes = policy.firewall.iter().map(|rule| space.shape(rule)).collect();
        space
    }

    fn shape(&mut self, rule: &'a FirewallRule) -> Shape {
        let expired = rule.expires.is_some_and(|expires| expires <= self.now);
        let trust = Trust::of(&rule.action);
        let mut literals = Vec::with_capacity(rule.when.len() + rule.unless.len());
        for (conditions, holds, asserted) in
            [(&rule.when, true, trust.when_asserted), (&rule.unless, false, trust.unless_asserted)]
        {
            for condition in conditions {
                let test = self.test(condition, asserted);
                literals.push(self.literal(test, holds));
            }
        }
        // Under a policy that only reports, the question is what it would do.
        let acts = rule.mode == Mode::Enforce
            || rule.mode == Mode::Shadow && self.policy.customer.mode == Mode::Shadow;
        Shape {
            literals,
            awake: rule.mode != Mode::Off && !expired,
            ends: acts
                && matches!(
                    rule.action,
                    RuleAction::Allow | RuleAction::BypassIps | RuleAction::Block(_) | RuleAction::Divert(_)
                ),
            expires: rule.expires,
        }
    }

    /// A literal that shares its test with all others that ask the same.
    pub(super) fn literal(&mut self, test: Test, holds: bool) -> Literal {
        let test = Rc::new(test);
        let known = self.tests.get(&test).cloned();
        let test = known.unwrap_or_else(|| {
            self.tests.insert(test.clone());
            test
        });
        Literal { test, holds }
    }

    fn test(&mut self, condition: &'a Condition, asserted: bool) -> Test {
        match condition {
            Condition::Direction(bits) => Test::Bits(Choice::Direction, u64::from(*bits)),
            Condition::Transport(bits) => Test::Bits(Choice::Transport, u64::from(*bits)),
            Condition::Method(bits) => Test::Bits(Choice::Method, u64::from(*bits)),
            Condition::CallType(bits) => Test::Bits(Choice::CallType, u64::from(*bits)),
            Condition::Attestation(bits) => Test::Bits(Choice::Attestation, u64::from(*bits)),
            Condition::IdentityMismatch(wanted) => Test::Bits(Choice::Mismatch, 1 << u8::from(*wanted)),
            Condition::Flag(flags) => Test::Flags(flags.bits()),
            Condition::Numbers(side, terms) => Test::Numbers {
                side: *side,
                asserted: asserted && *side != NumberField::Called,
                parties: self.numbers.read(terms),
            },
            Condition::Text(field, terms) => {
                let texts = self.texts.read(terms);
                Test::Text(self.field(field), texts)
            }
            Condition::Networks(field, terms) => {
                let end = if *field == NetworkField::Source { End::Source } else { End::Either };
                Test::Address(end, self.networks(terms))
            }
            Condition::Time(terms) => Test::Time((*self.calendar.read(terms)).clone()),
        }
    }

    fn field(&mut self, field: &TextField) -> usize {
        if let Some(known) = self.fields.iter().position(|other| other == field) {
            return known;
        }
        self.fields.push(field.clone());
        self.fields.len() - 1
    }

    fn networks(&self, terms: &[Term<NetworkTerm>]) -> Networks {
        Networks::new(terms.iter().flat_map(|term| match &term.value {
            NetworkTerm::Network(network) => vec![*network],
            NetworkTerm::List(list) => match self.policy.lists.get(list.0 as usize).map(|list| &list.content)
            {
                Some(ListContent::Networks(networks)) => networks.clone(),
                _ => Vec::new(),
            },
        }))
    }

    /// Whether `shape` matches the call.
    pub(super) fn matches(&self, shape: &Shape, call: &Witness) -> bool {
        shape.literals.iter().all(|literal| self.agrees(literal, call))
    }

    /// Whether the call is as `literal` wants it.
    pub(super) fn agrees(&self, literal: &Literal, call: &Witness) -> bool {
        self.holds(&literal.test, call) == literal.holds
    }

    fn holds(&self, test: &Test, call: &Witness) -> bool {
        match test {
            Test::Bits(choice, bits) => bits >> call.choice(*choice) & 1 == 1,
            Test::Flags(bits) => call.flags.bits() & bits != 0,
            Test::Numbers { side, asserted, parties } => match side {
                NumberField::Called => call
                    .called
                    .iter()
                    .any(|&party| self.numbers.fits(parties, party, numbers_of(&call.callers))),
                NumberField::Caller => self.any_fits(parties, &call.callers, *asserted, call),
                NumberField::ForwardedBy => self.any_fits(parties, &call.forwarders, *asserted, call),
                NumberField::Identity => {
                    self.any_fits(parties, &call.callers, *asserted, call)
                        || self.any_fits(parties, &call.forwarders, *asserted, call)
                }
            },
            Test::Text(field, texts) => self
                .fields
                .get(*field)
                .is_some_and(|field| call.texts(field).iter().any(|text| self.texts.fits(texts, text))),
            Test::Address(End::Source, networks) => networks.contains(call.source.ip()),
            Test::Address(End::Destination, networks) => networks.contains(call.destination.ip()),
            Test::Address(End::Either, networks) => {
                networks.contains(call.source.ip()) || networks.contains(call.destination.ip())
            }
            Test::Time(minutes) => minutes.contains(call.minute),
        }
    }

    fn any_fits(&self, parties: &Parties, identities: &[Identity], asserted: bool, call: &Witness) -> bool {
        identities.iter().filter(|identity| identity.asserted || !asserted).any(|identity| {
            let called = call.called.iter().filter_map(|party| party.number());
            self.numbers.fits(parties, identity.party, called)
        })
    }
}

fn numbers_of(identities: &[Identity]) -> impl Iterator<Item = Number> {
    identities.iter().filter_map(|identity| identity.party.number())
}

impl Literal {
    /// Equal for literals that ask the same.
    pub(super) fn key(&self) -> (usize, bool) {
        (Rc::as_ptr(&self.test) as usize, self.holds)
    }

    pub(super) fn opposite(&self) -> Self {
        Self { test: self.test.clone(), holds: !self.holds }
    }
}

impl Shape {
    /// Whether it is there for as long as `other` is.
    pub(super) fn outlives(&self, other: &Self) -> bool {
        match (self.expires, other.expires) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(its)) => own >= its,
        }
    }
}

/// Whose word counts, by what a rule does: a door opens only on an asserted identity.
struct Trust {
    when_asserted: bool,
    unless_asserted: bool,
}

impl Trust {
    fn of(action: &RuleAction) -> Self {
        let opens = matches!(action, RuleAction::Allow | RuleAction::BypassIps);
        let closes = matches!(action, RuleAction::Block(_) | RuleAction::Divert(_) | RuleAction::Limit(_));
        Self { when_asserted: opens, unless_asserted: closes }
    }
}
