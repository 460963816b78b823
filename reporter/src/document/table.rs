//! Rows and columns.

use serde::{Deserialize, Serialize};

use super::{Href, Hue, Metric, Text, Value};

/// A table, on a page and as a file of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Names its file and its sheet: lower case, digits and hyphens, once in a document.
    pub name: String,
    /// What it shows, above it.
    pub caption: String,
    /// From left to right.
    pub columns: Vec<Column>,
    /// From top to bottom; each has a cell for every column.
    pub rows: Vec<Vec<Cell>>,
    /// The last row is a sum.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_total: bool,
    /// Rows that are not shown, and where they are.
    #[serde(default)]
    pub rows_left_out: u64,
    /// What one has to know to read it, below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Text>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its heading.
    pub name: String,
    /// What is in it.
    pub kind: Kind,
    /// Which formula.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
}

/// What is in a column: decides its alignment, and the type of its cells in sheets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Words.
    Text,
    /// [`Value::Count`].
    Count,
    /// [`Value::Number`].
    Number,
    /// [`Value::Share`], [`Value::Estimate`] or [`Value::Percent`]; in files it is five columns: ratio, part, whole and both ends of the interval.
    Share,
    /// [`Value::Duration`]; in files in seconds.
    Duration,
    /// [`Value::Money`]; in files a column for the currency follows.
    Money,
    /// [`Value::Time`].
    Time,
    /// [`Value::Day`].
    Day,
    /// [`Value::Person`].
    Person,
}

impl Kind {
    /// Whether digits stand below digits.
    pub(super) fn is_figure(self) -> bool {
        matches!(self, Self::Count | Self::Number | Self::Share | Self::Duration | Self::Money)
    }
}

/// One cell. A value of another kind than its column is shown as it is, and in files it is text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What it says.
    pub value: Value,
    /// The calls or cases behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Href>,
    /// The colour of a dot before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hue: Option<Hue>,
}

impl Table {
    /// A table without rows.
    pub fn new(name: impl Into<String>, caption: impl Into<String>, columns: Vec<Column>) -> Self {
        Self { name: name.into(), caption: caption.into(), columns, ..Self::default() }
    }
}

impl Column {
    /// A column of no formula.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, metric: None }
    }

    /// One that cites its formula.
    #[must_use]
    pub fn of(mut self, metric: Metric) -> Self {
        self.metric = Some(metric);
        self
    }
}

impl Cell {
    /// A cell that leads nowhere.
    pub fn new(value: Value) -> Self {
        Self { value, link: None, hue: None }
    }

    /// The same with what is behind it.
    #[must_use]
    pub fn to(mut self, link: Href) -> Self {
        self.link = Some(link);
        self
    }

    /// The same with a dot before it.
    #[must_use]
    pub fn hue(mut self, hue: Hue) -> Self {
        self.hue = Some(hue);
        self
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        Self::new(value)
    }
}
