//! A mail that the desk writes to a person.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rules::Timestamp;
use sha2::{Digest, Sha256};

use crate::intake::{
    ThreadToken, answer_address, date, is_plain_address, message_id, phrase, quoted_printable,
};
use crate::{CaseNumber, Outgoing};

/// Who the desk is in its mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskAddress {
    /// Such as `case@desk.example.com`.
    pub address: String,
    /// The name beside it.
    pub name: String,
}

/// A mail to a person, with the secret of its case, so that an answer finds the case.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    /// Who writes.
    pub desk: &'a DeskAddress,
    /// To whom.
    pub to: &'a str,
    /// One line.
    pub subject: &'a str,
    /// The text.
    pub text: &'a str,
    /// The case and its secret.
    pub thread: Option<(CaseNumber, ThreadToken)>,
    /// What it hangs under with others, instead of under the first mail of its case.
    pub gathered: Option<&'a str>,
    /// Tells it from other mails in the case; the same when it is sent again, so that its reader gets one.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// What it carries.
    pub attachments: &'a [Attachment],
}

/// A file that a mail carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its name: one of ours, without what a header would read as something else.
    pub name: String,
    /// What it is (RFC 6838).
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Letter<'_> {
    /// The whole mail; nothing for an address that could be more than one, or something else.
    pub fn mail(&self) -> Option<Vec<u8>> {
        if !is_plain_address(self.to) {
            return None;
        }
        let desk = self.desk;
        let domain = desk.address.split_once('@').map_or("localhost", |(_, domain)| domain);
        let mut mail = String::new();
        let mut field = |name: &str, value: &str| {
            let _ = write!(mail, "{name}: {value}\r\n");
        };
        field("From", &format!("{} <{}>", phrase(&desk.name), desk.address));
        field("To", &format!("<{}>", self.to));
        if let Some((case, token)) = self.thread {
            field("Reply-To", &format!("<{}>", answer_address(&desk.address, case, token)));
            field("Message-ID", &format!("<{}>", message_id(&desk.address, case, token, self.sequence)));
            // All mails of a case hang under the first, so that they stand together in a mailbox.
            if self.gathered.is_none() {
                field("References", &format!("<{}>", message_id(&desk.address, case, token, 0)));
            }
        } else {
            field("Message-ID", &format!("<notice.{}@{domain}>", self.sequence));
        }
        if let Some(name) = self.gathered {
            field("References", &format!("<thread.{}@{domain}>", sequence_of(name)));
        }
        field("Subject", &phrase(self.subject));
        field("Date", &date(self.at));
        field("Auto-Submitted", "auto-generated");
        field("X-Auto-Response-Suppress", "All");
        field("MIME-Version", "1.0");
        if self.attachments.is_empty() {
            mail.push_str(TEXT_HEADER);
            let _ = write!(mail, "\r\n{}", quoted_printable(self.text));
            return Some(mail.into_bytes());
        }
        // A line that begins so is in no base64, and in no quoted-printable text either.
        let boundary = format!("=_ringwall-{}", self.sequence);
        field("Content-Type", &format!("multipart/mixed; boundary=\"{boundary}\""));
        let _ = write!(mail, "\r\n--{boundary}\r\n{TEXT_HEADER}\r\n{}", quoted_printable(self.text));
        for Attachment { name, media_type, bytes } in self.attachments {
            let name = plain_name(name);
            let _ = write!(
                mail,
                "\r\n--{boundary}\r\nContent-Type: {}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n",
                phrase(media_type)
            );
            let encoded = STANDARD.encode(bytes);
            for line in encoded.as_bytes().chunks(BASE64_LINE) {
                mail.push_str(&String::from_utf8_lossy(line));
                mail.push_str("\r\n");
            }
        }
        let _ = write!(mail, "--{boundary}--\r\n");
        Some(mail.into_bytes())
    }

    /// Where bounces of it go: to its case.
    pub fn return_path(&self) -> String {
        let address = &self.desk.address;
        self.thread.map_or_else(|| address.clone(), |(case, token)| answer_address(address, case, token))
    }
}

/// A name of a file as any system takes it.
fn plain_name(name: &str) -> String {
    let plain = |it: char| if it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_') { it } else { '-' };
    name.chars().take(NAME_CHARACTERS_MAX).map(plain).collect()
}

