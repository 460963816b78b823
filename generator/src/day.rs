//! A stretch of a customer's traffic, datagram by datagram in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use crate::attack::Attack;
use crate::benign;
use crate::call::Call;
use crate::customer::Customer;
use crate::message;
use crate::random::Random;
use crate::script::{self, Turn};
use crate::stage::Stage;
use crate::truth::Truth;

/// What traffic to make.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The same seed and settings give the same bytes.
    pub seed: u64,
    /// Whose traffic it is.
    pub customer: Customer,
    /// First moment, Unix microseconds.
    pub start_micros: i64,
    /// How long calls keep beginning, in microseconds; those that have begun are played to their end.
    pub duration_micros: u64,
    /// Honest calls in the busiest hour of a working day; other hours have their share of it.
    pub calls_per_hour: f64,
    /// The attacks that happen in it, each once.
    pub attacks: Vec<Attack>,
}

impl Default for Settings {
    /// Tuesday 2026-10-13 in Chicago, 200 calls in the busiest hour, every attack.
    fn default() -> Self {
        Self {
            seed: 1,
            customer: Customer::default(),
            start_micros: 1_791_867_600_000_000,
            duration_micros: 86_400_000_000,
            calls_per_hour: 200.0,
            attacks: Attack::ALL.to_vec(),
        }
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

/// A stretch of traffic. Iterate over it for its [`Datagram`]s.
#[derive(Clone, Debug)]
pub struct Day {
    /// Sorted by start.
    calls: Vec<Call>,
    /// The next call that has not begun.
    next: usize,
    playing: BinaryHeap<Reverse<Playing>>,
}

impl Day {
    /// Plans the traffic that `settings` ask for.
    pub fn new(settings: Settings) -> Self {
        let Settings { seed, customer, start_micros, duration_micros, calls_per_hour, attacks } = settings;
        let mut calls = Vec::new();
        let mut stage = |name: &str, plan: &dyn Fn(&mut Stage<'_>)| {
            plan(&mut Stage {
                customer: &customer,
                start: start_micros,
                end: start_micros.saturating_add_unsigned(duration_micros),
                random: Random::stream(seed, name),
                calls: &mut calls,
            });
        };
        stage("benign", &|stage| benign::plan(stage, calls_per_hour));
        for attack in attacks {
            stage(attack.word(), &|stage| attack.plan(stage));
        }
        calls.sort_by_key(|call| (call.at, call.id));
        Self { calls, next: 0, playing: BinaryHeap::new() }
    }

    /// The truth about every exchange of the day, in order of their starts, whatever has been played so far.
    pub fn truth(&self) -> Vec<Truth> {
        self.calls.iter().map(|call| Truth::read(call, &script::turns(call))).collect()
    }

    /// Writes the next message into `payload`, which loses what it held. `None` when the day is over.
    pub fn poll_datagram(&mut self, payload: &mut Vec<u8>) -> Option<Envelope> {
        self.begin_due();
        let Reverse(mut playing) = self.playing.pop()?;
        let turn = playing.rest.pop()?;
        let call = self.calls.get(playing.call)?;
        payload.clear();
        message::write(call, &turn, payload);
        let (source, destination) =
            if turn.by_caller { (call.near, call.far) } else { (call.far, call.near) };
        let envelope = Envelope { at_micros: playing.at, source, destination };
        if let Some(next) = playing.rest.last() {
            playing.at = call.at.saturating_add_unsigned(next.after_micros);
            self.playing.push(Reverse(playing));
        }
        Some(envelope)
    }

    /// Takes up every call that begins before the next datagram of those that are up.
    fn begin_due(&mut self) {
        while let Some(call) = self.calls.get(self.next) {
            if self.playing.peek().is_some_and(|Reverse(first)| first.at < call.at) {
                return;
            }
            let mut rest = script::turns(call);
            rest.reverse();
            self.playing.push(Reverse(Playing { at: call.at, call: self.next, rest }));
            self.next += 1;
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
    call: usize,
    rest: Vec<Turn>,
}

impl Ord for Playing {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.call).cmp(&(other.at, other.call))
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
