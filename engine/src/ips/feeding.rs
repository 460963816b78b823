//! Turns what happens to calls into events of counters.

use rules::matching::{Scratch, is_neighbour};
use rules::policy::ips::Deed;
use rules::policy::{InForce, Limit, Limits, Mode, Policy, ThresholdId};
use rules::{Flags, Method, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::parts::{Part, Parts};
use super::plan::{Element, Feed, Filter, Plan};
use super::{Ips, RULE_BIT, entry_key, outcome};
use crate::call::{Progress, Refusal};

/// A message that a policy has judged, before its counters.
pub(crate) struct Occasion<'a> {
    pub(crate) policy: u32,
    pub(crate) parts: Parts<'a>,
    pub(crate) method: Method,
    pub(crate) at: Timestamp,
    /// Whether it opens an attempt, or turns one to other numbers: then it counts.
    pub(crate) opens: bool,
    /// What was noticed that thresholds count by itself.
    pub(crate) noticed: Flags,
}

/// Counters that wait for something later in the life of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    policy: u32,
    pub(super) group: u32,
    pub(super) mask: u16,
    pub(super) hash: u64,
    /// The number of its Call-ID.
    pub(super) call: u32,
    /// The element of groups that count one at the end.
    value: u64,
    /// What a minute of it weighs.
    pub(super) weight: u32,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// It was answered.
    Answered,
    /// It was refused, and no repeat answers that.
    Refused,
    /// It was answered and is over, or silent for too long.
    Over,
    /// Nobody answered it.
    Silent,
}

/// What counters may ask of an attempt that came to something.
#[derive(Clone, Copy)]
struct Course<'a> {
    bits: u64,
    talk_micros: Option<u64>,
    progress: &'a Progress,
}

impl Ips {
    /// Counts the attempt that `scratch` was gathered for and applies to `verdict` what is in force against it. Counters
    /// that wait for what becomes of it are added to `waiting`.
    pub(crate) fn attempt(
        &mut self,
        occasion: &Occasion<'_>,
        policy: &Policy,
        scratch: &Scratch,
        limits: &mut Limits,
        verdict: &mut Verdict,
        waiting: &mut Vec<Counted>,
    ) {
        self.take_up(occasion.at);
        let mut refusal = None;
        if occasion.opens {
            let refused = !verdict.goes_on() || self.is_blocked(occasion, scratch);
            refusal = refused.then_some(Refusal::Before);
            self.count(occasion, scratch.counted(), refused, waiting);
        }
        let in_force = self.in_force(occasion, scratch);
        policy.apply(verdict, &in_force, limits);
        self.in_force = in_force;
        // Places that concurrent limits of restraints have given are given back at the end of the call.
        let held = std::mem::take(&mut self.held);
        waiting.extend(held.into_iter().map(|(rule, hash)| Counted {
            policy: occasion.policy,
            group: rule | RULE_BIT,
            mask: 0,
            hash,
            call: 0,
            value: 0,
            weight: 0,
        }));
        if !verdict.goes_on() {
            refusal = refusal.or(Some(Refusal::Then));
            self.drop_out(waiting);
        }
        self.noted.1 = refusal;
    }

    /// Counts something that was noticed inside a call that goes on.
    pub(crate) fn notice(&mut self, occasion: &Occasion<'_>, scratch: &Scratch) {
        self.take_up(occasion.at);
        self.count(occasion, scratch.counted(), false, &mut Vec::new());
    }

    /// Takes up a call: what comes late counts now.
    fn take_up(&mut self, at: Timestamp) {
        self.now = self.now.max(at.0);
        self.call_in_hand += 1;
        self.noted.0.clear();
        self.noted.1 = None;
    }

    fn count(
        &mut self,
        occasion: &Occasion<'_>,
        counted: &[ThresholdId],
        refused: bool,
        waiting: &mut Vec<Counted>,
    ) {
        for id in counted {
            let Some(rule) = self.plan.rule_of(occasion.policy, id.0).and_then(|index| self.plan.rule(index))
            else {
                continue;
            };
            let counts = if rule.threshold.flags.is_empty() {
                occasion.opens && rule.threshold.counts(occasion.method)
            } else {
                !rule.threshold.flags.intersection(occasion.noticed).is_empty()
            };
            if !counts {
                continue;
            }
            self.noted.0.push(*id);
            for counter in Plan::counters_of(rule).filter_map(|index| self.plan.counter(index)) {
                if counter.neighbours_only && !is_neighbour_call(&occasion.parts) {
                    continue;
                }
                let Some(mask) = self.masks.get_mut(counter.group as usize) else { continue };
                if *mask == 0 {
                    self.touched.push(counter.group);
                }
                *mask |= 1 << counter.bit;
            }
        }
        if self.touched.is_empty() {
            return;
        }
        let call = self.call_ids.remember(occasion.parts.attempt.call_id());
        for index in 0..self.touched.len() {
            let Some(&group) = self.touched.get(index) else { break };
            let mask = self.masks.get_mut(group as usize).map_or(0, std::mem::take);
            self.count_in(group, mask, occasion, refused, call, waiting);
        }
        self.touched.clear();
    }

