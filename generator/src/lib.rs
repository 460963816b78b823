//! Makes days of a customer's telephone traffic with attacks in it, the truth beside each call.
//!
//! Everything comes from a seed: the same [`Settings`] give the same bytes. Numbers and addresses are from ranges
//! kept for fiction and documentation. The crate knows nothing of the engine, so that it can be held against it.
#![forbid(unsafe_code)]

mod attack;
mod benign;
mod call;
mod campaign;
mod confounder;
mod customer;
mod day;
mod message;
mod numbers;
mod passport;
mod planner;
mod profiles;
mod random;
mod region;
mod rhythm;
mod script;
mod session;
mod stage;
mod truth;
mod writing;

pub mod capture;
pub mod pcap;

pub use attack::{Attack, LISTED_CALLERS};
pub use campaign::{Campaign, Event};
pub use confounder::Confounder;
pub use customer::{Block, Customer, Hours};
pub use day::{Campaigns, Datagram, Day, Envelope, Settings};
pub use region::Region;
pub use truth::{Benign, Direction, Label, Truth};
