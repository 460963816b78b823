//! What is counted from call records and from cases, one file for each metric.
//!
//! A metric of calls is a [`Fold`]: it takes batches of rows and merges with what another took, in any order, so that a closed
//! day is folded once and a month is a merge of days. A metric of the desk is a [`Measure`]: cases are few, and are gone through
//! each time.

mod context;
mod definition;
mod local;
mod m02_outcomes;
mod rows;
mod share;
mod spread;

pub use context::{Campaign, Context, Judged, Label, Rate, Trunk};
pub use definition::{Definition, Unit};
pub use local::{Hour, LocalTime, Period};
pub use m02_outcomes::{BlockRate, Outcomes};
pub use rows::{Attempt, Class, Reader, Rows};
pub use share::{Interval, Share};
pub use spread::{Quartiles, Spread};

use records::Columns;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A metric of calls.
///
/// The fold of all rows is the same as the merge of the folds of its parts, however they are cut and in whatever order they are
/// merged.
pub trait Fold: Default + Clone + PartialEq + Serialize + DeserializeOwned {
    /// What it says.
    const DEFINITION: Definition;
    /// What it reads of rows, beside the columns of [`Rows::NEEDS`].
    const NEEDS: Columns;
    /// What it says of the calls that it took, in plain data.
    type Answer: Serialize;

    /// Takes rows.
    fn take(&mut self, rows: &Rows<'_>);

    /// Takes over what `other` took.
    fn merge(&mut self, other: Self);

    /// What it says of what it took in `period`.
    fn answer(&self, context: &Context, period: &Period) -> Self::Answer;
}
