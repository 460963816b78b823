//! A 3xx to an INVITE: who was called has the call go on to another number, as a REFER would.

use rules::plan::DialPlan;
use rules::{Action, Flags, Number, Party};

use crate::call::{Attempt, Fact, Keys, Kind, Role, Slot, View};
use crate::engine::{Engine, Handled};
use crate::limits::FORKS_MAX;
use crate::number;
use crate::packet::Packet;
use crate::sip::{Header, Message, NameAddr, Uri};

/// The number that the call in hand leaves by a 3xx, as its INVITE told it: To is what the caller wrote.
#[derive(Debug, Default)]
pub(crate) struct Redirected {
    /// As dial plans of the policies in force read it, each with the place of its plan.
    numbers: Vec<(usize, Number)>,
    /// Its user part as written, where that is no number.
    user: Vec<u8>,
}

/// The same for one dial plan.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Left<'a> {
    redirected: Option<&'a Redirected>,
    plan: Option<usize>,
}

impl Redirected {
    /// What the plan at this place makes of it; `None` is the plan of calls that touch nobody.
    #[inline]
    pub(crate) fn left(&self, plan: Option<usize>) -> Left<'_> {
        Left { redirected: Some(self), plan }
    }

    /// Takes up what `attempt`, judged by policies that dial by the plans `plan_of` says, told of whom it called.
    fn take_up(&mut self, attempt: &Attempt, plan_of: impl Fn(usize) -> Option<usize>) {
        for view in &attempt.views {
            let Some(fact) = called_last(attempt, view).iter().find(|fact| fact.role == Role::Called) else {
                continue;
            };
            let plan = view.policy.and_then(|policy| plan_of(policy as usize));
            match fact.party.number().zip(plan) {
                Some((number, plan)) => self.numbers.push((plan, number)),
                None => {
                    self.user.clear();
                    self.user.extend_from_slice(attempt.raw(fact));
                }
            }
        }
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.user.clear();
    }
}

impl Left<'_> {
    /// The number, where the INVITE was seen and went to one.
    pub(crate) fn number(self) -> Option<Number> {
        let numbers = self.redirected.map_or(&[][..], |redirected| &redirected.numbers);
        numbers.iter().find(|(plan, _)| Some(*plan) == self.plan).map(|(_, number)| *number)
    }

    /// Who redirects: the number, else whom `to` names.
    fn party(self, to: Option<&NameAddr<'_>>, plan: &DialPlan) -> Party {
        let read = |to: &NameAddr<'_>| number::read(&to.uri, plan, number::Role::Called).party;
        self.number().map_or_else(|| to.map_or(Party::Absent, read), Party::Number)
    }

    /// Shows `visit` each Contact of `message`, a 3xx by `by`, that has the call go to somebody else, until it says that is
    /// enough. Returns whether it did.
    #[cold]
    pub(crate) fn any_target<'m>(
        self,
        message: &Message<'m>,
        by: (Party, Option<&NameAddr<'_>>),
        plan: &DialPlan,
        visit: &mut dyn FnMut(&Uri<'m>) -> bool,
    ) -> bool {
        message.addresses(Header::Contact).any(|it| self.is_for(&it.uri, by, plan) && visit(&it.uri))
    }

    /// Whether a 3xx by `redirector`, whose To is `to`, has the call go to somebody else by this Contact. The same number
    /// on another host is where the call went before.
    fn is_for(
        self,
        target: &Uri<'_>,
        (redirector, to): (Party, Option<&NameAddr<'_>>),
        plan: &DialPlan,
    ) -> bool {
        let user = self.redirected.map_or(&[][..], |redirected| &redirected.user);
        match number::read(target, plan, number::Role::Called).party {
            Party::Absent => false,
            party @ (Party::Number(_) | Party::EmergencyService) => party != redirector,
            Party::Anonymous | Party::Invalid | Party::Name => {
                target.user.is_some_and(|it| it != user) && to.is_none_or(|to| target.user != to.uri.user)
            }
        }
    }
}

/// The addresses of the INVITE that a response answers: the last one with a higher CSeq, else the first.
fn called_last<'a>(attempt: &'a Attempt, view: &'a View) -> &'a [Fact] {
    let repeats = attempt.sightings(view).filter(|sighting| sighting.is_repeat);
    let last = repeats.last().or_else(|| attempt.sightings(view).next());
    last.map_or_else(|| attempt.facts(view), |sighting| sighting.facts(attempt))
}

impl Engine {
    /// Takes `message`, a 3xx, that answers the INVITE of the attempt at `call`, or a request that was not seen. It opens
    /// an attempt of who redirects to where the Contacts lead: once for each fork, and not if that is where the call went.
    #[cold]
    pub(crate) fn redirect<'a>(
        &mut self,
        packet: &Packet<'a>,
        message: &Message<'a>,
        call: Option<Slot>,
        (mut keys, to_tag): (Keys, Option<u64>),
        handled: &mut Handled<'a>,
    ) {
        let kind = Kind::Redirection(handled.method);
        keys.add_to_tag(to_tag.unwrap_or_default());
        if let Some(known) = self.known_redirection(&keys, kind) {
            return self.table.touch(known, packet.at);
        }
        let attempt = call.and_then(|slot| self.table.attempt(slot));
        if attempt.is_some_and(is_answered_by_us) {
            return;
        }
        let only = self.only;
        self.redirected.clear();
        // What other policies made of it says nothing to these.
        if let Some(attempt) = attempt.filter(|attempt| attempt.reign == self.reign) {
            self.redirected.take_up(attempt, |policy| self.policies.plan_of(policy));
            // The packet before may have been of another peer.
            let judge = attempt.views.first().and_then(|view| view.policy);
            self.only = only.and(judge).or(only);
        }
        let to = message.to();
        if self.leads_elsewhere(message, to.as_ref()) {
            self.open(packet, message, to.as_ref(), keys, kind, Flags::NONE, handled);
        }
        self.only = only;
    }

    /// The redirection that a 3xx with these keys repeats; any one of a call that was sent on too often to tell.
    fn known_redirection(&self, keys: &Keys, kind: Kind) -> Option<Slot> {
        let same = |attempt: &Attempt| {
            attempt.kind == kind && attempt.keys.from_tag == keys.from_tag && attempt.keys.cseq == keys.cseq
        };
        let mut count = 0;
        self.table.with_call_id(keys.call_id).filter(|(_, attempt)| same(attempt)).find_map(
            |(slot, attempt)| {
                count += 1;
                (attempt.keys.to_tags == keys.to_tags || count >= FORKS_MAX).then_some(slot)
            },
        )
    }

    /// Whether any dial plan reads a Contact of `message` as somebody else than who redirects.
    #[cold]
    fn leads_elsewhere(&self, message: &Message<'_>, to: Option<&NameAddr<'_>>) -> bool {
        let leads = |place: Option<usize>, plan: &DialPlan| {
            let left = self.redirected.left(place);
            let redirector = left.party(to, plan);
            left.any_target(message, (redirector, to), plan, &mut |_| true)
        };
        let plans = self.policies.plans();
        plans.iter().enumerate().any(|(place, plan)| leads(Some(place), plan))
            || plans.is_empty() && leads(None, &self.unjudged)
    }
}

/// Whether the 3xx to `attempt` is ours: we have answered it, or its policy says where it goes.
fn is_answered_by_us(attempt: &Attempt) -> bool {
    let mut verdicts = attempt.views.iter().filter_map(|view| view.verdict.as_ref());
    attempt.standing.concluded.is_some() || verdicts.any(|verdict| verdict.action == Action::Divert)
}
