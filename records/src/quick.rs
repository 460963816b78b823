//! Lines of records as we write them, read without a look at what JSON may be beside that: no spaces, names without escapes.
//! What is written in any other way is `None` here, and read by the library: what both read is the same.

use std::borrow::Cow;

use serde_json::StreamDeserializer;
use serde_json::de::StrRead;
use serde_json::value::RawValue;

/// What is left of a line.
pub(crate) struct Rest<'a> {
    text: &'a str,
    is_first: bool,
}

/// What can be read from the front of a line.
pub(crate) trait Quick<'a>: Sized {
    /// Takes it.
    fn read(rest: &mut Rest<'a>) -> Option<Self>;

    /// What stands for it where it is left out; `None` where it may not be.
    fn left_out() -> Option<Self> {
        None
    }
}

impl<'a> Rest<'a> {
    /// The inside of the object that `line` is.
    pub(crate) fn of(line: &'a str) -> Option<Self> {
        // Looks at every byte, because that goes many at a time.
        if line.bytes().fold(false, |found, byte| found | (byte < b' ')) {
            return None;
        }
        Some(Self { text: line.strip_prefix('{')?, is_first: true })
    }

    /// The name of the next field; `Some(None)` at the end of the line.
    #[inline]
    pub(crate) fn name(&mut self) -> Option<Option<&'a str>> {
        if self.takes(b'}') {
            return self.text.is_empty().then_some(None);
        }
        if !std::mem::take(&mut self.is_first) && !self.takes(b',') {
            return None;
        }
        let (name, is_plain) = self.string()?;
        (is_plain && self.takes(b':')).then_some(Some(name))
    }

    /// Takes the name of the next field if it is `quoted`, which has its quotes and its colon.
    #[inline]
    pub(crate) fn takes_name(&mut self, quoted: &str) -> bool {
        let field = if self.is_first { Some(self.text) } else { self.text.strip_prefix(',') };
        let Some(rest) = field.and_then(|field| field.strip_prefix(quoted)) else { return false };
        (self.text, self.is_first) = (rest, false);
        true
    }

    /// Any value, as it is written.
    pub(crate) fn raw(&mut self) -> Option<&'a str> {
        let before = self.text;
        let is_taken = match before.as_bytes().first()? {
            b'"' => self.string().is_some_and(|(_, is_plain)| is_plain),
            b'n' => self.takes_word("null"),
            b't' => self.takes_word("true"),
            b'f' => self.takes_word("false"),
            b'0'..=b'9' => self.number().is_some(),
            _ => false,
        };
        if !is_taken {
            self.text = before;
            if !(before.starts_with('[') && self.texts(|_| ()).is_some()) {
                self.text = before;
                return self.by_library();
            }
        }
        before.get(..before.len() - self.text.len())
    }

    /// A text, as it stands there if it has no escapes.
    #[inline]
    pub(crate) fn text(&mut self) -> Option<Cow<'a, str>> {
        let before = self.text;
        let (text, is_plain) = self.string()?;
        if is_plain {
            return Some(Cow::Borrowed(text));
        }
        let quoted = before.get(..before.len() - self.text.len())?;
        serde_json::from_str(quoted).ok().map(Cow::Owned)
    }

    /// Tells each text of a list of texts without escapes.
    pub(crate) fn texts(&mut self, mut tell: impl FnMut(&'a str)) -> Option<()> {
        if !self.takes(b'[') {
            return None;
        }
        if self.takes(b']') {
            return Some(());
        }
        loop {
            let (text, is_plain) = self.string()?;
            is_plain.then(|| tell(text))?;
            if self.takes(b']') {
                return Some(());
            }
            if !self.takes(b',') {
                return None;
            }
        }
    }

    /// Digits without a zero in front, and perhaps more of them behind a point.
    pub(crate) fn number(&mut self) -> Option<&'a str> {
        let before = self.text;
        let whole = self.digits()?;
        if whole.len() > 1 && whole.starts_with('0') {
            return None;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        before.get(..before.len() - self.text.len())
    }

    #[inline]
    pub(crate) fn takes_word(&mut self, word: &str) -> bool {
        self.text.strip_prefix(word).inspect(|rest| self.text = rest).is_some()
    }

    #[inline]
    fn takes(&mut self, byte: u8) -> bool {
        let is_there = self.text.as_bytes().first() == Some(&byte);
        if is_there {
            self.text = self.text.get(1..).unwrap_or_default();
        }
        is_there
    }

    fn digits(&mut self) -> Option<&'a str> {
        let count = self.text.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.text.split_at_checked(count)?;
        self.text = rest;
        (count > 0).then_some(digits)
    }

    /// What stands in quotes, and whether it has no escapes.
    #[inline]
    fn string(&mut self) -> Option<(&'a str, bool)> {
        let inside = self.text.strip_prefix('"')?;
        let (mut end, mut is_plain) = (0, true);
        loop {
            let rest = inside.as_bytes().get(end..)?;
            let place = quote_or_backslash(rest)?;
            end += place;
            if rest.get(place) == Some(&b'"') {
                break;
            }
            (end, is_plain) = (end + 2, false);
        }
        self.text = inside.get(end + 1..)?;
        let text = inside.get(..end)?;
        Some((text, is_plain))
    }

    /// What no line of ours has much of.
    fn by_library(&mut self) -> Option<&'a str> {
        let mut values: StreamDeserializer<'_, _, &RawValue> =
            StreamDeserializer::new(StrRead::new(self.text));
        let value = values.next()?.ok()?.get();
        self.text = self.text.get(values.byte_offset()..)?;
        Some(value)
    }
}

