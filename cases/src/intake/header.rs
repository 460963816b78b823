//! The header of a mail: every field as it stands there, in order, and the few that are read.

use mail_parser::{Address, MessageParser};

use super::characters::one_line;
use super::limits::{HEADER_BYTES_MAX, REFERENCES_MAX, SUBJECT_CHARACTERS_MAX};
use super::mime::header_bytes;

/// The header of a mail.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// Names in lower case and values on one line, from the top.
    fields: Vec<(String, String)>,
    pub from: Vec<Mailbox>,
    pub reply_to: Vec<Mailbox>,
    pub subject: String,
}

/// One address with the name that stands before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub name: String,
    pub address: String,
}

impl Header {
    pub(super) fn read(mail: &[u8]) -> Self {
        let end = header_bytes(mail).min(HEADER_BYTES_MAX);
        let head = mail.get(..end).unwrap_or_default();
        // The parser wants to see the end of the header.
        let mut whole = head.to_vec();
        whole.extend_from_slice(b"\r\n\r\n");
        let parsed = MessageParser::default().parse_headers(&whole).unwrap_or_default();
        let subject = if parsed.parts.is_empty() { None } else { parsed.subject() };
        let mailboxes = |address: Option<&Address<'_>>| -> Vec<Mailbox> {
            address.into_iter().flat_map(Address::iter).take(REFERENCES_MAX).map(Mailbox::read).collect()
        };
        let has_parts = !parsed.parts.is_empty();
        Self {
            fields: fields(head),
            from: mailboxes(if has_parts { parsed.from() } else { None }),
            reply_to: mailboxes(if has_parts { parsed.reply_to() } else { None }),
            subject: one_line(subject.unwrap_or_default(), SUBJECT_CHARACTERS_MAX),
        }
    }

    /// All values of the field `name` (lower case), from the top.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Fields from the top.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What stands between angle brackets in the fields `names`, each once.
    pub(super) fn message_ids(&self, names: &[&str]) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for value in names.iter().flat_map(|name| self.all(name)) {
            for id in
                value.split('<').skip(1).filter_map(|it| it.split_once('>')).map(|(id, _)| one_line(id, 250))
            {
                if ids.len() < REFERENCES_MAX && !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        ids
    }
}

impl Mailbox {
    fn read(address: &mail_parser::Addr<'_>) -> Self {
        Self {
            name: one_line(address.name.as_deref().unwrap_or_default(), 200),
            address: super::address::normal(&one_line(address.address.as_deref().unwrap_or_default(), 320)),
        }
    }
}

fn fields(head: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(head);
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.split('\n').map(|line| line.trim_end_matches('\r')) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_order_whatever_their_shape() {
        let header = Header::read(
            b"A : 1\r\n\tmore\nSubject: =?utf-8?q?R=C3=A9?= x\r\nFROM: \"it@example.com\" <x@example.net>, y@example.net\r\n\
              References: <a@b> <c@d>\r\n <a@b>\r\n\r\nBody: no\r\n",
        );
        assert_eq!(header.first("a"), Some("1 more"));
        assert_eq!(header.subject, "Ré x");
        assert_eq!(header.from.len(), 2);
        assert_eq!(
            header.from[0],
            Mailbox { name: "it@example.com".into(), address: "x@example.net".into() }
        );
        assert_eq!(header.message_ids(&["references"]), ["a@b", "c@d"]);
        assert_eq!(header.first("body"), None);
        for mail in [&b""[..], b":", b"\r\n\r\n", b" x", b"From:", b"From: <", b"\xff: \xff\r\n"] {
            Header::read(mail);
        }
    }
}
