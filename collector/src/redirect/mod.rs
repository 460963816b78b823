//! A SIP redirect server: an SBC or PBX asks per call, and is told to go on or not (RFC 3261 §8.3).

mod answer;
mod connections;
mod counters;
mod datagrams;
mod decider;
mod next_hop;
mod peer;
mod refusal;
mod server;
mod settings;
mod streams;

pub use connections::ConnectionLimits;
pub use counters::{Count, Counters};
pub use decider::{Decided, Decider, News};
pub use next_hop::NextHop;
pub use peer::{Allow, Peer, Peers};
pub use server::{Job, Server, Shared, now};
pub use settings::{Calls, Overload, Settings, Strangers};
pub use streams::{Streams, tls};
