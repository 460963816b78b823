//! How a report looks, whatever it is about: figures, tables and charts as data, and their ways onto a page, into a sheet
//! and into a program.
//!
//! A [`Document`] holds what is said and nothing of how: whoever makes a report names values with their units, and each
//! format writes them in its way. No clock and no file is used, so the same document gives the same bytes.

mod behind;
mod block;
mod chart;
mod cited;
mod csv;
mod draw;
mod figured;
mod href;
mod html;
mod hue;
mod inline;
mod json;
mod markup;
mod outline;
mod printed;
mod share;
mod sheet;
mod stamp;
mod table;
mod value;
mod wording;
mod xlsx;

use serde::{Deserialize, Serialize};

pub use block::{Block, Button, Callout, Change, Definition, Figure, Headline, Tone, Wanted};
pub use chart::{Bar, Chart, Dot, Drawing, Line, Panel, Series, Unit};
pub use cited::cited;
pub use csv::safe as safe_cell;
pub use href::{Address, Href};
pub use hue::Hue;
pub use inline::{Inline, Text};
pub use share::Share;
pub use stamp::{Coverage, Period, Stamp};
pub use table::{Cell, Column, Kind, Table};
pub use value::{Metric, Value};

/// A report, as its formats write it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Version of this structure, for programs that read the JSON: [`SCHEMA`].
    pub schema: u32,
    /// What it is, such as `Weekly operations`.
    pub title: String,
    /// What it is about, below the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// Whose calls.
    pub customer: String,
    /// Which time.
    pub period: Period,
    /// Where links that begin with `/` lead, such as `https://desk.example.com`. Without it they work in the console only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<String>,
    /// What it was made from.
    pub stamp: Stamp,
    /// In the order in which they are read.
    pub sections: Vec<Section>,
}

/// A part of a report with a heading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// Stands behind everything else, lettered instead of numbered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_appendix: bool,
    /// What is in it.
    pub blocks: Vec<Block>,
}

impl Section {
    /// A section of the main part.
    pub fn new(title: impl Into<String>, blocks: Vec<Block>) -> Self {
        Self { title: title.into(), is_appendix: false, blocks }
    }

    /// One behind everything else.
    pub fn appendix(title: impl Into<String>, blocks: Vec<Block>) -> Self {
        Self { title: title.into(), is_appendix: true, blocks }
    }
}

/// The version of the structure that is written. A field that is added leaves it; one that changes its meaning or goes raises it.
pub const SCHEMA: u32 = 1;
