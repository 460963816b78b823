//! Number plans: which numbers exist, what they cost, how a region dials.

mod dial;

pub use dial::{Bare, DialPlan};
