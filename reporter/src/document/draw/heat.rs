//! A grid, the darker the more.

use super::super::wording::Wording;
use super::super::{Hue, Unit};
use super::canvas::{Anchor, Area, Canvas, Place, SIZE, SMALL, WIDTH};
use super::font::width;
use super::scale::label;

/// What is in the grid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid<'a> {
    pub(super) rows: &'a [String],
    pub(super) columns: &'a [String],
    pub(super) values: &'a [Vec<Option<f64>>],
    pub(super) hue: Hue,
}

impl Grid<'_> {
    fn value(&self, row: usize, column: usize) -> Option<f64> {
        self.values.get(row)?.get(column).copied().flatten().filter(|value| value.is_finite())
    }

    /// The first of the largest.
    fn most(&self, rows: usize, columns: usize) -> Option<(usize, usize, f64)> {
        let all = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        all.filter_map(|(row, column)| Some((row, column, self.value(row, column)?)))
            .reduce(|most, it| if it.2 > most.2 { it } else { most })
    }
}

pub(super) fn draw(mut canvas: Canvas, wording: &Wording, unit: &Unit, grid: &Grid<'_>) -> Canvas {
    let (rows, columns) = (grid.rows.len().min(ROWS_MAX), grid.columns.len().min(COLUMNS_MAX));
    let Some((most_row, most_column, most)) = grid.most(rows, columns) else { return canvas.nothing() };
    let named = grid.rows.iter().map(|name| width(name, SIZE)).fold(0.0, f64::max).min(NAMES_MAX);
    let left = named + 10.0;
    let side = (WIDTH - left) / columns as f64;
    let tall = side.min(26.0);
    let widest = grid.columns.iter().map(|name| width(name, SMALL)).fold(0.0, f64::max).min(side * 6.0);
    let each = ((widest + 5.0) / side).ceil().max(1.0) as usize;
    let mut free = f64::NEG_INFINITY;
    for (column, name) in grid.columns.iter().take(columns).enumerate().step_by(each) {
        let room = (side * each as f64 - 2.0).min(WIDTH - left);
        let half = width(name, SMALL).min(room) / 2.0;
        let x = (left + side * (column as f64 + 0.5)).clamp(half, WIDTH - half);
        if x - half < free {
            continue;
        }
        free = x + half + 2.0;
        canvas.text(name, Place { x, y: 12.0, anchor: Anchor::Middle, size: SMALL }, room, "soft");
    }
    for (row, name) in grid.rows.iter().take(rows).enumerate() {
        let y = 20.0 + tall * row as f64;
        let place = Place { x: left - 6.0, y: y + tall / 2.0 + 4.0, anchor: Anchor::End, size: SIZE };
        canvas.text(name, place, NAMES_MAX, "soft");
        for (column, at) in grid.columns.iter().take(columns).enumerate() {
            let x = left + side * column as f64;
            let area = Area { x: x + 0.75, y: y + 0.75, width: side - 1.5, height: tall - 1.5 };
            match grid.value(row, column) {
                Some(value) => {
                    let said = wording.say(&unit.value(Some(value)));
                    canvas.area(area, grid.hue, shade(step(value, most)), &format!("{name} {at}: {said}"));
                    if (row, column) == (most_row, most_column) {
                        canvas.frame(area, "axis");
                    }
                }
                // Unlike nought, which is a light cell, what is unknown is an empty one.
                None => canvas.frame(area, "grid"),
            }
        }
    }
    let y = 20.0 + tall * rows as f64 + 24.0;
    let end = legend(&mut canvas, unit, grid.hue, most, y, left);
    let (row, column) = (grid.rows.get(most_row), grid.columns.get(most_column));
    let said = format!(
        "most: {} {}, {}",
        row.map_or("", String::as_str),
        column.map_or("", String::as_str),
        wording.say(&unit.value(Some(most)))
    );
    // Beside the shades where there is room, else below them.
    let y = if end + width(&said, SIZE).min(MOST_MAX) + 8.0 > WIDTH { y + 20.0 } else { y };
    canvas.set_height(y + 10.0);
    canvas.text(&said, Place { x: WIDTH, y, anchor: Anchor::End, size: SIZE }, MOST_MAX, "ink");
    canvas
}

/// What each shade means; says where it ends.
fn legend(canvas: &mut Canvas, unit: &Unit, hue: Hue, most: f64, y: f64, left: f64) -> f64 {
    let mut x = left;
    for index in 0..STEPS {
        let area = Area { x, y: y - 10.0, width: 14.0, height: 12.0 };
        canvas.area(area, hue, shade(index), "");
        x += 18.0;
        // Nought has a shade of its own, and the last one has the most.
        let said = match index {
            0 => "0".to_owned(),
            _ => format!("to\u{a0}{}", label(unit, bound(index, most))),
        };
        canvas.text(&said, Place { x, y, anchor: Anchor::Start, size: SMALL }, 60.0, "soft");
        x += width(&said, SMALL).min(60.0) + 8.0;
    }
    x
}

/// The largest value of a step.
fn bound(index: usize, most: f64) -> f64 {
    let bound = most * index as f64 / (STEPS - 1) as f64;
    if most >= 10.0 && index + 1 < STEPS { bound.round() } else { bound }
}

fn step(value: f64, most: f64) -> usize {
    if value <= 0.0 {
        return 0;
    }
    (1..STEPS).find(|index| value <= bound(*index, most)).unwrap_or(STEPS - 1)
}

fn shade(index: usize) -> f64 {
    [0.05, 0.22, 0.42, 0.66, 0.92].get(index).copied().unwrap_or(0.92)
}

const STEPS: usize = 5;
const ROWS_MAX: usize = 31;
const COLUMNS_MAX: usize = 25;
const NAMES_MAX: f64 = 120.0;
/// Of what is said about the largest.
const MOST_MAX: f64 = 320.0;
