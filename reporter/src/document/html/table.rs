//! Tables on a page.

use super::super::markup::{Markup, plain};
use super::super::outline::left_out;
use super::super::{Cell, Kind, Table};
use super::Page;

impl Page<'_> {
    /// A table that can be moved sideways where it is wider than the page.
    pub(super) fn table(&self, out: &mut Markup, id: &str, table: &Table) {
        out.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"")
            .text(id)
            .raw("-c\">\n");
        out.raw("<table>\n<caption id=\"").text(id).raw("-c\"><bdi>").text(&plain(&table.caption, 400));
        out.raw("</bdi></caption>\n<thead>\n<tr>");
        for column in &table.columns {
            out.raw("<th scope=\"col\"").raw(class(column.kind)).raw("><bdi>").text(&plain(&column.name, 80));
            out.raw("</bdi>");
            if let Some(metric) = column.metric {
                out.raw(" <span class=\"metric\">").text(&metric.to_string()).raw("</span>");
            }
            out.raw("</th>");
        }
        out.raw("</tr>\n</thead>\n<tbody>\n");
        let (rows, more) = table.shown(ROWS_MAX);
        for (index, row) in rows.iter().enumerate() {
            let is_total = table.has_total && index + 1 == table.rows.len();
            out.raw(if is_total { "<tr class=\"total\">" } else { "<tr>" });
            for (place, column) in table.columns.iter().enumerate() {
                let (open, close) =
                    if place == 0 { ("<th scope=\"row\"", "</th>") } else { ("<td", "</td>") };
                let cell = row.get(place);
                let is_long = cell.is_some_and(|cell| has_long_word(&self.wording.say(&cell.value)));
                let class = match column.kind {
                    _ if is_long => " class=\"long\"",
                    // A dot stays beside its word.
                    Kind::Text if cell.is_some_and(|cell| cell.hue.is_some()) => " class=\"w\"",
                    kind => class(kind),
                };
                out.raw(open).raw(class).raw(">");
                if let Some(cell) = cell {
                    self.cell(out, cell);
                }
                out.raw(close);
            }
            out.raw("</tr>\n");
        }
        out.raw("</tbody>\n</table>\n</div>\n");
        if more > 0 {
            out.raw("<p class=\"left-out\">").text(&left_out(more)).raw("</p>\n");
        }
        for note in &table.notes {
            self.paragraph(out, "remark", note);
        }
    }

    fn cell(&self, out: &mut Markup, cell: &Cell) {
        if let Some(hue) = cell.hue {
            out.raw("<span class=\"dot dot-").raw(hue.class()).raw("\" aria-hidden=\"true\"></span>");
        }
        self.linked(out, cell.link.as_ref(), |out| self.value(out, &cell.value));
    }
}

/// A word that is wider than a column may be: it breaks anywhere.
fn has_long_word(text: &str) -> bool {
    text.split(char::is_whitespace).any(|word| word.chars().count() > WORD_MAX)
}

fn class(kind: Kind) -> &'static str {
    match kind {
        // An interval goes below its share, and the time of day below the day, where room is short.
        Kind::Share => " class=\"r\"",
        _ if kind.is_figure() => " class=\"n\"",
        Kind::Day | Kind::Person => " class=\"w\"",
        _ => "",
    }
}

/// More rows make a page that no program likes to open; files have all of them.
const ROWS_MAX: usize = 5_000;
/// Longer than a number with a name of a host before it.
const WORD_MAX: usize = 24;
