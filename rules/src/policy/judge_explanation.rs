//! Why a policy decides as it does: every rule, every condition, slowly and by another way than [`Policy::judge`].

use crate::matching::counts_any;
use crate::policy::judge_facts::{Facts, Fit};
use crate::policy::judge_guard::Cleared;
use crate::policy::turning::Turning;
use crate::policy::{
    AlertLevel, Condition, FirewallRule, Limits, Mode, Policy, RuleAction, RuleId, Threshold, ThresholdId,
};
use crate::subject::Subject;
use crate::verdict::{ActedRules, Action, ListHit, Reason, Verdict};

/// Everything that led to a verdict.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The verdict; what [`Policy::judge`] gives for the same subject and limits.
    pub verdict: Verdict,
    /// Every rule in file order. Empty when the guard let the subject pass.
    pub rules: Vec<RuleFinding>,
    /// The smallest changes that would turn the verdict. Empty when the guard let the subject pass.
    pub turning: Turning,
    /// Every threshold in file order, those that are off too. Empty when the policy is off.
    pub thresholds: Vec<ThresholdFinding>,
}

/// What one threshold made of the subject.
#[derive(Clone, Debug)]
pub struct ThresholdFinding {
    /// The threshold.
    pub threshold: ThresholdId,
    /// Whether it counts the subject, or why not; never `NotReached`.
    pub state: RuleState,
    /// Whether a block it sets would hold against the subject.
    pub blockable: bool,
    /// Its conditions, in file order.
    pub when: Vec<Finding>,
    /// Its exceptions, in file order.
    pub unless: Vec<Finding>,
}

/// What one rule made of the subject.
#[derive(Clone, Debug)]
pub struct RuleFinding {
    /// The rule.
    pub rule: RuleId,
    /// Whether it matched, or why it did not come to that.
    pub state: RuleState,
    /// Its conditions, in file order.
    pub when: Vec<Finding>,
    /// Its exceptions, in file order.
    pub unless: Vec<Finding>,
    /// Its limit, if it has one: calls counted before this one, and whether one more is too many.
    pub limit: Option<(u32, bool)>,
}

/// Whether a rule matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleState {
    /// All conditions hold and no exception does.
    Matches,
    /// A condition does not hold, or an exception does.
    Fails,
    /// It would match, but the search ended before it.
    NotReached,
    /// Its mode is off.
    Off,
    /// It has expired.
    Expired,
}

/// What one condition made of the subject.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The dimension, as policy files name it.
    pub dimension: String,
    /// Whether it holds.
    pub holds: bool,
    /// The value and the term that fitted, when it holds.
    pub fitted: Option<Fit>,
    /// All values it looked at.
    pub values: Vec<String>,
    /// All its terms, as the file writes them.
    pub terms: Vec<String>,
}

/// `when` or `unless`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Clause {
    When,
    Unless,
}

/// What is different about rules, were the policy another.
#[derive(Clone, Debug, Default)]
pub(super) struct Edits {
    /// Rules that are off.
    pub(super) off: Vec<RuleId>,
    /// Rules in shadow mode that act.
    pub(super) enforced: Vec<RuleId>,
    /// Rules that match where they did not, or the other way round.
    pub(super) turned: Vec<RuleId>,
}

impl Policy {
    /// Why `subject` gets its verdict, and what would turn it. Counts nothing.
    pub fn explain(&self, subject: &Subject<'_>, limits: &Limits) -> Explanation {
        let mut explanation = self.consider(subject, limits);
        if let Ok(cleared) = self.guard(subject) {
            let Explanation { rules, verdict, .. } = &explanation;
            explanation.turning = self.turning(cleared.subject(), limits, rules, verdict);
        }
        explanation
    }

    /// Why `subject` gets its verdict, without a search for what would turn it.
    pub fn consider(&self, subject: &Subject<'_>, limits: &Limits) -> Explanation {
        let mut explanation = match self.guard(subject) {
            Ok(cleared) => self.explain_rules(cleared, limits),
            Err(reason) => Explanation {
                verdict: Verdict::allowed(reason),
                rules: Vec::new(),
                turning: Turning::default(),
                thresholds: Vec::new(),
            },
        };
        if self.text.customer.mode != Mode::Off {
            let facts = Facts::new(self, subject);
            let numbered = (0..).map(ThresholdId).zip(self.thresholds());
            explanation.thresholds = numbered.map(|(id, one)| facts.threshold_finding(id, one)).collect();
        }
        explanation
    }

