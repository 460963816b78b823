//! Which case a mail belongs to (C-4), and whether it came before (C-6).

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest, Sha256};

use super::directory::Directory;
use super::envelope::ReturnPath;
use super::header::Header;
use super::mime::header_bytes;
use super::trust::{Sender, Trust};
use crate::CaseNumber;

/// The secret of a case's mail: who answers with it was written to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThreadToken(pub [u8; 16]);

impl ThreadToken {
    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut token = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        for (place, at) in token.iter_mut().zip((0..32).step_by(2)) {
            *place = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(token))
    }
}

impl fmt::Display for ThreadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A secret stays out of logs.
impl fmt::Debug for ThreadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThreadToken(…)")
    }
}

/// The address that answers to a case go to: `case+104233.0123…@desk.example.com`.
pub fn answer_address(desk_address: &str, case: CaseNumber, token: ThreadToken) -> String {
    let (local, domain) = desk_address.split_once('@').unwrap_or((desk_address, "localhost"));
    format!("{local}+{}.{token}@{domain}", case.serial())
}

/// The Message-ID, without its brackets, of the mail number `sequence` that we send in a case.
pub fn message_id(desk_address: &str, case: CaseNumber, token: ThreadToken, sequence: u64) -> String {
    let domain = desk_address.split_once('@').map_or("localhost", |(_, domain)| domain);
    format!("case.{}.{token}.{sequence}@{domain}", case.serial())
}

/// What a mail says of the cases it belongs to. Nothing of it is proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Cases with the secret that the mail came with, by the address it was sent to or the mail it answers.
    pub tokens: Vec<(CaseNumber, ThreadToken)>,
    /// Cases that the subject names.
    pub subject: Vec<CaseNumber>,
}

/// A case, as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCase {
    /// Its number.
    pub number: CaseNumber,
    /// Whose it is; `None` while that is not known.
    pub tenant: Option<String>,
    /// The secret in its mails.
    pub token: ThreadToken,
}

/// Which case a mail belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thread {
    /// None: it begins one. It may have named others, which only people look at.
    New(Vec<CaseNumber>),
    /// This one.
    Joins(CaseNumber, Standing),
}

/// As what a mail joins a case (T-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As the word of a contact of that customer.
    Reply,
    /// As a note that nobody vouches for: shown grey, not mailed on; it reopens, changes and approves nothing.
    UntrustedNote,
    /// As the word of a machine: it reopens nothing and is not answered.
    Machine,
}

impl Claims {
    pub(super) fn read(header: &Header, recipients: &[String], directory: &Directory) -> Self {
        let mut claims = Self::default();
        for recipient in recipients.iter().filter(|it| directory.is_own(it)) {
            let detail = recipient
                .split_once('@')
                .and_then(|(local, _)| local.rsplit_once('+'))
                .map(|(_, detail)| detail);
            claims.take(detail.and_then(|it| it.split_once('.')));
        }
        for id in header.message_ids(&["in-reply-to", "references"]) {
            let mut parts = id.split('@').next().unwrap_or_default().splitn(4, '.');
            if parts.next() == Some("case") {
                claims.take(parts.next().zip(parts.next()));
            }
        }
        for case in CaseNumber::find_all(&header.subject).take(8) {
            if !claims.subject.contains(&case) {
                claims.subject.push(case);
            }
        }
        claims
    }

    fn take(&mut self, parts: Option<(&str, &str)>) {
        let read = parts.and_then(|(serial, token)| {
            let serial = serial.parse().ok().filter(|_| serial.len() <= 18)?;
            Some((CaseNumber::new(serial), ThreadToken::parse(token)?))
        });
        if let Some(claim) = read.filter(|it| !self.tokens.contains(it)) {
            self.tokens.push(claim);
        }
    }

    /// Every case that is named, so that the store can be asked for them.
    pub fn cases(&self) -> Vec<CaseNumber> {
        let mut cases: Vec<CaseNumber> =
            self.tokens.iter().map(|(case, _)| *case).chain(self.subject.iter().copied()).collect();
        cases.sort_unstable();
        cases.dedup();
        cases
    }

