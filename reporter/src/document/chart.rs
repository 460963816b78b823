//! What is drawn: one message each.

use serde::{Deserialize, Serialize};

use super::{Href, Hue, Metric, Table, Text};

/// A chart, and the table of what it shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// Names the table behind it, as [`Table::name`].
    pub name: String,
    /// The message, in a sentence: `Blocked calls doubled on Wednesday`.
    pub message: String,
    /// What it shows, for who does not see it. Empty for one that is made from the data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alternative: String,
    /// Which formula.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// What is counted.
    pub unit: Unit,
    /// The drawing.
    pub drawing: Drawing,
    /// The calls or cases behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Href>,
    /// What one has to know to read it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Text>,
    /// A table to be shown instead of the one that is made from the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
}

/// What an axis counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "of")]
pub enum Unit {
    /// Things, by their name in the plural: `calls`.
    Count(String),
    /// From 0 to 1.
    Percent,
    /// Microseconds.
    Duration,
    /// Units of a currency, by its ISO 4217 code.
    Money(String),
}

/// The kinds of drawings. `None` is where nobody knows: it is left blank, and is not nought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Drawing {
    /// A bar for each day, of parts on top of each other. At most 62 days.
    Stacked {
        /// What stands below each bar: `Mon 2`.
        days: Vec<String>,
        /// From the bottom; each has a value for every day.
        parts: Vec<Series>,
    },
    /// Lines over time, such as 13 months. At most 5 lines of 120 points.
    Trend {
        /// What stands below each point: `Nov 25`.
        points: Vec<String>,
        /// Each has a value for every point.
        lines: Vec<Line>,
    },
    /// A grid, such as seven weekdays by 24 hours; the darker, the more. At most 31 by 25.
    Heat {
        /// Down the left side.
        rows: Vec<String>,
        /// Along the top.
        columns: Vec<String>,
        /// A value for every column of every row.
        values: Vec<Vec<Option<f64>>>,
        /// Of what.
        hue: Hue,
    },
    /// What is usual over a week: median, the middle 90 %, a limit, and what went past it.
    Ribbon {
        /// What stands below: a name where one begins, such as `Mon`, and an empty text elsewhere. At most 24 by 31.
        points: Vec<String>,
        /// 5 % were below.
        low: Vec<Option<f64>>,
        /// Half were below.
        median: Vec<Option<f64>>,
        /// 95 % were below.
        high: Vec<Option<f64>>,
        /// The proposed limit, at each point.
        limit: Vec<Option<f64>>,
        /// What went past it.
        dots: Vec<Dot>,
    },
    /// Small charts of one shape and one scale beside each other. At most 24.
    Multiples {
        /// The charts.
        panels: Vec<Panel>,
        /// Of what.
        hue: Hue,
    },
    /// Bars from left to right, the longest first. At most 40.
    Bars {
        /// From the top.
        bars: Vec<Bar>,
    },
}

/// A part of stacked bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub hue: Hue,
    /// How many on each day.
    pub values: Vec<Option<f64>>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its name, written at its end.
    pub name: String,
    /// Its colour.
    pub hue: Hue,
    /// At each point.
    pub values: Vec<Option<f64>>,
}

/// Something that stands out, and can be opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dot {
    /// At which point, from 0.
    pub at: usize,
    /// How high.
    pub value: f64,
    /// What it was: `Mon 9 Nov 10:00`.
    pub label: String,
    /// The case or the calls.
    pub link: Option<Href>,
}

/// A small chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// Above it.
    pub title: String,
    /// From left to right; as many in each.
    pub values: Vec<Option<f64>>,
    /// Below its left and its right end.
    pub ends: (String, String),
    /// The case or the calls.
    pub link: Option<Href>,
}

/// A bar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Before it.
    pub label: String,
    /// How long.
    pub value: f64,
    /// Its colour.
    pub hue: Hue,
    /// The case or the calls.
    pub link: Option<Href>,
}
