//! Figures that stand outside of tables, as a table: a spreadsheet has every figure that a page has.

use super::{Block, Cell, Column, Document, Figure, Inline, Kind, Metric, Section, Table, Text, Value};

impl Document {
    /// Those of boxes, of definitions and of sentences, in their order, with what they were before; `None` where there are none.
    pub(super) fn figured(&self) -> Option<Table> {
        let mut figured = Figured { earlier: Vec::new(), rows: Vec::new() };
        for (_, section) in self.numbered() {
            section.blocks.iter().for_each(|block| figured.take(section, block));
        }
        let Figured { earlier, rows } = figured;
        let columns = [
            Column::new("Section", Kind::Text),
            Column::new("Figure", Kind::Text),
            Column::new("Metric", Kind::Text),
            Column::new("Value", Kind::Share),
            Column::new("Unit", Kind::Text),
        ];
        let columns = columns.into_iter().chain(earlier.iter().map(|when| Column::new(when, Kind::Number)));
        let mut table = Table::new("figures", "Figures outside of tables", columns.collect());
        table.rows = rows;
        (!table.rows.is_empty()).then_some(table)
    }
}

struct Figured {
    /// What figures are compared with.
    earlier: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Figured {
    fn take(&mut self, section: &Section, block: &Block) {
        match block {
            Block::Headline(headline) => headline.figures.iter().for_each(|figure| self.big(section, figure)),
            Block::Definitions(definitions) => definitions
                .iter()
                .for_each(|definition| self.text(section, Some(&definition.term), &definition.text)),
            Block::Paragraph(text) => self.text(section, None, text),
            Block::Bullets(texts) => texts.iter().for_each(|text| self.text(section, None, text)),
            Block::Callout(callout) => self.text(section, None, &callout.text),
            Block::Table(_) | Block::Chart(_) | Block::Buttons(_) | Block::Heading(_) => {}
        }
    }

    fn big(&mut self, section: &Section, figure: &Figure) {
        for change in &figure.before {
            if !self.earlier.contains(&change.when) {
                self.earlier.push(change.when.clone());
            }
        }
        let mut row = row(section, figure.label.clone(), figure.metric, &figure.value);
        row.extend(self.earlier.iter().map(|when| {
            let change = figure.before.iter().find(|change| change.when == *when);
            Cell::from(change.map_or(Value::Unknown, |change| change.value.clone()))
        }));
        self.rows.push(row);
    }

    /// Figures in words; without a `term` they are called by the sentence that they stand in.
    fn text(&mut self, section: &Section, term: Option<&str>, text: &Text) {
        for piece in &text.0 {
            if let Inline::Figure { value, metric, .. } = piece {
                let name = term.map_or_else(|| words(text), str::to_owned);
                self.rows.push(row(section, name, *metric, value));
            }
        }
    }
}

fn row(section: &Section, name: String, metric: Option<Metric>, value: &Value) -> Vec<Cell> {
    let metric = metric.map_or(Value::Unknown, |metric| Value::Text(metric.to_string()));
    vec![
        Value::Text(section.title.clone()).into(),
        Value::Text(name).into(),
        metric.into(),
        value.clone().into(),
        Value::text(unit(value)).into(),
    ]
}

fn words(text: &Text) -> String {
    let pieces = text.0.iter().map(|piece| match piece {
        Inline::Plain(words) | Inline::Strong(words) | Inline::Emphasis(words) | Inline::Code(words) => words,
        Inline::Link { text, .. } => text,
        _ => "…",
    });
    pieces.collect()
}

/// What a value is counted in.
fn unit(value: &Value) -> &str {
    match value {
        Value::Unknown => "",
        Value::Text(_) | Value::Person(_) => "text",
        Value::Count(_) => "count",
        Value::Number(..) => "number",
        Value::Percent(_) | Value::Share(_) | Value::Estimate(_) => "share",
        Value::Duration(_) => "seconds",
        Value::Money { currency, .. } => currency,
        Value::Time(_) => "time",
        Value::Day(_) => "day",
        Value::Range(low, _) => unit(low),
    }
}
