//! Other policies that would decide otherwise about the same call: without a rule, with a shadow rule in force,
//! without a list entry.

use super::{Change, Extent, Outcome, Search, Way, told_ways};
use crate::matching::counts_any;
use crate::policy::judge_explanation::{Edits, RuleFinding, RuleState};
use crate::policy::judge_facts::Facts;
use crate::policy::{Clause, Condition, FirewallRule, Mode, Policy};
use crate::subject::Subject;
use crate::verdict::ListHit;

/// The smallest ways of the policy.
pub(super) fn search(
    policy: &Policy,
    subject: &Subject<'_>,
    rules: &[RuleFinding],
    before: Outcome,
) -> Search {
    // Whom an emergency call-back may not be refused to hangs on the lists as well.
    if subject.callback {
        return Search::default();
    }
    let editor =
        Editor { policy, subject, rules: rules.iter().filter(|rule| is_near(rule)).collect(), before };
    let changes = editor.changes();
    let mut ways: Vec<Way> = changes.iter().filter_map(|change| editor.attempt(&[change])).collect();
    let mut extent = if changes.is_empty() { Extent::Nowhere } else { Extent::Beyond };
    if ways.is_empty() {
        let pairs = changes
            .iter()
            .enumerate()
            .flat_map(|(place, one)| changes.iter().skip(place + 1).map(move |two| [one, two]));
        for (tried, pair) in pairs.enumerate() {
            if tried == PAIRS_MAX {
                extent = Extent::Unfinished;
                break;
            }
            ways.extend(editor.attempt(&pair));
        }
    }
    if !ways.is_empty() {
        extent = Extent::Found;
    }
    Search { ways: told_ways(ways), extent }
}

/// Whether a rule matches, or exceptions alone keep it from that: others do not come into play by an edit.
fn is_near(finding: &RuleFinding) -> bool {
    match finding.state {
        RuleState::Matches | RuleState::NotReached => true,
        RuleState::Fails => finding.failures().iter().all(|failure| failure.0 == Clause::Unless),
        RuleState::Off | RuleState::Expired => false,
    }
}

struct Editor<'a, 's> {
    policy: &'a Policy,
    subject: &'a Subject<'s>,
    rules: Vec<&'a RuleFinding>,
    before: Outcome,
}

impl Editor<'_, '_> {
    /// Every single change that may matter, at most [`CHANGES_TRIED_MAX`] of each kind.
    fn changes(&self) -> Vec<Change> {
        let matching = || {
            let matching = self.rules.iter().filter(|finding| finding.state != RuleState::Fails);
            matching.filter_map(|finding| Some((finding.rule, self.policy.rule(finding.rule)?)))
        };
        let acting = matching().filter(|(_, rule)| self.policy.counts(rule.mode));
        let off = acting.map(|(id, _)| Change::Off(id)).take(CHANGES_TRIED_MAX);
        let asleep =
            matching().filter(|(_, rule)| !self.policy.counts(rule.mode) && rule.mode == Mode::Shadow);
        let enforced = asleep.map(|(id, _)| Change::Enforced(id)).take(CHANGES_TRIED_MAX);
        let mut hits: Vec<ListHit> = Vec::new();
        let facts = Facts::new(self.policy, self.subject);
        for rule in self.rules.iter().filter_map(|finding| self.policy.rule(finding.rule)) {
            for (condition, any) in conditions(rule) {
                let hit = facts.list_hit(condition, any).filter(|hit| !hits.contains(hit));
                hits.extend(hit.filter(|_| hits.len() < CHANGES_TRIED_MAX));
            }
        }
        off.chain(enforced).chain(hits.into_iter().map(Change::Unlisted)).collect()
    }

    /// The way that `changes` are, if the verdict turns with them.
    fn attempt(&self, changes: &[&Change]) -> Option<Way> {
        let mut edits = Edits::default();
        let mut without = Vec::new();
        for change in changes {
            match change {
                Change::Off(rule) => edits.off.push(*rule),
                Change::Enforced(rule) => edits.enforced.push(*rule),
                Change::Unlisted(hit) => without.push(*hit),
                _ => {}
            }
        }
        if !without.is_empty() {
            let facts = Facts { without: &without, ..Facts::new(self.policy, self.subject) };
            let turned = self.rules.iter().filter(|finding| {
                let rule = self.policy.rule(finding.rule);
                rule.is_some_and(|rule| facts.matches(rule) == (finding.state == RuleState::Fails))
            });
            edits.turned = turned.map(|finding| finding.rule).collect();
        }
        let verdict = self.policy.decide(&self.rules, &edits);
        let after = self.policy.outcome_of(&verdict);
        self.before.differs(&after).then(|| Way {
            changes: changes.iter().map(|&change| change.clone()).collect(),
            action: after.action,
            response: after.response,
            rule: after.rule.or(self.before.rule),
            told: Vec::new(),
        })
    }
}

impl Facts<'_, '_> {
    /// Whether all conditions of `rule` hold and none of its exceptions.
    fn matches(&self, rule: &FirewallRule) -> bool {
        let holds = |unless| move |one: &Condition| self.fit(one, counts_any(&rule.action, unless)).is_some();
        rule.when.iter().all(holds(false)) && !rule.unless.iter().any(holds(true))
    }
}

fn conditions(rule: &FirewallRule) -> impl Iterator<Item = (&Condition, bool)> {
    let clause = |unless| move |condition| (condition, counts_any(&rule.action, unless));
    rule.when.iter().map(clause(false)).chain(rule.unless.iter().map(clause(true)))
}

/// Changes of one kind that are tried.
const CHANGES_TRIED_MAX: usize = 16;
/// Pairs that are tried.
const PAIRS_MAX: usize = 256;