    fn count_in(
        &mut self,
        group: u32,
        mut mask: u16,
        occasion: &Occasion<'_>,
        refused: bool,
        call: u32,
        waiting: &mut Vec<Counted>,
    ) {
        let Some((spec, feed, element)) =
            self.plan.group(group).map(|group| (group.spec, group.feed, group.element))
        else {
            return;
        };
        let Some(hash) = self.key_of(spec, &occasion.parts) else { return };
        let value = match element {
            Element::None | Element::Outcome | Element::Duration | Element::Price => 0,
            _ => match self.element(element, occasion) {
                Some(value) => value,
                // Others that share the events still count the call.
                None => {
                    mask &= self.plan.without_element(group);
                    0
                }
            },
        };
        if mask == 0 {
            return;
        }
        match feed {
            Feed::Begin => {
                let event = Event::new(Timestamp(self.now), refused, value, call, mask);
                if self.record(group, hash, &event) {
                    self.watch_all(group, mask, hash, &occasion.parts);
                }
            }
            _ if refused => {}
            Feed::Up => {
                self.begin(group, mask, hash, call, &occasion.parts);
                let weight = if element == Element::Price { occasion.parts.price() } else { 1 };
                waiting.push(Counted { policy: occasion.policy, group, mask, hash, call, value, weight });
            }
            Feed::Final | Feed::End | Feed::Close | Feed::Register | Feed::Probe => {
                waiting.push(Counted { policy: occasion.policy, group, mask, hash, call, value, weight: 1 });
            }
        }
    }

    fn element(&self, element: Element, occasion: &Occasion<'_>) -> Option<u64> {
        let parts = &occasion.parts;
        match element {
            Element::Called => parts.called().map(|part| part.hash(&self.hasher)),
            Element::Caller => Some(parts.caller().hash(&self.hasher)),
            Element::Country => {
                parts.part(rules::policy::ips::Key::CalledCountry).map(|part| part.hash(&self.hasher))
            }
            Element::Line => match parts.called()? {
                Part::Number(number) => Some(number.value()),
                _ => None,
            },
            // A registrar is asked about the user in From and To; everybody else about the one called.
            Element::User if occasion.method == Method::Register => Some(parts.caller().hash(&self.hasher)),
            Element::User => parts.called().map(|part| part.hash(&self.hasher)),
            Element::None | Element::Outcome | Element::Duration | Element::Price => None,
        }
    }

    /// Tells the counters that wait what became of their attempt.
    pub(crate) fn ended(
        &mut self,
        ending: Ending,
        at: Timestamp,
        progress: &Progress,
        parts: &Parts<'_>,
        waiting: &[Counted],
    ) {
        self.take_up(at);
        let course = Course {
            bits: if progress.status == 0 { 0 } else { outcome::bits(progress.status) },
            talk_micros: progress
                .answered
                .map(|answered| self.now.saturating_sub(answered.0.min(self.now)).max(0) as u64),
            progress,
        };
        for counted in waiting.iter().filter(|counted| Some(counted.policy) == parts.view.policy) {
            if counted.group & RULE_BIT != 0 {
                if !matches!(ending, Ending::Answered) {
                    self.restraints.ended(counted.group & !RULE_BIT, counted.hash);
                }
                continue;
            }
            let Some(feed) = self.plan.group(counted.group).map(|group| group.feed) else { continue };
            let (feeds, over) = match ending {
                Ending::Answered => (feed == Feed::Final, false),
                Ending::Refused => (matches!(feed, Feed::Final | Feed::Close), true),
                Ending::Over => (matches!(feed, Feed::End | Feed::Close), true),
                Ending::Silent => (feed == Feed::Close, true),
            };
            match feed {
                Feed::Up if over => self.end(counted, progress.answered, parts),
                Feed::Up => self.answer(counted, parts),
                _ if feeds => self.feed(counted, &course, parts),
                _ => {}
            }
        }
    }

    /// Tells the counters of `feed` that what they count has happened: a registration failed, an account was probed.
    pub(crate) fn happened(&mut self, failed: Failed, at: Timestamp, parts: &Parts<'_>, waiting: &[Counted]) {
        self.take_up(at);
        let progress = parts.attempt.progress;
        let wanted = match failed {
            Failed::Registration => Feed::Register,
            Failed::Probe => Feed::Probe,
        };
        let course = Course { bits: 0, talk_micros: None, progress: &progress };
        for counted in waiting.iter().filter(|counted| Some(counted.policy) == parts.view.policy) {
            if self.plan.group(counted.group).is_some_and(|group| group.feed == wanted) {
                self.feed(counted, &course, parts);
            }
        }
    }

