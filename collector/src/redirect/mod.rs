//! A SIP redirect server: an SBC or PBX asks per call, and is told to go on or not (RFC 3261 §8.3).

mod connections;
mod decider;
mod mount;
mod next_hop;
mod peer;
mod settings;
mod shedding;
mod streams;
mod turnstile;

pub use connections::ConnectionLimits;
pub(crate) use connections::{Connections, Full, Held};
pub use decider::{Decided, Decider};
pub use mount::Redirect;
pub use next_hop::NextHop;
pub use peer::{Allow, Peer, Peers};
pub use settings::{Calls, Overload, Settings, Strangers};
pub(crate) use shedding::{Shedding, Unjudged, Waiting};
pub use streams::{Streams, tls};
