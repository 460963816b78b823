//! The engine: one packet in, one decision out, and news of calls that ended.

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::RandomState;
use rules::matching::Scratch;
use rules::plan::DialPlan;
use rules::policy::{Limits, PolicySet, strictest};
use rules::{Action, Flag, Flags, Method, Timestamp};
use serde::{Deserialize, Serialize};
use stir::Verifier;

use crate::call::{Attempt, Keys, Kind, Side, Signal, Slot, State, Table};
use crate::callback::Callbacks;
use crate::facts::Facts;
use crate::ips::{Budget, Counted, Ending, Ips, may_be_repeated};
use crate::judging::Judging;
use crate::legs::{self, Lead};
use crate::limits::REPEATS_MAX;
use crate::packet::Packet;
use crate::prevention::Passports;
use crate::redirection::Redirected;
use crate::sharing::{Seeds, Sharing};
use crate::sight::{Sight, Silence, Trunks};
use crate::sip::{Message, NameAddr};

/// Judges packets by the policies in force and follows the calls they belong to.
///
/// One thread owns it. Everything it knows of time it knows from packets and from [`Engine::expire`].
pub struct Engine {
    pub(crate) policies: Arc<PolicySet>,
    pub(crate) limits: Vec<Limits>,
    pub(crate) scratch: Scratch,
    pub(crate) table: Table,
    pub(crate) callbacks: Callbacks,
    pub(crate) facts: Facts,
    pub(crate) ips: Ips,
    pub(crate) passports: Passports,
    /// The call that the 3xx in hand sends on.
    pub(crate) redirected: Redirected,
    /// Who verifies Identity headers; `None` when nobody does.
    pub(crate) verifier: Option<Verifier>,
    pub(crate) trunks: Trunks,
    pub(crate) sight: Sight,
    pub(crate) waiting: Vec<Counted>,
    touched: Vec<u32>,
    pub(crate) ended: VecDeque<Slot>,
    pub(crate) fetched: Option<Slot>,
    pub(crate) hasher: RandomState,
    pub(crate) seeds: Seeds,
    pub(crate) sharing: Sharing,
    pub(crate) unjudged: DialPlan,
    /// How often other policies were taken up.
    pub(crate) reign: u32,
    /// The reign in which the thresholds came: what waits in attempts of earlier ones means nothing to them.
    pub(crate) counts_since: u32,
    /// The one policy that judges the packet in hand; `None` lets trunks and numbers say.
    pub(crate) only: Option<u32>,
    /// Headers that the policies in force ask for by name.
    pub(crate) asked: Vec<String>,
    /// Headers by which the policies in force join legs of calls.
    pub(crate) leg_headers: Vec<String>,
    /// The call that the message in hand may be another leg of.
    pub(crate) lead: Option<Lead>,
    /// Whether nobody will judge recorded calls again.
    pub(crate) forgets_sightings: bool,
    /// Calls to be hung up; `None` when nobody can.
    pub(crate) hang_ups: Option<VecDeque<Slot>>,
    /// What it could not keep, since it was made.
    pub counters: Counters,
}

/// What an engine could not keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Attempts that were ended early because the table was full.
    pub calls_evicted: u64,
}

/// What was made of one packet.
#[derive(Clone, Copy, Debug)]
pub struct Handled<'a> {
    /// The method of the request, or of the request that the response answers.
    pub method: Method,
    /// The method as it came; empty for a response.
    pub method_text: &'a [u8],
    /// The status code of a response.
    pub status: Option<u16>,
    /// A keyed hash of the Call-ID; `None` without one.
    pub call_id: Option<u64>,
    /// What was wrong with the message, as far as it was looked at.
    pub flags: Flags,
    /// The strictest verdict of all customers that it touches; `None` when it opened nothing new.
    pub decision: Option<Action>,
    /// Where the attempt stands that it opened, or repeats: see [`Engine::attempt`]. Good until the next packet.
    pub attempt: Option<u32>,
    /// Where the attempt stands that it is part of, opened by it or before: see [`Engine::attempt`]. Good until the next
    /// packet.
    pub call: Option<u32>,
}

impl Engine {
    /// An engine that judges by `policies`. Without any, everything is allowed and national numbers are read as US
    /// ones.
    pub fn new(policies: Arc<PolicySet>) -> Self {
        Self::with_budget(policies, Budget::default())
    }

    /// The same, with so much memory for the counters of thresholds.
    pub fn with_budget(policies: Arc<PolicySet>, budget: Budget) -> Self {
        Self::with_seeds(policies, budget, Seeds::random())
    }

