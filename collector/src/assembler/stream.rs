//! One direction of a TCP connection: its bytes put in order, whatever order they came in.

use rules::Timestamp;

use super::content::{Carried, Content, Fate};
use super::pieces::{Overlap, Pieces};
use super::udp::Segment;
use crate::counters::Counters;
use crate::limits::{
    FRAGMENT_OVERHEAD_BYTES, GAP_WAIT_MICROS_MAX, STREAM_WAITING_BYTES_MAX, WINDOW_BYTES_MAX,
};

/// One direction of a TCP connection.
#[derive(Debug)]
pub(crate) struct Stream {
    content: Content,
    /// The sequence number of the byte expected next.
    expected: u32,
    /// How many bytes were read, or given up, before it.
    position: u64,
    /// What came too early.
    waiting: Pieces,
    /// When the oldest of it came.
    waiting_since: Timestamp,
    /// Where the sender ended the stream.
    end: Option<u64>,
    /// Whether bytes that differ were sent for the same place since the last message.
    has_conflict: bool,
}

/// What to do with a stream after a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Keep,
    /// It ended, or carries nothing for us.
    Forget,
}

impl Stream {
    /// A stream whose next byte has the number `expected`.
    pub(crate) fn new(content: Content, expected: u32) -> Self {
        Self {
            content,
            expected,
            position: 0,
            waiting: Pieces::default(),
            waiting_since: Timestamp::default(),
            end: None,
            has_conflict: false,
        }
    }

    /// Whether a segment with this number can belong to what was read so far.
    pub(crate) fn expects(&self, sequence: u32) -> bool {
        self.distance(sequence).unsigned_abs() <= WINDOW_BYTES_MAX.unsigned_abs()
    }

    /// Whether nothing was read yet and the first byte has the number `sequence`.
    pub(crate) fn begins_at(&self, sequence: u32) -> bool {
        self.position == 0 && self.expected == sequence
    }

