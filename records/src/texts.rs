//! A column of texts, of which hardly one comes again.

use std::ops::Range;

/// Texts of a column, one behind the other in one piece of memory. A row may have none.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    all: String,
    places: Vec<Option<Place>>,
}

/// Where the text of a row stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    begin: usize,
    end: usize,
}

impl Texts {
    /// So many rows without a text.
    pub(crate) fn none(rows: usize) -> Self {
        Self { all: String::new(), places: vec![None; rows] }
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
        let Place { begin, end } = (*self.places.get(row)?)?;
        self.all.get(begin..end)
    }

    /// The text of each of `rows`; `None` where there are fewer.
    pub(crate) fn some(&self, rows: Range<usize>) -> Option<impl ExactSizeIterator<Item = Option<&str>>> {
        let places = self.places.get(rows)?.iter();
        Some(places.map(|place| place.and_then(|Place { begin, end }| self.all.get(begin..end))))
    }

    /// One more row.
    pub fn push(&mut self, text: Option<&str>) {
        let place = text.map(|text| {
            let begin = self.all.len();
            self.all.push_str(text);
            Place { begin, end: self.all.len() }
        });
        self.places.push(place);
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
        size_of_val(self.places.as_slice()) + self.all.len()
    }
}

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
}
