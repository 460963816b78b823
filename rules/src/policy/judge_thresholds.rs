//! What thresholds have to do with one attempt: which would count it, and what breached ones do to it.

use crate::matching::{Pseudo, Scratch};
use crate::policy::ips::Deed;
use crate::policy::{AlertLevel, Condition};
use crate::policy::{FirewallRule, Limits, Mode, Policy, Response, RuleAction, Threshold, ThresholdId};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::verdict::{ActedRules, Action, Measure, Reason, Verdict};

/// A breach whose action holds against an attempt, as the engine found it by the attempt's key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InForce {
    /// The threshold, its level, and what was measured against what.
    pub measure: Measure,
    /// Whether its `limit`, if that is what it does, is used up; of no account for other actions.
    pub is_limit_exceeded: bool,
}

impl Policy {
    /// The thresholds, in file order; those that are off among them.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }

    /// The threshold `id`.
    pub fn threshold(&self, id: ThresholdId) -> Option<&Threshold> {
        self.thresholds.get(id.0 as usize)
    }

    /// Which thresholds count `subject`: afterwards `scratch` tells. For events that get no verdict;
    /// [`judge`](Self::judge) does it by itself.
    pub fn gather_counted(&self, subject: &Subject<'_>, scratch: &mut Scratch) {
        scratch.forget_counted();
        if self.has_thresholds && self.text.customer.mode != Mode::Off {
            self.index.gather(subject, &self.text.lists, &self.text.hours, &self.clock, scratch);
            self.index.match_all(scratch);
            self.note_counted(subject.at, scratch);
        }
    }

    /// Remembers which thresholds the subject gathered last fits.
    pub(super) fn note_counted(&self, at: Timestamp, scratch: &mut Scratch) {
        let words = self.thresholds.len().div_ceil(64);
        scratch.count_from(words, |word, counting, blocking| {
            let expired = self.expiring.iter().filter(|(id, end)| id.0 as usize / 64 == word && *end <= at);
            let counted = expired.fold(counting, |counted, (id, _)| counted & !(1 << (id.0 % 64)));
            let all = self.blocking_all.get(word).copied().unwrap_or(0);
            (counted, counted & (blocking | all))
        });
    }

    /// Step 3 of the order of judgement: what breached thresholds do to an attempt that `verdict` was given for.
    ///
    /// The strictest action holds, and a firewall rule that was as strict stays. Nothing happens after the guard or
    /// after `bypass-ips`. A call refused here is taken off the concurrent limits that counted it.
    pub fn apply(&self, verdict: &mut Verdict, in_force: &[InForce], limits: &mut Limits) {
        let guarded = matches!(
            verdict.reason,
            Reason::Emergency | Reason::Priority | Reason::EmergencyCallback | Reason::Off
        );
        if guarded || verdict.bypass_ips || in_force.is_empty() {
            return;
        }
        let would_before = verdict.would.unwrap_or(verdict.action);
        let strictest = |mode: Mode| {
            let deeds = in_force.iter().filter_map(|one| Some((self.deed(one, mode)?, one.measure)));
            deeds.reduce(|most, next| if next.0.strictness() > most.0.strictness() { next } else { most })
        };
        if let Some((action, measure)) = strictest(Mode::Enforce)
            && action.strictness() > verdict.action.strictness()
        {
            verdict.decide_by_threshold(action, measure);
            verdict.response = self.breach_response(measure).filter(|_| verdict.is_refusal());
            if !verdict.goes_on() {
                verdict.held.iter().for_each(|rule| limits.ended(rule));
                verdict.held = ActedRules::default();
            }
        }
        let shadow =
            strictest(Mode::Shadow).filter(|(action, _)| action.strictness() > would_before.strictness());
        let would = shadow.map_or(would_before, |(action, _)| action);
        verdict.would = Some(would).filter(|would| *would != verdict.action);
        if verdict.would.is_none() || shadow.is_some() {
            verdict.would_rule = None;
        }
        if let Some((_, measure)) = shadow.filter(|_| verdict.would.is_some() && verdict.threshold.is_none())
        {
            verdict.threshold = Some(measure);
        }
    }

