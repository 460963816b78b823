//! What do people work on? Alerts and requests become cases with clocks, authorisation and proof.
//!
//! Everything but `io` is pure: facts and time in, values out.
#![forbid(unsafe_code)]

pub mod calendar;
pub mod case_number;
pub mod explanation;
pub mod limits;
pub mod service;
pub mod statement;
pub mod terms;

pub use calendar::Calendar;
pub use case_number::CaseNumber;
pub use explanation::Explanation;
pub use service::Service;
pub use terms::{Due, Term, Terms};
