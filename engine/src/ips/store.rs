//! What is known of each key: a cache line each, found in two looks, within a fixed bound.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::table::Table;

/// All that is known of one key of one group of counters.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[repr(align(64))]
pub(super) struct Entry {
    /// Keyed hash of group and key.
    pub(super) key: u64,
    /// One more than the place of its windows when events do not fit in here; 0 while they do.
    pub(super) busy: u32,
    length: u8,
    /// Whether a breach or a measure refers to it: such an entry is not given up.
    pub(super) pinned: bool,
    events: [Event; INLINE],
}

/// Events kept in an entry; with more, a key has windows of its own.
pub(super) const INLINE: usize = 2;

impl Entry {
    pub(super) fn new(key: u64) -> Self {
        Self { key, ..Self::default() }
    }

    /// Events that lie in the entry itself, oldest first.
    #[inline]
    pub(super) fn events(&self) -> &[Event] {
        self.events.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Takes one more event; those that are not after `oldest` go first. False when there is no room.
    #[inline]
    pub(super) fn push(&mut self, event: Event, oldest: i64) -> bool {
        let mut kept = 0;
        for index in 0..usize::from(self.length) {
            let Some(known) = self.events.get(index).copied().filter(|known| known.micros() > oldest) else {
                continue;
            };
            if let Some(place) = self.events.get_mut(kept) {
                *place = known;
                kept += 1;
            }
        }
        let free = self.events.get_mut(kept);
        let has_room = free.is_some();
        if let Some(free) = free {
            *free = event;
            kept += 1;
        }
        self.length = kept as u8;
        has_room
    }

    /// Forgets the events that lie in here.
    pub(super) fn clear_events(&mut self) {
        self.length = 0;
    }
}

/// Where an entry lies. Good until the next insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(usize);

/// An entry that had to go.
#[derive(Debug)]
pub(super) struct Evicted {
    pub(super) entry: Entry,
    /// Whether nothing that it knew of counted any more.
    pub(super) is_spent: bool,
}

/// A table of entries that grows up to a bound and then gives up what counts least.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(from = "Written")]
pub(super) struct Store {
    table: Table,
    keys_max: usize,
}

/// A store as it is written.
#[derive(Deserialize)]
struct Written {
    table: Table,
    keys_max: usize,
}

impl From<Written> for Store {
    fn from(Written { mut table, keys_max }: Written) -> Self {
        table.reserve(keys_max);
        Self { table, keys_max }
    }
}

impl Store {
    /// An empty store that grows to at most `keys_max` entries, rounded up to a power of two.
    pub(super) fn new(keys_max: usize) -> Self {
        Written { table: Table::new(KEYS_MIN), keys_max: keys_max.max(KEYS_MIN) }.into()
    }

    /// Bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// Asks for what tells where `key` lies.
    #[inline]
    pub(super) fn prefetch(&self, key: u64) {
        self.table.prefetch(key);
    }

    /// Asks for the entry of `key`, once the answer to [`prefetch`](Self::prefetch) is there.
    #[inline]
    pub(super) fn prefetch_entry(&self, key: u64, now: Timestamp) {
        self.table.prefetch_entry(key, now);
    }

    /// Where the entry of `key` lies.
    #[inline]
    pub(super) fn find(&self, key: u64) -> Option<Place> {
        self.table.find(key).map(Place)
    }

    #[inline]
    pub(super) fn entry(&self, Place(index): Place) -> Option<&Entry> {
        self.table.entry(index)
    }

    #[inline]
    pub(super) fn entry_mut(&mut self, Place(index): Place) -> Option<&mut Entry> {
        self.table.entry_mut(index)
    }

    /// Notes that the entry at `place` counts until `end`, and whether it is worth more than one that was seen once.
    #[inline]
    pub(super) fn keep_until(&mut self, Place(index): Place, end: Timestamp, is_heavy: bool) {
        self.table.keep_until(index, end, is_heavy);
    }

