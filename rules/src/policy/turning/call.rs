//! Other facts of the call with which the policy would decide otherwise.

use std::collections::BTreeSet;

use super::altered;
use super::fact::{Derived, Fact};
use super::told::told;
use super::values::{Lowest, Values};
use super::{Change, Extent, Outcome, Search, WAYS_MAX, Way, told_ways};
use crate::matching::{Scratch, counts_any};
use crate::policy::judge_explanation::{RuleFinding, RuleState};
use crate::policy::judge_facts::Facts;
use crate::policy::{Condition, FirewallRule, Limits, Policy, RuleAction, RuleId};
use crate::subject::Subject;
use crate::verdict::Reason;

/// Looks for the smallest ways, one change first, then two.
pub(super) struct Seeker<'a, 's> {
    policy: &'a Policy,
    subject: &'a Subject<'s>,
    limits: &'a Limits,
    rules: &'a [RuleFinding],
    derived: Derived,
    before: Outcome,
    end: Option<RuleId>,
    lowest: Lowest,
    scratch: Scratch,
    judgements_left: usize,
}

impl<'a, 's> Seeker<'a, 's> {
    pub(super) fn new(
        policy: &'a Policy,
        subject: &'a Subject<'s>,
        limits: &'a Limits,
        rules: &'a [RuleFinding],
        before: Outcome,
    ) -> Self {
        let ends = |finding: &&RuleFinding| {
            finding.state == RuleState::Matches
                && policy.rule(finding.rule).is_some_and(|rule| policy.counts(rule.mode))
                && policy.ends_search(finding)
        };
        Self {
            policy,
            subject,
            limits,
            rules,
            derived: Derived::of(policy, subject),
            before,
            end: rules.iter().find(ends).map(|finding| finding.rule),
            lowest: Lowest::new(policy),
            scratch: Scratch::default(),
            judgements_left: JUDGEMENTS_MAX,
        }
    }

    pub(super) fn search(mut self) -> Search {
        let facts = self.facts();
        let found = self.single(&facts);
        let ways = if found.is_empty() { self.pairs(&facts) } else { found };
        let extent = match (ways.is_empty(), self.judgements_left) {
            (false, _) => Extent::Found,
            (true, 0) => Extent::Unfinished,
            (true, _) => Extent::Beyond,
        };
        Search { ways: told_ways(ways), extent }
    }

    /// Every fact that any condition hangs on.
    fn facts(&self) -> Vec<Fact> {
        let mut facts = BTreeSet::new();
        for rule in self.rules.iter().filter_map(|finding| self.acting(finding)) {
            for (condition, any) in conditions(rule) {
                facts.extend(Fact::of(condition, any, self.derived));
            }
        }
        if self.rules.iter().any(|finding| matches!(finding.limit, Some((_, true)))) {
            facts.insert(Fact::Room);
        }
        facts.into_iter().collect()
    }

    fn single(&mut self, facts: &[Fact]) -> Vec<Way> {
        let mut ways: Vec<Way> = Vec::new();
        for fact in facts {
            let mut of_fact = 0;
            for value in self.values(fact, 0) {
                let Some(way) = self.attempt(&[&value]) else { continue };
                if add(&mut ways, way) {
                    of_fact += 1;
                }
                if of_fact == WAYS_OF_FACT_MAX {
                    break;
                }
            }
        }
        ways
    }

    fn pairs(&mut self, facts: &[Fact]) -> Vec<Way> {
        let values: Vec<Vec<Change>> = facts.iter().map(|fact| self.telling_values(fact)).collect();
        let mut ways: Vec<Way> = Vec::new();
        for (place, firsts) in values.iter().enumerate() {
            for seconds in values.iter().skip(place + 1) {
                for (first, second) in firsts.iter().flat_map(|one| seconds.iter().map(move |two| (one, two)))
                {
                    if let Some(way) = self.attempt(&[first, second]) {
                        add(&mut ways, way);
                    }
                    if ways.len() >= WAYS_MAX || self.judgements_left == 0 {
                        return ways;
                    }
                }
            }
        }
        ways
    }

    /// The way that `changes` are, if the verdict turns with them.
    fn attempt(&mut self, changes: &[&Change]) -> Option<Way> {
        self.judgements_left = self.judgements_left.checked_sub(1)?;
        let room = changes.iter().find_map(|change| match change {
            Change::Room(rule) => Some(*rule),
            _ => None,
        });
        let (policy, rules, before) = (self.policy, self.rules, self.before);
        let (limits, scratch) = (self.limits, &mut self.scratch);
        altered::with((policy, self.subject, self.derived), changes, |subject| {
            let verdict = policy.foresee(subject, limits, room, scratch);
            let after = policy.outcome_of(&verdict);
            let by_guard = !matches!(verdict.reason, Reason::Rule | Reason::Default);
            if by_guard || !before.differs(&after) {
                return None;
            }
            Some(Way {
                changes: changes.iter().map(|&change| change.clone()).collect(),
                action: after.action,
                response: after.response,
                rule: after.rule.or(before.rule),
                told: told(policy, &Facts::new(policy, subject), rules, (before, after)),
            })
        })
    }

