//! A bar for each day, of parts on top of each other.

use super::super::{Series, Unit};
use super::canvas::{Area, Canvas, SIZE, spread};
use super::scale::{Scale, label};
use super::trend::{Frame, labels_below};

pub(super) fn draw(mut canvas: Canvas, unit: &Unit, days: &[String], parts: &[Series]) -> Canvas {
    let (days, parts) = (days.get(..DAYS_MAX).unwrap_or(days), parts.get(..PARTS_MAX).unwrap_or(parts));
    let value =
        |part: &Series, day: usize| part.values.get(day).copied().flatten().filter(|it| it.is_finite());
    let total = |day| parts.iter().filter_map(|part| value(part, day)).map(|it| it.max(0.0)).sum::<f64>();
    let is_empty = parts.iter().all(|part| (0..days.len()).all(|day| value(part, day).is_none()));
    if days.is_empty() || is_empty {
        return canvas.nothing();
    }
    let scale = Scale::new(unit, (0..days.len()).map(total).fold(0.0, f64::max));
    let names = parts.iter().map(|part| part.name.as_str());
    let frame = Frame::new(unit, &scale, names, HEIGHT, 15.0);
    frame.draw(&mut canvas, unit, &scale);
    let slot = (frame.right - frame.left) / days.len() as f64;
    let wide = (slot * 0.72).min(64.0);
    for (day, name) in days.iter().enumerate() {
        let x = frame.left + slot * (day as f64 + 0.5) - wide / 2.0;
        let mut below = 0.0;
        for part in parts {
            let Some(amount) = value(part, day).filter(|amount| *amount > 0.0) else { continue };
            let (top, bottom) = (frame.y(&scale, below + amount), frame.y(&scale, below));
            // A line of the ground between parts, where there is room for one.
            let gap = if bottom - top > 3.0 && below > 0.0 { 1.0 } else { 0.0 };
            let area = Area { x, y: top, width: wide, height: (bottom - gap - top).max(0.75) };
            canvas.area(area, part.hue, 1.0, &format!("{name}, {}: {}", part.name, label(unit, amount)));
            below += amount;
        }
    }
    labels_below(&mut canvas, &frame, days, slot, 0.5);
    // Names stand beside the last day that has anything.
    let last = (0..days.len()).rev().find(|day| total(*day) > 0.0).unwrap_or(days.len() - 1);
    let mut below = 0.0;
    let mut wanted = Vec::new();
    for part in parts {
        let amount = value(part, last).unwrap_or_default().max(0.0);
        wanted.push(frame.y(&scale, below + amount / 2.0) + 4.0);
        below += amount;
    }
    let places = spread(&wanted, SIZE * 1.35, frame.top + 4.0, frame.bottom);
    for (part, y) in parts.iter().zip(places) {
        canvas.key(&part.name, (frame.right + 10.0, y), part.hue, frame.room_right);
    }
    canvas
}

const HEIGHT: f64 = 250.0;
const DAYS_MAX: usize = 62;
const PARTS_MAX: usize = 8;
