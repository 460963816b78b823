//! What people did: cases, clocks, what waits for the customer, what was changed.

use cases::flow::{Flow, State};
use cases::{Case, ClockKind};

use super::Facts;
use super::parts::{case as case_link, count, or_unknown, share, table_or, text};
use crate::document::{Block, Button, Cell, Column, Kind, Metric, Table, Text, Value};

/// Cases of the period with both due times.
pub(super) fn cases(facts: &Facts<'_>) -> Block {
    let mut table = Table::new(
        "cases",
        "Cases opened",
        vec![
            Column::new("Case", Kind::Text),
            Column::new("What", Kind::Text),
            Column::new("Severity", Kind::Text),
            Column::new("Opened", Kind::Time),
            Column::new("State", Kind::Text),
            Column::new("Acknowledged", Kind::Text).of(Metric(23)),
            Column::new("Completed", Kind::Text).of(Metric(23)),
        ],
    );
    let mut opened: Vec<&Case> = facts.opened().collect();
    opened.sort_by_key(|case| (case.opened, case.number));
    table.rows_left_out = opened.len().saturating_sub(CASES_MAX) as u64;
    for case in opened.into_iter().take(CASES_MAX) {
        let number = case.number.to_string();
        let ended = case.closure.as_ref().filter(|closure| !facts.is_after(closure.at));
        let state = ended.map_or_else(
            || case.state.name().to_owned(),
            |closure| format!("closed as {}", closure.reason.name()),
        );
        table.rows.push(vec![
            text(number.as_str()).to(case_link(&number)),
            text(case.title.as_str()),
            text(case.severity.name()),
            Value::Time(case.opened).into(),
            text(state),
            text(met(facts, &number, ClockKind::Acknowledge)),
            text(met(facts, &number, ClockKind::Complete)),
        ]);
    }
    table_or(table, "No case was opened.")
}

/// Whether a clock of `case` was met, against the target and against the contract.
fn met(facts: &Facts<'_>, case: &str, kind: ClockKind) -> String {
    let Some(row) = facts.clocks.iter().rfind(|row| row.case == case && row.clock == kind) else {
        return "no clock".to_owned();
    };
    match (row.in_target, row.in_time) {
        (Some(true), _) => "in target",
        (_, Some(true)) => "in contract, target missed",
        (_, Some(false)) => "missed",
        (_, None) => "running",
    }
    .to_owned()
}

/// Met and missed clocks by kind (M23), and how long it took (M24).
pub(super) fn clocks(facts: &Facts<'_>) -> Vec<Block> {
    let attainment = &facts.measures.attainment;
    let mut table = Table::new(
        "sla",
        "Clocks met",
        vec![
            Column::new("Clock", Kind::Text),
            Column::new("Within target", Kind::Share).of(Metric(23)),
            Column::new("Within contract", Kind::Share).of(Metric(23)),
        ],
    );
    let clocks = attainment.clocks.iter();
    table.rows = clocks
        .map(|(clock, kept)| vec![text(*clock), share(kept.target).into(), share(kept.contract).into()])
        .collect();
    for voided in &attainment.voided {
        let words = format!("{} of {} was given another due time: {}", voided.clock, voided.case, voided.why);
        table.notes.push(Text::from(words));
    }
    let times = &facts.measures.response_times;
    let mut took = Table::new(
        "response-times",
        "How long it took, in business time without waiting for you",
        vec![
            Column::new("Cases", Kind::Text),
            Column::new("Acknowledged, median", Kind::Duration).of(Metric(24)),
            Column::new("nine of ten", Kind::Duration).of(Metric(24)),
            Column::new("Completed, median", Kind::Duration).of(Metric(24)),
            Column::new("nine of ten", Kind::Duration).of(Metric(24)),
        ],
    );
    let all = std::iter::once(("all", &times.all));
    let groups = times.groups.iter().map(|(name, group)| (name.as_str(), group));
    for (name, group) in all.chain(groups) {
        let (acknowledged, completed) = (&group.acknowledge_business, &group.complete_business);
        let time = |seconds: Option<i64>| Cell::from(or_unknown(seconds, Value::seconds));
        took.rows.push(vec![
            text(name),
            time(acknowledged.median_seconds),
            time(acknowledged.p90_seconds),
            time(completed.median_seconds),
            time(completed.p90_seconds),
        ]);
    }
    vec![table_or(table, "No clock ran."), Block::Table(took)]
}