/// The place of the first of them. Most are near: looking eight bytes at a time is quicker than what searches long texts.
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    const LOW_BITS: u64 = u64::MAX / 0xff;
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let is = |byte: u8| {
            let word = word ^ (LOW_BITS * u64::from(byte));
            word.wrapping_sub(LOW_BITS) & !word
        };
        // The first bit that is set is of one of them, those behind it may be of others.
        let found = (is(b'"') | is(b'\\')) & (LOW_BITS * 0x80);
        if found != 0 {
            return Some(place * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let place = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(words.len() * 8 + place)
}

impl<'a, T: Quick<'a>> Quick<'a> for Option<T> {
    fn read(rest: &mut Rest<'a>) -> Option<Self> {
        if rest.takes_word("null") {
            return Some(None);
        }
        T::read(rest).map(Some)
    }

    fn left_out() -> Option<Self> {
        Some(None)
    }
}

impl<'a> Quick<'a> for u16 {
    fn read(rest: &mut Rest<'a>) -> Option<Self> {
        rest.number()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use crate::invented::Invented;
    use crate::{Call, Columns};

    const LINE: &str = r#"{"kind":"call","start":"2026-11-20T10:00:00.000001Z","caller":"+13035550142","caller_kind":"number","called":"142","called_kind":"number","source":"192.0.2.1:5060","verdict":"block","rule":null,"status":603,"flags":["bare-lf","via-port"],"call_type":"voice","answered":false,"reason":"matched rule \"a\\\"","later":[1,{"x":[]}],"ring_seconds":1.5,"to":["a\"b","c"],"seen":""}"#;

    #[test]
    fn our_own_lines_are_read_quickly() {
        assert!(Call::quickly(LINE).is_some());
        let invented = Invented { seed: 7, rows_per_day: 300, zone: TimeZone::UTC, columns: Columns::ALL };
        invented.day(date(2026, 3, 4), usize::MAX, |batch| {
            for row in 0..batch.len() {
                let call = batch.call(row);
                let line = call.to_json().to_string();
                let read = Call::quickly(&line).unwrap_or_else(|| panic!("{line}"));
                assert_eq!(read.unwrap().into_owned(), call);
            }
        });
    }

    proptest! {
        #[test]
        fn what_is_read_quickly_is_what_the_library_reads(
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..3, "[ -~\\n]{0,2}|\\\\\\\\u00e9|null|\\[\\]|é"), 0..4),
        ) {
            let mut line = LINE.to_owned();
            for (place, removed, put) in cuts {
                let place = place.index(line.len());
                let end = (place + removed).min(line.len());
                if line.is_char_boundary(place) && line.is_char_boundary(end) {
                    line.replace_range(place..end, &put);
                }
            }
            if let Some(quick) = Call::quickly(&line) {
                let slow = Call::by_library(line.as_bytes());
                prop_assert_eq!(quick.ok(), slow.ok(), "{}", line);
            }
        }
    }
}
