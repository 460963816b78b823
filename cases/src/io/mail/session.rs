//! One connection of a mail server: bytes in, answers and mails out, without a socket.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use rules::Timestamp;
use smtp_proto::{Error, MAIL_BODY_BINARYMIME, Request};

use super::lines::{Command, Content, take_command};
use crate::intake::limits::MAIL_BYTES_MAX;
use crate::intake::{Checks, Envelope, ReturnPath};

/// What a receiver may be asked, and by whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name that it gives itself.
    pub host_name: String,
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// Who may send; nobody else gets past the greeting.
    pub allowed: Vec<IpNet>,
    /// Addresses that it takes mail for, also with `+…` behind their local part.
    pub recipients: Vec<String>,
    /// Bytes of the longest mail, at most [`MAIL_BYTES_MAX`].
    pub mail_bytes_max: usize,
    /// Connections at once; whoever comes then is told to come later.
    pub connections_max: usize,
}

/// How mail servers talk to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5321: one answer to a mail.
    Smtp,
    /// RFC 2033: one answer for each recipient.
    Lmtp,
}

/// A mail as it came, to be kept before anything else is done with it (C-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMail {
    /// Whom bounces go to.
    pub return_path: ReturnPath,
    /// Addresses of ours that it is for.
    pub recipients: Vec<String>,
    /// The server that sent it.
    pub client: IpAddr,
    /// What that server calls itself.
    pub client_name: String,
    /// Whether it came over TLS.
    pub is_encrypted: bool,
    /// When all of it was here.
    pub received_at: Timestamp,
    /// The whole mail.
    pub bytes: Vec<u8>,
}

impl ReceivedMail {
    /// How it came, for reading it. `checks` are those of our own, where we make them.
    pub fn envelope(&self, checks: Option<Checks>) -> Envelope {
        Envelope {
            return_path: self.return_path.clone(),
            recipients: self.recipients.clone(),
            received_at: self.received_at,
            checks,
        }
    }
}

/// Why a mail could not be kept. Its sender is asked to come again (451, or 452 when there is no room).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// There is no room.
    NoRoom,
    /// Something else failed.
    Failed,
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoom => "there is no room for the mail",
            Self::Failed => "the mail could not be stored",
        })
    }
}

impl std::error::Error for NotKept {}

/// What a session wants done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Say this.
    Say(String),
    /// Keep this mail, and tell the session how that went.
    Keep(Box<ReceivedMail>),
    /// Go on with TLS from here, once this is said.
    Encrypt(String),
    /// Say this and hang up.
    Close(String),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Session<'a> {
    settings: &'a Settings,
    client: IpAddr,
    can_encrypt: bool,
    is_encrypted: bool,
    client_name: Option<String>,
    return_path: Option<ReturnPath>,
    recipients: Vec<String>,
    reading: Reading,
    /// What came in chunks so far.
    chunks: Vec<u8>,
    mistakes: usize,
    mails: usize,
}

#[derive(Debug)]
enum Reading {
    Commands,
    Content(Content),
    /// Bytes of a chunk that have not come yet, whether they are kept, and whether it is the last.
    Chunk {
        left: usize,
        is_kept: bool,
        is_last: bool,
    },
}

impl<'a> Session<'a> {
    pub(super) fn new(settings: &'a Settings, client: IpAddr, can_encrypt: bool) -> Self {
        Self {
            settings,
            client,
            can_encrypt,
            is_encrypted: false,
            client_name: None,
            return_path: None,
            recipients: Vec::new(),
            reading: Reading::Commands,
            chunks: Vec::new(),
            mistakes: 0,
            mails: 0,
        }
    }

    /// What is said first; hung up at once on whoever may not send.
    pub(super) fn greeting(&self) -> Step {
        if self.settings.allowed.iter().any(|it| it.contains(&self.client.to_canonical())) {
            let kind = if self.settings.protocol == Protocol::Lmtp { "LMTP" } else { "ESMTP" };
            Step::Say(format!("220 {} {kind} ready\r\n", self.settings.host_name))
        } else {
            Step::Close("554 5.7.1 this address may not send mail here\r\n".to_owned())
        }
    }

