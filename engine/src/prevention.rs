//! What the engine tells its counters: what becomes of attempts, and what is odd about the course of a call.

use std::collections::VecDeque;
use std::hash::Hash;
use std::net::IpAddr;

use ahash::{HashMap, RandomState};
use rules::policy::InForce;
use rules::{CallType, Flag, Flags, Method, Timestamp};
use serde::{Deserialize, Serialize};

use crate::call::{Attempt, Kind, Side, Slot, State, View};
use crate::engine::Engine;
use crate::facts::{self, Seen};
use crate::ips::{Breach, Ending, Failed, Occasion, Parts, Restraint, Usual};
use crate::limits::{NOTICED_MAX, PASSPORTS_MAX};
use crate::packet::Packet;
use crate::sip::{Header, Message};

impl Engine {
    /// The next threshold that was reached.
    pub fn poll_breach(&mut self) -> Option<Breach> {
        self.ips.poll_breach()
    }

    /// How many thresholds were reached that [`Engine::poll_breach`] has not handed out.
    #[inline]
    pub fn breaches_waiting(&self) -> usize {
        self.ips.breaches_waiting()
    }

    /// What breached thresholds have set in force at `now`, in no order.
    pub fn restraints(&mut self, now: Timestamp) -> impl Iterator<Item = &Restraint> {
        self.ips.restraints(now)
    }

    /// The same, so that a person can lift one or make it last longer.
    pub fn restraints_mut(&mut self, now: Timestamp) -> impl Iterator<Item = &mut Restraint> {
        self.ips.expire_restraints(now);
        self.ips.restraints_mut()
    }

    /// The latest moment that counters know of.
    pub fn counted_until(&self) -> Timestamp {
        self.ips.counted_until()
    }

    /// Sets the usual values that limits learned from earlier weeks are multiples of.
    pub fn set_usual(&mut self, usual: &[Usual]) {
        self.ips.set_usual(usual);
    }

    /// Bytes that the counters of thresholds take.
    pub fn counter_bytes(&self) -> usize {
        self.ips.bytes()
    }

    /// What the counters of thresholds could not keep.
    pub fn counter_losses(&self) -> crate::ips::IpsCounters {
        self.ips.counters
    }

    /// Tells counters that the attempt at `slot` came to something.
    pub(crate) fn came_to(&mut self, slot: Slot, ending: Ending, at: Timestamp) {
        let Some(attempt) = self.table.attempt_mut(slot) else { return };
        if matches!(ending, Ending::Refused) {
            attempt.standing.refused.get_or_insert((attempt.progress.status, at));
        }
        if attempt.waiting.is_empty() || attempt.reign < self.counts_since {
            return;
        }
        if matches!(ending, Ending::Answered) && attempt.standing.is_closed {
            self.ips.reopened(&attempt.waiting);
            attempt.standing.is_closed = false;
        }
        if attempt.standing.is_closed {
            return;
        }
        attempt.standing.is_closed = !matches!(ending, Ending::Answered);
        let Some(attempt) = self.table.attempt(slot) else { return };
        for_each_view(attempt, &self.policies, |parts| {
            self.ips.ended(ending, at, &attempt.progress, parts, &attempt.waiting);
        });
        self.terminate();
    }

    /// Tells counters what a response to the request at `slot` says of registrations and accounts.
    pub(crate) fn responded(&mut self, slot: Slot, status: u16, at: Timestamp) {
        let Some(attempt) = self.table.attempt(slot).filter(|attempt| !attempt.waiting.is_empty()) else {
            return;
        };
        let method = attempt.kind.method();
        let refused = matches!(status, 401 | 403 | 404 | 407);
        let registration = method == Method::Register && refused && attempt.standing.has_credentials;
        // Who is refused with a password is known to the server, or has at least been asked for it.
        let probe = status == 404 || (status == 403 && !attempt.standing.has_credentials);
        self.failed(slot, registration, probe, at);
    }

    /// The time of the attempt at `slot` is up: counters that still wait are told how it ended.
    pub(crate) fn timed_out(&mut self, slot: Slot, at: Timestamp) {
        // Several deadlines of one attempt may fall due with one message.
        let attempt = self.table.attempt_mut(slot).filter(|attempt| attempt.standing.timed_out.is_none());
        let Some(attempt) = attempt else { return };
        attempt.standing.timed_out = Some(at);
        let has_credentials = attempt.standing.has_credentials;
        let challenged =
            attempt.progress.state == State::Refused && matches!(attempt.progress.status, 401 | 407);
        let abandoned = challenged && !attempt.standing.is_followed_up;
        match (attempt.kind, attempt.progress.state) {
            (Kind::Call, State::Trying | State::Ringing) => self.came_to(slot, Ending::Silent, at),
            (Kind::Call, State::Refused) => {
                self.came_to(slot, Ending::Refused, at);
                self.failed(slot, false, abandoned, at);
            }
            (Kind::Call, State::Up) => self.came_to(slot, Ending::Over, at),
            (Kind::Request(method), _) if abandoned => {
                let registration = method == Method::Register && !has_credentials;
                self.failed(slot, registration, !has_credentials, at);
            }
            _ => {}
        }
    }

