//! How the desk served a customer, and what the customer can do for it.

use super::parts::{count, figures, or_unknown, share, table_or, text};
use super::{Facts, Report, Wants, desk};
use crate::document::{Block, Cell, Column, Kind, Metric, Section, Table, Value};
use crate::metrics::{Ringing, Times};

pub(super) const REPORT: Report = Report {
    name: "service-review",
    title: "Service review",
    about: "What became of alerts, requests and changes, how long each side took, and which contacts want a look.",
    holds_calls: false,
    wants: Wants { comparison: false, months: false, calls: false },
    sections,
};

fn sections(facts: &Facts<'_>) -> Vec<Section> {
    vec![
        Section::new("Alerts and cases", vec![funnel(facts), cases_of_fraud(facts)]),
        Section::new("Requests", requests(facts)),
        Section::new("Changes", vec![changes(facts), authorisers(facts)]),
        Section::new("Clocks", desk::clocks(facts)),
        Section::new("Thresholds", thresholds(facts)),
        Section::new("Contacts", contacts(facts)),
        Section::new("What waits for you", desk::waiting(facts)),
    ]
}

/// From alerts to what was done, and what is left (M18, M25, M26).
fn funnel(facts: &Facts<'_>) -> Block {
    let (funnel, backlog) = (&facts.measures.funnel, &facts.measures.backlog);
    let number = |value: Option<f64>| or_unknown(value, |value| Value::Number(value, 1));
    figures(vec![
        ("Alerts", Metric(18), Value::Count(funnel.alerts)),
        ("Cases that they became", Metric(18), Value::Count(funnel.cases)),
        ("Alerts for each case", Metric(18), number(funnel.alerts_per_case)),
        ("Cases for each 10,000 calls", Metric(18), number(funnel.cases_per_10_000_attempts)),
        ("Cases for which something was changed", Metric(18), share(funnel.acted)),
        ("Cases opened", Metric(25), Value::Count(backlog.opened)),
        ("Cases closed", Metric(25), Value::Count(backlog.closed)),
        ("Open at the end", Metric(25), Value::Count(backlog.ages.count)),
        (
            "Half of these were older than",
            Metric(25),
            or_unknown(backlog.ages.median_seconds, Value::seconds),
        ),
        ("Opened again within 14 days", Metric(26), share(facts.measures.reopened.share)),
    ])
}

/// Cases of fraud by detection and end (M17).
pub(super) fn cases_of_fraud(facts: &Facts<'_>) -> Block {
    let mut table = Table::new(
        "fraud-cases",
        "Cases of fraud",
        vec![
            Column::new("Detection", Kind::Text),
            Column::new("How they ended", Kind::Text),
            Column::new("Cases", Kind::Count).of(Metric(17)),
        ],
    );
    for (detection, ends) in &facts.measures.fraud_cases.types {
        let rows = ends.iter().map(|(end, cases)| vec![text(detection), text(end), count(*cases)]);
        table.rows.extend(rows);
    }
    table_or(table, "There was no case of fraud.")
}

/// How well requests were understood, and mail of which nobody knew the sender (M27, M28).
fn requests(facts: &Facts<'_>) -> Vec<Block> {
    let (intake, unknown) = (&facts.measures.intake, &facts.measures.unverified);
    let mut table = Table::new(
        "requests-by-contact",
        "Requests understood at once, by who asked",
        vec![
            Column::new("Who asked", Kind::Person),
            Column::new("Understood at once", Kind::Share).of(Metric(27)),
        ],
    );
    table.rows = intake.contacts.iter().map(|(who, part)| vec![person(who), share(*part).into()]).collect();
    let mail = figures(vec![
        ("Requests understood at once", Metric(27), share(intake.share)),
        ("Requests from nobody we know", Metric(28), Value::Count(unknown.unverified)),
        ("Of which a contact of yours made its own", Metric(28), Value::Count(unknown.adopted)),
        ("Mail held back as forged", Metric(28), Value::Count(unknown.quarantined)),
        ("Of which it was let out", Metric(28), Value::Count(unknown.released)),
        ("Of which it was thrown away unread", Metric(28), Value::Count(unknown.dropped)),
    ]);
    vec![mail, table_or(table, "Nobody asked for anything.")]
}