    /// Values of `fact` that may turn a rule when at most `others` of its conditions have to turn by other facts.
    fn values(&self, fact: &Fact, others: usize) -> Vec<Change> {
        if *fact == Fact::Room {
            let exceeded = self.rules.iter().filter(|finding| matches!(finding.limit, Some((_, true))));
            let matching = exceeded.filter(|finding| finding.state == RuleState::Matches);
            return matching.map(|finding| Change::Room(finding.rule)).collect();
        }
        let conditions: Vec<&Condition> =
            self.relevant(fact, others).into_iter().map(|(condition, _)| condition).collect();
        if conditions.is_empty() {
            return Vec::new();
        }
        self.source().of(fact, &conditions)
    }

    /// Of [`values`](Self::values) one for each way in which conditions tell them apart, at most [`PAIR_VALUES_MAX`].
    fn telling_values(&self, fact: &Fact) -> Vec<Change> {
        let values = self.values(fact, 1);
        if *fact == Fact::Room {
            return values;
        }
        let conditions = self.relevant(fact, 1);
        let kind = |subject: &Subject<'_>| -> Vec<bool> {
            let facts = Facts::new(self.policy, subject);
            conditions.iter().take(TELLING_MAX).map(|(one, any)| facts.fit(one, *any).is_some()).collect()
        };
        let mut known = vec![kind(self.subject)];
        let mut telling = Vec::new();
        for value in values.into_iter().take(TELLING_MAX) {
            let kind = altered::with((self.policy, self.subject, self.derived), &[&value], kind);
            if telling.len() < PAIR_VALUES_MAX && !known.contains(&kind) {
                known.push(kind);
                telling.push(value);
            }
        }
        telling
    }

    fn source(&self) -> Values<'_, '_> {
        Values { policy: self.policy, subject: self.subject, lowest: &self.lowest }
    }

    /// Conditions on `fact` of rules that match, and of those that it could make match.
    fn relevant(&self, fact: &Fact, others: usize) -> Vec<(&'a Condition, bool)> {
        let hangs = |condition, any| Fact::of(condition, any, self.derived).contains(fact);
        let end = self.end.and_then(|end| self.policy.rule(end));
        let end_may_go = others > 0
            || *fact == Fact::Time
            || end.is_none_or(|end| conditions(end).any(|(condition, any)| hangs(condition, any)));
        let mut matching = Vec::new();
        let mut failing = Vec::new();
        for finding in self.rules {
            let Some(rule) = self.acting(finding) else { continue };
            if !end_may_go && self.end.is_some_and(|end| finding.rule > end) {
                break;
            }
            let found =
                finding.when.iter().map(|one| one.holds).chain(finding.unless.iter().map(|one| !one.holds));
            let other = conditions(rule)
                .zip(found)
                .filter(|((condition, any), fine)| !fine && !hangs(condition, *any));
            if other.count() > others {
                continue;
            }
            let into = if finding.state == RuleState::Fails { &mut failing } else { &mut matching };
            into.extend(conditions(rule).filter(|(condition, any)| hangs(condition, *any)));
        }
        matching.extend(failing);
        matching.truncate(CONDITIONS_MAX);
        matching
    }

    /// The rule of `finding`, if it could have a say.
    fn acting(&self, finding: &RuleFinding) -> Option<&'a FirewallRule> {
        let rule = self.policy.rule(finding.rule)?;
        let awake = !matches!(finding.state, RuleState::Off | RuleState::Expired);
        (awake && self.policy.counts(rule.mode) && rule.action != RuleAction::Log).then_some(rule)
    }
}

/// Every condition of `rule`, and whether every identity counts there.
fn conditions(rule: &FirewallRule) -> impl Iterator<Item = (&Condition, bool)> {
    let clause = |unless| move |condition| (condition, counts_any(&rule.action, unless));
    rule.when.iter().map(clause(false)).chain(rule.unless.iter().map(clause(true)))
}

/// Adds `way` unless the same is told already. Returns whether it did.
fn add(ways: &mut Vec<Way>, way: Way) -> bool {
    let fact = |change: &Change| std::mem::discriminant(change);
    let same = |known: &Way| {
        (known.action, known.response, &known.told) == (way.action, way.response, &way.told)
            && known.changes.iter().map(fact).eq(way.changes.iter().map(fact))
    };
    let is_new = !ways.iter().any(same);
    if is_new {
        ways.push(way);
    }
    is_new
}

/// Judgements of one search. Each takes microseconds, whatever the number of rules.
const JUDGEMENTS_MAX: usize = 4_096;
/// Different ways by one fact that are kept while others are looked for.
const WAYS_OF_FACT_MAX: usize = 8;
/// Conditions that values of one fact are taken from.
const CONDITIONS_MAX: usize = 256;
/// Values of one fact that go into pairs.
const PAIR_VALUES_MAX: usize = 16;
/// Values, and conditions, that are compared to choose them.
const TELLING_MAX: usize = 64;