    fn explain_rules(&self, cleared: Cleared<'_, '_>, limits: &Limits) -> Explanation {
        let facts = Facts::new(self, cleared.subject());
        let mut findings: Vec<RuleFinding> = (0..)
            .zip(&self.text.firewall)
            .map(|(id, rule)| facts.finding(RuleId(id), rule, limits))
            .collect();
        let (all, edits): (Vec<&RuleFinding>, _) = (findings.iter().collect(), Edits::default());
        let mut verdict = self.decide(&all, &edits);
        if facts.subject.repeat {
            verdict.held = ActedRules::default();
        }
        let end = self.ending(&all, &edits);
        for finding in findings.iter_mut().skip(end.map_or(usize::MAX, |end| end.0 as usize + 1)) {
            if finding.state == RuleState::Matches {
                finding.state = RuleState::NotReached;
            }
        }
        verdict.entry = verdict.rule.or(verdict.would_rule).and_then(|rule| facts.entry(self.rule(rule)?));
        Explanation { verdict, rules: findings, turning: Turning::default(), thresholds: Vec::new() }
    }

    /// The verdict of `findings` under `edits`.
    pub(super) fn decide(&self, findings: &[&RuleFinding], edits: &Edits) -> Verdict {
        let end = self.ending(findings, edits);
        let shadow_end = self.matching(findings, edits).find(|f| self.ends_search(f)).map(|f| f.rule);
        let until = |end: Option<RuleId>| {
            self.matching(findings, edits).filter(move |f| end.is_none_or(|end| f.rule <= end))
        };
        let real: Vec<&RuleFinding> = until(end).filter(|f| self.mode(f, edits) == Mode::Enforce).collect();
        let shadow: Vec<&RuleFinding> = until(shadow_end).collect();
        let (action, rule) = self.outcome(&real);
        let (would, would_rule) = self.outcome(&shadow);
        let first = |fits: fn(&RuleAction) -> bool| {
            real.iter().find(|f| self.action(f).is_some_and(fits)).map(|f| f.rule)
        };
        let limits_met = |finding: &&&RuleFinding| matches!(finding.limit, Some((_, false)));
        let mut verdict = Verdict::allowed(if rule.is_some() { Reason::Rule } else { Reason::Default });
        verdict.action = action;
        verdict.rule = rule;
        if would != action {
            (verdict.would, verdict.would_rule) = (Some(would), would_rule);
        }
        verdict.tag = first(|action| matches!(action, RuleAction::Tag(_)));
        verdict.terminate = first(|action| matches!(action, RuleAction::Terminate));
        let quiet = real.iter().filter(|f| !self.ends_search(f) && f.limit.is_none()).take(ActedRules::MAX);
        quiet.filter(|f| Some(f.rule) != rule).for_each(|f| _ = verdict.acted.push(f.rule));
        let speaking = real.iter().filter(|finding| !limits_met(finding));
        verdict.alert = speaking
            .filter_map(|f| self.rule(f.rule))
            .map(|rule| rule.alert)
            .max()
            .unwrap_or(AlertLevel::None);
        verdict.bypass_ips =
            end.and_then(|end| self.rule(end)).is_some_and(|rule| rule.action == RuleAction::BypassIps);
        verdict.response = rule.filter(|_| verdict.is_refusal()).and_then(|rule| self.response(rule));
        if verdict.goes_on() {
            // Shadow limits are met on the shadow course only, limits in force on either.
            let mut met: Vec<RuleId> =
                real.iter().chain(&shadow).filter(limits_met).map(|f| f.rule).collect();
            met.sort_unstable();
            met.dedup();
            met.retain(|rule| self.is_gauge(*rule));
            met.iter().for_each(|rule| _ = verdict.held.push(*rule));
        }
        verdict
    }

    /// The first rule in force that ends the search.
    fn ending(&self, findings: &[&RuleFinding], edits: &Edits) -> Option<RuleId> {
        self.matching(findings, edits)
            .find(|f| self.mode(f, edits) == Mode::Enforce && self.ends_search(f))
            .map(|f| f.rule)
    }

