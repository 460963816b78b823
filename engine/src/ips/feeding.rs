//! Turns what happens to calls into events of counters.

use rules::matching::{Scratch, is_neighbour};
use rules::policy::ips::Deed;
use rules::policy::{InForce, Limit, Limits, Mode, Policy};
use rules::{Flags, Method, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::gauge::Talk;
use super::parts::{Part, Parts};
use super::plan::{CALLED, CALLED_COUNTRY, CALLER, Element, Feed, Filter};
use super::routes::{Hit, Question};
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
struct Course {
    bits: u64,
    talk_micros: Option<u64>,
    /// From the first ring, or from the INVITE when none came, to the end of a call that its caller gave up.
    given_up_micros: Option<i64>,
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
            self.count(occasion, scratch, refused, waiting);
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
        self.count(occasion, scratch, false, &mut Vec::new());
    }

    /// Takes up a call: what comes late counts now.
    fn take_up(&mut self, at: Timestamp) {
        let set_back = self.clock.hold(at.0, &mut self.now);
        if set_back > 0 {
            self.restraints.set_back(set_back);
        }
        self.call_in_hand += 1;
        self.noted = (None, None);
    }

    /// Counts the call in hand where its route says. First memory of all keys is asked for, then they are taken up in
    /// order, so that their misses pass at once.
    fn count(
        &mut self,
        occasion: &Occasion<'_>,
        scratch: &Scratch,
        refused: bool,
        waiting: &mut Vec<Counted>,
    ) {
        let Occasion { policy, method, opens, noticed, .. } = *occasion;
        let question = Question { policy, method, opens, noticed };
        let route = self.routes.find(&self.plan, question, scratch.counted_words());
        self.noted.0 = Some(route);
        if self.routes.hits(route).is_empty() {
            return;
        }
        let mut aims = std::mem::take(&mut self.aims);
        for index in 0..self.routes.hits(route).len() {
            let hit = self.routes.hits(route).get(index).copied();
            if let Some(aim) = hit.and_then(|hit| self.aim(&hit, occasion)) {
                if aim.feed == Feed::Begin {
                    self.store.prefetch(aim.key);
                }
                aims.push(aim);
            }
        }
        let call = self.call_ids.remember(occasion.parts.attempt.call_id());
        for aim in aims.iter().filter(|aim| aim.feed == Feed::Begin) {
            self.store.prefetch_entry(aim.key, Timestamp(self.now));
        }
        for aim in aims.drain(..) {
            self.take_aim(&aim, occasion, refused, call, waiting);
        }
        self.aims = aims;
        self.watch_all(&occasion.parts);
    }

    /// Where the call in hand counts by `hit`; `None` when it lacks the key or what is counted.
    fn aim(&mut self, hit: &Hit, occasion: &Occasion<'_>) -> Option<Aim> {
        let Hit { group, spec, feed, element, mut mask, neighbours } = *hit;
        if neighbours != 0 && is_neighbour_call(&occasion.parts) {
            mask |= neighbours;
        }
        let hash = self.key_of(spec, &occasion.parts)?;
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
        (mask != 0).then(|| Aim { group, feed, element, mask, hash, key: entry_key(hash, group), value })
    }

    fn take_aim(
        &mut self,
        aim: &Aim,
        occasion: &Occasion<'_>,
        refused: bool,
        call: u32,
        waiting: &mut Vec<Counted>,
    ) {
        let Aim { group, feed, element, mask, hash, value, .. } = *aim;
        let waits = Counted { policy: occasion.policy, group, mask, hash, call, value, weight: 1 };
        match feed {
            Feed::Begin => {
                let event = Event::new(Timestamp(self.now), refused, value, call, mask);
                let may_reach = self.record(group, hash, &event);
                self.look_at(group, may_reach, hash);
            }
            _ if refused => {}
            Feed::Up => {
                self.begin(group, mask, hash, call, &occasion.parts);
                let weight = if element == Element::Price { occasion.parts.price() } else { 1 };
                waiting.push(Counted { weight, ..waits });
            }
            Feed::Final | Feed::End | Feed::Close | Feed::Register | Feed::Probe => waiting.push(waits),
        }
    }

    fn element(&mut self, element: Element, occasion: &Occasion<'_>) -> Option<u64> {
        let parts = &occasion.parts;
        match element {
            Element::Called => self.hash_of_part(CALLED, parts),
            Element::Caller => self.hash_of_part(CALLER, parts),
            Element::Country => self.hash_of_part(CALLED_COUNTRY, parts),
            Element::Line => match parts.called()? {
                Part::Number(number) => Some(number.value()),
                _ => None,
            },
            // A registrar is asked about the user in From and To; everybody else about the one called.
            Element::User if occasion.method == Method::Register => self.hash_of_part(CALLER, parts),
            Element::User => self.hash_of_part(CALLED, parts),
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
        // By the time of counters: the wall may have been set back meanwhile.
        let since = |at: Timestamp| (self.now - self.clock.counted_by(at.0, self.now)).max(0);
        let is_given_up = progress.cancelled && progress.ended.is_some();
        let course = Course {
            bits: if progress.status == 0 { 0 } else { outcome::bits(progress.status) },
            talk_micros: progress.answered.map(|answered| since(answered) as u64),
            given_up_micros: is_given_up.then(|| since(progress.ringing.unwrap_or(progress.started))),
        };
        for counted in waiting {
            self.store.prefetch(entry_key(counted.hash, counted.group));
        }
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
                Feed::Up if over => self.end(counted, progress.answered),
                Feed::Up => self.answer(counted, progress.answered),
                _ if feeds => self.feed(counted, &course),
                _ => {}
            }
        }
        self.watch_all(parts);
    }

    /// Tells the counters of `feed` that what they count has happened: a registration failed, an account was probed.
    pub(crate) fn happened(&mut self, failed: Failed, at: Timestamp, parts: &Parts<'_>, waiting: &[Counted]) {
        self.take_up(at);
        let wanted = match failed {
            Failed::Registration => Feed::Register,
            Failed::Probe => Feed::Probe,
        };
        let course = Course { bits: 0, talk_micros: None, given_up_micros: None };
        for counted in waiting.iter().filter(|counted| Some(counted.policy) == parts.view.policy) {
            if self.plan.group(counted.group).is_some_and(|group| group.feed == wanted) {
                self.feed(counted, &course);
            }
        }
        self.watch_all(parts);
    }

    fn feed(&mut self, counted: &Counted, course: &Course) {
        let Some(group) = self.plan.group(counted.group) else { return };
        let value = match group.element {
            Element::Outcome => course.bits,
            Element::Duration => course.talk_micros.unwrap_or(0),
            _ => counted.value,
        };
        let fits = |bit: &u32| group.members.get(*bit as usize).is_some_and(|one| one.filter.admits(course));
        let mask = bits(counted.mask).filter(fits).fold(0, |mask, bit| mask | 1 << bit);
        if mask == 0 {
            return;
        }
        let event = Event::new(Timestamp(self.now), false, value, counted.call, mask);
        let may_reach = self.record(counted.group, counted.hash, &event);
        self.look_at(counted.group, may_reach, counted.hash);
    }

    /// A call that had been refused was answered after all, by another branch.
    pub(crate) fn reopened(&mut self, waiting: &[Counted]) {
        for counted in waiting {
            let key = entry_key(counted.hash, counted.group);
            self.gauges.change(key, |gauge| gauge.begin(counted.mask, counted.call));
        }
    }

    /// A call that a breach refused was not one that counters wait for.
    fn drop_out(&mut self, waiting: &mut Vec<Counted>) {
        for counted in waiting.drain(..) {
            if counted.group & RULE_BIT != 0 {
                self.restraints.ended(counted.group & !RULE_BIT, counted.hash);
            }
            let key = entry_key(counted.hash, counted.group);
            let within = self.plan.group(counted.group).map_or(0, |group| group.within_micros);
            let now = self.now;
            let is_spent = self.gauges.change(key, |gauge| {
                gauge.drop_out(counted.mask, counted.call);
                gauge.is_spent(now, within)
            });
            if is_spent == Some(true) {
                self.gauges.remove(key);
            }
            if is_spent.is_some() {
                // What it raised above a limit is over at once.
                self.relax_all(counted.group, counted.mask, counted.hash);
            }
        }
    }

    /// Whether a block that was set before holds against the call in hand.
    fn is_blocked(&mut self, occasion: &Occasion<'_>, scratch: &Scratch) -> bool {
        let blocks = |ips: &mut Self, rule| {
            let (_, deed) = ips.restraint(occasion, rule, scratch)?;
            let enforced = ips.plan.rule(rule)?.threshold.mode == Mode::Enforce;
            Some(enforced && matches!(deed, Deed::Block(_) | Deed::Divert(_)))
        };
        let mut next = 0;
        while let Some(rule) = self.restraints.live_from(next) {
            if blocks(self, rule).unwrap_or(false) {
                return true;
            }
            next = rule + 1;
        }
        false
    }

    /// What is in force against the call in hand.
    fn in_force(&mut self, occasion: &Occasion<'_>, scratch: &Scratch) -> Vec<InForce> {
        let mut found = std::mem::take(&mut self.in_force);
        found.clear();
        let now = self.wall(self.now).0;
        let mut next = 0;
        while let Some(rule) = self.restraints.live_from(next) {
            next = rule + 1;
            let Some((key, deed)) = self.restraint(occasion, rule, scratch) else { continue };
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

    /// The restraint of `rule` against the call in hand: its key and what it does.
    fn restraint(&mut self, occasion: &Occasion<'_>, rule: u32, scratch: &Scratch) -> Option<(u64, Deed)> {
        self.plan.id_of(occasion.policy, rule).filter(|id| scratch.blockable(*id))?;
        let spec = self.plan.rule(rule).map(|rule| rule.block_spec.unwrap_or(rule.spec))?;
        let key = self.key_of(spec, &occasion.parts)?;
        let now = self.wall(self.now).0;
        let held = self.restraints.find(rule, key, now).filter(|held| !held.lifted);
        let critical = held?.measure.critical;
        let action = self.plan.rule(rule)?.threshold.action(critical)?;
        Some((key, action.deed.clone()))
    }
}

/// One group of counters that the call in hand counts in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    group: u32,
    feed: Feed,
    element: Element,
    mask: u16,
    hash: u64,
    /// Of the entry.
    key: u64,
    value: u64,
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
    /// The call, for what counts how long it talks.
    pub(super) fn talk(&self) -> Talk {
        Talk { call: self.call, weight: self.weight }
    }

    /// Whether it waits for `group` at the key `hash`.
    pub(crate) fn is_of(&self, group: u32, hash: u64) -> bool {
        self.group == group && self.hash == hash
    }
}

impl Filter {
    fn admits(self, course: &Course) -> bool {
        let shorter = |micros: u64| course.talk_micros.is_some_and(|talk| talk < micros);
        match self {
            Self::All => true,
            Self::Outcome(bits) => course.bits & bits != 0,
            Self::Short(micros) => shorter(micros),
            Self::ShortOr(micros, bits) => shorter(micros) || course.bits & bits != 0,
            Self::OneRing(micros) => course.given_up_micros.is_some_and(|rang| rang < micros),
        }
    }
}

/// The bits that are set in `mask`, ascending.
#[inline]
pub(super) fn bits(mut mask: u16) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros())?;
        mask &= mask - 1;
        Some(bit)
    })
}

fn is_neighbour_call(parts: &Parts<'_>) -> bool {
    match (parts.caller(), parts.called()) {
        (Part::Number(caller), Some(Part::Number(called))) => {
            caller != called && is_neighbour(caller, called)
        }
        _ => false,
    }
}
