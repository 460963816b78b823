//! Intrusion prevention: counts calling patterns by key and tells when a threshold is reached.
//!
//! An event (an attempt, a final response, an end) goes into the entry of each key that it counts for. Most keys have one
//! or two events, which lie in the entry itself; with more a key has a window for each counter. What no limit can be
//! reached by is not even added up.

mod alert;
mod baselines;
mod busy;
mod call_ids;
mod clock;
mod elements;
mod event;
mod feeding;
mod gauge;
mod gauges;
mod how;
mod key_text;
mod level;
pub(crate) mod limits;
mod outcome;
mod parts;
mod plan;
mod restraints;
mod routes;
mod sketch;
mod store;
mod table;
mod watching;
mod window;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use ahash::RandomState;
use rules::Flags;
use rules::policy::{InForce, PolicySet, ThresholdId};
use rules::verdict::Measure;
use serde::{Deserialize, Serialize};

pub use alert::Breach;
pub use baselines::Usual;
pub(crate) use restraints::Placed;
pub use restraints::Restraint;

use crate::call::Refusal;
use crate::hash::BuildAlreadyHashed;
use baselines::Baselines;
use busy::Busy;
use call_ids::CallIds;
use clock::Clock;
use event::Event;
use feeding::Aim;
use gauges::Gauges;
use how::{How, Measured};
use plan::{Feed, Plan};
use restraints::Restraints;
use routes::Routes;
use sketch::Sketch;
use store::{Evicted, Place, Store};
use watching::{Look, Watched};

pub(crate) use feeding::{Counted, Ending, Failed, Occasion};
pub(crate) use outcome::may_be_repeated;
pub(crate) use parts::Parts;

/// Counters of all thresholds of all policies, with what they have set in force.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ips {
    #[serde(skip)]
    plan: Plan,
    #[serde(skip)]
    budget: Budget,
    #[serde(skip)]
    noticed: Flags,
    #[serde(skip)]
    hasher: RandomState,
    /// The latest moment seen, in microseconds, by a clock that is never set back: what comes late counts now.
    now: i64,
    clock: Clock,
    store: Store,
    busy: Busy,
    gauges: Gauges,
    forgotten: Sketch,
    call_ids: CallIds,
    watched: HashMap<u64, Watched, BuildAlreadyHashed>,
    /// When to look again at a key of a rule.
    timers: BinaryHeap<Reverse<(i64, u32, u64)>>,
    restraints: Restraints,
    #[serde(skip)]
    in_force: Vec<InForce>,
    /// Places that concurrent limits gave the call in hand: rule and key.
    #[serde(skip)]
    held: Vec<(u32, u64)>,
    breaches: VecDeque<Breach>,
    /// Keys whose calls are to be ended: rule, key, and why.
    terminations: VecDeque<(u32, u64, Measure)>,
    #[serde(skip)]
    baselines: Baselines,
    /// Hashes of the keys of the call in hand, by kind; of the call with the number beside it.
    #[serde(skip)]
    hashes: Vec<(u64, Option<u64>)>,
    /// The same of the parts that keys are made of.
    #[serde(skip)]
    part_hashes: Vec<(u64, Option<u64>)>,
    call_in_hand: u64,
    #[serde(skip)]
    routes: Routes,
    /// Counters that the call in hand counts for.
    #[serde(skip)]
    aims: Vec<Aim>,
    /// Counters whose rules are to be looked at when all have taken the event in hand.
    #[serde(skip)]
    looks: Vec<Look>,
    /// The route of the call in hand, if it was counted, and whether it was refused.
    #[serde(skip)]
    noted: (Option<usize>, Option<Refusal>),
    pub(crate) counters: IpsCounters,
}

/// How much memory counters may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Keys whose events are kept exactly, over all thresholds; 68 bytes each.
    pub keys_max: usize,
    /// Bytes for the windows of keys with many events.
    pub window_bytes_max: usize,
}

impl Default for Budget {
    /// Two million keys and 128 MiB of windows: 270 MiB at most.
    fn default() -> Self {
        Self { keys_max: 1 << 21, window_bytes_max: 128 << 20 }
    }
}

