//! Header lines: where each begins, which header it is, and where its value stands.

use memchr::memchr;
use rules::{Flag, Flags};

use super::block::Block;
use super::header::{Header, NAME_BYTES_MAX, read_name};
use super::text::{byte, cut, find_first, is_space, is_token, line_end, rest};

/// One header line with its folds.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// Where its name begins.
    pub(super) start: usize,
    /// The header, if it is a known one and its name is clean.
    pub(super) header: Option<Header>,
    /// Where its value begins and ends, without white space around it.
    pub(super) value: (usize, usize),
    /// Where the next line begins.
    pub(super) next: usize,
    /// What was wrong with it.
    pub(super) flags: Flags,
}

/// What stands at the place of a header line.
pub(super) enum Step {
    /// A header line.
    Line(Line),
    /// The blank line; the body begins here.
    Body(usize),
    /// The message is over before its header was.
    Cut,
}

/// Reads the name that the line of `bytes` at `at` begins with if the line is a plain one: nothing but token bytes
/// and a colon right behind them. The line ends in a CRLF, no fold follows, and the only byte up to the space that it
/// holds is the space. Returns the header, if it is a known one, and the place behind the colon. Nearly all lines are
/// plain; [`read_line`] reads any other and would read these alike.
pub(super) fn read_plain_line(bytes: &[u8], at: usize) -> Option<(Option<Header>, usize)> {
    let line = bytes.get(at..)?;
    let (header, colon) = match read_name(line) {
        Some((header, colon)) => (Some(header), colon),
        None => read_rare_name(line)?,
    };
    Some((header, at.wrapping_add(colon)))
}

/// Whether behind a colon, at `at`, one space stands and then something else.
pub(super) fn is_plain_value(bytes: &[u8], at: usize) -> bool {
    matches!(rest(bytes, at), [b' ', first, ..] if *first > b' ')
}

/// Reads an unknown name, or a known one that the message ends too soon behind to read at once.
#[inline(never)]
fn read_rare_name(line: &[u8]) -> Option<(Option<Header>, usize)> {
    let head = line.get(..NAME_BYTES_MAX).unwrap_or(line);
    let colon = match find_first(head, Block::foreign_to_hosts) {
        Some(end) if byte(line, end) == b':' => end,
        _ => line.iter().position(|&byte| !is_token(byte))?,
    };
    if colon == 0 || byte(line, colon) != b':' {
        return None;
    }
    let is_short = line.len() < NAME_BYTES_MAX;
    let header = if is_short { Header::from_name(cut(line, 0, colon)) } else { None };
    Some((header, colon + 1))
}

/// Finds bytes that end a line or that a plain line does not hold: everything up to CR, and bytes that are not
/// ASCII. Sees 64 bytes at once.
pub(super) struct Stops<'a> {
    bytes: &'a [u8],
    /// Where the 64 bytes begin that were looked at last.
    base: usize,
    /// Those of them that stop, and were not passed yet.
    stops: u64,
}

impl<'a> Stops<'a> {
    /// Begins at `at`.
    #[inline(always)]
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, base: at, stops: read_stops(bytes, at) }
    }

    /// The next place to stop at, or the end of the message.
    #[inline(always)]
    pub(super) fn find(&mut self) -> usize {
        if self.stops == 0 {
            (self.base, self.stops) = read_next_stops(self.bytes, self.base);
        }
        self.base.wrapping_add(self.stops.trailing_zeros() as usize)
    }

    /// Whether a CRLF stands at `at` and no fold behind it.
    #[inline(always)]
    pub(super) fn is_plain_end(&self, at: usize) -> bool {
        match self.bytes.get(at..).and_then(|behind| behind.first_chunk()) {
            Some(&[first, second, next]) => {
                u16::from_le_bytes([first, second]) == CRLF && (next > b' ' || next != b' ' && next != b'\t')
            }
            None => is_last_end(self.bytes, at),
        }
    }

    /// Goes on behind the CRLF that was found.
    #[inline(always)]
    pub(super) fn pass_line_end(&mut self) {
        self.stops &= self.stops.wrapping_sub(1);
        if self.stops == 0 {
            (self.base, self.stops) = read_next_stops(self.bytes, self.base);
        }
        self.stops &= self.stops.wrapping_sub(1);
    }
}

#[inline(never)]
fn is_last_end(bytes: &[u8], at: usize) -> bool {
    matches!(rest(bytes, at), [b'\r', b'\n', behind @ ..] if !matches!(behind, [b' ' | b'\t', ..]))
}

