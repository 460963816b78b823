//! Restraints: what breaches have set, until when, and against whom.

use std::collections::{HashMap, VecDeque};

use rules::Timestamp;
use rules::policy::Limit;
use rules::policy::ips::Deed;
use rules::verdict::Measure;
use serde::{Deserialize, Serialize};

use super::limits::RESTRAINTS_MAX;
use crate::hash::BuildAlreadyHashed;

/// One restraint: who set it, against whom, until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restraint {
    /// Whose threshold: index of the policy.
    pub policy: u32,
    /// The threshold, the level and the values that set it.
    pub measure: Measure,
    /// Against whom it holds: the parts of the key by their names.
    #[serde(with = "super::key_text")]
    pub key: Vec<(&'static str, String)>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Attempts that it was held against.
    pub hits: u64,
    /// Whether somebody lifted it: until it would have ended it holds nobody up, and is not set again.
    pub lifted: bool,
}

/// A restraint with its place: what engines that judge by the same policies, with the same seeds, tell each other.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    rule: u32,
    place: u64,
    force: Restraint,
}

/// All restraints in force.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Restraints {
    by_key: HashMap<u64, Held, BuildAlreadyHashed>,
    /// How many each rule has.
    counts: Vec<u32>,
    /// Rules that have any, ascending: most calls look none up.
    live: Vec<u32>,
    /// Those that found no room.
    pub(super) refused: u64,
    /// What was set here and is to be told; `None` where nobody asks.
    #[serde(skip)]
    to_tell: Option<VecDeque<Placed>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Held {
    rule: u32,
    force: Restraint,
    passed: VecDeque<i64>,
    up: u32,
    /// Whether another engine set it.
    #[serde(skip)]
    is_foreign: bool,
}

impl Restraints {
    /// The first rule from `rule` on that has any.
    #[inline]
    pub(super) fn live_from(&self, rule: u32) -> Option<u32> {
        let place = self.live.partition_point(|live| *live < rule);
        self.live.get(place).copied()
    }

    /// The measure of `rule` against `key` at `now`. One that is over goes.
    pub(super) fn find(&mut self, rule: u32, key: u64, now: i64) -> Option<&mut Restraint> {
        let place = place(rule, key);
        if self.by_key.get(&place)?.force.until.0 <= now {
            self.remove(place);
            return None;
        }
        self.by_key.get_mut(&place).map(|held| &mut held.force)
    }

    /// Sets one, or makes it last longer. False when there is no room.
    pub(super) fn set(&mut self, rule: u32, key: u64, force: Restraint) -> bool {
        let place = place(rule, key);
        self.remove_over(place, force.since);
        if let Some(held) = self.by_key.get_mut(&place) {
            if held.force.lifted {
                return true;
            }
            (held.force.measure, held.force.until) = (force.measure, force.until.max(held.force.until));
        } else if !self.insert(place, rule, force) {
            return false;
        }
        if let Some(to_tell) = self.to_tell.as_mut().filter(|to_tell| to_tell.len() < RESTRAINTS_MAX)
            && let Some(held) = self.by_key.get(&place)
        {
            to_tell.push_back(held.placed(place));
        }
        true
    }

    /// Takes over what another engine set. What somebody lifted here stays lifted, and hits are those of each engine. False
    /// when there is no room.
    pub(super) fn take_over(&mut self, placed: Placed) -> bool {
        let Placed { rule, place, force } = placed;
        self.remove_over(place, force.since);
        let is_new = !self.by_key.contains_key(&place);
        if is_new && !self.insert(place, rule, Restraint { hits: 0, ..force.clone() }) {
            return false;
        }
        let Some(held) = self.by_key.get_mut(&place) else { return false };
        if is_new || (force.measure.critical && !held.force.measure.critical) {
            (held.force.measure, held.is_foreign) = (force.measure, true);
        }
        held.force.lifted |= force.lifted;
        held.force.since = force.since.min(held.force.since);
        held.force.until = force.until.max(held.force.until);
        true
    }

