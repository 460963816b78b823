//! Bytes of a connection as lines of commands and as the content of mails. Only CR LF ends a line, and only CR LF dot CR LF a
//! mail: what other servers take for an end must not hide a second mail in the first (SMTP smuggling).

/// A line of a command, or why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// With its CR LF.
    Line(Vec<u8>),
    /// A line that is too long, or ends or holds something else than CR LF.
    Broken,
}

/// Takes the next line off `input`; `None` when it has not come yet.
pub(super) fn take_command(input: &mut Vec<u8>) -> Option<Command> {
    match input.iter().position(|it| *it == b'\n') {
        Some(at) => {
            let line: Vec<u8> = input.drain(..=at).collect();
            let content = line.strip_suffix(b"\r\n");
            let is_plain = content.is_some_and(|it| {
                it.len() < COMMAND_BYTES_MAX && !it.iter().any(|it| matches!(it, b'\r' | 0))
            });
            Some(if is_plain { Command::Line(line) } else { Command::Broken })
        }
        None if input.len() >= COMMAND_BYTES_MAX => {
            input.clear();
            Some(Command::Broken)
        }
        None => None,
    }
}

/// The content of a mail behind `DATA`, without the dots that were put in front of lines.
#[derive(Debug)]
pub(super) struct Content {
    bytes: Vec<u8>,
    bytes_max: usize,
    /// All bytes that came, those that were not kept included.
    pub count: usize,
    /// Whether a CR stood without its LF, or an LF without its CR.
    pub has_bare_ends: bool,
    place: Place,
}

/// What stands before the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    LineBegin,
    Line,
    Return,
    Dot,
    DotReturn,
}

impl Content {
    pub(super) const fn new(bytes_max: usize) -> Self {
        // The line of the command ended just now.
        Self { bytes: Vec::new(), bytes_max, count: 0, has_bare_ends: false, place: Place::LineBegin }
    }

    /// Takes bytes off `input`. Whether the mail is over.
    pub(super) fn take(&mut self, input: &mut Vec<u8>) -> bool {
        for (at, &byte) in input.iter().enumerate() {
            self.count += 1;
            if self.step(byte) {
                input.drain(..=at);
                return true;
            }
        }
        input.clear();
        false
    }

    fn step(&mut self, byte: u8) -> bool {
        match (self.place, byte) {
            (Place::DotReturn, b'\n') => return true,
            (Place::LineBegin, b'.') => {
                self.place = Place::Dot;
                return false;
            }
            (Place::Dot, b'\r') => {
                self.place = Place::DotReturn;
                return false;
            }
            // A dot in front of anything else was put there by the sender.
            (Place::DotReturn, _) => {
                self.has_bare_ends = true;
                self.push(b'\r');
                self.place = Place::Line;
            }
            (Place::Return, it) if it != b'\n' => self.has_bare_ends = true,
            _ => {}
        }
        if byte == b'\n' && self.place != Place::Return {
            self.has_bare_ends = true;
        }
        self.place = match (self.place, byte) {
            (Place::Return, b'\n') => Place::LineBegin,
            (_, b'\r') => Place::Return,
            _ => Place::Line,
        };
        self.push(byte);
        false
    }

    fn push(&mut self, byte: u8) {
        if self.bytes.len() < self.bytes_max {
            self.bytes.push(byte);
        }
    }

    /// Whether more came than is kept.
    pub(super) const fn is_too_long(&self) -> bool {
        self.count > self.bytes_max
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// RFC 5321 §4.5.3.1.4 wants 512, and extensions add to it.
const COMMAND_BYTES_MAX: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> (Option<Vec<u8>>, bool, Vec<u8>) {
        let mut content = Content::new(1_000);
        let mut input = bytes.to_vec();
        let is_over = content.take(&mut input);
        let has_bare_ends = content.has_bare_ends;
        (is_over.then(|| content.into_bytes()), has_bare_ends, input)
    }

    #[test]
    fn only_cr_lf_dot_cr_lf_ends_a_mail() {
        assert_eq!(read(b"a\r\n.\r\nQUIT\r\n"), (Some(b"a\r\n".to_vec()), false, b"QUIT\r\n".to_vec()));
        assert_eq!(read(b".\r\nx"), (Some(vec![]), false, b"x".to_vec()));
        assert_eq!(read(b"..a\r\n...\r\n.\r\n").0, Some(b".a\r\n..\r\n".to_vec()));
        for smuggled in [
            &b"a\n.\nx"[..],
            b"a\n.\r\nx",
            b"a\r\n.\nx",
            b"a\r.\rx",
            b"a\r\n.\rx",
            b"a\r.\r\nx",
            b"a\r\n\0.\r\nx",
        ] {
            let (mail, has_bare_ends, _) = read(smuggled);
            assert_eq!(mail, None, "{}", smuggled.escape_ascii());
            assert!(has_bare_ends || smuggled.contains(&0), "{}", smuggled.escape_ascii());
        }
    }

    #[test]
    fn a_command_is_a_line_of_bounded_length() {
        let take = |bytes: &[u8]| take_command(&mut bytes.to_vec());
        assert_eq!(take(b"NOOP\r\nx"), Some(Command::Line(b"NOOP\r\n".to_vec())));
        assert_eq!(take(b"NOOP"), None);
        assert_eq!(take(b"NOOP\n"), Some(Command::Broken));
        assert_eq!(take(b"NO\rOP\r\n"), Some(Command::Broken));
        assert_eq!(take(b"NO\0OP\r\n"), Some(Command::Broken));
        assert_eq!(take(&[b'x'; 5_000]), Some(Command::Broken));
    }

    proptest! {
        #[test]
        fn what_is_sent_comes_however_it_is_cut(lines in prop::collection::vec("[.a\t ]{0,6}", 0..8), cut in 0_usize..60) {
            let mail: String = lines.iter().map(|it| format!("{it}\r\n")).collect();
            let sent: String = lines.iter().map(|it| format!("{}{it}\r\n", if it.starts_with('.') { "." } else { "" })).collect();
            let sent = format!("{sent}.\r\n").into_bytes();
            let (head, tail) = sent.split_at(cut.min(sent.len()));
            let mut content = Content::new(1_000);
            let is_over = content.take(&mut head.to_vec());
            prop_assert!(is_over == tail.is_empty());
            prop_assert!(is_over || content.take(&mut tail.to_vec()));
            prop_assert!(!content.has_bare_ends);
            prop_assert_eq!(content.into_bytes(), mail.into_bytes());
        }
    }
}
