//! Iterators over the values of a header and over the addresses in them.

use super::address::NameAddr;
use super::header::{Header, bears_name};
use super::lines::Lines;
use super::message::Message;
use super::text::{cut, rest};

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
        }
    }
}