/// What tells a mail of ours from others in its case; never 0, which the automatic answer has.
pub fn sequence(outgoing: &Outgoing) -> u64 {
    sequence_of(&outgoing.id)
}

/// The same of what is called `id`.
pub fn sequence_of(id: &str) -> u64 {
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().take(7).fold(0, |sum, byte| sum << 8 | u64::from(*byte)).max(1)
}

const TEXT_HEADER: &str =
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n";
/// Characters of a line of base64 (RFC 2045 §6.8).
const BASE64_LINE: usize = 76;
const NAME_CHARACTERS_MAX: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_others_makes_a_header_and_an_answer_finds_the_case() {
        let desk = DeskAddress { address: "case@desk.example.com".to_owned(), name: "Desk".to_owned() };
        let case = CaseNumber::new(104_233);
        let letter = Letter {
            desk: &desk,
            to: "ann@acme.example.com",
            subject: "hello\r\nBcc: x@evil.example.net",
            text: ".\r\nzwölf\n.\n",
            thread: Some((case, ThreadToken([7; 16]))),
            gathered: None,
            sequence: 5,
            at: Timestamp::from_seconds(0),
            attachments: &[],
        };
        let mail = String::from_utf8(letter.mail().unwrap()).unwrap();
        assert!(mail.is_ascii() && !mail.contains("\nBcc:"), "{mail}");
        assert!(mail.contains("Auto-Submitted: auto-generated\r\n"));
        assert!(mail.contains(&format!("Reply-To: <{}>\r\n", letter.return_path())));
        assert!(letter.return_path().starts_with("case+104233.0707"));
        assert!(Letter { to: "ann@acme.example.com, x@y.example", ..letter }.mail().is_none());
    }

    #[test]
    fn mails_that_are_gathered_hang_under_one_and_an_answer_still_finds_the_case() {
        let desk = DeskAddress { address: "case@desk.example.com".to_owned(), name: "Desk".to_owned() };
        let of = |number: u64, gathered: Option<&str>| {
            let thread = Some((CaseNumber::new(number), ThreadToken([7; 16])));
            let to = "anna@desk.example.com";
            let (subject, text, at) = ("pages", "", Timestamp::from_seconds(0));
            let letter = Letter {
                desk: &desk,
                to,
                subject,
                text,
                thread,
                gathered,
                sequence: number,
                at,
                attachments: &[],
            };
            String::from_utf8(letter.mail().unwrap()).unwrap()
        };
        let references = |mail: &str| {
            let lines: Vec<_> =
                mail.lines().filter(|it| it.starts_with("References: ")).map(str::to_owned).collect();
            assert_eq!(lines.len(), 1, "{mail}");
            lines
        };
        let (one, other) = (of(100_001, Some("awake-1")), of(100_002, Some("awake-1")));
        assert_eq!(references(&one), references(&other));
        assert!(one.contains("Reply-To: <case+100001.0707"), "{one}");
        assert_ne!(references(&one), references(&of(100_001, Some("awake-2"))));
        assert_ne!(references(&of(100_001, None)), references(&of(100_002, None)));
    }

    #[test]
    fn what_a_mail_carries_comes_out_as_it_went_in() {
        let desk = DeskAddress { address: "case@desk.example.com".to_owned(), name: "Desk".to_owned() };
        let bytes: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        let attachments = [Attachment {
            name: "a\"b\r\nBcc: x.csv".to_owned(),
            media_type: "text/csv; charset=utf-8".to_owned(),
            bytes: bytes.clone(),
        }];
        let letter = Letter {
            desk: &desk,
            to: "ann@acme.example.com",
            subject: "report",
            text: "--=_ringwall-5--\nhere it is\n",
            thread: None,
            gathered: None,
            sequence: 5,
            at: Timestamp::from_seconds(0),
            attachments: &attachments,
        };
        let mail = letter.mail().unwrap();
        let read = mail_parser::MessageParser::default().parse(&mail).unwrap();
        let carried: Vec<_> = read.attachments().collect();
        assert_eq!((carried.len(), carried[0].contents()), (1, bytes.as_slice()));
        assert!(read.body_text(0).unwrap().contains("here it is"));
        assert!(!String::from_utf8(mail).unwrap().contains("\nBcc:"));
    }
}
