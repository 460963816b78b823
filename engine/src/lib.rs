//! What is happening? Bytes and time in, verdicts and events out.
//!
//! No socket, no clock, no async: the same bytes at the same times give the same verdicts, live or replayed.
#![forbid(unsafe_code)]

pub mod limits;
pub mod number;
pub mod packet;
pub mod sip;

pub use packet::Packet;
