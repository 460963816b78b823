//! Proves what a policy can and cannot do, over the whole number space.
//!
//! See `docs/prover.md` for what is decided, and how.

mod calendar;
mod finding;
mod networks;
mod numbers;
mod question;
mod search;
mod sides;
mod solve;
mod space;
mod texts;
mod witness;

use crate::number_set::NumberSet;
use crate::policy::{Diagnostic, PolicyText};
use crate::time::Timestamp;

pub use question::{Answer, CanMatch, Power, Question};
pub use solve::Cause;
pub use witness::Witness;

use space::Space;

pub(crate) use texts::matching_text;

/// Answers questions about one policy as it stands at one moment.
pub struct Prover<'a> {
    space: Space<'a>,
    emergency: &'a NumberSet,
}

impl<'a> Prover<'a> {
    /// Reads the rules of `policy` as they stand at `now` (what has expired sleeps). `emergency` are the numbers
    /// that the guard lets pass whatever the rules say: [`Policy::emergency`](crate::Policy::emergency).
    pub fn new(policy: &'a PolicyText, emergency: &'a NumberSet, now: Timestamp) -> Self {
        Self { space: Space::new(policy, now), emergency }
    }

    /// Every rule that is dead, shadowed, duplicate or contradictory, that names emergency numbers in vain, or
    /// that could not be decided; in file order.
    pub fn findings(&mut self) -> Vec<Diagnostic> {
        finding::find(self)
    }
}
