//! A mail that the desk writes to a person.

use std::fmt::Write as _;

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
    /// Tells it from other mails in the case; the same when it is sent again, so that its reader gets one.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
}

impl Letter<'_> {
    /// The whole mail; nothing for an address that could be more than one, or something else.
    pub fn mail(&self) -> Option<Vec<u8>> {
        if !is_plain_address(self.to) {
            return None;
        }
        let desk = self.desk;
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
            field("References", &format!("<{}>", message_id(&desk.address, case, token, 0)));
        } else {
            let domain = desk.address.split_once('@').map_or("localhost", |(_, domain)| domain);
            field("Message-ID", &format!("<notice.{}@{domain}>", self.sequence));
        }
        field("Subject", &phrase(self.subject));
        field("Date", &date(self.at));
        field("Auto-Submitted", "auto-generated");
        field("X-Auto-Response-Suppress", "All");
        field("MIME-Version", "1.0");
        field("Content-Type", "text/plain; charset=utf-8");
        field("Content-Transfer-Encoding", "quoted-printable");
        let _ = write!(mail, "\r\n{}", quoted_printable(self.text));
        Some(mail.into_bytes())
    }

    /// Where bounces of it go: to its case.
    pub fn return_path(&self) -> String {
        let address = &self.desk.address;
        self.thread.map_or_else(|| address.clone(), |(case, token)| answer_address(address, case, token))
    }
}

/// What tells a mail of ours from others in its case; never 0, which the automatic answer has.
pub fn sequence(outgoing: &Outgoing) -> u64 {
    let digest = Sha256::digest(outgoing.id.as_bytes());
    digest.iter().take(7).fold(0, |sum, byte| sum << 8 | u64::from(*byte)).max(1)
}

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
            sequence: 5,
            at: Timestamp::from_seconds(0),
        };
        let mail = String::from_utf8(letter.mail().unwrap()).unwrap();
        assert!(mail.is_ascii() && !mail.contains("\nBcc:"), "{mail}");
        assert!(mail.contains("Auto-Submitted: auto-generated\r\n"));
        assert!(mail.contains(&format!("Reply-To: <{}>\r\n", letter.return_path())));
        assert!(letter.return_path().starts_with("case+104233.0707"));
        assert!(Letter { to: "ann@acme.example.com, x@y.example", ..letter }.mail().is_none());
    }
}
