//! Text of a page or a drawing, into which nothing gets unescaped.

use std::fmt::Write as _;

use crate::json::acts;

/// HTML or XML that grows. What is not escaped is written in our sources: it lives as long as the program.
#[derive(Clone, Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Our own markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Anybody's words.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(' '),
                _ => self.0.push(shown(character)),
            }
        }
        self
    }

    /// ` name="value"`, where the value is anybody's.
    pub(super) fn attribute(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").text(value).raw("\"")
    }

    /// ` name="value"` of a length: at most two digits behind the point.
    pub(super) fn length(&mut self, name: &'static str, value: f64) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").number(value).raw("\"")
    }

    /// A length.
    pub(super) fn number(&mut self, value: f64) -> &mut Self {
        let rounded = (value * 100.0).round() / 100.0;
        // Nought has no sign, and what is no number is nowhere.
        let rounded = if rounded.is_finite() && rounded != 0.0 { rounded } else { 0.0 };
        let _ = write!(self.0, "{rounded}");
        self
    }

    /// A whole number.
    pub(super) fn integer(&mut self, value: usize) -> &mut Self {
        let _ = write!(self.0, "{value}");
        self
    }

    /// More of the same.
    pub(super) fn append(&mut self, other: Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// A drawing, which was written by us already.
    pub(super) fn drawing(&mut self, drawing: Drawn) -> &mut Self {
        self.0.push_str(&drawing.0);
        self
    }

    /// All of it.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// A whole drawing.
#[derive(Clone, Debug)]
pub(super) struct Drawn(String);

impl Drawn {
    /// As a file.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

impl From<Markup> for Drawn {
    fn from(markup: Markup) -> Self {
        Self(markup.0)
    }
}

/// A text on one line as a page shows it: what would act is replaced, what is endless is cut and says so.
pub(super) fn plain(text: &str, characters_max: usize) -> String {
    let mut kept: String = text
        .chars()
        .take(characters_max)
        .map(|character| if matches!(character, '\n' | '\r' | '\t') { ' ' } else { shown(character) })
        .collect();
    if text.chars().nth(characters_max).is_some() {
        kept.push('…');
    }
    kept
}

fn shown(character: char) -> char {
    if character.is_control() || acts(character) || matches!(character, '\u{fffe}' | '\u{ffff}') {
        '\u{fffd}'
    } else {
        character
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_in_a_text_is_markup(text in "\\PC*|[\\x00-\\x7f]*|.*") {
            let mut markup = Markup::default();
            markup.attribute("title", &text).text(&text);
            let written = markup.into_string();
            prop_assert!(!written.contains(['<', '>', '\'']));
            prop_assert_eq!(written.matches('"').count(), 2);
            prop_assert!(!written.chars().any(|character| character.is_control() || acts(character)));
        }
    }

    #[test]
    fn lengths_are_short() {
        let mut markup = Markup::default();
        markup.length("x", 1.0 / 3.0).length("y", -0.001).length("z", f64::NAN);
        assert_eq!(markup.into_string(), " x=\"0.33\" y=\"0\" z=\"0\"");
    }

    #[test]
    fn an_endless_name_is_cut() {
        assert_eq!(plain("a\u{202e}b\nc", 10), "a\u{fffd}b c");
        assert_eq!(plain("abcdef", 5), "abcde…");
    }
}
