//! Whose number is it? Signatures over the caller's number (STIR, RFC 8224) checked against trust anchors.
//!
//! No socket, no clock, no async: certificates come from whoever fetched them, time comes with the call.
#![forbid(unsafe_code)]

mod address;
mod authority;
mod budget;
mod call;
mod certificate;
mod known;
pub mod limits;
mod outcome;
mod signatures;
mod token;
mod verifier;

pub use address::{is_refused_address, is_special_address, normal_address};
pub use authority::{Authority, Entry};
pub use call::{Called, Signed, SignedCall};
pub use certificate::{Anchors, Chain};
pub use outcome::{Doubt, Fault, Outcome, Verified};
pub use signatures::digest;
pub use verifier::{Settings, Verifier};
