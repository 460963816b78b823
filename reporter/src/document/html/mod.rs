//! A report as one page: no script, nothing from elsewhere, the same in a mail, in the console and on paper.

mod block;
mod table;

pub(super) use block::{WORDS_MAX, judged};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::draw::ACCENT;
use super::markup::{Markup, plain};
use super::wording::Wording;
use super::{Document, Hue};

impl Document {
    /// The page. A policy of its own in its head forbids everything but its style.
    pub fn to_html(&self) -> String {
        let page = Page { wording: Wording::new(&self.period), desk: self.desk.as_deref() };
        let style = style();
        let mut out = Markup::default();
        let title = format!("{} – {}", plain(&self.title, TITLE_MAX), plain(&self.customer, TITLE_MAX));
        let allowed = format!(
            "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            STANDARD.encode(Sha256::digest(&style))
        );
        out.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        out.raw("<meta http-equiv=\"Content-Security-Policy\"").attribute("content", &allowed).raw(">\n");
        out.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        out.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n");
        out.raw("<meta name=\"referrer\" content=\"no-referrer\">\n<title>")
            .text(&title)
            .raw("</title>\n<style>");
        let mut head = out.into_string();
        head.push_str(&style);
        let mut out = Markup::default();
        out.raw("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#report\">Skip to the report</a>\n<header>\n");
        out.raw("<p class=\"who\"><bdi>")
            .text(&plain(&self.customer, TITLE_MAX))
            .raw("</bdi></p>\n<h1><bdi>");
        out.text(&plain(&self.title, TITLE_MAX)).raw("</bdi></h1>\n<p class=\"when\">");
        out.text(&page.wording.period(&self.period))
            .raw(", ")
            .text(&plain(&page.wording.zone_name, 60))
            .raw("</p>\n");
        if let Some(subtitle) = &self.subtitle {
            out.raw("<p class=\"about\"><bdi>").text(&plain(subtitle, 400)).raw("</bdi></p>\n");
        }
        out.raw("</header>\n");
        self.contents(&mut out);
        out.raw("<main id=\"report\" tabindex=\"-1\">\n");
        if let Some(banner) = self.banner(&page.wording) {
            page.callout(&mut out, &banner);
        }
        for (index, (number, section)) in self.numbered().into_iter().enumerate() {
            out.raw("<section aria-labelledby=\"s").integer(index).raw("\">\n<h2 id=\"s").integer(index);
            out.raw("\"><span class=\"number\">").text(&number).raw("</span> <bdi>");
            out.text(&plain(&section.title, TITLE_MAX)).raw("</bdi></h2>\n");
            for (place, block) in section.blocks.iter().enumerate() {
                page.block(&mut out, &format!("b{index}-{place}"), block);
            }
            out.raw("</section>\n");
        }
        out.raw("</main>\n<footer>\n<h2>What this report was made from</h2>\n<dl class=\"stamp\">\n");
        for (name, value) in self.made_from(&page.wording) {
            out.raw("<div><dt>").raw(name).raw("</dt><dd><bdi>").text(&value).raw("</bdi></dd></div>\n");
        }
        out.raw("</dl>\n</footer>\n</body>\n</html>\n");
        head.push_str(&out.into_string());
        head
    }

    fn contents(&self, out: &mut Markup) {
        if self.sections.len() < 3 {
            return;
        }
        out.raw("<nav aria-label=\"Contents\">\n<ul>\n");
        for (index, (number, section)) in self.numbered().into_iter().enumerate() {
            out.raw("<li><a href=\"#s").integer(index).raw("\"><span class=\"number\">").text(&number);
            out.raw("</span> <bdi>").text(&plain(&section.title, TITLE_MAX)).raw("</bdi></a></li>\n");
        }
        out.raw("</ul>\n</nav>\n");
    }
}

/// What every part of a page needs to be written.
#[derive(Debug)]
struct Page<'a> {
    wording: Wording,
    desk: Option<&'a str>,
}

/// The style sheet: what is written by hand, and the colours of charts in the dark.
fn style() -> String {
    let mut out = Markup::default();
    out.raw(SHEET);
    for hue in Hue::ALL {
        let (class, colour) = (hue.class(), hue.colour());
        out.raw(".dot-").raw(class).raw("{background:").raw(colour.light).raw("}\n");
    }
    out.raw("@media screen and (prefers-color-scheme:dark){\n");
    for hue in Hue::ALL {
        let (class, colour) = (hue.class(), hue.colour());
        out.raw(".f-").raw(class).raw("{fill:").raw(colour.dark).raw("}\n");
        out.raw(".s-").raw(class).raw("{stroke:").raw(colour.dark).raw("}\n");
        out.raw(".dot-").raw(class).raw("{background:").raw(colour.dark).raw("}\n");
    }
    out.raw(".s-ground{stroke:#14181d}\n:root{--accent:").raw(ACCENT.dark).raw("}\n}\n");
    out.into_string()
}

/// Of titles and headings.
const TITLE_MAX: usize = 160;
const SHEET: &str = include_str!("style.css");
/// Families of pages; each of them is narrower than what drawings reckon with.
const FONT: &str =
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";
