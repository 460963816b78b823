//! A report for the typesetter: what every page says, in words already, as JSON. It decides nothing about a value.

use jiff::Timestamp as Moment;
use jiff::tz::TimeZone;
use rules::Timestamp;
use serde::Serialize;

use super::html::{WORDS_MAX, judged};
use super::markup::plain;
use super::outline::left_out;
use super::wording::{Wording, change};
use super::{Block, Button, Callout, Cell, Chart, Document, Figure, Href, Inline, Table, Text, behind, draw};

impl Document {
    /// What `ringwall-typeset` reads.
    pub fn to_printed(&self) -> String {
        let printer = Printer { wording: Wording::new(&self.period), desk: self.desk.as_deref() };
        let wording = &printer.wording;
        let sections = self.numbered().into_iter().enumerate().map(|(index, (number, section))| {
            let blocks = section.blocks.iter().enumerate();
            Section {
                number,
                title: plain(&section.title, TITLE_MAX),
                blocks: blocks
                    .map(|(place, block)| printer.block(&format!("b{index}-{place}"), block))
                    .collect(),
            }
        });
        let page = Page {
            format: FORMAT,
            title: plain(&self.title, TITLE_MAX),
            subtitle: self.subtitle.as_ref().map(|subtitle| plain(subtitle, 400)),
            customer: plain(&self.customer, TITLE_MAX),
            period: format!("{}, {}", wording.period(&self.period), plain(&wording.zone_name, 60)),
            running: plain(&format!("{} – {}", self.customer, self.title), RUNNING_MAX),
            date: date(self.stamp.generated),
            hash: plain(&self.stamp.hash, 80),
            stamp: self.made_from(wording),
            banner: self.banner(wording).map(|banner| printer.callout(&banner)),
            sections: sections.collect(),
        };
        serde_json::to_string(&page).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Page {
    format: u32,
    title: String,
    subtitle: Option<String>,
    customer: String,
    period: String,
    /// Above each page but the first.
    running: String,
    /// Year, month, day, hour, minute and second in UTC; nothing where no calendar has it.
    date: Option<[i16; 6]>,
    hash: String,
    stamp: Vec<(&'static str, String)>,
    banner: Option<Printed>,
    sections: Vec<Section>,
}

#[derive(Serialize)]
struct Section {
    number: String,
    title: String,
    blocks: Vec<Printed>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
enum Printed {
    Headline {
        figures: Vec<Big>,
    },
    Paragraph {
        text: Vec<Piece>,
    },
    Bullets {
        texts: Vec<Vec<Piece>>,
    },
    Table(Grid),
    Chart {
        message: String,
        metric: Option<String>,
        alternative: String,
        svg: String,
        notes: Vec<Vec<Piece>>,
        table: Option<Grid>,
    },
    Callout {
        tone: &'static str,
        title: String,
        text: Vec<Piece>,
    },
    Definitions {
        items: Vec<(String, Vec<Piece>)>,
    },
    Buttons {
        buttons: Vec<Press>,
    },
    Heading {
        text: String,
    },
}

#[derive(Serialize)]
struct Press {
    label: String,
    link: Option<String>,
}

#[derive(Serialize)]
struct Big {
    label: String,
    value: String,
    metric: Option<String>,
    link: Option<String>,
    before: Vec<Before>,
}

#[derive(Serialize)]
struct Before {
    change: String,
    tone: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Piece {
    style: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

#[derive(Serialize)]
struct Grid {
    caption: String,
    columns: Vec<Head>,
    rows: Vec<Vec<Said>>,
    total: bool,
    left_out: Option<String>,
    notes: Vec<Vec<Piece>>,
}

#[derive(Serialize)]
struct Head {
    name: String,
    metric: Option<String>,
    figure: bool,
    /// Characters of its longest cell, for the widths of columns.
    longest: usize,
}

#[derive(Serialize)]
struct Said {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    colour: Option<&'static str>,
}

struct Printer<'a> {
    wording: Wording,
    desk: Option<&'a str>,
}

impl Printer<'_> {
    fn block(&self, id: &str, block: &Block) -> Printed {
        match block {
            Block::Headline(headline) => Printed::Headline {
                figures: headline.figures.iter().map(|figure| self.figure(figure)).collect(),
            },
            Block::Paragraph(text) => Printed::Paragraph { text: self.text(text) },
            Block::Bullets(texts) => {
                Printed::Bullets { texts: texts.iter().map(|text| self.text(text)).collect() }
            }
            Block::Table(table) => Printed::Table(self.table(table, ROWS_MAX)),
            Block::Chart(chart) => self.chart(id, chart),
            Block::Callout(callout) => self.callout(callout),
            Block::Definitions(items) => Printed::Definitions {
                items: items
                    .iter()
                    .map(|item| (plain(&item.term, TITLE_MAX), self.text(&item.text)))
                    .collect(),
            },
            Block::Buttons(buttons) => {
                Printed::Buttons { buttons: buttons.iter().map(|it| self.button(it)).collect() }
            }
            Block::Heading(heading) => Printed::Heading { text: plain(heading, TITLE_MAX) },
        }
    }

    fn figure(&self, figure: &Figure) -> Big {
        let before = figure.before.iter().map(|before| {
            let told = change(&figure.value, &before.value);
            let (tone, word) =
                told.as_ref().map_or(("", ""), |(_, difference)| judged(figure.wanted, *difference));
            Before {
                change: told.map_or_else(String::new, |(text, _)| format!("{text}{word}")),
                tone,
                text: format!("{}: {}", plain(&before.when, 60), self.wording.say(&before.value)),
            }
        });
        Big {
            label: plain(&figure.label, 60),
            value: self.wording.say(&figure.value),
            metric: figure.metric.map(|metric| metric.to_string()),
            link: self.link(figure.link.as_ref()),
            before: before.collect(),
        }
    }

    fn chart(&self, id: &str, chart: &Chart) -> Printed {
        let table = behind::table(chart);
        // A drawing of a week by hours has its table in the files.
        let is_short = table.rows.len() <= CHART_ROWS_MAX && table.columns.len() <= CHART_COLUMNS_MAX;
        Printed::Chart {
            message: plain(&chart.message, 400),
            metric: chart.metric.map(|metric| metric.to_string()),
            alternative: behind::alternative(chart, &self.wording),
            svg: draw::svg(chart, id, &self.wording, FONT, self.desk).into_string(),
            notes: chart.notes.iter().map(|note| self.text(note)).collect(),
            table: is_short.then(|| self.table(&table, CHART_ROWS_MAX)),
        }
    }

    fn callout(&self, callout: &Callout) -> Printed {
        Printed::Callout {
            tone: callout.tone.class(),
            title: format!("{}: {}", callout.tone.word(), plain(&callout.title, 200)),
            text: self.text(&callout.text),
        }
    }

    fn button(&self, button: &Button) -> Press {
        Press { label: plain(&button.label, 60), link: self.link(Some(&button.link)) }
    }

    fn table(&self, table: &Table, rows_max: usize) -> Grid {
        let (shown, more) = table.shown(rows_max);
        let rows: Vec<Vec<Said>> = shown
            .iter()
            .map(|row| (0..table.columns.len()).map(|at| self.cell(row.get(at))).collect())
            .collect();
        let columns = table.columns.iter().enumerate().map(|(at, column)| Head {
            name: plain(&column.name, 80),
            metric: column.metric.map(|metric| metric.to_string()),
            figure: column.kind.is_figure(),
            longest: rows
                .iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.text.chars().count())
                .max()
                .unwrap_or(0),
        });
        Grid {
            caption: plain(&table.caption, 400),
            columns: columns.collect(),
            rows,
            total: table.has_total && more == table.rows_left_out,
            left_out: (more > 0).then(|| left_out(more)),
            notes: table.notes.iter().map(|note| self.text(note)).collect(),
        }
    }

    fn cell(&self, cell: Option<&Cell>) -> Said {
        let Some(cell) = cell else { return Said { text: String::new(), link: None, colour: None } };
        Said {
            text: plain(&self.wording.say(&cell.value), CELL_MAX),
            link: self.link(cell.link.as_ref()),
            colour: cell.hue.map(|hue| hue.colour().light),
        }
    }

    fn text(&self, text: &Text) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for piece in &text.0 {
            let (style, text, link) = match piece {
                Inline::Plain(words) => ("plain", plain(words, WORDS_MAX), None),
                Inline::Strong(words) => ("strong", plain(words, WORDS_MAX), None),
                Inline::Emphasis(words) => ("emphasis", plain(words, WORDS_MAX), None),
                Inline::Code(words) => ("code", plain(words, WORDS_MAX), None),
                Inline::Link { text, link } => ("plain", plain(text, WORDS_MAX), self.link(Some(link))),
                Inline::Figure { value, link, .. } => {
                    ("plain", self.wording.say(value), self.link(link.as_ref()))
                }
            };
            pieces.push(Piece { style, text, link });
            if let Inline::Figure { metric: Some(metric), .. } = piece {
                pieces.push(Piece { style: "metric", text: metric.to_string(), link: None });
            }
        }
        pieces
    }

    /// Paper and files have no desk to be in: a path without one is no link there.
    fn link(&self, link: Option<&Href>) -> Option<String> {
        link?.absolute(self.desk)
    }
}

fn date(at: Timestamp) -> Option<[i16; 6]> {
    let there = Moment::from_microsecond(at.0).ok()?.to_zoned(TimeZone::UTC);
    let [month, day, hour, minute, second] =
        [there.month(), there.day(), there.hour(), there.minute(), there.second()].map(i16::from);
    Some([there.year(), month, day, hour, minute, second]).filter(|[year, ..]| (1..=9_999).contains(year))
}

/// The version of this structure; the typesetter refuses others.
const FORMAT: u32 = 1;
const TITLE_MAX: usize = 160;
/// What has room in one line beside the period.
const RUNNING_MAX: usize = 60;
/// The family that the typesetter has.
const FONT: &str = "Libertinus Serif";
/// Longer tables are no reading on paper; files have all rows.
const ROWS_MAX: usize = 500;
/// Of one cell; files have all of it.
const CELL_MAX: usize = 90;
const CHART_ROWS_MAX: usize = 35;
const CHART_COLUMNS_MAX: usize = 9;
