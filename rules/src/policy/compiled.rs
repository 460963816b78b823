//! A policy that can judge.

use std::net::IpAddr;

use crate::matching::{Clock, Pseudo, RuleIndex};
use crate::number::Number;
use crate::number_set::NumberSet;
use crate::plan::{self, DialPlan};
use crate::policy::judge_thresholds::{blocking_all, pseudo_rules};
use crate::policy::{
    Condition, EntryText, FirewallRule, Limits, List, ListContent, ListId, Mode, NumberField, NumberTerm,
    PolicyText, Response, RuleAction, RuleId, Threshold, ThresholdId,
};
use crate::subject::{Direction, Identity, Origin, Party};
use crate::time::Timestamp;
use crate::verdict::ListHit;

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    pub(super) text: PolicyText,
    pub(super) thresholds: Vec<Threshold>,
    /// Whether any threshold counts: without one nothing is looked for.
    pub(super) has_thresholds: bool,
    /// Those that block all that they count, a bit each.
    pub(super) blocking_all: Vec<u64>,
    /// Those that end by themselves, and when.
    pub(super) expiring: Vec<(ThresholdId, Timestamp)>,
    /// Of the firewall rules, and behind them of what thresholds count and block.
    pub(super) index: RuleIndex,
    pub(super) clock: Clock,
    /// Numbers that the emergency guard lets pass.
    pub(super) emergency: NumberSet,
    /// Lists of callers that block rules in force use, with their rule.
    pub(super) block_lists: Vec<(ListId, RuleId)>,
    /// Callers that block rules in force name one by one, with their rule.
    pub(super) blocked: Vec<(Number, RuleId)>,
}

impl Policy {
    /// The policy of `text`. The emergency guard lets the emergency numbers of the customer's region pass, 112 and
    /// 911 always among them; access codes and repeated country codes are gone when a number has been read.
    pub fn new(text: PolicyText) -> Self {
        let emergency = plan::emergency(&text.customer.dial_plan.region).cloned().unwrap_or_default();
        let thresholds: Vec<Threshold> = text.ips.iter().flat_map(Threshold::all_of).collect();
        let has_thresholds = thresholds.iter().any(|threshold| threshold.mode != Mode::Off);
        let pseudo = if has_thresholds { pseudo_rules(&thresholds) } else { Pseudo::default() };
        let rules: Vec<&FirewallRule> = text.firewall.iter().collect();
        let expiring = (0..).zip(&thresholds).filter_map(|(id, one)| Some((ThresholdId(id), one.expires?)));
        Self {
            index: RuleIndex::new(&rules, &pseudo, &text.lists),
            blocking_all: blocking_all(&thresholds),
            expiring: expiring.collect(),
            thresholds,
            has_thresholds,
            clock: Clock::new(text.customer.time_zone.clone()),
            emergency: everywhere().union(&emergency),
            block_lists: blocked(&text.firewall, |term| match term {
                NumberTerm::List(list) => Some(*list),
                _ => None,
            }),
            // Whom a rule names by a whole range may be whoever calls back.
            blocked: blocked(&text.firewall, |term| match term {
                NumberTerm::Set(set) if set.count() == 1 => set.witness(),
                _ => None,
            }),
            text,
        }
    }

    /// What it was compiled from.
    pub fn text(&self) -> &PolicyText {
        &self.text
    }

    /// The customer's name.
    pub fn name(&self) -> &str {
        &self.text.customer.name
    }

    /// SHA-256 over the text and every list it reads, in hexadecimal.
    pub fn version(&self) -> &str {
        &self.text.version
    }

    /// How the customer writes and dials numbers.
    pub fn dial_plan(&self) -> &DialPlan {
        &self.text.customer.dial_plan
    }

    /// Numbers that the emergency guard lets pass.
    pub fn emergency(&self) -> &NumberSet {
        &self.emergency
    }

    /// The rule `id`.
    pub fn rule(&self, id: RuleId) -> Option<&FirewallRule> {
        self.text.firewall.get(id.0 as usize)
    }

    /// The list that `hit` names and what its source says of the entry.
    pub fn entry(&self, hit: ListHit) -> Option<(&List, EntryText)> {
        let list = self.text.lists.get(hit.list as usize)?;
        Some((list, list.entry_text(hit.entry, &self.text.source)?))
    }

    /// How a refusal by the rule `id` is said; `None` when it refuses nothing.
    pub fn response(&self, id: RuleId) -> Option<Response> {
        match &self.rule(id)?.action {
            RuleAction::Block(response) => Some(*response),
            RuleAction::Limit(_) => Some(self.text.customer.list_response),
            _ => None,
        }
    }

