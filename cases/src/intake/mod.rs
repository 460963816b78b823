//! Mail of customers, read: who sent it, how far that is believed, what it asks for, and whether it is answered.
//!
//! [`read`] is a function of the mail's bytes, of how it came and of what is known of customers. It changes nothing and
//! decides nothing: what it returns are drafts that people and later steps look at. No text of a mail controls anything (T-5).

mod address;
mod answer;
mod asked;
mod candidate;
mod category;
mod characters;
mod date;
mod directory;
mod envelope;
mod header;
mod html;
mod kind;
pub mod limits;
mod list;
mod mime;
mod number;
mod phrase;
mod range;
mod reply;
mod report;
mod request;
mod segment;
mod style;
mod template;
mod thread;
mod trust;
mod typed;
mod words;
mod workbook;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use address::{is_plain as is_plain_address, normal as normal_address};
pub use answer::{NoAnswer, is_wave, may_answer_again};
pub use category::Category;
pub use characters::{one_line, several_lines};
pub use date::{Period, plainly};
pub use directory::{Contact, Directory, Language, Protected, Role, Tenant};
pub use envelope::{Checks, Client, Envelope, Outcome, ReturnPath};
pub use kind::RequestKind;
pub use list::BadLine;
pub use mime::TooComplex;
pub use number::{Fate, FoundNumber, Note, Place, Reading, Stop, Why};
pub use range::FoundRange;
pub use reply::{CaseTimes, Reply, ReplyFacts};
pub(crate) use reply::{date, phrase, quoted_printable};
pub use report::{Direction, Recipient, Recurrence, ReportRequest, Side};
pub use request::{Authority, Missing, Request};
pub use segment::{Line, SEPARATOR, Segment};
pub use template::Label;
pub use thread::{
    Claims, KnownCase, MailKey, Repeat, Standing, Thread, ThreadToken, answer_address, message_id,
};
pub use trust::{Sender, Trust, is_checked_by};
pub use typed::{typed, unread_lines};

use header::Header;
use mime::Body;
use request::Material;

/// A mail, read.
#[derive(Clone, Debug)]
pub struct Intake {
    /// Who sent it.
    pub sender: Sender,
    /// Its subject on one line.
    pub subject: String,
    /// The cases that it says it belongs to.
    pub claims: Claims,
    /// What makes it the same mail as another.
    pub key: MailKey,
    /// How it was read, and what with.
    pub state: State,
    /// Every line of its text, marked.
    pub lines: Vec<Line>,
    /// What it asks for: at least one.
    pub requests: Vec<Request>,
    /// Whether it says "High Priority" in its own words. It counts only at T3 and above: see
    /// [`is_high_priority`](Self::is_high_priority).
    pub says_high_priority: bool,
    /// Whether its header calls it important: shown, and nothing more.
    pub is_marked_important: bool,
    /// Why it gets no automatic answer; `None` when it may get one.
    pub no_answer: Option<NoAnswer>,
    /// Whether text was left out that nobody would have seen.
    pub left_out_hidden: bool,
    /// Attachments and parts that were not read.
    pub unread: Vec<String>,
}

/// How far a mail was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All of it.
    Read,
    /// Its header only: the rest is beyond a bound.
    TooComplex(TooComplex),
    /// Nothing: reading it failed. Its bytes are kept, and a person reads them (C-5).
    Unparsed,
}

impl Intake {
    /// whether it goes before others.
    pub fn is_high_priority(&self) -> bool {
        self.says_high_priority && self.sender.trust >= Trust::Contact
    }

    /// Whether a machine sent it.
    pub fn is_machine(&self) -> bool {
        self.no_answer.as_ref().is_some_and(NoAnswer::is_machine)
    }

    /// Which case it belongs to, of those that its [`claims`](Self::claims) name.
    pub fn thread(&self, known: &[KnownCase]) -> Thread {
        self.claims.resolve(&self.sender, self.is_machine(), known)
    }

