//! What a chart shows as a table and in words, for who does not see it.

use super::wording::Wording;
use super::{Cell, Chart, Column, Drawing, Kind, Table, Unit, Value};

/// The table behind `chart`.
pub(super) fn table(chart: &Chart) -> Table {
    if let Some(table) = &chart.table {
        return table.clone();
    }
    let (columns, rows) = match &chart.drawing {
        Drawing::Stacked { days, parts } => {
            let lines: Vec<_> =
                parts.iter().map(|part| (part.name.as_str(), part.values.as_slice())).collect();
            lined(chart, "Day", days, &lines)
        }
        Drawing::Trend { points, lines } => {
            let lines: Vec<_> =
                lines.iter().map(|line| (line.name.as_str(), line.values.as_slice())).collect();
            lined(chart, "When", points, &lines)
        }
        Drawing::Heat { rows, columns, values, .. } => {
            let lines: Vec<_> =
                rows.iter().zip(values).map(|(row, line)| (row.as_str(), line.as_slice())).collect();
            lined(chart, "Hour", columns, &lines)
        }
        Drawing::Ribbon { points, low, median, high, limit, dots } => {
            let mut name = "";
            let mut since = 0;
            let named: Vec<String> = points
                .iter()
                .enumerate()
                .map(|(at, point)| {
                    if !point.is_empty() {
                        (name, since) = (point.as_str(), at);
                    }
                    if at == since { name.to_owned() } else { format!("{name} +{}", at - since) }
                })
                .collect();
            let mut past = vec![None; points.len()];
            for dot in dots {
                if let Some(most) = past.get_mut(dot.at) {
                    *most = Some(most.map_or(dot.value, |most: f64| most.max(dot.value)));
                }
            }
            let lines = [
                ("5 % were below", low.as_slice()),
                ("Median", median),
                ("95 % were below", high),
                ("Limit", limit),
                ("Past it", &past),
            ];
            lined(chart, "When", &named, &lines)
        }
        Drawing::Multiples { panels, .. } => {
            let mut columns = vec![Column::new("What", Kind::Text)];
            let most = panels.iter().map(|panel| panel.values.len()).max().unwrap_or_default();
            columns.extend((1..=most).map(|at| Column::new(at.to_string(), kind(&chart.unit))));
            let rows = panels.iter().map(|panel| {
                let values = (0..most).map(|at| amount(chart, panel.values.get(at).copied().flatten()));
                let mut title = Cell::new(Value::text(&panel.title));
                title.link = panel.link.clone();
                std::iter::once(title).chain(values).collect()
            });
            (columns, rows.collect())
        }
        Drawing::Bars { bars } => {
            let columns =
                vec![Column::new("What", Kind::Text), Column::new(noun(&chart.unit), kind(&chart.unit))];
            let rows = bars.iter().map(|bar| {
                let mut name = Cell::new(Value::text(&bar.label)).hue(bar.hue);
                name.link = bar.link.clone();
                vec![name, amount(chart, Some(bar.value))]
            });
            (columns, rows.collect())
        }
    };
    let caption = format!("The figures of: {}", chart.message);
    Table { rows, ..Table::new(&chart.name, caption, columns) }
}

/// What it shows, in words.
pub(super) fn alternative(chart: &Chart, wording: &Wording) -> String {
    if !chart.alternative.is_empty() {
        return super::markup::plain(&chart.alternative, WORDS_MAX);
    }
    let (kind, count, of) = match &chart.drawing {
        Drawing::Stacked { days, .. } => ("Stacked bars", days.len(), "days"),
        Drawing::Trend { points, .. } => ("Lines", points.len(), "points in time"),
        Drawing::Heat { rows, .. } => ("Heat map", rows.len(), "rows"),
        Drawing::Ribbon { points, .. } => {
            ("Ribbon of median, middle 90 % and limit", points.len(), "points in time")
        }
        Drawing::Multiples { panels, .. } => ("Small bar charts", panels.len(), "of them"),
        Drawing::Bars { bars } => ("Bars", bars.len(), "of them"),
    };
    let mut said = format!("{kind}, {count} {of}.");
    let table = table(chart);
    for (index, column) in table.columns.iter().enumerate().skip(1).take(COLUMNS_TOLD) {
        let values = table.rows.iter().filter_map(|row| Some((row.first()?, row.get(index)?)));
        let most = values
            .filter_map(|(name, cell)| Some((name, &cell.value, cell.value.amount()?)))
            .reduce(|most, it| if it.2 > most.2 { it } else { most });
        if let Some((name, value, _)) = most {
            said.push_str(&format!(
                " {}: most {}, {}.",
                column.name,
                wording.say(value),
                wording.say(&name.value)
            ));
        }
    }
    said.push_str(" All figures are in the table.");
    super::markup::plain(&said, WORDS_MAX)
}

fn lined(
    chart: &Chart,
    first: &str,
    names: &[String],
    lines: &[(&str, &[Option<f64>])],
) -> (Vec<Column>, Vec<Vec<Cell>>) {
    let mut columns = vec![Column::new(first, Kind::Text)];
    columns.extend(lines.iter().map(|(name, _)| Column::new(*name, kind(&chart.unit))));
    let row = |(at, name): (usize, &String)| {
        let values = lines.iter().map(|(_, line)| amount(chart, line.get(at).copied().flatten()));
        std::iter::once(Cell::new(Value::text(name))).chain(values).collect()
    };
    (columns, names.iter().enumerate().map(row).collect())
}

fn amount(chart: &Chart, amount: Option<f64>) -> Cell {
    Cell::new(chart.unit.value(amount))
}

fn kind(unit: &Unit) -> Kind {
    match unit {
        Unit::Count(_) => Kind::Number,
        Unit::Percent => Kind::Share,
        Unit::Duration => Kind::Duration,
        Unit::Money(_) => Kind::Money,
    }
}

fn noun(unit: &Unit) -> String {
    match unit {
        Unit::Count(name) => name.clone(),
        Unit::Percent => "Share".to_owned(),
        Unit::Duration => "Time".to_owned(),
        Unit::Money(currency) => currency.clone(),
    }
}

const WORDS_MAX: usize = 1_000;
/// Columns whose largest value is told.
const COLUMNS_TOLD: usize = 4;
