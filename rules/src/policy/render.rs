//! A diagnostic as a person reads it in a terminal, and as a program reads it.

use std::fmt::Write;
use std::ops::Range;

use crate::policy::{Diagnostic, Span};

impl Diagnostic {
    /// The diagnostic in the manner of rustc: level, code, message, place, the line with a caret, help.
    /// `source` is the text of the file it is about ([`Diagnostic::file`]).
    pub fn render(&self, source: &str) -> String {
        self.render_bytes(source.as_bytes())
    }

    /// As [`render`](Self::render), for files that may hold bytes that are not UTF-8.
    pub fn render_bytes(&self, source: &[u8]) -> String {
        let mut out = format!("{}[{}]: {}\n", self.level, self.code, shown(&self.message));
        let place = Place::of(source, &self.span);
        let note_place = self.related.as_ref().map(|(span, _)| Place::of(source, span));
        let gutter = note_place.as_ref().map_or(0, Place::gutter).max(place.gutter());
        place.write(&mut out, &shown(&self.file), gutter, "");
        if let Some(help) = &self.help {
            let _ = writeln!(out, "{:gutter$} = help: {}", "", shown(help));
        }
        if let (Some((_, note)), Some(place)) = (&self.related, note_place) {
            let _ = writeln!(out, "{:gutter$} = note: {}", "", shown(note));
            place.write(&mut out, &shown(&self.file), gutter, "");
        }
        out
    }

    /// Line and column of its first byte, both from 1; columns count characters.
    pub fn position(&self, source: &[u8]) -> (usize, usize) {
        let place = Place::of(source, &self.span);
        (place.line, place.column)
    }

    /// The diagnostic as one JSON object with the plain fields `code`, `level`, `message`, `help`, `file`,
    /// `line`, `column`, `start`, `end` (bytes), and `related` (`line`, `column`, `note`) or null.
    pub fn to_json(&self, source: &[u8]) -> String {
        let (line, column) = self.position(source);
        let related = self.related.as_ref().map_or_else(
            || "null".to_owned(),
            |(span, note)| {
                let place = Place::of(source, span);
                format!(r#"{{"line":{},"column":{},"note":{}}}"#, place.line, place.column, quoted(note))
            },
        );
        format!(
            r#"{{"code":{},"level":{},"message":{},"help":{},"file":{},"line":{line},"column":{column},"start":{},"end":{},"related":{related}}}"#,
            quoted(self.code.name()),
            quoted(self.level.word()),
            quoted(&self.message),
            self.help.as_ref().map_or_else(|| "null".to_owned(), |help| quoted(help)),
            quoted(&self.file),
            self.span.start,
            self.span.end,
        )
    }
}

/// One span found in its source, ready to print.
struct Place {
    line: usize,
    column: usize,
    text: String,
    caret: Range<usize>,
}

impl Place {
    fn of(source: &[u8], span: &Span) -> Self {
        let start = span.start.min(source.len());
        let end = span.end.clamp(start, source.len());
        let (before, after) = source.split_at(start);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let line_end = memchr::memchr(b'\n', after).map_or(source.len(), |at| start + at);
        let part = |range: Range<usize>| String::from_utf8_lossy(source.get(range).unwrap_or_default());
        let lead = part(line_start..start);
        let marked = part(start..end.min(line_end));
        let marked = marked.trim_end_matches('\r');
        let tail = part(end.min(line_end)..line_end);
        let column = lead.chars().count() + 1;
        let (lead, cut) = last_characters(&lead, LEAD_MAX);
        let lead = format!("{}{}", if cut { "…" } else { "" }, shown(lead));
        let (marked, marked_cut) = first_characters(marked, MARKED_MAX);
        let marked = shown(marked);
        let (tail, tail_cut) = if marked_cut { ("", true) } else { first_characters(&tail, TAIL_MAX) };
        let tail = format!("{}{}", shown(tail.trim_end()), if tail_cut { "…" } else { "" });
        let from = width(&lead);
        let to = from + width(&marked).max(1);
        Self { line, column, text: format!("{lead}{marked}{tail}"), caret: from..to }
    }

    /// Columns that its line number takes.
    fn gutter(&self) -> usize {
        self.line.to_string().len()
    }

