//! Where the known headers of a message stand: a table of fixed size, no heap.

use super::header::Header;
use super::text::cut;
use crate::limits::HEADERS_MAX;

/// The known headers of one message: the first of each by its number, further ones in a short list.
#[derive(Clone)]
pub(super) struct Index {
    /// The first of each header; only those in `seen` mean anything.
    first: [Place; Header::ALL.len()],
    /// Further ones in their order, with the header's number in the highest byte of `start`.
    further: [Place; FURTHER_MAX],
    /// How many further ones there are, whether or not they found room.
    further_count: usize,
    /// How many known headers there are.
    count: usize,
    /// Headers that stand in the message.
    seen: u64,
    /// Those of them that stand more than once.
    repeated: u64,
    /// Those of them that stand with an empty value.
    empty: u64,
}

/// Where a value begins and ends.
#[derive(Clone, Copy)]
struct Place {
    start: u32,
    end: u32,
}

impl Index {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self {
            first: [Place { start: 0, end: 0 }; Header::ALL.len()],
            further: [Place { start: 0, end: 0 }; FURTHER_MAX],
            further_count: 0,
            count: 0,
            seen: 0,
            repeated: 0,
            empty: 0,
        }
    }

    /// Adds a value that stands from `start` to `end`; both below 2^24, as the message is.
    #[inline(always)]
    pub(super) fn add(&mut self, header: Header, start: usize, end: usize) {
        let bit = header.bit();
        let place = Place { start: start as u32, end: end as u32 };
        self.count += 1;
        if start == end {
            self.empty |= bit;
        }
        if self.seen & bit != 0 {
            self.add_further(header, place);
            return;
        }
        self.seen |= bit;
        if let Some(first) = self.first.get_mut(header as usize) {
            *first = place;
        }
    }

    #[inline(never)]
    fn add_further(&mut self, header: Header, place: Place) {
        self.repeated |= header.bit();
        if let Some(room) = self.further.get_mut(self.further_count) {
            *room = Place { start: place.start | (header as u32) << 24, end: place.end };
        }
        self.further_count += 1;
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

    /// Whether there are more known headers than a message may bring.
    #[inline(always)]
    pub(super) fn is_cut(&self) -> bool {
        self.count > HEADERS_MAX
    }

    /// Whether a further one found no room, so that the lines must be asked instead.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.further_count > FURTHER_MAX
    }

    /// The first value of `header`.
    #[inline(always)]
    pub(super) fn first<'a>(&self, bytes: &'a [u8], header: Header) -> Option<&'a [u8]> {
        if !self.has(header) {
            return None;
        }
        let place = self.first.get(header as usize)?;
        Some(cut(bytes, place.start as usize, place.end as usize))
    }

    /// The next further value of `header` from `slot` on, and the slot behind it.
    pub(super) fn further<'a>(&self, bytes: &'a [u8], slot: usize, header: Header) -> Option<(&'a [u8], usize)> {
        let places = self.further.get(slot..self.further_count)?;
        let found = places.iter().position(|place| place.start >> 24 == header as u32)?;
        let place = places.get(found)?;
        Some((cut(bytes, (place.start & 0x00ff_ffff) as usize, place.end as usize), slot + found + 1))
    }
}

/// Repeated headers that are kept; a message with more is read again line by line where they are asked for.
const FURTHER_MAX: usize = 16;

const _: () = assert!(crate::limits::MESSAGE_BYTES_MAX < 1 << 24, "a value's place fits 24 bits");
