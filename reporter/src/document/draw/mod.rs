//! Charts as SVG, which pages, files and the typesetter show alike.
//!
//! No script, no style sheet and no font of its own: colours are attributes, which the dark style of a page overrides by class.
//! Text is placed by the widths of the widest usual font, so that it fits with any other.

mod bars;
mod canvas;
mod colour;
mod font;
mod heat;
mod multiples;
mod ribbon;
mod scale;
mod stacked;
#[cfg(test)]
mod tests;
mod trend;

pub(super) use colour::ACCENT;

use super::behind;
use super::markup::{Drawn, plain};
use super::wording::Wording;
use super::{Chart, Drawing};
use canvas::Canvas;

/// The drawing of `chart`; names in it begin with `id`, `font` is a list of families.
pub(super) fn svg(
    chart: &Chart,
    id: &str,
    wording: &Wording,
    font: &'static str,
    desk: Option<&str>,
) -> Drawn {
    draw(chart, wording, Canvas::new(id, font, desk))
        .into_svg(&plain(&chart.message, 400), &behind::alternative(chart, wording))
}

fn draw(chart: &Chart, wording: &Wording, canvas: Canvas) -> Canvas {
    match &chart.drawing {
        Drawing::Stacked { days, parts } => stacked::draw(canvas, &chart.unit, days, parts),
        Drawing::Trend { points, lines } => trend::draw(canvas, &chart.unit, points, lines),
        Drawing::Heat { rows, columns, values, hue } => {
            heat::draw(canvas, wording, &chart.unit, &heat::Grid { rows, columns, values, hue: *hue })
        }
        Drawing::Ribbon { points, low, median, high, limit, dots } => {
            let ribbon = ribbon::Ribbon { points, low, median, high, limit, dots };
            ribbon::draw(canvas, &chart.unit, &ribbon)
        }
        Drawing::Multiples { panels, hue } => multiples::draw(canvas, wording, &chart.unit, panels, *hue),
        Drawing::Bars { bars } => bars::draw(canvas, wording, &chart.unit, bars),
    }
}