    /// Whether it is answered by itself now: what the mail says, where it belongs, and how often its sender was answered
    ///
    pub fn answer(
        &self,
        thread: &Thread,
        before: &[rules::Timestamp],
        now: rules::Timestamp,
    ) -> Result<(), NoAnswer> {
        match (&self.no_answer, thread) {
            (Some(reason), _) => Err(reason.clone()),
            (None, Thread::Joins(..)) => Err(NoAnswer::Threaded),
            (None, Thread::New(_)) if !may_answer_again(before, now) => Err(NoAnswer::TooSoon),
            (None, Thread::New(_)) => Ok(()),
        }
    }
}

/// Reads a mail. Never fails: what cannot be read is a mail that a person reads.
pub fn read(mail: &[u8], envelope: &Envelope, directory: &Directory) -> Intake {
    // A parser that panics loses one mail's fields, never the mail: its bytes were stored before.
    catch_unwind(AssertUnwindSafe(|| read_whole(mail, envelope, directory)))
        .unwrap_or_else(|_| unread(mail, envelope))
}

fn read_whole(mail: &[u8], envelope: &Envelope, directory: &Directory) -> Intake {
    let header = Header::read(mail);
    let sender = Sender::read(&header, envelope, directory);
    let (body, state) = match Body::read(mail) {
        Ok(body) => (body, State::Read),
        Err(limit) => (Body::default(), State::TooComplex(limit)),
    };
    let text = characters_of(&body);
    let name = header.from.first().map_or("", |it| it.name.as_str());
    let mut lines = segment::mark(&text, name, &header.subject);
    while lines.last().is_some_and(|it| it.text.is_empty()) {
        lines.pop();
    }
    let material = Material {
        lines: &lines,
        subject: &header.subject,
        lists: &body.lists,
        sender: &sender,
        author: name,
        directory,
        now: envelope.received_at,
    };
    let requests = material.requests();
    let return_path = match &envelope.return_path {
        ReturnPath::Address(address) => address::normal(address),
        ReturnPath::Nobody | ReturnPath::Unknown => String::new(),
    };
    let important = ["importance", "x-priority", "priority", "x-msmail-priority"]
        .iter()
        .filter_map(|it| header.first(it));
    Intake {
        claims: Claims::read(&header, &envelope.recipients, directory),
        key: MailKey::read(mail, header.message_ids(&["message-id"]).into_iter().next(), return_path),
        says_high_priority: kind::is_high_priority(&lines, &header.subject),
        is_marked_important: important.into_iter().any(|it| {
            it.eq_ignore_ascii_case("high") || it.starts_with(['1', '2']) || it.eq_ignore_ascii_case("urgent")
        }),
        no_answer: answer::reason_against(&header, envelope, directory, &sender),
        left_out_hidden: body.left_out_hidden,
        unread: body.unread,
        subject: header.subject,
        sender,
        state,
        lines,
        requests,
    }
}

/// The text in one form, but for the mark that HTML put before signatures.
fn characters_of(body: &Body) -> String {
    if !body.from_html {
        return characters::plain(&body.text);
    }
    let mark = |line: &str| line.starts_with(html::SIGNATURE);
    let lines = body.text.split('\n').map(|line| {
        let plain = characters::plain(line);
        if mark(line) { format!("{}{plain}", html::SIGNATURE) } else { plain }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What is known of a mail that cannot be read: that it came.
pub fn unread(mail: &[u8], envelope: &Envelope) -> Intake {
    let sender = Sender::unread();
    Intake {
        subject: String::new(),
        claims: Claims::default(),
        key: MailKey::of(mail, &envelope.return_path),
        state: State::Unparsed,
        lines: Vec::new(),
        requests: vec![Request::unread()],
        says_high_priority: false,
        is_marked_important: false,
        no_answer: Some(NoAnswer::NoSender),
        left_out_hidden: false,
        unread: Vec::new(),
        sender,
    }
}
