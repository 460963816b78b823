//! Watches keys that are near a limit: when they breach it, what that does, and when it is over.

use std::cmp::Reverse;

use rules::Timestamp;
use rules::policy::ips::{Deed, Key};
use rules::policy::{AlertLevel, ThresholdId};
use rules::verdict::Measure;
use serde::{Deserialize, Serialize};

use super::alert::Breach;
use super::event::Event;
use super::feeding::{Counted, bits};
use super::gauge::Gauge;
use super::how::{How, Measured};
use super::level::{Bounds, Course, Level};
use super::limits::{BREACHES_MAX, BREACHES_WAITING_MAX};
use super::parts::{Parts, word};
use super::plan::Plan;
use super::restraints::Restraint;
use super::store::Place;
use super::{Ips, entry_key};

/// A key that has reached a limit and is not quiet again.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Watched {
    course: Course,
    /// The parts of the key by their names, as people read them.
    #[serde(with = "super::key_text")]
    key: Vec<(&'static str, String)>,
    /// When it will be looked at again, in microseconds.
    timer: i64,
    /// Breaches that were not told.
    suppressed: u32,
    /// What it set last.
    set: Option<Set>,
}

/// A restraint that a key had set against itself, by the time of counters.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Set {
    at: i64,
    until: i64,
    level: Level,
}

/// Counters that took something for a key.
#[derive(Debug)]
pub(super) struct Look {
    group: u32,
    mask: u16,
    hash: u64,
}

/// Why a key is looked at.
#[derive(Clone, Copy)]
enum Cause<'a> {
    /// An event of this call, which the counter with this index took.
    Call(&'a Parts<'a>, u32),
    /// Its time has come.
    Timer,
}

impl Ips {
    /// Notes that counters took something by which they may reach a limit.
    pub(super) fn look_at(&mut self, group: u32, mask: u16, hash: u64) {
        if mask != 0 {
            self.looks.push(Look { group, mask, hash });
        }
    }

    /// Looks at the rules of those counters, once all of them have taken what happened: a rule asks several.
    pub(super) fn watch_all(&mut self, parts: &Parts<'_>) {
        let mut looks = std::mem::take(&mut self.looks);
        for Look { group, mask, hash } in looks.drain(..) {
            for bit in bits(mask) {
                if let Some((index, owner)) = self.plan.judged_by(group, bit) {
                    self.watch(owner, hash, Cause::Call(parts, index));
                }
            }
        }
        self.looks = looks;
    }

