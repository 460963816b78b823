//! What holds at every place of the number space, as disjoint pieces.

use std::collections::BTreeSet;

use ahash::HashMap;

use crate::number::Number;
use crate::number_set::Segment;

use super::position;

/// A value for every number, constant over pieces of the number space; 0 where nothing was said.
///
/// Pieces are sorted by position and found by a direct index on the leading bits of the position and a short
/// search.
#[derive(Clone, Debug, Default)]
pub(crate) struct SegmentMap {
    /// First position of each piece, above the index of its lengths in `masks`.
    lows: Vec<u64>,
    /// The value of each piece, or its index in `shapes` when its lengths differ.
    values: Vec<u32>,
    /// Lengths that pieces have in common; the first means "see `shapes`".
    masks: Vec<u16>,
    /// Values by length.
    shapes: Vec<[u32; 16]>,
    /// The number of pieces that begin before each bucket of positions.
    index: Vec<u32>,
    base: u64,
    shift: u32,
}

impl SegmentMap {
    /// The map of `segments`, each with an identifier; `value` says what those that hold at one place and
    /// length make together (lowest identifier first, each at most once).
    pub(crate) fn new(segments: &[(Segment, u32)], mut value: impl FnMut(&mut Holders<'_>) -> u32) -> Self {
        let mut map = Self { masks: vec![0], ..Self::default() };
        let mut interned = Interned::default();
        let mut starts: Vec<usize> = (0..segments.len()).collect();
        let mut ends = starts.clone();
        let at = |index: &usize| segments.get(*index);
        starts.sort_unstable_by_key(|index| at(index).map(|s| s.0.low));
        ends.sort_unstable_by_key(|index| at(index).map(|s| s.0.high));
        let mut starts = starts.iter().filter_map(at).peekable();
        let mut ends = ends.iter().filter_map(at).peekable();
        let mut active = Active::default();
        while let Some(end) = ends.peek() {
            let low = match starts.peek() {
                Some(start) if start.0.low <= end.0.high => start.0.low,
                _ => end.0.high + 1,
            };
            while let Some(start) = starts.next_if(|start| start.0.low == low) {
                active.insert(start);
            }
            while let Some(end) = ends.next_if(|end| end.0.high < low) {
                active.remove(end);
            }
            map.push(low, active.shape(&mut value), &mut interned);
        }
        map.build_index();
        map
    }

    /// The value of `number`, 0 when none was given.
    #[inline]
    pub(crate) fn value(&self, number: Number) -> u32 {
        let position = position(number);
        let Some(piece) = self.piece(position) else { return 0 };
        let (Some(low), Some(&value)) = (self.lows.get(piece), self.values.get(piece)) else { return 0 };
        match low & MASK_ID {
            0 => {
                let shape = self.shapes.get(value as usize);
                shape.and_then(|shape| shape.get(number.len())).copied().unwrap_or(0)
            }
            mask => {
                let lengths = self.masks.get(mask as usize).copied().unwrap_or(0);
                if lengths >> number.len() & 1 == 1 { value } else { 0 }
            }
        }
    }

    /// The pieces where something was said, in order: first position, the one behind the last, value by length.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (u64, u64, [u32; 16])> + '_ {
        let lows = || self.lows.iter().map(|low| low >> MASK_ID_BITS);
        let ends = lows().skip(1).chain([u64::MAX]);
        let pieces = lows().zip(ends).zip(self.lows.iter().zip(&self.values));
        pieces
            .map(|((low, end), (packed, &value))| (low, end, self.shape(packed & MASK_ID, value)))
            .filter(|(_, _, shape)| *shape != [0; 16])
    }

    fn shape(&self, mask: u64, value: u32) -> [u32; 16] {
        if mask == 0 {
            return self.shapes.get(value as usize).copied().unwrap_or_default();
        }
        let lengths = self.masks.get(mask as usize).copied().unwrap_or(0);
        std::array::from_fn(|length| if lengths >> length & 1 == 1 { value } else { 0 })
    }