    /// TLS has begun: everything said before it is forgotten (RFC 3207 §4.2).
    pub(super) fn begin_encrypted(&mut self) {
        self.is_encrypted = true;
        self.client_name = None;
        self.reset();
    }

    /// Takes what it can off `input` and says what to do; `None` when more must come first.
    pub(super) fn poll_step(&mut self, input: &mut Vec<u8>, now: Timestamp) -> Option<Step> {
        match &mut self.reading {
            Reading::Commands => match take_command(input)? {
                Command::Line(line) => Some(self.handle_command(&line, input, now)),
                Command::Broken => {
                    Some(Step::Close("500 5.5.2 a line is too long, or does not end in CR LF\r\n".to_owned()))
                }
            },
            Reading::Content(content) => {
                let is_over = content.take(input);
                if !is_over && content.count > self.settings.mail_bytes_max.saturating_mul(ENDLESS_TIMES) {
                    return Some(Step::Close("552 5.3.4 the mail is far too long\r\n".to_owned()));
                }
                if is_over { Some(self.handle_content(now)) } else { None }
            }
            Reading::Chunk { left, is_kept, .. } => {
                let count = input.len().min(*left);
                let taken = input.drain(..count);
                if *is_kept {
                    self.chunks.extend(taken)
                } else {
                    drop(taken)
                }
                *left -= count;
                if *left == 0 { Some(self.handle_chunk(now)) } else { None }
            }
        }
    }

    /// How keeping the mail went: one answer, or one for each recipient of LMTP.
    pub(super) fn handle_kept(&self, recipients: usize, kept: Result<(), NotKept>) -> String {
        let answer = match kept {
            Ok(()) => "250 2.0.0 kept\r\n",
            Err(NotKept::NoRoom) => "452 4.3.1 no room just now, try again\r\n",
            Err(NotKept::Failed) => "451 4.3.0 could not be stored just now, try again\r\n",
        };
        self.answers(recipients, answer)
    }

    fn answers(&self, recipients: usize, answer: &str) -> String {
        let count = if self.settings.protocol == Protocol::Lmtp { recipients } else { 1 };
        answer.repeat(count)
    }

    fn handle_command(&mut self, line: &[u8], behind: &[u8], now: Timestamp) -> Step {
        match Request::parse(&mut line.iter()) {
            Ok(request) => self.handle_request(request.into_owned(), behind, now),
            Err(error) => self.mistake(match error {
                Error::UnknownCommand => "500 5.5.1 this command is not known",
                Error::InvalidSenderAddress => "501 5.1.7 this is no address of a sender",
                Error::InvalidRecipientAddress => "501 5.1.3 this is no address of a recipient",
                Error::UnsupportedParameter { .. } => "555 5.5.4 this parameter is not known",
                Error::SyntaxError { .. } | Error::InvalidParameter { .. } => "501 5.5.4 this cannot be read",
                _ => "500 5.5.2 this cannot be read",
            }),
        }
    }

