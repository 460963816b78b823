//! What would turn a verdict: the fewest facts of the call, and the fewest parts of the policy, that would have to be
//! others. Every way that is told was judged again.

mod altered;
mod call;
mod edit;
mod fact;
mod points;
mod told;
mod values;

use std::net::IpAddr;

use crate::flag::Flags;
use crate::policy::judge_explanation::RuleFinding;
use crate::policy::{Limits, Mode, Policy, Response, RuleId, TextField};
use crate::subject::{Attestation, CallType, Direction, Method, Party, Subject, Transport};
use crate::time::Timestamp;
use crate::verdict::{Action, ListHit, Verdict};

/// What would have turned a verdict.
///
/// A way is of the call or of the policy, never of both: who asks what kept one caller out, and who asks what to edit,
/// want different answers. Each kind therefore has its own smallest ways.
#[derive(Clone, Debug, Default)]
pub struct Turning {
    /// Other facts of the call, the policy as it is.
    pub of_call: Search,
    /// Another policy, the call as it is.
    pub of_policy: Search,
}

/// What the search for one kind of way came to.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The smallest ways, all of as many changes, at most [`WAYS_MAX`]; those that need the fewest words first.
    pub ways: Vec<Way>,
    /// How far it looked.
    pub extent: Extent,
}

/// How far a search looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// Nowhere: the guard decided, or there is nothing that could be changed.
    #[default]
    Nowhere,
    /// As far as the ways that were found.
    Found,
    /// Up to [`CHANGES_MAX`] changes at once, and none turns it.
    Beyond,
    /// Until it had judged as often as it may.
    Unfinished,
}

/// One way to another verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// What would be different, all of it.
    pub changes: Vec<Change>,
    /// What the verdict would be; under a policy in shadow mode, what it would be in enforce mode.
    pub action: Action,
    /// How a refusal would be said.
    pub response: Option<Response>,
    /// The rule that would decide; without one, the rule that would no longer.
    pub rule: Option<RuleId>,
    /// The conditions that would turn with the changes and matter; empty of changes of the policy.
    pub told: Vec<Told>,
}

/// A condition that turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The dimension, as policy files name it.
    pub dimension: String,
    /// Whether it would fit one of the terms, or none of them any more.
    pub holds: bool,
    /// Terms as the policy writes them.
    pub terms: Vec<String>,
}

/// One thing that would be different. Of a fact of the call it holds a value with which the verdict was found to turn;
/// everything else stays as it is but for what follows from the fact: the direction where it was told by source and
/// numbers, and whose word counts where the source told it.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Every identity that says who calls names this party, and the caller does not withhold the number.
    Caller(Party),
    /// Whether the caller withholds the number.
    Withheld(bool),
    /// Whether a believed peer asserted every identity.
    Vouched(bool),
    /// Every identity that says who forwarded names this party; `None` for nobody.
    Forwarder(Option<Party>),
    /// This party alone is called.
    Called(Party),
    /// Every value of this text; `None` when it is absent.
    Text(TextField, Option<Vec<u8>>),
    /// Who sent the packet.
    Source(IpAddr),
    /// Whom it was sent to.
    Destination(IpAddr),
    /// Which way it goes, where that does not follow from source and numbers.
    Direction(Direction),
    /// What carried it.
    Transport(Transport),
    /// The request's method.
    Method(Method),
    /// What its session description offers.
    CallType(CallType),
    /// What is known of the right to the number; `None` when nobody has verified it.
    Attestation(Option<Attestation>),
    /// Whether its identities name different callers.
    Mismatch(bool),
    /// What the reader had to repair.
    Flags(Flags),
    /// When it came.
    At(Timestamp),
    /// The limit of this rule is not exceeded.
    Room(RuleId),
    /// This rule of the policy is off.
    Off(RuleId),
    /// This rule of the policy acts, where it is in shadow mode.
    Enforced(RuleId),
    /// This entry is not on its list.
    Unlisted(ListHit),
}

/// Most changes at once that are searched.
pub const CHANGES_MAX: usize = 2;
/// Most ways of one kind that are told.
pub const WAYS_MAX: usize = 6;

impl Policy {
    /// What would turn the verdict that `rules` led to.
    pub(super) fn turning(
        &self,
        subject: &Subject<'_>,
        limits: &Limits,
        rules: &[RuleFinding],
        verdict: &Verdict,
    ) -> Turning {
        let before = self.outcome_of(verdict);
        Turning {
            of_call: call::Seeker::new(self, subject, limits, rules, before).search(),
            of_policy: edit::search(self, subject, rules, before),
        }
    }

    /// What a verdict comes to; in a policy that only reports, what it would.
    fn outcome_of(&self, verdict: &Verdict) -> Outcome {
        let (action, rule) = match verdict.would {
            Some(would) if self.only_reports() => (would, verdict.would_rule),
            _ => (verdict.action, verdict.rule),
        };
        let refuses = matches!(action, Action::Block | Action::Limit);
        Outcome { action, rule, response: rule.filter(|_| refuses).and_then(|rule| self.response(rule)) }
    }

    fn only_reports(&self) -> bool {
        self.text.customer.mode == Mode::Shadow
    }

    /// Whether a rule in `mode` has a say in what a verdict comes to.
    fn counts(&self, mode: Mode) -> bool {
        mode == Mode::Enforce || mode == Mode::Shadow && self.only_reports()
    }
}

/// What is compared before and after a change.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    action: Action,
    response: Option<Response>,
    rule: Option<RuleId>,
}

impl Outcome {
    /// Whether the action or its status differs.
    fn differs(&self, other: &Self) -> bool {
        let status = |outcome: &Self| outcome.response.and_then(Response::code);
        (self.action, status(self)) != (other.action, status(other))
    }
}

/// Leaves of equally small ways those that say something of their own, in a stable order.
fn told_ways(mut ways: Vec<Way>) -> Vec<Way> {
    let says_more = |way: &Way, than: &Way| {
        !than.told.is_empty()
            && than.told.len() < way.told.len()
            && than.told.iter().all(|told| way.told.contains(told))
    };
    let kept: Vec<bool> = ways.iter().map(|way| !ways.iter().any(|than| says_more(way, than))).collect();
    let mut kept = kept.into_iter();
    ways.retain(|_| kept.next().unwrap_or(true));
    ways.sort_by_key(|way| way.told.len());
    ways.truncate(WAYS_MAX);
    ways
}
