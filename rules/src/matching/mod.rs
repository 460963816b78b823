//! Finds the first matching rule without looking at every rule.

mod builder;
mod clock;
mod index;
mod networks;
mod numbers;
mod packed;
mod parties;
mod ranges;
mod rows;
mod scratch;
mod segments;
mod slot;
mod table;
mod texts;

pub(crate) use builder::Pseudo;
pub(crate) use clock::{Clock, LocalTime};
pub(crate) use index::RuleIndex;
pub use networks::NetworkTable;
pub(crate) use networks::canonical;
pub use numbers::is_neighbour;
pub(crate) use numbers::position;
pub use ranges::RangeTable;
pub use scratch::Scratch;
pub(crate) use segments::SegmentMap;
pub(crate) use slot::counts_any;
pub use table::{NumberTable, NumberTableBuilder, Probe};
