//! Tables as files have them: one value a column, without rounding.

use rules::Timestamp;

use super::{Href, Kind, Share, Table, Value};

/// A table whose columns have one value each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sheet {
    /// One for each column.
    pub(super) heads: Vec<Head>,
    /// As many fields as there are heads.
    pub(super) rows: Vec<Vec<Field>>,
}

/// The heading of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// With unit: `Talk time (seconds)`.
    pub(super) name: String,
    /// Which column of the table it is of, from 0.
    pub(super) of: usize,
    /// Whether this one has the links of it.
    pub(super) has_links: bool,
    /// How sheets show it.
    pub(super) style: Style,
}

/// How sheets show a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Text,
    Whole,
    Number,
    Percent,
    Money,
    Moment,
    Day,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    Empty,
    Text(String),
    Whole(u64),
    Number(f64),
    Moment(Timestamp),
    Day(Timestamp),
}

impl Sheet {
    /// All of `table`.
    pub(super) fn new(table: &Table) -> Self {
        let mut heads = Vec::new();
        for (of, column) in table.columns.iter().enumerate() {
            let mut put = |name: String, style, has_links| heads.push(Head { name, of, has_links, style });
            let name = match column.metric {
                Some(metric) => format!("{} {metric}", column.name),
                None => column.name.clone(),
            };
            match column.kind {
                Kind::Text | Kind::Person => put(name, Style::Text, true),
                Kind::Count => put(name, Style::Whole, true),
                Kind::Number => put(name, Style::Number, true),
                Kind::Duration => put(format!("{name} (seconds)"), Style::Number, true),
                Kind::Time => put(name, Style::Moment, true),
                Kind::Day => put(name, Style::Day, true),
                Kind::Money => {
                    put(name.clone(), Style::Money, true);
                    put(format!("{name} (currency)"), Style::Text, false);
                }
                Kind::Share => {
                    put(name.clone(), Style::Percent, true);
                    for (part, style) in [
                        ("part", Style::Whole),
                        ("of", Style::Whole),
                        ("95 % from", Style::Percent),
                        ("95 % to", Style::Percent),
                    ] {
                        put(format!("{name} ({part})"), style, false);
                    }
                }
            }
        }
        let rows = table.rows.iter().map(|row| {
            let fields = table.columns.iter().enumerate().flat_map(|(at, column)| {
                row.get(at).map_or_else(
                    || vec![Field::Empty; width(column.kind)],
                    |cell| fields(column.kind, &cell.value),
                )
            });
            fields.collect()
        });
        Self { rows: rows.collect(), heads }
    }
}

/// The link of a row's cell of column `of`.
pub(super) fn link(table: &Table, row: usize, of: usize) -> Option<&Href> {
    table.rows.get(row)?.get(of)?.link.as_ref()
}

/// Fields that a column of a kind takes.
fn width(kind: Kind) -> usize {
    match kind {
        Kind::Share => 5,
        Kind::Money => 2,
        _ => 1,
    }
}

fn fields(kind: Kind, value: &Value) -> Vec<Field> {
    match (kind, value) {
        (Kind::Share, Value::Share(share) | Value::Estimate(share)) => shares(*share),
        (Kind::Share, other) => padded(single(other), 5),
        (Kind::Money, Value::Money { micros, currency }) => {
            vec![Field::Number(*micros as f64 / 1e6), Field::Text(currency.clone())]
        }
        (Kind::Money, other) => padded(single(other), 2),
        (_, other) => vec![single(other)],
    }
}

fn padded(first: Field, width: usize) -> Vec<Field> {
    let mut fields = vec![Field::Empty; width];
    if let Some(place) = fields.first_mut() {
        *place = first;
    }
    fields
}

fn shares(share: Share) -> Vec<Field> {
    let number = |value: Option<f64>| value.map_or(Field::Empty, Field::Number);
    let interval = share.interval();
    vec![
        number(share.ratio()),
        Field::Whole(share.part),
        Field::Whole(share.whole),
        number(interval.map(|(low, _)| low)),
        number(interval.map(|(_, high)| high)),
    ]
}

fn single(value: &Value) -> Field {
    match value {
        Value::Unknown => Field::Empty,
        Value::Text(text) | Value::Person(text) => Field::Text(text.clone()),
        Value::Count(count) => Field::Whole(*count),
        Value::Number(number, _) | Value::Percent(number) if number.is_finite() => Field::Number(*number),
        Value::Number(..) | Value::Percent(_) => Field::Empty,
        Value::Share(share) | Value::Estimate(share) => share.ratio().map_or(Field::Empty, Field::Number),
        Value::Duration(micros) => Field::Number(*micros as f64 / 1e6),
        Value::Money { micros, .. } => Field::Number(*micros as f64 / 1e6),
        Value::Time(at) => Field::Moment(*at),
        Value::Day(at) => Field::Day(*at),
        Value::Range(low, high) => Field::Text(match (single(low), single(high)) {
            (Field::Number(low), Field::Number(high)) => format!("{low} to {high}"),
            (Field::Whole(low), Field::Whole(high)) => format!("{low} to {high}"),
            (Field::Text(low), Field::Text(high)) => format!("{low} to {high}"),
            _ => String::new(),
        }),
    }
}
