//! Cuts messages out of a byte stream by their Content-Length (RFC 3261 §18.3).

use memchr::{memchr, memchr_iter};
use rules::{Flag, Flags};

use super::guess::{is_start_line, start_of};
use super::message::{ContentLength, Message};
use super::text::{byte, cut, is_token, rest};
use crate::limits::{HEADER_BYTES_MAX, MESSAGE_BYTES_MAX, RESYNC_BYTES_MAX, START_LINE_BYTES_MAX};

/// One message of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The message with its body; only its header when its length cannot be believed.
    pub bytes: &'a [u8],
    /// What the framing noticed.
    pub flags: Flags,
    /// Whether the stream is to be closed: where the next message begins is unknown, and reading on would let
    /// a stranger choose it.
    pub close: bool,
}

/// Reads one direction of one connection. However its bytes are segmented, the same frames come out. Holds at
/// most one message and one segment.
#[derive(Debug, Default)]
pub struct Framer {
    /// Bytes of a message that is not complete yet.
    buffer: Vec<u8>,
    /// How much of it is known to hold no end of a header.
    searched: usize,
    /// Bytes of the pending message as a whole, once its header is complete; 0 before.
    awaited: usize,
    state: State,
    /// Whether a message was read, so that this is SIP and garbage is worth skipping.
    is_sip: bool,
    /// Whether garbage was skipped just before.
    garbled: bool,
    /// Bytes skipped in search of a start line.
    skipped: usize,
    /// Whether it only watches: it reads on where the ends may.
    watches: bool,
}

/// Whether the framer knows where messages begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At the start of a connection, or behind a message.
    #[default]
    AtStart,
    /// Bytes were lost; the next start line is looked for.
    Lost,
    /// Not SIP, or not to be trusted any more: nothing is read.
    Closed,
}

/// What a look at the pending bytes gave.
enum Step {
    /// More bytes are needed: at least `awaited` in all. The first `searched` need no second look.
    Wait { searched: usize, awaited: usize },
    /// So many bytes are of no use.
    Skip(usize),
    /// A message.
    Frame { length: usize, flags: Flags, close: bool },
    /// Not SIP.
    GiveUp,
}

impl Framer {
    /// A framer for a connection that is seen from its first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// A framer for a connection between others: where something else stands before the first message, that is looked for, as a
    /// lenient peer would.
    pub fn watching() -> Self {
        Self { watches: true, ..Self::default() }
    }

    /// A framer for a connection that was joined in the middle: it begins at the next start line.
    pub fn joined() -> Self {
        Self { state: State::Lost, ..Self::default() }
    }

