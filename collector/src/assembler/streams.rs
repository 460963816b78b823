//! All TCP connections that may carry SIP, in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use ahash::RandomState;
use rules::Timestamp;

use super::content::{Carried, Content};
use super::stream::{After, Stream};
use super::udp::Segment;
use crate::counters::Counters;
use crate::limits::{STREAM_BYTES_MAX, STREAMS_MAX};

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
}

impl Way {
    fn back(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }
}

/// The streams followed at a time. A flood of connections that never carry SIP only displaces its like: those that
/// did have three quarters of the places for themselves.
#[derive(Default)]
pub(crate) struct Streams {
    followed: HashMap<Way, Followed, RandomState>,
    opening: Queue,
    known: Queue,
    bytes: usize,
    serial: u64,
}

struct Followed {
    stream: Stream,
    serial: u64,
    is_known: bool,
    /// Whether a segment came since its place in the queue was looked at.
    is_fresh: bool,
}

/// Streams by age, oldest first; what was forgotten meanwhile is passed over.
#[derive(Default)]
struct Queue {
    ages: VecDeque<(Way, u64)>,
    live: usize,
}

impl Streams {
    /// Takes one segment and hands out the messages that it completes; the second argument of `emit` says whether
    /// bytes that differ were sent for the same place.
    pub(crate) fn take(
        &mut self,
        way: Way,
        segment: &Segment<'_>,
        at: Timestamp,
        counters: &mut Counters,
        emit: &mut impl FnMut(Carried<'_>, bool),
    ) {
        if segment.is_reset {
            self.forget(&way);
            self.forget(&way.back());
            return;
        }
        let is_followed = self
            .followed
            .get(&way)
            .is_some_and(|it| it.stream.expects(segment.sequence.wrapping_add(u32::from(segment.is_syn))));
        let is_restart = segment.is_syn && !self.is_repeated_syn(&way, segment);
        if (!is_followed || is_restart) && !self.follow(way, segment, counters) {
            return;
        }
        let Some(followed) = self.followed.get_mut(&way) else { return };
        followed.is_fresh = true;
        let before = followed.stream.bytes();
        let after = followed.stream.take(segment, at, counters, emit);
        self.bytes = (self.bytes + followed.stream.bytes()).saturating_sub(before);
        if after == After::Forget {
            self.forget(&way);
            return;
        }
        self.promote(&way);
        self.make_room(counters);
    }

    /// Ends all streams: gaps are given up, what waits behind them is read.
    pub(crate) fn finish(&mut self, counters: &mut Counters, emit: &mut impl FnMut(Way, Carried<'_>, bool)) {
        let mut rest: Vec<_> = std::mem::take(&mut self.followed).into_iter().collect();
        rest.sort_by_key(|(_, followed)| followed.serial);
        for (way, mut followed) in rest {
            followed.stream.finish(counters, &mut |carried, has_conflict| emit(way, carried, has_conflict));
        }
        *self = Self::default();
    }

    /// How many streams are followed.
    pub(crate) fn count(&self) -> usize {
        self.followed.len()
    }

    /// Bytes kept of all streams.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Begins to follow `way` with `segment`, if it opens a connection or is the start of a message.
    fn follow(&mut self, way: Way, segment: &Segment<'_>, counters: &mut Counters) -> bool {
        let stream = if segment.is_syn {
            counters.streams_opened += 1;
            Stream::new(Content::Unknown(Vec::new()), segment.sequence.wrapping_add(1))
        } else if let Some(content) = Content::join(segment.payload) {
            counters.streams_joined += 1;
            Stream::new(content, segment.sequence)
        } else {
            let is_followed = self.followed.contains_key(&way);
            counters.segments_out_of_window += u64::from(is_followed);
            counters.segments_not_sip += u64::from(!is_followed && !segment.payload.is_empty());
            return false;
        };
        self.forget(&way);
        self.serial += 1;
        let serial = self.serial;
        let is_known = stream.is_known();
        self.followed.insert(way, Followed { stream, serial, is_known, is_fresh: false });
        self.queue(is_known).ages.push_back((way, serial));
        self.queue(is_known).live += 1;
        true
    }

    /// Whether the SYN is one that was sent again, of a connection that has not carried anything yet.
    fn is_repeated_syn(&self, way: &Way, segment: &Segment<'_>) -> bool {
        self.followed.get(way).is_some_and(|it| it.stream.begins_at(segment.sequence.wrapping_add(1)))
    }

    fn forget(&mut self, way: &Way) {
        if let Some(followed) = self.followed.remove(way) {
            self.bytes = self.bytes.saturating_sub(followed.stream.bytes());
            self.queue(followed.is_known).live -= 1;
        }
    }

    /// Gives a stream that turned out to carry SIP its place among its like.
    fn promote(&mut self, way: &Way) {
        let Some(followed) = self.followed.get_mut(way) else { return };
        if followed.is_known || !followed.stream.is_known() {
            return;
        }
        followed.is_known = true;
        let serial = followed.serial;
        self.opening.live -= 1;
        self.known.live += 1;
        self.known.ages.push_back((*way, serial));
    }

    fn make_room(&mut self, counters: &mut Counters) {
        while self.opening.live > STREAMS_MAX / 4 {
            self.evict(false, |_| true, counters);
        }
        while self.known.live > STREAMS_MAX - STREAMS_MAX / 4 {
            self.evict(true, |_| true, counters);
        }
        while self.bytes > STREAM_BYTES_MAX {
            let holds_bytes = |stream: &Stream| stream.bytes() > 0;
            let is_known = self.opening.live == 0 || !self.evict(false, holds_bytes, counters);
            if is_known && !self.evict(true, holds_bytes, counters) {
                break;
            }
        }
        self.sweep();
    }

    /// Forgets the stream of one kind that was silent for longest among those that are `wanted`; `false` if none is.
    fn evict(&mut self, is_known: bool, wanted: impl Fn(&Stream) -> bool, counters: &mut Counters) -> bool {
        // Each may be passed over once for being fresh.
        let turns = self.queue(is_known).ages.len() * 2;
        for _ in 0..turns {
            let Some((way, serial)) = self.queue(is_known).ages.pop_front() else { return false };
            let current = self.followed.get_mut(&way);
            let Some(followed) = current.filter(|it| it.serial == serial && it.is_known == is_known) else {
                continue;
            };
            if followed.is_fresh || !wanted(&followed.stream) {
                followed.is_fresh = false;
                self.queue(is_known).ages.push_back((way, serial));
                continue;
            }
            self.forget(&way);
            counters.streams_evicted += 1;
            return true;
        }
        false
    }

    /// Forgets the ages of what is gone once they outnumber the rest.
    fn sweep(&mut self) {
        let followed = &self.followed;
        for (queue, is_known) in [(&mut self.opening, false), (&mut self.known, true)] {
            if queue.ages.len() > 2 * queue.live + AGES_SPARE {
                queue.ages.retain(|(way, serial)| {
                    followed.get(way).is_some_and(|it| it.serial == *serial && it.is_known == is_known)
                });
            }
        }
    }

    fn queue(&mut self, is_known: bool) -> &mut Queue {
        if is_known { &mut self.known } else { &mut self.opening }
    }
}

/// Ages of forgotten streams that are not worth a sweep.
const AGES_SPARE: usize = 64;
