//! Thresholds turned into counters: which of them share the events of a key.

use rules::Timestamp;
use rules::policy::ips::{Also, Count, Deed, Key, Outcome};
use rules::policy::{PolicySet, Threshold, ThresholdId};

use super::event::Event;
use super::feeding::bits;
use super::gauge::Asked;
use super::how::{Hit, How, Measured};
use super::limits::{COUNTERS_PER_GROUP, EVENTS_MAX, RUN_NUMBERS_MAX};
use super::outcome;
use super::window::Shape;

/// What makes an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feed {
    /// A request that opens an attempt, judged for the first time.
    Begin,
    /// The final response to an INVITE that no repeat answers.
    Final,
    /// The end of an answered call.
    End,
    /// The end of any call: for counters that ask how it ended.
    Close,
    /// A registration that failed.
    Register,
    /// A request for an account that does not exist.
    Probe,
    /// Calls themselves, from their INVITE to their end.
    Up,
}

/// What the value of an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    /// Nothing.
    None,
    /// A hash of who is called.
    Called,
    /// The called number as a number, for runs.
    Line,
    /// The country called.
    Country,
    /// A hash of who calls.
    Caller,
    /// The user tried.
    User,
    /// How it ended, as bits of [`outcome`].
    Outcome,
    /// From 2xx to the end, in microseconds.
    Duration,
    /// What a minute costs.
    Price,
}

/// The places of parts that are elements, among the parts of every plan.
pub(super) const CALLED: u16 = 0;
pub(super) const CALLER: u16 = 1;
pub(super) const CALLED_COUNTRY: u16 = 2;

/// Counters of one policy that share key and events.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) spec: u32,
    pub(super) feed: Feed,
    pub(super) element: Element,
    /// The longest window of its counters.
    pub(super) within_micros: i64,
    /// Indices of its counters; the place is the bit in the mask of an event.
    pub(super) counters: Vec<u32>,
    /// What events are counted by, in the same order.
    pub(super) members: Vec<Member>,
    /// With fewer events than this no counter of it can reach a limit.
    pub(super) fewest: usize,
    /// Those of its counters that are further conditions of rules.
    pub(super) further: Vec<u32>,
}

/// A counter as its group sees it: all that an event needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) shape: Shape,
    /// Which calls make an event.
    pub(super) filter: Filter,
    /// With fewer events than this it reaches no limit.
    pub(super) fewest: usize,
}

/// One thing that is counted for a threshold: what it is about, or one of its further conditions.
#[derive(Debug)]
pub(super) struct Counter {
    /// The threshold it serves.
    pub(super) owner: u32,
    pub(super) group: u32,
    pub(super) bit: u8,
    pub(super) shape: Shape,
    /// Whether only calls count whose caller looks like the called number.
    pub(super) neighbours_only: bool,
}

/// Which calls make an event of a counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Filter {
    All,
    /// Those with one of these bits of [`outcome`].
    Outcome(u64),
    /// Those whose talk was shorter, in microseconds, or that have one of these bits.
    ShortOr(u64, u64),
    /// Those shorter than this.
    Short(u64),
    /// Those that the caller gave up so soon after the first ring.
    OneRing(i64),
}

/// A threshold with its counters.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) policy: u32,
    pub(super) threshold: Threshold,
    pub(super) spec: u32,
    pub(super) main: u32,
    /// Counters of its further conditions.
    pub(super) also: Vec<(u32, Also)>,
    /// What a block holds against instead of its key.
    pub(super) block_spec: Option<u32>,
    /// Keeps the calls that are up, where a breach ends them.
    pub(super) up: Option<u32>,
}

/// All thresholds of all policies.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) rules: Vec<Rule>,
    pub(super) counters: Vec<Counter>,
    pub(super) groups: Vec<Group>,
    /// Kinds of keys, by policy.
    pub(super) specs: Vec<(u32, Vec<Key>)>,
    /// Parts of keys and elements, each once.
    pub(super) parts: Vec<Key>,
    /// The parts of each kind of key, as places in `parts`.
    pub(super) parts_of_specs: Vec<Vec<u16>>,
    /// The first rule of each policy, and one behind the last policy.
    pub(super) first_rule: Vec<u32>,
    /// The longest window of all.
    pub(super) within_micros_max: i64,
}

