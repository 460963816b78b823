//! JSON lines in which every character that could act on a terminal or a page is escaped.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes `value` as one JSON object and a line feed.
///
/// # Errors
/// Those of `out`.
pub fn to_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Inert))?;
    out.write_all(b"\n")
}

/// Compact JSON; control, bidi and line separator characters become `\uXXXX`.
struct Inert;

impl Formatter for Inert {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        // Looks at every byte, because that goes many at a time.
        if !fragment.bytes().fold(false, |acts, byte| acts | (byte >= DELETE)) {
            return out.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, character)) = rest.char_indices().find(|&(_, character)| acts(character)) {
            let (plain, tail) = rest.split_at(at);
            out.write_all(plain.as_bytes())?;
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = tail.get(character.len_utf8()..).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }
}

/// The first of all bytes that may act, once those below a space are escaped.
const DELETE: u8 = 0x7f;

/// `1 alert`, `2 alerts`: so many of what `noun` names.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A text from the wire as it may be shown on a terminal: what would act there is replaced.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() || acts(character) { '\u{fffd}' } else { character })
        .collect()
}

/// Whether a character does something other than being shown: C1 controls, bidi and invisible format characters,
/// line and paragraph separators.
pub(crate) fn acts(character: char) -> bool {
    matches!(character,
        '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_is_written_as_it_is() {
        let mut line = Vec::new();
        to_line(&mut line, &"a\u{202e}b\u{2028}\x1b[31m\u{e0041}\n\"").unwrap();
        assert_eq!(
            line,
            br#""a\u202eb\u2028\u001b[31m\udb40\udc41\n\"""#.iter().chain(b"\n").copied().collect::<Vec<_>>()
        );
        assert_eq!(
            serde_json::from_slice::<String>(&line).unwrap(),
            "a\u{202e}b\u{2028}\x1b[31m\u{e0041}\n\""
        );
    }
}
