//! Judges recorded calls again, by the code that judged them live: what comes in are records instead of packets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use rules::policy::PolicySet;
use rules::{Flag, Policy, Timestamp};

use crate::call::{Attempt, Kind, Side, Signal, Slot, State, View};
use crate::engine::Engine;
use crate::facts::{self, Seen};
use crate::ips::{Breach, Budget, Ending, IpsCounters, Usual, may_be_repeated};
use crate::judging::Bench;
use crate::limits::{CALLS_MAX, REFUSED_SECONDS};
use crate::recorded::{Course, Recorded};

/// One policy over recorded calls of its customer.
///
/// Calls are taken in the order of their starts. What became of each is told to the counters at its moment between the starts
/// of others, as it was live. A call's verdict stands when its end was told, so answers come in the order of ends. Memory:
/// counters as in the budget, and calls that are up at one time, at most [`CALLS_MAX`].
pub struct Rerun {
    engine: Engine,
    /// What happens next to each call that is up.
    due: BinaryHeap<Reverse<Due>>,
    /// By place: what is still to happen, the next one last.
    courses: Vec<Vec<(Timestamp, Step)>>,
    /// Whether anything depends on how calls go on.
    counts_calls: bool,
    /// Calls that were let go early because too many were up.
    pub cut_short: u64,
}

/// When something happens next to one call. At one moment first comes what had to wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Timestamp,
    is_packet: bool,
    row: u64,
    slot: Slot,
}

/// What happens to a call after its first message.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The message at this place is judged.
    Judge(u8),
    Notice(Flag),
    Ring,
    Answer(u16),
    Cancel,
    Refuse(u16),
    HangUp(Side),
    /// We answered it.
    Conclude(u16),
    TimeOut,
    /// There is no more to come.
    End,
}

impl Rerun {
    /// Judges by `policy`, whatever customer the calls are of.
    pub fn new(policy: Policy, budget: Budget) -> Self {
        let counts_calls = policy.counts_calls();
        let mut engine = Engine::with_budget(Arc::new(PolicySet::new(vec![policy])), budget);
        engine.judge_by(Some(0));
        let (due, courses) = (BinaryHeap::new(), Vec::new());
        Self { engine, due, courses, counts_calls, cut_short: 0 }
    }

    /// The policy, alone in its set.
    pub fn policies(&self) -> Arc<PolicySet> {
        self.engine.policies()
    }

    /// Sets the usual values that limits are multiples of.
    pub fn set_usual(&mut self, usual: &[Usual]) {
        self.engine.set_usual(usual);
    }

    /// What counters could not keep.
    pub fn losses(&self) -> IpsCounters {
        self.engine.counter_losses()
    }

    /// Bytes that counters take.
    pub fn counter_bytes(&self) -> usize {
        self.engine.counter_bytes()
    }

    /// Takes the next call, whose buffers change hands.
    pub fn take(&mut self, call: &mut Recorded) {
        self.run_until(call.started);
        self.engine.ips.expire(call.started);
        if self.engine.table.len() >= CALLS_MAX {
            self.cut_short += 1;
            self.let_go_first();
        }
        let slot = self.engine.table.open_unfollowed(call.kind, call.started);
        let Some(attempt) = self.engine.table.attempt_mut(slot) else { return };
        let (course, started, messages) = (call.course, call.started, call.sightings.len());
        call.hand_over(attempt);
        if let Kind::Redirection(_) = attempt.kind {
            attempt.progress.handle(Signal::Refuse(course.status), started);
        }
        self.engine.judge_sighting(slot, 0);
        if !self.counts_calls && messages <= 1 {
            self.engine.tell(slot);
            self.engine.table.close(slot);
            return;
        }
        self.plan(slot, &course, started, messages);
        self.wait(slot);
    }

    /// The next call whose verdict stands, in the order of ends: [`Attempt::sequence`] is its row.
    pub fn poll(&mut self) -> Option<&Attempt> {
        self.engine.poll_ended()
    }

    /// The next threshold that was reached.
    pub fn poll_breach(&mut self) -> Option<Breach> {
        self.engine.poll_breach()
    }

    /// There are no more calls: what is up stays so.
    pub fn finish(&mut self) {
        self.run_until(Timestamp(i64::MAX));
    }

    fn let_go_first(&mut self) {
        if let Some(Reverse(due)) = self.due.pop() {
            if let Some(course) = self.courses.get_mut(due.slot as usize) {
                course.clear();
            }
            self.engine.tell(due.slot);
            if self.engine.table.close(due.slot) {
                self.engine.table.free(due.slot);
            }
        }
    }

