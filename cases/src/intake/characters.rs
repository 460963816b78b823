//! Text of strangers as text that can be read and shown: one form for each character, nothing hidden.

use unicode_normalization::UnicodeNormalization;

use rules::plan::decimal_digit;

use super::limits::TEXT_BYTES_MAX;

/// Stands where a character was that nobody sees. Controls are taken out of all text, so nothing else is this.
pub(super) const HIDDEN: char = '\u{1}';

/// `text` in the form that is read: compatibility forms plain (NFKC), digits of all scripts as ASCII, dashes and spaces
/// of one kind, line ends as `\n`, controls gone, and [`HIDDEN`] where zero-width and direction marks were.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mapped = text.chars().filter_map(map);
    for character in mapped.nfkc() {
        if plain.len() >= TEXT_BYTES_MAX {
            break;
        }
        // A fullwidth digit is an ASCII digit only now.
        match decimal_digit(character) {
            Some(digit) => plain.push(char::from(b'0' + digit)),
            None => plain.push(character),
        }
    }
    plain
}

/// `text` for people: without what [`plain`] left where something was hidden.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|it| *it != HIDDEN).collect()
}

/// `text` on one line without anything that could change what is around it, at most `characters_max` long.
pub fn one_line(text: &str, characters_max: usize) -> String {
    let plain = plain(text);
    let words =
        plain.chars().filter(|it| *it != HIDDEN).map(|it| if it == '\n' || it == '\t' { ' ' } else { it });
    let mut line = String::new();
    let mut count = 0;
    for character in words {
        if character == ' ' && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        if count == characters_max {
            line.push('…');
            break;
        }
        line.push(character);
        count += 1;
    }
    line.truncate(line.trim_end().len());
    line
}

/// `text` over several lines without controls, hidden characters and unbounded length.
pub fn several_lines(text: &str, characters_max: usize) -> String {
    plain(text).chars().filter(|it| *it != HIDDEN).take(characters_max).collect()
}

/// Whether a character is one that nobody sees but that changes what is read: zero-width, direction, tag, filler.
pub(super) fn is_hidden(character: char) -> bool {
    matches!(
        u32::from(character),
        0xad | 0x34f
            | 0x61c
            | 0x115f
            | 0x1160
            | 0x17b4
            | 0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x202a..=0x202e
            | 0x2060..=0x206f
            | 0x3164
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xfff9..=0xfffb
            | 0xe0000..=0xe0fff
    )
}

fn map(character: char) -> Option<char> {
    match character {
        '\n' | '\t' => Some(character),
        _ if is_hidden(character) => Some(HIDDEN),
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        _ if character.is_control() => None,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => Some('-'),
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        _ => Some(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b2_every_way_to_write_a_digit_a_dash_and_a_space_is_one() {
        for (text, expected) in [
            ("٢١٠ ٥٥٥ ٠١٠٠", "210 555 0100"),
            ("２１０－５５５－０１００", "210-555-0100"),
            ("210\u{2011}555\u{2212}0100", "210-555-0100"),
            ("210\u{a0}555\u{202f}0100", "210 555 0100"),
            ("21\u{200b}0\u{202e}5", "21\u{1}0\u{1}5"),
            ("a\u{0}b\u{1b}[31mc\r\n", "ab[31mc\n"),
            ("ﬁne ②", "fine 2"),
            ("already\u{1}here", "alreadyhere"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn f16_one_line_is_one_line_and_shows_nothing_that_turns_text_around() {
        assert_eq!(one_line("a\r\nBcc: x\u{2028}b\u{202e}c\t d", 100), "a Bcc: x bc d");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }
}
