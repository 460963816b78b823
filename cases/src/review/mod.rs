//! Plain rows that reports show: who may do what, what was done with a case, what was looked at on a day.

mod contact;
mod custody;
mod monitoring;

pub(crate) use contact::CERTIFY;
pub use contact::{ContactRow, Standing, contacts};
pub use custody::{CustodyRow, custody};
pub use monitoring::{CheckRow, monitoring};
