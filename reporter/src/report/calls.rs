//! Calls, one a row.

use records::Call;

use super::parts::{table_or, text};
use super::{Facts, Report, Wants, charts};
use crate::document::{
    Block, Cell, Column, Definition, Figure, Headline, Hue, Kind, Metric, Section, Table, Text, Value, Wanted,
};
use rules::Action;

pub(super) const REPORT: Report = Report {
    name: "ad-hoc",
    title: "Calls",
    about: "Calls by numbers, side, direction and period, as a request asks for them: a summary and each call.",
    holds_calls: true,
    wants: Wants { comparison: false, months: false, calls: true },
    sections,
};

fn sections(facts: &Facts<'_>) -> Vec<Section> {
    let total = facts.calls.len() as u64 + facts.calls_left_out;
    // Of the calls that were asked for, and of no others: what is known of whole periods is about all of them.
    let figure = |label: &str, metric, value| Figure {
        label: label.to_owned(),
        value,
        metric: Some(metric),
        before: Vec::new(),
        wanted: Wanted::Either,
        link: None,
    };
    let figures = vec![
        figure("Calls", Metric(1), Value::Count(total)),
        figure("Blocked", Metric(2), Value::share(facts.calls_blocked, total)),
    ];
    let mut summary = vec![Block::Headline(Headline { figures }), wanted(facts)];
    if facts.calls_wanted.is_empty() {
        summary.push(charts::by_day(facts));
    }
    vec![Section::new("Summary", summary), Section::new("Calls", vec![table(facts, "calls", "Each call")])]
}

/// By what the calls were chosen.
fn wanted(facts: &Facts<'_>) -> Block {
    if facts.calls_wanted.is_empty() {
        return Block::Paragraph("All calls of the period: nothing narrows them down.".into());
    }
    let definition = |(term, text): &(&str, String)| Definition {
        term: (*term).to_owned(),
        text: Text::from(text.clone()),
    };
    Block::Definitions(facts.calls_wanted.iter().map(definition).collect())
}

/// The calls that were handed over.
pub(super) fn table(facts: &Facts<'_>, name: &str, caption: &str) -> Block {
    let mut table = Table::new(
        name,
        caption,
        vec![
            Column::new("Time", Kind::Time),
            Column::new("Direction", Kind::Text),
            Column::new("Caller", Kind::Person),
            Column::new("Called", Kind::Person),
            Column::new("Outcome", Kind::Text),
            Column::new("Rule", Kind::Text),
            Column::new("Rang", Kind::Duration),
            Column::new("Talked", Kind::Duration),
            Column::new("Answer", Kind::Text),
            Column::new("Call-ID", Kind::Text),
        ],
    );
    table.rows = facts.calls.iter().map(row).collect();
    table.rows_left_out = facts.calls_left_out;
    table_or(table, "There is no such call.")
}

fn row(call: &Call) -> Vec<Cell> {
    let micros = |micros: Option<i64>| Cell::from(micros.map_or(Value::Unknown, Value::Duration));
    let hue = match call.verdict {
        Action::Block | Action::Limit => Hue::Blocked,
        Action::Divert => Hue::Redirected,
        _ => Hue::Passed,
    };
    vec![
        Value::Time(call.start).into(),
        text(call.direction.map_or("", rules::Direction::word)),
        Value::Person(call.caller.to_string()).into(),
        Value::Person(call.called.to_string()).into(),
        text(call.verdict.word()).hue(hue),
        text(call.rule.clone().unwrap_or_default()),
        micros(call.ring_micros()),
        micros(call.talk_micros()),
        text(call.status.map(|status| status.to_string()).unwrap_or_default()),
        text(call.call_id.clone().unwrap_or_default()),
    ]
}
