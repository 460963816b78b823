//! Millions of exact numbers.

use std::hint::black_box;

use ahash::RandomState;

use crate::number::Number;

/// Exact numbers, each with the row of its source.
///
/// Every number has two buckets of one cache line each, chosen by a seeded bijection of its packed form; a
/// slot holds what the bucket does not already say of the number, and the row. A look-up reads two
/// independent cache lines; a table of ten million numbers takes about ten bytes each.
#[derive(Clone, Debug)]
pub struct NumberTable {
    buckets: Vec<Bucket>,
    /// Numbers whose two buckets were full, sorted by number.
    stash: Vec<(u64, u32)>,
    /// Rows by slot, where slots have no room for them; else empty.
    rows: Vec<u32>,
    /// Bits of a slot that hold the row, plus one so that no used slot is 0.
    row_bits: u32,
    /// Low bits of a mixed number that tell it from the others of its bucket.
    rest_bits: u32,
    mixes: [Mix; 2],
    length: usize,
}

/// Collects numbers for a [`NumberTable`].
#[derive(Debug, Default)]
pub struct NumberTableBuilder {
    numbers: Vec<Number>,
    /// Rows mostly follow one another, so that only where a run of them begins is kept: its first number, and its row.
    runs: Vec<(u32, u32)>,
    row_max: u32,
}

/// Where one number would stand in one [`NumberTable`]: the first step of a look-up.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    buckets: [u32; 2],
    marks: [u64; 2],
    key: u64,
}

impl NumberTableBuilder {
    /// Room for `count` numbers.
    pub fn with_capacity(count: usize) -> Self {
        Self { numbers: Vec::with_capacity(count), ..Self::default() }
    }

    /// Adds `number`, found in `row` of its source. Of a number added twice the lowest row is kept.
    pub fn insert(&mut self, number: Number, row: u32) {
        let at = self.numbers.len() as u32;
        let next = self.runs.last().and_then(|(begin, first)| first.checked_add(at - begin));
        if next != Some(row) {
            self.runs.push((at, row));
        }
        self.row_max = self.row_max.max(row);
        self.numbers.push(number);
    }

    /// The table of all numbers added.
    pub fn finish(self) -> NumberTable {
        let mut table = NumberTable::for_count(self.numbers.len(), self.row_max);
        let ends = self.runs.iter().skip(1).map(|(begin, _)| *begin).chain([self.numbers.len() as u32]);
        // A run has a number at least, and was begun anew where its rows would not follow one another.
        let mut rows =
            self.runs.iter().zip(ends).flat_map(|(&(begin, row), end)| row..=row + (end - begin - 1));
        // The lines that a batch of numbers will need are asked for before the first of them is used, so
        // that the cache misses overlap.
        for batch in self.numbers.chunks(BATCH) {
            let mut probes = [Probe { buckets: [0; 2], marks: [0; 2], key: 0 }; BATCH];
            for (probe, number) in probes.iter_mut().zip(batch) {
                *probe = table.probe(*number);
                table.touch(probe);
            }
            for (probe, row) in probes.iter().take(batch.len()).zip(&mut rows) {
                table.insert(probe, row);
            }
        }
        table.stash.sort_unstable();
        table.stash.dedup_by_key(|entry| entry.0);
        table.stash.shrink_to_fit();
        table.length += table.stash.len();
        table
    }
}

impl Default for NumberTable {
    fn default() -> Self {
        NumberTableBuilder::default().finish()
    }
}

impl NumberTable {
    /// The row of `number`, if it is there.
    pub fn row(&self, number: Number) -> Option<u32> {
        self.find(&self.probe(number))
    }

    /// Where `number` would stand. Costs no cache miss.
    pub fn probe(&self, number: Number) -> Probe {
        let key = compact(number.key());
        let place = |mix: &Mix| {
            let mixed = mix.forward(key);
            (self.bucket_of(mixed), mixed & ((1 << self.rest_bits) - 1))
        };
        let [first, second] = &self.mixes;
        let ((a, a_rest), (b, b_rest)) = (place(first), place(second));
        Probe { buckets: [a, b], marks: [a_rest << 1, b_rest << 1 | 1], key }
    }

