//! What whoever makes reports is asked for, and what it gives back: the boundary between schedules and the catalogue.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Covered;
use crate::intake::{Direction, Side};

/// One report to be made. The same order over the same data gives the same bytes (P-8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its name in the catalogue.
    pub report: String,
    /// Whose.
    pub customer: String,
    /// The moments that it is about.
    pub covered: Covered,
    /// The zone whose days and hours it shows, such as `America/Chicago`.
    pub zone: String,
    /// What it is written as.
    pub format: Format,
    /// Which calls, where it shows calls.
    pub which: Which,
    /// What those who get it may see of numbers: the least that any of them may.
    pub sight: Sight,
}

/// What somebody sees of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// All of it.
    Whole,
    /// All but some digits at its end.
    Masked {
        /// How many.
        digits: u8,
    },
}

/// Makes reports. Whoever makes them may be asked by several threads, and takes as long as it takes: the run's lease is
/// renewed meanwhile.
pub type Make = dyn Fn(&Order) -> Result<Made, NotMade> + Send + Sync;

/// Which calls a report shows (P-3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Which {
    /// Whose numbers.
    pub side: Side,
    /// Which way.
    pub direction: Direction,
    /// These numbers only, E.164 with a plus; all without any.
    pub numbers: Vec<String>,
}

impl Default for Which {
    fn default() -> Self {
        Self { side: Side::Both, direction: Direction::Both, numbers: Vec::new() }
    }
}

/// What a report is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One page that holds everything it shows.
    Html,
    /// For paper.
    Pdf,
    /// Tables as text.
    Csv,
    /// A workbook.
    Xlsx,
    /// For machines.
    Json,
}

/// A report that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its files: one, or one for each table.
    pub files: Vec<MadeFile>,
    /// Rows in it, or calls behind it: with none of them the run says that it is empty.
    pub rows: u64,
    /// What its reader has to know at once, a sentence each: coverage below 99 %, days that are missing.
    pub notes: Vec<String>,
}

/// One file of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeFile {
    /// Its name, such as `weekly-operations-2026-10-05.html`.
    pub name: String,
    /// What it is (RFC 6838).
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it tells of single calls: such a file goes by link only (P-6).
    pub holds_calls: bool,
}

/// Why a report was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMade {
    /// Whether trying again would lead to the same: no such report, no such customer.
    pub is_final: bool,
    /// Why, for who asked for it.
    pub why: String,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Html, Self::Pdf, Self::Csv, Self::Xlsx, Self::Json];

    /// The word that is stored and typed; the end of a file's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Json => "json",
        }
    }

    /// What a file of it is (RFC 6838).
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Pdf => "application/pdf",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Json => "application/json",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.name() == text);
        found.ok_or_else(|| format!("{text:?} is no format: html, pdf, csv, xlsx, json"))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for NotMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for NotMade {}