    /// Does what is due at `now`.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while let Some(&Reverse((due, rule, hash))) = self.timers.peek() {
            if due > self.clock.counted(now.0) {
                break;
            }
            self.timers.pop();
            self.now = self.now.max(due);
            self.watch(rule, hash, Cause::Timer);
        }
    }

    fn watch(&mut self, rule_index: u32, hash: u64, cause: Cause<'_>) {
        let place = entry_key(hash, rule_index);
        let is_watched = self.watched.contains_key(&place);
        let now = self.now;
        let Some((bounds, main)) = self.rule_now(rule_index) else { return };
        let is_newest = !is_watched && matches!(cause, Cause::Call(_, counter) if counter == main);
        let measured = self.measure(main, hash, now, is_newest);
        let reaches = |limit: Option<f64>| limit.is_some_and(|limit| measured.value >= limit);
        if !is_watched && !reaches(bounds.warning) && !reaches(bounds.critical) {
            self.look_again_at_minutes(rule_index, hash, &measured, &bounds);
            return;
        }
        let value = self.holds(rule_index, hash, &measured).then_some(measured.value);
        if !is_watched && (value.is_none() || !self.start_watching(rule_index, hash, place, &cause)) {
            return;
        }
        let grows = matches!(cause, Cause::Call(..)) || self.grows_alone(main);
        let Some(watched) = self.watched.get_mut(&place) else { return };
        let acts = if grows {
            watched.course.observe(value, now, &bounds)
        } else {
            // In between events only what acts late is looked at, and what has nothing left in its window: so it does not
            // matter when a timer happens to fire.
            if measured.events == 0 || watched.course.acts_at(&bounds).is_some() {
                watched.course.relax(value, &bounds);
            }
            watched.course.act(now, &bounds)
        };
        if let Some(level) = acts {
            self.act(rule_index, hash, place, level, &measured, &bounds);
        }
        if let Cause::Call(parts, _) = cause {
            self.restrain(rule_index, hash, place, &measured, &bounds, parts);
        }
        self.look_again(rule_index, hash, place, &measured, &bounds);
    }

    /// Before an event: what has fallen since the last one is armed again, even if the event lifts it at once.
    #[inline(never)]
    pub(super) fn relax_all(&mut self, group: u32, mask: u16, hash: u64) {
        for bit in bits(mask) {
            let Some((_, owner)) = self.plan.judged_by(group, bit) else { continue };
            let place = entry_key(hash, owner);
            if !self.watched.contains_key(&place) {
                continue;
            }
            let Some((bounds, main)) = self.rule_now(owner) else { continue };
            let measured = self.measure(main, hash, self.now, false);
            let value = self.holds(owner, hash, &measured).then_some(measured.value);
            if let Some(watched) = self.watched.get_mut(&place) {
                watched.course.relax(value, &bounds);
            }
        }
    }

    /// Whether the value of a counter rises while nothing happens.
    fn grows_alone(&self, counter: u32) -> bool {
        self.plan.counter(counter).is_some_and(|counter| matches!(counter.shape.how, How::Up(_)))
    }

    /// Limits of the rule as they hold now, and its main counter; `None` when it is not in force.
    fn rule_now(&self, rule_index: u32) -> Option<(Bounds, u32)> {
        let rule = self.plan.rule(rule_index).filter(|rule| rule.is_in_force(self.wall(self.now)))?;
        let threshold = &rule.threshold;
        let learned = threshold.baseline.map(|_| {
            self.baselines
                .limit(rule, self.threshold_id(rule_index), self.wall(self.now).0)
                .unwrap_or(f64::INFINITY)
        });
        let bounds = Bounds {
            warning: threshold.warning.or_else(|| learned.filter(|_| threshold.critical.is_none())),
            critical: threshold.critical,
            clear: threshold.clear,
            hold_micros: threshold.hold_micros,
        };
        Some((bounds, rule.main))
    }

    /// Whether everything beside the limit holds that the threshold asks for.
    fn holds(&mut self, rule_index: u32, hash: u64, measured: &Measured) -> bool {
        let Some(rule) = self.plan.rule(rule_index) else { return false };
        if measured.events < rule.threshold.at_least {
            return false;
        }
        let now = self.now;
        (0..rule.also.len()).all(|index| {
            let Some((counter, also)) =
                self.plan.rule(rule_index).and_then(|rule| rule.also.get(index).copied())
            else {
                return true;
            };
            let measured = self.measure(counter, hash, now, false);
            // Nothing at all is less than any bound; only a ratio says nothing then.
            (measured.events >= also.at_least || !also.count.is_ratio())
                && also.above.is_none_or(|above| measured.value > above)
                && also.below.is_none_or(|below| measured.value < below)
        })
    }

    fn start_watching(&mut self, rule_index: u32, hash: u64, place: u64, cause: &Cause<'_>) -> bool {
        if self.watched.len() >= BREACHES_MAX {
            self.counters.breaches_dropped += 1;
            return false;
        }
        let Some(rule) = self.plan.rule(rule_index) else { return false };
        let (spec, main) = (rule.spec, rule.main);
        let key = match cause {
            Cause::Call(parts, _) => self.key_text(spec, parts),
            Cause::Timer => self.gauge_of(main, hash).map(|gauge| gauge.key.clone()).unwrap_or_default(),
        };
        self.watched
            .insert(place, Watched { course: Course::new(), key, timer: i64::MAX, suppressed: 0, set: None });
        self.keep(rule_index, hash);
        true
    }

    /// Raises the alert of a breach and sets what it sets.
    fn act(
        &mut self,
        rule_index: u32,
        hash: u64,
        place: u64,
        level: Level,
        measured: &Measured,
        bounds: &Bounds,
    ) {
        // What is told and set in force has times of the wall.
        let (now, wall) = (self.now, self.wall(self.now));
        let Some(rule) = self.plan.rule(rule_index) else { return };
        let (policy, cool_down) = (rule.policy, rule.threshold.cool_down_micros);
        let threshold = self.threshold_id(rule_index);
        let critical = level == Level::Critical;
        let action = rule.threshold.action(critical).cloned();
        let limit = bounds.limit(level).unwrap_or_default();
        let measure = Measure { threshold, critical, value: measured.value, limit };
        let mut until = None;
        if let Some(action) = action.filter(|action| action.deed != Deed::Alert) {
            if action.deed == Deed::Terminate {
                self.terminations.push_back((rule_index, hash, measure));
            }
            if action.for_micros > 0 {
                until = Some(wall.plus_micros(action.for_micros));
            }
        }
        let sets = self.sets_anew(rule_index, hash, place, level, limit);
        // Calls that were refused because of another engine are no reason to refuse longer, and a lower level none
        // to do less.
        let foreign = self.restraints.foreign_until(rule_index, hash, critical, wall.0);
        let foreign = foreign
            .filter(|(_, is_higher)| *is_higher || !self.has_passed(rule_index, hash, i64::MIN, limit))
            .map(|(until, _)| until);
        let silent =
            self.plan.rule(rule_index).is_some_and(|rule| rule.threshold.alert == Some(AlertLevel::None));
        let Some(watched) = self.watched.get_mut(&place) else { return };
        let key = watched.key.clone();
        let has_own_key = self.plan.rule(rule_index).is_some_and(|rule| rule.block_spec.is_none());
        if let Some(end) = until
            && foreign.is_none()
            && has_own_key
        {
            if sets {
                watched.set = Some(Set { at: now, until: now + (end.0 - wall.0), level });
                let key = key.clone();
                let restraint =
                    Restraint { policy, measure, key, since: wall, until: end, hits: 0, lifted: false };
                self.restraints.set(rule_index, hash, restraint);
            } else {
                until = self.restraints.find(rule_index, hash, wall.0).map(|held| held.until);
            }
        }
        let recently = watched.course.told(level).is_some_and(|told| now - told < cool_down);
        if silent || recently {
            watched.suppressed += u32::from(recently);
            return;
        }
        watched.course.tell(level, now);
        let suppressed = std::mem::take(&mut watched.suppressed);
        let (first, mut calls) = self.evidence(rule_index, hash);
        if self.counts_events(rule_index) {
            // Of older events the Call-IDs are kept a while longer.
            calls.drain(..calls.len().saturating_sub(measured.events as usize));
        }
        let missed_max = self.missed(rule_index, hash);
        let breach = Breach {
            policy,
            threshold,
            critical,
            at: wall,
            key,
            value: measured.value,
            limit,
            baseline: self
                .plan
                .rule(rule_index)
                .and_then(|rule| self.baselines.usual(rule, threshold, wall.0)),
            first: first.map_or(wall, |first| self.wall(first)),
            last: wall,
            total: u64::from(measured.events),
            missed_max,
            calls: self.call_ids.find(&calls),
            suppressed,
            until: foreign.or(until),
        };
        if self.breaches.len() >= BREACHES_WAITING_MAX {
            self.breaches.pop_front();
            self.counters.breaches_dropped += 1;
        }
        self.breaches.push_back(breach);
    }
}

