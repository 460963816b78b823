//! How a message is read: its start line, and its header lines into the index.

use rules::{Flag, Flags};

use super::guess::start_of;
use super::header::{Header, LineHead, read_long_name_and_space};
use super::lines::{Behind, End, Step, Stops, header_line_end, is_stop, read_line, read_plain_name};
use super::message::Message;
use super::start::Start;
use super::text::{byte, cut, rest};

impl<'a> Message<'a> {
    /// Reads all lines up to the body.
    #[inline(always)]
    pub(super) fn read_lines(&mut self) {
        let bytes = self.bytes;
        let mut start_at = 0;
        if byte(bytes, 0) <= b' ' {
            start_at = start_of(bytes);
            let is_lawful = cut(bytes, 0, start_at).iter().all(|byte| matches!(byte, b'\r' | b'\n'));
            self.flags.raise_if(!is_lawful, Flag::Malformed);
        }
        let mut stops = Stops::new(bytes, start_at);
        let stop = stops.next();
        let end = End::read(bytes, stop);
        let line;
        if end == End::Odd {
            (line, self.header_at) = read_odd_start(bytes, start_at, &mut self.flags);
        } else {
            self.is_plain = start_at == 0;
            (line, self.header_at) = (cut(bytes, start_at, stop), stop.wrapping_add(2));
        }
        self.start = Start::read(line, &mut self.flags);
        match end {
            End::Plain => self.read_header(stops, self.header_at),
            End::Last => self.body_at = self.header_at.wrapping_add(2),
            End::Odd => self.read_odd_header(),
        }
        self.flags.raise_if(self.index.is_cut(), Flag::HeadersCut);
    }

    /// Reads the header behind an odd start line.
    #[inline(never)]
    fn read_odd_header(&mut self) {
        let at = match byte(self.bytes, self.header_at) {
            b' ' | b'\t' => self.skip_folded_start(self.header_at),
            _ => self.header_at,
        };
        if let Some(at) = self.read_odd_lines(at) {
            self.read_header(Stops::new(self.bytes, at), at);
        }
    }

    /// Reads the header from `at` on, where no stop is.
    #[inline(always)]
    fn read_header(&mut self, mut stops: Stops<'a>, mut at: usize) {
        let bytes = self.bytes;
        let Some(mut head) = LineHead::at(bytes, at) else { return self.read_last_lines(stops, at) };
        loop {
            let stop = stops.next();
            let Some(Behind { is_plain_end, next }) = Behind::at(bytes, stop) else {
                return self.read_last_lines(Stops::new(bytes, at), at);
            };
            if is_plain_end && self.read_plain_line(head, at, stop) {
                (head, at) = (next, stop.wrapping_add(2));
                continue;
            }
            // The LF of a CRLF that parts two of the rows that are looked at.
            if stop < at {
                continue;
            }
            match End::read(bytes, stop) {
                End::Last if self.read_last_line(head, at, stop) => {
                    self.body_at = stop.wrapping_add(4);
                    return;
                }
                End::Plain if self.read_any_plain_line(at, stop) => {
                    (head, at) = (next, stop.wrapping_add(2));
                    continue;
                }
                _ => {}
            }
            let Some(next) = self.read_odd_lines(at) else { return };
            (at, stops) = (next, Stops::new(bytes, next));
            match LineHead::at(bytes, at) {
                Some(next) => head = next,
                None => return self.read_last_lines(stops, at),
            }
        }
    }

    /// Reads the header from `at` on, where no stop is, up to the end of the message, which is near.
    #[inline(never)]
    fn read_last_lines(&mut self, mut stops: Stops<'a>, mut at: usize) {
        loop {
            let stop = stops.next();
            if stop < at {
                continue;
            }
            let end = End::read(self.bytes, stop);
            if end == End::Odd || !self.read_any_plain_line(at, stop) {
                let Some(next) = self.read_odd_lines(at) else { return };
                (at, stops) = (next, Stops::new(self.bytes, next));
                continue;
            }
            at = stop.wrapping_add(2);
            if end == End::Last {
                self.body_at = at.wrapping_add(2);
                return;
            }
        }
    }