    fn write(&self, out: &mut String, file: &str, gutter: usize, note: &str) {
        let (line, column, text) = (self.line, self.column, &self.text);
        let caret = "^".repeat(self.caret.len());
        let _ = writeln!(out, "{:gutter$}--> {file}:{line}:{column}", "");
        let _ = writeln!(out, "{:gutter$} |", "");
        let _ = writeln!(out, "{line:gutter$} | {text}");
        let _ = writeln!(out, "{:gutter$} | {:from$}{caret}{note}", "", "", from = self.caret.start);
    }
}

/// `text` with everything that could move the cursor or turn the writing direction made visible.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => out.push_str("    "),
            _ if is_hidden(character) => {
                let _ = write!(out, "<U+{:04X}>", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out
}

/// Control characters, bidirectional controls (Trojan Source) and characters without width.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{61c}' | '\u{feff}' | '\u{ad}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn first_characters(text: &str, count: usize) -> (&str, bool) {
    match text.char_indices().nth(count) {
        Some((at, _)) => (text.get(..at).unwrap_or(text), true),
        None => (text, false),
    }
}

fn last_characters(text: &str, count: usize) -> (&str, bool) {
    match text.char_indices().rev().nth(count.saturating_sub(1)) {
        Some((at, _)) if at > 0 => (text.get(at..).unwrap_or(text), true),
        _ => (text, false),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            _ if is_hidden(character) => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

/// Characters shown before, within and behind the marked part of a line.
const LEAD_MAX: usize = 100;
const MARKED_MAX: usize = 80;
const TAIL_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Code;

    fn check(source: &str, marked: &str, expected: &str) {
        let start = source.find(marked).unwrap();
        let span = start..start + marked.len();
        let mut diagnostic = Diagnostic::new(Code::UnknownKey, "acme.toml", span, "unknown key".to_owned());
        diagnostic.help("did you mean `action`?");
        assert_eq!(diagnostic.render(source), expected);
    }

    #[test]
    fn the_caret_stands_under_the_word() {
        check(
            "[[firewall]]\nname = \"a\"\nactoin = \"block\"\n",
            "actoin",
            "error[unknown-key]: unknown key\n --> acme.toml:3:1\n  |\n3 | actoin = \"block\"\n  | ^^^^^^\n  = help: did you mean `action`?\n",
        );
    }

    #[test]
    fn tabs_and_turned_writing_do_not_move_the_caret() {
        check(
            "\tx = \"\u{202e}\" # \u{1b}[31m\nend = 1",
            "x",
            "error[unknown-key]: unknown key\n --> acme.toml:1:2\n  |\n1 |     x = \"<U+202E>\" # <U+001B>[31m\n  |     ^\n  = help: did you mean `action`?\n",
        );
    }

    #[test]
    fn a_second_place_is_shown_below() {
        let source = "[a]\nx = 1\n[a]\n";
        let mut diagnostic =
            Diagnostic::new(Code::DuplicateKey, "acme.toml", 10..13, "table `a` stands twice".into());
        diagnostic.related(0..3, "first here");
        assert_eq!(
            diagnostic.render(source),
            "error[duplicate-key]: table `a` stands twice\n --> acme.toml:3:1\n  |\n3 | [a]\n  | ^^^\n  = note: first here\n --> acme.toml:1:1\n  |\n1 | [a]\n  | ^^^\n"
        );
    }

    #[test]
    fn any_span_of_any_bytes_can_be_shown() {
        let source = b"\xff\xfe\r\n\x00abc\r\n";
        for start in 0..14 {
            for end in 0..14 {
                let diagnostic = Diagnostic::new(Code::Syntax, "x\u{202e}", start..end, "odd\u{7}".into());
                let text = diagnostic.render_bytes(source);
                assert!(!text.contains(['\u{202e}', '\u{7}', '\r', '\0']), "{text:?}");
            }
        }
    }

    #[test]
    fn json_escapes_what_json_must() {
        let diagnostic = Diagnostic::new(Code::Syntax, "a\"b\\c.toml", 2..3, "line\nend\u{1b}".into());
        assert_eq!(
            diagnostic.to_json(b"a\nb"),
            r#"{"code":"syntax","level":"error","message":"line\nend\u001b","help":null,"file":"a\"b\\c.toml","line":2,"column":1,"start":2,"end":3,"related":null}"#
        );
    }
}
