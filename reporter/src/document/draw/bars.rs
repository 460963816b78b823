//! Bars from left to right, what each is on its left and how much on its right.

use super::super::wording::Wording;
use super::super::{Bar, Unit};
use super::canvas::{Anchor, Area, Canvas, Place, SIZE, WIDTH};
use super::font::width;

pub(super) fn draw(mut canvas: Canvas, wording: &Wording, unit: &Unit, bars: &[Bar]) -> Canvas {
    let bars: Vec<&Bar> = bars.iter().filter(|bar| bar.value.is_finite()).take(BARS_MAX).collect();
    if bars.is_empty() {
        return canvas.nothing();
    }
    let said: Vec<String> = bars.iter().map(|bar| wording.say(&unit.value(Some(bar.value)))).collect();
    let named = bars.iter().map(|bar| width(&bar.label, SIZE)).fold(0.0, f64::max).min(NAMES_MAX);
    let told = said.iter().map(|text| width(text, SIZE)).fold(0.0, f64::max).min(NAMES_MAX);
    let left = named + 10.0;
    let room = WIDTH - left - told - 10.0;
    let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    canvas.set_height(TALL * bars.len() as f64 + 4.0);
    for (index, (bar, said)) in bars.iter().zip(&said).enumerate() {
        let y = TALL * index as f64;
        canvas.linked(bar.link.as_ref(), |canvas| {
            let place = Place { x: left - 6.0, y: y + 15.0, anchor: Anchor::End, size: SIZE };
            canvas.text(&bar.label, place, NAMES_MAX, "ink");
        });
        let long = if most > 0.0 { (bar.value / most).clamp(0.0, 1.0) * room } else { 0.0 };
        let area = Area { x: left, y: y + 3.0, width: long, height: TALL - 7.0 };
        canvas.area(area, bar.hue, 1.0, &format!("{}: {said}", bar.label));
        let place = Place { x: left + long + 6.0, y: y + 15.0, anchor: Anchor::Start, size: SIZE };
        canvas.text(said, place, NAMES_MAX, "ink");
    }
    canvas.rule((left, 0.0), (left, TALL * bars.len() as f64), "axis");
    canvas
}

const BARS_MAX: usize = 40;
const NAMES_MAX: f64 = 240.0;
const TALL: f64 = 22.0;
