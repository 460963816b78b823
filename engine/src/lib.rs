//! What is happening? Bytes and time in, verdicts and events out.
//!
//! No socket, no clock, no async: the same bytes at the same times give the same verdicts, live or replayed.
#![forbid(unsafe_code)]

pub mod call;
mod callback;
mod emergency;
mod engine;
pub mod facts;
mod finding;
mod hash;
mod ips;
mod judging;
mod legs;
pub mod limits;
mod live;
pub mod number;
pub mod packet;
mod prefetch;
mod prevention;
pub mod question;
pub mod recorded;
mod redirection;
mod rerun;
mod sharing;
mod sight;
pub mod sip;
mod state;
mod verifying;

pub use call::{Attempt, Fact, Kind, Refusal, Role, Tally, View};
pub use emergency::{dials_emergency, is_short};
pub use engine::{Counters, Engine, Handled};
pub use hash::{AlreadyHashed, BuildAlreadyHashed};
pub use ips::{Breach, Budget, IpsCounters, Restraint, Usual};
pub use live::Succession;
pub use packet::Packet;
pub use question::Question;
pub use recorded::{Course, Recorded, Showing};
pub use rerun::{Rerun, explain_again};
pub use sharing::{Imposed, Seeds};
pub use sight::Silence;
pub use state::StateError;
pub use verifying::Belief;
