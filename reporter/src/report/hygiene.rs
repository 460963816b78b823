//! Which rules do nothing, and which do the wrong thing.

use super::parts::{count, table_or, text};
use super::{Facts, Report, Wants, desk, fraud, review};
use crate::document::{Block, Column, Kind, Metric, Section, Table, Text};

pub(super) const REPORT: Report = Report {
    name: "rule-hygiene",
    title: "Rule hygiene",
    about: "Rules that never decide, rules that another one hides, alerts that were wrong, blocks that end.",
    holds_calls: false,
    wants: Wants { comparison: false, months: false, calls: false },
    sections,
};

fn sections(facts: &Facts<'_>) -> Vec<Section> {
    vec![
        Section::new("Idle and hidden rules", idle(facts)),
        Section::new("How often alerts were right", vec![desk::precision(facts)]),
        Section::new("How often thresholds rang", review::thresholds(facts)),
        Section::new("What rules decided", vec![hits(facts)]),
        Section::new("Blocks that end", vec![fraud::expiring(facts, &facts.answers.expiring)]),
    ]
}

/// Rules without a call, and rules that no call reaches (M20).
pub(super) fn idle(facts: &Facts<'_>) -> Vec<Block> {
    let rules = &facts.answers.rule_hits;
    let mut shadowed = Table::new(
        "hidden-rules",
        "Rules that no call reaches",
        vec![Column::new("Rule", Kind::Text).of(Metric(20)), Column::new("Hidden by", Kind::Text)],
    );
    shadowed.rows =
        rules.shadowed.iter().map(|(rule, by)| vec![text(rule.as_str()), text(by.as_str())]).collect();
    let mut blocks = Vec::new();
    if rules.idle.is_empty() {
        blocks.push(Block::Paragraph("Every rule decided at least one call.".into()));
    } else {
        let count = rules.idle.len();
        blocks.push(Block::Paragraph(Text::from(format!(
            "{count} rule{} decided no call in this period:",
            if count == 1 { "" } else { "s" }
        ))));
        blocks.push(Block::Bullets(rules.idle.iter().map(|rule| Text::new().code(rule.as_str())).collect()));
    }
    blocks.push(table_or(shadowed, "No rule is hidden by another one."));
    blocks
}

fn hits(facts: &Facts<'_>) -> Block {
    let mut table = Table::new(
        "rule-hits",
        "Calls that each rule decided",
        vec![Column::new("Rule", Kind::Text), Column::new("Calls", Kind::Count).of(Metric(20))],
    );
    let hits = facts.answers.rule_hits.hits.iter();
    table.rows = hits.map(|(rule, calls)| vec![text(rule.as_str()), count(*calls)]).collect();
    table_or(table, "No rule decided a call.")
}