    /// The bucket of a mixed number: buckets share the mixed numbers in order, so that no division is needed.
    #[inline]
    fn bucket_of(&self, mixed: u64) -> u32 {
        ((u128::from(mixed) * self.buckets.len() as u128) >> KEY_BITS) as u32
    }

    /// Starts to load the memory that [`find`](Self::find) will read, without waiting for it: touch all
    /// numbers of a message, or of several, before the first is looked up.
    pub fn touch(&self, probe: &Probe) {
        for index in probe.buckets {
            black_box(self.buckets.get(index as usize).map(|bucket| bucket.0[0]));
        }
    }

    /// The row of the number that `probe` was made of, if it is there.
    pub fn find(&self, probe: &Probe) -> Option<u32> {
        let [a, b] = probe.buckets;
        let [a_mark, b_mark] = probe.marks;
        let first = self.buckets.get(a as usize)?;
        let second = self.buckets.get(b as usize)?;
        let hit = first
            .find(a_mark, self.row_bits)
            .map(|slot| (a, slot))
            .or_else(|| second.find(b_mark, self.row_bits).map(|slot| (b, slot)));
        if let Some((bucket, slot)) = hit {
            return Some(self.row_at(bucket, slot));
        }
        if self.stash.is_empty() || !first.is_full() || !second.is_full() {
            return None;
        }
        let index = self.stash.binary_search_by_key(&probe.key, |entry| entry.0).ok()?;
        self.stash.get(index).map(|entry| entry.1)
    }

    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.buckets.capacity() * size_of::<Bucket>()
            + self.stash.capacity() * size_of::<(u64, u32)>()
            + self.rows.capacity() * size_of::<u32>()
    }

    /// All numbers with their rows, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (Number, u32)> + '_ {
        let placed = (0u32..).zip(&self.buckets).flat_map(move |(index, bucket)| {
            (0..)
                .zip(bucket.0)
                .filter(|&(_, slot)| slot != 0)
                .map(move |(place, slot)| (self.number_at(index, slot), self.row_at(index, place)))
        });
        placed.chain(self.stash.iter().map(|&(key, row)| (number_of(expand(key)), row)))
    }

    /// An empty table of the right size and slot layout.
    fn for_count(numbers: usize, row_max: u32) -> Self {
        let count = (numbers * LOAD_DENOMINATOR).div_ceil(LOAD_NUMERATOR * SLOTS);
        // As many mixed numbers as share a bucket follow one another, so their low bits differ.
        let rest_bits = bits(((1 << KEY_BITS) - 1) / (count.max(1) as u64));
        let row_bits = bits(u64::from(row_max) + 1);
        // The choice of bucket takes one bit more.
        let inside = row_bits + rest_bits < u64::BITS;
        let random = RandomState::new();
        Self {
            buckets: vec![Bucket([0; SLOTS]); count],
            stash: Vec::new(),
            rows: vec![0; if inside { 0 } else { count * SLOTS }],
            row_bits: if inside { row_bits } else { 1 },
            rest_bits,
            mixes: [0, 2].map(|n| Mix::new([random.hash_one(n), random.hash_one(n + 1)])),
            length: 0,
        }
    }

    fn insert(&mut self, probe: &Probe, row: u32) {
        let mut free = [0; 2];
        for ((&index, &mark), free) in probe.buckets.iter().zip(&probe.marks).zip(&mut free) {
            let Some(bucket) = self.buckets.get(index as usize) else { return };
            if let Some(place) = bucket.find(mark, self.row_bits) {
                let row = row.min(self.row_at(index, place));
                return self.put(index, place, mark, row);
            }
            *free = bucket.free();
        }
        let ([a, b], [a_mark, b_mark]) = (probe.buckets, probe.marks);
        match free {
            [0, 0] => self.stash.push((probe.key, row)),
            [a_free, b_free] if a_free >= b_free => self.add(a, SLOTS - a_free, a_mark, row),
            [_, b_free] => self.add(b, SLOTS - b_free, b_mark, row),
        }
    }

    fn add(&mut self, bucket: u32, place: usize, mark: u64, row: u32) {
        self.put(bucket, place, mark, row);
        self.length += 1;
    }

    fn put(&mut self, index: u32, place: usize, mark: u64, row: u32) {
        let inside = self.rows.is_empty();
        if let Some(slot) = self.buckets.get_mut(index as usize).and_then(|bucket| bucket.0.get_mut(place)) {
            *slot = mark << self.row_bits | if inside { u64::from(row) + 1 } else { 1 };
        }
        if let Some(outside) = self.rows.get_mut(index as usize * SLOTS + place) {
            *outside = row;
        }
    }

    fn row_at(&self, bucket: u32, place: usize) -> u32 {
        if let Some(&row) = self.rows.get(bucket as usize * SLOTS + place) {
            return row;
        }
        let slot = self.buckets.get(bucket as usize).and_then(|bucket| bucket.0.get(place));
        slot.map_or(0, |slot| ((slot & ((1 << self.row_bits) - 1)) - 1) as u32)
    }

    /// The number in a used slot, by turning the bijection round.
    fn number_at(&self, bucket: u32, slot: u64) -> Number {
        let mark = slot >> self.row_bits;
        let first = (u128::from(bucket) << KEY_BITS).div_ceil(self.buckets.len().max(1) as u128) as u64;
        let mixed = first + ((mark >> 1).wrapping_sub(first) & ((1 << self.rest_bits) - 1));
        let [first, second] = &self.mixes;
        let mix = if mark & 1 == 0 { first } else { second };
        number_of(expand(mix.backward(mixed)))
    }
}