    fn handle_request(&mut self, request: Request<String>, behind: &[u8], now: Timestamp) -> Step {
        let is_lmtp = self.settings.protocol == Protocol::Lmtp;
        match request {
            Request::Ehlo { .. } | Request::Helo { .. } if is_lmtp => {
                self.mistake("500 5.5.1 here LHLO is said")
            }
            Request::Lhlo { .. } if !is_lmtp => self.mistake("500 5.5.1 here EHLO is said"),
            Request::Helo { host } => {
                self.client_name = Some(host);
                self.reset();
                self.say(&format!("250 {}", self.settings.host_name))
            }
            Request::Ehlo { host } | Request::Lhlo { host } => {
                self.client_name = Some(host);
                self.reset();
                Step::Say(self.capabilities())
            }
            Request::Mail { from } => self.handle_mail(from.address, from.size, from.flags),
            Request::Rcpt { to } => self.handle_recipient(to.address),
            Request::Data => self.handle_data(behind),
            Request::Bdat { chunk_size, is_last } => self.handle_bdat(chunk_size, is_last, now),
            Request::StartTls if self.can_encrypt && !self.is_encrypted => {
                if behind.is_empty() {
                    Step::Encrypt("220 2.0.0 go on with TLS\r\n".to_owned())
                } else {
                    // Whatever stands behind the command came unencrypted and must not be taken for what comes encrypted.
                    Step::Close("554 5.5.0 nothing may follow STARTTLS before TLS begins\r\n".to_owned())
                }
            }
            Request::Rset => {
                self.reset();
                self.say("250 2.0.0 done")
            }
            Request::Noop { .. } => self.say("250 2.0.0 done"),
            Request::Vrfy { .. } => self.say("252 2.5.0 send it and see"),
            Request::Help { .. } => self.say("214 2.0.0 see RFC 5321"),
            Request::Quit => Step::Close("221 2.0.0 good-bye\r\n".to_owned()),
            _ => self.mistake("502 5.5.1 this command is not taken here"),
        }
    }

    fn capabilities(&self) -> String {
        let mut lines = vec![self.settings.host_name.clone(), "PIPELINING".to_owned(), "8BITMIME".to_owned()];
        lines.extend(["SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"].map(str::to_owned));
        if self.can_encrypt && !self.is_encrypted {
            lines.push("STARTTLS".to_owned());
        }
        lines.push(format!("SIZE {}", self.settings.mail_bytes_max));
        let last = lines.len() - 1;
        let numbered = lines
            .iter()
            .enumerate()
            .map(|(at, line)| format!("250{}{line}\r\n", if at == last { ' ' } else { '-' }));
        numbered.collect()
    }

    fn handle_mail(&mut self, address: String, size: usize, flags: u64) -> Step {
        if self.client_name.is_none() {
            return self.mistake("503 5.5.1 say who you are first");
        }
        if self.return_path.is_some() {
            return self.mistake("503 5.5.1 a mail has begun already");
        }
        if self.mails >= MAILS_PER_CONNECTION_MAX {
            return Step::Close("421 4.7.0 enough mails over one connection, come again\r\n".to_owned());
        }
        if size > self.settings.mail_bytes_max {
            return self.say("552 5.3.4 the mail is too long");
        }
        if flags & MAIL_BODY_BINARYMIME != 0 {
            return self.say("555 5.5.4 binary content is not taken here");
        }
        self.return_path =
            Some(if address.is_empty() { ReturnPath::Nobody } else { ReturnPath::Address(address) });
        self.say("250 2.1.0 go on")
    }

    fn handle_recipient(&mut self, mut address: String) -> Step {
        if self.return_path.is_none() {
            return self.mistake("503 5.5.1 say who sends it first");
        }
        // So the parser reads it where no domain is said.
        if address.is_empty() {
            address.push_str(POSTMASTER);
        }
        if !is_ours(&self.settings.recipients, &address) {
            return self.mistake("550 5.1.1 no mail is taken for this address");
        }
        if self.recipients.len() >= RECIPIENTS_MAX {
            return self.say("452 4.5.3 enough recipients for one mail");
        }
        self.recipients.push(address);
        self.say("250 2.1.5 go on")
    }

    fn handle_data(&mut self, behind: &[u8]) -> Step {
        if self.recipients.is_empty() || !self.chunks.is_empty() {
            return self.mistake("503 5.5.1 there is no recipient, or chunks have begun");
        }
        if !behind.is_empty() {
            // RFC 2920 §3.1: DATA is the last command that is sent ahead. Who does not wait may be smuggling.
            return Step::Close("554 5.5.0 nothing may follow DATA before it is answered\r\n".to_owned());
        }
        self.reading = Reading::Content(Content::new(self.settings.mail_bytes_max.min(MAIL_BYTES_MAX)));
        self.say("354 go on, and end with a dot")
    }

