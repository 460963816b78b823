//! What do people work on? Alerts and requests become cases with clocks, authorisation and proof.
//!
//! Everything but `io` is pure: facts and time in, values out.
#![forbid(unsafe_code)]

pub mod account;
pub mod alert;
pub mod audit;
pub mod calendar;
pub mod case;
pub mod case_number;
pub mod change;
pub mod clock;
pub mod explanation;
pub mod flow;
pub mod grouping;
pub mod informal;
pub mod intake;
pub mod io;
pub mod letter;
pub mod limits;
mod moved;
pub mod notice;
pub mod outgoing;
pub mod pack;
pub mod registry;
pub mod review;
pub mod schedule;
pub mod second_factor;
pub mod service;
pub mod statement;
mod tag;
pub mod terms;
pub mod waiting;
pub mod written;

pub use alert::Alert;
pub use calendar::Calendar;
pub use case::Case;
pub use case_number::CaseNumber;
pub use change::Change;
pub use clock::{Clock, ClockKind};
pub use explanation::Explanation;
pub use informal::Informal;
pub use letter::Letter;
pub use outgoing::Outgoing;
pub use registry::Registration;
pub use service::Service;
pub use terms::{Due, Term, Terms};