/// One cache line of slots, filled from the front; a free slot is 0.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket([u64; SLOTS]);

impl Bucket {
    /// The place of `mark`. All slots are compared, without a branch each.
    #[inline]
    fn find(&self, mark: u64, row_bits: u32) -> Option<usize> {
        let mut found = 0u32;
        for (place, &slot) in self.0.iter().enumerate() {
            found |= u32::from(slot >> row_bits == mark && slot != 0) << place;
        }
        (found != 0).then(|| found.trailing_zeros() as usize)
    }

    fn free(&self) -> usize {
        self.0.iter().filter(|&&slot| slot == 0).count()
    }

    fn is_full(&self) -> bool {
        self.0[SLOTS - 1] != 0
    }
}

/// A seeded bijection of `KEY_BITS`-bit values that spreads neighbours everywhere.
#[derive(Clone, Copy, Debug)]
struct Mix {
    factors: [u64; 2],
    inverses: [u64; 2],
}

impl Mix {
    fn new(seeds: [u64; 2]) -> Self {
        let factors = seeds.map(|seed| (seed | 1) & KEY_MASK);
        Self { factors, inverses: factors.map(inverse) }
    }

    #[inline]
    fn forward(&self, key: u64) -> u64 {
        self.factors.iter().fold(fold(key), |mixed, factor| fold(mixed.wrapping_mul(*factor) & KEY_MASK))
    }

    fn backward(&self, mixed: u64) -> u64 {
        let back = self.inverses.iter().rev();
        fold(back.fold(mixed, |mixed, inverse| fold(mixed).wrapping_mul(*inverse) & KEY_MASK))
    }
}

/// Its own inverse on `KEY_BITS` bits, because it shifts by more than half of them.
const fn fold(value: u64) -> u64 {
    value ^ value >> (KEY_BITS / 2 + 1)
}

