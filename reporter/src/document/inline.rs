//! Words inside a paragraph.

use serde::{Deserialize, Serialize};

use super::{Href, Metric, Value};

/// A run of words, links and figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(pub Vec<Inline>);

/// One piece of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "of")]
pub enum Inline {
    /// Words.
    Plain(String),
    /// Words that weigh more.
    Strong(String),
    /// Words that are stressed.
    Emphasis(String),
    /// What machines read: names of rules, headers.
    Code(String),
    /// Words that lead somewhere.
    Link {
        /// The words.
        text: String,
        /// Where.
        link: Href,
    },
    /// A value, with the formula that it comes from and the calls or cases behind it.
    Figure {
        /// How many.
        value: Value,
        /// Which formula; it is written behind the value.
        metric: Option<Metric>,
        /// What is behind it.
        link: Option<Href>,
    },
}

impl Text {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plain words at the end.
    #[must_use]
    pub fn plain(self, text: impl Into<String>) -> Self {
        self.with(Inline::Plain(text.into()))
    }

    /// Weighty words at the end.
    #[must_use]
    pub fn strong(self, text: impl Into<String>) -> Self {
        self.with(Inline::Strong(text.into()))
    }

    /// Stressed words at the end.
    #[must_use]
    pub fn emphasis(self, text: impl Into<String>) -> Self {
        self.with(Inline::Emphasis(text.into()))
    }

    /// A name of a machine at the end.
    #[must_use]
    pub fn code(self, text: impl Into<String>) -> Self {
        self.with(Inline::Code(text.into()))
    }

    /// A link at the end.
    #[must_use]
    pub fn link(self, text: impl Into<String>, link: Href) -> Self {
        self.with(Inline::Link { text: text.into(), link })
    }

    /// A value at the end that cites its formula.
    #[must_use]
    pub fn figure(self, value: Value, metric: Metric, link: Option<Href>) -> Self {
        self.with(Inline::Figure { value, metric: Some(metric), link })
    }

    /// A value at the end that no formula stands behind.
    #[must_use]
    pub fn value(self, value: Value) -> Self {
        self.with(Inline::Figure { value, metric: None, link: None })
    }

    /// Any piece at the end.
    #[must_use]
    pub fn with(mut self, piece: Inline) -> Self {
        self.0.push(piece);
        self
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new().plain(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new().plain(text)
    }
}
