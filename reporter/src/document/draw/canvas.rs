//! A sheet that is drawn on, and remembers where text stands on it.

use std::collections::BTreeSet;

use super::super::markup::{Drawn, Markup, plain};
use super::super::{Href, Hue};
use super::font::{fit, width};

/// Units across; a page scales it.
pub(super) const WIDTH: f64 = 720.0;
/// Of all labels but small ones.
pub(super) const SIZE: f64 = 12.0;
/// Of marks below dense axes.
pub(super) const SMALL: f64 = 10.0;

/// What is drawn, from the back to the front.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    name: String,
    font: &'static str,
    body: Markup,
    desk: Option<String>,
    height: f64,
    hatched: BTreeSet<Hue>,
    /// Where each text stands.
    pub(super) labels: Vec<Label>,
}

/// The room that a text takes at most.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Label {
    /// What is written.
    pub(super) text: String,
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

/// On which side of its place a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A rectangle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where a text goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) x: f64,
    /// Its base line.
    pub(super) y: f64,
    pub(super) anchor: Anchor,
    pub(super) size: f64,
}

impl Canvas {
    /// An empty sheet; names inside the drawing begin with `name`, because several share a page. Links that are paths lead to `desk`.
    pub(super) fn new(name: &str, font: &'static str, desk: Option<&str>) -> Self {
        let name =
            name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).take(64);
        let (body, labels, hatched) = (Markup::default(), Vec::new(), BTreeSet::new());
        Self { name: name.collect(), font, body, desk: desk.map(str::to_owned), height: 0.0, hatched, labels }
    }

    /// How high the sheet becomes.
    pub(super) fn set_height(&mut self, height: f64) {
        self.height = height;
    }

    /// An area of a colour; `tip` is shown where somebody points at it.
    pub(super) fn area(&mut self, area: Area, hue: Hue, opacity: f64, tip: &str) {
        if area.width <= 0.0 || area.height <= 0.0 {
            return;
        }
        let mut markup = Markup::default();
        markup.raw("<rect").length("x", area.x).length("y", area.y);
        markup.length("width", area.width).length("height", area.height);
        self.fill(&mut markup, hue, opacity >= 1.0);
        if opacity < 1.0 {
            markup.length("fill-opacity", opacity);
        }
        Self::close(&mut markup, "</rect>", tip);
        self.put(markup);
    }

    /// An empty area with a thin line around it.
    pub(super) fn frame(&mut self, area: Area, class: &'static str) {
        let mut markup = Markup::default();
        markup.raw("<rect").length("x", area.x).length("y", area.y);
        markup.length("width", area.width).length("height", area.height);
        markup.raw(" fill=\"none\"").attribute("stroke", ink(class)).attribute("class", class).raw("/>\n");
        self.put(markup);
    }

    /// A line of the axes.
    pub(super) fn rule(&mut self, from: (f64, f64), to: (f64, f64), class: &'static str) {
        let mut markup = Markup::default();
        markup.raw("<line").length("x1", from.0).length("y1", from.1).length("x2", to.0).length("y2", to.1);
        markup.attribute("stroke", ink(class)).attribute("class", class).raw("/>\n");
        self.put(markup);
    }

    /// A line of data through points; where one is missing, it breaks. A point alone is a dot.
    pub(super) fn line(&mut self, points: &[Option<(f64, f64)>], hue: Hue, thickness: f64) {
        for run in points.split(|point| point.is_none()) {
            let run: Vec<(f64, f64)> = run.iter().copied().flatten().collect();
            match run.as_slice() {
                [] => {}
                [only] => self.dot(*only, 3.0, hue, None, ""),
                _ => {
                    let mut markup = Markup::default();
                    markup.raw("<polyline points=\"");
                    path(&mut markup, &run);
                    markup.raw("\" fill=\"none\"").attribute("stroke", hue.colour().light);
                    markup.raw(" class=\"s-").raw(hue.class()).raw("\"").length("stroke-width", thickness);
                    if let Some(dashes) = hue.dashes() {
                        markup.attribute("stroke-dasharray", dashes);
                    }
                    markup.raw(" stroke-linejoin=\"round\"/>\n");
                    self.put(markup);
                }
            }
        }
    }

    /// A band between two lines; where an end is missing, it breaks.
    pub(super) fn band(&mut self, low: &[Option<(f64, f64)>], high: &[Option<(f64, f64)>], hue: Hue) {
        let both: Vec<_> = low.iter().zip(high).map(|(low, high)| Some(((*low)?, (*high)?))).collect();
        for run in both.split(|point| point.is_none()) {
            let run: Vec<_> = run.iter().copied().flatten().collect();
            if run.is_empty() {
                continue;
            }
            let mut around: Vec<(f64, f64)> = run.iter().map(|(low, _)| *low).collect();
            around.extend(run.iter().rev().map(|(_, high)| *high));
            let mut markup = Markup::default();
            markup.raw("<polygon points=\"");
            path(&mut markup, &around);
            markup.raw("\"");
            self.fill(&mut markup, hue, false);
            markup.raw(" fill-opacity=\"0.25\"/>\n");
            self.put(markup);
        }
    }

    /// A dot that may lead somewhere.
    pub(super) fn dot(&mut self, at: (f64, f64), radius: f64, hue: Hue, link: Option<&Href>, tip: &str) {
        self.linked(link, |canvas| {
            let mut markup = Markup::default();
            markup.raw("<circle").length("cx", at.0).length("cy", at.1).length("r", radius);
            canvas.fill(&mut markup, hue, false);
            Self::close(&mut markup, "</circle>", tip);
            canvas.put(markup);
        });
    }

    /// Whatever `inside` draws leads to `link`.
    pub(super) fn linked(&mut self, link: Option<&Href>, inside: impl FnOnce(&mut Self)) {
        if let Some(link) = link {
            let mut markup = Markup::default();
            let address = link.absolute(self.desk.as_deref()).unwrap_or_else(|| link.as_str().to_owned());
            markup.raw("<a").attribute("href", &address).raw(">");
            self.put(markup);
        }
        inside(self);
        if link.is_some() {
            let mut markup = Markup::default();
            markup.raw("</a>\n");
            self.put(markup);
        }
    }

    /// A text of anybody's, cut where it is wider than `room`.
    pub(super) fn text(&mut self, text: &str, place: Place, room: f64, class: &'static str) {
        let text = fit(&plain(text, CHARACTERS_MAX), place.size, room);
        let wide = width(&text, place.size);
        let (left, anchor) = match place.anchor {
            Anchor::Start => (place.x, "start"),
            Anchor::Middle => (place.x - wide / 2.0, "middle"),
            Anchor::End => (place.x - wide, "end"),
        };
        let mut markup = Markup::default();
        markup.raw("<text").length("x", place.x).length("y", place.y).length("font-size", place.size);
        markup
            .attribute("text-anchor", anchor)
            .attribute("fill", ink(class))
            .attribute("class", class)
            .raw(">");
        markup.text(&text).raw("</text>\n");
        self.put(markup);
        let (top, bottom) = (place.y - place.size * 0.8, place.y + place.size * 0.22);
        self.labels.push(Label { text, left, top, right: left + wide, bottom });
    }

    /// A small square of a colour and what it stands for, beside it. Where there is no room for a name none has one.
    pub(super) fn key(&mut self, text: &str, at: (f64, f64), hue: Hue, room: f64) {
        if room <= 15.0 {
            return;
        }
        self.area(Area { x: at.0, y: at.1 - 9.0, width: 10.0, height: 10.0 }, hue, 1.0, "");
        let place = Place { x: at.0 + 15.0, y: at.1, anchor: Anchor::Start, size: SIZE };
        self.text(text, place, room - 15.0, "ink");
    }

    /// That there is nothing to be drawn.
    pub(super) fn nothing(mut self) -> Self {
        self.set_height(60.0);
        let place = Place { x: WIDTH / 2.0, y: 34.0, anchor: Anchor::Middle, size: SIZE };
        self.text("No data in this period", place, WIDTH, "soft");
        self
    }

    /// All of it.
    pub(super) fn into_svg(self, title: &str, description: &str) -> Drawn {
        let mut markup = Markup::default();
        markup
            .raw("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 ")
            .number(WIDTH)
            .raw(" ");
        markup.number(self.height).raw("\"").length("width", WIDTH).length("height", self.height);
        markup.raw(" aria-labelledby=\"").text(&self.name).raw("-t ").text(&self.name).raw("-d\"");
        markup
            .attribute("font-family", self.font)
            .raw(">\n<title id=\"")
            .text(&self.name)
            .raw("-t\">")
            .text(title);
        markup.raw("</title>\n<desc id=\"").text(&self.name).raw("-d\">").text(description).raw("</desc>\n");
        if !self.hatched.is_empty() {
            markup.raw("<defs>\n");
            for hue in &self.hatched {
                markup.raw("<pattern id=\"").text(&self.name).raw("-").raw(hue.class());
                markup.raw("\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">");
                markup.raw("<rect width=\"6\" height=\"6\"").attribute("fill", hue.colour().light);
                markup
                    .raw(" class=\"f-")
                    .raw(hue.class())
                    .raw("\"/><path")
                    .attribute("d", hue.hatch().unwrap_or_default());
                markup.raw(" stroke=\"#ffffff\" stroke-width=\"1.6\" class=\"s-ground\"/></pattern>\n");
            }
            markup.raw("</defs>\n");
        }
        markup.append(self.body).raw("</svg>\n");
        Drawn::from(markup)
    }

    fn fill(&mut self, markup: &mut Markup, hue: Hue, may_hatch: bool) {
        if may_hatch && hue.hatch().is_some() {
            self.hatched.insert(hue);
            markup.raw(" fill=\"url(#").text(&self.name).raw("-").raw(hue.class()).raw(")\"");
        } else {
            markup.attribute("fill", hue.colour().light).raw(" class=\"f-").raw(hue.class()).raw("\"");
        }
    }

    fn close(markup: &mut Markup, end: &'static str, tip: &str) {
        if tip.is_empty() {
            markup.raw("/>\n");
        } else {
            markup.raw("><title>").text(&plain(tip, CHARACTERS_MAX)).raw("</title>").raw(end).raw("\n");
        }
    }

    fn put(&mut self, markup: Markup) {
        self.body.append(markup);
    }
}

