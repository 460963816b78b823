//! One message before every customer it touches.

use std::net::IpAddr;
use std::ops::Range;

use rules::matching::Scratch;
use rules::plan::DialPlan;
use rules::policy::Response;
use rules::policy::{Limits, Policy, PolicySet};
use rules::{Direction, Flag, Flags, Reason, Subject};
use stir::Verifier;

use crate::call::{Attempt, Kind, Shown, Sighting, View};
use crate::callback::Callbacks;
use crate::facts::{self, Facts, Seen, Trust};
use crate::ips::{Counted, Ips, Occasion, Parts};
use crate::legs::Lead;
use crate::limits::{CALLBACKS_OF_ONE_CALL, TALLIES_MAX};
use crate::packet::Packet;
use crate::prevention::Passports;
use crate::redirection::Redirected;
use crate::sip::{Message, NameAddr};
use crate::verifying::Belief;

/// One message under judgement.
pub(crate) struct Judging<'a, 'p> {
    pub(crate) packet: &'a Packet<'p>,
    pub(crate) message: &'a Message<'p>,
    /// The first From of the message, of a 3xx its first To, read once.
    pub(crate) from: Option<&'a NameAddr<'p>>,
    /// What the INVITE told of the number that a 3xx redirects from.
    pub(crate) redirected: &'a Redirected,
    pub(crate) flags: Flags,
    pub(crate) policies: &'a PolicySet,
    pub(crate) facts: &'a mut Facts,
    pub(crate) limits: &'a mut Vec<Limits>,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) callbacks: &'a mut Callbacks,
    pub(crate) ips: &'a mut Ips,
    pub(crate) passports: &'a mut Passports,
    /// Who verifies Identity headers.
    pub(crate) verifier: Option<&'a mut Verifier>,
    /// Counters that wait for what becomes of the attempt.
    pub(crate) waiting: &'a mut Vec<Counted>,
    pub(crate) touched: &'a mut Vec<u32>,
    /// The one policy that judges, whoever is touched.
    pub(crate) only: Option<u32>,
    /// Whether its PASSporT was seen with another call.
    pub(crate) is_replayed: bool,
    /// Headers that policies ask for by name; `None` when nobody wants to judge it again.
    pub(crate) asked: Option<&'a [String]>,
    /// Its texts, once they are kept with the attempt.
    pub(crate) shown: Option<Shown>,
    /// Whether it is the INVITE of a known attempt again, with a higher CSeq.
    pub(crate) is_repeat: bool,
    /// Whether the attempt refers to the addresses and texts of this message, so that they stay.
    pub(crate) is_kept: bool,
    /// The call that the message may be another leg of, until a policy takes it to call somebody else.
    pub(crate) lead: Option<&'a Lead>,
}

/// What decides under one policy.
pub(crate) struct Bench<'a> {
    pub(crate) index: u32,
    pub(crate) policy: &'a Policy,
    pub(crate) limits: &'a mut Limits,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) callbacks: &'a mut Callbacks,
    pub(crate) ips: &'a mut Ips,
    pub(crate) waiting: &'a mut Vec<Counted>,
    /// Whether the message opens another leg of a call, which has counted.
    pub(crate) is_leg: bool,
}

