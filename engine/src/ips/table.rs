//! Entries in buckets of sixteen: one line of tags tells which of them to look at.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::Entry;
use crate::prefetch::prefetch;

/// A table that grows where it lies, by splitting one bucket after the other (linear hashing); each key has two buckets that
/// it may lie in.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Table {
    heads: Vec<Head>,
    entries: Vec<Entry>,
    /// The buckets that there were when all had been split equally often; a power of two. Those behind them are the other
    /// halves of the first of them.
    whole: usize,
}

/// What is known of sixteen entries without looking at them.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[repr(align(64))]
struct Head {
    /// 0 where nothing lies.
    tags: [u16; WAYS],
    /// When each has nothing left to count.
    ends: [End; WAYS],
}

/// When an entry has nothing left to count, in ticks of two minutes and shifted left; the lowest bit says that it is
/// worth more than one that was seen once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct End(u16);

const WAYS: usize = 16;
const BITS: [u16; WAYS] = [
    1,
    2,
    4,
    8,
    1 << 4,
    1 << 5,
    1 << 6,
    1 << 7,
    1 << 8,
    1 << 9,
    1 << 10,
    1 << 11,
    1 << 12,
    1 << 13,
    1 << 14,
    1 << 15,
];
const TICK_MICROS: i64 = 120_000_000;
/// So many ticks can be told apart, 45 days; the longest window has 31.
const TICKS: u16 = 1 << 15;
/// An end that lies further back than this is one that lies ahead.
const TICKS_BACK: u16 = TICKS / 4;

impl End {
    fn new(end: Timestamp, is_heavy: bool) -> Self {
        Self(tick(end.plus_micros(TICK_MICROS)) << 1 | u16::from(is_heavy))
    }

    fn is_heavy(self) -> bool {
        self.0 & 1 == 1
    }

    /// Whether it lies before the tick `now`.
    fn is_past(self, now: u16) -> bool {
        let since = now.wrapping_sub(self.0 >> 1) & (TICKS - 1);
        (1..TICKS_BACK).contains(&since)
    }

    /// Ticks until the end, seen from a moment before it.
    fn until(self, from: u16) -> u16 {
        (self.0 >> 1).wrapping_sub(from) & (TICKS - 1)
    }
}

fn tick(at: Timestamp) -> u16 {
    (at.0.div_euclid(TICK_MICROS) as u64 & u64::from(TICKS - 1)) as u16
}

impl Table {
    /// A table of `keys` places, rounded up to a power of two.
    pub(super) fn new(keys: usize) -> Self {
        let buckets = (keys / WAYS).max(1).next_power_of_two();
        Self {
            heads: vec![Head::default(); buckets],
            entries: vec![Entry::default(); buckets * WAYS],
            whole: buckets,
        }
    }

    /// Makes room for `keys` places in all, so that growth copies nothing. It takes memory only as it grows.
    pub(super) fn reserve(&mut self, keys: usize) {
        let buckets = (keys / WAYS).max(1).next_power_of_two();
        self.heads.reserve_exact(buckets.saturating_sub(self.heads.len()));
        self.entries.reserve_exact((buckets * WAYS).saturating_sub(self.entries.len()));
    }

    /// Whether some buckets are split and others still to be.
    pub(super) fn is_growing(&self) -> bool {
        self.heads.len() > self.whole
    }

    /// Splits the next bucket: of what lies in it, what may lie in its new other half only goes there.
    pub(super) fn split_next(&mut self) {
        let (to, from) = (self.heads.len(), self.heads.len() - self.whole);
        self.heads.push(Head::default());
        self.entries.resize(self.entries.len() + WAYS, Entry::default());
        if self.heads.len() == 2 * self.whole {
            self.whole = self.heads.len();
        }
        for way in 0..WAYS {
            let (index, other) = (from * WAYS + way, to * WAYS + way);
            let Some(key) = self.entries.get(index).map(|entry| entry.key) else { return };
            if !self.buckets_of(key).contains(&from)
                && let Some((entry, end)) = self.take(index)
            {
                self.put(other, entry);
                self.set_end(other, end);
            }
        }
    }

    pub(super) fn keys(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.heads.len() * size_of::<Head>() + self.entries.len() * size_of::<Entry>()
    }

    #[inline]
    pub(super) fn find(&self, key: u64) -> Option<usize> {
        let tag = tag(key);
        for bucket in self.buckets_of(key) {
            let Some(head) = self.heads.get(bucket) else { continue };
            let mut found = head.with_tag(tag);
            while found != 0 {
                let index = bucket * WAYS + found.trailing_zeros() as usize;
                if self.entries.get(index).is_some_and(|entry| entry.key == key) {
                    return Some(index);
                }
                found &= found - 1;
            }
        }
        None
    }

    /// Asks for what tells where `key` lies.
    #[inline]
    pub(super) fn prefetch(&self, key: u64) {
        for bucket in self.buckets_of(key) {
            self.heads.get(bucket).into_iter().for_each(prefetch);
        }
    }

    /// Asks for the entry of `key`, as far as its tag tells; without one for the place that it will be given.
    #[inline]
    pub(super) fn prefetch_entry(&self, key: u64, now: Timestamp) {
        let tag = tag(key);
        let known = self.buckets_of(key).into_iter().find_map(|bucket| {
            let found = self.heads.get(bucket).map_or(0, |head| head.with_tag(tag));
            (found != 0).then(|| bucket * WAYS + found.trailing_zeros() as usize)
        });
        let now = tick(now);
        let index = known
            .or_else(|| self.free_place(key).map(|(index, _)| index))
            .or_else(|| self.places_of(key).find(|index| self.end(*index).is_past(now)));
        index.and_then(|index| self.entries.get(index)).into_iter().for_each(prefetch);
    }

