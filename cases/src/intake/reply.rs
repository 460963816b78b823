//! The automatic answer to a mail: a number, what was understood, what is missing, and by when.

use std::fmt::Write as _;

use rules::Timestamp;

use super::address::is_plain;
use super::characters::{one_line, plain};
use super::number::{Fate, FoundNumber, Reading};
use super::request::{Authority, Request};
use super::segment::SEPARATOR;
use super::thread::{ThreadToken, answer_address, message_id};
use super::trust::Trust;
use super::{Intake, RequestKind, plainly};
use crate::CaseNumber;
use crate::written::request_page;

/// What an answer says beside what stands in the mail. Moments are texts already, so that everybody reads the same ones.
#[derive(Clone, Debug)]
pub struct ReplyFacts {
    /// The cases that the mail began, one for each of its requests.
    pub cases: Vec<CaseTimes>,
    /// The secret of the first of them.
    pub token: ThreadToken,
    /// Our address, such as `case@desk.example.com`.
    pub desk_address: String,
    /// Our name.
    pub desk_name: String,
    /// When the mail came, such as `Mon 5 Oct 2026 16:30 CDT`.
    pub received: String,
    /// When the answer is sent.
    pub sent_at: Timestamp,
    /// Where the portal is, such as `https://desk.example.com`.
    pub portal: String,
    /// Hours of service and the next closed day.
    pub hours: String,
    /// Whom to turn to when nothing else helped, and how.
    pub escalation: String,
}

/// A case, and by when what is done.
#[derive(Clone, Debug)]
pub struct CaseTimes {
    /// Its number.
    pub number: CaseNumber,
    /// By when an analyst says that it is in hand, in our zone and perhaps the sender's.
    pub acknowledged_by: String,
    /// By when it is done at the latest.
    pub done_by: String,
}

/// A mail to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// To whom: the address of the mail's sender, never what it asks answers to be sent to.
    pub to: String,
    /// The whole mail. It is sent with an empty return path.
    pub mail: Vec<u8>,
}

impl Reply {
    /// Writes the answer to `intake`, if it may have one: see [`Intake::answer`]. The sender of an untrusted mail gets no
    /// word of its own back. `None` when there is no address that could be answered.
    pub fn new(intake: &Intake, facts: &ReplyFacts) -> Option<Self> {
        if !is_plain(&intake.sender.address) {
            return None;
        }
        let first = facts.cases.first().map_or(CaseNumber::new(0), |it| it.number);
        let (subject, text) = Self::words(intake, facts);
        let mut mail = String::new();
        let mut field = |name: &str, value: &str| {
            let _ = write!(mail, "{name}: {value}\r\n");
        };
        let answers = answer_address(&facts.desk_address, first, facts.token);
        field("From", &format!("{} <{}>", phrase(&facts.desk_name), facts.desk_address));
        field("To", &format!("<{}>", intake.sender.address));
        field("Reply-To", &format!("<{answers}>"));
        field("Subject", &phrase(&subject));
        field("Date", &date(facts.sent_at));
        field("Message-ID", &format!("<{}>", message_id(&facts.desk_address, first, facts.token, 0)));
        if is_message_id(&intake.key.message_id) {
            field("In-Reply-To", &format!("<{}>", intake.key.message_id));
            field("References", &format!("<{}>", intake.key.message_id));
        }
        field("Auto-Submitted", "auto-replied");
        field("X-Auto-Response-Suppress", "All");
        field("MIME-Version", "1.0");
        let boundary = format!("=_{}", first.serial());
        field("Content-Type", &format!("multipart/alternative; boundary=\"{boundary}\""));
        let html = html(&text, &facts.portal);
        for (kind, content) in [("text/plain", &text), ("text/html", &html)] {
            let _ = write!(
                mail,
                "\r\n--{boundary}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
                quoted_printable(content)
            );
        }
        let _ = write!(mail, "\r\n--{boundary}--\r\n");
        Some(Self { to: intake.sender.address.clone(), mail: mail.into_bytes() })
    }

    /// Its subject and its text alone, as a preview shows them.
    pub fn words(intake: &Intake, facts: &ReplyFacts) -> (String, String) {
        let numbers: Vec<String> = facts.cases.iter().map(|it| it.number.to_string()).collect();
        let names = numbers.join(", ");
        if intake.sender.trust >= Trust::Contact {
            let subject = one_line(&intake.subject, SUBJECT_CHARACTERS_MAX);
            (format!("[{names}] Received: {subject}"), told(intake, facts))
        } else {
            (format!("[{names}] Received"), told_stranger(&names, facts))
        }
    }
}