impl Plan {
    pub(super) fn new(policies: &PolicySet) -> Self {
        let mut plan = Self { parts: vec![Key::Called, Key::Caller, Key::CalledCountry], ..Self::default() };
        for (policy, index) in policies.policies().iter().zip(0..) {
            plan.first_rule.push(plan.rules.len() as u32);
            for threshold in policy.thresholds() {
                plan.add(index, threshold);
            }
        }
        plan.first_rule.push(plan.rules.len() as u32);
        plan
    }

    /// The rule of the threshold `id` of `policy`.
    pub(super) fn rule_of(&self, policy: u32, id: u32) -> Option<u32> {
        let first = *self.first_rule.get(policy as usize)?;
        let next = *self.first_rule.get(policy as usize + 1)?;
        Some(first + id).filter(|rule| *rule < next)
    }

    /// The threshold of `rule`, if it is one of `policy`.
    pub(super) fn id_of(&self, policy: u32, rule: u32) -> Option<ThresholdId> {
        let first = *self.first_rule.get(policy as usize)?;
        let next = *self.first_rule.get(policy as usize + 1)?;
        (first..next).contains(&rule).then(|| ThresholdId(rule - first))
    }

    /// Whether `policy` counts anything.
    pub(super) fn counts(&self, policy: u32) -> bool {
        self.rule_of(policy, 0).is_some()
    }

    pub(super) fn rule(&self, index: u32) -> Option<&Rule> {
        self.rules.get(index as usize)
    }

    pub(super) fn counter(&self, index: u32) -> Option<&Counter> {
        self.counters.get(index as usize)
    }

    pub(super) fn group(&self, index: u32) -> Option<&Group> {
        self.groups.get(index as usize)
    }

    /// The counters of `group` that count events whatever they are about, as bits.
    pub(super) fn without_element(&self, group: u32) -> u16 {
        let counters = self.group(group).into_iter().flat_map(|group| &group.counters);
        let counters = counters.filter_map(|index| self.counter(*index));
        let bits = counters.filter(|counter| matches!(counter.shape.how, How::Number | How::Up(_)));
        bits.fold(0, |bits, counter| bits | 1 << counter.bit)
    }

    /// The counter of this bit of the group and its rule; `None` where it only tells the rule which calls are up, which
    /// says nothing of its value.
    pub(super) fn judged_by(&self, group: u32, bit: u32) -> Option<(u32, u32)> {
        let index = *self.group(group)?.counters.get(bit as usize)?;
        let owner = self.counter(index)?.owner;
        (self.rule(owner)?.up != Some(index)).then_some((index, owner))
    }