    /// Takes a segment that [`Stream::expects`] it.
    pub(crate) fn take(
        &mut self,
        segment: &Segment<'_>,
        at: Timestamp,
        counters: &mut Counters,
        emit: &mut impl FnMut(Carried<'_>, bool),
    ) -> After {
        let first = i64::from(self.distance(segment.sequence) + i32::from(segment.is_syn));
        if segment.is_fin {
            let end =
                self.position.saturating_add_signed(first + (segment.payload.len() + segment.missing) as i64);
            self.end.get_or_insert(end);
        }
        let mut after = After::Keep;
        if !segment.payload.is_empty() {
            after = self.take_bytes(first, segment.payload, at, counters, emit);
        }
        let behind = segment.sequence.wrapping_add(segment.payload.len() as u32);
        if after == After::Keep && segment.missing > 0 && self.expected == behind {
            after = self.pass_missing(segment.missing, counters, emit);
        }
        if self.end.is_some_and(|end| end <= self.position) {
            self.lose(emit);
            return After::Forget;
        }
        after
    }

    /// Gives up every gap, reads what waits behind, and hands out what is there of an unfinished message.
    pub(crate) fn finish(&mut self, counters: &mut Counters, emit: &mut impl FnMut(Carried<'_>, bool)) {
        while !self.waiting.is_empty() {
            if self.give_up_gap(counters, emit) == After::Forget {
                return;
            }
        }
        self.lose(emit);
    }

    /// Bytes that are kept, bookkeeping of early segments included.
    pub(crate) fn bytes(&self) -> usize {
        self.content.bytes() + self.waiting.bytes() + self.waiting.count() * FRAGMENT_OVERHEAD_BYTES
    }

    /// Whether it turned out to carry something for us.
    pub(crate) fn is_known(&self) -> bool {
        self.content.is_known()
    }

    fn distance(&self, sequence: u32) -> i32 {
        sequence.wrapping_sub(self.expected).cast_signed()
    }

    fn take_bytes(
        &mut self,
        first: i64,
        payload: &[u8],
        at: Timestamp,
        counters: &mut Counters,
        emit: &mut impl FnMut(Carried<'_>, bool),
    ) -> After {
        let known = usize::try_from(-first).unwrap_or_default();
        if known > 0 && known >= payload.len() {
            counters.segments_again += 1;
            return After::Keep;
        }
        let is_in_order = first <= 0 && self.waiting.is_empty();
        if is_in_order {
            return self.read(payload.get(known..).unwrap_or_default(), counters, emit);
        }
        if self.waiting.is_empty() {
            self.waiting_since = at;
        }
        counters.segments_early += u64::from(first > 0);
        let offset = self.position.saturating_add_signed(first.max(0));
        let overlap = self.waiting.insert(offset, payload.get(known..).unwrap_or_default());
        if overlap == Overlap::Conflicting {
            counters.segments_conflicting += 1;
            self.has_conflict = true;
        }
        let mut after = self.read_waiting(counters, emit);
        while after == After::Keep && self.is_overdue(at) {
            after = self.give_up_gap(counters, emit);
            self.waiting_since = at;
        }
        after
    }

    /// Passes what a snap length cut off: it will never come.
    fn pass_missing(
        &mut self,
        missing: usize,
        counters: &mut Counters,
        emit: &mut impl FnMut(Carried<'_>, bool),
    ) -> After {
        counters.gaps += 1;
        self.expected = self.expected.wrapping_add(missing as u32);
        self.position += missing as u64;
        self.lose(emit)
    }

    fn is_overdue(&self, at: Timestamp) -> bool {
        let bytes = self.waiting.bytes() + self.waiting.count() * FRAGMENT_OVERHEAD_BYTES;
        !self.waiting.is_empty()
            && (bytes > STREAM_WAITING_BYTES_MAX || at.micros_since(self.waiting_since) > GAP_WAIT_MICROS_MAX)
    }

    fn give_up_gap(&mut self, counters: &mut Counters, emit: &mut impl FnMut(Carried<'_>, bool)) -> After {
        let Some(offset) = self.waiting.first_offset() else { return After::Keep };
        counters.gaps += 1;
        let missing = offset.saturating_sub(self.position);
        self.expected = self.expected.wrapping_add(missing as u32);
        self.position = offset;
        if self.lose(emit) == After::Forget {
            return After::Forget;
        }
        self.read_waiting(counters, emit)
    }

    fn read_waiting(&mut self, counters: &mut Counters, emit: &mut impl FnMut(Carried<'_>, bool)) -> After {
        while self.waiting.first_offset() == Some(self.position) {
            let Some((_, bytes)) = self.waiting.take_first() else { break };
            if self.read(&bytes, counters, emit) == After::Forget {
                return After::Forget;
            }
        }
        After::Keep
    }

    fn read(
        &mut self,
        bytes: &[u8],
        counters: &mut Counters,
        emit: &mut impl FnMut(Carried<'_>, bool),
    ) -> After {
        self.expected = self.expected.wrapping_add(bytes.len() as u32);
        self.position += bytes.len() as u64;
        let has_conflict = &mut self.has_conflict;
        let fate = self.content.push(bytes, &mut |carried| emit(carried, std::mem::take(has_conflict)));
        match fate {
            Fate::GoOn => return After::Keep,
            Fate::Broken => {
                counters.streams_broken += 1;
                self.content = Content::Closed;
                return After::Keep;
            }
            Fate::NotSip => counters.segments_not_sip += 1,
            Fate::BadWebSocket => counters.websocket_bad += 1,
        }
        After::Forget
    }

    fn lose(&mut self, emit: &mut impl FnMut(Carried<'_>, bool)) -> After {
        let has_conflict = &mut self.has_conflict;
        match self.content.lose(&mut |carried| emit(carried, std::mem::take(has_conflict))) {
            Fate::GoOn => After::Keep,
            _ => After::Forget,
        }
    }
}