/// The next 64 bytes behind those at `base` that have a stop, and their stops; behind the message there is one at
/// once.
#[inline(never)]
fn read_next_stops(bytes: &[u8], mut base: usize) -> (usize, u64) {
    while let Some(row) = bytes.get(base.saturating_add(ROW)..).and_then(|behind| behind.first_chunk()) {
        base = base.wrapping_add(ROW);
        let stops = row_stops(row);
        if stops != 0 {
            return (base, stops);
        }
    }
    base = base.saturating_add(ROW);
    let stops = if base < bytes.len() { read_last_stops(bytes, base) } else { 0 };
    if stops != 0 { (base, stops) } else { (bytes.len(), 1) }
}

/// Which of the 64 bytes from `at` on are places to stop at.
#[inline(always)]
fn read_stops(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..at.wrapping_add(ROW)).and_then(|row| row.first_chunk()) {
        Some(row) => row_stops(row),
        None => read_last_stops(bytes, at),
    }
}

#[inline(never)]
fn read_last_stops(bytes: &[u8], at: usize) -> u64 {
    let left = bytes.len().saturating_sub(at);
    match bytes.last_chunk::<ROW>() {
        _ if left == 0 => 0,
        Some(row) => row_stops(row) >> (ROW - left),
        None => {
            let mut row = [b' '; ROW];
            row.iter_mut().zip(rest(bytes, at)).for_each(|(place, &byte)| *place = byte);
            row_stops(&row)
        }
    }
}

#[inline(always)]
fn row_stops(row: &[u8; ROW]) -> u64 {
    let (blocks, _) = row.as_chunks::<16>();
    let [first, second, third, fourth] = blocks else { return 0 };
    let above = |block| Block::read(block).above(b'\r' as i8);
    !(above(first) | above(second) << 16 | above(third) << 32 | above(fourth) << 48)
}

const CRLF: u16 = u16::from_le_bytes(*b"\r\n");

/// Bytes that are looked at together.
const ROW: usize = 64;

/// Reads the header line of `bytes` that begins at `at`.
#[inline(never)]
pub(super) fn read_line(bytes: &[u8], at: usize) -> Step {
    let line = rest(bytes, at);
    let [first, ..] = line else { return Step::Cut };
    if *first < b' ' {
        match line {
            [b'\r', b'\n', ..] => return Step::Body(at + 2),
            [b'\n', ..] => return Step::Body(at + 1),
            _ => {}
        }
    }
    let mut flags = Flags::NONE;
    let mut end = at + line_end(line);
    let mut next = end + 1;
    while matches!(byte(bytes, next), b' ' | b'\t') {
        let fold = rest(bytes, next);
        flags.raise_if(byte(bytes, end - 1) != b'\r', Flag::BareLf);
        end = next + line_end(fold);
        flags.raise_if(cut(bytes, next, end).iter().all(|&byte| is_space(byte)), Flag::BlankFold);
        next = end + 1;
    }
    if end < bytes.len() {
        if byte(bytes, end.wrapping_sub(1)) == b'\r' {
            end -= 1;
        } else {
            flags.raise(Flag::BareLf);
        }
    } else {
        next = end;
    }
    let (header, mut from) = match read_name(line) {
        Some((header, colon)) => (Some(header), at + colon),
        None => read_odd_name(cut(bytes, at, end), at, &mut flags),
    };
    // One space is what everybody writes; the loop is for the others.
    from += usize::from(byte(bytes, from) == b' ');
    while from < end && is_space(byte(bytes, from)) {
        from += 1;
    }
    while end > from && is_space(byte(bytes, end - 1)) {
        end -= 1;
    }
    Step::Line(Line { start: at, header, value: (from.min(end), end), next, flags })
}

/// Reads a name that is unknown, has white space before its colon, or is none at all. Only white space may
/// stand before the colon: a peer that skips other bytes there would see another header than we do.
#[inline(never)]
fn read_odd_name(line: &[u8], at: usize, flags: &mut Flags) -> (Option<Header>, usize) {
    let Some(colon) = memchr(b':', line) else {
        flags.raise(Flag::NoColon);
        return (None, at + line.len());
    };
    let mut name = cut(line, 0, colon);
    while let [head @ .., b' ' | b'\t'] = name {
        name = head;
    }
    if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
        flags.raise(Flag::CtlInHeaderName);
        return (None, at + colon + 1);
    }
    (Header::from_name(name), at + colon + 1)
}

/// The header lines of a message, read again from the start; for names that have no index.
#[derive(Clone)]
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    /// The lines from `at`, the first byte behind the start line.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let Step::Line(line) = read_line(self.bytes, self.at) else { return None };
        self.at = line.next;
        Some(line)
    }
}
