//! One caller, for the police or a carrier.

use std::collections::BTreeMap;

use super::parts::{case, count, table_or, text};
use super::{Facts, Report, Wants, calls, desk};
use crate::document::{Block, Column, Definition, Kind, Metric, Section, Table, Text, Value};

pub(super) const REPORT: Report = Report {
    name: "dossier",
    title: "Harassing-caller dossier",
    about: "One caller: every call, who was called, what was done, and the chain of custody of these records.",
    holds_calls: true,
    wants: Wants { comparison: false, months: false, calls: true },
    sections,
};

fn sections(facts: &Facts<'_>) -> Vec<Section> {
    vec![
        Section::new("The caller", summary(facts)),
        Section::new("Who was called", vec![called(facts)]),
        Section::new(
            "Every call",
            vec![calls::table(facts, "calls", "Calls of this caller, the first one first")],
        ),
        Section::new("What was done", vec![cases_of(facts), desk::changes(facts)]),
        Section::new("Chain of custody", vec![custody(facts)]),
    ]
}

fn summary(facts: &Facts<'_>) -> Vec<Block> {
    let Some(caller) = facts.caller else { return Vec::new() };
    let number = format!("+{caller}");
    let index = facts.answers.callers.top.iter().find(|it| it.number == caller);
    let names: std::collections::BTreeSet<&str> =
        facts.calls.iter().filter_map(|call| call.display_name.as_deref()).collect();
    let sources: std::collections::BTreeSet<&str> =
        facts.calls.iter().map(|call| call.source.as_str()).collect();
    let programs: std::collections::BTreeSet<&str> =
        facts.calls.iter().filter_map(|call| call.user_agent.as_deref()).collect();
    let list = |all: std::collections::BTreeSet<&str>| {
        let shown: Vec<&str> = all.iter().copied().take(SHOWN_MAX).collect();
        let rest = all.len() - shown.len();
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        Text::from(format!("{}{more}", shown.join(", ")))
    };
    let mut definitions =
        vec![Definition { term: "Number".to_owned(), text: Text::new().value(Value::Person(number)) }];
    if let Some(index) = index {
        definitions.push(Definition {
            term: "Calls".to_owned(),
            text: Text::new()
                .value(Value::Count(index.calls))
                .plain(" on ")
                .value(Value::Count(index.days))
                .plain(" days"),
        });
        definitions.push(Definition {
            term: "First and last".to_owned(),
            text: Text::new().value(Value::Time(index.first)).plain(", ").value(Value::Time(index.last)),
        });
        definitions.push(Definition {
            term: "Harassment index".to_owned(),
            text: Text::new().figure(Value::Number(index.index, 1), Metric(6), None),
        });
    }
    for (term, all) in [("Names shown", names), ("Came from", sources), ("Programs", programs)] {
        if !all.is_empty() {
            definitions.push(Definition { term: term.to_owned(), text: list(all) });
        }
    }
    vec![Block::Definitions(definitions)]
}

fn called(facts: &Facts<'_>) -> Block {
    let mut people: BTreeMap<String, (u64, u64, i64)> = BTreeMap::new();
    for call in facts.calls {
        let person = people.entry(call.called.to_string()).or_default();
        person.0 += 1;
        person.1 += u64::from(call.answered_after.is_some());
        person.2 += call.talk_micros().unwrap_or_default();
    }
    let mut people: Vec<_> = people.into_iter().collect();
    people.sort_by(|one, other| (other.1.0, &one.0).cmp(&(one.1.0, &other.0)));
    let mut table = Table::new(
        "called",
        "Who was called",
        vec![
            Column::new("Called", Kind::Person),
            Column::new("Calls", Kind::Count),
            Column::new("Answered", Kind::Count),
            Column::new("Talked", Kind::Duration),
        ],
    );
    let rows = people.into_iter();
    table.rows = rows
        .map(|(person, (calls, answered, micros))| {
            vec![Value::Person(person).into(), count(calls), count(answered), Value::Duration(micros).into()]
        })
        .collect();
    table_or(table, "Nobody was called.")
}

/// Cases whose key or title has the number, or that somebody asked for about it.
fn cases_of(facts: &Facts<'_>) -> Block {
    let mut table = Table::new(
        "cases",
        "Cases about this number",
        vec![
            Column::new("Case", Kind::Text),
            Column::new("What", Kind::Text),
            Column::new("Opened", Kind::Time),
            Column::new("State", Kind::Text),
        ],
    );
    let about = facts.cases.iter().filter(|it| {
        let is_wanted = it.wanted.numbers.iter().any(|number| names(facts, number));
        is_wanted || it.key.as_deref().is_some_and(|key| names(facts, key)) || names(facts, &it.title)
    });
    for it in about.take(SHOWN_MAX * 5) {
        let number = it.number.to_string();
        table.rows.push(vec![
            text(number.as_str()).to(case(&number)),
            text(it.title.as_str()),
            Value::Time(it.opened).into(),
            text(it.state.name()),
        ]);
    }
    table_or(table, "There is no case about this number.")
}

/// Whether `text` names the caller, and no longer number that holds it.
fn names(facts: &Facts<'_>, text: &str) -> bool {
    let Some(caller) = facts.caller else { return false };
    let caller = caller.to_string();
    text.split(|character: char| !character.is_ascii_digit()).any(|number| number == caller)
}

fn custody(facts: &Facts<'_>) -> Block {
    let subjects: std::collections::BTreeSet<String> = facts
        .cases
        .iter()
        .filter(|it| it.key.as_deref().is_some_and(|key| names(facts, key)))
        .map(|it| it.number.to_string())
        .collect();
    let rows = match cases::review::custody(facts.audit, &subjects) {
        Ok(rows) => rows,
        Err(broken) => {
            let words = format!("The audit chain is broken at entry {}: {}.", broken.sequence, broken.why);
            return Block::Paragraph(words.into());
        }
    };
    let mut table = Table::new(
        "custody",
        "Who did what with it",
        vec![
            Column::new("Entry", Kind::Count),
            Column::new("When", Kind::Time),
            Column::new("Who", Kind::Text),
            Column::new("What", Kind::Text),
            Column::new("Case", Kind::Text),
            Column::new("Hash", Kind::Text),
        ],
    );
    for row in rows {
        table.rows.push(vec![
            count(row.sequence),
            Value::Time(row.at).into(),
            text(row.actor),
            text(row.action),
            text(row.subject),
            text(row.hash),
        ]);
    }
    table_or(table, "No case is about this number, so nobody has handled it.")
}

const SHOWN_MAX: usize = 20;