    fn feed(&mut self, counted: &Counted, course: &Course<'_>, parts: &Parts<'_>) {
        let Some(group) = self.plan.group(counted.group) else { return };
        let value = match group.element {
            Element::Outcome => course.bits,
            Element::Duration => course.talk_micros.unwrap_or(0),
            _ => counted.value,
        };
        let counters = group.counters.iter().filter_map(|index| self.plan.counter(*index));
        let fits = counters.filter(|counter| counter.filter.admits(course));
        let mask = counted.mask & fits.fold(0, |mask, counter| mask | 1 << counter.bit);
        if mask == 0 {
            return;
        }
        let event = Event::new(Timestamp(self.now), false, value, counted.call, mask);
        if self.record(counted.group, counted.hash, &event) {
            self.watch_all(counted.group, mask, counted.hash, parts);
        }
    }

    /// A call that had been refused was answered after all, by another branch.
    pub(crate) fn reopened(&mut self, waiting: &[Counted]) {
        for counted in waiting {
            if let Some(gauge) = self.gauges.get_mut(&entry_key(counted.hash, counted.group)) {
                gauge.begin(counted.mask, counted.call);
            }
        }
    }

    /// A call that a breach refused was not one that counters wait for.
    fn drop_out(&mut self, waiting: &mut Vec<Counted>) {
        for counted in waiting.drain(..) {
            if counted.group & RULE_BIT != 0 {
                self.restraints.ended(counted.group & !RULE_BIT, counted.hash);
            }
            let key = entry_key(counted.hash, counted.group);
            if let Some(gauge) = self.gauges.get_mut(&key) {
                gauge.drop_out(counted.mask, counted.call);
            }
        }
    }

    /// Whether a block that was set before holds against the call in hand.
    fn is_blocked(&mut self, occasion: &Occasion<'_>, scratch: &Scratch) -> bool {
        let now = self.now;
        scratch.counted().iter().any(|id| {
            self.restraint(occasion, *id, scratch).is_some_and(|(rule, key, deed)| {
                let enforced = self.plan.rule(rule).is_some_and(|rule| rule.threshold.mode == Mode::Enforce);
                enforced
                    && matches!(deed, Deed::Block(_) | Deed::Divert(_))
                    && self.restraints.find(rule, key, now).is_some()
            })
        })
    }

    /// What is in force against the call in hand.
    fn in_force(&mut self, occasion: &Occasion<'_>, scratch: &Scratch) -> Vec<InForce> {
        let mut found = std::mem::take(&mut self.in_force);
        found.clear();
        let now = self.now;
        for id in scratch.counted() {
            let Some((rule, key, deed)) = self.restraint(occasion, *id, scratch) else { continue };
            let is_limit_exceeded = self.restraints.is_exceeded(rule, key, now, &deed);
            if occasion.opens && !is_limit_exceeded && matches!(deed, Deed::Limit(Limit::Concurrent(_))) {
                self.held.push((rule, key));
            }
            if let Some(restraint) = self.restraints.find(rule, key, now) {
                restraint.hits += u64::from(occasion.opens);
                found.push(InForce { measure: restraint.measure, is_limit_exceeded });
            }
        }
        found
    }

    /// The restraint of the threshold `id` against the call in hand: its rule, its key and what it does.
    fn restraint(
        &mut self,
        occasion: &Occasion<'_>,
        id: ThresholdId,
        scratch: &Scratch,
    ) -> Option<(u32, u64, Deed)> {
        let index = self.plan.rule_of(occasion.policy, id.0).filter(|index| self.restraints.has(*index))?;
        if !scratch.blockable(id) {
            return None;
        }
        let rule = self.plan.rule(index)?;
        let key = self.key_of(rule.block_spec.unwrap_or(rule.spec), &occasion.parts)?;
        let held = self.restraints.find(index, key, self.now).filter(|held| !held.lifted);
        let critical = held?.measure.critical;
        let action = self.plan.rule(index)?.threshold.action(critical)?;
        Some((index, key, action.deed.clone()))
    }
}

/// What a counter counts that no dialog tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// A REGISTER with credentials was refused, or a challenge to one was not answered.
    Registration,
    /// A request was for an account that does not exist.
    Probe,
}

impl Counted {
    /// Whether it waits for `group` at the key `hash`.
    pub(crate) fn is_of(&self, group: u32, hash: u64) -> bool {
        self.group == group && self.hash == hash
    }
}

impl Filter {
    fn admits(self, course: &Course<'_>) -> bool {
        let shorter = |micros: u64| course.talk_micros.is_some_and(|talk| talk < micros);
        match self {
            Self::All => true,
            Self::Outcome(bits) => course.bits & bits != 0,
            Self::Short(micros) => shorter(micros),
            Self::ShortOr(micros, bits) => shorter(micros) || course.bits & bits != 0,
            Self::OneRing(micros) => outcome::is_one_ring(course.progress, micros),
        }
    }
}

fn is_neighbour_call(parts: &Parts<'_>) -> bool {
    match (parts.caller(), parts.called()) {
        (Part::Number(caller), Some(Part::Number(called))) => {
            caller != called && is_neighbour(caller, called)
        }
        _ => false,
    }
}
