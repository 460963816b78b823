//! A stretch of a customer's traffic, datagram by datagram in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use crate::attack::Attack;
use crate::call::Call;
use crate::campaign::{Campaign, Event};
use crate::confounder::Confounder;
use crate::customer::Customer;
use crate::message;
use crate::planner::Planner;
use crate::script::{self, Turn};
use crate::truth::Truth;

/// What traffic to make.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The same seed and settings give the same bytes.
    pub seed: u64,
    /// Whose traffic it is.
    pub customer: Customer,
    /// First moment, Unix microseconds; should be midnight where the customer is.
    pub start_micros: i64,
    /// How long calls keep beginning, in microseconds; those that have begun are played to their end.
    pub duration_micros: u64,
    /// Honest calls in the busiest hour of a working day; other hours have their share of it. With 0 there is
    /// nothing but attacks and the events that look like them.
    pub calls_per_hour: f64,
    /// The attacks that happen in it.
    pub attacks: Vec<Attack>,
    /// How often they happen.
    pub campaigns: Campaigns,
    /// The honest events that look like attacks.
    pub confounders: Vec<Confounder>,
    /// What part of the days has such events, 0 to 1.
    pub confounder_days: f64,
}

/// How many campaigns there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Campaigns {
    /// So many of each attack, anywhere in the stretch.
    Each(u32),
    /// So many on each day on average, each attack once before one comes again.
    PerDay(f64),
}

impl Default for Settings {
    /// Tuesday 2026-10-13 in Chicago, 200 calls in the busiest hour, every attack once, events on a third of the
    /// days.
    fn default() -> Self {
        Self {
            seed: 1,
            customer: Customer::default(),
            start_micros: 1_791_867_600_000_000,
            duration_micros: 86_400_000_000,
            calls_per_hour: 200.0,
            attacks: Attack::ALL.to_vec(),
            campaigns: Campaigns::Each(1),
            confounders: Confounder::ALL.to_vec(),
            confounder_days: 1.0 / 3.0,
        }
    }
}

impl Settings {
    /// One past the last moment at which a call begins.
    pub(crate) fn end(&self) -> i64 {
        self.start_micros.saturating_add_unsigned(self.duration_micros)
    }

    /// The days of the stretch, each as its first moment and the one past its last.
    pub(crate) fn days(&self) -> impl Iterator<Item = (i64, i64)> {
        let (start, end) = (self.start_micros, self.end());
        let count = self.duration_micros.div_ceil(DAY_MICROS);
        (0..count).map(move |day| {
            let first = start.saturating_add_unsigned(day * DAY_MICROS);
            (first, first.saturating_add_unsigned(DAY_MICROS).min(end))
        })
    }
}

/// One UDP datagram that carries one SIP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// When it is seen, Unix microseconds.
    pub at_micros: i64,
    /// Who sends it.
    pub source: SocketAddr,
    /// Who gets it.
    pub destination: SocketAddr,
    /// The message.
    pub payload: Vec<u8>,
}

/// The address of a datagram whose payload lies in a buffer of the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// When it is seen, Unix microseconds.
    pub at_micros: i64,
    /// Who sends it.
    pub source: SocketAddr,
    /// Who gets it.
    pub destination: SocketAddr,
}

/// A stretch of traffic. Iterate over it for its [`Datagram`]s. It holds the calls that are up and those that are
/// about to begin, however long the stretch.
#[derive(Clone, Debug)]
pub struct Day {
    planner: Planner,
    /// The next call that has not begun.
    next: Option<Box<Call>>,
    playing: BinaryHeap<Reverse<Playing>>,
}

impl Day {
    /// Plans the traffic that `settings` ask for.
    pub fn new(settings: Settings) -> Self {
        let mut planner = Planner::new(settings);
        let next = planner.poll_call();
        Self { planner, next, playing: BinaryHeap::new() }
    }

    /// The truth about every exchange, in order of their starts, whatever has been played so far.
    pub fn truth(&self) -> Vec<Truth> {
        self.truths().collect()
    }

    /// The same one by one, for stretches whose truth is too long to be kept.
    pub fn truths(&self) -> impl Iterator<Item = Truth> + use<> {
        let mut planner = self.planner.again();
        std::iter::from_fn(move || planner.poll_call()).map(|call| Truth::read(&call, &script::turns(&call)))
    }

    /// The attacks that happen, in order of their first calls.
    pub fn campaigns(&self) -> Vec<Campaign> {
        self.planner.campaigns()
    }

    /// The honest events that look like attacks, in order of their first calls.
    pub fn events(&self) -> Vec<Event> {
        self.planner.events()
    }

    /// Writes the next message into `payload`, which loses what it held. `None` when the day is over.
    pub fn poll_datagram(&mut self, payload: &mut Vec<u8>) -> Option<Envelope> {
        self.begin_due();
        let Reverse(mut playing) = self.playing.pop()?;
        let turn = playing.rest.pop()?;
        payload.clear();
        message::write(&playing.call, &turn, payload);
        let (source, destination) = message::ends(&playing.call, &turn);
        let envelope = Envelope { at_micros: playing.at, source, destination };
        if let Some(next) = playing.rest.last() {
            playing.at = playing.call.at.saturating_add_unsigned(next.after_micros);
            self.playing.push(Reverse(playing));
        }
        Some(envelope)
    }

    /// Takes up every call that begins before the next datagram of those that are up.
    fn begin_due(&mut self) {
        while let Some(call) = self.next.take() {
            if self.playing.peek().is_some_and(|Reverse(first)| first.at < call.at) {
                self.next = Some(call);
                return;
            }
            let mut rest = script::turns(&call);
            rest.reverse();
            self.playing.push(Reverse(Playing { at: call.at, call, rest }));
            self.next = self.planner.poll_call();
        }
    }
}

impl Iterator for Day {
    type Item = Datagram;

    fn next(&mut self) -> Option<Datagram> {
        let mut payload = Vec::with_capacity(1_536);
        let Envelope { at_micros, source, destination } = self.poll_datagram(&mut payload)?;
        Some(Datagram { at_micros, source, destination, payload })
    }
}

/// A call that is up: the turns to come, the next one last.
#[derive(Clone, Debug)]
struct Playing {
    at: i64,
    call: Box<Call>,
    rest: Vec<Turn>,
}

impl Ord for Playing {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.call.at, self.call.id).cmp(&(other.at, other.call.at, other.call.id))
    }
}

impl PartialOrd for Playing {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Playing {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Playing {}

const DAY_MICROS: u64 = 86_400_000_000;
