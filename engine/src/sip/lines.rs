//! Header lines: where each begins, which header it is, and where its value stands.

use std::slice;

use memchr::{memchr, memchr2_iter};
use rules::{Flag, Flags};

use super::block::Block;
use super::header::{HEAD_BYTES, Header, LineHead, NAME_BYTES_MAX, read_name};
use super::text::{byte, cut, find_first, is_space, is_token, rest};

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

/// Reads the name of a plain line, which begins at `at`: nothing but token bytes and a colon right behind them. The line
/// ends in a CRLF, no fold follows, and the only byte up to the space that it holds is the space. Returns the header, if
/// it is a known one, and the place behind the colon. Nearly all lines are plain; [`read_line`] reads any other and would
/// read these alike.
pub(super) fn read_plain_name(bytes: &[u8], at: usize) -> Option<(Option<Header>, usize)> {
    let line = bytes.get(at..)?;
    let (header, colon) = match read_name(line) {
        Some((header, colon)) => (Some(header), colon),
        None => read_rare_name(line)?,
    };
    Some((header, at.wrapping_add(colon)))
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
    /// The 64 bytes that are looked at next, and those behind them.
    rows: slice::Iter<'a, [u8; ROW]>,
    /// Where the 64 bytes begin that were looked at last.
    base: usize,
    /// Those of them that stop, and were not passed yet; where two stand side by side, only the first.
    stops: u64,
}

impl<'a> Stops<'a> {
    /// Begins at `at`.
    #[inline(always)]
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        let (rows, _) = rest(bytes, at).as_chunks();
        Self { bytes, rows: rows.iter(), base: at.wrapping_sub(ROW), stops: 0 }
    }

    /// Passes the next place to stop at; at the end of the message there is one. The last one may be followed by one
    /// right behind it.
    #[inline(always)]
    pub(super) fn next(&mut self) -> usize {
        if self.stops == 0 {
            self.go_on();
        }
        let stop = self.base.wrapping_add(self.stops.trailing_zeros() as usize);
        self.stops &= self.stops.wrapping_sub(1);
        stop
    }

    /// Looks at further bytes until some stop.
    #[inline(always)]
    fn go_on(&mut self) {
        self.base = self.base.wrapping_add(ROW);
        let Some(mut row) = self.rows.next() else { return self.look_at_last() };
        let mut stops = row_stops(row);
        if stops == 0 {
            loop {
                self.base = self.base.wrapping_add(ROW);
                match self.rows.next() {
                    Some(next) => row = next,
                    None => return self.look_at_last(),
                }
                if has_stops(row) {
                    break;
                }
            }
            stops = row_stops(row);
        }
        self.stops = stops & !(stops << 1);
    }

    fn look_at_last(&mut self) {
        (self.base, self.stops) = read_last_stops(self.bytes, self.base);
    }
}

/// The stops of the last bytes of a message, of which those from `base` on are left, and one behind them.
#[inline(never)]
fn read_last_stops(bytes: &[u8], base: usize) -> (usize, u64) {
    let left = bytes.len().saturating_sub(base);
    if left == 0 {
        return (bytes.len(), 1);
    }
    let stops = match bytes.last_chunk::<ROW>() {
        Some(row) => row_stops(row) >> (ROW - left),
        None => {
            let mut row = [b' '; ROW];
            row.iter_mut().zip(rest(bytes, base)).for_each(|(place, &byte)| *place = byte);
            row_stops(&row)
        }
    };
    (base, stops & !(stops << 1) | 1 << left)
}

#[inline(always)]
fn row_stops(row: &[u8; ROW]) -> u64 {
    let (blocks, _) = row.as_chunks::<16>();
    let [first, second, third, fourth] = blocks else { return 0 };
    let above = |block| Block::read(block).above(b'\r' as i8);
    !(above(first) | above(second) << 16 | above(third) << 32 | above(fourth) << 48)
}

/// Whether any of the bytes of `row` stops: less to do than to tell which.
#[inline(always)]
fn has_stops(row: &[u8; ROW]) -> bool {
    let (blocks, _) = row.as_chunks::<16>();
    let [first, second, third, fourth] = blocks else { return false };
    !Block::are_all_above([first, second, third, fourth], b'\r' as i8)
}

/// Whether there is a stop at `at`; not so behind the message.
pub(super) fn is_stop(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|&byte| byte as i8 <= b'\r' as i8)
}

/// How a line ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// In a CRLF with the first byte of a plain line behind it.
    Plain,
    /// In a CRLF with the blank line behind it.
    Last,
    /// In any other way.
    Odd,
}

impl End {
    /// How the line of `bytes` ends that has its first stop at `at`.
    pub(super) fn read(bytes: &[u8], at: usize) -> Self {
        match rest(bytes, at) {
            [b'\r', b'\n', b'\r', b'\n', ..] => Self::Last,
            [b'\r', b'\n', next, ..] if (b'!'..0x80).contains(next) => Self::Plain,
            _ => Self::Odd,
        }
    }
}

/// What stands from the end of a line on.
pub(super) struct Behind<'a> {
    /// Whether it is a CRLF with no space before it and the first byte of a plain line behind it.
    pub(super) is_plain_end: bool,
    /// What the next line begins with.
    pub(super) next: LineHead<'a>,
}

impl<'a> Behind<'a> {
    /// What stands from `at` on, unless the message is over soon.
    #[inline(always)]
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        let behind: &[u8; 3 + HEAD_BYTES] = bytes.get(at.wrapping_sub(1)..)?.first_chunk()?;
        let (&[last, cr, lf], _) = behind.split_first_chunk()?;
        let next = LineHead::new(behind.last_chunk()?);
        let is_plain_end =
            last != b' ' && u16::from_le_bytes([cr, lf]) == CRLF && next.first() as i8 > b' ' as i8;
        Some(Self { is_plain_end, next })
    }
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
    let mut end = at + header_line_end(line);
    let mut next = end + 1;
    while matches!(byte(bytes, next), b' ' | b'\t') {
        let fold = rest(bytes, next);
        flags.raise_if(byte(bytes, end - 1) != b'\r', Flag::BareLf);
        end = next + header_line_end(fold);
        flags.raise_if(cut(bytes, next, end).iter().all(|&byte| is_space(byte)), Flag::BlankFold);
        next = end + 1;
    }
    if end < bytes.len() {
        if byte(bytes, end.wrapping_sub(1)) == b'\r' {
            end -= 1;
        } else {
            // A CR alone is told where all bytes are looked at again.
            flags.raise_if(byte(bytes, end) == b'\n', Flag::BareLf);
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

/// Where the header line that `text` begins with ends: its LF, a CR alone with the name of a header behind it, or the end of
/// `text`. Peers differ in whether such a CR ends a line; what one of them reads there as a header is one here. Two of them are
/// no blank line: the header behind it would be hidden.
pub(super) fn header_line_end(text: &[u8]) -> usize {
    let ends = |at: &usize| byte(text, *at) == b'\n' || begins_header(rest(text, at + 1));
    memchr2_iter(b'\r', b'\n', text).find(ends).unwrap_or(text.len())
}

/// Whether `text` begins with a name and its colon.
fn begins_header(text: &[u8]) -> bool {
    let name = text.iter().take_while(|byte| is_token(**byte)).count();
    name > 0 && text.iter().skip(name).find(|byte| !matches!(byte, b' ' | b'\t')) == Some(&b':')
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
    // A fold before the colon is white space as any other (RFC 3261 §25.1, HCOLON).
    while let [head @ .., b' ' | b'\t' | b'\r' | b'\n'] = name {
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
