//! What do we tell? Call records and summaries as text that nothing in it can break out of.
#![forbid(unsafe_code)]

mod alert;
pub mod backtest;
pub mod baseline;
mod block;
pub mod document;
mod json;
mod line;
pub mod metrics;
mod order;
pub mod privacy;
pub mod recorded;
mod recount;
pub mod report;
mod summary;
mod text;
mod threshold;
mod turning;
mod usual;

pub use alert::{Alert, Alerts, Amount, Sensor};
pub use block::Block;
pub use json::{counted, printable, put, to_line};
pub use line::{Addresses, CallLine, Counting, Parties, PartyText, party, reason, status};
pub use order::InOrder;
pub use privacy::{Privacy, Rules};
pub use recount::{Difference, LeftOut, Reconciliation, Recount};
pub use summary::{Dropped, Summary};
pub use text::{AddressText, MomentText, NumberText, rfc3339};
pub use threshold::{describe, duration};
pub use turning::{listed, turning, turning_points};
pub use usual::{BadUsual, read_usual};