    /// Takes the next `bytes` of the stream and hands every message that they complete to `each`.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Frame<'_>)) {
        let mut bytes = bytes;
        // Complete messages are handed out where they lie; only the rest of a segment is kept.
        if self.buffer.is_empty() {
            let used = self.consume(bytes, &mut each);
            bytes = rest(bytes, used);
        }
        while !bytes.is_empty() && self.state != State::Closed {
            let room = BUFFER_BYTES_MAX.saturating_sub(self.buffer.len()).max(1);
            let taken = bytes.get(..room).unwrap_or(bytes);
            self.buffer.extend_from_slice(taken);
            bytes = rest(bytes, taken.len());
            let mut buffer = std::mem::take(&mut self.buffer);
            let used = self.consume(&buffer, &mut each);
            buffer.drain(..used);
            if buffer.is_empty() {
                // Thousands of connections lie idle; the room of their longest message is not kept for each.
                buffer.shrink_to(IDLE_BUFFER_BYTES);
            }
            self.buffer = buffer;
        }
        if self.state == State::Closed {
            self.buffer = Vec::new();
        }
    }

    /// Bytes of the stream were lost here: what is pending is handed out as truncated, and reading goes on at
    /// the next start line.
    pub fn lose(&mut self, each: impl FnMut(Frame<'_>)) {
        self.finish(each);
        if self.state != State::Closed {
            self.state = State::Lost;
        }
    }

    /// The stream is over: hands out what is pending, flagged as truncated, if it has a start line of SIP.
    pub fn finish(&mut self, mut each: impl FnMut(Frame<'_>)) {
        let bytes = std::mem::take(&mut self.buffer);
        self.searched = 0;
        self.awaited = 0;
        if self.state == State::AtStart {
            let bytes = rest(&bytes, start_of(&bytes));
            if memchr(b'\n', bytes).is_some_and(|end| is_start_line(cut(bytes, 0, end))) {
                each(Frame { bytes, flags: Flags::of(Flag::Truncated), close: false });
            }
        }
    }

    /// Whether a message was read.
    pub fn has_read(&self) -> bool {
        self.is_sip
    }

    /// Whether the stream is of no interest any more: not SIP, or its framing lied.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Bytes that wait for the rest of their message.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Handles the pending `bytes`; returns how many of them are done with.
    fn consume(&mut self, bytes: &[u8], each: &mut impl FnMut(Frame<'_>)) -> usize {
        let mut used = 0;
        while self.state != State::Closed {
            let pending = rest(bytes, used);
            match self.step(pending) {
                Step::Wait { searched, awaited } => {
                    self.searched = searched;
                    self.awaited = awaited;
                    return used;
                }
                Step::Skip(count) => used += count,
                Step::Frame { length, flags, close } => {
                    let mut flags = flags;
                    flags.raise_if(self.garbled, Flag::Malformed);
                    self.state = if close { State::Closed } else { State::AtStart };
                    self.is_sip = true;
                    self.garbled = false;
                    self.skipped = 0;
                    used += length;
                    each(Frame { bytes: cut(pending, 0, length), flags, close });
                }
                // Garbage between two messages: the next start line is looked for, as a lenient peer would.
                Step::GiveUp
                    if self.state == State::AtStart
                        && (self.is_sip || self.watches && begins_as_text(pending)) =>
                {
                    self.state = State::Lost;
                    self.garbled = true;
                }
                Step::GiveUp => self.state = State::Closed,
            }
            self.searched = 0;
            self.awaited = 0;
        }
        bytes.len()
    }

    fn step(&mut self, pending: &[u8]) -> Step {
        if pending.len() < self.awaited.max(1) {
            return Step::Wait { searched: self.searched, awaited: self.awaited };
        }
        let behind = start_of(pending);
        if behind > 0 {
            return Step::Skip(behind);
        }
        match self.state {
            State::AtStart => self.read_message(pending),
            State::Lost => self.find_start(pending),
            State::Closed => Step::GiveUp,
        }
    }

    /// Skips lines up to one that begins a message.
    fn find_start(&mut self, pending: &[u8]) -> Step {
        let Some(line_end) = memchr(b'\n', rest(pending, self.searched)).map(|end| self.searched + end)
        else {
            if pending.len() < START_LINE_BYTES_MAX {
                return Step::Wait { searched: pending.len(), awaited: 0 };
            }
            return self.skip(START_LINE_BYTES_MAX);
        };
        if judge_start(pending) == Some(true) {
            self.state = State::AtStart;
            return Step::Skip(0);
        }
        self.skip((line_end + 1).min(START_LINE_BYTES_MAX))
    }

    fn skip(&mut self, count: usize) -> Step {
        self.skipped += count;
        // What was never SIP is hardly worth looking at.
        let most = if self.is_sip || !self.watches { RESYNC_BYTES_MAX } else { STRANGE_BYTES_MAX };
        if self.skipped > most { Step::GiveUp } else { Step::Skip(count) }
    }

    /// Reads one message whose first byte is the first of `pending`.
    fn read_message(&self, pending: &[u8]) -> Step {
        if self.searched == 0 || !has_start_line(cut(pending, 0, self.searched)) {
            match judge_start(pending) {
                Some(true) => {}
                Some(false) => return Step::GiveUp,
                None => return Step::Wait { searched: 0, awaited: 0 },
            }
        }
        let bounded = pending.get(..HEADER_BYTES_MAX).unwrap_or(pending);
        let Some(header_length) = find_header_end(bounded, self.searched) else {
            if pending.len() < HEADER_BYTES_MAX {
                return Step::Wait { searched: pending.len().saturating_sub(HEADER_END_BYTES), awaited: 0 };
            }
            let flags = Flags::of(Flag::Oversized);
            return Step::Frame { length: HEADER_BYTES_MAX, flags, close: true };
        };
        let message = Message::read(cut(pending, 0, header_length));
        let distrust = |flag| Step::Frame { length: header_length, flags: Flags::of(flag), close: true };
        match message.content_length() {
            ContentLength::Bad => distrust(Flag::BadContentLength),
            ContentLength::Disagreeing => distrust(Flag::DupContentLength),
            ContentLength::Missing => {
                Step::Frame { length: header_length, flags: Flags::of(Flag::NoContentLength), close: false }
            }
            ContentLength::Bytes(body) if header_length + body > MESSAGE_BYTES_MAX => {
                distrust(Flag::BadContentLength)
            }
            ContentLength::Bytes(body) if header_length + body <= pending.len() => {
                Step::Frame { length: header_length + body, flags: Flags::NONE, close: false }
            }
            // The end of the header is found again when the body is complete.
            ContentLength::Bytes(body) => Step::Wait {
                searched: header_length.saturating_sub(HEADER_END_BYTES),
                awaited: header_length + body,
            },
        }
    }
}

/// Whether the first line is complete.
fn has_start_line(bytes: &[u8]) -> bool {
    memchr(b'\n', bytes).is_some()
}

/// Whether `pending` begins with a start line of SIP; `None` while that cannot be told. A line is given up at its
/// first byte that no method holds, so that TLS and other binary protocols do not linger.
fn judge_start(pending: &[u8]) -> Option<bool> {
    let line_end = memchr(b'\n', pending.get(..START_LINE_BYTES_MAX).unwrap_or(pending));
    let line = cut(pending, 0, line_end.unwrap_or(pending.len()));
    let odd = line.iter().position(|&byte| !is_token(byte) && byte != b'/');
    if odd.is_some_and(|at| !matches!(byte(line, at), b' ' | b'\t' | b'\r')) {
        return Some(false);
    }
    match line_end {
        Some(_) => Some(is_start_line(line)),
        None if pending.len() >= START_LINE_BYTES_MAX => Some(false),
        None => None,
    }
}

/// Where the header block of `bytes` ends, behind its blank line. The first `searched` bytes hold no such end.
fn find_header_end(bytes: &[u8], searched: usize) -> Option<usize> {
    memchr_iter(b'\n', rest(bytes, searched)).map(|at| searched + at).find_map(|at| {
        match rest(bytes, at + 1) {
            [b'\n', ..] => Some(at + 2),
            [b'\r', b'\n', ..] => Some(at + 3),
            _ => None,
        }
    })
}

/// Whether `bytes` are lines of words, such as of HTTP, and nothing binary.
fn begins_as_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..16).unwrap_or(bytes);
    head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

/// Bytes of a connection between others that are looked at before a first message.
const STRANGE_BYTES_MAX: usize = 16 << 10;

/// Bytes that may belong to an end of a header that is not complete: LF CR LF.
const HEADER_END_BYTES: usize = 3;

/// Bytes that are kept at most: one message, and enough of a further segment to find out.
const BUFFER_BYTES_MAX: usize = MESSAGE_BYTES_MAX + START_LINE_BYTES_MAX;

/// Bytes of room that a buffer without bytes keeps.
const IDLE_BUFFER_BYTES: usize = 4 << 10;
