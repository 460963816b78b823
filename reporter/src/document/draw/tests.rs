//! Whatever is drawn, no text stands on another one or beside the sheet.

use proptest::prelude::*;
use rules::Timestamp;

use super::super::wording::Wording;
use super::super::{Bar, Chart, Dot, Drawing, Href, Hue, Line, Panel, Period, Series, Unit};
use super::canvas::{Canvas, Label, WIDTH};

fn chart(unit: Unit, drawing: Drawing) -> Chart {
    Chart {
        name: "chart".to_owned(),
        message: "A message".to_owned(),
        alternative: String::new(),
        metric: None,
        unit,
        drawing,
        link: None,
        notes: Vec::new(),
        table: None,
    }
}

fn calls() -> Unit {
    Unit::Count("calls".to_owned())
}

fn wording() -> Wording {
    Wording::new(&Period { from: Timestamp(0), to: Timestamp(0), zone: "Europe/Berlin".to_owned() })
}

/// Draws it; fails where texts stand on each other, or where one is cut by the sheet.
#[track_caller]
fn check(chart: &Chart) -> (Vec<Label>, String) {
    let wording = wording();
    let canvas = super::draw(chart, &wording, Canvas::new("c", "sans-serif", None));
    let labels = canvas.labels;
    let svg = super::svg(chart, "c", &wording, "sans-serif", None).into_string();
    let height: f64 =
        svg.split("viewBox=\"0 0 720 ").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
    for (index, one) in labels.iter().enumerate().filter(|(_, label)| label.right > label.left) {
        let is_inside =
            one.left >= -0.5 && one.right <= WIDTH + 0.5 && one.top >= -0.5 && one.bottom <= height + 0.5;
        assert!(is_inside, "{one:?} is not on a sheet of 720 by {height}");
        for other in labels.iter().skip(index + 1).filter(|label| label.right > label.left) {
            let is_apart = one.right <= other.left + 0.5
                || other.right <= one.left + 0.5
                || one.bottom <= other.top + 0.5
                || other.bottom <= one.top + 0.5;
            assert!(is_apart, "{one:?} stands on {other:?}");
        }
    }
    let is_number = |value: &str| !value.contains("NaN") && !value.contains("inf");
    assert!(svg.split('"').skip(1).step_by(2).all(is_number), "lengths are numbers");
    (labels, svg)
}

fn values(length: usize) -> impl Strategy<Value = Vec<Option<f64>>> {
    let value = prop_oneof![
        6 => (0.0..5_000.0_f64).prop_map(|value| Some(value.round())),
        1 => Just(None),
        1 => Just(Some(0.0)),
        1 => prop_oneof![Just(Some(f64::NAN)), Just(Some(f64::INFINITY)), Just(Some(-5.0)), Just(Some(1e18)), Just(Some(0.001))],
    ];
    proptest::collection::vec(value, length)
}

fn unit() -> impl Strategy<Value = Unit> {
    prop_oneof![
        Just(calls()),
        Just(Unit::Count("W".repeat(200))),
        Just(Unit::Percent),
        Just(Unit::Duration),
        Just(Unit::Money("EUR".to_owned())),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 ]{0,12}",
        "W{100,200}",
        "\\PC{0,40}",
        Just("<script>alert(1)</script>".to_owned())
    ]
}

fn hue() -> impl Strategy<Value = Hue> {
    (0..Hue::ALL.len()).prop_map(|index| Hue::ALL[index])
}

fn drawing() -> impl Strategy<Value = Drawing> {
    let names = |most| proptest::collection::vec(name(), 0..most);
    let series = proptest::collection::vec((name(), hue(), values(35)), 0..8);
    let stacked = (names(35), series).prop_map(|(days, parts)| {
        let parts = parts.into_iter().map(|(name, hue, values)| Series { name, hue, values });
        Drawing::Stacked { days, parts: parts.collect() }
    });
    let lines = proptest::collection::vec((name(), hue(), values(13)), 0..6);
    let trend = (names(14), lines).prop_map(|(points, lines)| {
        let lines = lines.into_iter().map(|(name, hue, values)| Line { name, hue, values });
        Drawing::Trend { points, lines: lines.collect() }
    });
    let heat = (names(9), names(26), proptest::collection::vec(values(25), 7), hue())
        .prop_map(|(rows, columns, values, hue)| Drawing::Heat { rows, columns, values, hue });
    let dots = proptest::collection::vec((0..60_usize, 0.0..9_000.0_f64, name()), 0..6);
    let ribbon = (names(50), values(40), values(50), values(50), values(60), dots).prop_map(
        |(points, low, median, high, limit, dots)| {
            let dots = dots.into_iter().map(|(at, value, label)| Dot {
                at,
                value,
                label,
                link: Href::parse("/cases/1"),
            });
            Drawing::Ribbon { points, low, median, high, limit, dots: dots.collect() }
        },
    );
    let panels = proptest::collection::vec((name(), values(24), name(), name()), 0..9);
    let multiples = (panels, hue()).prop_map(|(panels, hue)| {
        let panels = panels.into_iter().map(|(title, values, left, right)| Panel {
            title,
            values,
            ends: (left, right),
            link: None,
        });
        Drawing::Multiples { panels: panels.collect(), hue }
    });
    let bars = proptest::collection::vec((name(), hue(), -1.0..1e9_f64), 0..12).prop_map(|bars| {
        let bars = bars.into_iter().map(|(label, hue, value)| Bar { label, value, hue, link: None });
        Drawing::Bars { bars: bars.collect() }
    });
    prop_oneof![stacked, trend, heat, ribbon, multiples, bars]
}