    /// All counters of `rule`.
    pub(super) fn counters_of(rule: &Rule) -> impl Iterator<Item = u32> + '_ {
        std::iter::once(rule.main).chain(rule.also.iter().map(|(counter, _)| *counter)).chain(rule.up)
    }

    fn add(&mut self, policy: u32, threshold: &Threshold) {
        let owner = self.rules.len() as u32;
        let mut per = threshold.per.clone();
        if threshold.count == Count::Repeats {
            for part in [Key::Caller, Key::Called] {
                if !per.contains(&part) {
                    per.push(part);
                }
            }
        }
        let spec = self.spec(policy, per);
        let block_spec = threshold.block_key.map(|part| self.spec(policy, vec![part]));
        let main = self.counter_for(owner, policy, spec, threshold, threshold.count, None);
        let also = threshold
            .also
            .iter()
            .map(|also| (self.counter_for(owner, policy, spec, threshold, also.count, Some(also)), *also))
            .collect();
        let terminates = [true, false].into_iter().filter_map(|critical| threshold.action(critical));
        let up = terminates
            .into_iter()
            .any(|action| action.deed == Deed::Terminate)
            .then(|| self.counter_for(owner, policy, spec, threshold, Count::Concurrent, None));
        self.within_micros_max = self.within_micros_max.max(threshold.within_micros);
        self.rules.push(Rule { policy, threshold: threshold.clone(), spec, main, also, block_spec, up });
    }

    fn spec(&mut self, policy: u32, per: Vec<Key>) -> u32 {
        let wanted = (policy, per);
        let known = self.specs.iter().position(|known| *known == wanted);
        known.unwrap_or_else(|| {
            let parts = wanted.1.iter().map(|key| self.part(*key)).collect();
            self.parts_of_specs.push(parts);
            self.specs.push(wanted);
            self.specs.len() - 1
        }) as u32
    }

    /// The place of `key` among all parts.
    fn part(&mut self, key: Key) -> u16 {
        let known = self.parts.iter().position(|known| *known == key);
        known.unwrap_or_else(|| {
            self.parts.push(key);
            self.parts.len() - 1
        }) as u16
    }

    fn counter_for(
        &mut self,
        owner: u32,
        policy: u32,
        spec: u32,
        threshold: &Threshold,
        count: Count,
        also: Option<&Also>,
    ) -> u32 {
        let (mut feed, element, how) = nature(count, threshold);
        let mut filter = filter(count, threshold);
        if !threshold.outcome.is_empty() && feed == Feed::Begin {
            feed = Feed::Close;
            filter = outcome_filter(&threshold.outcome, threshold.shorter_than_micros);
        }
        let (most, fewest) = also.map_or_else(|| reach(how, threshold), |also| also_reach(how, also));
        let shape = Shape {
            how,
            within_micros: threshold.within_micros,
            most: if let How::Run { .. } = how { RUN_NUMBERS_MAX } else { most.clamp(1, EVENTS_MAX) },
            is_sliced: most > EVENTS_MAX,
        };
        let index = self.counters.len() as u32;
        let member = Member { shape, filter, fewest };
        let (group, bit) = self.join(policy, spec, (feed, element), index, member);
        if also.is_some()
            && let Some(group) = self.groups.get_mut(group as usize)
        {
            group.further.push(index);
        }
        let neighbours_only = count == Count::NeighbourCallers;
        self.counters.push(Counter { owner, group, bit, shape, neighbours_only });
        index
    }

    /// Finds or makes the group of a counter.
    fn join(
        &mut self,
        policy: u32,
        spec: u32,
        (feed, element): (Feed, Element),
        counter: u32,
        member: Member,
    ) -> (u32, u8) {
        let Member { shape: Shape { within_micros, .. }, fewest, .. } = member;
        debug_assert!(self.specs.get(spec as usize).is_some_and(|(of, _)| *of == policy));
        let fits = |group: &Group| {
            let one_has_none = element == Element::None || group.element == Element::None;
            let same = group.element == element || one_has_none && feed != Feed::Up;
            group.spec == spec && group.feed == feed && same && group.counters.len() < COUNTERS_PER_GROUP
        };
        let index = self.groups.iter().position(fits).unwrap_or_else(|| {
            let (counters, members, further) = (Vec::new(), Vec::new(), Vec::new());
            self.groups.push(Group {
                spec,
                feed,
                element,
                within_micros,
                counters,
                members,
                fewest,
                further,
            });
            self.groups.len() - 1
        });
        let Some(group) = self.groups.get_mut(index) else { return (0, 0) };
        if group.element == Element::None {
            group.element = element;
        }
        group.within_micros = group.within_micros.max(within_micros);
        group.fewest = group.fewest.min(fewest);
        group.counters.push(counter);
        group.members.push(member);
        (index as u32, group.counters.len() as u8 - 1)
    }
}

/// Where the events of a count come from, what their value is and what is made of them.
fn nature(count: Count, threshold: &Threshold) -> (Feed, Element, How) {
    use {Element as E, Feed as F, How::*};
    match count {
        Count::Attempts | Count::Repeats => (F::Begin, E::None, Number),
        Count::DistinctCalled => (F::Begin, E::Called, Distinct),
        Count::DistinctCaller | Count::NeighbourCallers => (F::Begin, E::Caller, Distinct),
        Count::DistinctCountry => (F::Begin, E::Country, Distinct),
        Count::SequentialCalled => (F::Begin, E::Line, Run { gap: u64::from(threshold.gap) }),
        Count::Answered
        | Count::Failed
        | Count::Busy
        | Count::Cancelled
        | Count::NotFound
        | Count::OneRing => (F::Final, E::Outcome, Number),
        Count::AnswerRatio => (F::Final, E::Outcome, Share(Hit::Bits(outcome::ANSWERED))),
        Count::EffectiveRatio => (F::Final, E::Outcome, Share(Hit::Bits(outcome::EFFECTIVE))),
        Count::NetworkEffectiveness => (F::Final, E::Outcome, Share(Hit::Bits(outcome::NETWORK))),
        Count::ShortCalls => (F::End, E::Duration, Number),
        Count::ShortRatio => {
            (F::End, E::Duration, Share(Hit::Below(threshold.shorter_than_micros.max(0) as u64)))
        }
        Count::MeanDuration => (F::End, E::Duration, Mean),
        Count::Concurrent => (F::Up, E::None, Up(Asked::Concurrent)),
        Count::Minutes => (F::Up, E::None, Up(Asked::Minutes)),
        Count::Cost => (F::Up, E::Price, Up(Asked::Cost)),
        Count::RegistrationsFailed => (F::Register, E::None, Number),
        Count::UsersFailed => (F::Register, E::User, Distinct),
        Count::Probes => (F::Probe, E::User, Distinct),
    }
}

