//! Header lines: where each begins, which header it is, and where its value stands.

use memchr::memchr;
use rules::{Flag, Flags};

use super::header::{Header, read_name};
use super::text::{byte, cut, is_space, is_token, line_end, rest};

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

/// A header line as everybody writes it, with places counted from its own start.
pub(super) struct PlainLine {
    pub(super) header: Header,
    pub(super) value: (usize, usize),
    pub(super) length: usize,
}

/// Reads the line that `text` begins with if it is a plain one: a known name, a colon, one space or none, a value
/// without white space round it, CRLF, and no fold behind. Nearly all lines are; [`read_line`] reads any other and
/// would read these alike.
#[inline(always)]
pub(super) fn read_plain_line(text: &[u8]) -> Option<PlainLine> {
    let (header, colon) = read_name(text)?;
    let end = colon + line_end(rest(text, colon));
    let [last, b'\r', b'\n', next] = *text.get(end.checked_sub(2)?..)?.first_chunk::<4>()? else {
        return None;
    };
    let from = colon + usize::from(byte(text, colon) == b' ');
    let is_plain = last > b' ' && byte(text, from) > b' ' && from < end - 1 && !matches!(next, b' ' | b'\t');
    is_plain.then_some(PlainLine { header, value: (from, end - 1), length: end + 1 })
}

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