impl Bench<'_> {
    /// Judges `subject`, counts it, and puts the verdict into `view` of `attempt`.
    pub(crate) fn decide(&mut self, subject: &Subject<'_>, attempt: &Attempt, view: &mut View) {
        let Self { index, policy, is_leg, .. } = *self;
        let customer = &policy.text().customer;
        let mut verdict = policy.judge(subject, self.limits, self.scratch);
        // Only who places an emergency call is called back: an answer, or a transfer, is anybody's word.
        // And only the customer's own numbers, of calls that leave: what a stranger writes opens no door to anybody.
        let leaves = subject.direction != Direction::Inbound;
        if verdict.reason == Reason::Emergency && matches!(attempt.kind, Kind::Call) && leaves {
            let until = facts::callback_until(subject.at, customer);
            let numbers = subject
                .callers
                .iter()
                .filter(|caller| caller.party.number().is_some_and(|it| policy.owns(it)));
            for caller in numbers.take(CALLBACKS_OF_ONE_CALL) {
                self.callbacks.expect(caller.party, until, subject.at);
            }
        }
        view.verdict = Some(verdict);
        if self.ips.counts(index) {
            let occasion = Occasion {
                policy: index,
                parts: Parts { attempt, view, customer, host: subject.hosts[0] },
                method: subject.method,
                at: subject.at,
                opens: !is_leg && !attempt.was_counted(index, subject.called),
                noticed: subject.flags.intersection(Flags::EVENTS),
            };
            self.ips.attempt(&occasion, policy, self.scratch, self.limits, &mut verdict, self.waiting);
            view.verdict = Some(verdict);
        }
    }
}

impl Judging<'_, '_> {
    /// Judges by every touched customer that dials by this plan.
    pub(crate) fn by_plan(&mut self, plan: usize, dial_plan: &DialPlan, attempt: &mut Attempt) {
        let first = attempt.facts.len() as u32;
        let text = attempt.text.len();
        let (source, destination) = (self.packet.source.ip(), self.packet.destination.ip());
        self.find_touched(plan, (source, source), false);
        let own_side = self.touched.iter().any(|&index| {
            let policy = self.policies.policy(index as usize);
            policy.is_some_and(|policy| policy.text().customer.is_own_side(source))
        });
        let left = self.redirected.left(Some(plan));
        self.facts.read(self.message, self.from, left, dial_plan, own_side, attempt);
        if self.facts.called.is_empty() {
            // By this plan the 3xx leads where the call went.
            attempt.facts.truncate(first as usize);
            attempt.text.truncate(text);
            return;
        }
        self.note_passport();
        let facts = first..attempt.facts.len() as u32;
        self.find_touched(plan, (source, destination), true);
        if self.touched.is_empty() {
            attempt.facts.truncate(first as usize);
            attempt.text.truncate(text);
        } else {
            let message = (self.message, self.packet.at);
            self.facts.verify(self.verifier.as_deref_mut(), message, dial_plan, attempt);
            self.show(attempt);
        }
        for index in 0..self.touched.len() {
            let Some(&policy) = self.touched.get(index) else { break };
            let Some(view) = self.by_policy(policy, attempt, facts.clone()) else { continue };
            if self.ips.counts(policy) {
                let (counted, at, refusal) = self.ips.noted();
                self.is_kept |= attempt.tally(&view, at, refusal, counted);
            }
            self.is_kept |= self.keep_sighting(&view, attempt);
            attempt.views.push(view);
        }
    }

    /// Who judges: the one customer that is named, else whose trunks (and, `by_numbers`, numbers) take part.
    fn find_touched(&mut self, plan: usize, ends: (IpAddr, IpAddr), by_numbers: bool) {
        if let Some(only) = self.only {
            self.touched.clear();
            let is_of_plan = self.policies.plan_of(only as usize) == Some(plan);
            self.touched.extend(is_of_plan.then_some(only));
        } else if by_numbers {
            self.policies.find_touched(plan, ends, &self.facts.called, &self.facts.callers, self.touched);
        } else {
            self.policies.find_touched(plan, ends, &[], &[], self.touched);
        }
    }

    /// Whether the PASSporT of the message was seen with another call.
    fn note_passport(&mut self) {
        if !self.ips.noticed().contains(Flag::PassportReplay) {
            return;
        }
        if let Some(passport) = self.message.identities().next() {
            let parties = (self.facts.callers.first().map(|caller| caller.party), self.facts.called.first());
            self.is_replayed |= self.passports.is_replay(passport, parties, self.packet.at);
        }
    }

