//! What is usual, hour by hour of the week, and which limits follow from it.
//!
//! The method is that of the specification of reports: medians and median deviations, which a few attacks do not move; back-off
//! where hours have few samples; a limit chosen by how many alerts a week are tolerated, on weeks that it was not made from.

mod choice;
mod guard;
mod measure;
mod proposal;
mod quantile;
mod series;
mod spread;
mod text;
#[cfg(test)]
mod trial;

pub use choice::{Method, Tried};
pub use guard::{Confidence, Movement};
pub use measure::{Learned, Measuring, OfThreshold};
pub use proposal::{Attack, NotEnough, Offer, Options, Proposal, Proposed, propose};
pub use series::{Hours, Series};
pub use spread::Spread;
