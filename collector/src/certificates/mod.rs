//! Certificates of signers, fetched from where a stranger says they lie, out of the way of calls.

mod fetch;
mod fetcher;
mod store;

use rules::Timestamp;
use tokio::sync::mpsc;

pub use fetch::{Egress, Refused, Resolve, Resolving, system_resolver, web_roots};
pub use fetcher::Fetcher;

use crate::limits::WANTED_WAITING_MAX;

/// What became of a fetch.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// What lies there, and since when we have it.
    Certificates(std::sync::Arc<[u8]>, Timestamp),
    /// Nothing that can be had before then.
    Nothing {
        /// When it may be tried again.
        until: Timestamp,
    },
}

/// Whom addresses are told that somebody wants certificates from.
#[derive(Clone, Debug)]
pub struct Wanted(mpsc::Sender<String>);

/// The other end: who fetches them.
#[derive(Debug)]
pub struct WantedQueue(mpsc::Receiver<String>);

/// Both ends.
pub fn wanted() -> (Wanted, WantedQueue) {
    let (to, from) = mpsc::channel(WANTED_WAITING_MAX);
    (Wanted(to), WantedQueue(from))
}

impl Wanted {
    /// Says that the certificates at `address` are wanted. Never waits: who finds no room asks again with a later call.
    pub fn tell(&self, address: &str) {
        let _ = self.0.try_send(address.to_owned());
    }
}
