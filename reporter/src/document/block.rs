//! What stands in a section.

use serde::{Deserialize, Serialize};

use super::{Chart, Href, Metric, Table, Text, Value};

/// One thing below another in a section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "block", content = "holds")]
#[allow(
    clippy::large_enum_variant,
    reason = "a document has some hundreds of them, and is easier to make so"
)]
pub enum Block {
    /// A box of big figures.
    Headline(Headline),
    /// Words.
    Paragraph(Text),
    /// Words with a dot before each.
    Bullets(Vec<Text>),
    /// Rows and columns.
    Table(Table),
    /// A drawing with one message, and the table behind it.
    Chart(Chart),
    /// Something that must not be overlooked.
    Callout(Callout),
    /// Words and what they mean.
    Definitions(Vec<Definition>),
    /// What the reader can do now.
    Buttons(Vec<Button>),
    /// A heading inside a section.
    Heading(String),
}

/// The figures that are looked at first; at most six fit beside each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Headline {
    /// From the most important.
    pub figures: Vec<Figure>,
}

/// One big figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it counts, in two or three words.
    pub label: String,
    /// How many.
    pub value: Value,
    /// Which formula.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// What it was before: the previous period, 52 weeks ago.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Change>,
    /// Which way is better; decides the colour of a change.
    #[serde(default)]
    pub wanted: Wanted,
    /// The calls or cases behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Href>,
}

/// What a figure was at another time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Such as `previous week`.
    pub when: String,
    /// Of the same kind as what it is compared with.
    pub value: Value,
}

/// Which way a figure should go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// Neither is better.
    #[default]
    Either,
    /// Up.
    More,
    /// Down.
    Less,
}

/// A box that stands out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Callout {
    /// How urgent.
    pub tone: Tone,
    /// In a few words.
    pub title: String,
    /// And what follows from it.
    pub text: Text,
}

/// How urgent something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Good to know.
    Note,
    /// As it should be.
    Good,
    /// Keep an eye on it; that data is missing is one of these.
    Warning,
    /// Something has to be done.
    Alarm,
}

impl Tone {
    /// Said before the title, because a colour alone tells nothing to who does not see it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Note => "Note",
            Self::Good => "Good",
            Self::Warning => "Warning",
            Self::Alarm => "Alarm",
        }
    }

    /// Its name in a style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }
}

/// A word and what it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The word.
    pub term: String,
    /// What it means.
    pub text: Text,
}

/// A link that looks like something to press. Following it decides nothing: the page behind it asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Button {
    /// What it does, such as `Authorise`.
    pub label: String,
    /// What it is about, for who hears it without what stands around it: `Authorise the threshold of callers per hour`.
    pub about: String,
    /// Where it leads.
    pub link: Href,
    /// The first thing to do, of several.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_first: bool,
}
