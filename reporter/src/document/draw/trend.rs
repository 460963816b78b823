//! Lines over time, and the frame that charts with an axis share.

use super::super::{Line, Unit};
use super::canvas::{Anchor, Canvas, Place, SIZE, SMALL, WIDTH, spread};
use super::font::width;
use super::scale::{Scale, label};

/// Where the data of a chart with an axis are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    /// What is beside them for names.
    pub(super) room_right: f64,
}

impl Frame {
    /// Leaves room for marks on the left, and for `names` on the right with `more` before each.
    pub(super) fn new<'a>(
        unit: &Unit,
        scale: &Scale,
        names: impl Iterator<Item = &'a str>,
        height: f64,
        more: f64,
    ) -> Self {
        let marks = scale.marks.iter().map(|mark| width(&label(unit, *mark), SIZE)).fold(0.0, f64::max);
        let named = names.map(|name| width(name, SIZE)).fold(0.0, f64::max);
        let room_right = if named > 0.0 { (named + more).min(NAMES_MAX) } else { 0.0 };
        let left = marks + 10.0;
        Self { left, right: WIDTH - room_right - 12.0, top: 30.0, bottom: height - 30.0, room_right }
    }

    /// How far down `value` stands.
    pub(super) fn y(&self, scale: &Scale, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * scale.at(value)
    }

    /// Marks, their lines, and what is counted.
    pub(super) fn draw(&self, canvas: &mut Canvas, unit: &Unit, scale: &Scale) {
        canvas.set_height(self.bottom + 30.0);
        for mark in &scale.marks {
            let y = self.y(scale, *mark);
            let class = if *mark == 0.0 { "axis" } else { "grid" };
            canvas.rule((self.left, y), (self.right, y), class);
            let place = Place { x: self.left - 6.0, y: y + 4.0, anchor: Anchor::End, size: SIZE };
            canvas.text(&label(unit, *mark), place, self.left, "soft");
        }
        let what = match unit {
            Unit::Count(name) => name.as_str(),
            Unit::Money(currency) => currency.as_str(),
            Unit::Percent | Unit::Duration => return,
        };
        let place = Place { x: 0.0, y: 12.0, anchor: Anchor::Start, size: SIZE };
        canvas.text(what, place, WIDTH / 2.0, "soft");
    }
}

pub(super) fn draw(mut canvas: Canvas, unit: &Unit, points: &[String], lines: &[Line]) -> Canvas {
    let (points, lines) =
        (points.get(..POINTS_MAX).unwrap_or(points), lines.get(..LINES_MAX).unwrap_or(lines));
    let value = |line: &Line, at: usize| line.values.get(at).copied().flatten().filter(|it| it.is_finite());
    let all = lines.iter().flat_map(|line| (0..points.len()).filter_map(move |at| value(line, at)));
    let Some(largest) = all.fold(None, |most: Option<f64>, it| Some(most.map_or(it, |most| most.max(it))))
    else {
        return canvas.nothing();
    };
    let scale = Scale::new(unit, largest);
    let frame = Frame::new(unit, &scale, lines.iter().map(|line| line.name.as_str()), HEIGHT, 4.0);
    frame.draw(&mut canvas, unit, &scale);
    let slot = (frame.right - frame.left - 2.0 * INSET) / (points.len().max(2) - 1) as f64;
    let x = |at: usize| match points.len() {
        1 => f64::midpoint(frame.left, frame.right),
        _ => frame.left + INSET + slot * at as f64,
    };
    let mut wanted = Vec::new();
    for line in lines {
        let places: Vec<Option<(f64, f64)>> =
            (0..points.len()).map(|at| value(line, at).map(|it| (x(at), frame.y(&scale, it)))).collect();
        canvas.line(&places, line.hue, 2.5);
        for (at, (x, y)) in places.iter().enumerate().filter_map(|(at, place)| Some((at, (*place)?))) {
            let name = points.get(at).map_or("", String::as_str);
            let tip = format!("{name}, {}: {}", line.name, label(unit, value(line, at).unwrap_or_default()));
            canvas.dot((x, y), 2.5, line.hue, None, &tip);
        }
        let end = places.iter().rev().flatten().next().map_or(frame.bottom, |place| place.1);
        wanted.push(end + 4.0);
    }
    let first = if points.len() == 1 { (frame.right - frame.left) / 2.0 / slot } else { INSET / slot };
    labels_below(&mut canvas, &frame, points, slot, first);
    let places = spread(&wanted, SIZE * 1.35, frame.top, frame.bottom + 4.0);
    for (line, y) in lines.iter().zip(places) {
        let place = Place { x: frame.right + 6.0, y, anchor: Anchor::Start, size: SIZE };
        canvas.text(&line.name, place, frame.room_right, "ink");
    }
    canvas
}

/// Names below the axis, `slot` apart, the first one so many slots behind its left end: as many as have room, each so manieth,
/// reckoned from the last one.
pub(super) fn labels_below(canvas: &mut Canvas, frame: &Frame, names: &[String], slot: f64, first: f64) {
    let size = if names.len() > 16 { SMALL } else { SIZE };
    let widest = names.iter().map(|name| width(name, size)).fold(0.0, f64::max).min(LABEL_MAX);
    let each = ((widest + 8.0) / slot).ceil().max(1.0) as usize;
    let mut free = f64::INFINITY;
    for (index, name) in names.iter().enumerate().rev().step_by(each) {
        let half = width(name, size).min(LABEL_MAX) / 2.0;
        let x = (frame.left + slot * (index as f64 + first)).clamp(half, WIDTH - half);
        if x + half + 4.0 > free {
            continue;
        }
        free = x - half;
        let place = Place { x, y: frame.bottom + 18.0, anchor: Anchor::Middle, size };
        canvas.text(name, place, LABEL_MAX, "soft");
    }
}

const HEIGHT: f64 = 230.0;
const POINTS_MAX: usize = 120;
const LINES_MAX: usize = 5;
/// Names beside the data are cut at that width.
const NAMES_MAX: f64 = 180.0;
/// Names below are.
const LABEL_MAX: f64 = 110.0;
/// Between the axis and the first point.
const INSET: f64 = 12.0;