impl Budget {
    /// Bytes that counters take at most, but for what buffers add: 5 % more.
    pub fn bytes_max(&self) -> usize {
        self.keys_max.next_power_of_two() * ENTRY_BYTES + self.window_bytes_max + Sketch::BYTES_MAX
    }
}

/// Bytes of an entry with its share of the head of its bucket.
const ENTRY_BYTES: usize = size_of::<store::Entry>() + 4;

/// What counters could not keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpsCounters {
    /// Keys that still counted and were given up for want of room.
    pub keys_forgotten: u64,
    /// Breaches that were not told because too many waited, or too many keys were in breach.
    pub breaches_dropped: u64,
    /// Restraints that were not set because too many were in force.
    pub restraints_refused: u64,
}

impl Ips {
    /// Nothing counted yet. Keys are hashed by `hasher`: strangers choose them.
    pub(crate) fn new(policies: &PolicySet, budget: Budget, hasher: RandomState) -> Self {
        let plan = Plan::new(policies);
        let zones = policies.policies().iter().map(|policy| policy.text().customer.time_zone.clone());
        Self {
            hashes: vec![(0, None); plan.specs.len()],
            part_hashes: vec![(0, None); plan.parts.len()],
            routes: Routes::new(),
            aims: Vec::with_capacity(plan.groups.len()),
            looks: Vec::with_capacity(plan.groups.len()),
            noticed: plan.rules.iter().fold(Flags::NONE, |all, rule| all.union(rule.threshold.flags)),
            plan,
            budget,
            hasher,
            now: 0,
            clock: Clock::default(),
            store: Store::new(budget.keys_max),
            busy: Busy::default(),
            gauges: Gauges::default(),
            forgotten: Sketch::default(),
            call_ids: CallIds::default(),
            watched: HashMap::default(),
            timers: BinaryHeap::new(),
            restraints: Restraints::default(),
            in_force: Vec::new(),
            held: Vec::new(),
            breaches: VecDeque::new(),
            terminations: VecDeque::new(),
            baselines: Baselines::new(zones.collect()),
            call_in_hand: 0,
            noted: (None, None),
            counters: IpsCounters::default(),
        }
    }

    /// Goes on with what `state` had counted, under the same policies: plan, hasher and room are those of `self`.
    pub(crate) fn go_on(self, state: Self) -> Self {
        let Self { plan, budget, noticed, hasher, baselines, hashes, part_hashes, routes, .. } = self;
        Self { plan, budget, noticed, hasher, baselines, hashes, part_hashes, routes, ..state }
    }

    /// What thresholds count by itself: nothing else needs to be noticed.
    pub(crate) fn noticed(&self) -> Flags {
        self.noticed
    }

    /// Which thresholds counted the call in hand, when, and whether it was refused.
    pub(crate) fn noted(&self) -> (&[ThresholdId], rules::Timestamp, Option<Refusal>) {
        let counted = self.noted.0.map_or(&[][..], |route| self.routes.noted(route));
        (counted, self.wall(self.now), self.noted.1)
    }

    /// Whether the policy at `index` has thresholds.
    #[inline]
    pub(crate) fn counts(&self, index: u32) -> bool {
        self.plan.counts(index)
    }

    /// The next breach that acted.
    pub(crate) fn breaches_waiting(&self) -> usize {
        self.breaches.len()
    }

    pub(crate) fn poll_breach(&mut self) -> Option<Breach> {
        self.breaches.pop_front()
    }

    /// Sets the usual values that limits are multiples of.
    pub(crate) fn set_usual(&mut self, usual: &[Usual]) {
        self.baselines.set(usual);
    }

    /// The next key whose calls are to be ended: the group and the hash that they wait with, and why.
    pub(crate) fn poll_termination(&mut self) -> Option<(u32, u64, Measure)> {
        let (rule, hash, measure) = self.terminations.pop_front()?;
        let counter = self.plan.rule(rule).and_then(|rule| self.plan.counter(rule.up?));
        Some((counter?.group, hash, measure))
    }

    /// Everything that is in force at `now`.
    pub(crate) fn restraints(&mut self, now: rules::Timestamp) -> impl Iterator<Item = &Restraint> {
        self.expire_restraints(now);
        self.restraints.iter()
    }

    /// Lets go what is over at `now`.
    pub(crate) fn expire_restraints(&mut self, now: rules::Timestamp) {
        self.restraints.expire(now);
    }