/// What became of changes, and how long they took (M21).
fn changes(facts: &Facts<'_>) -> Block {
    let changes = &facts.measures.changes;
    figures(vec![
        ("Changes proposed", Metric(21), Value::Count(changes.requested)),
        ("Authorised", Metric(21), Value::Count(changes.authorised)),
        ("Refused", Metric(21), Value::Count(changes.refused)),
        ("Put in force", Metric(21), Value::Count(changes.implemented)),
        ("Taken back", Metric(21), Value::Count(changes.rolled_back)),
        (
            "Median time from the request to the effect",
            Metric(21),
            or_unknown(changes.times.median_seconds, Value::seconds),
        ),
        ("Waiting for a decision of yours", Metric(31), Value::Count(facts.measures.authorisation.open)),
    ])
}

/// How long each authoriser took to decide (M31).
fn authorisers(facts: &Facts<'_>) -> Block {
    let authorisation = &facts.measures.authorisation;
    let mut table = Table::new(
        "authorisers",
        "How long your authorisers took",
        vec![
            Column::new("Authoriser", Kind::Person),
            Column::new("Decisions", Kind::Count).of(Metric(31)),
            Column::new("Median", Kind::Duration).of(Metric(31)),
            Column::new("nine of ten", Kind::Duration).of(Metric(31)),
        ],
    );
    let row = |who: Cell, times: &Times| {
        let time = |seconds: Option<i64>| Cell::from(or_unknown(seconds, Value::seconds));
        vec![who, count(times.count), time(times.median_seconds), time(times.p90_seconds)]
    };
    let each = authorisation.authorisers.iter();
    table.rows = each.map(|(who, times)| row(person(who), times)).collect();
    if table.rows.len() > 1 {
        table.rows.insert(0, row(text("all"), &authorisation.all));
    }
    table_or(table, "Nobody had to decide.")
}

/// Thresholds that rang, against what was agreed (M32).
pub(super) fn thresholds(facts: &Facts<'_>) -> Vec<Block> {
    let quality = &facts.measures.thresholds;
    let mut table = Table::new(
        "threshold-quality",
        "Thresholds that rang",
        vec![
            Column::new("Threshold", Kind::Text),
            Column::new("Alerts", Kind::Count).of(Metric(32)),
            Column::new("Each week", Kind::Number).of(Metric(32)),
            Column::new("Real, of those judged", Kind::Share).of(Metric(32)),
        ],
    );
    let mut rang: Vec<_> = quality.thresholds.iter().collect();
    rang.sort_by_key(|(name, ringing)| (std::cmp::Reverse(ringing.alerts), *name));
    let row = |(name, ringing): (&String, &Ringing)| {
        vec![
            text(name),
            count(ringing.alerts),
            Value::Number(ringing.alerts_a_week, 1).into(),
            share(ringing.real).into(),
        ]
    };
    table.rows = rang.into_iter().map(row).collect();
    let budget = figures(vec![
        ("Alerts each week", Metric(32), Value::Number(quality.alerts_a_week, 1)),
        ("Agreed at most", Metric(32), Value::Number(quality.budget, 1)),
    ]);
    vec![budget, table_or(table, "No threshold rang.")]
}

/// Contacts whose entries want a look (M33).
fn contacts(facts: &Facts<'_>) -> Vec<Block> {
    let contacts = &facts.measures.contacts;
    let mut table = Table::new(
        "contacts-to-look-at",
        "Contacts to look at again",
        vec![Column::new("Contact", Kind::Person).of(Metric(33)), Column::new("Why", Kind::Text)],
    );
    let why = |(_, who): &(String, String), why: &str| vec![person(who), text(why)];
    table.rows = contacts.bounced.iter().map(|it| why(it, "a message did not arrive")).collect();
    table.rows.extend(contacts.not_verified.iter().map(|it| why(it, "not verified in 180 days")));
    let mut blocks = vec![figures(vec![("People who may act", Metric(33), Value::Count(contacts.people))])];
    if !contacts.few_authorisers.is_empty() {
        let few = "Fewer than two people may authorise: when one is away, changes wait for the other.";
        blocks.push(Block::Paragraph(few.into()));
    }
    blocks.push(table_or(table, "All contacts are up to date."));
    blocks
}

/// Somebody by name or address, whom not every reader may see.
fn person(who: &str) -> Cell {
    Value::Person(who.to_owned()).into()
}