    fn failed(&mut self, slot: Slot, registration: bool, probe: bool, at: Timestamp) {
        let Some(attempt) = self.table.attempt(slot).filter(|attempt| attempt.reign >= self.counts_since)
        else {
            return;
        };
        let failed = [(registration, Failed::Registration), (probe, Failed::Probe)];
        for (_, failed) in failed.into_iter().filter(|(happened, _)| *happened) {
            for_each_view(attempt, &self.policies, |parts| {
                self.ips.happened(failed, at, parts, &attempt.waiting);
            });
        }
    }

    /// A request with credentials answers the challenges that others of its Call-ID met.
    pub(crate) fn follow_up(&mut self, slot: Slot, message: &Message<'_>) {
        let Some(attempt) = self.table.attempt_mut(slot) else { return };
        let has_credentials = message.has(Header::Authorization) || message.has(Header::ProxyAuthorization);
        attempt.standing.has_credentials = has_credentials;
        if !has_credentials {
            return;
        }
        let (call_id, kind) = (attempt.keys.call_id, attempt.kind);
        let others: Vec<Slot> = self
            .table
            .with_call_id(call_id)
            .filter(|(other, attempt)| *other != slot && attempt.kind == kind)
            .map(|(other, _)| other)
            .collect();
        for other in others {
            // What was given up just now, by this very message, has been counted as not answered.
            let attempt = self.table.attempt_mut(other);
            if let Some(attempt) = attempt.filter(|attempt| attempt.standing.timed_out.is_none()) {
                attempt.standing.is_followed_up = true;
            }
        }
    }

    /// Remembers who takes part in the call at `slot`, as `message` shows them.
    pub(crate) fn join_parties(&mut self, slot: Slot, packet: &Packet<'_>, message: &Message<'_>) {
        if !self.ips.noticed().contains(Flag::ForeignTeardown) {
            return;
        }
        let Some(attempt) = self.table.attempt_mut(slot) else { return };
        attempt.standing.join(packet.source.ip());
        attempt.standing.join(packet.destination.ip());
        // Inside the call the ends talk to each other directly, or over the proxies that said they stay (RFC 3261 §16.6).
        for header in [Header::Contact, Header::RecordRoute] {
            for address in message.addresses(header) {
                let host = std::str::from_utf8(address.uri.host).ok();
                let address = host.and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
                address.into_iter().for_each(|address| attempt.standing.join(address));
            }
        }
    }

    /// Whether somebody who takes no part in the call at `slot` sent `packet`, a BYE or CANCEL. The customer's own side and its
    /// trusted peers may take over from one another.
    pub(crate) fn is_foreign_teardown(&self, slot: Slot, packet: &Packet<'_>, method: Method) -> bool {
        let source = packet.source.ip();
        let is_known = |view: &View| {
            let policy = view.policy.and_then(|index| self.policies.policy(index as usize));
            let customer = policy.map(|policy| &policy.text().customer);
            customer.is_some_and(|customer| customer.is_own_side(source) || customer.trusts(source))
        };
        matches!(method, Method::Bye | Method::Cancel)
            && self.ips.noticed().contains(Flag::ForeignTeardown)
            && self.table.attempt(slot).is_some_and(|attempt| {
                let takes_part = || attempt.standing.takes_part(source) || attempt.views.iter().any(is_known);
                attempt.is_call() && !takes_part()
            })
    }

    /// Whether `packet`, a response to what opened the attempt at `slot`, comes from where that came from, and not from whom it
    /// went to.
    pub(crate) fn is_own_answer(&self, slot: Slot, packet: &Packet<'_>) -> bool {
        let source = packet.source.ip();
        self.table.attempt(slot).is_some_and(|it| source == it.source.ip() && source != it.destination.ip())
    }

    /// Whether `message`, a re-INVITE of the call at `slot`, asks for fax, modem or data where it was voice.
    pub(crate) fn is_turned_to_fax(&self, slot: Slot, message: &Message<'_>) -> bool {
        let is_voice = |kind| matches!(kind, CallType::Voice | CallType::Video);
        self.ips.noticed().contains(Flag::FaxInCall)
            && !message.body().is_empty()
            && self
                .table
                .attempt(slot)
                .is_some_and(|attempt| attempt.is_call() && is_voice(attempt.call_type))
            && !is_voice(message.call_type())
    }

    /// Whether `status` challenges the called side, inside a call that was answered: no caller needs to know who it called.
    pub(crate) fn is_harvest(&self, slot: Slot, side: Side, status: u16, method: Method) -> bool {
        matches!(status, 401 | 407)
            && side == Side::Called
            && matches!(method, Method::Bye | Method::Invite)
            && self.table.attempt(slot).is_some_and(|attempt| attempt.progress.answered.is_some())
    }

