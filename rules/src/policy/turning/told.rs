//! Which conditions turn with a change and matter for the verdict.

use super::{Outcome, Told};
use crate::policy::judge_explanation::{RuleFinding, RuleState};
use crate::policy::judge_facts::Facts;
use crate::policy::{Clause, Policy};

/// The conditions by which `before` becomes `after`, under the changed `facts`. `rules` are those of the call as it is.
pub(super) fn told(
    policy: &Policy,
    facts: &Facts<'_, '_>,
    rules: &[RuleFinding],
    (before, after): (Outcome, Outcome),
) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let matched = rules.iter().filter(|finding| {
        matches!(finding.state, RuleState::Matches | RuleState::NotReached)
            && policy.rule(finding.rule).is_some_and(|rule| policy.counts(rule.mode))
            && after.rule.is_none_or(|rule| finding.rule < rule)
            && (policy.ends_search(finding) || Some(finding.rule) == before.rule)
    });
    for finding in matched {
        let turned = conditions(finding).find_map(|(clause, place)| {
            let turned = turned(policy, facts, finding, (clause, place))?;
            // It is enough that one no longer lets the rule match.
            (turned.holds == (clause == Clause::Unless)).then_some(turned)
        });
        told.extend(turned);
    }
    let decides = after.rule.and_then(|rule| rules.iter().find(|finding| finding.rule == rule));
    if let Some(finding) = decides.filter(|finding| finding.state == RuleState::Fails) {
        let failures = finding.failures();
        told.extend(failures.into_iter().filter_map(|failure| turned(policy, facts, finding, failure)));
    }
    let mut distinct: Vec<Told> = Vec::with_capacity(told.len());
    for one in told {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}

fn conditions(finding: &RuleFinding) -> impl Iterator<Item = (Clause, usize)> {
    let when = (0..finding.when.len()).map(|place| (Clause::When, place));
    when.chain((0..finding.unless.len()).map(|place| (Clause::Unless, place)))
}

/// The condition at `place`, if it holds now where it did not, or the other way round.
fn turned(
    policy: &Policy,
    facts: &Facts<'_, '_>,
    finding: &RuleFinding,
    (clause, place): (Clause, usize),
) -> Option<Told> {
    let rule = policy.rule(finding.rule)?;
    let (was, condition) = match clause {
        Clause::When => (finding.when.get(place)?, rule.when.get(place)?),
        Clause::Unless => (finding.unless.get(place)?, rule.unless.get(place)?),
    };
    let any = crate::matching::counts_any(&rule.action, clause == Clause::Unless);
    let fit = facts.fit(condition, any);
    if fit.is_some() == was.holds {
        return None;
    }
    let holds = fit.is_some();
    let terms = fit.map_or_else(|| was.terms.clone(), |fit| vec![fit.term]);
    Some(Told { dimension: was.dimension.clone(), holds, terms })
}
