//! The mark of a call that a policy tags: before the names that a phone shows, and in a header that a switch reads.

use std::ops::Range;

use engine::sip::{Header, Message};

use super::rewrite::{Rewrite, line_of, place_of};
use super::settings::Marks;
use crate::answer;

impl Marks {
    /// Notes in `rewrite` how `message` goes on with `tag`, or without one.
    pub(super) fn note(&self, message: &Message<'_>, tag: Option<&str>, rewrite: &mut Rewrite) {
        let bytes = message.bytes();
        if let Some(name) = &self.header {
            for value in message.header_values(name) {
                if let Some(line) = line_of(bytes, value) {
                    rewrite.remove(line);
                }
            }
        }
        let Some(tag) = tag else { return };
        if let Some(name) = &self.header {
            let begin = message.header_at();
            rewrite.replace(begin..begin, |out| {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b": ");
                answer::put(out, tag.as_bytes());
                out.extend_from_slice(b"\r\n");
            });
        }
        if self.display_name {
            for header in [Header::From, Header::AssertedIdentity] {
                put_before_name(message, header, tag, rewrite);
            }
        }
    }
}

/// Puts `tag` before the display name of the first address of `header`.
fn put_before_name(message: &Message<'_>, header: Header, tag: &str, rewrite: &mut Rewrite) {
    let bytes = message.bytes();
    let (Some(value), Some(address)) = (message.value(header), message.address(header)) else { return };
    let (Some(value), Some(uri)) = (place_of(bytes, value), place_of(bytes, address.uri.text)) else {
        return;
    };
    let is_at = |at: usize, wanted: u8| bytes.get(at) == Some(&wanted);
    let before = uri.start.checked_sub(1).filter(|&at| is_at(at, b'<'));
    let name_end = before.unwrap_or(uri.start);
    if name_end < value.start {
        return;
    }
    let is_quoted = place_of(bytes, address.display)
        .is_some_and(|name| name.start > value.start && is_at(name.start - 1, b'"'));
    rewrite.replace(Range { start: value.start, end: name_end }, |out| {
        out.push(b'"');
        put_quoted(out, tag.as_bytes());
        if !address.display.is_empty() {
            out.push(b' ');
            if is_quoted { answer::put(out, address.display) } else { put_quoted(out, address.display) }
        }
        out.extend_from_slice(if before.is_some() { b"\" " } else { b"\" <" });
    });
    if before.is_none() {
        rewrite.replace(uri.end..uri.end, |out| out.push(b'>'));
    }
}

fn put_quoted(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\r' | b'\n' => out.push(b' '),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, expected: &str) {
        let marks = Marks { display_name: true, header: Some("X-Mark".to_owned()) };
        let text = format!("INVITE sip:1@h SIP/2.0\r\n{lines}Call-ID: c\r\n\r\n");
        let message = Message::read(text.as_bytes());
        let mut rewrite = Rewrite::default();
        marks.note(&message, Some("spam \"likely\""), &mut rewrite);
        let mut out = Vec::new();
        rewrite.write(message.bytes(), 0, message.bytes().len(), &mut out);
        let expected =
            format!("INVITE sip:1@h SIP/2.0\r\nX-Mark: spam \"likely\"\r\n{expected}Call-ID: c\r\n\r\n");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_name_is_marked_however_it_is_written() {
        for (from, expected) in [
            ("\"Bob \\\"B\\\"\" <sip:b@h>;tag=1", "\"spam \\\"likely\\\" Bob \\\"B\\\"\" <sip:b@h>;tag=1"),
            ("Bob Smith <sip:b@h>;tag=1", "\"spam \\\"likely\\\" Bob Smith\" <sip:b@h>;tag=1"),
            ("<sip:b@h>;tag=1", "\"spam \\\"likely\\\"\" <sip:b@h>;tag=1"),
            ("sip:b@h;tag=1", "\"spam \\\"likely\\\"\" <sip:b@h>;tag=1"),
        ] {
            check(&format!("From: {from}\r\n"), &format!("From: {expected}\r\n"));
            check(&format!("f:{from}\r\n"), &format!("f:{expected}\r\n"));
        }
    }

    #[test]
    fn an_asserted_name_is_marked_too() {
        check(
            "P-Asserted-Identity: Bob <sip:b@h>, <tel:+12105550100>\r\n",
            "P-Asserted-Identity: \"spam \\\"likely\\\" Bob\" <sip:b@h>, <tel:+12105550100>\r\n",
        );
    }

    #[test]
    fn a_mark_that_somebody_else_made_goes() {
        check("X-Mark: verified\r\nx-mark :\r\n also\r\nX-Marks: 1\r\n", "X-Marks: 1\r\n");
    }
}
