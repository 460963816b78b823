//! Decides one attempt: guard, then rules in file order, then allow.

use std::ops::ControlFlow;

use crate::matching::Scratch;
use crate::policy::judge_guard::Cleared;
use crate::policy::{AlertLevel, FirewallRule, Limits, Mode, Policy, RuleAction, RuleId};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::verdict::{ActedRules, Action, Reason, Verdict};

impl Policy {
    /// Decides what happens to `subject`. Its limits count it, unless it repeats a call that they count; nothing is
    /// allocated once `scratch` has grown to the policy. `scratch` tells afterwards which thresholds count it; what
    /// breached ones do is not decided here but by [`apply`](Self::apply), once they have counted it.
    ///
    /// Rules in shadow mode change nothing. Beside the judgement by the rules in force, a second one takes
    /// shadow rules as if they were in force; where its action differs, `would` and `would_rule` say so.
    pub fn judge(&self, subject: &Subject<'_>, limits: &mut Limits, scratch: &mut Scratch) -> Verdict {
        match self.guard(subject) {
            Ok(cleared) => self.judge_by_rules(cleared, limits, scratch),
            Err(reason) => {
                // What nothing may stop is counted all the same.
                self.gather_counted(subject, scratch);
                Verdict::allowed(reason)
            }
        }
    }

    fn judge_by_rules(
        &self,
        cleared: Cleared<'_, '_>,
        limits: &mut Limits,
        scratch: &mut Scratch,
    ) -> Verdict {
        let subject = cleared.subject();
        let mut verdict = self.course(subject, &mut Counting::Take(limits), scratch).verdict();
        scratch.forget_counted();
        if self.has_thresholds {
            self.note_counted(subject.at, scratch);
        }
        verdict.response = verdict.rule.filter(|_| verdict.is_refusal()).and_then(|rule| self.response(rule));
        let named = verdict.rule.or(verdict.would_rule);
        verdict.entry = named.and_then(|rule| self.index.entry(rule, scratch));
        if !verdict.goes_on() {
            verdict.held.iter().for_each(|rule| limits.ended(rule));
            verdict.held = ActedRules::default();
        }
        verdict
    }

    /// What [`judge`](Self::judge) would decide about `subject` if it came now: counts nothing, and leaves thresholds
    /// and list entries aside. The limit of the rule `room`, if any, is taken as not exceeded.
    pub(super) fn foresee(
        &self,
        subject: &Subject<'_>,
        limits: &Limits,
        room: Option<RuleId>,
        scratch: &mut Scratch,
    ) -> Verdict {
        let cleared = match self.guard(subject) {
            Ok(cleared) => cleared,
            Err(reason) => return Verdict::allowed(reason),
        };
        self.course(cleared.subject(), &mut Counting::Look { limits, room }, scratch).verdict()
    }

    #[inline]
    fn course(&self, subject: &Subject<'_>, counting: &mut Counting<'_>, scratch: &mut Scratch) -> Course {
        self.index.gather(subject, &self.text.lists, &self.text.hours, &self.clock, scratch);
        let mut course = Course::default();
        self.index.search(scratch, |id| match self.rule(id) {
            Some(rule) if rule.is_in_force(subject.at) => course.meet(id, rule, subject, counting),
            _ => ControlFlow::Continue(()),
        });
        course
    }
}

impl FirewallRule {
    /// Whether it is neither off nor expired at `at`.
    pub(super) fn is_in_force(&self, at: Timestamp) -> bool {
        self.mode != Mode::Off && self.expires.is_none_or(|end| at < end)
    }
}

impl Subject<'_> {
    /// Whether it is one call too many for the limit of `rule`.
    pub(super) fn exceeds(&self, limits: &Limits, rule: RuleId) -> bool {
        if self.repeat { limits.is_exceeded_by_repeat(rule) } else { limits.is_exceeded(rule, self.at) }
    }
}

/// Whether the limits count the call, or are only looked at.
#[derive(Debug)]
enum Counting<'a> {
    Take(&'a mut Limits),
    Look { limits: &'a Limits, room: Option<RuleId> },
}

impl Counting<'_> {
    fn is_exceeded(&self, id: RuleId, subject: &Subject<'_>) -> bool {
        match self {
            Self::Take(limits) => subject.exceeds(limits, id),
            Self::Look { limits, room } => *room != Some(id) && subject.exceeds(limits, id),
        }
    }
}

