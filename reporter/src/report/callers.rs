//! Who called most, and got on people's nerves most.

use super::Facts;
use super::parts::{case, count, person, text};
use crate::document::{Block, Cell, Column, Kind, Metric, Table, Text, Value};

/// The callers of M6, the worst first.
pub(super) fn worst(facts: &Facts<'_>, most: usize) -> Block {
    let harassment = &facts.answers.callers;
    let mut table = Table::new(
        "callers",
        "Callers by harassment index",
        vec![
            Column::new("Caller", Kind::Person),
            Column::new("Index", Kind::Number).of(Metric(6)),
            Column::new("Calls", Kind::Count),
            Column::new("Days", Kind::Count),
            Column::new("Under 6 s", Kind::Share),
            Column::new("Blocked", Kind::Count),
            Column::new("First", Kind::Time),
            Column::new("Last", Kind::Time),
            Column::new("Case", Kind::Text),
        ],
    );
    for caller in harassment.top.iter().take(most) {
        let number = caller.cases.last();
        let in_case = number.map_or_else(|| text(""), |number| text(number.as_str()).to(case(number)));
        table.rows.push(vec![
            person(facts, "caller", caller.number),
            Value::Number(caller.index, 1).into(),
            count(caller.calls),
            count(caller.days),
            Cell::from(super::parts::share(caller.short)),
            count(caller.blocked),
            Value::Time(caller.first).into(),
            Value::Time(caller.last).into(),
            in_case,
        ]);
    }
    if harassment.missed_max > 0 {
        let words = format!(
            "There were more callers than are kept: one who is not shown may have called up to {} times.",
            harassment.missed_max
        );
        table.notes.push(Text::from(words));
    }
    super::parts::table_or(table, "Nobody called.")
}