    /// Notes `flag` with the call at `slot` and tells the counters that wait for such.
    pub(crate) fn notice(&mut self, slot: Slot, flag: Flag, at: Timestamp) {
        let noticed = Flags::of(flag);
        let Some(attempt) = self.table.attempt_mut(slot) else { return };
        if attempt.views.iter().all(|view| view.flags.contains(flag)) {
            return;
        }
        attempt.views.iter_mut().for_each(|view| view.flags = view.flags.union(noticed));
        if attempt.noticed.len() < NOTICED_MAX {
            attempt.noticed.push((flag, at));
        }
        let is_counted = !self.ips.noticed().intersection(noticed).is_empty();
        let Some(attempt) =
            self.table.attempt(slot).filter(|attempt| is_counted && attempt.reign >= self.counts_since)
        else {
            return;
        };
        let mut tallies = Vec::new();
        for view in &attempt.views {
            let Some((index, policy)) =
                view.policy.and_then(|index| Some((index, self.policies.policy(index as usize)?)))
            else {
                continue;
            };
            let customer = &policy.text().customer;
            let trust = facts::trust(customer, attempt.source.ip());
            self.facts.recall(attempt, view, trust);
            let seen = Seen {
                direction: view.direction.unwrap_or(rules::Direction::Inbound),
                call_type: attempt.call_type,
                attestation: view.attestation,
                stir: view.stir,
                believed: trust.trusted,
                callback: false,
                repeat: false,
                flags: view.flags,
            };
            let subject = self.facts.subject_again((attempt, view), at, seen);
            policy.gather_counted(&subject, &mut self.scratch);
            let parts = Parts { attempt, view, customer, host: b"" };
            let method = Method::Invite;
            self.ips
                .notice(&Occasion { policy: index, parts, method, at, opens: false, noticed }, &self.scratch);
            let (counted, at, _) = self.ips.noted();
            tallies.push((view.clone(), at, counted.to_vec()));
        }
        if let Some(attempt) = self.table.attempt_mut(slot) {
            for (view, at, counted) in tallies {
                attempt.tally(&view, at, None, &counted);
            }
        }
        self.terminate();
    }

    /// Ends the calls that breached thresholds want ended.
    pub(crate) fn terminate(&mut self) {
        while let Some((group, hash, measure)) = self.ips.poll_termination() {
            for (slot, attempt) in self.table.attempts_mut() {
                let is_meant = attempt.reign >= self.counts_since
                    && attempt.waiting.iter().any(|counted| counted.is_of(group, hash));
                if attempt.progress.state != State::Up || !is_meant {
                    continue;
                }
                for view in &mut attempt.views {
                    let Some(index) = view.policy.map(|index| index as usize) else { continue };
                    if let (Some(policy), Some(limits), Some(verdict)) =
                        (self.policies.policy(index), self.limits.get_mut(index), view.verdict.as_mut())
                    {
                        let in_force = [InForce { measure, is_limit_exceeded: true }];
                        policy.apply(verdict, &in_force, limits);
                    }
                }
                if let Some(hang_ups) = self.hang_ups.as_mut().filter(|_| attempt.is_to_be_hung_up()) {
                    hang_ups.push_back(slot);
                }
            }
        }
    }
}

fn for_each_view(attempt: &Attempt, policies: &rules::policy::PolicySet, mut tell: impl FnMut(&Parts<'_>)) {
    for view in &attempt.views {
        let Some(policy) = view.policy.and_then(|index| policies.policy(index as usize)) else { continue };
        tell(&Parts { attempt, view, customer: &policy.text().customer, host: b"" });
    }
}

/// PASSporTs seen a while ago, with the call that each came with.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Passports {
    #[serde(skip)]
    hasher: RandomState,
    seen: HashMap<u64, (u64, Timestamp)>,
    order: VecDeque<u64>,
}

impl Passports {
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self { hasher, ..Self::default() }
    }

    pub(crate) fn set_hasher(&mut self, hasher: RandomState) {
        self.hasher = hasher;
    }

    /// Whether `passport`, an Identity value, was seen with other parties, or longer ago than a signature is good
    /// for (RFC 8224 §12.1 says a minute). Remembers it.
    pub(crate) fn is_replay(&mut self, passport: &[u8], parties: impl Hash, at: Timestamp) -> bool {
        let (passport, parties) = (self.hasher.hash_one(passport), self.hasher.hash_one(parties));
        if let Some((known, first)) = self.seen.get(&passport) {
            return *known != parties || at.micros_since(*first) > FRESH_MICROS;
        }
        if self.order.len() >= PASSPORTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.order.push_back(passport);
        self.seen.insert(passport, (parties, at));
        false
    }
}

const FRESH_MICROS: i64 = 60_000_000;
