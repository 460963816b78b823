//! The youngest attempt of each Call-ID.

use std::collections::HashMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::call::Slot;
use crate::hash::BuildAlreadyHashed;

/// Many small tables instead of one: a table that doubles moves all it has while a packet waits.
#[derive(Debug)]
pub(crate) struct Heads(Box<[HashMap<u64, Slot, BuildAlreadyHashed>; TABLES]>);

const TABLES: usize = 64;
/// Call-IDs for which each has room from the start. How many a table has of few goes up and down by chance, and with it for
/// ever now and then past a room that was found.
const ROOM: usize = 112;

impl Heads {
    #[inline]
    pub(crate) fn get(&self, call_id: u64) -> Option<Slot> {
        self.0.get(place(call_id))?.get(&call_id).copied()
    }

    /// Returns what stood there.
    #[inline]
    pub(crate) fn insert(&mut self, call_id: u64, slot: Slot) -> Option<Slot> {
        self.0.get_mut(place(call_id))?.insert(call_id, slot)
    }

    #[inline]
    pub(crate) fn remove(&mut self, call_id: u64) {
        if let Some(table) = self.0.get_mut(place(call_id)) {
            table.remove(&call_id);
        }
    }
}

/// By bits in the middle: a table places by the lowest and tells apart by the highest.
fn place(call_id: u64) -> usize {
    (call_id >> 32) as usize % TABLES
}

impl Default for Heads {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| {
            HashMap::with_capacity_and_hasher(ROOM, BuildAlreadyHashed::default())
        })))
    }
}

impl Serialize for Heads {
    /// As one table.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_map(Some(self.0.iter().map(HashMap::len).sum()))?;
        self.0.iter().flatten().try_for_each(|(call_id, slot)| all.serialize_entry(call_id, slot))?;
        all.end()
    }
}

impl<'de> Deserialize<'de> for Heads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Taking)
    }
}

struct Taking;

impl<'de> Visitor<'de> for Taking {
    type Value = Heads;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Heads, A::Error> {
        let mut heads = Heads::default();
        while let Some((call_id, slot)) = all.next_entry()? {
            heads.insert(call_id, slot);
        }
        Ok(heads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_holds_one_table_and_comes_back() {
        let mut heads = Heads::default();
        let call_id = |slot: Slot| u64::from(slot).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..1_000).for_each(|slot| assert_eq!(heads.insert(call_id(slot), slot), None));
        assert_eq!(heads.insert(call_id(7), 1_000), Some(7));
        heads.remove(call_id(8));
        let written = postcard::to_allocvec(&heads).unwrap();
        let table: HashMap<u64, Slot> = postcard::from_bytes(&written).unwrap();
        assert_eq!(table.len(), 999);
        let again: Heads = postcard::from_bytes(&written).unwrap();
        for slot in 0..1_000 {
            let expected =
                [Some(slot), Some(1_000), None][usize::from(slot == 7) + 2 * usize::from(slot == 8)];
            assert_eq!(again.get(call_id(slot)), expected);
        }
    }
}