    /// The name of what decided, or without that, of what would have: a rule or a threshold.
    pub fn decider(&self, verdict: &Verdict) -> Option<&str> {
        let threshold = || verdict.threshold.and_then(|measure| self.threshold(measure.threshold));
        let rule = verdict.rule.or(verdict.would_rule).filter(|_| verdict.reason != Reason::Threshold);
        match rule {
            Some(rule) => self.rule(rule).map(|rule| rule.name.as_str()),
            None => threshold().map(|threshold| threshold.name.as_str()),
        }
    }

    /// Where a call goes that `verdict` diverts; `None` when it does not.
    pub fn diversion(&self, verdict: &Verdict) -> Option<&str> {
        if verdict.action != Action::Divert {
            return None;
        }
        if verdict.reason == Reason::Threshold {
            return match &self.breach_deed(verdict)? {
                Deed::Divert(target) => Some(target),
                _ => None,
            };
        }
        match &self.rule(verdict.rule?)?.action {
            RuleAction::Divert(target) => Some(target),
            _ => None,
        }
    }

    /// How `verdict` marks a call that goes on: by the first tag rule that acted, else by a threshold.
    pub fn tag(&self, verdict: &Verdict) -> Option<&str> {
        if !verdict.goes_on() {
            return None;
        }
        let by_rule = verdict.tag.and_then(|rule| match &self.rule(rule)?.action {
            RuleAction::Tag(text) => Some(text.as_str()),
            _ => None,
        });
        by_rule.or_else(|| match self.breach_deed(verdict)? {
            Deed::Tag(text) if verdict.action == Action::Tag => Some(text),
            _ => None,
        })
    }

    fn breach_deed(&self, verdict: &Verdict) -> Option<&Deed> {
        let measure = verdict.threshold?;
        Some(&self.threshold(measure.threshold)?.action(measure.critical)?.deed)
    }

    /// What `one` does, were thresholds of `mode` and of stricter modes to act.
    fn deed(&self, one: &InForce, mode: Mode) -> Option<Action> {
        let threshold = self.threshold(one.measure.threshold).filter(|threshold| threshold.mode >= mode)?;
        let action = threshold.action(one.measure.critical)?.deed.action()?;
        (action != Action::Limit || one.is_limit_exceeded).then_some(action)
    }

    fn breach_response(&self, measure: Measure) -> Option<Response> {
        let action = self.threshold(measure.threshold)?.action(measure.critical)?;
        match action.deed {
            Deed::Block(response) => Some(response.unwrap_or(self.text.customer.threshold_response)),
            Deed::Limit(_) => Some(self.text.customer.threshold_response),
            _ => None,
        }
    }
}

/// What the index finds thresholds by. As in a block, any identity counts in `when` and only asserted ones in
/// `unless`.
pub(super) fn pseudo_rules(thresholds: &[Threshold]) -> Pseudo {
    let rule = |when: &[Condition], unless: &[Condition], mode| FirewallRule {
        name: String::new(),
        when: when.to_vec(),
        unless: unless.to_vec(),
        action: RuleAction::Block(Response::Drop),
        mode,
        alert: AlertLevel::None,
        case: false,
        expires: None,
        owner: None,
        reason: None,
        span: 0..0,
    };
    let counting = thresholds.iter().map(|one| rule(&one.when, &one.unless, one.mode));
    let blocking = thresholds.iter().map(|one| {
        let mode = if one.block_when.is_empty() { Mode::Off } else { one.mode };
        rule(&one.block_when, &[], mode)
    });
    let has_blocking = thresholds.iter().any(|one| !one.block_when.is_empty());
    Pseudo {
        counting: counting.collect(),
        blocking: if has_blocking { blocking.collect() } else { Vec::new() },
    }
}

/// The thresholds that block all that they count, a bit each.
pub(super) fn blocking_all(thresholds: &[Threshold]) -> Vec<u64> {
    let bits = |thresholds: &[Threshold]| {
        thresholds.iter().rev().fold(0, |bits, one| bits << 1 | u64::from(one.block_when.is_empty()))
    };
    thresholds.chunks(64).map(bits).collect()
}
