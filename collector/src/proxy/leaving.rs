//! Where a message goes from here.

use super::port::Place;

/// The way out of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaving {
    /// The place of the socket that it leaves by.
    pub(super) port: usize,
    /// Where to.
    pub(super) to: Place,
}