fn filter(count: Count, threshold: &Threshold) -> Filter {
    match count {
        Count::Answered => Filter::Outcome(outcome::ANSWERED),
        Count::Failed => Filter::Outcome(outcome::FAILED),
        Count::Busy => Filter::Outcome(outcome::BUSY),
        Count::Cancelled => Filter::Outcome(outcome::CANCELLED),
        Count::NotFound => Filter::Outcome(outcome::NOT_FOUND),
        Count::EffectiveRatio => Filter::Outcome(!(outcome::REDIRECTED | outcome::CHALLENGED)),
        Count::OneRing => Filter::OneRing(threshold.shorter_than_micros),
        Count::ShortCalls => Filter::Short(threshold.shorter_than_micros.max(0) as u64),
        _ => Filter::All,
    }
}

fn outcome_filter(outcomes: &[Outcome], shorter_than_micros: i64) -> Filter {
    let bits = outcomes.iter().fold(0, |bits, outcome| {
        bits | match outcome {
            Outcome::Short => 0,
            Outcome::Failed => outcome::FAILED,
            Outcome::Busy => outcome::BUSY,
            Outcome::Cancelled => outcome::CANCELLED,
            Outcome::Answered => outcome::ANSWERED,
        }
    });
    if outcomes.contains(&Outcome::Short) {
        Filter::ShortOr(shorter_than_micros.max(0) as u64, bits)
    } else {
        Filter::Outcome(bits)
    }
}

/// So many events a counter must be able to tell, and with fewer than so many it reaches no limit.
fn reach(how: How, threshold: &Threshold) -> (usize, usize) {
    let limits = || threshold.warning.into_iter().chain(threshold.critical);
    let learned = threshold.baseline.map(|baseline| baseline.floor);
    let least = limits().chain(learned).fold(f64::INFINITY, f64::min);
    let most = limits().fold(0.0, f64::max).max(if learned.is_some() { EVENTS_MAX as f64 } else { 0.0 });
    match how {
        How::Number | How::Distinct | How::Run { .. } => {
            (most.ceil() as usize, (least.ceil() as usize).max(threshold.at_least as usize))
        }
        How::Share(_) | How::Mean => (EVENTS_MAX, threshold.at_least as usize),
        How::Up(_) => (1, 0),
    }
}

fn also_reach(how: How, also: &Also) -> (usize, usize) {
    let bound = also.above.into_iter().chain(also.below).fold(0.0, f64::max);
    match how {
        How::Number | How::Distinct | How::Run { .. } => (bound.floor() as usize + 1, 1),
        How::Share(_) | How::Mean => (EVENTS_MAX, also.at_least as usize),
        How::Up(_) => (1, 0),
    }
}

impl Counter {
    /// Whether `event` counts for it in the window that begins after `oldest`.
    pub(super) fn counts(&self, event: &Event, oldest: i64) -> bool {
        event.mask >> self.bit & 1 == 1 && event.micros() > oldest
    }

    /// What it makes of `events`, all there are of its key, at `now`.
    pub(super) fn measure<'a>(&self, events: impl Iterator<Item = &'a Event> + Clone, now: i64) -> Measured {
        let oldest = now - self.shape.within_micros;
        let measured = self.shape.how.measure(events.filter(|event| self.counts(event, oldest)));
        match self.shape.how {
            // A window keeps no more than the highest limit asks for either.
            How::Number | How::Distinct => {
                let most = self.shape.most as u32;
                Measured { value: measured.value.min(f64::from(most)), events: measured.events.min(most) }
            }
            _ => measured,
        }
    }
}

impl Group {
    /// Of the counters in `mask` those that may reach a limit by `events`.
    #[inline]
    pub(super) fn may_reach(&self, mask: u16, events: usize) -> u16 {
        if events < self.fewest {
            return 0;
        }
        let reaches = |bit: &u32| self.members.get(*bit as usize).is_some_and(|one| events >= one.fewest);
        bits(mask).filter(reaches).fold(0, |found, bit| found | 1 << bit)
    }
}

impl Rule {
    /// Whether it counts and acts at `at`.
    pub(super) fn is_in_force(&self, at: Timestamp) -> bool {
        self.threshold.is_in_force(at)
    }
}
