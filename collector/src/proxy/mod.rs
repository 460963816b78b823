//! An inline proxy: calls go through it, and it judges each before it goes on (RFC 3261 §16, stateless as in §16.11).

mod bye;
mod course;
mod forward;
mod hop;
mod leaving;
mod lines;
mod lookup;
mod mark;
mod mount;
mod port;
mod relay;
mod requests;
mod rewrite;
#[cfg(test)]
mod scenes;
mod secret;
mod settings;
mod streams;
#[cfg(test)]
mod unchanged;
mod via;
mod way;

pub use hop::{NextHop, Share, Target};
pub use lookup::{HostName, Lookup, Named};
pub use mount::{Inlets, Proxying};
pub use port::{Name, Place, Port};
pub use secret::Secret;
pub use settings::{Marks, Onward, Settings};
pub use streams::{Asked, Exchange, Names, Streams, exchange, tls_client};
