//! How a message came in, and where it goes from here.

use super::port::Place;

/// The way out of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaving {
    /// The place of the socket that it leaves by.
    pub(super) port: usize,
    /// Where to.
    pub(super) to: Place,
    /// The connection that it is to go over, while that is up and leads to the same address.
    pub(super) line: Option<u64>,
}

/// How one message came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The place of the socket that it came in on.
    pub(super) port: usize,
    /// The connection that it came over.
    pub(super) line: Option<u64>,
}

impl Entry {
    /// In on the datagram socket at `port`.
    pub(super) fn of(port: usize) -> Self {
        Self { port, line: None }
    }
}