    /// Reads the line at `at`, which begins with `head`, ends at `stop` and is plain, perhaps but for its name. Returns
    /// whether it is one.
    #[inline(always)]
    fn read_plain_line(&mut self, head: LineHead<'a>, at: usize, stop: usize) -> bool {
        match head.read_name() {
            // No stop passes for a part of a name up to here: there is none before the CRLF, whose LF is in no name.
            Some((header, behind)) if head.is_value_at(behind) => {
                self.index.add(header, at.wrapping_add(behind), stop);
                true
            }
            Some(_) => self.read_any_plain_line(at, stop),
            None => self.read_rarer_line(head, at, stop),
        }
    }

    /// Reads a plain line whose name is unknown or long, or that has no space behind its colon.
    #[inline(never)]
    fn read_rarer_line(&mut self, head: LineHead<'a>, at: usize, stop: usize) -> bool {
        if head.is_unknown_name() {
            return true;
        }
        match read_long_name_and_space(rest(self.bytes, at)) {
            Some((header, behind)) if byte(self.bytes, at.wrapping_add(behind)) > b' ' => {
                self.index.add(header, at.wrapping_add(behind), stop);
                true
            }
            _ => self.read_any_plain_line(at, stop),
        }
    }

    /// As [`read_plain_line`](Self::read_plain_line), where there is no hurry.
    #[inline(never)]
    fn read_last_line(&mut self, head: LineHead<'a>, at: usize, stop: usize) -> bool {
        if byte(self.bytes, stop.wrapping_sub(1)) == b' ' {
            return self.read_any_plain_line(at, stop);
        }
        self.read_plain_line(head, at, stop)
    }

    #[inline(never)]
    fn read_any_plain_line(&mut self, at: usize, stop: usize) -> bool {
        match read_plain_name(self.bytes, at) {
            Some((Some(header), from)) => {
                self.add_trimmed(header, from, stop);
                true
            }
            Some((None, _)) => true,
            None => false,
        }
    }

    /// What would be a fold of the start line, which has none, is no header, whatever stands there.
    #[inline(never)]
    fn skip_folded_start(&mut self, at: usize) -> usize {
        self.is_plain = false;
        self.flags.raise(Flag::FoldAfterStartLine);
        self.flags.raise(Flag::Malformed);
        if let Step::Line(line) = read_line(self.bytes, at) {
            self.header_at = line.next;
        }
        self.header_at
    }

    #[inline(never)]
    fn add_trimmed(&mut self, header: Header, from: usize, end: usize) {
        let mut value = cut(self.bytes, from, end);
        while let [b' ', tail @ ..] = value {
            value = tail;
        }
        let from = end.wrapping_sub(value.len());
        while let [head @ .., b' '] = value {
            value = head;
        }
        if value.is_empty() {
            self.index.add_empty(header);
        }
        self.index.add(header, from, from.wrapping_add(value.len()));
    }

    /// Reads the line at `at`, which is not plain, and those behind it that begin with a stop. Returns where the next one
    /// begins, if the header goes on.
    #[inline(never)]
    fn read_odd_lines(&mut self, at: usize) -> Option<usize> {
        let mut at = self.read_odd_line(at)?;
        while is_stop(self.bytes, at) {
            at = self.read_odd_line(at)?;
        }
        Some(at)
    }

    fn read_odd_line(&mut self, at: usize) -> Option<usize> {
        self.is_plain = false;
        match read_line(self.bytes, at) {
            Step::Line(line) => {
                self.flags = self.flags.union(line.flags);
                if let Some(header) = line.header {
                    self.add_trimmed(header, line.value.0, line.value.1);
                }
                Some(line.next)
            }
            Step::Body(body_at) => {
                self.body_at = body_at;
                None
            }
            Step::Cut => {
                self.flags.raise(Flag::Truncated);
                None
            }
        }
    }
}

/// The start line at `at` when it does not end in a plain CRLF, and where the header begins.
#[inline(never)]
fn read_odd_start<'a>(bytes: &'a [u8], at: usize, flags: &mut Flags) -> (&'a [u8], usize) {
    let start_line = rest(bytes, at);
    let end = header_line_end(start_line);
    let line = cut(start_line, 0, end);
    match byte(start_line, end) {
        b'\n' => {
            let is_plain = line.ends_with(b"\r");
            flags.raise_if(!is_plain, Flag::BareLf);
            (line.strip_suffix(b"\r").unwrap_or(line), at + end + 1)
        }
        b'\r' => (line, at + end + 1),
        _ => {
            flags.raise(Flag::Truncated);
            (line.strip_suffix(b"\r").unwrap_or(line), bytes.len())
        }
    }
}