/// The multiplicative inverse of an odd `factor`, by Newton's iteration.
fn inverse(factor: u64) -> u64 {
    (0..6).fold(factor, |x, _| x.wrapping_mul(2u64.wrapping_sub(factor.wrapping_mul(x)))) & KEY_MASK
}

/// The packed number without the unused bits below its local bit.
const fn compact(key: u64) -> u64 {
    key & LOW_MASK | key >> 63 << (KEY_BITS - 1)
}

const fn expand(key: u64) -> u64 {
    key & LOW_MASK | key >> (KEY_BITS - 1) << 63
}

fn number_of(key: u64) -> Number {
    Number::from_parts((key & LOW_MASK) >> 4, (key & 0xf) as usize, key >> 63 == 1)
}

fn bits(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

const SLOTS: usize = 8;
/// Of how many slots four fifths are used.
const LOAD_NUMERATOR: usize = 4;
const LOAD_DENOMINATOR: usize = 5;
const BATCH: usize = 32;
/// A packed number without its unused bits: 50 of position, 4 of length, 1 for local.
const KEY_BITS: u32 = 55;
const KEY_MASK: u64 = (1 << KEY_BITS) - 1;
const LOW_MASK: u64 = (1 << (KEY_BITS - 1)) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(entries: &[(Number, u32)]) -> NumberTable {
        let mut builder = NumberTableBuilder::default();
        for &(number, row) in entries {
            builder.insert(number, row);
        }
        builder.finish()
    }

    fn nth(index: u64) -> Number {
        Number::from_parts((12_105_550_000 + index) * 10_000, 11, false)
    }

    #[test]
    fn every_number_is_found_with_its_row_and_no_other() {
        let entries: Vec<_> = (0..100_000).map(|index| (nth(index * 2), index as u32)).collect();
        let table = table(&entries);
        assert_eq!(table.len(), entries.len());
        for &(number, row) in &entries {
            assert_eq!(table.row(number), Some(row));
        }
        assert!((0..100_000).all(|index| table.row(nth(index * 2 + 1)).is_none()));
        assert!(table.bytes() < entries.len() * 12, "{} bytes", table.bytes());
        let mut listed: Vec<_> = table.iter().collect();
        listed.sort_unstable();
        assert_eq!(listed, entries);
    }

    #[test]
    fn of_a_number_added_twice_the_lowest_row_is_kept() {
        let table = table(&[(nth(1), 9), (nth(2), 4), (nth(1), 7), (nth(1), 8)]);
        assert_eq!((table.row(nth(1)), table.row(nth(2)), table.len()), (Some(7), Some(4), 2));
    }

    #[test]
    fn an_empty_table_knows_no_number() {
        assert_eq!(NumberTable::default().row(nth(0)), None);
        assert!(NumberTable::default().is_empty());
    }

    #[test]
    fn few_numbers_from_far_rows_keep_their_rows() {
        let table = table(&[(nth(1), u32::MAX), (nth(2), u32::MAX - 1)]);
        assert_eq!((table.row(nth(1)), table.row(nth(2))), (Some(u32::MAX), Some(u32::MAX - 1)));
    }

    #[test]
    fn numbers_that_differ_in_length_or_kind_alone_are_told_apart() {
        let number = |text: &[u8]| Number::international(text).unwrap();
        let table =
            table(&[(number(b"1210"), 1), (number(b"12100"), 2), (Number::local(b"1210").unwrap(), 3)]);
        assert_eq!(table.row(number(b"1210")), Some(1));
        assert_eq!(table.row(number(b"12100")), Some(2));
        assert_eq!(table.row(Number::local(b"1210").unwrap()), Some(3));
        assert_eq!(table.row(number(b"121000")), None);
    }

    proptest! {
        #[test]
        fn mixing_can_be_turned_round(key in 0..=KEY_MASK, seeds: [u64; 2]) {
            let mix = Mix::new(seeds);
            prop_assert_eq!(mix.backward(mix.forward(key)), key);
            prop_assert_eq!(compact(expand(key)), key);
        }
    }
}