/// What the customer is asked for.
pub(super) fn waiting(facts: &Facts<'_>) -> Vec<Block> {
    let mut waiting: Vec<&Case> = facts.cases.iter().filter(|case| case.state.waits_for_customer()).collect();
    waiting.sort_by_key(|case| (case.opened, case.number));
    let buttons: Vec<Button> = waiting
        .into_iter()
        .take(BUTTONS_MAX)
        .map(|case| {
            let number = case.number.to_string();
            let label = match case.state {
                State::AwaitingAuthorisation => "Authorise",
                _ => "Answer",
            };
            Button {
                label: format!("{label} {number}"),
                about: format!("{label} {number}: {}", case.title),
                link: case_link(&number),
                is_first: false,
            }
        })
        .collect();
    let mut blocks = Vec::new();
    if buttons.is_empty() {
        blocks.push(Block::Paragraph("Nothing waits for you.".into()));
    } else {
        blocks.push(Block::Buttons(buttons));
    }
    let expiring = &facts.answers.expiring;
    if !expiring.is_empty() {
        blocks.push(super::fraud::expiring(facts, expiring));
    }
    blocks
}

/// Changes that came into force or were taken back.
pub(super) fn changes(facts: &Facts<'_>) -> Block {
    let mut table = Table::new(
        "changes",
        "Changes made",
        vec![
            Column::new("When", Kind::Time),
            Column::new("Case", Kind::Text),
            Column::new("What", Kind::Text),
            Column::new("By", Kind::Text),
            Column::new("Entry", Kind::Text),
        ],
    );
    let entries = facts.audit.iter().filter(|entry| facts.period.contains(entry.at));
    for entry in entries.filter(|entry| CHANGES.contains(&entry.action.as_str())) {
        let title = facts.cases.iter().find(|case| case.number.to_string() == entry.subject);
        let title = title.map_or("", |case| case.title.as_str());
        table.rows.push(vec![
            Value::Time(entry.at).into(),
            text(entry.subject.as_str()).to(case_link(&entry.subject)),
            text(format!("{}: {title}", entry.action)),
            text(entry.actor.as_str()),
            text(entry.hash.chars().take(12).collect::<String>()),
        ]);
    }
    table.rows_left_out = table.rows.len().saturating_sub(CASES_MAX) as u64;
    table.rows.truncate(CASES_MAX);
    if !table.rows.is_empty() {
        let note =
            "Each entry of the audit chain proves the one before it; `ringwall audit verify` reads them all.";
        table.notes.push(Text::from(note));
    }
    table_or(table, "Nothing was changed.")
}

/// Thresholds and rules that rang, with what came of it (M18, M19).
pub(super) fn breaches(facts: &Facts<'_>) -> Block {
    let mut table = Table::new(
        "breaches",
        "Rules that rang",
        vec![
            Column::new("Case", Kind::Text),
            Column::new("What", Kind::Text),
            Column::new("Alerts", Kind::Count).of(Metric(18)),
            Column::new("First", Kind::Time),
            Column::new("Last", Kind::Time),
            Column::new("Finding", Kind::Text),
        ],
    );
    let mut rang: Vec<&Case> = facts.opened().filter(|case| case.flow == Flow::Alert).collect();
    rang.sort_by_key(|case| (std::cmp::Reverse(case.severity), case.opened, case.number));
    table.rows_left_out = rang.len().saturating_sub(BREACHES_MAX) as u64;
    for case in rang.into_iter().take(BREACHES_MAX) {
        let number = case.number.to_string();
        let finding = case.findings.clone().or_else(|| case.closure.as_ref().map(|it| it.text.clone()));
        table.rows.push(vec![
            text(number.as_str()).to(case_link(&number)),
            text(case.title.as_str()),
            count(case.alerts),
            Value::Time(case.first).into(),
            Value::Time(case.last).into(),
            text(finding.unwrap_or_else(|| "not looked into yet".to_owned())),
        ]);
    }
    table_or(table, "No rule rang.")
}

/// How often alerts of a rule were right, by how their cases were closed (M19): the worst first.
pub(super) fn precision(facts: &Facts<'_>) -> Block {
    let mut table = Table::new(
        "alert-precision",
        "How often a rule was right",
        vec![Column::new("Rule", Kind::Text), Column::new("Right", Kind::Share).of(Metric(19))],
    );
    let rules = facts.measures.precision.rules.iter();
    table.rows = rules.map(|rule| vec![text(rule.rule.as_str()), share(rule.share).into()]).collect();
    table_or(table, "No alert was judged in this period.")
}

const CASES_MAX: usize = 100;
const BREACHES_MAX: usize = 40;
const BUTTONS_MAX: usize = 12;
/// What the audit chain calls it when a change comes into force, is proved, and is taken back.
const CHANGES: [&str; 3] = ["install", "prove", "roll-back"];
