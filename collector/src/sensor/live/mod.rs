//! Frames off an interface of this machine.

mod filter;
mod portable;
mod ring;

use std::fs;
use std::io;
use std::os::fd::BorrowedFd;

use engine::Packet;
use rules::Timestamp;

use super::{Clock, Source, Watcher};
use crate::assembler::Assembler;
use crate::frame::Frame;
use crate::judge::Count;

pub use filter::Filter;
pub use portable::Portable;
pub use ring::Ring;

/// How frames are taken off an interface. Linux has a [`Ring`]; [`Portable`] works wherever pnet does.
pub trait Frames {
    /// Hands what is there to `take`, one batch at most. Returns whether more is likely to be there.
    ///
    /// # Errors
    /// Those of the system, such as that the interface is down. It is asked again all the same.
    fn batch(&mut self, take: &mut dyn FnMut(Frame<'_>)) -> io::Result<bool>;

    /// What is ready to be read when there is something to take.
    fn ready(&self) -> BorrowedFd<'_>;

    /// Frames that were dropped since it was opened, because more came than could be taken.
    fn dropped(&self) -> u64;
}

/// One interface that is watched.
pub struct Interface {
    frames: Box<dyn Frames + Send>,
    assembler: Assembler,
    clock: Clock,
    /// What was counted so far: frames, messages, frames dropped, and what was lost in putting together.
    counted: [u64; 4],
}

impl Interface {
    /// Watches `frames`. Agents whose HEP passes by are believed about the time as `clock` says.
    pub fn new(frames: Box<dyn Frames + Send>, clock: Clock) -> Self {
        Self { frames, assembler: Assembler::new(), clock, counted: [0; 4] }
    }

    fn count(&mut self, now: Timestamp, watcher: &Watcher) {
        let lost = self.assembler.lost(now);
        let counters = self.assembler.counters();
        let present = [counters.frames, counters.messages, self.frames.dropped(), lost];
        let kinds = [Count::CaptureFrames, Count::CaptureMessages, Count::CaptureDropped, Count::CaptureLost];
        for ((kind, present), before) in kinds.into_iter().zip(present).zip(self.counted) {
            watcher.counters().add_many(kind, present.saturating_sub(before));
        }
        self.counted = present;
    }
}

impl Source for Interface {
    fn turn(&mut self, now: Timestamp, watcher: &mut Watcher) -> io::Result<bool> {
        let (assembler, clock) = (&mut self.assembler, self.clock);
        let is_busy = self.frames.batch(&mut |frame| {
            let came = frame.at;
            assembler.assemble(frame, &mut |packet| {
                let at = clock.hold(Some(packet.at), came).at;
                watcher.see(&Packet { at, ..packet }, None);
            });
        });
        self.count(now, watcher);
        is_busy
    }

    fn ready(&self) -> BorrowedFd<'_> {
        self.frames.ready()
    }

    fn lost(&self) -> u64 {
        let [.., dropped, lost] = self.counted;
        dropped + lost
    }
}

/// What an interface carries, as far as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    Ethernet,
    /// The loopback interface, where whatever is sent is received as well.
    Loopback,
}

impl Carries {
    /// What the interface `name` carries.
    ///
    /// # Errors
    /// When there is none, or it carries something else.
    fn of(name: &str) -> io::Result<Self> {
        // A name is no path.
        let text = if name.contains(['/', '.']) {
            None
        } else {
            fs::read_to_string(format!("/sys/class/net/{name}/type")).ok()
        };
        match text.as_deref().map(str::trim) {
            None => Err(io::Error::new(io::ErrorKind::NotFound, "there is no such interface")),
            Some("1") => Ok(Self::Ethernet),
            Some("772") => Ok(Self::Loopback),
            Some(other) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("it carries no Ethernet (type {other}): watch the interface below it"),
            )),
        }
    }
}