    /// The same, with these seeds of all hashes: who goes on with a state goes on with its seeds, and engines that share
    /// blocks have the same.
    pub fn with_seeds(policies: Arc<PolicySet>, budget: Budget, seeds: Seeds) -> Self {
        let hasher = seeds.hasher();
        Self {
            seeds,
            sharing: Sharing::default(),
            ips: Ips::new(&policies, budget, hasher.clone()),
            passports: Passports::new(hasher.clone()),
            redirected: Redirected::default(),
            verifier: None,
            trunks: Trunks::new(&policies),
            sight: Sight::default(),
            waiting: Vec::new(),
            limits: policies.policies().iter().map(rules::Policy::limits).collect(),
            scratch: Scratch::default(),
            table: Table::default(),
            callbacks: Callbacks::default(),
            facts: Facts::default(),
            touched: Vec::new(),
            ended: VecDeque::new(),
            fetched: None,
            hasher,
            unjudged: DialPlan::default(),
            reign: 0,
            counts_since: 0,
            only: None,
            asked: asked(&policies),
            leg_headers: legs::headers(&policies),
            lead: None,
            forgets_sightings: false,
            policies,
            hang_ups: None,
            counters: Counters::default(),
        }
    }

    /// Leaves out of records what no policy judges by (To, Contact, Reply-To, Referred-By, P-Charge-Info): for runs that
    /// only count.
    pub fn leave_out_others(&mut self) {
        self.facts.leaves_out_others = true;
        self.forgets_sightings = true;
    }

    /// The policies in force.
    pub fn policies(&self) -> Arc<PolicySet> {
        Arc::clone(&self.policies)
    }

    /// The same, for a look.
    pub fn policy_set(&self) -> &PolicySet {
        &self.policies
    }

