//! Daily monitoring log: what was looked at in a time, what was seen, and where the evidence is.

use std::collections::BTreeMap;

use rules::Timestamp;

use crate::audit::Entry;
use crate::case::Severity;
use crate::schedule::Covered;
use crate::{Case, Service};

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRow {
    /// What was looked at.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub is_good: bool,
    /// How many of it there were.
    pub count: u64,
    /// What was seen, in words.
    pub seen: String,
    /// Cases that show it, at most twenty.
    pub evidence: Vec<String>,
}

/// The log of one customer for `covered`. `audit` is the customer's chain, or the part of it in that time.
pub fn monitoring(service: &Service, cases: &[Case], audit: &[Entry], covered: Covered) -> Vec<CheckRow> {
    let is_in = |at: Timestamp| covered.from <= at && at < covered.to;
    let row = |check, wanted: Wanted, found: Vec<&Case>, word: &str| CheckRow {
        check,
        is_good: matches!(wanted, Wanted::Any) || found.is_empty(),
        count: found.len() as u64,
        seen: match found.len() {
            0 => format!("no {word}"),
            1 => format!("1 {word}"),
            count => format!("{count} {word}s"),
        },
        evidence: found.iter().take(EVIDENCE_MAX).map(|case| case.number.to_string()).collect(),
    };
    let which = |is_it: &dyn Fn(&Case) -> bool| cases.iter().filter(|case| is_it(case)).collect::<Vec<_>>();
    let is_open = |case: &Case| !case.state.is_over() && case.opened < covered.to;
    let is_overdue = |case: &Case| {
        is_open(case) && case.next_due().is_some_and(|due| due < covered.to) && {
            let pauses = service.terms().pause_on_customer;
            let standing = case.clocks.iter().map(|clock| clock.standing(pauses, covered.to)).max();
            standing >= Some(crate::clock::Standing::Late)
        }
    };
    let mut rows = vec![
        row("cases that came in", Wanted::Any, which(&|case| is_in(case.opened)), "case"),
        row(
            "critical cases that nobody has taken",
            Wanted::None,
            which(&|case| is_open(case) && case.severity == Severity::Critical && case.owner.is_none()),
            "case",
        ),
        row("cases that are overdue", Wanted::None, which(&is_overdue), "case"),
        row(
            "recommendations that were raised",
            Wanted::Any,
            which(&|case| {
                let number = case.number.to_string();
                audit.iter().any(|it| it.action == "find" && it.subject == number && is_in(it.at))
            }),
            "recommendation",
        ),
        row(
            "cases that ended",
            Wanted::Any,
            which(&|case| case.closure.as_ref().is_some_and(|closure| is_in(closure.at))),
            "case",
        ),
    ];
    let mut people: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in audit.iter().filter(|entry| is_in(entry.at) && entry.actor != "ringwall") {
        *people.entry(entry.actor.as_str()).or_default() += 1;
    }
    let seen: Vec<_> = people.iter().map(|(who, count)| format!("{who} ({count})")).collect();
    rows.push(CheckRow {
        check: "people who worked on it",
        is_good: true,
        count: people.len() as u64,
        seen: if seen.is_empty() { "nobody".to_owned() } else { seen.join(", ") },
        evidence: Vec::new(),
    });
    rows
}

/// How many there should be.
#[derive(Clone, Copy)]
enum Wanted {
    Any,
    None,
}

const EVIDENCE_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Act, Head};
    use crate::statement::tests::case;

    #[test]
    fn a_day_shows_what_came_what_is_late_and_who_worked() {
        let service = Service::sample();
        let at = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        let mut critical = case("Acme", at("2026-10-05T15:00:00Z"), &service);
        critical.severity = Severity::Critical;
        let old = case("Acme", at("2026-10-01T15:00:00Z"), &service);
        let mut head = Head::default();
        let subject = critical.number.to_string();
        let mut entry = |actor: &str, action: &str, text: &str| {
            head.append("Acme", Act { at: at(text), actor, action, subject: &subject, detail: "{}" })
        };
        let audit = [
            entry("anna", "find", "2026-10-04T16:00:00Z"),
            entry("ringwall", "open", "2026-10-05T15:00:00Z"),
            entry("anna", "find", "2026-10-05T16:00:00Z"),
        ];
        let covered = Covered { from: at("2026-10-05T05:00:00Z"), to: at("2026-10-05T22:15:00Z") };
        let cases = [critical, old];
        let rows = monitoring(&service, &cases, &audit, covered);
        let shown: Vec<_> = rows.iter().map(|row| (row.is_good, row.seen.as_str())).collect();
        assert_eq!(
            shown,
            [
                (true, "1 case"),
                (false, "1 case"),
                (false, "2 cases"),
                (true, "2 recommendations"),
                (true, "no case"),
                (true, "anna (1)"),
            ]
        );
        // Both have one number here.
        assert_eq!(rows[1].evidence, [subject]);
        let before = Covered { from: at("2026-09-01T05:00:00Z"), to: at("2026-09-02T05:00:00Z") };
        assert!(monitoring(&service, &cases, &audit, before).iter().all(|row| row.is_good && row.count == 0));
    }
}