proptest! {
    #[test]
    fn no_text_stands_on_another_one(unit in unit(), drawing in drawing()) {
        check(&chart(unit, drawing));
    }
}

#[test]
fn nothing_is_said_to_be_nothing() {
    let line = |values| Line { name: "Unwanted".to_owned(), hue: Hue::Unwanted, values };
    for drawing in [
        Drawing::Stacked { days: Vec::new(), parts: Vec::new() },
        Drawing::Trend { points: vec!["Oct".to_owned()], lines: vec![line(vec![None])] },
        Drawing::Heat {
            rows: vec!["Mon".to_owned()],
            columns: Vec::new(),
            values: Vec::new(),
            hue: Hue::Blocked,
        },
        Drawing::Multiples { panels: Vec::new(), hue: Hue::Blocked },
        Drawing::Bars { bars: Vec::new() },
    ] {
        let (labels, _) = check(&chart(calls(), drawing));
        assert_eq!(
            labels.iter().map(|label| label.text.as_str()).collect::<Vec<_>>(),
            ["No data in this period"]
        );
    }
}

#[test]
fn what_is_said_of_the_highest_dot_leaves_wide_marks_room() {
    let points: Vec<String> = (0..24).map(|at| at.to_string()).collect();
    let median = vec![Some(1e15); 24];
    for at in [11, 12, 20] {
        let label = "<script>alert(1)</script>".to_owned();
        let dots = vec![Dot { at, value: 8_208.955, label, link: None }];
        let (low, high, limit) = (Vec::new(), Vec::new(), Vec::new());
        let (points, median) = (points.clone(), median.clone());
        check(&chart(Unit::Percent, Drawing::Ribbon { points, low, median, high, limit, dots }));
    }
}

#[test]
fn one_point_is_a_dot_in_the_middle() {
    let lines = vec![Line { name: "Unwanted".to_owned(), hue: Hue::Unwanted, values: vec![Some(5.0)] }];
    let (_, svg) = check(&chart(calls(), Drawing::Trend { points: vec!["Oct".to_owned()], lines }));
    assert!(svg.contains("<circle") && !svg.contains("<polyline"));
}

#[test]
fn a_gap_is_a_gap_and_no_nought() {
    let values = vec![Some(5.0), Some(6.0), None, Some(7.0), Some(8.0)];
    let points = (0..5).map(|at| at.to_string()).collect();
    let lines = vec![Line { name: "Unwanted".to_owned(), hue: Hue::Unwanted, values }];
    let (_, svg) = check(&chart(calls(), Drawing::Trend { points, lines }));
    assert_eq!(svg.matches("<polyline").count(), 2);
}

#[test]
fn huge_amounts_have_short_marks() {
    let bars =
        vec![Series { name: "Passed".to_owned(), hue: Hue::Passed, values: vec![Some(123_456_789_012.0)] }];
    let (labels, _) = check(&chart(calls(), Drawing::Stacked { days: vec!["Mon".to_owned()], parts: bars }));
    assert!(labels.iter().any(|label| label.text == "150\u{a0}G"), "{labels:?}");
}

/// A day of 23 hours has a cell without data, which is drawn as an empty one; one of 25 hours has a column more.
#[test]
fn days_of_23_and_25_hours_have_their_cells() {
    let short: Vec<_> = (0..24).map(|hour| (hour != 2).then_some(f64::from(hour))).collect();
    let rows = vec!["Sun".to_owned()];
    let columns: Vec<String> = (0..24).map(|hour| format!("{hour:02}")).collect();
    let drawing = Drawing::Heat { rows: rows.clone(), columns, values: vec![short], hue: Hue::Unwanted };
    let (_, svg) = check(&chart(calls(), drawing));
    assert_eq!(
        svg.matches("fill=\"none\" stroke=\"#dde1e6\" class=\"grid\"").count(),
        1,
        "one cell is empty"
    );
    assert_eq!(svg.matches("<title>Sun ").count(), 23);
    let long: Vec<_> = (0..25).map(|hour| Some(f64::from(hour))).collect();
    let columns: Vec<String> = ["00", "01", "02", "02 again"]
        .map(str::to_owned)
        .into_iter()
        .chain((3..24).map(|hour| format!("{hour:02}")))
        .collect();
    let (_, svg) =
        check(&chart(calls(), Drawing::Heat { rows, columns, values: vec![long], hue: Hue::Unwanted }));
    assert_eq!(svg.matches("<title>Sun ").count(), 25);
}

#[test]
fn the_same_thing_has_the_same_colour_in_each_drawing() {
    let bars = vec![Bar { label: "a".to_owned(), value: 1.0, hue: Hue::Blocked, link: None }];
    let parts = vec![Series { name: "Blocked".to_owned(), hue: Hue::Blocked, values: vec![Some(1.0)] }];
    for drawing in [Drawing::Bars { bars }, Drawing::Stacked { days: vec!["Mon".to_owned()], parts }] {
        let (_, svg) = check(&chart(calls(), drawing));
        assert!(svg.contains("fill=\"#b01c06\" class=\"f-blocked\""));
    }
}