    /// Takes one packet: reads it, follows its call, judges it when it opens one.
    pub fn handle<'a>(&mut self, packet: &Packet<'a>) -> Handled<'a> {
        self.handle_read(packet, &Message::read(packet.payload))
    }

    /// The same for a packet whose payload was read as `message` already.
    pub fn handle_read<'a>(&mut self, packet: &Packet<'a>, message: &Message<'a>) -> Handled<'a> {
        self.expire(packet.at);
        self.trunks.hear(packet.source.ip(), packet.at);
        if message.is_request() { self.request(packet, message) } else { self.response(packet, message) }
    }

    /// Ends what is overdue at `now`.
    pub fn expire(&mut self, now: Timestamp) {
        self.trunks.expire(now);
        while let Some((slot, due)) = self.table.expire(now) {
            // It ended when it was due, however long nothing came afterwards; what counters were to do before comes first.
            self.ips.expire(due);
            self.timed_out(slot, due.max(self.ips.counted_until()));
            self.end(slot);
        }
        self.ips.expire(now);
        self.terminate();
    }

    /// Ends everything: there will be no more packets.
    pub fn finish(&mut self) {
        while let Some(slot) = self.table.expire_first() {
            self.end(slot);
        }
    }

    /// The next trunk that fell silent.
    pub fn poll_silence(&mut self) -> Option<Silence> {
        self.trunks.poll()
    }

    /// Which share of the last calls had a response that was seen, from 0 to 1; 1 before any ended. Well below, the engine
    /// sees one side only, and nothing that counts answers can be trusted.
    pub fn answers_seen(&self) -> f64 {
        self.sight.answers_seen()
    }

    /// The next attempt that ended, with all there is to tell. Valid until the next call.
    pub fn poll_ended(&mut self) -> Option<&Attempt> {
        if let Some(slot) = self.fetched.take() {
            self.table.free(slot);
        }
        let slot = self.ended.pop_front()?;
        // A call that was hung up lingers, so that retransmissions of its BYE open nothing new.
        if self.table.fetched(slot) {
            self.fetched = Some(slot);
        }
        self.table.attempt(slot)
    }

    fn end(&mut self, slot: Slot) {
        self.tell(slot);
        if self.table.close(slot) {
            self.table.free(slot);
        }
    }

    pub(crate) fn tell(&mut self, slot: Slot) {
        if !self.table.tell(slot) {
            return;
        }
        self.ended.push_back(slot);
        let Some(attempt) = self.table.attempt(slot) else { return };
        if attempt.is_call() {
            self.sight.see(attempt.progress.status != 0);
        }
        // Places in limits of former policies went with them.
        for view in attempt.views.iter().filter(|_| attempt.reign == self.reign) {
            if let (Some(policy), Some(verdict)) = (view.policy, view.verdict)
                && let Some(limits) = self.limits.get_mut(policy as usize)
            {
                verdict.held.iter().for_each(|rule| limits.ended(rule));
            }
        }
    }

    fn request<'a>(&mut self, packet: &Packet<'a>, message: &Message<'a>) -> Handled<'a> {
        let method = message.method();
        let keys = self.keys(packet, message);
        let to_tag = message.to_tag().map(|tag| self.hash(tag));
        let mut handled = Handled {
            method,
            method_text: message.method_text(),
            status: None,
            call_id: (!message.call_id().is_empty()).then_some(keys.call_id),
            flags: packet.flags.union(message.flags()),
            decision: None,
            attempt: None,
            call: None,
        };
        if method == Method::Invite && to_tag.is_none() {
            self.invite(packet, message, keys, &mut handled);
        } else if let Some((slot, side)) = self.dialog(&keys, to_tag) {
            handled.call = Some(slot);
            if self.is_foreign_teardown(slot, packet, method) {
                self.notice(slot, Flag::ForeignTeardown, packet.at);
            }
            if method == Method::Invite && self.is_turned_to_fax(slot, message) {
                self.notice(slot, Flag::FaxInCall, packet.at);
            }
            self.in_dialog(slot, side, method, packet.at);
            // A transfer opens a call to somebody else, and is charged to who asks for it.
            if method == Method::Refer && self.transaction_of(&keys, method).is_none() {
                let (from, kind) = (message.from(), Kind::Request(method));
                self.open(packet, message, from.as_ref(), keys, kind, Flags::NONE, &mut handled);
            }
        } else if method == Method::Invite {
            let from = message.from();
            let payload = self.hasher.hash_one((packet.source, message.bytes()));
            let keys = Keys { payload, ..self.call_keys(keys, message, from.as_ref()) };
            let flags = Flags::of(Flag::UnknownDialog);
            self.open(packet, message, from.as_ref(), keys, Kind::Call, flags, &mut handled);
        } else if let Some(slot) = self.transaction_of(&keys, method) {
            handled.attempt = Some(slot);
        } else if let Some(slot) = self.acknowledged(&keys, method, message) {
            handled.call = Some(slot);
        } else {
            let (from, kind) = (message.from(), Kind::Request(method));
            self.open(packet, message, from.as_ref(), keys, kind, Flags::NONE, &mut handled);
        }
        handled.call = handled.call.or(handled.attempt);
        handled
    }

    /// An INVITE without To tag opens an attempt, unless it repeats one: one per Call-ID, From tag and caller.
    fn invite<'a>(
        &mut self,
        packet: &Packet<'a>,
        message: &Message<'a>,
        keys: Keys,
        handled: &mut Handled<'a>,
    ) {
        let from = message.from();
        let keys = self.call_keys(keys, message, from.as_ref());
        let payload = self.hasher.hash_one((packet.source, message.bytes()));
        let mut reused = false;
        let mut known = None;
        for (slot, attempt) in self.table.with_call_id(keys.call_id) {
            if attempt.kind != Kind::Call {
                continue;
            }
            if attempt.keys.from_tag == keys.from_tag && attempt.keys.caller == keys.caller {
                known = Some((slot, attempt.keys)).filter(|_| !is_another(attempt, keys.cseq));
                break;
            }
            reused |= attempt.keys.branch == keys.branch;
        }
        let Some((slot, first)) = known else {
            let mut flags = Flags::NONE;
            flags.raise_if(reused, Flag::BranchReuse);
            let keys = Keys { payload, ..keys };
            let marks = self.look_for_lead(packet, message);
            self.open(packet, message, from.as_ref(), keys, Kind::Call, flags, handled);
            if let Some(slot) = handled.attempt {
                self.table.mark(slot, marks);
            }
            return;
        };
        self.table.touch(slot, packet.at);
        self.join_parties(slot, packet, message);
        handled.attempt = Some(slot);
        if first.payload == payload {
            return;
        }
        let Some(attempt) = self.table.attempt_mut(slot) else { return };
        let is_repeat = keys.cseq > first.cseq;
        if is_repeat {
            attempt.standing.repeats += 1;
            attempt.progress.handle(Signal::Repeat, packet.at);
            (attempt.keys.cseq, attempt.keys.branch) = (keys.cseq, keys.branch);
        }
        attempt.keys.payload = payload;
        if attempt.is_refused() && attempt.reign != self.reign {
            return;
        }
        // It is another message under the same keys: judged anew, so that nobody is let in by an earlier verdict.
        self.judge(packet, message, from.as_ref(), (slot, is_repeat), Flags::NONE, handled);
    }

    fn in_dialog(&mut self, slot: Slot, side: Side, method: Method, at: Timestamp) {
        self.table.touch(slot, at);
        let Some(attempt) = self.table.attempt_mut(slot) else { return };
        let before = attempt.progress.state;
        match method {
            Method::Bye => attempt.progress.handle(Signal::HangUp(side), at),
            Method::Cancel => attempt.progress.handle(Signal::Cancel, at),
            _ => {}
        }
        if attempt.progress.state != before {
            self.table.reschedule(slot);
            self.came_to(slot, Ending::Over, at);
            self.tell(slot);
        }
    }

    fn response<'a>(&mut self, packet: &Packet<'a>, message: &Message<'a>) -> Handled<'a> {
        let status = message.status().unwrap_or_default();
        let method = message.cseq_method().unwrap_or(Method::Other);
        let keys = self.keys(packet, message);
        let to_tag = message.to_tag().map(|tag| self.hash(tag));
        let mut handled = Handled {
            method,
            method_text: b"",
            status: Some(status),
            call_id: (!message.call_id().is_empty()).then_some(keys.call_id),
            flags: packet.flags.union(message.flags()),
            decision: None,
            attempt: None,
            call: None,
        };
        let found = if method == Method::Invite {
            self.invited(&keys, to_tag, message)
        } else {
            self.transaction_of(&keys, method).map(|slot| (slot, Side::Caller))
        };
        if matches!(status, 401 | 407)
            && let Some((slot, side)) = self.dialog(&keys, to_tag)
            && self.is_harvest(slot, side, status, method)
        {
            self.notice(slot, Flag::ChallengeInDialog, packet.at);
        }
        // Whoever called answers no call: peers throw away what they have no transaction for.
        let found = found.filter(|(slot, _)| !self.is_own_answer(*slot, packet));
        handled.call = found.map(|(slot, _)| slot);
        match found {
            Some((slot, Side::Caller)) => {
                self.join_parties(slot, packet, message);
                if self.answered(slot, &keys, to_tag, status, packet.at) && method == Method::Invite {
                    self.redirect(packet, message, Some(slot), (keys, to_tag), &mut handled);
                }
            }
            // The caller answers a re-INVITE of the called side.
            Some((slot, Side::Called)) => self.table.touch(slot, packet.at),
            None if (300..400).contains(&status) && self.dialog(&keys, to_tag).is_none() => {
                self.redirect(packet, message, None, (keys, to_tag), &mut handled);
            }
            None => {}
        }
        handled
    }

    /// Takes a response to the INVITE at `slot`, or to another request of it. Returns whether it may send the call on.
    fn answered(&mut self, slot: Slot, keys: &Keys, to_tag: Option<u64>, status: u16, at: Timestamp) -> bool {
        self.table.touch(slot, at);
        let Some(attempt) = self.table.attempt_mut(slot) else { return false };
        if let Some(tag) = to_tag {
            attempt.keys.add_to_tag(tag);
        }
        // Only responses to the INVITE in progress move the call: those to an older one are late, those to a newer
        // one answer a re-INVITE.
        if keys.cseq != attempt.keys.cseq {
            return false;
        }
        let before = attempt.progress.state;
        let signal = match status {
            101..200 => Signal::Ring,
            200..300 => Signal::Answer(status),
            300..700 => Signal::Refuse(status),
            _ => return false,
        };
        attempt.progress.handle(signal, at);
        // Another fork may send it on after one refused, but not after one answered.
        let is_sent_on = (300..400).contains(&status) && attempt.progress.state == State::Refused;
        if attempt.progress.state == before {
            return is_sent_on;
        }
        let state = attempt.progress.state;
        self.table.reschedule(slot);
        match state {
            State::Up => {
                self.came_to(slot, Ending::Answered, at);
                self.hang_up_if_told(slot);
            }
            State::Refused if !may_be_repeated(status) => self.came_to(slot, Ending::Refused, at),
            _ => {}
        }
        self.responded(slot, status, at);
        is_sent_on
    }

    #[allow(clippy::too_many_arguments, reason = "all that is known of the message that opens it")]
    pub(crate) fn open<'a>(
        &mut self,
        packet: &Packet<'a>,
        message: &Message<'a>,
        from: Option<&NameAddr<'a>>,
        keys: Keys,
        kind: Kind,
        flags: Flags,
        handled: &mut Handled<'a>,
    ) {
        if self.table.is_full()
            && let Some(slot) = self.table.expire_first()
        {
            self.counters.calls_evicted += 1;
            self.end(slot);
        }
        let slot = self.table.open(keys, kind, packet.at);
        if let Some(attempt) = self.table.attempt_mut(slot) {
            (attempt.source, attempt.destination) = (packet.source, packet.destination);
            (attempt.transport, attempt.call_type) = (packet.transport, message.call_type());
            attempt.call_id = attempt.keep(message.call_id());
            attempt.method = attempt.keep(message.method_text());
            attempt.display_name = attempt.keep_spoken(from.map_or(&b""[..], |from| from.display));
            attempt.user_agent = attempt.keep_spoken(message.user_agent());
            if let Kind::Redirection(_) = kind {
                attempt.progress.handle(Signal::Refuse(message.status().unwrap_or_default()), packet.at);
            }
        }
        self.join_parties(slot, packet, message);
        if let Kind::Request(Method::Register) = kind {
            self.follow_up(slot, message);
        }
        self.judge(packet, message, from, (slot, false), flags, handled);
    }

    /// Judges the message by every customer it touches and keeps what each one saw and decided.
    fn judge<'a>(
        &mut self,
        packet: &Packet<'a>,
        message: &Message<'a>,
        from: Option<&NameAddr<'a>>,
        (slot, is_repeat): (Slot, bool),
        flags: Flags,
        handled: &mut Handled<'a>,
    ) {
        let lead = self.lead.take();
        let flags = flags.union(packet.flags).union(message.defects());
        handled.flags = handled.flags.union(flags);
        handled.attempt = Some(slot);
        let policies = Arc::clone(&self.policies);
        let Some(attempt) = self.table.attempt_mut(slot) else { return };
        if attempt.reign != self.reign {
            // Another version judges it from here on: from the first message that it sees.
            attempt.sightings.clear();
        }
        if attempt.reign < self.counts_since {
            attempt.standing.is_closed = false;
            attempt.waiting.clear();
            attempt.tallies.clear();
            attempt.views.clear();
        }
        let (earlier, facts, text) = (attempt.views.len(), attempt.facts.len(), attempt.text.len());
        let mut judging = Judging {
            packet,
            message,
            from,
            redirected: &self.redirected,
            flags,
            policies: &policies,
            facts: &mut self.facts,
            limits: &mut self.limits,
            scratch: &mut self.scratch,
            callbacks: &mut self.callbacks,
            ips: &mut self.ips,
            passports: &mut self.passports,
            verifier: self.verifier.as_mut(),
            waiting: &mut self.waiting,
            touched: &mut self.touched,
            only: self.only,
            is_replayed: false,
            asked: (!self.forgets_sightings).then_some(&self.asked),
            shown: None,
            is_repeat,
            is_kept: false,
            lead: lead.as_ref(),
        };
        for (plan, dial_plan) in policies.plans().iter().enumerate() {
            judging.by_plan(plan, dial_plan, attempt);
        }
        if attempt.views.len() == earlier {
            let dial_plan = policies.plans().first().unwrap_or(&self.unjudged);
            judging.by_nobody(dial_plan, attempt);
        }
        let (is_kept, joined) = (judging.is_kept, judging.lead.is_some());
        attempt.waiting.append(&mut self.waiting);
        let verdicts =
            attempt.views.get(earlier..).unwrap_or_default().iter().filter_map(|v| v.verdict.as_ref());
        handled.decision = Some(strictest(verdicts).map_or(Action::Allow, |(_, verdict)| verdict.action));
        if attempt.reign != self.reign || attempt.policies.is_none() {
            // One version judges it, whole.
            attempt.views.drain(..earlier);
            (attempt.reign, attempt.policies) = (self.reign, Some(policies));
        } else if earlier > 0 && !attempt.merge_views(earlier) && !is_kept {
            attempt.facts.truncate(facts);
            attempt.text.truncate(text);
        }
        if let Some(lead) = lead.filter(|_| joined) {
            self.join_leg(slot, &lead);
        }
        self.terminate();
    }
}

/// Whether an INVITE with this CSeq, under the keys of `attempt`, is another attempt and not that one again: that one got an
/// answer that nobody repeats, or came again often enough.
fn is_another(attempt: &Attempt, cseq: u32) -> bool {
    let is_final = match attempt.progress.state {
        State::Trying | State::Ringing => false,
        State::Refused => !may_be_repeated(attempt.progress.status),
        State::Up | State::Over => true,
    };
    cseq > attempt.keys.cseq && (is_final || attempt.standing.repeats >= REPEATS_MAX)
}

/// Headers that `policies` ask for by name, each once.
pub(crate) fn asked(policies: &PolicySet) -> Vec<String> {
    let mut names: Vec<String> = policies.policies().iter().flat_map(rules::Policy::headers_asked).collect();
    names.sort_unstable();
    names.dedup();
    names
}
