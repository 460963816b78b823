//! What several reports are put together from.

use rules::Timestamp;

use super::Facts;
use crate::document::{
    Address, Block, Cell, Change, Definition, Figure, Href, Metric, Section, Table, Text, Value, Wanted,
};
use crate::metrics::{Answers, Figures, Measures, Share};

/// A count that leads to the calls behind it.
pub(super) fn count(count: u64) -> Cell {
    Value::Count(count).into()
}

pub(super) fn text(text: impl Into<String>) -> Cell {
    Value::text(text).into()
}

pub(super) fn share(share: Share) -> Value {
    Value::share(share.part, share.whole)
}

/// So many seconds, which may have a fraction.
pub(super) fn seconds(seconds: f64) -> Value {
    Value::Duration((seconds * 1e6).round() as i64)
}

/// Money of the customer's currency; unknown where there are no prices.
pub(super) fn money(facts: &Facts<'_>, amount: f64) -> Value {
    if facts.currency.is_empty() {
        return Value::Unknown;
    }
    Value::Money { micros: (amount * 1e6).round() as i64, currency: facts.currency.to_owned() }
}

/// What is not known is said to be so.
pub(super) fn or_unknown<T>(value: Option<T>, shown: impl Fn(T) -> Value) -> Value {
    value.map_or(Value::Unknown, shown)
}

/// The calls of the period, in the console.
pub(super) fn calls(facts: &Facts<'_>) -> Address {
    Address::new(["calls"])
        .with("customer", facts.customer)
        .with("from", &moment(facts.period.from))
        .with("to", &moment(facts.period.to))
}

/// A case, in the console.
pub(super) fn case(number: &str) -> Href {
    Address::new(["cases", number]).href()
}

/// A caller or called: the number, with its calls behind it.
pub(super) fn person(facts: &Facts<'_>, side: &str, digits: u64) -> Cell {
    let number = format!("+{digits}");
    let link = calls(facts).with(side, &number).href();
    Cell::new(Value::Person(number)).to(link)
}

/// A big figure with what it was before.
pub(super) fn figure(
    facts: &Facts<'_>,
    (label, metric, wanted): (&str, Metric, Wanted),
    value: impl Fn(&Answers) -> Value,
) -> Figure {
    let before = [("before", facts.before), ("52 weeks ago", facts.year_ago)].into_iter();
    let before = before.filter_map(|(when, answers)| {
        let answers = answers.filter(|answers| answers.attempts.total > 0)?;
        Some(Change { when: when.to_owned(), value: value(answers) })
    });
    Figure {
        label: label.to_owned(),
        value: value(facts.answers),
        metric: Some(metric),
        before: before.collect(),
        wanted,
        link: Some(calls(facts).href()),
    }
}

/// Figures of different kinds, one below the other, each with its formula.
pub(super) fn figures(rows: Vec<(&str, Metric, Value)>) -> Block {
    let definition = |(what, metric, value): (&str, Metric, Value)| Definition {
        term: what.to_owned(),
        text: Text::new().figure(value, metric, None),
    };
    Block::Definitions(rows.into_iter().map(definition).collect())
}

/// A moment as links carry it (RFC 3339).
pub(super) fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).unwrap_or_default().to_string()
}

/// A table, or the words for there being nothing to show in one.
pub(super) fn table_or(table: Table, nothing: &str) -> Block {
    if table.rows.is_empty() { Block::Paragraph(nothing.into()) } else { Block::Table(table) }
}

/// What stands behind each figure: the formulas of the metrics that `sections` cite.
pub(super) fn method(facts: &Facts<'_>, sections: &[Section]) -> Section {
    let cited = crate::document::cited(sections);
    let definitions = Figures::DEFINITIONS
        .iter()
        .chain(Measures::DEFINITIONS)
        .filter(|it| cited.iter().any(|id| id.to_string() == it.id));
    let definitions: Vec<Definition> = definitions
        .map(|it| Definition {
            term: format!("{} {}", it.id, it.name),
            text: Text::new().plain(it.counts).plain(" ").code(it.formula).plain(" ").plain(it.omits),
        })
        .collect();
    let zone = facts.zone.iana_name().unwrap_or("UTC");
    let text = Text::new()
        .plain(format!("Days and hours are those of {zone}. The period ends just before its last moment. "))
        .plain("Rates of fewer than 30 are shown with their numbers and the interval of Wilson (95 %). ")
        .plain("A call is counted once, however often it was repeated or forked.");
    Section::appendix("Method", vec![Block::Paragraph(text), Block::Definitions(definitions)])
}
