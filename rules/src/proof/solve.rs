//! Finds a call that satisfies a conjunction of tests, or proves that there is none.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use super::calendar::NOON;
use super::networks::Networks;
use super::space::{Choice, End, Literal, Space, Test};
use super::texts::{Texting, Texts};
use super::witness::{Narrowed, Witness};
use crate::flag::{Flag, Flags};
use crate::policy::TextField;
use crate::subject::{Attestation, CallType, Direction, Method, Transport};

/// What is known of a conjunction.
pub(super) enum Solution {
    /// No call satisfies it: proven.
    Empty,
    /// This call does: every test was evaluated on it.
    Found(Box<Witness>),
    /// Neither could be shown.
    Open(Cause),
}

/// What an answer hangs on that the prover does not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A regular expression; its pattern.
    Expression(String),
    /// Whether two numbers are neighbours.
    Neighbour,
    /// More cases than the budget in `rules/src/proof/search.rs` allows.
    Effort,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expression(pattern) => write!(f, "it hangs on the expression `{pattern}`"),
            Self::Neighbour => f.write_str("it hangs on which numbers are neighbours"),
            Self::Effort => f.write_str("it has more cases than the budget of the prover"),
        }
    }
}

/// Why the search for one dimension ended without a value.
pub(super) enum Failure {
    Empty,
    Open(Cause),
}