/// N-1: what somebody reads whom nobody vouches for. It tells nothing of who our customers are.
fn told_stranger(names: &str, facts: &ReplyFacts) -> String {
    let portal = match facts.portal.as_str() {
        "" => String::new(),
        portal => format!(" If you are one, please confirm in the portal.\n\nPortal: {portal}"),
    };
    format!(
        "{SEPARATOR}\n\nWe received your message as {names}. We can act only on requests confirmed by a registered contact of the \
         organisation concerned. Nothing has been changed.{portal}\n",
    )
}

fn told(intake: &Intake, facts: &ReplyFacts) -> String {
    let mut text = format!("{SEPARATOR}\n\nYour message reached us {}.\n", facts.received);
    for (index, case) in facts.cases.iter().enumerate() {
        let _ = write!(text, "\nCase {}\n", case.number);
        if let Some(request) = intake.requests.get(index) {
            text += &understood(request);
        }
        let _ = write!(
            text,
            "Next:           we confirm that it is in hand by  {}\n                done, at the latest, by  {}\n",
            case.acknowledged_by, case.done_by
        );
        if !facts.portal.is_empty() {
            let _ = writeln!(text, "Follow it:      {}", request_page(&facts.portal, case.number));
        }
    }
    for part in &intake.unread {
        let _ = writeln!(text, "Not read:       {}", without_links(part));
    }
    if !matches!(intake.state, super::State::Read) {
        text += "We could not read all of your message by machine; an analyst reads it.\n";
    }
    let _ = write!(text, "\nHours: {}\nUrgent? Put \"High Priority\" in the subject.", facts.hours);
    if !facts.escalation.is_empty() {
        let _ = write!(text, " Not satisfied? {}", facts.escalation);
    }
    text.push('\n');
    text
}

/// What was understood of a request, and what is still needed.
fn understood(request: &Request) -> String {
    let mut text = String::new();
    let mut say = |head: &str, what: &str| {
        let _ = writeln!(text, "{head:<16}{what}");
    };
    say("We understood:", asked(request.kind));
    for number in request.numbers.iter().take(NUMBERS_TOLD_MAX) {
        if let Some(told) = tell_number(number) {
            say("", &told);
        }
    }
    let more = request.numbers.len().saturating_sub(NUMBERS_TOLD_MAX);
    if more > 0 {
        say("", &format!("and {more} more"));
    }
    if request.numbers.is_empty() && matches!(request.kind, RequestKind::Block | RequestKind::Unblock) {
        say("", "we could not read a number from your message");
    }
    for range in request.ranges.iter().take(NUMBERS_TOLD_MAX) {
        let kind = if range.is_area {
            "an area, which no e-mail alone may have blocked"
        } else {
            "a range, which a second authoriser must confirm"
        };
        say("", &format!("{} ({kind})", range.written));
    }
    if request.bad_line_count > 0 {
        say(
            "",
            &match request.bad_line_count {
                1 => "1 line of a list holds no number we could read:".to_owned(),
                many => format!("{many} lines of lists hold no number we could read:"),
            },
        );
        for bad in request.bad_lines.iter().take(NUMBERS_TOLD_MAX) {
            say(
                "",
                &format!("  {} line {}: {}", without_links(&bad.file), bad.line, without_links(&bad.text)),
            );
        }
    }
    if !request.categories.is_empty() {
        say(
            "",
            &format!(
                "category {}",
                request.categories.iter().map(|it| it.word()).collect::<Vec<_>>().join(" and ")
            ),
        );
    }
    if let Some(reason) = &request.reason {
        say("", &format!("reason \"{}\"", one_line(&without_links(reason), REASON_CHARACTERS_MAX)));
    }
    if let Some(report) = &request.report {
        let period = report.period.map_or_else(|| "not understood".to_owned(), |it| it.to_string());
        say("", &format!("period {period}"));
        say(
            "",
            &format!("{:?} numbers, direction {:?}, {}", report.side, report.direction, report.recurrence)
                .to_lowercase(),
        );
        if let Some(first) = report.first_run {
            say("", &format!("first on {}", plainly(first)));
        }
        for recipient in &report.recipients {
            let waits = if recipient.is_allowed { "" } else { " (waits for the word of an authoriser)" };
            say("", &format!("to {}{waits}", without_links(&recipient.address)));
        }
        report.notices.iter().for_each(|it| say("", it));
    }
    let mut head = "Still needed:";
    for missing in &request.missing {
        say(head, &missing.to_string());
        head = "";
    }
    match (request.authority, request.kind) {
        (Authority::WrongRole, _) => say(
            head,
            "the word of a contact who may ask for this; the portal lists your roles under Contacts",
        ),
        (
            _,
            RequestKind::Block
            | RequestKind::Unblock
            | RequestKind::PolicyChange
            | RequestKind::ThresholdChange,
        ) => {
            say(head, "authorisation by one of your approvers");
        }
        _ => {}
    }
    text
}