    /// An empty state of its limits.
    pub fn limits(&self) -> Limits {
        Limits::new(&self.text.firewall)
    }

    /// Whether `number` is one of the customer's own.
    pub fn owns(&self, number: Number) -> bool {
        self.text.customer.numbers.contains(number)
    }

    /// Which way a call goes, seen from the customer: by its trunks where it has any and `source` is
    /// known, else by its numbers.
    pub fn direction(&self, source: IpAddr, called: &[Party], callers: &[Identity]) -> Direction {
        let called_own = self.owns_called(called);
        let customer = &self.text.customer;
        if customer.trunks.is_empty() || source.is_unspecified() {
            return match (called_own, self.is_outbound_by(callers)) {
                (false, true) => Direction::Outbound,
                _ => Direction::Inbound,
            };
        }
        match (customer.is_own_side(source.to_canonical()), called_own) {
            (true, true) => Direction::Internal,
            (true, false) => Direction::Outbound,
            (false, _) => Direction::Inbound,
        }
    }

    /// Whether one of the customer's trunks or numbers takes part in the call.
    pub fn touches(
        &self,
        source: IpAddr,
        destination: IpAddr,
        called: &[Party],
        callers: &[Identity],
    ) -> bool {
        let customer = &self.text.customer;
        customer.is_own_side(source.to_canonical())
            || customer.is_own_side(destination.to_canonical())
            || called.iter().filter_map(|party| party.number()).any(|number| self.owns(number))
            || self.owns_caller(callers)
    }

    /// Memory its index takes beside its lists, in bytes.
    pub fn index_bytes(&self) -> usize {
        self.index.bytes()
    }

    /// Whether the number dialled is one of the customer's own.
    fn owns_called(&self, called: &[Party]) -> bool {
        called.first().and_then(|party| party.number()).is_some_and(|number| self.owns(number))
    }

    /// Whether `callers` make a call of the customer's, where no trunk tells: by what is asserted, else where every number in
    /// From is one of its own. What a stranger writes beside From is no reason to take a call for one of ours.
    fn is_outbound_by(&self, callers: &[Identity]) -> bool {
        let owns = |caller: &Identity| caller.party.number().is_some_and(|number| self.owns(number));
        let is_ours = |caller: &Identity| {
            caller.origin != Origin::From || caller.party.number().is_none() || owns(caller)
        };
        callers.iter().any(|caller| caller.asserted && owns(caller))
            || self.owns_caller(callers) && callers.iter().all(is_ours)
    }

    pub(super) fn owns_caller(&self, callers: &[Identity]) -> bool {
        callers.iter().filter_map(|caller| caller.party.number()).any(|number| self.owns(number))
    }

    /// Whether a rule in force at `at` blocks the caller `number` by name, or by a list that it is on.
    pub(super) fn blocks_caller(&self, number: Number, at: Timestamp) -> bool {
        let in_force = |rule: &RuleId| {
            let expires = self.rule(*rule).and_then(|rule| rule.expires);
            expires.is_none_or(|end| at < end)
        };
        let on = |list: &ListId| {
            let list = self.text.lists.get(list.0 as usize);
            list.and_then(|list| entry_of(list, number, at)).is_some()
        };
        self.block_lists.iter().any(|(list, rule)| in_force(rule) && on(list))
            || self.blocked.iter().any(|(named, rule)| *named == number && in_force(rule))
    }
}

/// The lowest row of `number` in a list of numbers that still holds at `at`.
pub(super) fn entry_of(list: &List, number: Number, at: Timestamp) -> Option<u32> {
    let ListContent::Numbers { exact, ranges } = &list.content else { return None };
    let found = exact.row(number).into_iter().chain(ranges.row(number));
    found.filter(|row| list.holds(*row, at)).min()
}

/// The emergency numbers of every region.
fn everywhere() -> NumberSet {
    let exact = |digits: &[u8]| Number::local(digits).map(NumberSet::exact).unwrap_or_default();
    exact(b"112").union(&exact(b"911"))
}

/// What `pick` takes of the callers that block rules in force name, each with its rule.
fn blocked<T>(rules: &[FirewallRule], pick: impl Fn(&NumberTerm) -> Option<T>) -> Vec<(T, RuleId)> {
    let mut found = Vec::new();
    let blocking = rules
        .iter()
        .zip((0..).map(RuleId))
        .filter(|(rule, _)| matches!(rule.action, RuleAction::Block(_)) && rule.mode == Mode::Enforce);
    for (rule, id) in blocking {
        for condition in &rule.when {
            if let Condition::Numbers(NumberField::Caller | NumberField::Identity, terms) = condition {
                found.extend(terms.iter().filter_map(|term| Some((pick(&term.value)?, id))));
            }
        }
    }
    found
}
