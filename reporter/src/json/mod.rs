//! JSON lines in which every character that could act on a terminal or a page is escaped.

mod writer;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use self::writer::Writer;

/// Writes `value` as one JSON object and a line feed.
///
/// # Errors
/// Those of `out`.
pub fn to_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = Vec::new();
    put(&mut line, value)?;
    line.push(b'\n');
    out.write_all(&line)
}

/// Writes `value` as one JSON object behind what is in `out`.
///
/// # Errors
/// It is none, such as an object whose names are lists.
pub fn put(out: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    Ok(value.serialize(Writer { out })?)
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
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::ser::Serializer;

    use super::*;

    /// Every shape that the writer is asked for.
    #[derive(Clone, Debug, Serialize)]
    enum Shape {
        Unit,
        New(Box<Self>),
        Pair(Option<char>, f32),
        Fields { truth: bool, numbers: (i8, u64, i128), bytes: Vec<u8> },
        Named(std::collections::BTreeMap<i16, ()>),
        Told(Value),
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<Option<bool>>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[ -~]{0,20}[\\x00-\\x7f\u{80}\u{ad}\u{202e}\u{e0041}]?[ -~]{0,9}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn shape() -> impl Strategy<Value = Shape> {
        let leaf = prop_oneof![
            Just(Shape::Unit),
            any::<(Option<char>, f32)>().prop_map(|(first, second)| Shape::Pair(first, second)),
            any::<(bool, (i8, u64, i128), Vec<u8>)>().prop_map(|(truth, numbers, bytes)| Shape::Fields {
                truth,
                numbers,
                bytes
            }),
            any::<std::collections::BTreeMap<i16, ()>>().prop_map(Shape::Named),
            value().prop_map(Shape::Told),
        ];
        leaf.prop_recursive(2, 4, 1, |inner| inner.prop_map(|inner| Shape::New(Box::new(inner))))
    }

    proptest! {
        #[test]
        fn a_value_is_written_as_the_library_writes_it(shape in shape()) {
            let mut line = Vec::new();
            to_line(&mut line, &shape).unwrap();
            let mut told = Vec::new();
            shape.serialize(&mut Serializer::with_formatter(&mut told, Inert)).unwrap();
            told.push(b'\n');
            prop_assert_eq!(String::from_utf8(line).unwrap(), String::from_utf8(told).unwrap());
        }
    }

    #[test]
    fn every_byte_is_escaped_at_every_place_that_needs_it() {
        for place in 0..20 {
            for character in '\0'..='\u{100}' {
                let text = format!("{}{character}{}", "a".repeat(place), "b".repeat(19 - place));
                let mut line = Vec::new();
                put(&mut line, &text).unwrap();
                let mut told = Vec::new();
                text.serialize(&mut Serializer::with_formatter(&mut told, Inert)).unwrap();
                assert_eq!(line, told, "{character:?} at {place}");
            }
        }
    }

    #[test]
    fn an_object_whose_names_are_lists_is_none() {
        let wrong = std::collections::BTreeMap::from([(vec![1], 2)]);
        assert!(put(&mut Vec::new(), &wrong).is_err());
    }

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
