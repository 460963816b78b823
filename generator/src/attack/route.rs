//! By which way and in what guise the calls of one campaign come in.

use std::borrow::Cow;
use std::net::SocketAddr;

use crate::attack::tool;
use crate::call::{Call, Outcome, Style};
use crate::stage::Stage;
use crate::writing::Writing;

/// What the calls of one campaign have in common.
pub(super) struct Route {
    /// The peers that hand them over; every carrier when empty.
    sources: Vec<SocketAddr>,
    style: Option<Style>,
    user_agent: Option<&'static str>,
    display: Cow<'static, str>,
    /// Whether the name shown is the number called out, as many diallers do.
    display_number: bool,
    writings: &'static [Writing],
    /// Levels of attestation that its carrier gives; as for everybody when empty.
    levels: &'static [Option<char>],
    /// How many of 100 calls are answered, and how many are given up after some ringing; the others are refused.
    answered: u64,
    given_up: u64,
    talk: [u64; 2],
}

impl Route {
    /// Through the carriers, as most attacks come; sometimes one of them, sometimes past them.
    pub(super) fn any(stage: &mut Stage<'_>) -> Self {
        if stage.random.chance(12) { Self::direct(stage) } else { Self::carried(stage) }
    }

    /// Through one carrier or all of them.
    pub(super) fn carried(stage: &mut Stage<'_>) -> Self {
        let sources = if stage.random.chance(50) {
            vec![stage.customer.any_carrier(&mut stage.random)]
        } else {
            Vec::new()
        };
        // A script's user agent passes through carriers that are proxies.
        let user_agent = stage.random.chance(40).then(|| stage.random.pick(tool::DIALLERS));
        let style = stage.random.chance(30).then(|| stage.random.pick(&[Style::Carrier, Style::Plain]));
        Self { sources, user_agent, style, ..Self::plain(stage) }
    }

    /// Straight from addresses outside, past the carriers.
    pub(super) fn direct(stage: &mut Stage<'_>) -> Self {
        let count = stage.random.scale(1, 12);
        let sources = (0..count).map(|_| tool::source(&mut stage.random)).collect();
        let style = Some(stage.random.pick(&[Style::Bare, Style::Plain, Style::Compact]));
        let user_agent = Some(stage.random.pick(tool::DIALLERS));
        Self { sources, style, user_agent, ..Self::plain(stage) }
    }

    /// From one peer: an address outside, or one carrier.
    pub(super) fn direct_or_one_carrier(stage: &mut Stage<'_>) -> Self {
        let mut route = if stage.random.chance(40) { Self::direct(stage) } else { Self::carried(stage) };
        route.sources.truncate(1);
        if route.sources.is_empty() {
            route.sources.push(stage.customer.any_carrier(&mut stage.random));
        }
        route
    }

    fn plain(stage: &mut Stage<'_>) -> Self {
        let answered = stage.random.between(15, 70);
        let shortest = stage.random.between(1, 6);
        Self {
            sources: Vec::new(),
            style: None,
            user_agent: None,
            display: if stage.random.chance(35) { stage.random.pick(NAMES).into() } else { "".into() },
            display_number: stage.random.chance(8),
            writings: stage.random.pick(&[
                Writing::USUAL,
                Writing::USUAL,
                &[Writing::Plus],
                &[Writing::PlusPlain],
            ]),
            levels: stage.random.pick(&[
                &[],
                &[Some('C')],
                &[Some('C'), None],
                &[Some('B'), Some('C'), None],
                &[None],
                &[Some('A'), Some('B')],
            ]),
            answered,
            given_up: stage.random.between(0, 100 - answered),
            talk: [shortest, stage.random.scale(shortest + 2, 70)],
        }
    }

    /// With other chances of being answered and other lengths, in seconds.
    pub(super) fn talking(mut self, answered: u64, given_up: u64, talk: [u64; 2]) -> Self {
        (self.answered, self.given_up, self.talk) = (answered, given_up, talk);
        self
    }

    /// With numbers written so that a list of strings misses them.
    pub(super) fn evasive(mut self) -> Self {
        self.writings = Writing::EVASIVE;
        self
    }

    /// With one name shown on every call.
    pub(super) fn named(mut self, stage: &mut Stage<'_>) -> Self {
        self.display = stage.random.pick(NAMES).into();
        self.display_number = false;
        self
    }

    /// A call of the campaign.
    pub(super) fn call(&self, stage: &mut Stage<'_>, at: i64, caller: u64, called: u64) -> Call {
        let writing = stage.random.pick(self.writings);
        let mut call = if self.sources.is_empty() {
            stage.inbound(at, caller, writing, called)
        } else {
            let source = stage.random.pick(&self.sources);
            stage.inbound_from(at, source, caller, writing, called)
        };
        if let Some(style) = self.style {
            call.style = style;
            if style != Style::Carrier {
                (call.asserted, call.attested) = (None, None);
            }
        }
        if let Some(user_agent) = self.user_agent {
            call.user_agent = user_agent;
        }
        if call.attested.is_some() && !self.levels.is_empty() {
            call.attested = stage.random.pick(self.levels);
        }
        call.display =
            if self.display_number { call.caller.number.clone().into() } else { self.display.clone() };
        call.outcome = self.outcome(stage);
        call
    }

    fn outcome(&self, stage: &mut Stage<'_>) -> Outcome {
        let lot = stage.random.below(100);
        if lot < self.answered {
            let outcome = stage.answered([1, 14], self.talk);
            if let Outcome::Answered { ring, talk, .. } = outcome {
                return Outcome::Answered { ring, talk, callee_ends: stage.random.chance(65) };
            }
            outcome
        } else if lot < self.answered + self.given_up {
            stage.given_up(6, 32)
        } else {
            Outcome::Refused(stage.random.pick(&[486, 486, 404, 480, 603]))
        }
    }
}

const NAMES: &[&str] = &[
    "WIRELESS CALLER",
    "UNAVAILABLE",
    "CARD SERVICES",
    "Example Bank",
    "Account Support",
    "TAX OFFICE",
    "Warranty Dept",
    "Unknown",
    "Alice Example",
    "TOLL FREE CALL",
];
