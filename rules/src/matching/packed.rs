//! Pieces of the number space in seven or eight bytes each.

use ahash::HashMap;

use crate::number::Number;
use crate::number_set::Segment;

use super::position;
use super::segments::{SegmentMap, lengths_of};

/// A [`SegmentMap`] whose pieces are packed into slots of a few bytes: where a piece begins behind the start of
/// its bucket of positions, what shape it has, and its row. Most pieces are prefixes: how far they reach is part
/// of the shape, so that the empty place behind them takes no slot.
#[derive(Clone, Debug, Default)]
pub(super) struct PackedPieces {
    /// Slots of `width` bytes, with room behind them to read the last one as eight.
    slots: Vec<u8>,
    width: usize,
    /// The number of slots before each bucket.
    index: Vec<u32>,
    base: u64,
    /// Bits of a position inside its bucket.
    shift: u32,
    shape_bits: u32,
    row_bits: u32,
    first_row: u32,
    shapes: Vec<Shape>,
    /// Rows plus one by length, where they differ.
    mixed: Vec<[u32; 16]>,
}

/// How far a piece reaches, at most, and which lengths belong to it; none where rows differ by length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Shape {
    reach: u64,
    lengths: u16,
}

/// One slot before it is packed.
struct Slot {
    bucket: usize,
    inside: u64,
    shape: u32,
    row: u32,
}

impl PackedPieces {
    /// The pieces of `map`, whose values are rows plus one; `None` when they do not fit.
    pub(super) fn new(map: &SegmentMap) -> Option<Self> {
        let mut packed = Self::default();
        let (mut count, mut last, mut rows) = (0u64, 0, (u32::MAX, 0));
        for (low, end, shape) in map.pieces() {
            packed.base = if count == 0 { low } else { packed.base };
            (count, last) = (count + 1, end - 1);
            for row in shape.iter().filter_map(|value| value.checked_sub(1)) {
                rows = (rows.0.min(row), rows.1.max(row));
            }
        }
        packed.first_row = rows.0;
        while (last - packed.base) >> packed.shift > count / SLOTS_PER_BUCKET {
            packed.shift += 1;
        }
        let buckets = (last.checked_sub(packed.base)? >> packed.shift) as usize + 1;
        let slots = packed.slots_of(map);
        let row_max = (rows.1.saturating_sub(rows.0)).max(packed.mixed.len() as u32);
        packed.row_bits = u32::BITS - row_max.leading_zeros();
        packed.shape_bits = usize::BITS - packed.shapes.len().leading_zeros();
        let bits = packed.shift + packed.shape_bits + packed.row_bits;
        if count == 0 || bits > u64::BITS {
            return None;
        }
        packed.width = bits.div_ceil(8).max(1) as usize;
        packed.fill(&slots, buckets);
        Some(packed)
    }

    /// The row of `number`, if it is in a piece.
    #[inline]
    pub(super) fn row(&self, number: Number) -> Option<u32> {
        let offset = position(number).checked_sub(self.base)?;
        let bucket = (offset >> self.shift) as usize;
        let [from, to] = *self.index.get(bucket..)?.first_chunk()?;
        let inside = offset & ((1 << self.shift) - 1);
        let (mut place, mut rest) = (from as usize, (to - from) as usize);
        if rest == 0 {
            return None;
        }
        while rest > 1 {
            let half = rest / 2;
            place += if self.begin(self.slot(place + half)?) <= inside { half } else { 0 };
            rest -= half;
        }
        let slot = self.slot(place)?;
        let distance = inside.checked_sub(self.begin(slot))?;
        let shape = self.shapes.get((slot >> self.row_bits) as usize & ((1 << self.shape_bits) - 1))?;
        if distance >= shape.reach {
            return None;
        }
        let row = (slot & ((1 << self.row_bits) - 1)) as u32;
        if shape.lengths == 0 {
            return self.mixed.get(row as usize)?.get(number.len())?.checked_sub(1);
        }
        (shape.lengths >> number.len() & 1 == 1).then_some(self.first_row + row)
    }