const fn asked(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Block => "block",
        RequestKind::Unblock => "block no longer",
        RequestKind::Report => "a report",
        RequestKind::PolicyChange => "a change of policy for a range of numbers",
        RequestKind::ThresholdChange => "another threshold",
        RequestKind::ReportedIncident => "an incident that you report",
        RequestKind::Question => "a question, which an analyst reads",
    }
}

/// A number with what is known of it; nothing for those that were left aside.
fn tell_number(number: &FoundNumber) -> Option<String> {
    let shown = match &number.reading {
        Reading::Number(number) => number.to_string(),
        Reading::Either(numbers) => {
            let all: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            format!("{}: is it {}", without_links(&number.written), all.join(" or "))
        }
        Reading::DidYouMean(meant) => format!("{}: did you mean {meant}", without_links(&number.written)),
        Reading::None => without_links(&number.written),
    };
    let mut notes: Vec<String> = number.notes.iter().map(ToString::to_string).collect();
    match &number.fate {
        Fate::Taken => {}
        Fate::Suggested(why) => notes.push(format!("not taken yet: {why}")),
        Fate::Unclear(why) => notes.push(why.to_string()),
        Fate::Stopped(stop) => notes.push(format!("cannot be blocked: {stop}")),
        Fate::Left(_) => return None,
    }
    Some(if notes.is_empty() { shown } else { format!("{shown} ({})", notes.join("; ")) })
}

/// Text of the sender without anything that a mail program would make a link of.
fn without_links(text: &str) -> String {
    let is_link = |word: &str| {
        let lower = word.to_lowercase();
        let has_dot = lower.split('.').skip(1).any(|it| it.starts_with(|it: char| it.is_alphanumeric()))
            && lower.chars().any(char::is_alphabetic);
        lower.contains("://")
            || lower.contains('@')
            || lower.contains("www.")
            || lower.contains("mailto:")
            || has_dot
    };
    let plain = plain(text);
    plain
        .split([' ', '\n', '\t'])
        .map(|word| if is_link(word) { "[left out]" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The text as simple HTML; the portal's own address is the one link.
fn html(text: &str, portal: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut lines = String::new();
    for line in escaped.lines() {
        match line.split_once(portal).filter(|_| !portal.is_empty()) {
            Some((before, path)) => {
                let _ = writeln!(lines, "{before}<a href=\"{portal}{path}\">{portal}{path}</a>");
            }
            None => {
                lines.push_str(line);
                lines.push('\n');
            }
        }
    }
    format!(
        "<!DOCTYPE html>\n<html><body><pre style=\"font-family:sans-serif;white-space:pre-wrap\">\n{lines}</pre></body></html>\n"
    )
}

/// A value of a header that may hold any character (RFC 2047).
pub(crate) fn phrase(text: &str) -> String {
    let text = one_line(text, 400);
    let is_plain = text.bytes().all(|it| (0x20..0x7f).contains(&it))
        && !text.contains(['<', '>', '"', '@', ',', ';', '\\'])
        && !text.contains("=?");
    if is_plain && text.len() <= 120 {
        return text;
    }
    let mut words: Vec<String> = vec![String::new()];
    for character in text.chars() {
        let encoded = match character {
            ' ' => "_".to_owned(),
            'a'..='z' | 'A'..='Z' | '0'..='9' => character.to_string(),
            other => {
                let mut bytes = [0; 4];
                other.encode_utf8(&mut bytes).bytes().map(|it| format!("={it:02X}")).collect()
            }
        };
        if words.last().is_some_and(|it| it.len() + encoded.len() > ENCODED_WORD_MAX) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push_str(&encoded);
        }
    }
    words.iter().map(|it| format!("=?utf-8?q?{it}?=")).collect::<Vec<_>>().join("\r\n ")
}

pub(crate) fn is_message_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 250
        && id.contains('@')
        && id.bytes().all(|it| it.is_ascii_graphic() && !b"<>()\"\\,;:".contains(&it))
}

pub(crate) fn date(at: Timestamp) -> String {
    let instant = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    instant.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

pub(crate) fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in text.lines() {
        let mut column = 0;
        let mut bytes = line.bytes().peekable();
        while let Some(byte) = bytes.next() {
            let is_last = bytes.peek().is_none();
            let is_plain = matches!(byte, 33..=60 | 62..=126) && !(column == 0 && byte == b'.')
                || byte == b' ' && !is_last;
            let length = if is_plain { 1 } else { 3 };
            if column + length > 75 {
                out.push_str("=\r\n");
                column = 0;
            }
            column += length;
            if is_plain {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "={byte:02X}");
            }
        }
        out.push_str("\r\n");
    }
    out
}

const SUBJECT_CHARACTERS_MAX: usize = 120;
const REASON_CHARACTERS_MAX: usize = 120;
const NUMBERS_TOLD_MAX: usize = 20;
/// An encoded word has at most 75 characters, those around it included.
const ENCODED_WORD_MAX: usize = 60;