impl Ips {
    /// Sets what the breach of a key does against the call in hand: by the part that `block_key` names, or anew when it
    /// ended by itself while as many calls as the limit had passed since.
    fn restrain(
        &mut self,
        rule_index: u32,
        hash: u64,
        place: u64,
        measured: &Measured,
        bounds: &Bounds,
        parts: &Parts<'_>,
    ) {
        let Some(watched) = self.watched.get(&place).filter(|watched| watched.course.acted > Level::Quiet)
        else {
            return;
        };
        let critical = watched.course.acted == Level::Critical;
        let key = watched.key.clone();
        let Some(rule) = self.plan.rule(rule_index) else { return };
        let Some(action) = rule.threshold.action(critical).filter(|action| action.for_micros > 0) else {
            return;
        };
        let (policy, block_spec, for_micros) = (rule.policy, rule.block_spec, action.for_micros);
        let level = watched.course.acted;
        let since = watched.set.map_or(i64::MIN, |set| set.at);
        let limit = bounds.limit(level).unwrap_or_default();
        let wall = self.wall(self.now);
        let target = block_spec.map_or(Some(hash), |spec| self.key_of(spec, parts));
        let Some(target) = target else { return };
        if self.restraints.find(rule_index, target, wall.0).is_some() {
            return;
        }
        if block_spec.is_none() {
            if !self.has_passed(rule_index, hash, since, limit) {
                return;
            }
            let now = self.now;
            if let Some(watched) = self.watched.get_mut(&place) {
                watched.set = Some(Set { at: now, until: now + for_micros, level });
            }
        }
        let key = block_spec.map_or(key, |spec| self.key_text(spec, parts));
        let threshold = self.threshold_id(rule_index);
        let measure = Measure { threshold, critical, value: measured.value, limit };
        let until = wall.plus_micros(for_micros);
        let restraint = Restraint { policy, measure, key, since: wall, until, hits: 0, lifted: false };
        self.restraints.set(rule_index, target, restraint);
    }