/// What the rules met so far did, in force and as if shadow rules were in force.
#[derive(Debug, Default)]
struct Course {
    real: Judgement,
    /// With shadow rules taken as if they were in force.
    shadow: Judgement,
    acted: ActedRules,
    held: ActedRules,
    alert: Option<AlertLevel>,
    bypass_ips: bool,
}

/// Who decided and who acted besides.
#[derive(Clone, Copy, Debug, Default)]
struct Judgement {
    decided: Option<(RuleId, Action)>,
    terminate: Option<RuleId>,
    tag: Option<RuleId>,
}

impl Course {
    /// Lets the matching `rule` act. Breaks when it ends the search.
    fn meet(
        &mut self,
        id: RuleId,
        rule: &FirewallRule,
        subject: &Subject<'_>,
        counting: &mut Counting<'_>,
    ) -> ControlFlow<()> {
        let is_real = rule.mode == Mode::Enforce;
        if !is_real && self.shadow.decided.is_some() {
            return ControlFlow::Continue(());
        }
        let decision = match &rule.action {
            RuleAction::Allow | RuleAction::BypassIps => Some(Action::Allow),
            RuleAction::Block(_) => Some(Action::Block),
            RuleAction::Divert(_) => Some(Action::Divert),
            RuleAction::Limit(_) if counting.is_exceeded(id, subject) => Some(Action::Limit),
            RuleAction::Limit(_) => {
                // A repeat was counted when it came first.
                if let Counting::Take(limits) = counting
                    && !subject.repeat
                {
                    self.count(id, subject.at, limits);
                }
                return ControlFlow::Continue(());
            }
            RuleAction::Tag(_) | RuleAction::Terminate | RuleAction::Log => None,
        };
        let judgements = [Some(&mut self.shadow), Some(&mut self.real).filter(|_| is_real)];
        for judgement in judgements.into_iter().flatten() {
            judgement.meet(id, &rule.action, decision);
        }
        if !is_real {
            return ControlFlow::Continue(());
        }
        self.alert = self.alert.max(Some(rule.alert));
        if decision.is_some() {
            self.bypass_ips = rule.action == RuleAction::BypassIps;
            return ControlFlow::Break(());
        }
        self.acted.push(id);
        ControlFlow::Continue(())
    }

    /// Counts a call that a limit lets pass. A verdict can name only so many limits to be told of the end of
    /// the call; concurrent limits beyond do not count it.
    fn count(&mut self, id: RuleId, at: Timestamp, limits: &mut Limits) {
        if !limits.is_gauge(id) || self.held.push(id) {
            limits.pass(id, at);
        }
    }

    fn verdict(self) -> Verdict {
        let (action, rule) = self.real.outcome();
        let (would, would_rule) = self.shadow.outcome();
        let differs = would != action;
        let mut acted = ActedRules::default();
        for other in self.acted.iter().filter(|other| Some(*other) != rule) {
            acted.push(other);
        }
        Verdict {
            action,
            would: differs.then_some(would),
            rule,
            would_rule: would_rule.filter(|_| differs),
            tag: self.real.tag,
            terminate: self.real.terminate,
            acted,
            held: self.held,
            alert: self.alert.unwrap_or(AlertLevel::None),
            bypass_ips: self.bypass_ips,
            ..Verdict::allowed(if rule.is_some() { Reason::Rule } else { Reason::Default })
        }
    }
}

impl Judgement {
    fn meet(&mut self, id: RuleId, action: &RuleAction, decision: Option<Action>) {
        if self.decided.is_some() {
            return;
        }
        self.decided = decision.map(|action| (id, action));
        match action {
            RuleAction::Tag(_) => _ = self.tag.get_or_insert(id),
            RuleAction::Terminate => _ = self.terminate.get_or_insert(id),
            _ => {}
        }
    }

    /// The action, and the rule it is owed to. A refusal outranks the end of a call that is up, which
    /// outranks every way to go on.
    fn outcome(self) -> (Action, Option<RuleId>) {
        match (self.decided, self.terminate, self.tag) {
            (Some((rule, action)), _, _) if action != Action::Allow => (action, Some(rule)),
            (_, Some(rule), _) => (Action::Terminate, Some(rule)),
            (Some((rule, action)), None, _) => (action, Some(rule)),
            (None, None, Some(rule)) => (Action::Tag, Some(rule)),
            (None, None, None) => (Action::Allow, None),
        }
    }
}
