//! Puts IP datagrams together from their fragments, in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use ahash::RandomState;
use rules::Timestamp;

use super::ip::{Fragment, Ip};
use super::layer::Ends;
use super::pieces::{Overlap, Pieces};
use crate::counters::Counters;
use crate::limits::{
    FRAGMENT_BYTES_MAX, FRAGMENT_BYTES_PER_SOURCE_MAX, FRAGMENT_OVERHEAD_BYTES, FRAGMENT_WAIT_MICROS_MAX,
    FRAGMENTED_OVERHEAD_BYTES, FRAGMENTED_PER_SOURCE_MAX,
};

/// The datagrams of which fragments are missing.
#[derive(Default)]
pub(crate) struct Fragments {
    unfinished: HashMap<Key, Datagram, RandomState>,
    /// All keys by age, oldest first; what was finished meanwhile is passed over.
    ages: VecDeque<(Key, u64)>,
    sources: HashMap<IpAddr, Source, RandomState>,
    bytes: usize,
    serial: u64,
}

/// A datagram whose last missing fragment came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) protocol: u8,
    pub(crate) has_overlap: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    ends: Ends,
    id: u32,
    /// IPv4 tells datagrams apart by it, IPv6 does not.
    protocol: Option<u8>,
}

struct Datagram {
    serial: u64,
    began: Timestamp,
    pieces: Pieces,
    /// The length, once the last fragment came.
    length: Option<u64>,
    /// What the first fragment said the payload is.
    protocol: Option<u8>,
    overlap: Overlap,
}

/// What one address has unfinished.
#[derive(Default)]
struct Source {
    bytes: usize,
    unfinished: usize,
    ages: VecDeque<(Key, u64)>,
}

impl Fragments {
    /// Takes a fragment; when it was the last one missing, writes the datagram's payload to `whole`.
    pub(crate) fn add(
        &mut self,
        ip: &Ip<'_>,
        fragment: Fragment,
        at: Timestamp,
        counters: &mut Counters,
        whole: &mut Vec<u8>,
    ) -> Option<Whole> {
        self.expire(at, counters);
        let end = u64::from(fragment.offset) + ip.payload.len() as u64;
        let is_bad = ip.payload.is_empty()
            || end > 65_535
            || (!fragment.is_last && !ip.payload.len().is_multiple_of(8) && ip.missing == 0);
        if is_bad {
            counters.fragments_bad += 1;
            return None;
        }
        let key =
            Key { ends: ip.ends, id: fragment.id, protocol: ip.ends.source.is_ipv4().then_some(ip.protocol) };
        self.open(key, at);
        let datagram = self.unfinished.get_mut(&key)?;
        let before = datagram.cost();
        datagram.take(ip, fragment, end);
        let after = datagram.cost();
        let finished = datagram.length.filter(|length| datagram.pieces.are_whole(*length));
        self.charge(key.ends.source, after - before);
        if let Some(length) = finished {
            let datagram = self.remove(&key)?;
            datagram.count(counters);
            counters.reassembled += 1;
            datagram.pieces.join(length, whole);
            let has_overlap = datagram.overlap >= Overlap::Same;
            return datagram.protocol.map(|protocol| Whole { protocol, has_overlap });
        }
        self.make_room(key.ends.source, counters);
        None
    }

