//! Bytes of one whole that arrive in any order; where they overlap, the first ones win.

/// Pieces in order of their offset, none overlapping another.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    list: Vec<Piece>,
    bytes: usize,
}

#[derive(Debug)]
struct Piece {
    offset: u64,
    bytes: Box<[u8]>,
}

/// What a new piece had in common with those that were there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Overlap {
    None,
    /// The same piece was there.
    Again,
    /// The same bytes, cut otherwise.
    Same,
    Conflicting,
}

impl Pieces {
    /// Whether just these bytes were inserted at `offset` before.
    pub(crate) fn has(&self, offset: u64, bytes: &[u8]) -> bool {
        let index = self.list.partition_point(|piece| piece.offset < offset);
        self.list.get(index).is_some_and(|piece| piece.offset == offset && *piece.bytes == *bytes)
    }

    /// Keeps of `bytes`, which belong at `offset`, what was not there yet.
    pub(crate) fn insert(&mut self, offset: u64, bytes: &[u8]) -> Overlap {
        let mut overlap = Overlap::None;
        let (mut offset, mut bytes) = (offset, bytes);
        let mut index = self.list.partition_point(|piece| piece.end() <= offset);
        while !bytes.is_empty() {
            let Some(next) = self.list.get(index) else {
                self.add(index, offset, bytes);
                break;
            };
            let before = usize::try_from(next.offset.saturating_sub(offset)).unwrap_or(usize::MAX);
            if before >= bytes.len() {
                self.add(index, offset, bytes);
                break;
            }
            let (fresh, rest) = bytes.split_at(before);
            let behind =
                usize::try_from((offset + before as u64).saturating_sub(next.offset)).unwrap_or_default();
            let there = next.bytes.get(behind..).unwrap_or_default();
            let common = there.len().min(rest.len());
            let (again, after) = rest.split_at(common);
            overlap = match overlap {
                Overlap::Conflicting => Overlap::Conflicting,
                _ if there.starts_with(again) => Overlap::Same,
                _ => Overlap::Conflicting,
            };
            if !fresh.is_empty() {
                self.add(index, offset, fresh);
                index += 1;
            }
            offset += (before + common) as u64;
            bytes = after;
            index += 1;
        }
        overlap
    }

    /// Takes the first piece out, with its offset.
    pub(crate) fn take_first(&mut self) -> Option<(u64, Box<[u8]>)> {
        if self.list.is_empty() {
            return None;
        }
        let piece = self.list.remove(0);
        self.bytes -= piece.bytes.len();
        Some((piece.offset, piece.bytes))
    }

    /// Where the first piece begins.
    pub(crate) fn first_offset(&self) -> Option<u64> {
        self.list.first().map(|piece| piece.offset)
    }

    /// Where the last piece ends.
    pub(crate) fn end(&self) -> u64 {
        self.list.last().map_or(0, Piece::end)
    }

    /// Whether every byte up to `end` is there.
    pub(crate) fn are_whole(&self, end: u64) -> bool {
        if self.end() == end {
            return self.bytes as u64 == end;
        }
        let mut reached = 0;
        for piece in self.list.iter().take_while(|piece| piece.offset < end) {
            if piece.offset != reached {
                return false;
            }
            reached = piece.end();
        }
        reached >= end
    }

    /// Writes the bytes one after the other to `whole`, at most `end` of them.
    pub(crate) fn join(&self, end: u64, whole: &mut Vec<u8>) {
        whole.clear();
        for piece in &self.list {
            whole.extend_from_slice(&piece.bytes);
        }
        whole.truncate(usize::try_from(end).unwrap_or(usize::MAX));
    }

    /// How many bytes are kept.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many pieces are kept.
    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn add(&mut self, index: usize, offset: u64, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.list.insert(index, Piece { offset, bytes: bytes.into() });
    }
}

impl Piece {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[(u64, &str)], overlap: Overlap, whole: &str) {
        let mut kept = Pieces::default();
        let last = pieces.iter().map(|(offset, text)| kept.insert(*offset, text.as_bytes())).last();
        assert_eq!(last, Some(overlap), "{pieces:?}");
        assert!(kept.are_whole(whole.len() as u64), "{kept:?}");
        let mut joined = Vec::new();
        kept.join(whole.len() as u64, &mut joined);
        assert_eq!(String::from_utf8_lossy(&joined), whole, "{pieces:?}");
        assert_eq!(kept.bytes(), whole.len());
    }

    #[test]
    fn pieces_come_together_in_any_order() {
        check(&[(0, "abc"), (3, "def")], Overlap::None, "abcdef");
        check(&[(3, "def"), (0, "abc")], Overlap::None, "abcdef");
        check(&[(4, "ef"), (0, "ab"), (2, "cd")], Overlap::None, "abcdef");
    }

    #[test]
    fn where_pieces_overlap_the_first_bytes_win() {
        check(&[(0, "abcd"), (2, "cdef")], Overlap::Same, "abcdef");
        check(&[(0, "abcd"), (2, "XYef")], Overlap::Conflicting, "abcdef");
        check(&[(2, "cd"), (0, "abXYef")], Overlap::Conflicting, "abcdef");
        check(&[(1, "b"), (3, "d"), (0, "abcde")], Overlap::Same, "abcde");
        check(&[(1, "b"), (3, "d"), (0, "aBcDe")], Overlap::Conflicting, "abcde");
        check(&[(0, "abcdef"), (0, "abcdef")], Overlap::Same, "abcdef");
        check(&[(0, "abcdef"), (2, "c")], Overlap::Same, "abcdef");
    }
}