    /// The latest moment that was counted.
    pub(crate) fn counted_until(&self) -> rules::Timestamp {
        self.wall(self.now)
    }

    /// When it was on the wall, by how the clock stands now, that counters know as `at`.
    fn wall(&self, at: i64) -> rules::Timestamp {
        rules::Timestamp(self.clock.wall(at))
    }

    /// The same, to change it.
    pub(crate) fn restraints_mut(&mut self) -> impl Iterator<Item = &mut Restraint> {
        self.restraints.iter_mut()
    }

    /// From now on what is set in force is to be told to other engines, and first all that is.
    pub(crate) fn tell_restraints(&mut self) {
        self.restraints.tell_all();
    }

    /// The next one to be told.
    pub(crate) fn poll_restraint(&mut self) -> Option<Placed> {
        self.restraints.poll_told()
    }

    /// Sets in force what another engine did. False when there is no room.
    pub(crate) fn take_over(&mut self, placed: Placed) -> bool {
        self.restraints.take_over(placed)
    }

    /// Bytes that counters take.
    pub(crate) fn bytes(&self) -> usize {
        self.store.bytes() + self.busy.bytes + self.gauges.bytes() + self.forgotten.bytes()
    }

    /// The hash of the key of kind `spec` of the call in hand; `None` when it lacks a part of it.
    fn key_of(&mut self, spec: u32, parts: &Parts<'_>) -> Option<u64> {
        let (call, known) = self.hashes.get(spec as usize).copied()?;
        if call == self.call_in_hand {
            return known;
        }
        let mut hash = Some(u64::from(spec));
        for index in 0..self.plan.parts_of_specs.get(spec as usize).map_or(0, Vec::len) {
            let part = self.plan.parts_of_specs.get(spec as usize).and_then(|parts| parts.get(index));
            let part = part.copied().and_then(|part| self.hash_of_part(part, parts));
            hash = hash.zip(part).map(|(sum, part)| (sum.rotate_left(5) ^ part).wrapping_mul(SPREAD));
        }
        if let Some(place) = self.hashes.get_mut(spec as usize) {
            *place = (self.call_in_hand, hash);
        }
        hash
    }

    /// The hash of one part of keys of the call in hand; `None` when it has none.
    #[inline]
    fn hash_of_part(&mut self, part: u16, parts: &Parts<'_>) -> Option<u64> {
        let place = self.part_hashes.get_mut(usize::from(part))?;
        if place.0 != self.call_in_hand {
            let found = self.plan.parts.get(usize::from(part)).and_then(|key| parts.part(*key));
            *place = (self.call_in_hand, found.map(|part| part.hash(&self.hasher)));
        }
        place.1
    }

    /// Takes `event` for the key `hash` of `group`. Returns the counters that may reach a limit by it.
    #[inline]
    fn record(&mut self, group_index: u32, hash: u64, event: &Event) -> u16 {
        let key = entry_key(hash, group_index);
        let place = match self.store.find(key) {
            Some(place) => place,
            None => self.make_entry(group_index, hash, key),
        };
        if self.store.entry(place).is_some_and(|entry| entry.pinned) {
            self.relax_all(group_index, event.mask, hash);
        }
        let Some(group) = self.plan.groups.get(group_index as usize) else { return 0 };
        let Some(entry) = self.store.entry_mut(place) else { return 0 };
        let at = event.micros();
        let end = rules::Timestamp(at.saturating_add(group.within_micros));
        if entry.busy == 0 && entry.push(*event, at - group.within_micros) {
            let (count, pinned) = (entry.events().len(), entry.pinned);
            self.store.keep_until(place, end, count > 1);
            return if pinned { event.mask } else { group.may_reach(event.mask, count) };
        }
        if entry.busy == 0 {
            let busy = self.busy.open(group_index, key);
            for earlier in entry.events() {
                self.busy.push(busy, earlier, group);
            }
            entry.clear_events();
            entry.busy = busy;
        }
        let may_reach = self.busy.push(entry.busy, event, group);
        let may_reach = if entry.pinned { event.mask } else { may_reach };
        self.store.keep_until(place, end, true);
        if self.has_too_much() {
            self.reclaim();
        }
        may_reach
    }