    /// Memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity()
            + self.index.capacity() * size_of::<u32>()
            + self.shapes.capacity() * size_of::<Shape>()
            + self.mixed.capacity() * size_of::<[u32; 16]>()
    }

    /// All its numbers.
    pub(super) fn segments(&self) -> Vec<Segment> {
        let mut segments = Vec::new();
        for (bucket, bounds) in (0u64..).zip(self.index.windows(2)) {
            let &[from, to] = bounds else { continue };
            let start = self.base + (bucket << self.shift);
            let begin = |place: u32| self.slot(place as usize).map(|slot| self.begin(slot));
            for place in from..to {
                let Some(slot) = self.slot(place as usize) else { continue };
                let shape = self.shapes.get((slot >> self.row_bits) as usize & ((1 << self.shape_bits) - 1));
                let Some(shape) = shape else { continue };
                let row = (slot & ((1 << self.row_bits) - 1)) as usize;
                let lengths = match shape.lengths {
                    0 => self.mixed.get(row).map_or(0, lengths_of),
                    lengths => lengths,
                };
                let next = if place + 1 < to { begin(place + 1) } else { None };
                let low = self.begin(slot);
                let end = next.unwrap_or(1 << self.shift).min(low.saturating_add(shape.reach));
                if lengths != 0 && low < end {
                    segments.push(Segment { low: start + low, high: start + end - 1, lengths });
                }
            }
        }
        segments
    }

    #[inline]
    fn slot(&self, place: usize) -> Option<u64> {
        let bytes = self.slots.get(place * self.width..)?.first_chunk()?;
        let unused = u64::BITS - 8 * self.width as u32;
        Some(u64::from_le_bytes(*bytes) << unused >> unused)
    }

    #[inline]
    fn begin(&self, slot: u64) -> u64 {
        slot.checked_shr(self.row_bits + self.shape_bits).unwrap_or(0)
    }

    /// The slots of all pieces, cut where buckets end.
    fn slots_of(&mut self, map: &SegmentMap) -> Vec<Slot> {
        let (mut slots, mut shapes, mut mixed) = (Vec::new(), HashMap::default(), HashMap::default());
        // Shape 0 is an empty place: lengths of nothing and a row of `mixed` that holds nothing.
        self.shapes.push(Shape { reach: 0, lengths: 0 });
        let mut pieces = map.pieces().peekable();
        while let Some((low, end, by_length)) = pieces.next() {
            let value = by_length.iter().copied().find(|&value| value != 0).unwrap_or(0);
            let alike = by_length.iter().all(|&other| other == 0 || other == value);
            let (lengths, row) = if alike {
                (lengths_of(&by_length), value - 1 - self.first_row)
            } else {
                let row = *mixed.entry(by_length).or_insert_with(|| {
                    self.mixed.push(by_length);
                    self.mixed.len() as u32 - 1
                });
                (0, row)
            };
            let is_followed = pieces.peek().is_some_and(|next| next.0 == end);
            let (mut from, end) = (low - self.base, end - self.base);
            while from < end {
                let bucket = from >> self.shift;
                let bucket_end = (bucket + 1) << self.shift;
                let to = end.min(bucket_end);
                let is_decimal = (0..16).any(|exponent| 10u64.pow(exponent) == to - from);
                let shape = Shape { reach: if is_decimal { to - from } else { u64::MAX }, lengths };
                let shape = *shapes.entry(shape).or_insert_with(|| {
                    self.shapes.push(shape);
                    self.shapes.len() as u32 - 1
                });
                let slot = |at: u64, shape, row| Slot {
                    bucket: bucket as usize,
                    inside: at - (bucket << self.shift),
                    shape,
                    row,
                };
                slots.push(slot(from, shape, row));
                if !is_decimal && to < bucket_end && !is_followed {
                    slots.push(slot(to, 0, 0));
                }
                from = to;
            }
        }
        slots
    }

    fn fill(&mut self, slots: &[Slot], buckets: usize) {
        self.slots = Vec::with_capacity(slots.len() * self.width + size_of::<u64>());
        self.index = vec![0; buckets + 1];
        for slot in slots {
            let begin = slot.inside.checked_shl(self.shape_bits + self.row_bits).unwrap_or(0);
            let packed = begin | u64::from(slot.shape) << self.row_bits | u64::from(slot.row);
            self.slots.extend(packed.to_le_bytes().iter().take(self.width));
            if let Some(after) = self.index.get_mut(slot.bucket + 1) {
                *after += 1;
            }
        }
        self.slots.extend([0; size_of::<u64>()]);
        self.index.iter_mut().fold(0, |before, count| {
            *count += before;
            *count
        });
    }
}

const SLOTS_PER_BUCKET: u64 = 8;