    /// Makes sure that a watched key is looked at again, and lets go one that is quiet.
    fn look_again(&mut self, rule_index: u32, hash: u64, place: u64, measured: &Measured, bounds: &Bounds) {
        let now = self.now;
        let rises = self.rises_to(rule_index, hash, measured, bounds).map_or(i64::MAX, |(_, due)| due);
        let Some(rule) = self.plan.rule(rule_index) else { return };
        let (within, cool_down) = (rule.threshold.within_micros, rule.threshold.cool_down_micros);
        let Some(watched) = self.watched.get_mut(&place) else { return };
        // Attempts that a restraint refused count as long as the window, and must not set it anew.
        let is_unset = watched.set.is_none_or(|set| now >= set.until.saturating_add(within));
        if is_unset && watched.course.is_over(now, cool_down) {
            self.watched.remove(&place);
            self.keep(rule_index, hash);
            self.look_again_at_minutes(rule_index, hash, measured, bounds);
            return;
        }
        let acts = watched.course.acts_at(bounds).unwrap_or(i64::MAX);
        let next = acts.min(rises).min(now.saturating_add(within)).max(now + 1);
        if next < watched.timer || watched.timer <= now {
            watched.timer = next;
            self.timers.push(Reverse((next, rule_index, hash)));
        }
    }

    /// Minutes grow while nothing happens: a key that has calls up is looked at when it may reach its limit.
    fn look_again_at_minutes(&mut self, rule_index: u32, hash: u64, measured: &Measured, bounds: &Bounds) {
        let Some((bit, due)) = self.rises_to(rule_index, hash, measured, bounds) else { return };
        let now = self.now;
        let group = self.plan.rule(rule_index).and_then(|rule| self.plan.counter(rule.main));
        let key = group.map(|counter| entry_key(hash, counter.group));
        let gauge = key.and_then(|key| self.gauges.get_mut(key));
        if gauge.is_some_and(|gauge| gauge.wake(bit, due, now)) {
            self.timers.push(Reverse((due, rule_index, hash)));
        }
    }

    /// When the value of the rule at the key can reach its next limit though nothing happens, and the bit of its counter.
    fn rises_to(
        &self,
        rule_index: u32,
        hash: u64,
        measured: &Measured,
        bounds: &Bounds,
    ) -> Option<(u8, i64)> {
        let counter = self.plan.counter(self.plan.rule(rule_index)?.main)?;
        let How::Up(asked) = counter.shape.how else { return None };
        let limits = [bounds.warning, bounds.critical].into_iter().flatten();
        let limit = limits.filter(|limit| *limit > measured.value).reduce(f64::min)?;
        let gauge = self.gauges.get(entry_key(hash, counter.group))?;
        let due = gauge.reaches(counter.bit, asked, measured.value, limit, self.now)?;
        Some((counter.bit, due))
    }

