//! Small charts of one shape and one scale beside each other.

use super::super::wording::Wording;
use super::super::{Hue, Panel, Unit};
use super::canvas::{Anchor, Area, Canvas, Place, SIZE, SMALL, WIDTH};
use super::font::width;

pub(super) fn draw(mut canvas: Canvas, wording: &Wording, unit: &Unit, panels: &[Panel], hue: Hue) -> Canvas {
    let panels = panels.get(..PANELS_MAX).unwrap_or(panels);
    let values = |panel: &Panel| -> Vec<Option<f64>> {
        panel.values.iter().take(VALUES_MAX).map(|it| it.filter(|it| it.is_finite())).collect()
    };
    let all = panels.iter().flat_map(|panel| values(panel).into_iter().flatten());
    let Some(most) = all.fold(None, |most: Option<f64>, it| Some(most.map_or(it, |most| most.max(it))))
    else {
        return canvas.nothing();
    };
    let across = panels.len().min(ACROSS);
    let wide = (WIDTH - GAP * (across - 1) as f64) / across as f64;
    canvas.set_height(TALL * panels.len().div_ceil(across) as f64 - 8.0);
    for (index, panel) in panels.iter().enumerate() {
        let (left, top) = ((wide + GAP) * (index % across) as f64, TALL * (index / across) as f64);
        let bottom = top + 84.0;
        canvas.linked(panel.link.as_ref(), |canvas| {
            let place = Place { x: left, y: top + 12.0, anchor: Anchor::Start, size: SIZE };
            canvas.text(&panel.title, place, wide, "ink");
        });
        canvas.rule((left, bottom), (left + wide, bottom), "axis");
        let values = values(panel);
        let slot = wide / values.len().max(1) as f64;
        let most_here = values.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut is_told = false;
        for (at, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            let height = if most > 0.0 { (value / most).clamp(0.0, 1.0) * 48.0 } else { 0.0 };
            let x = left + slot * at as f64;
            let area = Area { x: x + slot * 0.1, y: bottom - height, width: slot * 0.8, height };
            let said = wording.say(&unit.value(Some(*value)));
            canvas.area(area, hue, 1.0, &format!("{}: {said}", panel.title));
            if *value == most_here && !is_told {
                is_told = true;
                let half = width(&said, SMALL).min(wide) / 2.0;
                let x = (x + slot / 2.0).clamp(left + half, left + wide - half);
                let place = Place { x, y: bottom - height - 4.0, anchor: Anchor::Middle, size: SMALL };
                canvas.text(&said, place, wide, "ink");
            }
        }
        for (text, x, anchor) in
            [(&panel.ends.0, left, Anchor::Start), (&panel.ends.1, left + wide, Anchor::End)]
        {
            canvas.text(text, Place { x, y: bottom + 14.0, anchor, size: SMALL }, wide / 2.0 - 4.0, "soft");
        }
    }
    canvas
}

const ACROSS: usize = 4;
const PANELS_MAX: usize = 24;
const VALUES_MAX: usize = 48;
const GAP: f64 = 20.0;
const TALL: f64 = 116.0;