impl Space<'_> {
    /// A call that satisfies all of `literals`.
    pub(super) fn solve(&self, literals: &[Literal]) -> Solution {
        let mut call = self.blank();
        let steps = [Self::solve_choices, Self::solve_time, Self::solve_addresses, Self::solve_texts];
        let mut cause = None;
        for step in steps {
            match step(self, literals, &mut call) {
                Ok(()) => {}
                Err(Failure::Empty) => return Solution::Empty,
                Err(Failure::Open(open)) => cause = Some(open),
            }
        }
        // An impossible number proves emptiness even where a text could not be decided.
        match self.solve_numbers(literals, &mut call) {
            Err(Failure::Empty) => Solution::Empty,
            Err(Failure::Open(open)) => Solution::Open(cause.unwrap_or(open)),
            Ok(()) => match cause {
                Some(cause) => Solution::Open(cause),
                None => {
                    (call.at, call.time) = self.calendar.moment(call.minute, self.now);
                    Solution::Found(Box::new(call))
                }
            },
        }
    }

    /// Whether no call satisfies `literals`: proven.
    pub(super) fn is_empty(&self, literals: &[Literal]) -> bool {
        matches!(self.solve(literals), Solution::Empty)
    }

    fn blank(&self) -> Witness {
        Witness {
            at: self.now,
            time: String::new(),
            method: Method::Invite,
            direction: Direction::Inbound,
            source: SocketAddr::new(Ipv4Addr::new(203, 0, 113, 9).into(), SIP_PORT),
            destination: SocketAddr::new(Ipv4Addr::new(192, 0, 2, 10).into(), SIP_PORT),
            transport: Transport::Udp,
            callers: Vec::new(),
            forwarders: Vec::new(),
            called: Vec::new(),
            display_name: Vec::new(),
            user_agent: Vec::new(),
            hosts: [Vec::new(), Vec::new()],
            call_type: CallType::Voice,
            attestation: Some(Attestation::None),
            signer: Vec::new(),
            identity_mismatch: false,
            flags: Flags::NONE,
            headers: Vec::new(),
            minute: NOON,
            narrowed: Narrowed::default(),
        }
    }

    fn solve_choices(&self, literals: &[Literal], call: &mut Witness) -> Result<(), Failure> {
        let mut unwanted_flags = 0;
        let mut allowed = Choice::ALL.map(Choice::values);
        for literal in literals {
            match (&*literal.test, literal.holds) {
                (Test::Bits(choice, bits), holds) => {
                    if let Some(mask) = allowed.get_mut(*choice as usize) {
                        *mask &= if holds { *bits } else { !bits };
                    }
                    call.narrowed.choices |= 1 << *choice as usize;
                }
                (Test::Flags(bits), false) => unwanted_flags |= bits,
                _ => {}
            }
        }
        for (choice, mask) in Choice::ALL.into_iter().zip(allowed) {
            if mask == 0 {
                return Err(Failure::Empty);
            }
            if mask >> call.choice(choice) & 1 == 0 {
                call.choose(choice, mask.trailing_zeros() as usize);
            }
        }
        for literal in literals.iter().filter(|literal| literal.holds) {
            let Test::Flags(bits) = &*literal.test else { continue };
            let free =
                Flag::ALL.iter().copied().find(|&flag| Flags::of(flag).bits() & bits & !unwanted_flags != 0);
            call.flags.raise(free.ok_or(Failure::Empty)?);
        }
        Ok(())
    }

    fn solve_time(&self, literals: &[Literal], call: &mut Witness) -> Result<(), Failure> {
        let mut minutes = None;
        for literal in literals {
            let Test::Time(set) = &*literal.test else { continue };
            minutes.get_or_insert_with(|| self.calendar.all()).restrict(set, literal.holds);
        }
        if let Some(minutes) = minutes {
            call.minute = minutes.witness().ok_or(Failure::Empty)?;
            call.narrowed.time = true;
        }
        Ok(())
    }

    fn solve_addresses(&self, literals: &[Literal], call: &mut Witness) -> Result<(), Failure> {
        let pick = |wanted: End, holds: bool| -> Vec<&Networks> {
            let fits = |literal: &&Literal| literal.holds == holds;
            let networks = |literal: &&'_ Literal| match &*literal.test {
                Test::Address(end, _) => *end == wanted,
                _ => false,
            };
            literals
                .iter()
                .filter(|literal| fits(literal) && networks(literal))
                .filter_map(|literal| match &*literal.test {
                    Test::Address(_, networks) => Some(networks),
                    _ => None,
                })
                .collect()
        };
        let (sources, destinations) = (pick(End::Source, true), pick(End::Destination, true));
        let (eithers, neithers) = (pick(End::Either, true), pick(End::Either, false));
        let not_sources = [pick(End::Source, false), neithers.clone()].concat();
        let not_destinations = [pick(End::Destination, false), neithers].concat();
        if [&sources, &destinations, &eithers, &not_sources, &not_destinations]
            .iter()
            .all(|set| set.is_empty())
        {
            return Ok(());
        }
        if eithers.len() > EITHER_MAX {
            return Err(Failure::Open(Cause::Effort));
        }
        // Each "either end" test is met by the one end or the other: all ways are tried.
        for ways in 0u32..1 << eithers.len() {
            let side = |at: u32| {
                let chosen = eithers.iter().enumerate().filter(move |(index, _)| ways >> index & 1 == at);
                chosen.map(|(_, networks)| *networks)
            };
            let source_in: Vec<&Networks> = sources.iter().copied().chain(side(0)).collect();
            let destination_in: Vec<&Networks> = destinations.iter().copied().chain(side(1)).collect();
            let Some(source) = Networks::witness(&source_in, &not_sources) else { continue };
            let Some(destination) = Networks::witness(&destination_in, &not_destinations) else { continue };
            if !source_in.is_empty() || !not_sources.is_empty() {
                call.source.set_ip(source);
                call.narrowed.source = !source_in.is_empty();
            }
            if !destination_in.is_empty() || !not_destinations.is_empty() {
                call.destination.set_ip(destination);
                call.narrowed.destination = !destination_in.is_empty();
            }
            return Ok(());
        }
        Err(Failure::Empty)
    }

    fn solve_texts(&self, literals: &[Literal], call: &mut Witness) -> Result<(), Failure> {
        let mut open = None;
        for (index, field) in self.fields.iter().enumerate() {
            let pick = |holds: bool| -> Vec<&Texts> {
                let texts = literals.iter().filter(|literal| literal.holds == holds);
                texts
                    .filter_map(|literal| match &*literal.test {
                        Test::Text(at, texts) if *at == index => Some(texts),
                        _ => None,
                    })
                    .collect()
            };
            match self.solve_text(field, &pick(true), &pick(false), call) {
                Ok(()) => {}
                Err(Failure::Empty) => return Err(Failure::Empty),
                Err(Failure::Open(cause)) => open = Some(cause),
            }
        }
        open.map_or(Ok(()), |cause| Err(Failure::Open(cause)))
    }

    fn solve_text(
        &self,
        field: &TextField,
        wanted: &[&Texts],
        avoided: &[&Texts],
        call: &mut Witness,
    ) -> Result<(), Failure> {
        let may_be_missing = matches!(field, TextField::Header(_));
        if !may_be_missing && avoided.iter().any(|texts| self.texts.takes_all(texts)) {
            return Err(Failure::Empty);
        }
        let choices = match self.texts.choose(wanted, avoided) {
            Texting::Impossible => return Err(Failure::Empty),
            Texting::Choices(choices) => choices,
        };
        let separator = self.texts.separator(avoided);
        let fillers = if wanted.is_empty() { FILLERS } else { &[""] };
        for parts in &choices {
            let apart = (parts.len() > 1 && field.values_max() >= parts.len()).then(|| parts.clone());
            let joined = fillers.iter().map(|filler| {
                let text = if parts.is_empty() { filler.as_bytes().to_vec() } else { parts.join(&separator) };
                vec![text]
            });
            for values in joined.chain(apart) {
                let fits = |texts: &&Texts| values.iter().any(|text| self.texts.fits(texts, text));
                if wanted.iter().all(fits) && !avoided.iter().any(fits) {
                    call.set_texts(field, values);
                    return Ok(());
                }
            }
        }
        let pattern = wanted.iter().chain(avoided).find_map(|texts| self.texts.expression(texts));
        Err(Failure::Open(pattern.map_or(Cause::Effort, |pattern| Cause::Expression(pattern.to_owned()))))
    }
}

impl TextField {
    /// How many texts it can have at once.
    fn values_max(&self) -> usize {
        match self {
            Self::Host => 2,
            Self::Header(_) => usize::MAX,
            Self::DisplayName | Self::UserAgent | Self::Signer => 1,
        }
    }
}

impl Witness {
    fn set_texts(&mut self, field: &TextField, values: Vec<Vec<u8>>) {
        let mut values = values.into_iter();
        match field {
            TextField::Header(name) => {
                let given = values.filter(|value| !value.is_empty());
                self.headers.extend(given.map(|value| (name.clone(), value)));
            }
            TextField::Host => {
                self.hosts = [values.next().unwrap_or_default(), values.next().unwrap_or_default()]
            }
            TextField::DisplayName => self.display_name = values.next().unwrap_or_default(),
            TextField::UserAgent => self.user_agent = values.next().unwrap_or_default(),
            TextField::Signer => self.signer = values.next().unwrap_or_default(),
        }
    }
}

const SIP_PORT: u16 = 5060;
/// "Either end" tests in one conjunction.
const EITHER_MAX: usize = 10;
/// Texts tried where only expressions must be avoided.
const FILLERS: &[&str] = &["", "a", "0", " ", "x-0"];
