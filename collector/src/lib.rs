//! Where do packets come from, where do answers go? Capture files, and what is wrapped in them; peers that ask.
//!
//! [`Capture`] reads frames from a file, [`Merge`] from several; [`Assembler`] peels, puts together and hands
//! out the SIP messages in them.
#![forbid(unsafe_code)]

mod answer;
mod assembler;
pub mod bridge;
mod bytes;
mod capture;
pub mod certificates;
mod counters;
mod datagrams;
mod error;
pub mod faults;
mod frame;
pub mod hep;
pub mod judge;
pub mod limits;
mod line;
mod merge;
pub mod mirror;
pub mod places;
mod pressure;
pub mod proxy;
pub mod redirect;
pub mod redress;
mod refusal;
pub mod sensor;
pub mod write;

pub use assembler::Assembler;
pub use capture::{Capture, Drops, Kind};
pub use counters::Counters;
pub use error::{Error, Note};
pub use frame::{Frame, LinkType};
pub use merge::Merge;