/// Where labels go that want to stand at `wanted`, so that each has `gap`, in the same order, between `top` and `bottom`. Where
/// there are too many for the room they take the least gap that has room for all.
pub(super) fn spread(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let gap = gap.min((bottom - top) / (wanted.len().max(2) - 1) as f64);
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| {
        let at = |index: &usize| wanted.get(*index).copied().unwrap_or_default();
        at(a).total_cmp(&at(b)).then(b.cmp(a))
    });
    let mut placed: Vec<f64> = Vec::with_capacity(wanted.len());
    for index in &order {
        let at = wanted.get(*index).copied().unwrap_or_default().max(top);
        placed.push(placed.last().map_or(at, |last| at.max(last + gap)));
    }
    let mut limit = bottom;
    for at in placed.iter_mut().rev() {
        *at = at.min(limit);
        limit = *at - gap;
    }
    let mut result = vec![0.0; wanted.len()];
    for (index, at) in order.into_iter().zip(placed) {
        if let Some(place) = result.get_mut(index) {
            *place = at;
        }
    }
    result
}

fn path(markup: &mut Markup, points: &[(f64, f64)]) {
    for (index, (x, y)) in points.iter().enumerate() {
        markup.raw(if index == 0 { "" } else { " " }).number(*x).raw(",").number(*y);
    }
}

/// Greys: words, soft words, lines of the axes.
fn ink(class: &str) -> &'static str {
    match class {
        "ink" => "#1c2126",
        "soft" => "#58616a",
        "axis" => "#6b747d",
        _ => "#dde1e6",
    }
}

/// Of one label before it is cut by its width.
const CHARACTERS_MAX: usize = 120;
