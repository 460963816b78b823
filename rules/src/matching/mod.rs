//! Finds the first matching rule without looking at every rule.

mod ranges;
mod table;

pub use ranges::RangeTable;
pub use table::{NumberTable, NumberTableBuilder};
