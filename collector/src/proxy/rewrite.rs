//! A message as it goes on: the bytes that came, with a few of them replaced.

use std::ops::Range;

/// Replacements in a message. Used again for every message, so that a steady load allocates nothing.
#[derive(Default)]
pub(super) struct Rewrite {
    changes: Vec<Change>,
    text: Vec<u8>,
}

struct Change {
    /// What goes, in the message.
    at: Range<usize>,
    /// What comes instead, in the text.
    by: Range<usize>,
}

impl Rewrite {
    /// Forgets all replacements.
    pub(super) fn clear(&mut self) {
        self.changes.clear();
        self.text.clear();
    }

    /// Replaces `at` by what `write` writes. Of several at one place the first one noted comes first.
    pub(super) fn replace(&mut self, at: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        let begin = self.text.len();
        write(&mut self.text);
        self.changes.push(Change { at, by: begin..self.text.len() });
    }

    /// Leaves `at` out.
    pub(super) fn remove(&mut self, at: Range<usize>) {
        self.replace(at, |_| {});
    }

    /// Writes `bytes` from `begin` to `end` with all replacements. What would replace the same bytes twice is left out the
    /// second time.
    pub(super) fn write(&mut self, bytes: &[u8], begin: usize, end: usize, out: &mut Vec<u8>) {
        // What is put in comes before what is replaced at the same place.
        self.changes.sort_by_key(|change| (change.at.start, change.at.end));
        out.clear();
        let mut kept = begin;
        for change in &self.changes {
            if change.at.start < kept || change.at.end > end {
                continue;
            }
            out.extend_from_slice(bytes.get(kept..change.at.start).unwrap_or_default());
            out.extend_from_slice(self.text.get(change.by.clone()).unwrap_or_default());
            kept = change.at.end;
        }
        out.extend_from_slice(bytes.get(kept..end).unwrap_or_default());
    }
}

/// Where `part` stands in `bytes`; `None` when it is no part of them.
pub(super) fn place_of(bytes: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (end <= bytes.len()).then_some(start..end)
}

/// The whole header line of `bytes`, with its folds and its end, whose value is `value`.
pub(super) fn line_of(bytes: &[u8], value: &[u8]) -> Option<Range<usize>> {
    let value = place_of(bytes, value)?;
    let is_fold = |at: usize| matches!(bytes.get(at), Some(b' ' | b'\t'));
    let mut start = value.start;
    loop {
        start = memchr::memrchr(b'\n', bytes.get(..start)?).map_or(0, |end| end + 1);
        if start == 0 || !is_fold(start) {
            break;
        }
        start -= 1;
    }
    let mut end = value.end;
    loop {
        end = memchr::memchr(b'\n', bytes.get(end..)?).map_or(bytes.len(), |found| end + found + 1);
        if end >= bytes.len() || !is_fold(end) {
            return Some(start..end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_stand_in_order_of_the_message() {
        let mut rewrite = Rewrite::default();
        let mut out = Vec::new();
        rewrite.replace(6..7, |text| text.extend(b"G!"));
        rewrite.replace(1..1, |text| text.extend(b"<"));
        rewrite.replace(1..1, |text| text.extend(b">"));
        rewrite.remove(2..4);
        rewrite.write(b"abcdefgh", 0, 8, &mut out);
        assert_eq!(out, b"a<>befG!h");
        rewrite.clear();
        rewrite.write(b"abc", 1, 3, &mut out);
        assert_eq!(out, b"bc");
    }

    #[test]
    fn a_line_is_found_with_its_folds() {
        let text = b"A: 1\r\nRoute:\r\n <sip:a>,\r\n\t<sip:b>\r\nB: 2\r\n\r\n";
        let value = &text[15..];
        let line = line_of(text, &value[..9]).unwrap();
        assert_eq!(&text[line], b"Route:\r\n <sip:a>,\r\n\t<sip:b>\r\n");
        assert_eq!(line_of(text, b"elsewhere"), None);
    }
}
