//! The packet ring of Linux: the kernel writes frames where we read them.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use rules::Timestamp;

use super::{Carries, Filter, Frames};
use crate::frame::{Frame, LinkType};

/// A ring on one interface.
pub struct Ring {
    ring: sys::Ring,
    dropped: u64,
}

impl Ring {
    /// Opens a ring of so many MiB on the interface `name`. Needs CAP_NET_RAW, now and not later.
    ///
    /// # Errors
    /// Those of the system, and when the interface carries no Ethernet.
    pub fn open(name: &str, megabytes: u32, promiscuous: bool, filter: &Filter) -> io::Result<Self> {
        let carries = Carries::of(name)?;
        let ring = sys::Ring::open(&sys::Settings {
            interface: name,
            blocks: megabytes.max(BLOCKS_MIN),
            hand_over_millis: HAND_OVER_MILLIS,
            promiscuous,
            leaves_out_outgoing: carries == Carries::Loopback,
            filter: &filter.program(),
        })?;
        Ok(Self { ring, dropped: 0 })
    }
}

impl Frames for Ring {
    fn batch(&mut self, take: &mut dyn FnMut(Frame<'_>)) -> io::Result<bool> {
        let block = self.ring.next_block();
        let is_busy = block.is_some();
        for sys::Frame { micros, original_length, data } in block.iter().flat_map(sys::Block::frames) {
            take(Frame { at: Timestamp(micros), link: LinkType::ETHERNET, data, original_length });
        }
        drop(block);
        self.dropped += u64::from(self.ring.statistics()?.dropped);
        if !is_busy {
            // An interface that went down keeps saying so until it is asked why.
            self.ring.check()?;
        }
        Ok(is_busy)
    }

    fn ready(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// A block is one MiB: one is read while others are filled.
const BLOCKS_MIN: u32 = 4;
/// How long a frame waits at most until its block is handed over.
const HAND_OVER_MILLIS: u32 = 20;