    /// Makes an entry for `key`, which has none. Returns where, and the entry that made room for it.
    pub(super) fn insert(&mut self, key: u64, now: Timestamp) -> (Place, Option<Evicted>) {
        if self.table.is_growing() {
            self.grow(BUCKETS_SPLIT);
        }
        let mut free = self.table.free_place(key);
        let mut spent = None;
        if free.is_none_or(|(_, places)| places <= FEW_PLACES) {
            spent = self.table.spent_place(key, now);
            if spent.is_none() && self.table.keys() < self.keys_max {
                self.grow(BUCKETS_SPLIT);
                free = self.table.free_place(key);
                if free.is_none() {
                    // Chance has put too many keys into two buckets.
                    self.grow(usize::MAX);
                    free = self.table.free_place(key);
                }
            }
        }
        let room = spent.or_else(|| free.map(|(index, _)| index));
        let index = room.unwrap_or_else(|| self.table.lightest(key, now));
        let evicted = self.table.put(index, Entry::new(key));
        (Place(index), evicted.map(|entry| Evicted { entry, is_spent: spent.is_some() }))
    }

    /// Splits so many buckets, at most until the table is twice as large: no single call pays for all of its growth.
    fn grow(&mut self, buckets: usize) {
        for _ in 0..buckets {
            self.table.split_next();
            if !self.table.is_growing() {
                return;
            }
        }
    }

    /// Every entry that is there.
    #[cfg(test)]
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.table.taken().filter_map(|(table, index)| table.entry(index))
    }
}

/// Buckets that one insertion splits: growth is over long before the places run out at which it begins.
const BUCKETS_SPLIT: usize = 4;
/// With so few free places in its emptier bucket a key finds the table nearly full.
const FEW_PLACES: u32 = 2;
/// Entries of the smallest table.
const KEYS_MIN: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xd6e8_feb8_6659_fd93)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn an_entry_fills_a_cache_line() {
        assert_eq!(size_of::<Entry>(), 64);
    }

    #[test]
    fn every_key_is_found_while_the_table_grows() {
        let mut store = Store::new(1 << 17);
        for number in 0..100_000 {
            let (place, evicted) = store.insert(key(number), at(0));
            assert!(evicted.is_none(), "{number}");
            store.keep_until(place, at(3600), false);
            let earlier = number * 7 % (number + 1);
            let found = store.find(key(earlier)).and_then(|place| store.entry(place));
            assert_eq!(found.map(|entry| entry.key), Some(key(earlier)));
            assert!(store.bytes() <= (1 << 17) * 68, "{} bytes at {number}", store.bytes());
        }
        assert_eq!(store.entries().count(), 100_000);
        assert!((0..100_000).all(|number| store.find(key(number)).is_some()));
        assert!(store.find(key(100_000)).is_none());
    }

    #[test]
    fn a_store_that_was_written_in_the_middle_of_its_growth_goes_on() {
        let mut store = Store::new(1 << 14);
        for number in 0..15_000 {
            if number % 100 == 0 {
                store = postcard::from_bytes(&postcard::to_allocvec(&store).unwrap()).unwrap();
            }
            let (place, evicted) = store.insert(key(number), at(0));
            assert!(evicted.is_none(), "{number}");
            store.keep_until(place, at(3600), false);
        }
        assert!((0..15_000).all(|number| store.find(key(number)).is_some()));
        assert!(store.bytes() <= (1 << 14) * 68, "{} bytes", store.bytes());
    }

    #[test]
    fn what_no_longer_counts_makes_room_first() {
        let mut store = Store::new(KEYS_MIN);
        for number in 0..100 * KEYS_MIN as u64 {
            let now = at(number as i64);
            let (place, evicted) = store.insert(key(number), now);
            store.keep_until(place, now.plus_micros(400_000_000), false);
            let live = |entry: &Entry| (0..400).any(|back| entry.key == key(number.wrapping_sub(back)));
            assert!(
                evicted.is_none_or(|evicted| evicted.is_spent && !live(&evicted.entry)),
                "at {number} one went that still counts"
            );
        }
    }

    #[test]
    fn a_flood_of_strangers_pushes_out_strangers() {
        let mut store = Store::new(KEYS_MIN);
        for number in 0..KEYS_MIN as u64 / 2 {
            let (place, _) = store.insert(key(number), at(0));
            store.keep_until(place, at(86_400), true);
        }
        for number in 10_000..1_000_000 {
            let (place, _) = store.insert(key(number), at(1));
            store.keep_until(place, at(86_400), false);
        }
        let lost = (0..KEYS_MIN as u64 / 2).filter(|number| store.find(key(*number)).is_none()).count();
        assert_eq!(lost, 0);
    }
}