    #[inline]
    pub(super) fn entry(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    #[inline]
    pub(super) fn entry_mut(&mut self, index: usize) -> Option<&mut Entry> {
        self.entries.get_mut(index)
    }

    #[inline]
    pub(super) fn keep_until(&mut self, index: usize, end: Timestamp, is_heavy: bool) {
        self.set_end(index, End::new(end, is_heavy));
    }

    fn set_end(&mut self, index: usize, end: End) {
        let head = self.heads.get_mut(index / WAYS);
        if let Some(place) = head.and_then(|head| head.ends.get_mut(index % WAYS)) {
            *place = end;
        }
    }

    /// A place for `key` where nothing lies, and how many of its bucket there are. The emptier of its buckets has it: so both
    /// are full only when the table nearly is.
    pub(super) fn free_place(&self, key: u64) -> Option<(usize, u32)> {
        let free = |bucket: usize| self.heads.get(bucket).map_or(0, |head| head.with_tag(0));
        let [first, second] = self.buckets_of(key).map(|bucket| (bucket, free(bucket)));
        let (bucket, places) = if first.1.count_ones() >= second.1.count_ones() { first } else { second };
        (places != 0).then(|| (bucket * WAYS + places.trailing_zeros() as usize, places.count_ones()))
    }

    /// A place for `key` whose entry has nothing left to count at `now`.
    pub(super) fn spent_place(&self, key: u64, now: Timestamp) -> Option<usize> {
        let now = tick(now);
        let is_spent = |index: &usize| {
            self.end(*index).is_past(now) && self.entries.get(*index).is_some_and(|entry| !entry.pinned)
        };
        self.places_of(key).find(is_spent)
    }

    /// The place for `key` whose entry counts least: one that was seen once rather than one seen often, and of those
    /// the one that would end first. One that something refers to goes only when all are such.
    pub(super) fn lightest(&self, key: u64, now: Timestamp) -> usize {
        let from = tick(now).wrapping_sub(TICKS_BACK);
        // Heads tell it of those that were seen once: of sixteen entries, one is looked at.
        let once = self.places_of(key).filter(|index| !self.end(*index).is_heavy());
        if let Some(index) = once.min_by_key(|index| self.end(*index).until(from))
            && self.entries.get(index).is_some_and(|entry| !entry.pinned)
        {
            return index;
        }
        let weight = |index: &usize| {
            let (end, entry) = (self.end(*index), self.entries.get(*index));
            let is_pinned = entry.is_some_and(|entry| entry.pinned);
            let is_busy = entry.is_some_and(|entry| entry.busy != 0);
            (is_pinned, end.is_heavy(), is_busy, end.until(from))
        };
        self.places_of(key).min_by_key(weight).unwrap_or_default()
    }

    /// Puts `entry` at `index`. Returns what lay there.
    pub(super) fn put(&mut self, index: usize, entry: Entry) -> Option<Entry> {
        let head = self.heads.get_mut(index / WAYS)?;
        let tag_place = head.tags.get_mut(index % WAYS)?;
        let was_taken = std::mem::replace(tag_place, tag(entry.key)) != 0;
        let before = std::mem::replace(self.entries.get_mut(index)?, entry);
        was_taken.then_some(before)
    }

    /// Takes away the entry at `index`, and when it ends.
    fn take(&mut self, index: usize) -> Option<(Entry, End)> {
        let end = self.end(index);
        let tag_place = self.heads.get_mut(index / WAYS)?.tags.get_mut(index % WAYS)?;
        let was_taken = std::mem::replace(tag_place, 0) != 0;
        let entry = self.entries.get(index).copied()?;
        was_taken.then_some((entry, end))
    }

    /// The places where something lies.
    #[cfg(test)]
    pub(super) fn taken(&self) -> impl Iterator<Item = (&Self, usize)> {
        let tags = self.heads.iter().flat_map(|head| head.tags);
        tags.enumerate().filter(|(_, tag)| *tag != 0).map(move |(index, _)| (self, index))
    }

    fn places_of(&self, key: u64) -> impl Iterator<Item = usize> {
        self.buckets_of(key).into_iter().flat_map(|bucket| bucket * WAYS..(bucket + 1) * WAYS)
    }

    fn end(&self, index: usize) -> End {
        let head = self.heads.get(index / WAYS);
        head.and_then(|head| head.ends.get(index % WAYS)).copied().unwrap_or_default()
    }

    #[inline]
    fn buckets_of(&self, key: u64) -> [usize; 2] {
        let (all, whole) = (self.heads.len(), self.whole);
        // A bucket that is not split yet has what will go to its other half as well.
        [key, key >> 26].map(|bits| {
            let bucket = bits as usize & (2 * whole).wrapping_sub(1);
            if bucket < all { bucket } else { bucket & whole.wrapping_sub(1) }
        })
    }
}

impl Head {
    /// The places with `tag`, a bit each.
    #[inline]
    fn with_tag(&self, tag: u16) -> u32 {
        // Each place has its bit at hand, so that the compiler takes eight at once.
        let bits = self.tags.iter().zip(BITS).map(|(known, bit)| if *known == tag { bit } else { 0 });
        u32::from(bits.fold(0, |found, bit| found | bit))
    }
}

/// What stands for `key` in the head of its bucket; never 0.
#[inline]
fn tag(key: u64) -> u16 {
    ((key >> 48) as u16).max(1)
}
