//! What all page formats say besides what is in sections: the number of each, what the report was made from, the banner.

use super::wording::{Wording, grouped};
use super::{Block, Callout, Chart, Document, Table, Text, Tone, Value, behind};

impl Document {
    /// `1`, `2`, … and `A`, `B`, … of appendices, in the order in which sections stand on a page: appendices last.
    pub(super) fn numbered(&self) -> Vec<(String, &super::Section)> {
        let main = self.sections.iter().filter(|section| !section.is_appendix);
        let last = self.sections.iter().filter(|section| section.is_appendix);
        let numbers = (1..).map(|number: usize| number.to_string());
        numbers.zip(main).chain((0..).map(letter).zip(last)).collect()
    }

    /// What it was made from: names and values.
    pub(super) fn made_from(&self, wording: &Wording) -> Vec<(&'static str, String)> {
        let stamp = &self.stamp;
        let policies = match &stamp.policies {
            None => "none".to_owned(),
            Some((first, last)) if first == last => wording.say(&Value::text(first)),
            Some((first, last)) => wording.say(&Value::range(Value::text(first), Value::text(last))),
        };
        let coverage = stamp.coverage;
        vec![
            ("Customer", wording.say(&Value::text(&self.customer))),
            (
                "Period",
                format!("{}, {}", wording.period(&self.period), super::markup::plain(&wording.zone_name, 60)),
            ),
            (
                "Data",
                format!(
                    "{}: {} of {} hours complete",
                    wording.say(&coverage.value()),
                    grouped(coverage.complete_hours),
                    grouped(coverage.hours)
                ),
            ),
            ("Policies in force", policies),
            ("Definitions of metrics", wording.say(&Value::text(&stamp.definitions))),
            (
                "Made",
                format!("{} by {}", wording.moment(stamp.generated), wording.say(&Value::text(&stamp.maker))),
            ),
            ("SHA-256", wording.say(&Value::text(&stamp.hash))),
        ]
    }

    /// That too little of the period was seen.
    pub(super) fn banner(&self, wording: &Wording) -> Option<Callout> {
        let coverage = self.stamp.coverage;
        coverage.is_low().then(|| Callout {
            tone: Tone::Warning,
            title: format!("Only {} of the period was seen", wording.say(&coverage.value())),
            text: Text::from(format!(
                "Data of {} of {} hours are missing or not complete. Counts are lower than what happened, and \
                 comparisons may mislead.",
                grouped(coverage.hours.saturating_sub(coverage.complete_hours)),
                grouped(coverage.hours)
            )),
        })
    }

    /// Every table in it, in order; those behind charts as well.
    pub fn tables(&self) -> Vec<Table> {
        let blocks = self.numbered().into_iter().flat_map(|(_, section)| &section.blocks);
        let tables = blocks.filter_map(|block| match block {
            Block::Table(table) => Some(table.clone()),
            Block::Chart(chart) => Some(of_chart(chart)),
            _ => None,
        });
        tables.chain(self.figured()).collect()
    }
}

impl Table {
    /// The rows that a page shows, and how many it does not.
    pub(super) fn shown(&self, rows_max: usize) -> (&[Vec<super::Cell>], u64) {
        let shown = self.rows.get(..rows_max).unwrap_or(&self.rows);
        let cut = (self.rows.len() - shown.len()) as u64;
        (shown, cut.saturating_add(self.rows_left_out))
    }
}

/// That rows are left out, below a table.
pub(super) fn left_out(rows: u64) -> String {
    let row = if rows == 1 { "row is" } else { "rows are" };
    format!("{} more {row} not shown.", grouped(rows))
}

fn of_chart(chart: &Chart) -> Table {
    behind::table(chart)
}

fn letter(index: usize) -> String {
    let letter = char::from(b'A' + (index % 26) as u8);
    if index < 26 { letter.to_string() } else { format!("{letter}{}", index / 26) }
}
