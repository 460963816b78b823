//! Call attempts and other transactions: which message belongs to which, and how each one went.

mod attempt;
mod chunks;
mod deadlines;
mod heads;
mod progress;
mod sighting;
mod table;

pub(crate) use attempt::Keys;
pub use attempt::{Attempt, Fact, Kind, Refusal, Role, Tally, View};
pub use progress::{Progress, Side, Signal, State};
pub(crate) use sighting::Shown;
pub use sighting::{KeptHeaders, Sighting};
pub(crate) use table::{Slot, Table};
