//! What calls out could have cost, and did.

use super::parts::{count, figures, money, or_unknown, person, seconds, table_or, text};
use super::{Facts, Report, Wants, parts, review};
use crate::document::{Block, Column, Kind, Metric, Section, Table, Text, Value, Wanted};
use crate::metrics::ExpiringBlock;

pub(super) const REPORT: Report = Report {
    name: "fraud-exposure",
    title: "Fraud exposure",
    about: "Outbound calls that fraud likes: risk prefixes, calls abroad after hours, who made them.",
    holds_calls: false,
    wants: Wants { comparison: true, months: false, calls: false },
    sections,
};

fn sections(facts: &Facts<'_>) -> Vec<Section> {
    let exposed =
        parts::figure(facts, ("Exposed", Metric(13), Wanted::Less), |of| money(facts, of.toll_fraud.exposed));
    let avoided = parts::figure(facts, ("Avoided", Metric(13), Wanted::Either), |of| {
        money(facts, of.toll_fraud.avoided)
    });
    let after = parts::figure(facts, ("After hours abroad", Metric(14), Wanted::Less), |of| {
        Value::Count(of.after_hours.attempts)
    });
    let headline = Block::Headline(crate::document::Headline { figures: vec![exposed, avoided, after] });
    vec![
        Section::new("At a glance", vec![headline]),
        Section::new("Risk prefixes", vec![prefixes(facts)]),
        Section::new("Calls abroad after hours", after_hours(facts)),
        Section::new("Cases", vec![review::cases_of_fraud(facts)]),
    ]
}

/// What calls to each prefix cost and would have cost (M13).
pub(super) fn prefixes(facts: &Facts<'_>) -> Block {
    let exposure = &facts.answers.toll_fraud;
    let mut table = Table::new(
        "risk-prefixes",
        "Risk prefixes",
        vec![
            Column::new("Prefix", Kind::Text),
            Column::new("Name", Kind::Text),
            Column::new("A minute", Kind::Money),
            Column::new("Passed", Kind::Count),
            Column::new("Minutes", Kind::Number),
            Column::new("Cost", Kind::Money).of(Metric(13)),
            Column::new("Blocked", Kind::Count),
            Column::new("Usual length", Kind::Duration),
            Column::new("Avoided", Kind::Money).of(Metric(13)),
        ],
    );
    for rate in &exposure.prefixes {
        table.rows.push(vec![
            text(format!("+{}", rate.prefix)),
            text(rate.name.as_str()),
            money(facts, rate.per_minute).into(),
            count(rate.passed),
            Value::Number(rate.minutes, 1).into(),
            money(facts, rate.exposed).into(),
            count(rate.blocked),
            or_unknown(rate.median_seconds, seconds).into(),
            money(facts, rate.avoided).into(),
        ]);
    }
    table.notes.push(Text::from(exposure.assumption));
    table_or(table, "No rates of risk prefixes are known, or nobody called them.")
}

fn after_hours(facts: &Facts<'_>) -> Vec<Block> {
    let answer = &facts.answers.after_hours;
    let mut table = Table::new(
        "after-hours",
        "Who called abroad after hours",
        vec![
            Column::new("Extension", Kind::Person),
            Column::new("Calls", Kind::Count).of(Metric(14)),
            Column::new("Minutes", Kind::Number),
            Column::new("Cost", Kind::Money),
        ],
    );
    for caller in &answer.callers {
        table.rows.push(vec![
            Value::Person(caller.caller.clone()).into(),
            count(caller.attempts),
            Value::Number(caller.minutes, 1).into(),
            money(facts, caller.cost).into(),
        ]);
    }
    let sums = figures(vec![
        ("Calls", Metric(14), Value::Count(answer.attempts)),
        ("Minutes", Metric(14), Value::Number(answer.minutes, 1)),
        ("Cost", Metric(14), money(facts, answer.cost)),
        ("Minutes of prefixes without a rate", Metric(14), Value::Number(answer.minutes_without_rate, 1)),
    ]);
    vec![sums, table_or(table, "Nobody called abroad after hours.")]
}

/// Blocks that end in the next period (M22).
pub(super) fn expiring(facts: &Facts<'_>, blocks: &[ExpiringBlock]) -> Block {
    let mut table = Table::new(
        "expiring",
        "Blocks that end soon",
        vec![
            Column::new("Number", Kind::Person),
            Column::new("List", Kind::Text),
            Column::new("Last day", Kind::Text),
            Column::new("Attempts since", Kind::Count).of(Metric(22)),
            Column::new("Last attempt", Kind::Time),
        ],
    );
    for block in blocks {
        table.rows.push(vec![
            person(facts, "caller", block.number),
            text(block.list.as_str()),
            text(block.expires.as_str()),
            count(block.attempts),
            or_unknown(block.last, Value::Time).into(),
        ]);
    }
    table_or(table, "No block ends soon.")
}
