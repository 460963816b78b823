//! Reads SIP from bytes: a message and its defects, never an error.

mod uri;

pub use uri::{Scheme, Uri};
