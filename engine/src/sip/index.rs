//! Where the known headers of a message stand: a table of fixed size, no heap.

use super::header::Header;
use super::text::cut;
use crate::limits::HEADERS_MAX;

/// The known headers of one message in order.
#[derive(Clone)]
pub(super) struct Index {
    slots: [Slot; HEADERS_MAX],
    used: usize,
    /// The first slot of each header.
    first: [u8; Header::ALL.len()],
    /// Headers that stand in the message, whether or not they found a slot.
    seen: u64,
    /// Those of them that stand more than once.
    repeated: u64,
    /// Those of them that stand with an empty value.
    empty: u64,
    /// Whether a header found no slot.
    cut: bool,
}

/// One header: where its value begins, and its length with the header's number in the highest byte.
#[derive(Clone, Copy)]
struct Slot {
    start: u32,
    length_and_header: u32,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            slots: [Slot { start: 0, length_and_header: 0 }; HEADERS_MAX],
            used: 0,
            first: [0; Header::ALL.len()],
            seen: 0,
            repeated: 0,
            empty: 0,
            cut: false,
        }
    }

    /// Adds a value that stands from `start` to `end`; both below 2^24, as the message is.
    #[inline(always)]
    pub(super) fn add(&mut self, header: Header, start: usize, end: usize) {
        let bit = header.bit();
        let Some(slot) = self.slots.get_mut(self.used) else {
            self.repeated |= self.seen & bit;
            self.seen |= bit;
            self.cut = true;
            return;
        };
        let length = (end - start) as u32;
        *slot = Slot { start: start as u32, length_and_header: length | (header as u32) << 24 };
        if self.seen & bit == 0 {
            if let Some(first) = self.first.get_mut(header as usize) {
                *first = self.used as u8;
            }
            self.seen |= bit;
        } else {
            self.repeated |= bit;
        }
        self.empty |= if length == 0 { bit } else { 0 };
        self.used += 1;
    }

    /// Whether `header` stands in the message.
    #[inline(always)]
    pub(super) fn has(&self, header: Header) -> bool {
        self.seen & header.bit() != 0
    }

    /// The headers of `set` that stand in the message.
    pub(super) fn seen(&self, set: u64) -> u64 {
        self.seen & set
    }

    /// The headers of `set` that stand more than once.
    pub(super) fn repeated(&self, set: u64) -> u64 {
        self.repeated & set
    }

    /// The headers of `set` that stand without a value.
    pub(super) fn empty(&self, set: u64) -> u64 {
        self.empty & set
    }

    /// Whether a header found no slot, so that the lines must be asked instead.
    #[inline(always)]
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// The first slot of `header`; only sensible when it [`has`](Self::has) it and is not cut.
    #[inline(always)]
    pub(super) fn first(&self, header: Header) -> usize {
        usize::from(self.first.get(header as usize).copied().unwrap_or(0))
    }

    /// The value in `slot`, if it is one of `header`.
    #[inline(always)]
    pub(super) fn value<'a>(&self, bytes: &'a [u8], slot: usize, header: Header) -> Option<&'a [u8]> {
        let slot = self.slots.get(slot)?;
        if slot.length_and_header >> 24 != header as u32 {
            return None;
        }
        let start = slot.start as usize;
        Some(cut(bytes, start, start + (slot.length_and_header & 0x00ff_ffff) as usize))
    }

    /// The slot behind the last one to look at for `header`.
    #[inline(always)]
    pub(super) fn end(&self, header: Header) -> usize {
        if self.repeated & header.bit() == 0 { self.first(header) + 1 } else { self.used }
    }
}

const _: () = assert!(HEADERS_MAX <= 255, "a slot's number fits a byte");
const _: () = assert!(crate::limits::MESSAGE_BYTES_MAX < 1 << 24, "a value's place fits 24 bits");
