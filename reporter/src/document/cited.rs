//! Which formulas a report cites.

use std::collections::BTreeSet;

use super::{Block, Inline, Metric, Section, Table, Text};

/// The formulas that figures, tables and charts of `sections` come from.
pub fn cited(sections: &[Section]) -> BTreeSet<Metric> {
    let mut found = BTreeSet::new();
    for block in sections.iter().flat_map(|section| &section.blocks) {
        match block {
            Block::Headline(headline) => {
                found.extend(headline.figures.iter().filter_map(|figure| figure.metric))
            }
            Block::Paragraph(text) => of_text(text, &mut found),
            Block::Bullets(texts) => texts.iter().for_each(|text| of_text(text, &mut found)),
            Block::Table(table) => of_table(table, &mut found),
            Block::Chart(chart) => found.extend(chart.metric),
            Block::Callout(callout) => of_text(&callout.text, &mut found),
            Block::Definitions(definitions) => {
                definitions.iter().for_each(|definition| of_text(&definition.text, &mut found));
            }
            Block::Buttons(_) | Block::Heading(_) => {}
        }
    }
    found
}

fn of_text(text: &Text, found: &mut BTreeSet<Metric>) {
    found.extend(text.0.iter().filter_map(|piece| match piece {
        Inline::Figure { metric, .. } => *metric,
        _ => None,
    }));
}

fn of_table(table: &Table, found: &mut BTreeSet<Metric>) {
    found.extend(table.columns.iter().filter_map(|column| column.metric));
    table.notes.iter().for_each(|note| of_text(note, found));
}
