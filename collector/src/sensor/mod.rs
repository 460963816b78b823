//! What only watches: HEP that agents send and frames off an interface, judged without anybody being answered.
//!
//! Packets in, engine, news out: each [`Source`] hands what it has to the one [`Watcher`], whose engine follows every
//! dialog to its end. A verdict is what would have been done.

mod clock;
mod datagrams;
mod live;
mod mount;
mod quoted;
mod sender;
mod streams;
mod watcher;

use std::io;
use std::os::fd::BorrowedFd;

use rules::Timestamp;

pub use clock::Clock;
pub use datagrams::HepDatagrams;
pub use live::{Filter, Frames, Interface, Portable, Ring};
pub use mount::Sensor;
pub use sender::{Key, Sender, Senders};
pub use streams::HepStreams;
pub use watcher::Watcher;

/// Where packets come from without being asked for.
pub trait Source {
    /// Hands what waits to `watcher`, one batch at most. Returns whether more is likely to be there.
    ///
    /// # Errors
    /// Those of the system. It is asked again all the same.
    fn turn(&mut self, now: Timestamp, watcher: &mut Watcher) -> io::Result<bool>;

    /// What is ready to be read when there is something to take.
    fn ready(&self) -> BorrowedFd<'_>;

    /// How many packets are known to be missing since it was opened.
    fn lost(&self) -> u64;
}
