//! What stands in a section, on a page.

use super::super::markup::{Markup, plain};
use super::super::wording::change;
use super::super::{
    Block, Button, Callout, Chart, Definition, Figure, Href, Inline, Text, Value, Wanted, behind, draw,
};
use super::{FONT, Page};

impl Page<'_> {
    /// One block; `id` names it on the page.
    pub(super) fn block(&self, out: &mut Markup, id: &str, block: &Block) {
        match block {
            Block::Headline(headline) => {
                out.raw("<dl class=\"headline\">\n");
                for figure in &headline.figures {
                    self.figure(out, figure);
                }
                out.raw("</dl>\n");
            }
            Block::Paragraph(text) => self.paragraph(out, "", text),
            Block::Bullets(texts) => {
                out.raw("<ul>\n");
                for text in texts {
                    out.raw("<li>");
                    self.text(out, text);
                    out.raw("</li>\n");
                }
                out.raw("</ul>\n");
            }
            Block::Table(table) => self.table(out, id, table),
            Block::Chart(chart) => self.chart(out, id, chart),
            Block::Callout(callout) => self.callout(out, callout),
            Block::Definitions(definitions) => self.definitions(out, definitions),
            Block::Buttons(buttons) => self.buttons(out, buttons),
            Block::Heading(heading) => {
                out.raw("<h3><bdi>").text(&plain(heading, 160)).raw("</bdi></h3>\n");
            }
        }
    }

    /// A box that stands out.
    pub(super) fn callout(&self, out: &mut Markup, callout: &Callout) {
        out.raw("<div class=\"callout ")
            .raw(callout.tone.class())
            .raw("\" role=\"note\">\n<p class=\"title\">");
        out.raw(callout.tone.word()).raw(": <bdi>").text(&plain(&callout.title, 200)).raw("</bdi></p>\n");
        self.paragraph(out, "", &callout.text);
        out.raw("</div>\n");
    }

    /// A paragraph of a class.
    pub(super) fn paragraph(&self, out: &mut Markup, class: &'static str, text: &Text) {
        out.raw("<p");
        if !class.is_empty() {
            out.attribute("class", class);
        }
        out.raw(">");
        self.text(out, text);
        out.raw("</p>\n");
    }

    /// Words, links and figures.
    fn text(&self, out: &mut Markup, text: &Text) {
        for piece in &text.0 {
            match piece {
                Inline::Plain(words) => {
                    out.text(&plain(words, WORDS_MAX));
                }
                Inline::Strong(words) => {
                    out.raw("<strong><bdi>").text(&plain(words, WORDS_MAX)).raw("</bdi></strong>");
                }
                Inline::Emphasis(words) => {
                    out.raw("<em><bdi>").text(&plain(words, WORDS_MAX)).raw("</bdi></em>");
                }
                Inline::Code(words) => {
                    out.raw("<code><bdi>").text(&plain(words, WORDS_MAX)).raw("</bdi></code>");
                }
                Inline::Link { text, link } => self.linked(out, Some(link), |out| {
                    out.raw("<bdi>").text(&plain(text, WORDS_MAX)).raw("</bdi>");
                }),
                Inline::Figure { value, metric, link } => {
                    self.linked(out, link.as_ref(), |out| self.value(out, value));
                    if let Some(metric) = metric {
                        out.raw("\u{a0}<span class=\"metric\">").text(&metric.to_string()).raw("</span>");
                    }
                }
            }
        }
    }

    /// A value; a stranger's words cannot turn what stands beside them around.
    pub(super) fn value(&self, out: &mut Markup, value: &Value) {
        let said = self.wording.say(value);
        match value {
            Value::Text(_) | Value::Person(_) => out.raw("<bdi>").text(&said).raw("</bdi>"),
            _ => out.text(&said),
        };
    }

    /// What `inside` writes, as a link where there is one. Without a desk a path stays one: the console shows such pages.
    pub(super) fn linked(&self, out: &mut Markup, link: Option<&Href>, inside: impl FnOnce(&mut Markup)) {
        if let Some(link) = link {
            let address = link.absolute(self.desk).unwrap_or_else(|| link.as_str().to_owned());
            out.raw("<a").attribute("href", &address).raw(">");
        }
        inside(out);
        if link.is_some() {
            out.raw("</a>");
        }
    }

    fn figure(&self, out: &mut Markup, figure: &Figure) {
        out.raw("<div><dt><bdi>").text(&plain(&figure.label, 60)).raw("</bdi>");
        if let Some(metric) = figure.metric {
            out.raw(" <span class=\"metric\">").text(&metric.to_string()).raw("</span>");
        }
        let is_long = self.wording.say(&figure.value).chars().count() > 10;
        out.raw("</dt>\n<dd class=\"value").raw(if is_long { " long" } else { "" }).raw("\">");
        self.linked(out, figure.link.as_ref(), |out| self.value(out, &figure.value));
        out.raw("</dd>\n");
        for before in &figure.before {
            out.raw("<dd class=\"before\">");
            let what = format!("{}: {}", plain(&before.when, 60), self.wording.say(&before.value));
            if let Some((text, difference)) = change(&figure.value, &before.value) {
                let (class, word) = judged(figure.wanted, difference);
                out.raw("<span class=\"").raw(class).raw("\">").text(&text).raw(word).raw("</span>, ");
            }
            out.raw("<bdi>").text(&what).raw("</bdi></dd>\n");
        }
        out.raw("</div>\n");
    }

    fn chart(&self, out: &mut Markup, id: &str, chart: &Chart) {
        out.raw("<figure>\n<figcaption>");
        self.linked(out, chart.link.as_ref(), |out| {
            out.raw("<bdi>").text(&plain(&chart.message, 400)).raw("</bdi>");
        });
        if let Some(metric) = chart.metric {
            out.raw(" <span class=\"metric\">").text(&metric.to_string()).raw("</span>");
        }
        out.raw("</figcaption>\n<div class=\"drawing\">\n");
        out.drawing(draw::svg(chart, &format!("c{id}"), &self.wording, FONT, self.desk));
        out.raw("</div>\n");
        for note in &chart.notes {
            self.paragraph(out, "remark", note);
        }
        out.raw("<details>\n<summary>The figures as a table</summary>\n");
        self.table(out, id, &behind::table(chart));
        out.raw("</details>\n</figure>\n");
    }

    fn definitions(&self, out: &mut Markup, definitions: &[Definition]) {
        // Figures stand beside what they are of, other texts below.
        let is_figure = |it: &Definition| matches!(it.text.0.as_slice(), [Inline::Figure { .. }]);
        let class = if definitions.iter().all(is_figure) { "definitions figures" } else { "definitions" };
        out.raw("<dl class=\"").raw(class).raw("\">\n");
        for definition in definitions {
            out.raw("<dt><bdi>").text(&plain(&definition.term, 160)).raw("</bdi></dt>\n<dd>");
            self.text(out, &definition.text);
            out.raw("</dd>\n");
        }
        out.raw("</dl>\n");
    }

    fn buttons(&self, out: &mut Markup, buttons: &[Button]) {
        out.raw("<ul class=\"buttons\">\n");
        for button in buttons {
            let address = button.link.absolute(self.desk).unwrap_or_else(|| button.link.as_str().to_owned());
            out.raw("<li><a").attribute("href", &address).attribute("aria-label", &plain(&button.about, 200));
            out.raw(if button.is_first { " class=\"first\">" } else { ">" });
            out.raw("<bdi>").text(&plain(&button.label, 60)).raw("</bdi></a></li>\n");
        }
        out.raw("</ul>\n");
    }
}

/// Whether a change is one for the better: its class, and the same in words.
pub(in super::super) fn judged(wanted: Wanted, difference: f64) -> (&'static str, &'static str) {
    let is_more = difference > 0.0;
    match wanted {
        _ if difference == 0.0 => ("", ""),
        Wanted::Either => ("", ""),
        Wanted::More if is_more => ("better", " (better)"),
        Wanted::Less if !is_more => ("better", " (better)"),
        Wanted::More | Wanted::Less => ("worse", " (worse)"),
    }
}

/// Of one run of words.
pub(in super::super) const WORDS_MAX: usize = 4_000;