    /// Where something was said.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        let lows = || self.lows.iter().map(|low| low >> MASK_ID_BITS);
        let pieces = lows().zip(lows().skip(1)).zip(self.lows.iter().zip(&self.values));
        let said = pieces.map(|((low, next), (packed, value))| {
            let lengths = match packed & MASK_ID {
                0 => self.shapes.get(*value as usize).map_or(0, lengths_of),
                mask => self.masks.get(mask as usize).copied().unwrap_or(0),
            };
            Segment { low, high: next - 1, lengths }
        });
        said.filter(|segment| segment.lengths != 0).collect()
    }

    /// Memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.lows.capacity() * size_of::<u64>()
            + (self.values.capacity() + self.index.capacity()) * size_of::<u32>()
            + self.shapes.capacity() * size_of::<[u32; 16]>()
            + self.masks.capacity() * size_of::<u16>()
    }

    /// The piece that holds `position`.
    #[inline]
    fn piece(&self, position: u64) -> Option<usize> {
        let bucket = (position.checked_sub(self.base)? >> self.shift) as usize;
        let bucket = bucket.min(self.index.len().checked_sub(2)?);
        let [from, to] = self.index.get(bucket..bucket + 2)? else { return None };
        let inside = self.lows.get(*from as usize..*to as usize)?;
        let before = inside.partition_point(|low| low >> MASK_ID_BITS <= position);
        (*from as usize + before).checked_sub(1)
    }

    fn push(&mut self, low: u64, shape: [u32; 16], interned: &mut Interned) {
        let (mask, value) = self.packed(shape, interned);
        if self.values.last() == Some(&value) && self.lows.last().is_some_and(|last| last & MASK_ID == mask) {
            return;
        }
        // Positions take 51 bits, see `LOCAL_OFFSET`; the mask's index takes the rest.
        self.lows.push(low << MASK_ID_BITS | mask);
        self.values.push(value);
    }

    /// The index of the lengths and the value that all of them share, or 0 and an index in `shapes`.
    fn packed(&mut self, shape: [u32; 16], interned: &mut Interned) -> (u64, u32) {
        let value = shape.iter().copied().find(|&value| value != 0).unwrap_or(0);
        let lengths = lengths_of(&shape);
        let uniform = shape.iter().all(|&other| other == 0 || other == value);
        if uniform && (interned.masks.contains_key(&lengths) || self.masks.len() < MASK_ID as usize) {
            let mask = *interned.masks.entry(lengths).or_insert_with(|| {
                self.masks.push(lengths);
                self.masks.len() as u64 - 1
            });
            return (mask, value);
        }
        let index = *interned.shapes.entry(shape).or_insert_with(|| {
            self.shapes.push(shape);
            self.shapes.len() as u32 - 1
        });
        (0, index)
    }

    fn build_index(&mut self) {
        self.lows.shrink_to_fit();
        self.values.shrink_to_fit();
        let positions = || self.lows.iter().map(|low| low >> MASK_ID_BITS);
        let (Some(first), Some(last)) = (positions().next(), positions().next_back()) else { return };
        self.base = first;
        let buckets_wanted = self.lows.len() as u64 / PIECES_PER_BUCKET + 1;
        while (last - first) >> self.shift >= buckets_wanted {
            self.shift += 1;
        }
        let count = ((last - first) >> self.shift) as usize + 1;
        let mut index = vec![0u32; count + 1];
        for position in positions() {
            if let Some(after) = index.get_mut(((position - first) >> self.shift) as usize + 1) {
                *after += 1;
            }
        }
        let mut sum = 0;
        for entry in &mut index {
            sum += *entry;
            *entry = sum;
        }
        self.index = index;
    }
}

/// The lengths that have a value.
pub(super) fn lengths_of(shape: &[u32; 16]) -> u16 {
    (0..).zip(shape).filter(|(_, value)| **value != 0).fold(0, |mask, (n, _)| mask | 1 << n)
}

/// The identifiers that hold at one place for one length, lowest first.
pub(crate) type Holders<'a> = dyn Iterator<Item = u32> + 'a;

/// Masks and shapes met before.
#[derive(Default)]
struct Interned {
    masks: HashMap<u16, u64>,
    shapes: HashMap<[u32; 16], u32>,
}

/// The segments that hold at the place of the sweep.
#[derive(Default)]
struct Active {
    holders: BTreeSet<(u32, u16, u64, u64)>,
    by_length: [u32; 16],
}

impl Active {
    fn insert(&mut self, (segment, id): &(Segment, u32)) {
        if self.holders.insert((*id, segment.lengths, segment.low, segment.high)) {
            self.count(segment.lengths, 1);
        }
    }

    fn remove(&mut self, (segment, id): &(Segment, u32)) {
        if self.holders.remove(&(*id, segment.lengths, segment.low, segment.high)) {
            self.count(segment.lengths, u32::MAX);
        }
    }

    fn count(&mut self, lengths: u16, step: u32) {
        for (length, count) in self.by_length.iter_mut().enumerate() {
            if lengths >> length & 1 == 1 {
                *count = count.wrapping_add(step);
            }
        }
    }

    /// The value of every length. Lengths with the same holders are asked about once.
    fn shape(&self, value: &mut impl FnMut(&mut Holders<'_>) -> u32) -> [u32; 16] {
        let mut shape = [0; 16];
        let mut open = (0..16u32).filter(|&n| self.by_length.get(n as usize).is_some_and(|&c| c > 0));
        let mut rest = open.by_ref().fold(0u16, |mask, length| mask | 1 << length);
        while rest != 0 {
            let length = rest.trailing_zeros();
            let alike = self.alike(length, rest);
            let mut holding =
                self.holders.iter().filter(|holder| holder.1 >> length & 1 == 1).map(|holder| holder.0);
            let value = value(&mut holding);
            for (n, slot) in shape.iter_mut().enumerate() {
                if alike >> n & 1 == 1 {
                    *slot = value;
                }
            }
            rest &= !alike;
        }
        shape
    }

    /// Those of `lengths` that have the same holders as `length`. With very many holders it does not look.
    fn alike(&self, length: u32, lengths: u16) -> u16 {
        if self.holders.len() > ALIKE_HOLDERS_MAX {
            return 1 << length;
        }
        self.holders.iter().fold(lengths, |alike, holder| {
            alike & if holder.1 >> length & 1 == 1 { holder.1 } else { !holder.1 }
        })
    }
}

const MASK_ID_BITS: u32 = 13;
const MASK_ID: u64 = (1 << MASK_ID_BITS) - 1;
const PIECES_PER_BUCKET: u64 = 4;
const ALIKE_HOLDERS_MAX: usize = 1_000;
