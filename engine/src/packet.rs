//! One message as it came off the wire.

use std::net::SocketAddr;

use rules::{Flags, Timestamp, Transport};

/// One SIP message with its carriage.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// When it was captured or received.
    pub at: Timestamp,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// The message: one datagram, or one framed message of a stream.
    pub payload: &'a [u8],
    /// What its carriage noticed: overlapping fragments, a stream with a lying Content-Length.
    pub flags: Flags,
}
