//! Calls, one a row.

use records::Call;

use super::parts::{table_or, text};
use super::{Facts, Report, Wants, charts, parts};
use crate::document::{Block, Cell, Column, Headline, Hue, Kind, Metric, Section, Table, Value, Wanted};
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
    let attempts =
        parts::figure(facts, ("Calls", Metric(1), Wanted::Either), |of| Value::Count(of.attempts.total));
    let blocked = parts::figure(facts, ("Blocked", Metric(2), Wanted::Either), |of| {
        Value::share(of.outcomes.rate.part, of.outcomes.rate.whole)
    });
    let headline = Block::Headline(Headline { figures: vec![attempts, blocked] });
    vec![
        Section::new("Summary", vec![headline, charts::by_day(facts)]),
        Section::new("Calls", vec![table(facts, "calls", "Each call")]),
    ]
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
