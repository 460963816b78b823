//! Mails of a case: as text, with what its author wrote told apart from what came along. Nothing of them is loaded or run.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use cases::Case;
use cases::flow::State as Stand;
use cases::intake::{Authority, Directory, Fate, Intake, Reading, RequestKind, Segment, State as Read};

use super::parse;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::Moment;

/// A mail, read.
pub(super) struct MailShown {
    pub(super) index: usize,
    pub(super) from: String,
    pub(super) subject: String,
    pub(super) at: Moment,
    pub(super) trust: String,
    pub(super) class: &'static str,
    pub(super) reasons: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// What stands together, what it is, and whether the author wrote it.
    pub(super) parts: Vec<Part>,
    pub(super) numbers: Vec<NumberShown>,
    /// What the desk has to know of it.
    pub(super) notes: Vec<String>,
    /// Numbers that the author asks to have blocked: not of somebody who is not known (N-3).
    pub(super) wanted: Vec<String>,
}

/// Lines of one kind.
pub(super) struct Part {
    pub(super) word: &'static str,
    pub(super) is_own: bool,
    pub(super) text: String,
}

/// A number of a mail, and why it is taken or not.
pub(super) struct NumberShown {
    pub(super) written: String,
    pub(super) read: String,
    pub(super) fate: String,
    pub(super) is_taken: bool,
    pub(super) line: usize,
}

/// All of them, the oldest first.
pub(super) async fn of(service: &Service, case: &Case) -> Result<Vec<MailShown>, Failure> {
    let book = service.book()?;
    let store = book.store().await?;
    let mails = store.desk().case_mails(case.number, MAILS_SHOWN).await?;
    if mails.is_empty() {
        return Ok(Vec::new());
    }
    // While policies are being loaded nobody is known yet: then nobody is believed.
    let (directory, is_known) = match ask(&service.questions.desk.directory, store.clone()).await {
        Ok(directory) => (directory, true),
        Err(_) => (Directory::default(), false),
    };
    let zone = book.calendar(&case.customer).zone();
    let shown = mails.iter().enumerate().map(|(index, mail)| {
        let at = Moment::new(mail.envelope.received_at, zone);
        let mut shown = MailShown::new((index, at), &mail.read(&directory), case);
        if !is_known {
            shown.notes.push("Who is known is still being loaded: the trust shown is too low.".to_owned());
        }
        shown
    });
    Ok(shown.collect())
}

impl MailShown {
    fn new((index, at): (usize, Moment), intake: &Intake, case: &Case) -> Self {
        let sender = &intake.sender;
        let is_distrusted = matches!(case.state, Stand::Quarantine | Stand::Unverified);
        let (trust, class) = match sender.trust.level() {
            0 => ("T0, possible spoof", "breached"),
            1 => ("T1, nothing vouches for the sender", "late"),
            2 => ("T2, the sender's address, on no record", "late"),
            3 => ("T3, a contact", "met"),
            _ => ("T4, a contact who has proven it", "met"),
        };
        let mut notes = Vec::new();
        match intake.state {
            Read::Read => {}
            Read::TooComplex(_) => notes.push("Too complex to be read: only its header was.".to_owned()),
            Read::Unparsed => {
                notes.push("Unparsed: reading it failed. The source is kept; read that.".to_owned());
            }
        }
        if intake.left_out_hidden {
            notes.push("It held text that nobody would have seen; that is left out here.".to_owned());
        }
        if intake.is_high_priority() {
            notes.push("It says High Priority.".to_owned());
        }
        if !intake.unread.is_empty() {
            let names: Vec<_> = intake.unread.iter().take(NAMES_SHOWN).map(String::as_str).collect();
            notes.push(format!("Not opened: {}", names.join(", ")));
        }
        let numbers = intake.requests.iter().flat_map(|request| request.numbers.iter());
        let numbers = numbers.take(NUMBERS_SHOWN).map(|found| NumberShown {
            written: found.written.clone(),
            read: reading(&found.reading),
            is_taken: matches!(found.fate, Fate::Taken),
            fate: match &found.fate {
                Fate::Taken => "taken".to_owned(),
                Fate::Suggested(why) => format!("suggested: {why}"),
                Fate::Unclear(why) => format!("unclear: {why}"),
                Fate::Stopped(stop) => format!("cannot be blocked: {stop:?}"),
                Fate::Left(why) => format!("left: {why}"),
            },
            line: found.place.line,
        });
        let blocks = intake.requests.iter().filter(|request| {
            request.kind == RequestKind::Block && request.authority == Authority::Requester && !is_distrusted
        });
        Self {
            index,
            from: sender.address.clone(),
            subject: intake.subject.clone(),
            at,
            trust: trust.to_owned(),
            class,
            reasons: sender.reasons.clone(),
            warnings: sender.warnings.clone(),
            parts: parts(intake),
            numbers: numbers.collect(),
            notes,
            wanted: blocks.flat_map(|it| it.taken()).take(NUMBERS_SHOWN).map(|it| it.to_string()).collect(),
        }
    }
}

fn reading(reading: &Reading) -> String {
    match reading {
        Reading::Number(number) => number.to_string(),
        Reading::Either(numbers) => numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
        Reading::DidYouMean(number) => format!("perhaps {number}"),
        Reading::None => "no number".to_owned(),
    }
}

/// Lines that stand together and are of one kind, as far as a page goes.
fn parts(intake: &Intake) -> Vec<Part> {
    let mut parts: Vec<(Segment, String)> = Vec::new();
    let mut left = CHARACTERS_SHOWN;
    for line in &intake.lines {
        let text: String = line.shown().chars().take(left).collect();
        left = left.saturating_sub(text.chars().count() + 1);
        match parts.last_mut() {
            Some((segment, all)) if *segment == line.segment => {
                all.push('\n');
                all.push_str(&text);
            }
            _ => parts.push((line.segment, text)),
        }
        if left == 0 {
            parts.push((Segment::Banner, "… the rest stands in the source".to_owned()));
            break;
        }
    }
    parts.retain(|(_, text)| !text.trim().is_empty());
    let part = |(segment, text): (Segment, String)| Part {
        word: segment.word(),
        is_own: segment == Segment::Own,
        text,
    };
    parts.into_iter().map(part).collect()
}

#[derive(Template)]
#[template(path = "case_raw.html")]
struct RawPage<'a> {
    shell: Shell<'a>,
    number: String,
    source: String,
    bytes: usize,
    is_cut: bool,
}

/// The source of a mail, as it came, as text.
pub(crate) async fn raw(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((number, index)): Path<(String, usize)>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let desk = service.book()?.store().await?.desk();
    desk.case(number).await?;
    let mails = desk.case_mails(number, MAILS_SHOWN).await?;
    let mail = mails.get(index).ok_or(Failure::NotFound)?;
    let shown = mail.raw.get(..SOURCE_BYTES_MAX).unwrap_or(&mail.raw);
    let shell = Shell::of(&service, Some(&viewer), "Source of a mail");
    Ok(shell::page(&RawPage {
        shell,
        number: number.to_string(),
        source: String::from_utf8_lossy(shown).replace("\r\n", "\n"),
        bytes: mail.raw.len(),
        is_cut: shown.len() < mail.raw.len(),
    }))
}

const MAILS_SHOWN: u32 = 20;
const NUMBERS_SHOWN: usize = 100;
const NAMES_SHOWN: usize = 20;
/// Characters of one mail that a page shows; twenty of them stay below its bound.
const CHARACTERS_SHOWN: usize = 8_000;
const SOURCE_BYTES_MAX: usize = 100_000;
