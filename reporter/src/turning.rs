//! What would have changed a verdict, in words.

use rules::policy::{Clause, Explanation, Finding, Policy};

use crate::json::printable;

/// The smallest changes that would turn the verdict of `explanation`, a sentence each.
pub fn turning_points(explanation: &Explanation, policy: &Policy) -> Vec<String> {
    let turns = explanation.turning_points.iter();
    let said = turns.filter_map(|turn| {
        let finding = explanation.rules.iter().find(|finding| finding.rule == turn.rule)?;
        let changes = turn.changes.iter().filter_map(|&(clause, place)| {
            let conditions = match clause {
                Clause::When => &finding.when,
                Clause::Unless => &finding.unless,
            };
            conditions.get(place).map(|condition| change(clause, condition))
        });
        let rule = policy.rule(finding.rule).map(|rule| rule.name.as_str()).unwrap_or_default();
        let changes: Vec<String> = changes.collect();
        Some(printable(&format!(
            "would be {} if {} (rule \"{rule}\")",
            turn.leads_to.word(),
            changes.join(" and "),
        )))
    });
    said.collect()
}

/// What would have to be different about one condition.
fn change(clause: Clause, condition: &Finding) -> String {
    let terms = listed(&condition.terms);
    match (clause, condition.holds) {
        (Clause::When | Clause::Unless, true) => format!("{} were not {terms}", condition.dimension),
        (Clause::When | Clause::Unless, false) => format!("{} were {terms}", condition.dimension),
    }
}

/// Some of `values`, and how many there are.
pub fn listed(values: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = values.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match values.len() {
        0 => "nothing".to_owned(),
        count if count > SHOWN => format!("{shown}, … ({count})"),
        _ => shown,
    }
}
