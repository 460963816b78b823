//! Different elements of a window, each with the moment it was seen last.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::hash::BuildAlreadyHashed;

/// Different elements and when each was seen last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Elements {
    last: HashMap<u64, u64, BuildAlreadyHashed>,
    /// Sightings in order of time; those that are not the last of their element are passed over.
    seen: VecDeque<(u64, u64)>,
    /// The most elements that the table has had room for: it never gives room back.
    room: usize,
}

impl Elements {
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }

    /// The earliest sighting that still counts.
    pub(super) fn first(&self) -> Option<u64> {
        self.sightings().next()
    }

    /// Takes a sighting of `element`; with more than `most` elements the one that was seen longest ago goes. Hands
    /// every element that goes to `gone`. Returns by how many bytes it has grown.
    pub(super) fn see(&mut self, at: u64, element: u64, most: usize, mut gone: impl FnMut(u64)) -> usize {
        let before = self.bytes();
        self.seen.push_back((at, element));
        self.last.insert(mix(element), at);
        while self.last.len() > most {
            match self.pop() {
                Some(element) => gone(element),
                None => break,
            }
        }
        if self.seen.len() > 2 * self.last.len() + SEEN_SPARE {
            let last = &self.last;
            self.seen.retain(|(at, element)| last.get(&mix(*element)) == Some(at));
        }
        self.room = self.room.max(self.last.capacity());
        self.bytes() - before
    }

    /// Lets go all of them.
    pub(super) fn clear(&mut self) {
        self.last.clear();
        self.seen.clear();
    }

    /// Lets go what was not seen after `oldest`. Hands every element that goes to `gone`.
    pub(super) fn expire(&mut self, oldest: u64, mut gone: impl FnMut(u64)) {
        while self.seen.front().is_some_and(|(at, _)| *at <= oldest) {
            if let Some((at, element)) = self.seen.pop_front()
                && self.last.get(&mix(element)) == Some(&at)
            {
                self.last.remove(&mix(element));
                gone(element);
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.room * BYTES_PER_SLOT + self.seen.capacity() * size_of::<(u64, u64)>()
    }

    /// The last sighting of every element, in order of time.
    pub(super) fn sightings(&self) -> impl Iterator<Item = u64> + '_ {
        let is_last = |(at, element): &&(u64, u64)| self.last.get(&mix(*element)) == Some(at);
        self.seen.iter().filter(is_last).map(|(at, _)| *at)
    }

    fn pop(&mut self) -> Option<u64> {
        loop {
            let (at, element) = self.seen.pop_front()?;
            if self.last.get(&mix(element)) == Some(&at) {
                self.last.remove(&mix(element));
                return Some(element);
            }
        }
    }
}

/// Numbers of one exchange differ in few bits; a table wants them spread. One to one, so that none is lost.
fn mix(element: u64) -> u64 {
    let mixed = (element ^ element >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ mixed >> 32
}

/// Sightings beyond two an element that are kept before they are looked through.
const SEEN_SPARE: usize = 16;
/// Key, value and the table's own byte.
const BYTES_PER_SLOT: usize = 17;
