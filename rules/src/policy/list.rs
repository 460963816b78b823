//! Named lists of numbers, texts or networks.

use ipnet::IpNet;

use crate::matching::{NumberTable, RangeTable};
use crate::policy::Span;

/// Index into the policy's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListId(pub u32);

/// One `[lists.NAME]` table with its content.
#[derive(Clone, Debug)]
pub struct List {
    /// Its name, without the `@`.
    pub name: String,
    /// What it holds.
    pub content: ListContent,
    /// Where it stands in the policy file.
    pub span: Span,
}

/// What a list holds.
#[derive(Clone, Debug)]
pub enum ListContent {
    /// Numbers: exact ones and ranges (prefixes and wildcards are ranges).
    Numbers {
        /// Exact numbers with the row of their source.
        exact: NumberTable,
        /// Ranges with the row of their source.
        ranges: RangeTable,
    },
    /// Literal texts, matched in any case anywhere.
    Texts(Vec<String>),
    /// Networks.
    Networks(Vec<IpNet>),
}