    fn handle_bdat(&mut self, bytes: usize, is_last: bool, now: Timestamp) -> Step {
        if bytes > self.settings.mail_bytes_max.saturating_mul(ENDLESS_TIMES) {
            return Step::Close("552 5.3.4 the chunk is far too long\r\n".to_owned());
        }
        let is_whole =
            self.chunks.len().saturating_add(bytes) <= self.settings.mail_bytes_max.min(MAIL_BYTES_MAX);
        // A chunk that is refused comes all the same, and is not a command.
        self.reading =
            Reading::Chunk { left: bytes, is_kept: is_whole && !self.recipients.is_empty(), is_last };
        if bytes == 0 { self.handle_chunk(now) } else { Step::Say(String::new()) }
    }

    fn handle_chunk(&mut self, now: Timestamp) -> Step {
        let Reading::Chunk { is_kept, is_last, .. } = std::mem::replace(&mut self.reading, Reading::Commands)
        else {
            return self.say("250 2.0.0 done");
        };
        if self.recipients.is_empty() {
            return self.mistake("503 5.5.1 there is no recipient");
        }
        if !is_kept {
            self.reset();
            return self.say("552 5.3.4 the mail is too long");
        }
        if !is_last {
            return self.say("250 2.0.0 go on");
        }
        let bytes = std::mem::take(&mut self.chunks);
        self.kept_step(bytes, now)
    }

    fn handle_content(&mut self, now: Timestamp) -> Step {
        let Reading::Content(content) = std::mem::replace(&mut self.reading, Reading::Commands) else {
            return self.say("250 2.0.0 done");
        };
        let recipients = self.recipients.len();
        if content.has_bare_ends {
            self.reset();
            return Step::Close(
                self.answers(recipients, "550 5.6.11 a line of the mail does not end in CR LF\r\n"),
            );
        }
        if content.is_too_long() {
            self.reset();
            return Step::Say(self.answers(recipients, "552 5.3.4 the mail is too long\r\n"));
        }
        self.kept_step(content.into_bytes(), now)
    }

    fn kept_step(&mut self, bytes: Vec<u8>, now: Timestamp) -> Step {
        self.mails += 1;
        let mail = ReceivedMail {
            return_path: self.return_path.take().unwrap_or(ReturnPath::Unknown),
            recipients: std::mem::take(&mut self.recipients),
            client: self.client,
            client_name: self.client_name.clone().unwrap_or_default(),
            is_encrypted: self.is_encrypted,
            received_at: now,
            bytes,
        };
        self.reset();
        Step::Keep(Box::new(mail))
    }

    fn reset(&mut self) {
        self.return_path = None;
        self.recipients.clear();
        self.chunks.clear();
        self.reading = Reading::Commands;
    }

    fn say(&self, answer: &str) -> Step {
        Step::Say(format!("{answer}\r\n"))
    }

    fn mistake(&mut self, answer: &str) -> Step {
        self.mistakes += 1;
        if self.mistakes > MISTAKES_MAX {
            Step::Close("421 4.7.0 too many mistakes\r\n".to_owned())
        } else {
            self.say(answer)
        }
    }
}

/// Whether mail for `address` is ours, with or without a detail behind `+`. Whoever keeps mail going is heard in each of our
/// domains (RFC 5321 §4.5.1).
fn is_ours(recipients: &[String], address: &str) -> bool {
    let address = address.to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else { return address == POSTMASTER };
    let plain = local.split_once('+').map_or(local, |(local, _)| local);
    recipients.iter().any(|it| {
        it.to_lowercase().rsplit_once('@').is_some_and(|(ours, ours_domain)| {
            domain == ours_domain && (ours == plain || ours == local || local == POSTMASTER)
        })
    })
}

const POSTMASTER: &str = "postmaster";