    /// Until when what another engine has set against `key` by `rule` holds, if it is at least of this level, and whether it is
    /// of a higher one.
    pub(super) fn foreign_until(
        &self,
        rule: u32,
        key: u64,
        critical: bool,
        now: i64,
    ) -> Option<(Timestamp, bool)> {
        let held = self.by_key.get(&place(rule, key))?;
        let level = held.force.measure.critical;
        let holds = held.is_foreign && level >= critical && held.force.until.0 > now;
        holds.then_some((held.force.until, level && !critical))
    }

    /// From now on what is set is to be told, and first all that is in force.
    pub(super) fn tell_all(&mut self) {
        self.to_tell = Some(self.by_key.iter().map(|(place, held)| held.placed(*place)).collect());
    }

    /// The next one to be told.
    pub(super) fn poll_told(&mut self) -> Option<Placed> {
        self.to_tell.as_mut()?.pop_front()
    }

    fn insert(&mut self, place: u64, rule: u32, force: Restraint) -> bool {
        if self.by_key.len() >= RESTRAINTS_MAX {
            self.expire(force.since);
        }
        if self.by_key.len() >= RESTRAINTS_MAX {
            self.refused += 1;
            return false;
        }
        if self.counts.len() <= rule as usize {
            self.counts.resize(rule as usize + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(rule as usize) {
            *count += 1;
        }
        if let Err(place) = self.live.binary_search(&rule) {
            self.live.insert(place, rule);
        }
        self.by_key.insert(place, Held { rule, force, passed: VecDeque::new(), up: 0, is_foreign: false });
        true
    }

    /// Whether one more call under the measure of `rule` against `key` exceeds the limit that `deed` sets; if not, it is
    /// counted. What limits nothing is exceeded by every call.
    pub(super) fn is_exceeded(&mut self, rule: u32, key: u64, now: i64, deed: &Deed) -> bool {
        let Deed::Limit(limit) = deed else { return true };
        let Some(held) = self.by_key.get_mut(&place(rule, key)) else { return false };
        match *limit {
            Limit::Concurrent(most) => {
                let is_full = held.up >= most;
                held.up += u32::from(!is_full);
                is_full
            }
            Limit::Rate { calls, per_micros } => {
                while held.passed.front().is_some_and(|at| now - at >= per_micros) {
                    held.passed.pop_front();
                }
                let is_full = held.passed.len() >= calls as usize;
                if !is_full {
                    held.passed.push_back(now);
                }
                is_full
            }
        }
    }

    /// A call ended that a concurrent limit let pass.
    pub(super) fn ended(&mut self, rule: u32, key: u64) {
        if let Some(held) = self.by_key.get_mut(&place(rule, key)) {
            held.up = held.up.saturating_sub(1);
        }
    }

    /// The wall was set back by so much: what was to last an hour lasts no longer.
    pub(super) fn set_back(&mut self, micros: i64) {
        for held in self.by_key.values_mut() {
            held.force.since = held.force.since.plus_micros(-micros);
            held.force.until = held.force.until.plus_micros(-micros);
            held.passed.iter_mut().for_each(|passed| *passed = passed.saturating_sub(micros));
        }
    }

    /// Lets go those that are over.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let over: Vec<u64> =
            self.by_key.iter().filter(|(_, held)| held.force.until <= now).map(|(place, _)| *place).collect();
        over.into_iter().for_each(|place| self.remove(place));
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Restraint> {
        self.by_key.values().map(|held| &held.force)
    }

    /// All of them, to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Restraint> {
        self.by_key.values_mut().map(|held| &mut held.force)
    }

    /// Lets go what stands at `place` and is over at `now`: whoever lifted that one has lifted no other.
    fn remove_over(&mut self, place: u64, now: Timestamp) {
        if self.by_key.get(&place).is_some_and(|held| held.force.until <= now) {
            self.remove(place);
        }
    }

    fn remove(&mut self, place: u64) {
        if let Some(held) = self.by_key.remove(&place)
            && let Some(count) = self.counts.get_mut(held.rule as usize)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.live.retain(|live| *live != held.rule);
            }
        }
    }
}

impl Held {
    fn placed(&self, place: u64) -> Placed {
        Placed { rule: self.rule, place, force: self.force.clone() }
    }
}

fn place(rule: u32, key: u64) -> u64 {
    super::entry_key(key, rule | super::RULE_BIT)
}