    /// Puts what is to happen to the call at `slot` in order.
    fn plan(&mut self, slot: Slot, course: &Course, started: Timestamp, messages: usize) {
        let place = slot as usize;
        if self.courses.len() <= place {
            self.courses.resize_with(place + 1, Vec::new);
        }
        let later = self.engine.table.attempt(slot).map_or(&[][..], |attempt| &attempt.sightings);
        let Some(steps) = self.courses.get_mut(place) else { return };
        steps.clear();
        let at = |after: i64| started.plus_micros(after);
        for (index, sighting) in (0u8..).zip(later).take(messages).skip(1) {
            steps.push((sighting.at, Step::Judge(index)));
        }
        let noticed = course.noticed.iter().flatten();
        steps.extend(noticed.map(|(flag, after)| (at(*after), Step::Notice(*flag))));
        steps.extend(course.rang.map(|after| (at(after), Step::Ring)));
        course.responses(steps, started);
        let is_hung_up = course.answered.is_some() && course.ended.is_some() && course.status < 300;
        let end = match (course.concluded, course.timed_out) {
            (Some(after), _) => {
                let overdue = at(after).plus_micros(REFUSED_SECONDS * 1_000_000);
                steps.push((overdue, Step::TimeOut));
                Some(overdue)
            }
            (None, Some(after)) => {
                steps.push((at(after), Step::TimeOut));
                Some(at(after))
            }
            (None, None) => course.ended.filter(|_| is_hung_up).map(at),
        };
        // Among those of one moment the order above holds; the last comes first.
        steps.sort_by_key(|(at, _)| *at);
        let last = steps.last().map_or(started, |(at, _)| *at);
        steps.push((end.map_or(Timestamp(i64::MAX), |end| end.max(last)), Step::End));
        steps.reverse();
    }

    /// Waits for what happens next to the call at `slot`.
    fn wait(&mut self, slot: Slot) {
        let next = self.courses.get(slot as usize).and_then(|steps| steps.last());
        let row = self.engine.table.attempt(slot).map_or(0, |attempt| attempt.sequence);
        if let Some(&(at, step)) = next {
            let is_packet = !matches!(step, Step::TimeOut | Step::End);
            self.due.push(Reverse(Due { at, is_packet, row, slot }));
        }
    }

    /// Does all that happens until `now`, that moment included.
    fn run_until(&mut self, now: Timestamp) {
        while let Some(&Reverse(due)) = self.due.peek().filter(|Reverse(due)| due.at <= now) {
            self.due.pop();
            let Some((at, step)) = self.courses.get_mut(due.slot as usize).and_then(Vec::pop) else {
                continue;
            };
            self.step(due.slot, step, at);
        }
    }

    fn step(&mut self, slot: Slot, step: Step, at: Timestamp) {
        let engine = &mut self.engine;
        if at.0 < i64::MAX {
            engine.ips.expire(at);
        }
        match step {
            Step::Judge(place) => engine.judge_sighting(slot, usize::from(place)),
            Step::Notice(flag) => engine.notice(slot, flag, at),
            Step::Ring => engine.signal(slot, Signal::Ring, at),
            Step::Answer(status) => {
                engine.signal(slot, Signal::Answer(status), at);
                engine.came_to(slot, Ending::Answered, at);
                engine.responded(slot, status, at);
            }
            Step::Cancel => engine.signal(slot, Signal::Cancel, at),
            Step::Refuse(status) => {
                engine.signal(slot, Signal::Refuse(status), at);
                if !may_be_repeated(status) {
                    engine.came_to(slot, Ending::Refused, at);
                }
                engine.responded(slot, status, at);
            }
            Step::HangUp(side) => {
                engine.signal(slot, Signal::HangUp(side), at);
                engine.came_to(slot, Ending::Over, at);
                engine.release(slot);
            }
            Step::Conclude(status) => {
                if status != 0 {
                    engine.signal(slot, Signal::Refuse(status), at);
                    if !may_be_repeated(status) {
                        engine.came_to(slot, Ending::Refused, at);
                    }
                    engine.responded(slot, status, at);
                }
                engine.release(slot);
            }
            Step::TimeOut => engine.timed_out(slot, at),
            Step::End => {
                engine.tell(slot);
                engine.table.close(slot);
                engine.terminate();
                return;
            }
        }
        engine.terminate();
        self.wait(slot);
    }
}

impl Course {
    /// Adds the final responses, and what a caller who gave up sent before.
    fn responses(&self, steps: &mut Vec<(Timestamp, Step)>, started: Timestamp) {
        let at = |after: i64| started.plus_micros(after);
        if let Some(after) = self.concluded {
            steps.push((at(after), Step::Conclude(self.status)));
            return;
        }
        let gave_up = self.cancelled && self.answered.is_none();
        let last = self.ended.or(self.timed_out);
        let refused = self.ended.filter(|_| self.status >= 300);
        // An earlier refusal that nobody could repeat: of another fork, or of a request that came again all the same.
        let earlier = self.refused.filter(|(status, after)| {
            !may_be_repeated(*status) && refused != Some(*after) && self.timed_out != Some(*after)
        });
        steps.extend(earlier.map(|(status, after)| (at(after), Step::Refuse(status))));
        if gave_up && let Some(after) = last {
            steps.push((at(after), Step::Cancel));
        }
        steps.extend(refused.map(|after| (at(after), Step::Refuse(self.status))));
        if let Some(after) = self.answered {
            let status = if (200..300).contains(&self.status) { self.status } else { 200 };
            steps.push((at(after), Step::Answer(status)));
            if let Some(ended) = self.ended.filter(|_| self.status < 300) {
                steps.push((at(ended), Step::HangUp(self.hung_up.unwrap_or(Side::Caller))));
            }
        }
    }
}

