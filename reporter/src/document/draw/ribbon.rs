//! What is usual over a week, a limit, and what went past it.

use super::super::{Dot, Hue, Unit};
use super::canvas::{Anchor, Canvas, Place, SIZE, WIDTH, spread};
use super::font::width;
use super::scale::{Scale, label};
use super::trend::Frame;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ribbon<'a> {
    pub(super) points: &'a [String],
    pub(super) low: &'a [Option<f64>],
    pub(super) median: &'a [Option<f64>],
    pub(super) high: &'a [Option<f64>],
    pub(super) limit: &'a [Option<f64>],
    pub(super) dots: &'a [Dot],
}

pub(super) fn draw(mut canvas: Canvas, unit: &Unit, ribbon: &Ribbon<'_>) -> Canvas {
    let count = ribbon.points.len().min(POINTS_MAX);
    let lines = [ribbon.low, ribbon.median, ribbon.high, ribbon.limit];
    let dots: Vec<&Dot> =
        ribbon.dots.iter().filter(|dot| dot.at < count && dot.value.is_finite()).take(DOTS_MAX).collect();
    let known =
        lines.iter().flat_map(|line| line.iter().take(count).flatten().copied().filter(|it| it.is_finite()));
    let all = known.chain(dots.iter().map(|dot| dot.value));
    let Some(largest) = all.fold(None, |most: Option<f64>, it| Some(most.map_or(it, |most| most.max(it))))
    else {
        return canvas.nothing();
    };
    let scale = Scale::new(unit, largest);
    let frame = Frame::new(unit, &scale, NAMES.into_iter(), HEIGHT, 4.0);
    frame.draw(&mut canvas, unit, &scale);
    let slot = (frame.right - frame.left) / count as f64;
    let x = |at: usize| frame.left + slot * (at as f64 + 0.5);
    let places = |line: &[Option<f64>]| -> Vec<Option<(f64, f64)>> {
        let finite = |at| line.get(at).copied().flatten().filter(|it: &f64| it.is_finite());
        (0..count).map(|at| finite(at).map(|it| (x(at), frame.y(&scale, it)))).collect()
    };
    let (low, median, high, limit) =
        (places(ribbon.low), places(ribbon.median), places(ribbon.high), places(ribbon.limit));
    days(&mut canvas, &frame, ribbon.points.get(..count).unwrap_or_default(), slot);
    canvas.band(&low, &high, Hue::Plain);
    canvas.line(&median, Hue::Plain, 2.0);
    canvas.line(&limit, Hue::Limit, 1.5);
    for dot in &dots {
        let at = (x(dot.at), frame.y(&scale, dot.value));
        let tip = format!("{}: {}", dot.label, label(unit, dot.value));
        canvas.dot(at, 4.5, Hue::Blocked, dot.link.as_ref(), &tip);
    }
    if let Some(highest) =
        dots.iter().copied().reduce(|most, it| if it.value > most.value { it } else { most })
    {
        let text = format!("{}: {}", highest.label, label(unit, highest.value));
        let (x, y) = (x(highest.at), frame.y(&scale, highest.value));
        let is_left = x > f64::midpoint(frame.left, frame.right);
        let (x, anchor) = if is_left { (x - 9.0, Anchor::End) } else { (x + 9.0, Anchor::Start) };
        let room = if is_left { x - frame.left } else { frame.right - x };
        canvas.text(&text, Place { x, y: y + 4.0, anchor, size: SIZE }, room.min(WIDTH / 3.0), "ink");
    }
    let end = |line: &[Option<(f64, f64)>]| line.iter().rev().flatten().next().map(|place| place.1);
    let middle = end(&low).zip(end(&high)).map(|(low, high)| f64::midpoint(low, high));
    let named: Vec<(&str, f64)> = NAMES
        .into_iter()
        .zip([end(&limit), end(&median), middle])
        .filter_map(|(name, y)| Some((name, y? + 4.0)))
        .collect();
    let wanted: Vec<f64> = named.iter().map(|(_, y)| *y).collect();
    let ends = spread(&wanted, SIZE * 1.35, frame.top, frame.bottom + 4.0);
    for ((name, _), y) in named.iter().zip(ends) {
        let place = Place { x: frame.right + 6.0, y, anchor: Anchor::Start, size: SIZE };
        canvas.text(name, place, frame.room_right, "ink");
    }
    canvas
}

/// Names where something begins, each with a line, as many as have room.
fn days(canvas: &mut Canvas, frame: &Frame, points: &[String], slot: f64) {
    let mut free = f64::NEG_INFINITY;
    for (at, name) in points.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let x = frame.left + slot * at as f64;
        canvas.rule((x, frame.top), (x, frame.bottom), "grid");
        let wide = width(name, SIZE).min(LABEL_MAX);
        if x + 3.0 >= free && x + 3.0 + wide <= WIDTH {
            let place = Place { x: x + 3.0, y: frame.bottom + 18.0, anchor: Anchor::Start, size: SIZE };
            canvas.text(name, place, LABEL_MAX, "soft");
            free = x + 3.0 + wide + 8.0;
        }
    }
}

const HEIGHT: f64 = 250.0;
const POINTS_MAX: usize = 24 * 31;
const DOTS_MAX: usize = 200;
const LABEL_MAX: f64 = 110.0;
/// What the lines are, from the top as they usually end.
const NAMES: [&str; 3] = ["limit", "median", "middle 90 %"];