    fn by_policy(&mut self, index: u32, attempt: &Attempt, facts: Range<u32>) -> Option<View> {
        let policy = self.policies.policies().get(index as usize)?;
        let limits = self.limits.get_mut(index as usize)?;
        let customer = &policy.text().customer;
        let trust = facts::trust(customer, self.packet.source.ip());
        self.lead = self.lead.filter(|lead| lead.calls(index, &self.facts.called));
        let Belief { flags: mut number_flags, attestation, stir } = self.facts.believe(trust, self.message);
        number_flags.raise_if(self.is_replayed, Flag::PassportReplay);
        let direction = policy.direction(self.packet.source.ip(), &self.facts.called, &self.facts.callers);
        let seen = Seen {
            direction,
            call_type: attempt.call_type,
            attestation,
            stir,
            believed: trust.trusted,
            callback: direction == Direction::Inbound
                && self.callbacks.expects(&self.facts.called, self.packet.at),
            repeat: self.lead.is_some() || attempt.has_passed(index, &self.facts.called),
            flags: self.flags.union(number_flags),
        };
        let subject = self.facts.subject(self.packet, self.message, self.from, seen);
        let mut view = View {
            policy: Some(index),
            direction: Some(direction),
            verdict: None,
            flags: seen.flags,
            attestation,
            stir,
            signer: self.facts.signer_place(stir),
            facts,
            caller: self.facts.caller(),
        };
        let mut bench = Bench {
            index,
            policy,
            limits,
            scratch: self.scratch,
            callbacks: self.callbacks,
            ips: self.ips,
            waiting: self.waiting,
            is_leg: self.lead.is_some(),
        };
        bench.decide(&subject, attempt, &mut view);
        if let Some(Response::Rejected { fallback }) = view.verdict.and_then(|verdict| verdict.response)
            && !self.message.takes_608()
        {
            // Nobody on the way could tell the caller.
            view.verdict.iter_mut().for_each(|verdict| verdict.response = Some(Response::Code(fallback)));
        }
        Some(view)
    }

    /// Keeps with `attempt` the texts that the message shows: once, and for so many messages.
    fn show(&mut self, attempt: &mut Attempt) {
        if let Some(asked) = self.asked.filter(|_| attempt.sightings.len() < TALLIES_MAX)
            && self.shown.is_none()
        {
            let is_first = attempt.views.is_empty();
            self.shown = Some(Shown::keep(attempt, self.message, self.from, asked, is_first));
        }
    }

    /// Keeps with `attempt` how `view` shows the message. Returns whether there was room.
    fn keep_sighting(&self, view: &View, attempt: &mut Attempt) -> bool {
        let Some((shown, policy)) = self.shown.clone().zip(view.policy) else { return false };
        if attempt.sightings.len() >= TALLIES_MAX {
            return false;
        }
        if attempt.sightings.capacity() == 0 {
            // Nearly all have one; a vector takes room for four.
            attempt.sightings.reserve_exact(1);
        }
        attempt.sightings.push(Sighting {
            policy,
            at: self.packet.at,
            flags: view.flags,
            attestation: view.attestation,
            restricted: self.facts.restricted,
            has_priority: facts::has_priority(self.message),
            is_repeat: self.is_repeat,
            facts: view.facts.clone(),
            signer: view.signer.clone(),
            shown,
        });
        true
    }

    /// Reads the message for the record of a call that touches no customer.
    pub(crate) fn by_nobody(&mut self, dial_plan: &DialPlan, attempt: &mut Attempt) {
        let first = attempt.facts.len() as u32;
        let left = self.redirected.left(None);
        self.facts.read(self.message, self.from, left, dial_plan, false, attempt);
        let message = (self.message, self.packet.at);
        self.facts.verify(self.verifier.as_deref_mut(), message, dial_plan, attempt);
        let Belief { flags, attestation, stir } = self.facts.believe(Trust::default(), self.message);
        attempt.views.push(View {
            policy: None,
            direction: None,
            verdict: None,
            flags: self.flags.union(flags),
            attestation,
            stir,
            signer: self.facts.signer_place(stir),
            facts: first..attempt.facts.len() as u32,
            caller: self.facts.caller(),
        });
    }
}
