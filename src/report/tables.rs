//! Rows of what the desk keeps as cells of a table.

use cases::review::{self, CustodyRow};
use cases::statement::{self, COLUMNS, MORE_COLUMNS};
use rules::Timestamp;

use super::catalogue::{Kept, Table};

/// The SLA statement: what `ringwall sla check` reads.
pub(super) fn statement(kept: &Kept<'_>) -> Table {
    let rows = statement::rows(kept.service, &kept.cases, Some(kept.order.covered), kept.at);
    let cells = rows.iter().map(|row| row.cells().to_vec()).collect();
    Table { columns: COLUMNS.into_iter().chain(MORE_COLUMNS).collect(), rows: cells }
}

/// Who may do what, and when they last did.
pub(super) fn access(kept: &Kept<'_>) -> Table {
    let columns = vec![
        "name",
        "addresses",
        "roles",
        "valid_until",
        "verified",
        "last_use",
        "last_act",
        "certified",
        "finding",
    ];
    let rows = review::contacts(&kept.registration, &kept.audit, kept.at).into_iter().map(|row| {
        let (used, act) = row.last_use.map_or((None, String::new()), |(at, act)| (Some(at), act));
        vec![
            row.name,
            row.addresses.join(" "),
            row.roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" "),
            shown(row.valid_until),
            shown(row.verified_at),
            shown(used),
            act,
            shown(row.certified_at),
            row.standing.words().to_owned(),
        ]
    });
    Table { columns, rows: rows.collect() }
}

/// What was looked at, and what was seen.
pub(super) fn monitoring(kept: &Kept<'_>) -> Table {
    let rows = review::monitoring(kept.service, &kept.cases, &kept.audit, kept.order.covered).into_iter();
    let rows = rows.map(|row| {
        let good = if row.is_good { "good" } else { "look" };
        vec![row.check.to_owned(), good.to_owned(), row.count.to_string(), row.seen, row.evidence.join(" ")]
    });
    Table { columns: vec!["check", "state", "count", "seen", "evidence"], rows: rows.collect() }
}

/// What was done with the cases of that time, each with the hash of its entry in the audit chain.
pub(super) fn custody(kept: &Kept<'_>) -> Table {
    let covered = kept.order.covered;
    let subjects = kept
        .cases
        .iter()
        .filter(|case| covered.from <= case.opened && case.opened < covered.to)
        .map(|case| case.number.to_string())
        .collect();
    let columns = vec!["sequence", "at", "actor", "action", "subject", "hash"];
    match review::custody(&kept.audit, &subjects) {
        Ok(rows) => Table { columns, rows: rows.into_iter().map(entry).collect() },
        Err(broken) => {
            let words = format!("the audit chain is broken here: {}", broken.why);
            let row = [broken.sequence.to_string(), String::new(), String::new(), words];
            Table { columns, rows: vec![row.into_iter().chain([String::new(), String::new()]).collect()] }
        }
    }
}

fn entry(row: CustodyRow) -> Vec<String> {
    vec![row.sequence.to_string(), shown(Some(row.at)), row.actor, row.action, row.subject, row.hash]
}

fn shown(at: Option<Timestamp>) -> String {
    let at = at.and_then(|at| jiff::Timestamp::from_microsecond(at.0).ok());
    at.map(|at| at.to_string()).unwrap_or_default()
}
