//! Iterators over the values of a header and over the addresses in them.

use memchr::memchr3;

use super::address::NameAddr;
use super::header::{Header, bears_name};
use super::lines::Lines;
use super::message::Message;
use super::params::quoted_end;
use super::text::{byte, cut, find, open, rest, trim};

/// The values of one header, one a line.
#[derive(Clone)]
pub struct Values<'m, 'a> {
    message: &'m Message<'a>,
    source: Source<'m, 'a>,
}

/// Where values come from.
#[derive(Clone)]
enum Source<'m, 'a> {
    /// At most one, the first of its header.
    First(Option<&'a [u8]>),
    /// The first of a header and its further ones, from one slot of the index on.
    Repeated { header: Header, first: Option<&'a [u8]>, slot: usize },
    /// The lines, because the index was too short.
    Lines { header: Header, lines: Lines<'a> },
    /// The lines, because the header is not among the known ones.
    Named { name: &'m [u8], lines: Lines<'a> },
}

impl<'m, 'a> Values<'m, 'a> {
    #[inline]
    pub(super) fn new(message: &'m Message<'a>, header: Header) -> Self {
        let first = message.index.first(message.bytes, header);
        let source = if message.index.repeated(header.bit()) == 0 {
            Source::First(first)
        } else if message.index.is_full() {
            Source::Lines { header, lines: message.lines() }
        } else {
            Source::Repeated { header, first, slot: 0 }
        };
        Self { message, source }
    }

    pub(super) fn named(message: &'m Message<'a>, name: &'m [u8]) -> Self {
        Self { message, source: Source::Named { name, lines: message.lines() } }
    }

    #[inline(never)]
    fn next_further(&mut self) -> Option<&'a [u8]> {
        let bytes = self.message.bytes;
        match &mut self.source {
            Source::First(first) => first.take(),
            Source::Repeated { header, first, slot } => first.take().or_else(|| {
                let (value, behind) = self.message.index.further(bytes, *slot, *header)?;
                *slot = behind;
                Some(value)
            }),
            Source::Lines { header, lines } => lines
                .find(|line| line.header == Some(*header))
                .map(|line| cut(bytes, line.value.0, line.value.1)),
            Source::Named { name, lines } => lines
                .find(|line| bears_name(rest(bytes, line.start), name).is_some())
                .map(|line| cut(bytes, line.value.0, line.value.1)),
        }
    }
}

impl<'a> Iterator for Values<'_, 'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        match &mut self.source {
            Source::First(first) => first.take(),
            _ => self.next_further(),
        }
    }
}

/// The addresses of one header, over all its lines and comma lists.
#[derive(Clone)]
pub struct Addresses<'m, 'a> {
    values: Values<'m, 'a>,
    rest: &'a [u8],
    tail: Option<usize>,
}

impl<'m, 'a> Addresses<'m, 'a> {
    #[inline]
    pub(super) fn new(values: Values<'m, 'a>) -> Self {
        Self { values, rest: &[], tail: None }
    }
}

impl<'a> Iterator for Addresses<'_, 'a> {
    type Item = NameAddr<'a>;

    #[inline]
    fn next(&mut self) -> Option<NameAddr<'a>> {
        loop {
            while let [b',' | b' ' | b'\t' | b'\r' | b'\n', tail @ ..] = self.rest {
                self.rest = tail;
            }
            if !self.rest.is_empty() {
                let (address, behind) = NameAddr::read_one(self.rest, &mut self.tail);
                self.rest = behind;
                return Some(address);
            }
            self.rest = self.values.next()?;
            self.tail = None;
            let text = open(self.values.message.bytes, self.rest);
            if let Some(address) = NameAddr::read_alone(text, self.rest.len()) {
                self.rest = &[];
                return Some(address);
            }
        }
    }
}

/// The parts of a comma list; commas in quotes and angle brackets part nothing.
pub(super) fn list_parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut behind = value;
    std::iter::from_fn(move || {
        while !behind.is_empty() {
            let end = part_end(behind);
            let part = trim(cut(behind, 0, end));
            behind = rest(behind, end + 1);
            if !part.is_empty() {
                return Some(part);
            }
        }
        None
    })
}

fn part_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr3(b',', b'"', b'<', rest(text, at)) {
        at += found;
        match byte(text, at) {
            b',' => return at,
            b'"' => at = quoted_end(text, at).unwrap_or(text.len()),
            _ => at = find(b'>', rest(text, at)).map_or(text.len(), |end| at + end + 1),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_apart_at_its_own_commas_only() {
        let parts = |text: &'static str| list_parts(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(
            parts("a.b.c;info=<https://h/a,b>;x=\"1,2\" , d.e.f"),
            [&b"a.b.c;info=<https://h/a,b>;x=\"1,2\""[..], b"d.e.f"]
        );
        assert_eq!(parts(" , ,a"), [b"a"]);
        assert_eq!(parts("a<b,c"), [b"a<b,c"]);
        assert!(parts("").is_empty());
    }

    #[test]
    fn two_signatures_in_one_header_are_two() {
        let message =
            Message::read(b"INVITE sip:h SIP/2.0\r\nIdentity: a.b.c;ppt=shaken, d.e.f;ppt=div\r\n\r\n");
        let values: Vec<_> = message.identities().collect();
        assert_eq!(values, [&b"a.b.c;ppt=shaken"[..], b"d.e.f;ppt=div"]);
    }
}