    #[inline(never)]
    fn make_entry(&mut self, group: u32, hash: u64, key: u64) -> Place {
        let (place, evicted) = self.store.insert(key, rules::Timestamp(self.now));
        if let Some(Evicted { entry, is_spent }) = evicted {
            if !is_spent {
                self.forget(entry.key, entry.events().len().max(self.busy.events(entry.busy)));
            }
            self.busy.close(entry.busy);
        }
        if !self.watched.is_empty() && self.watches_further(group, hash) {
            self.pin(place, true);
        }
        place
    }

    /// Whether windows, and calls that are up or have talked, take more than they may.
    #[inline]
    fn has_too_much(&self) -> bool {
        self.busy.bytes + self.gauges.bytes() > self.budget.window_bytes_max
    }

    /// Frees windows of keys that nobody has asked for in a while, and of those with the fewest events; of calls that are up
    /// or have talked those of keys with the fewest, where they take more than half.
    #[inline(never)]
    fn reclaim(&mut self) {
        while self.has_too_much() {
            let has_share = self.gauges.bytes() <= self.budget.window_bytes_max / 2;
            if !has_share && let Some((key, held)) = self.gauges.give_up() {
                self.forget(key, held);
                continue;
            }
            if self.busy.drop_spare() {
                continue;
            }
            let oldest = self.now - self.plan.within_micros_max;
            let Some((key, busy)) = self.busy.lightest(oldest) else { return };
            let place = self.store.find(key);
            let entry = place.and_then(|place| self.store.entry_mut(place));
            if let Some(entry) = entry.filter(|entry| entry.busy == busy) {
                entry.busy = 0;
            }
            if !self.is_long_ago(self.busy.last(busy)) {
                self.forget(key, self.busy.events(busy));
            }
            self.busy.discard(busy);
        }
    }

    fn forget(&mut self, key: u64, events: usize) {
        self.counters.keys_forgotten += 1;
        self.forgotten.add(key, events, rules::Timestamp(self.now), self.plan.within_micros_max);
    }

    fn is_long_ago(&self, at: i64) -> bool {
        at <= self.now - self.plan.within_micros_max
    }

    /// What the counter at `index` says of the key `hash` at `now`. `newest` says that an event of the key came just
    /// now, and that nothing else needs to be looked at.
    fn measure(&mut self, index: u32, hash: u64, now: i64, newest: bool) -> Measured {
        let Some(counter) = self.plan.counter(index) else { return Measured::default() };
        let Some(group) = self.plan.group(counter.group) else { return Measured::default() };
        let key = entry_key(hash, counter.group);
        if group.feed == Feed::Up {
            let gauge = self.gauges.get_mut(key);
            let How::Up(asked) = counter.shape.how else { return Measured::default() };
            return gauge.map_or_else(Measured::default, |gauge| {
                gauge.measure(counter.bit, asked, now, counter.shape.within_micros)
            });
        }
        let entry = self.store.find(key).and_then(|place| self.store.entry(place));
        let Some(entry) = entry else { return Measured::default() };
        if let Some(events) = self.few(entry) {
            return counter.measure(events, now);
        }
        self.busy.measure(entry.busy, counter, now, newest)
    }

    /// The events of the key with this entry, oldest first, while they are few.
    fn few<'a>(&'a self, entry: &'a store::Entry) -> Option<impl Iterator<Item = &'a Event> + Clone> {
        if entry.busy == 0 {
            return Some(entry.events().iter().chain(EMPTY.iter()));
        }
        self.busy.few(entry.busy).map(|events| {
            let (one, two) = events.as_slices();
            one.iter().chain(two.iter())
        })
    }
}

const EMPTY: &[Event] = &[];

/// Rules and groups are numbered apart.
const RULE_BIT: u32 = 1 << 31;

/// The key of an entry: a key of one group.
#[inline]
fn entry_key(hash: u64, group: u32) -> u64 {
    let mixed = (hash ^ u64::from(group).wrapping_mul(SPREAD)).wrapping_mul(SPREAD);
    mixed ^ mixed >> 29
}

/// Odd, with bits set at random (Steele and Vigna 2021).
const SPREAD: u64 = 0xd134_2543_de82_ef95;
