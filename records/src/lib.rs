//! What became of every call? One row for each attempt, as one customer's policy saw it, kept by customer and day.
//!
//! A [`Call`] is one row; a [`Batch`] is many rows in time order, column by column, of which a reader asks only for the
//! [`Columns`] that it needs.
#![forbid(unsafe_code)]

mod batch;
mod call;
mod column;
pub mod invented;
pub mod io;
mod line;
mod moment;
mod quick;
mod rows;
mod texts;
mod words;

pub use batch::Batch;
pub use call::{Call, HungUp, Party, PartyKind};
pub use column::{Column, Columns};
pub use line::NotACall;
pub use texts::Texts;
pub use words::Words;