    fn matching<'f>(
        &self,
        findings: &'f [&'f RuleFinding],
        edits: &'f Edits,
    ) -> impl Iterator<Item = &'f RuleFinding> + use<'f> {
        let matches = |finding: &RuleFinding| match finding.state {
            RuleState::Matches | RuleState::NotReached => !edits.turned.contains(&finding.rule),
            RuleState::Fails => edits.turned.contains(&finding.rule),
            RuleState::Off | RuleState::Expired => false,
        };
        findings.iter().copied().filter(move |finding| matches(finding) && !edits.off.contains(&finding.rule))
    }

    fn action(&self, finding: &RuleFinding) -> Option<&RuleAction> {
        self.rule(finding.rule).map(|rule| &rule.action)
    }

    fn mode(&self, finding: &RuleFinding, edits: &Edits) -> Mode {
        if edits.enforced.contains(&finding.rule) {
            return Mode::Enforce;
        }
        self.rule(finding.rule).map_or(Mode::Off, |rule| rule.mode)
    }

    fn is_gauge(&self, rule: RuleId) -> bool {
        let action = self.rule(rule).map(|rule| &rule.action);
        matches!(action, Some(RuleAction::Limit(crate::policy::Limit::Concurrent(_))))
    }

    /// Whether the search ends at a rule that matches.
    pub(super) fn ends_search(&self, finding: &RuleFinding) -> bool {
        match self.action(finding) {
            Some(RuleAction::Limit(_)) => matches!(finding.limit, Some((_, true))),
            Some(RuleAction::Tag(_) | RuleAction::Terminate | RuleAction::Log) | None => false,
            Some(_) => true,
        }
    }

    /// What a course of rules, up to the one that ends it, comes to.
    fn outcome(&self, course: &[&RuleFinding]) -> (Action, Option<RuleId>) {
        let ends = course.iter().find(|f| self.ends_search(f));
        let word = |finding: &&&RuleFinding| match self.action(finding) {
            Some(RuleAction::Block(_)) => Action::Block,
            Some(RuleAction::Divert(_)) => Action::Divert,
            Some(RuleAction::Limit(_)) => Action::Limit,
            Some(RuleAction::Terminate) => Action::Terminate,
            Some(RuleAction::Tag(_)) => Action::Tag,
            _ => Action::Allow,
        };
        let first = |action: Action| course.iter().find(|f| word(f) == action);
        let refusal = ends.filter(|end| word(end) != Action::Allow);
        let (terminate, tag) = (first(Action::Terminate), first(Action::Tag));
        let owed = refusal.or(terminate).or(ends).or(tag);
        (owed.map_or(Action::Allow, |f| word(&f)), owed.map(|f| f.rule))
    }
}

impl RuleFinding {
    /// The conditions that keep it from matching.
    pub fn failures(&self) -> Vec<(Clause, usize)> {
        let failing = |findings: &[Finding], clause, wanted: bool| {
            let places = findings.iter().enumerate().filter(|(_, finding)| finding.holds != wanted);
            places.map(|(place, _)| (clause, place)).collect::<Vec<_>>()
        };
        let mut failures = failing(&self.when, Clause::When, true);
        failures.extend(failing(&self.unless, Clause::Unless, false));
        failures
    }
}

impl Facts<'_, '_> {
    fn finding(&self, id: RuleId, rule: &FirewallRule, limits: &Limits) -> RuleFinding {
        let clause = |conditions: &[Condition], unless| -> Vec<Finding> {
            let any = counts_any(&rule.action, unless);
            conditions.iter().map(|condition| self.condition(condition, any)).collect()
        };
        let (when, unless) = (clause(&rule.when, false), clause(&rule.unless, true));
        let holds = when.iter().all(|finding| finding.holds) && !unless.iter().any(|finding| finding.holds);
        let at = self.subject.at;
        let state = match rule.mode {
            Mode::Off => RuleState::Off,
            _ if !rule.is_in_force(at) => RuleState::Expired,
            _ if holds => RuleState::Matches,
            _ => RuleState::Fails,
        };
        let is_limit = matches!(rule.action, RuleAction::Limit(_));
        let limit = is_limit.then(|| (limits.count(id, at), self.subject.exceeds(limits, id)));
        RuleFinding { rule: id, state, when, unless, limit }
    }

    /// As in a block, any identity counts in `when` and only asserted ones in `unless`.
    fn threshold_finding(&self, id: ThresholdId, threshold: &Threshold) -> ThresholdFinding {
        let clause = |conditions: &[Condition], any| -> Vec<Finding> {
            conditions.iter().map(|condition| self.condition(condition, any)).collect()
        };
        let (when, unless) = (clause(&threshold.when, true), clause(&threshold.unless, false));
        let holds = when.iter().all(|finding| finding.holds) && !unless.iter().any(|finding| finding.holds);
        let state = match threshold.mode {
            Mode::Off => RuleState::Off,
            _ if !threshold.is_in_force(self.subject.at) => RuleState::Expired,
            _ if holds => RuleState::Matches,
            _ => RuleState::Fails,
        };
        let fits = || clause(&threshold.block_when, true).iter().all(|finding| finding.holds);
        let blockable = state == RuleState::Matches && fits();
        ThresholdFinding { threshold: id, state, blockable, when, unless }
    }

    /// The entry of the first list named in `when` that any value is on.
    fn entry(&self, rule: &FirewallRule) -> Option<ListHit> {
        let any = counts_any(&rule.action, false);
        rule.when.iter().find_map(|condition| self.list_hit(condition, any))
    }

    fn condition(&self, condition: &Condition, any: bool) -> Finding {
        let fitted = self.fit(condition, any);
        Finding {
            dimension: Self::dimension(condition),
            holds: fitted.is_some(),
            fitted,
            values: self.values(condition, any),
            terms: Self::terms(condition),
        }
    }
}