    /// A call of the key begins.
    pub(super) fn begin(&mut self, group: u32, mask: u16, hash: u64, call: u32, parts: &Parts<'_>) {
        let key = entry_key(hash, group);
        let Some((spec, counters)) = self.plan.group(group).map(|group| (group.spec, group.counters.len()))
        else {
            return;
        };
        if !self.gauges.contains(key) {
            let text = self.key_text(spec, parts);
            self.gauges.insert(key, Gauge::new(counters, text));
        }
        self.gauges.change(key, |gauge| gauge.begin(mask, call));
        if self.has_too_much() {
            self.reclaim();
        }
        self.look_at(group, mask, hash);
    }

    /// A call that is up was answered, at a time that its end will name as well.
    pub(super) fn answer(&mut self, counted: &Counted, answered: Option<Timestamp>) {
        let now = answered.map_or(self.now, |answered| self.clock.counted_by(answered.0, self.now));
        let key = entry_key(counted.hash, counted.group);
        self.gauges.change(key, |gauge| gauge.answer(counted.mask, counted.talk(), now));
        if self.has_too_much() {
            self.reclaim();
        }
        self.look_at(counted.group, counted.mask, counted.hash);
    }

    /// A call that was up is over.
    pub(super) fn end(&mut self, counted: &Counted, answered: Option<Timestamp>) {
        let (now, key) = (self.now, entry_key(counted.hash, counted.group));
        let within = self.plan.group(counted.group).map_or(0, |group| group.within_micros);
        let since = answered.map(|answered| self.clock.counted_by(answered.0, now));
        let ended = self.gauges.change(key, |gauge| {
            gauge.end(counted.mask, counted.talk(), since, now);
            (gauge.is_spent(now, within), gauge.timer < now)
        });
        let Some((is_spent, is_due)) = ended else { return };
        if is_spent {
            self.gauges.remove(key);
        } else if is_due {
            // So that it is looked at, and let go, when its talks have left the window.
            if let Some(gauge) = self.gauges.get_mut(key) {
                gauge.timer = now.saturating_add(within);
            }
            let owner = self.plan.group(counted.group).and_then(|group| group.counters.first());
            let owner = owner.and_then(|index| self.plan.counter(*index)).map(|counter| counter.owner);
            self.timers.extend(owner.map(|owner| Reverse((now.saturating_add(within), owner, counted.hash))));
        }
        self.look_at(counted.group, counted.mask, counted.hash);
    }

    /// The Call-IDs of the last events of the rule at the key, and when the first that is kept happened.
    fn evidence(&mut self, rule_index: u32, hash: u64) -> (Option<i64>, Vec<u32>) {
        let Some(counter) = self.plan.rule(rule_index).and_then(|rule| self.plan.counter(rule.main)) else {
            return (None, Vec::new());
        };
        let key = entry_key(hash, counter.group);
        if let Some(gauge) = self.gauges.get(key) {
            return (None, gauge.calls(counter.bit).collect());
        }
        let entry = self.store.find(key).and_then(|place| self.store.entry(place));
        let Some(entry) = entry else { return (None, Vec::new()) };
        let oldest = self.now - counter.shape.within_micros;
        let Some(events) = self.few(entry) else {
            let window = self.busy.window(entry.busy, counter);
            return window
                .map_or((None, Vec::new()), |window| (window.first(), window.calls(oldest).collect()));
        };
        let events = events.filter(|event| counter.counts(event, oldest));
        (events.clone().next().map(Event::micros), events.map(|event| event.call).collect())
    }

    /// Whether each event counts by itself, whatever it is about.
    fn counts_events(&self, rule_index: u32) -> bool {
        let counter = self.plan.rule(rule_index).and_then(|rule| self.plan.counter(rule.main));
        counter.is_some_and(|counter| matches!(counter.shape.how, How::Number | How::Share(_) | How::Mean))
    }

    /// Whether a breach sets its restraint: what is in force is made harder, not longer, and what ended is set anew when as
    /// much has passed since as the limit says.
    fn sets_anew(&mut self, rule_index: u32, hash: u64, place: u64, level: Level, limit: f64) -> bool {
        let Some(set) = self.watched.get(&place).and_then(|watched| watched.set) else { return true };
        let is_harder = level > set.level && self.now < set.until;
        is_harder || self.has_passed(rule_index, hash, set.at, limit)
    }