    /// Bytes kept, bookkeeping included.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn open(&mut self, key: Key, at: Timestamp) {
        if self.unfinished.contains_key(&key) {
            return;
        }
        self.serial += 1;
        let serial = self.serial;
        let datagram = Datagram {
            serial,
            began: at,
            pieces: Pieces::default(),
            length: None,
            protocol: None,
            overlap: Overlap::None,
        };
        let cost = datagram.cost();
        self.unfinished.insert(key, datagram);
        let source = self.sources.entry(key.ends.source).or_default();
        source.unfinished += 1;
        source.ages.push_back((key, serial));
        self.ages.push_back((key, serial));
        self.charge(key.ends.source, cost);
        self.sweep(key.ends.source);
    }

    fn charge(&mut self, source: IpAddr, bytes: usize) {
        self.bytes += bytes;
        if let Some(source) = self.sources.get_mut(&source) {
            source.bytes += bytes;
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Datagram> {
        let datagram = self.unfinished.remove(key)?;
        let cost = datagram.cost();
        self.bytes -= cost;
        if let Some(source) = self.sources.get_mut(&key.ends.source) {
            source.bytes -= cost;
            source.unfinished -= 1;
            if source.unfinished == 0 {
                self.sources.remove(&key.ends.source);
            }
        }
        Some(datagram)
    }

    /// Gives up what waits for too long; a clock that jumps back gives up nothing.
    pub(super) fn expire(&mut self, at: Timestamp, counters: &mut Counters) {
        while let Some((key, serial)) = self.ages.front().copied() {
            if let Some(datagram) = self.unfinished.get(&key).filter(|it| it.serial == serial) {
                if at.micros_since(datagram.began) <= FRAGMENT_WAIT_MICROS_MAX {
                    return;
                }
                datagram.count(counters);
                counters.fragments_late += 1;
                self.remove(&key);
            }
            self.ages.pop_front();
        }
    }

    /// Gives up the oldest of `source` while it has too much, then the oldest of all while all have.
    fn make_room(&mut self, source: IpAddr, counters: &mut Counters) {
        while let Some(used) = self.sources.get_mut(&source) {
            let is_within =
                used.bytes <= FRAGMENT_BYTES_PER_SOURCE_MAX && used.unfinished <= FRAGMENTED_PER_SOURCE_MAX;
            if is_within {
                break;
            }
            let Some((key, serial)) = used.ages.pop_front() else { break };
            self.evict(&key, serial, counters);
        }
        while self.bytes > FRAGMENT_BYTES_MAX {
            let Some((key, serial)) = self.ages.pop_front() else { break };
            self.evict(&key, serial, counters);
        }
    }

    fn evict(&mut self, key: &Key, serial: u64, counters: &mut Counters) {
        if let Some(datagram) = self.unfinished.get(key).filter(|it| it.serial == serial) {
            datagram.count(counters);
            counters.fragments_evicted += 1;
            self.remove(key);
        }
    }

    /// Forgets the ages of what is finished once they outnumber the rest.
    fn sweep(&mut self, source: IpAddr) {
        let unfinished = &self.unfinished;
        let is_current =
            |(key, serial): &(Key, u64)| unfinished.get(key).is_some_and(|it| it.serial == *serial);
        if self.ages.len() > 2 * unfinished.len() + AGES_SPARE {
            self.ages.retain(is_current);
        }
        if let Some(source) = self.sources.get_mut(&source)
            && source.ages.len() > 2 * source.unfinished + AGES_SPARE
        {
            source.ages.retain(is_current);
        }
    }
}

impl Datagram {
    fn take(&mut self, ip: &Ip<'_>, fragment: Fragment, end: u64) {
        if fragment.offset == 0 && self.protocol.is_none() {
            self.protocol = Some(ip.protocol);
        }
        let offset = u64::from(fragment.offset);
        // The same fragment again is a duplicate on the way, not an overlap that somebody made.
        let mut overlap = if self.pieces.has(offset, ip.payload) {
            Overlap::Again
        } else {
            self.pieces.insert(offset, ip.payload)
        };
        if fragment.is_last && ip.missing == 0 {
            match self.length {
                None => self.length = Some(end),
                Some(length) if length != end => overlap = Overlap::Conflicting,
                Some(_) => {}
            }
        }
        if self.length.is_some_and(|length| self.pieces.end() > length) {
            overlap = Overlap::Conflicting;
        }
        self.overlap = self.overlap.max(overlap);
    }

    fn cost(&self) -> usize {
        FRAGMENTED_OVERHEAD_BYTES + self.pieces.count() * FRAGMENT_OVERHEAD_BYTES + self.pieces.bytes()
    }

    fn count(&self, counters: &mut Counters) {
        match self.overlap {
            Overlap::None => {}
            Overlap::Again | Overlap::Same => counters.overlaps_same += 1,
            Overlap::Conflicting => counters.overlaps_conflicting += 1,
        }
    }
}

/// Ages of finished datagrams that are not worth a sweep.
const AGES_SPARE: usize = 64;