impl Engine {
    fn signal(&mut self, slot: Slot, signal: Signal, at: Timestamp) {
        if let Some(attempt) = self.table.attempt_mut(slot) {
            attempt.progress.handle(signal, at);
        }
    }

    /// The end of the call at `slot` was told live at this moment: limits let it go. Its record is told later.
    fn release(&mut self, slot: Slot) {
        let Some(attempt) = self.table.attempt_mut(slot) else { return };
        for view in &mut attempt.views {
            if let (Some(policy), Some(verdict)) = (view.policy, view.verdict.as_mut())
                && let Some(limits) = self.limits.get_mut(policy as usize)
            {
                verdict.held.iter().for_each(|rule| limits.ended(rule));
                verdict.held = rules::verdict::ActedRules::default();
            }
        }
    }

    /// Judges the message at `place` of the recorded attempt at `slot` by the one policy there is.
    fn judge_sighting(&mut self, slot: Slot, place: usize) {
        let policies = Arc::clone(&self.policies);
        let Some(policy) = policies.policy(0) else { return };
        let Some(limits) = self.limits.first_mut() else { return };
        let Some(attempt) = self.table.attempt_mut(slot) else { return };
        let Some(sighting) = attempt.sightings.get(place).cloned() else { return };
        if sighting.is_repeat && attempt.progress.state == State::Refused {
            attempt.progress.handle(Signal::Repeat, sighting.at);
        }
        let is_leg = attempt.is_leg() && attempt.views.is_empty();
        let source = attempt.source.ip();
        let trust = facts::trust(&policy.text().customer, source);
        self.facts.recall_facts(sighting.facts(attempt), attempt.kind.method(), trust);
        let direction = policy.direction(source, &self.facts.called, &self.facts.callers);
        let is_inbound = direction == rules::Direction::Inbound;
        let seen = Seen {
            direction,
            call_type: attempt.call_type,
            attestation: sighting.attestation,
            stir: None,
            believed: trust.trusted,
            callback: is_inbound && self.callbacks.expects(&self.facts.called, sighting.at),
            repeat: is_leg || attempt.has_passed(0, &self.facts.called),
            flags: sighting.flags,
        };
        let headers = sighting.headers(attempt);
        let subject = self.facts.subject_of_sighting(attempt, &sighting, &headers, seen);
        let mut view = View {
            policy: Some(0),
            direction: Some(direction),
            verdict: None,
            flags: seen.flags,
            attestation: sighting.attestation,
            stir: None,
            signer: sighting.signer.clone(),
            facts: sighting.facts.clone(),
            caller: self.facts.caller(),
        };
        let mut bench = Bench {
            index: 0,
            policy,
            limits,
            scratch: &mut self.scratch,
            callbacks: &mut self.callbacks,
            ips: &mut self.ips,
            waiting: &mut self.waiting,
            is_leg,
        };
        bench.decide(&subject, attempt, &mut view);
        if self.ips.counts(0) {
            let (counted, at, refusal) = self.ips.noted();
            attempt.tally(&view, at, refusal, counted);
        }
        let earlier = attempt.views.len();
        attempt.views.push(view);
        attempt.waiting.append(&mut self.waiting);
        if earlier > 0 {
            attempt.merge_views(earlier);
        }
        self.terminate();
    }
}

/// Why `policy` judges the first message of `attempt` as it does, with limits and thresholds that have counted nothing:
/// for a recorded call that was judged again.
pub fn explain_again(policy: &Policy, attempt: &Attempt) -> Option<rules::policy::Explanation> {
    let sighting = attempt.sightings.first()?;
    let source = attempt.source.ip();
    let trust = facts::trust(&policy.text().customer, source);
    let mut facts = facts::Facts::default();
    facts.recall_facts(sighting.facts(attempt), attempt.kind.method(), trust);
    let seen = Seen {
        direction: policy.direction(source, &facts.called, &facts.callers),
        call_type: attempt.call_type,
        attestation: sighting.attestation,
        stir: None,
        believed: trust.trusted,
        callback: false,
        repeat: false,
        flags: sighting.flags,
    };
    let headers = sighting.headers(attempt);
    Some(policy.explain(&facts.subject_of_sighting(attempt, sighting, &headers, seen), &policy.limits()))
}
