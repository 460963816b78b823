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
pub(super) struct Place {
    old: bool,
    index: usize,
}

/// An entry that had to go.
#[derive(Debug)]
pub(super) struct Evicted {
    pub(super) entry: Entry,
    /// Whether nothing that it knew of counted any more.
    pub(super) is_spent: bool,
}

/// A table of entries that grows up to a bound and then gives up what counts least.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Store {
    table: Table,
    /// The smaller table that entries are still moved out of, and how many of its buckets are done.
    moving: Option<(Table, usize)>,
    keys_max: usize,
}

impl Store {
    /// An empty store that grows to at most `keys_max` entries.
    pub(super) fn new(keys_max: usize) -> Self {
        Self { table: Table::new(KEYS_MIN), moving: None, keys_max: keys_max.max(KEYS_MIN) }
    }

    /// Bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.table.bytes() + self.moving.as_ref().map_or(0, |(old, _)| old.bytes())
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
        match self.table.find(key) {
            Some(index) => Some(Place { old: false, index }),
            None => self.find_old(key),
        }
    }

    #[inline(never)]
    fn find_old(&self, key: u64) -> Option<Place> {
        let (old, _) = self.moving.as_ref()?;
        old.find(key).map(|index| Place { old: true, index })
    }

    #[inline]
    pub(super) fn entry(&self, place: Place) -> Option<&Entry> {
        let table = if place.old { &self.moving.as_ref()?.0 } else { &self.table };
        table.entry(place.index)
    }

    #[inline]
    pub(super) fn entry_mut(&mut self, place: Place) -> Option<&mut Entry> {
        let table = if place.old { &mut self.moving.as_mut()?.0 } else { &mut self.table };
        table.entry_mut(place.index)
    }

    /// Notes that the entry at `place` counts until `end`, and whether it is worth more than one that was seen once.
    #[inline]
    pub(super) fn keep_until(&mut self, place: Place, end: Timestamp, is_heavy: bool) {
        let table = if place.old { self.moving.as_mut().map(|(old, _)| old) } else { Some(&mut self.table) };
        if let Some(table) = table {
            table.keep_until(place.index, end, is_heavy);
        }
    }

    /// Makes an entry for `key`, which has none. Returns where, and the entry that made room for it.
    pub(super) fn insert(&mut self, key: u64, now: Timestamp) -> (Place, Option<Evicted>) {
        self.move_some(BUCKETS_MOVED, now);
        let mut room = self.table.free_place(key).or_else(|| self.table.spent_place(key, now));
        let is_spent = room.is_some();
        if room.is_none() && self.table.keys() < self.keys_max {
            self.move_some(usize::MAX, now);
            let larger = Table::new(self.table.keys() * 2);
            self.moving = Some((std::mem::replace(&mut self.table, larger), 0));
            room = self.table.free_place(key);
        }
        let index = room.unwrap_or_else(|| self.table.lightest(key, now));
        let evicted = self.table.put(index, Entry::new(key));
        (Place { old: false, index }, evicted.map(|entry| Evicted { entry, is_spent }))
    }

    /// Every entry that is there.
    #[cfg(test)]
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        let old = self.moving.iter().flat_map(|(old, _)| old.taken());
        self.table.taken().chain(old).filter_map(|(table, index)| table.entry(index))
    }

    /// Moves the entries of some buckets of the smaller table, so that no single call pays for the growth.
    fn move_some(&mut self, buckets: usize, now: Timestamp) {
        let Some((old, done)) = &mut self.moving else { return };
        let until = done.saturating_add(buckets).min(old.buckets());
        for bucket in *done..until {
            for index in old.of_bucket(bucket) {
                if let Some((entry, end)) = old.take(index) {
                    // Twice the room: both buckets of a key are never full.
                    let free = self.table.free_place(entry.key);
                    let index = free.unwrap_or_else(|| self.table.lightest(entry.key, now));
                    self.table.put(index, entry);
                    self.table.set_end(index, end);
                }
            }
        }
        *done = until;
        if until == old.buckets() {
            self.moving = None;
        }
    }
}

/// Buckets that one insertion moves.
const BUCKETS_MOVED: usize = 2;
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
        }
        assert_eq!(store.entries().count(), 100_000);
        assert!((0..100_000).all(|number| store.find(key(number)).is_some()));
        assert!(store.find(key(100_000)).is_none());
        assert!(store.bytes() < (1 << 17) * 70 + (1 << 20));
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
