//! A column of texts, of which hardly one comes again.

use std::ops::Range;

/// Texts of a column, one behind the other in pieces of memory: a large one is not copied when it grows. A row may have none.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    pieces: Vec<String>,
    places: Vec<Option<Place>>,
    bytes: usize,
}

/// Where the text of a row stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    piece: u32,
    begin: u32,
    end: u32,
}

impl Texts {
    /// So many rows without a text.
    pub(crate) fn none(rows: usize) -> Self {
        Self { places: vec![None; rows], ..Self::default() }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The text of `row`.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.at((*self.places.get(row)?)?)
    }

    fn at(&self, place: Place) -> Option<&str> {
        self.pieces.get(place.piece as usize)?.get(place.begin as usize..place.end as usize)
    }

    /// The text of each of `rows`; `None` where there are fewer.
    pub(crate) fn some(&self, rows: Range<usize>) -> Option<impl ExactSizeIterator<Item = Option<&str>>> {
        Some(self.places.get(rows)?.iter().map(|place| self.at((*place)?)))
    }

    /// One more row.
    pub fn push(&mut self, text: Option<&str>) {
        let place = text.map(|text| self.keep(text));
        self.places.push(place);
    }

    fn keep(&mut self, text: &str) -> Place {
        let has_room = |piece: &String| piece.capacity() - piece.len() >= text.len();
        if !self.pieces.last().is_some_and(has_room) {
            let least = self.bytes.clamp(PIECE_BYTES_MIN, PIECE_BYTES);
            self.pieces.push(String::with_capacity(least.max(text.len())));
        }
        self.bytes += text.len();
        let piece = self.pieces.len().saturating_sub(1);
        let begin = self.pieces.last().map_or(0, String::len);
        if let Some(piece) = self.pieces.last_mut() {
            piece.push_str(text);
        }
        // Nothing stands where no number of these leads.
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        Place { piece: number(piece), begin: number(begin), end: number(begin + text.len()) }
    }

    /// Which row has which text, to be put in another order.
    pub(crate) fn places_mut(&mut self) -> &mut Vec<Option<Place>> {
        &mut self.places
    }

    /// Puts `rows` of `other` behind its own.
    pub(crate) fn append(&mut self, other: &Self, rows: Range<usize>) {
        other.some(rows).into_iter().flatten().for_each(|text| self.push(text));
    }

    /// Takes the text of `row` away.
    pub(crate) fn blank(&mut self, row: usize) {
        if let Some(place) = self.places.get_mut(row) {
            *place = None;
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.places.as_slice()) + self.bytes
    }
}

/// A piece of memory is as long as all that stands before it, within these bounds.
const PIECE_BYTES_MIN: usize = 256;
const PIECE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_their_texts_or_none() {
        let mut texts = Texts::default();
        for text in [Some("a"), None, Some(""), Some("ärger")] {
            texts.push(text);
        }
        texts.places_mut().swap(0, 3);
        texts.blank(1);
        let mut more = Texts::none(1);
        more.append(&texts, 0..3);
        more.append(&texts, 3..9);
        let all: Vec<_> = more.some(0..4).unwrap().collect();
        assert_eq!(all, [None, Some("ärger"), None, Some("")]);
        assert_eq!((more.get(1), more.get(9), more.len()), (Some("ärger"), None, 4));
    }

    #[test]
    fn texts_stay_what_they_are_however_many_and_long_they_are() {
        let text = |row: usize| "ä".repeat(row * 7_919 % 1_000 + if row == 500 { PIECE_BYTES } else { 0 });
        let mut texts = Texts::default();
        for row in 0..2_000 {
            texts.push(Some(&text(row)));
        }
        assert!((0..2_000).all(|row| texts.get(row) == Some(text(row).as_str())));
        let kept: usize = texts.pieces.iter().map(String::capacity).sum();
        assert!(kept < texts.bytes * 11 / 10, "{kept} of {}", texts.bytes);
    }
}