/// Mails over one connection.
const MAILS_PER_CONNECTION_MAX: usize = 100;
/// Recipients of one mail, as many as RFC 5321 §4.5.3.1.8 wants at least.
const RECIPIENTS_MAX: usize = 100;
/// Commands that could not be followed, before it is enough.
const MISTAKES_MAX: usize = 10;
/// A mail this many times too long is not listened to until its end.
const ENDLESS_TIMES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(protocol: Protocol) -> Settings {
        Settings {
            host_name: "desk.example.com".to_owned(),
            protocol,
            allowed: vec!["192.0.2.0/24".parse().unwrap()],
            recipients: vec!["case@desk.example.com".to_owned()],
            mail_bytes_max: 1_000,
            connections_max: 10,
        }
    }

    /// What is said to these bytes, and the mails that came. Keeping them goes as `kept` says.
    fn talk(settings: &Settings, pieces: &[&[u8]], kept: Result<(), NotKept>) -> (String, Vec<ReceivedMail>) {
        let mut session = Session::new(settings, "192.0.2.7".parse().unwrap(), true);
        let (mut said, mut mails, mut input) = (String::new(), Vec::new(), Vec::new());
        for piece in pieces {
            input.extend_from_slice(piece);
            while let Some(step) = session.poll_step(&mut input, Timestamp::from_seconds(5)) {
                match step {
                    Step::Say(text) => said += &text,
                    Step::Keep(mail) => {
                        said += &session.handle_kept(mail.recipients.len(), kept);
                        mails.push(*mail);
                    }
                    Step::Encrypt(text) => {
                        said += &text;
                        session.begin_encrypted();
                    }
                    Step::Close(text) => return (said + &text + "(closed)", mails),
                }
            }
        }
        (said, mails)
    }

    fn codes(said: &str) -> Vec<&str> {
        said.lines().filter(|it| it.get(3..4) == Some(" ")).map(|it| it.get(..3).unwrap()).collect()
    }

    const BEGIN: &[u8] = b"EHLO mx.example.com\r\nMAIL FROM:<jane@acme.example.com> SIZE=20\r\nRCPT TO:<Case+1.2@desk.example.com>\r\n";

    #[test]
    fn a_mail_is_taken_when_it_is_kept_and_asked_for_again_when_not() {
        let settings = settings(Protocol::Smtp);
        for (kept, code) in [(Ok(()), "250"), (Err(NotKept::NoRoom), "452"), (Err(NotKept::Failed), "451")] {
            let (said, mails) =
                talk(&settings, &[BEGIN, b"DATA\r\n", b"Subject: x\r\n\r\n..a\r\n.\r\nQUIT\r\n"], kept);
            assert_eq!(codes(&said), ["250", "250", "250", "354", code, "221"], "{said}");
            assert_eq!(mails[0].bytes, b"Subject: x\r\n\r\n.a\r\n");
            assert_eq!(mails[0].return_path, ReturnPath::Address("jane@acme.example.com".to_owned()));
            assert_eq!(mails[0].recipients, ["Case+1.2@desk.example.com"]);
            assert_eq!(mails[0].received_at, Timestamp::from_seconds(5));
        }
    }

    #[test]
    fn whoever_keeps_mail_going_is_heard_in_our_domains() {
        let settings = settings(Protocol::Smtp);
        for (to, code) in [
            ("Postmaster", "250"),
            ("postmaster@DESK.example.com", "250"),
            ("postmaster@other.example.com", "550"),
            ("other@desk.example.com", "550"),
        ] {
            let mail = format!("EHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<{to}>\r\n");
            assert_eq!(codes(&talk(&settings, &[mail.as_bytes()], Ok(())).0), ["250", "250", code], "{to}");
        }
    }

    #[test]
    fn lmtp_answers_for_each_recipient() {
        let begin = b"LHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<case@desk.example.com>\r\nRCPT TO:<case+2@desk.example.com>\r\nDATA\r\n";
        let (said, mails) = talk(&settings(Protocol::Lmtp), &[begin, b"x\r\n.\r\n"], Ok(()));
        assert_eq!(codes(&said), ["250", "250", "250", "250", "354", "250", "250"]);
        assert_eq!(mails[0].return_path, ReturnPath::Nobody);
    }

    #[test]
    fn chunks_are_joined_and_those_that_are_refused_are_no_commands() {
        let settings = settings(Protocol::Smtp);
        let (said, mails) =
            talk(&settings, &[BEGIN, b"BDAT 5\r\nab\n.\r", b"BDAT 4 LAST\r\n\nQUI", b"QUIT\r\n"], Ok(()));
        assert_eq!(codes(&said), ["250", "250", "250", "250", "250", "221"], "{said}");
        assert_eq!(mails[0].bytes, b"ab\n.\r\nQUI");
        let (said, mails) = talk(&settings, &[b"EHLO x\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"], Ok(()));
        assert_eq!(codes(&said), ["250", "503", "250"], "{said}");
        assert!(mails.is_empty());
        let long = [b"BDAT 1001 LAST\r\n".to_vec(), vec![b'x'; 1_001]].concat();
        assert_eq!(codes(&talk(&settings, &[BEGIN, &long], Ok(())).0), ["250", "250", "250", "552"]);
    }

    #[test]
    fn nobody_smuggles_a_mail_or_a_command() {
        let settings = settings(Protocol::Smtp);
        let inner =
            "MAIL FROM:<root@desk.example.com>\r\nRCPT TO:<case@desk.example.com>\r\nDATA\r\nevil\r\n.\r\n";
        for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r\n\0.\r\n"] {
            let (said, mails) =
                talk(&settings, &[BEGIN, b"DATA\r\n", format!("a{end}{inner}").as_bytes()], Ok(()));
            assert!(mails.len() <= 1, "{end:?} {said}");
            assert!(
                mails
                    .iter()
                    .all(|it| it.return_path == ReturnPath::Address("jane@acme.example.com".to_owned()))
            );
        }
        let (said, mails) = talk(&settings, &[BEGIN, b"DATA\r\nSubject: x\r\n\r\n.\r\n"], Ok(()));
        assert!(said.ends_with("(closed)") && mails.is_empty(), "{said}");
        let (said, _) = talk(&settings, &[b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@example.com>\r\n"], Ok(()));
        assert!(said.ends_with("(closed)"), "{said}");
        assert!(talk(&settings, &[b"EHLO x\nNOOP\r\n"], Ok(())).0.ends_with("(closed)"));
    }

    #[test]
    fn only_our_own_mail_is_taken_and_only_from_whom_we_allow() {
        let settings = settings(Protocol::Smtp);
        for address in [
            "case@evil.example.net",
            "root@desk.example.com",
            "case@desk.example.com@evil.example.net",
            "case",
        ] {
            let (said, _) = talk(
                &settings,
                &[format!("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{address}>\r\nDATA\r\n").as_bytes()],
                Ok(()),
            );
            assert!(codes(&said)[2].starts_with('5') && codes(&said)[3] == "503", "{address} {said}");
        }
        let stranger = Session::new(&settings, "198.51.100.1".parse().unwrap(), false);
        assert!(matches!(stranger.greeting(), Step::Close(_)));
        let mapped = Session::new(&settings, "::ffff:192.0.2.7".parse().unwrap(), false);
        assert!(matches!(mapped.greeting(), Step::Say(_)));
    }

    #[test]
    fn what_is_too_much_is_refused_and_too_many_mistakes_end_it() {
        let settings = settings(Protocol::Smtp);
        let (said, _) = talk(&settings, &[b"EHLO x\r\nMAIL FROM:<a@example.com> SIZE=1001\r\n"], Ok(()));
        assert_eq!(codes(&said), ["250", "552"]);
        let long = [&vec![b'x'; 1_500][..], b"\r\n.\r\nNOOP\r\n"].concat();
        let (said, mails) = talk(&settings, &[BEGIN, b"DATA\r\n", &long], Ok(()));
        assert_eq!(codes(&said), ["250", "250", "250", "354", "552", "250"]);
        assert!(mails.is_empty());
        assert!(talk(&settings, &[BEGIN, b"DATA\r\n", &[b'x'; 5_000]], Ok(())).0.ends_with("(closed)"));
        assert!(talk(&settings, &["FOO\r\n".repeat(20).as_bytes()], Ok(())).0.contains("421 "));
        assert!(talk(&settings, &[&[b'x'; 5_000]], Ok(())).0.ends_with("(closed)"));
    }
}