    /// Whether so many of the events of the rule at the key after `since` were not refused as `limit` says; where that is no
    /// number of events, as many as the threshold needs to say anything.
    fn has_passed(&mut self, rule_index: u32, hash: u64, since: i64, limit: f64) -> bool {
        let Some((rule, counter)) =
            self.plan.rule(rule_index).and_then(|rule| Some((rule, self.plan.counter(rule.main)?)))
        else {
            return false;
        };
        let limit = match counter.shape.how {
            How::Up(_) => return true,
            How::Share(_) | How::Mean => f64::from(rule.threshold.at_least.max(1)),
            How::Number | How::Distinct | How::Run { .. } => limit,
        };
        let entry = self.store.find(entry_key(hash, counter.group)).and_then(|place| self.store.entry(place));
        let Some(entry) = entry else { return false };
        let oldest = since.max(self.now - counter.shape.within_micros);
        let Some(events) = self.few(entry) else {
            let window = self.busy.window(entry.busy, counter);
            return window.map_or(0, |window| window.passed(oldest, counter.shape)) as f64 >= limit;
        };
        let passed = events.filter(|event| counter.counts(event, oldest) && !event.is_refused());
        passed.count() as f64 >= limit
    }

    /// So many events of the rule at the key may be missing from its value, at most.
    fn missed(&mut self, rule_index: u32, hash: u64) -> u64 {
        let Some(counter) = self.plan.rule(rule_index).and_then(|rule| self.plan.counter(rule.main)) else {
            return 0;
        };
        let key = entry_key(hash, counter.group);
        let busy =
            self.store.find(key).and_then(|place| self.store.entry(place)).map_or(0, |entry| entry.busy);
        let in_slices = self.busy.window(busy, counter).map_or(0, |window| window.missing());
        self.forgotten.bound(key) + in_slices
    }

    /// Keeps what is counted of the key while it is watched: everything the rule asks, since it is armed again before any
    /// of that changes.
    fn keep(&mut self, rule_index: u32, hash: u64) {
        let counters = self.plan.rule(rule_index).into_iter().flat_map(Plan::counters_of);
        let groups: Vec<u32> =
            counters.filter_map(|counter| Some(self.plan.counter(counter)?.group)).collect();
        for group in groups {
            if let Some(place) = self.store.find(entry_key(hash, group)) {
                let watched =
                    self.plan.group(group).is_some_and(|group| self.is_watched(&group.counters, hash));
                self.pin(place, watched);
            }
        }
    }

    /// Whether the key, of which `group` has counted nothing yet, is watched by a rule for which that is a further condition.
    pub(super) fn watches_further(&self, group: u32, hash: u64) -> bool {
        self.plan.group(group).is_some_and(|group| self.is_watched(&group.further, hash))
    }

    /// Whether a rule of one of `counters` watches the key.
    fn is_watched(&self, counters: &[u32], hash: u64) -> bool {
        let mut owners = counters.iter().filter_map(|index| self.plan.counter(*index));
        owners.any(|counter| self.watched.contains_key(&entry_key(hash, counter.owner)))
    }

    /// Says whether the entry is watched: then it stays, and every event of it is looked at.
    pub(super) fn pin(&mut self, place: Place, pinned: bool) {
        if let Some(entry) = self.store.entry_mut(place) {
            entry.pinned = pinned;
        }
    }

    fn gauge_of(&self, counter: u32, hash: u64) -> Option<&Gauge> {
        self.gauges.get(entry_key(hash, self.plan.counter(counter)?.group))
    }

    /// The parts of a key by their names, as people read them.
    fn key_text(&self, spec: u32, parts: &Parts<'_>) -> Vec<(&'static str, String)> {
        let per = self.plan.specs.get(spec as usize).map(|(_, per)| per.as_slice()).unwrap_or_default();
        let text =
            |key: &Key| (word(*key), parts.part(*key).map_or_else(String::new, |part| part.to_string()));
        per.iter().map(text).collect()
    }

    fn threshold_id(&self, rule_index: u32) -> ThresholdId {
        let rule = self.plan.rule(rule_index);
        let first =
            rule.and_then(|rule| self.plan.first_rule.get(rule.policy as usize)).copied().unwrap_or(0);
        ThresholdId(rule_index - first)
    }
}