    /// C-4: the secret decides; a number in the subject only for a contact of the customer whose case it is.
    pub fn resolve(&self, sender: &Sender, is_machine: bool, known: &[KnownCase]) -> Thread {
        let case = |number: CaseNumber| known.iter().find(move |it| it.number == number);
        let is_contact_of = |it: &KnownCase| {
            sender.trust >= Trust::Contact && it.tenant.is_some() && it.tenant == sender.tenant
        };
        let by_token =
            self.tokens.iter().find_map(|(number, token)| case(*number).filter(|it| it.token == *token));
        let by_subject =
            || self.subject.iter().find_map(|number| case(*number).filter(|it| is_contact_of(it)));
        match by_token.or_else(by_subject) {
            Some(it) if is_machine => Thread::Joins(it.number, Standing::Machine),
            Some(it) if is_contact_of(it) => Thread::Joins(it.number, Standing::Reply),
            Some(it) => Thread::Joins(it.number, Standing::UntrustedNote),
            None => Thread::New(self.cases()),
        }
    }
}

/// What makes two deliveries the same mail (C-6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MailKey {
    /// Its Message-ID; empty without one.
    pub message_id: String,
    /// Whom bounces would go to.
    pub return_path: String,
    /// Hash of all but what servers on the way add, so that a mail delivered twice is one.
    pub hash: [u8; 32],
}

/// Whether a mail came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It did not.
    New,
    /// It did; there is nothing to do.
    Same,
    /// Another mail came under its Message-ID: it is new, and that is shown.
    MessageIdReused,
}

impl MailKey {
    /// What makes `mail` the same as another, before anything else of it is read. Never fails.
    pub fn of(mail: &[u8], return_path: &ReturnPath) -> Self {
        let from = match return_path {
            ReturnPath::Address(address) => super::address::normal(address),
            ReturnPath::Nobody | ReturnPath::Unknown => String::new(),
        };
        let read = || {
            let id = Header::read(mail).message_ids(&["message-id"]).into_iter().next();
            Self::read(mail, id, from.clone())
        };
        // What the reader of headers cannot bear is told apart by its bytes.
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Self::read(mail, None, from.clone()))
    }

    pub(super) fn read(mail: &[u8], message_id: Option<String>, return_path: String) -> Self {
        let (head, body) = mail.split_at(header_bytes(mail));
        let mut hash = Sha256::new();
        let mut is_trace = false;
        for line in head.split_inclusive(|it| *it == b'\n') {
            if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                let name =
                    line.split(|it| *it == b':').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
                is_trace = TRACE.contains(&name.as_slice());
            }
            if !is_trace {
                hash.update(line);
            }
        }
        hash.update(body);
        Self { message_id: message_id.unwrap_or_default(), return_path, hash: hash.finalize().into() }
    }

    /// Whether this mail is one of `before`, which are those under its Message-ID.
    pub fn repeat(&self, before: &[Self]) -> Repeat {
        if before.contains(self) {
            Repeat::Same
        } else if !self.message_id.is_empty()
            && before.iter().any(|it| it.message_id == self.message_id && it.hash != self.hash)
        {
            Repeat::MessageIdReused
        } else {
            Repeat::New
        }
    }
}

/// What servers on the way add to a mail.
const TRACE: &[&[u8]] = &[
    b"received",
    b"return-path",
    b"delivered-to",
    b"x-original-to",
    b"authentication-results",
    b"received-spf",
];

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: ThreadToken = ThreadToken([0xa5; 16]);

    #[test]
    fn c6_a_mail_delivered_twice_is_one() {
        let key = |trace: &str, body: &str| {
            let mail = format!("Received: {trace}\r\n\tmore\r\nMessage-ID: <a@b>\r\n\r\n{body}");
            MailKey::read(mail.as_bytes(), Some("a@b".to_owned()), "c@d".to_owned())
        };
        let first = key("now", "x");
        assert_eq!(key("later", "x").repeat(std::slice::from_ref(&first)), Repeat::Same);
        assert_eq!(key("now", "y").repeat(std::slice::from_ref(&first)), Repeat::MessageIdReused);
        assert_eq!(first.repeat(&[]), Repeat::New);
    }

    #[test]
    fn c4_our_own_addresses_carry_the_case() {
        let case = CaseNumber::new(104_233);
        let address = answer_address("case@desk.example.com", case, TOKEN);
        let directory =
            Directory { own_addresses: vec!["case@desk.example.com".to_owned()], ..Directory::default() };
        let claims = Claims::read(&Header::default(), &[address], &directory);
        assert_eq!(claims.tokens, [(case, TOKEN)]);
        let mail = format!("In-Reply-To: <{}>\r\n\r\n", message_id("case@desk.example.com", case, TOKEN, 7));
        assert_eq!(Claims::read(&Header::read(mail.as_bytes()), &[], &directory).tokens, [(case, TOKEN)]);
        assert_eq!(format!("{TOKEN:?}"), "ThreadToken(…)");
    }
}
