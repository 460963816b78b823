//! What do people work on? Alerts and requests become cases with clocks, authorisation and proof.
//!
//! Everything but `io` is pure: facts and time in, values out.
#![forbid(unsafe_code)]

pub mod case_number;

pub use case_number::CaseNumber;
