//! A vector that never moves what stands in it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Grows by pieces of [`PIECE`] places: a vector that doubles copies all of its places while a packet waits, which takes
/// tens of milliseconds for the calls of a busy minute.
#[derive(Debug)]
pub(crate) struct Chunks<T> {
    pieces: Vec<Vec<T>>,
    len: usize,
}

/// Places of one piece, some hundred kilobytes.
const PIECE: usize = 1 << PIECE_BITS;
const PIECE_BITS: u32 = 9;

impl<T> Chunks<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, value: T) {
        if self.len.is_multiple_of(PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.push(value);
            self.len += 1;
        }
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.pieces.get(at >> PIECE_BITS)?.get(at & (PIECE - 1))
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.pieces.get_mut(at >> PIECE_BITS)?.get_mut(at & (PIECE - 1))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pieces.iter_mut().flatten()
    }
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { pieces: Vec::new(), len: 0 }
    }
}

impl<T: Serialize> Serialize for Chunks<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_seq(Some(self.len))?;
        self.pieces.iter().flatten().try_for_each(|value| all.serialize_element(value))?;
        all.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Chunks<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Taking(PhantomData))
    }
}

struct Taking<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Taking<T> {
    type Value = Chunks<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
        let mut chunks = Chunks::default();
        while let Some(value) = all.next_element()? {
            chunks.push(value);
        }
        Ok(chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_stays_where_it_is_and_comes_back_from_a_snapshot() {
        let mut chunks = Chunks::default();
        chunks.push(0_u64);
        let first: *const u64 = chunks.get(0).unwrap();
        (1..5_000).for_each(|value| chunks.push(value));
        assert!(std::ptr::eq(first, chunks.get(0).unwrap()));
        *chunks.get_mut(4_999).unwrap() += 1;
        assert_eq!((chunks.len(), chunks.get(4_999), chunks.get(5_000)), (5_000, Some(&5_000), None));
        // As a vector is written: states of before are read.
        let written = postcard::to_allocvec(&chunks).unwrap();
        assert_eq!(written, postcard::to_allocvec(&(0..4_999).chain([5_000]).collect::<Vec<u64>>()).unwrap());
        let mut again: Chunks<u64> = postcard::from_bytes(&written).unwrap();
        assert_eq!(again.len(), 5_000);
        assert!(again.iter_mut().map(|value| *value).eq((0..4_999).chain([5_000])));
    }
}
