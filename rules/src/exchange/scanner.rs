//! Words, texts and marks of an SQL dump, one after another, with the line where each begins.

use std::io::{self, BufRead};

use super::FIELD_BYTES_MAX;

/// One piece of SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, keyword or number; quotes around a name are gone.
    Word(String),
    /// A text in single quotes.
    Text(String),
    /// Any other character.
    Mark(u8),
}

/// Takes a dump apart. It is never in memory as a whole, however long its lines are.
pub(super) struct Scanner<'a> {
    source: &'a mut dyn BufRead,
    /// The line of what comes next, from 1.
    pub(super) line: u64,
    /// Whether a backslash in a text means something: in dumps of MySQL.
    escapes: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(source: &'a mut dyn BufRead) -> Self {
        Self { source, line: 1, escapes: false }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.source.fill_buf()?.first().copied())
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        let byte = self.peek()?;
        if byte.is_some() {
            self.source.consume(1);
        }
        self.line += u64::from(byte == Some(b'\n'));
        Ok(byte)
    }

    /// The next piece; `None` at the end.
    pub(super) fn token(&mut self) -> io::Result<Option<Token>> {
        while let Some(byte) = self.next()? {
            return Ok(Some(match byte {
                _ if byte.is_ascii_whitespace() => continue,
                b'#' => {
                    self.rest_of_line()?;
                    continue;
                }
                b'-' if self.peek()? == Some(b'-') => {
                    self.rest_of_line()?;
                    continue;
                }
                b'/' if self.peek()? == Some(b'*') => {
                    self.comment()?;
                    continue;
                }
                b'\'' => Token::Text(self.quoted(b'\'', self.escapes)?),
                b'`' => {
                    self.escapes = true;
                    Token::Word(self.quoted(b'`', false)?)
                }
                b'"' => Token::Word(self.quoted(b'"', false)?),
                b'E' | b'e' if self.peek()? == Some(b'\'') => {
                    self.next()?;
                    Token::Text(self.quoted(b'\'', true)?)
                }
                _ if is_of_word(byte) => Token::Word(self.word(byte)?),
                _ => Token::Mark(byte),
            }));
        }
        Ok(None)
    }

    /// The rest of the line, without its end.
    pub(super) fn rest_of_line(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        while let Some(byte) = self.next()? {
            if byte == b'\n' {
                break;
            }
            if rest.len() < FIELD_BYTES_MAX * 16 {
                rest.push(byte);
            }
        }
        Ok(rest)
    }

    /// Whether anything is left.
    pub(super) fn is_over(&mut self) -> io::Result<bool> {
        Ok(self.peek()?.is_none())
    }

    fn comment(&mut self) -> io::Result<()> {
        self.next()?;
        let mut before = 0;
        while let Some(byte) = self.next()? {
            if before == b'*' && byte == b'/' {
                break;
            }
            before = byte;
        }
        Ok(())
    }

    fn word(&mut self, first: u8) -> io::Result<String> {
        let mut word = vec![first];
        while let Some(byte) = self.peek()?.filter(|byte| is_of_word(*byte)) {
            self.next()?;
            if word.len() < FIELD_BYTES_MAX {
                word.push(byte);
            }
        }
        Ok(String::from_utf8_lossy(&word).into_owned())
    }

    fn quoted(&mut self, quote: u8, escapes: bool) -> io::Result<String> {
        let mut text = Vec::new();
        while let Some(byte) = self.next()? {
            let byte = if byte == quote {
                if self.peek()? != Some(quote) {
                    break;
                }
                self.next()?;
                quote
            } else if byte == b'\\' && escapes {
                match self.next()? {
                    Some(b'n') => b'\n',
                    Some(b'r') => b'\r',
                    Some(b't') => b'\t',
                    Some(b'0') => 0,
                    Some(other) => other,
                    None => break,
                }
            } else {
                byte
            };
            if text.len() < FIELD_BYTES_MAX {
                text.push(byte);
            }
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'+') || byte >= 0x80
}
