//! Where the known headers of a message stand: a table of fixed size, no heap.

use super::header::Header;
use crate::limits::{HEADERS_MAX, MESSAGE_BYTES_MAX};

/// The known headers of one message: the first of each by its number, further ones in a short list.
#[derive(Clone)]
pub(super) struct Index {
    /// The first of each header; only those in `seen` mean anything.
    first: [Place; Header::ALL.len()],
    /// Further ones in their order.
    further: [Further; FURTHER_MAX],
    /// How many further ones there are, whether or not they found room.
    further_count: usize,
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

/// A further value: its header in the lowest byte, and its place in 28 bits each.
#[derive(Clone, Copy)]
struct Further(u64);

impl Further {
    fn new(header: Header, place: Place) -> Self {
        Self(header as u64 | u64::from(place.start) << 8 | u64::from(place.end) << 36)
    }

    fn is(self, header: Header) -> bool {
        self.0 as u8 == header as u8
    }

    fn place(self) -> Place {
        Place { start: (self.0 >> 8) as u32 & PLACE_MAX, end: (self.0 >> 36) as u32 & PLACE_MAX }
    }
}

const PLACE_MAX: u32 = (1 << 28) - 1;
const _: () = assert!(MESSAGE_BYTES_MAX <= PLACE_MAX as usize, "places have 28 bits");

impl Index {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self {
            first: [Place { start: 0, end: 0 }; Header::ALL.len()],
            further: [Further(0); FURTHER_MAX],
            further_count: 0,
            seen: 0,
            repeated: 0,
            empty: 0,
        }
    }

    /// Adds a value that stands from `start` to `end`.
    #[inline(always)]
    pub(super) fn add(&mut self, header: Header, start: usize, end: usize) {
        let bit = header.bit();
        let place = Place { start: start as u32, end: end as u32 };
        if self.seen & bit != 0 {
            self.add_further(header, place);
            return;
        }
        self.seen |= bit;
        if let Some(first) = self.first.get_mut(header as usize) {
            *first = place;
        }
    }

    /// Notes that `header` stands there without a value.
    pub(super) fn add_empty(&mut self, header: Header) {
        self.empty |= header.bit();
    }

    #[inline(never)]
    fn add_further(&mut self, header: Header, place: Place) {
        self.repeated |= header.bit();
        if let Some(room) = self.further.get_mut(self.further_count) {
            *room = Further::new(header, place);
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
    #[inline]
    pub(super) fn is_cut(&self) -> bool {
        const SURELY_FEW: usize = HEADERS_MAX.saturating_sub(Header::ALL.len());
        self.further_count > SURELY_FEW
            && (self.seen.count_ones() as usize).saturating_add(self.further_count) > HEADERS_MAX
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
        self.first.get(header as usize)?.cut(bytes)
    }

    /// What stands from the first value of `header` to the end of the message, and how long the value is.
    #[inline(always)]
    pub(super) fn first_open<'a>(&self, bytes: &'a [u8], header: Header) -> Option<(&'a [u8], usize)> {
        if !self.has(header) {
            return None;
        }
        let place = self.first.get(header as usize)?;
        Some((bytes.get(place.start as usize..)?, place.end.wrapping_sub(place.start) as usize))
    }

    /// The next further value of `header` from `slot` on, and the slot behind it.
    pub(super) fn further<'a>(
        &self,
        bytes: &'a [u8],
        slot: usize,
        header: Header,
    ) -> Option<(&'a [u8], usize)> {
        let places = self.further.get(slot..self.further_count)?;
        let found = places.iter().position(|further| further.is(header))?;
        Some((places.get(found)?.place().cut(bytes)?, slot + found + 1))
    }
}

impl Place {
    #[inline(always)]
    fn cut(self, bytes: &[u8]) -> Option<&[u8]> {
        bytes.get(self.start as usize..self.end as usize)
    }
}

/// Repeated headers that are kept; a message with more is read again line by line where they are asked for.
const FURTHER_MAX: usize = 16;
