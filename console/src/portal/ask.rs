//! Asking the desk: numbers are read and checked while they are typed, and again when they are sent.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::Response;
use cases::account::Right;
use cases::case::{Kind, Wanted};
use cases::intake::{self, Category, Fate, FoundNumber, Reading, limits};
use serde::Deserialize;

use super::requests::TEXT_CHARACTERS_MAX;
use super::{Place, needs, not_yet, page, shell};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::Shell;

/// What is sent, and what a link fills in beforehand.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wish {
    kind: String,
    numbers: String,
    category: String,
    period: String,
    until: String,
    text: String,
}

/// A number, and what becomes of it.
pub(crate) struct Checked {
    pub(crate) written: String,
    pub(crate) read: String,
    /// A class of style, a sign and words: no meaning by colour alone.
    pub(crate) class: &'static str,
    pub(crate) sign: &'static str,
    pub(crate) words: String,
}

#[derive(Template)]
#[template(path = "portal_ask.html")]
struct AskPage<'a> {
    shell: Shell<'a>,
    wish: Wish,
    kinds: [(&'static str, &'static str); 6],
    checked: Vec<Checked>,
    wrong: Vec<String>,
}

#[derive(Template)]
#[template(path = "portal_checked.html")]
struct CheckedPart {
    checked: Vec<Checked>,
}

pub(crate) async fn form(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Query(wish): Query<Wish>,
) -> Result<Response, Failure> {
    needs(&viewer, Right::Ask)?;
    let place = Place::of(&service, &viewer).await?;
    let checked = check(&service, &place, &wish).await?;
    let checked = shown_all(&wish, &checked);
    Ok(shown(&service, &viewer, wish, checked, Vec::new()))
}

/// The numbers that stand in the form, as a piece of the page.
pub(crate) async fn live(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(wish): Form<Wish>,
) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let checked = check(&service, &place, &wish).await?;
    Ok(page(&CheckedPart { checked: shown_all(&wish, &checked) }))
}

pub(crate) async fn send(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(wish): Form<Wish>,
) -> Result<Response, Failure> {
    needs(&viewer, Right::Ask)?;
    let place = Place::of(&service, &viewer).await?;
    let checked = check(&service, &place, &wish).await?;
    match understood(&wish, &checked) {
        Ok((kind, (title, text), wanted)) => {
            let case = place.store.ask(kind, (&title, &text), wanted, place.done()).await?;
            let told = format!("The desk has it: {}.", case.number);
            Ok(told_at(&format!("/portal/request/{}", case.number), &told))
        }
        Err(wrong) => {
            let checked = shown_all(&wish, &checked);
            Ok(not_yet(shown(&service, &viewer, wish, checked, wrong)))
        }
    }
}

fn shown(
    service: &Service,
    viewer: &Viewer,
    mut wish: Wish,
    checked: Vec<Checked>,
    wrong: Vec<String>,
) -> Response {
    // Browsers send line ends as CR LF; the page has the text as it was.
    for text in [&mut wish.numbers, &mut wish.text] {
        *text = text.replace("\r\n", "\n");
    }
    let shell = shell(service, viewer, "Ask the desk");
    page(&AskPage { shell, wish, kinds: KINDS, checked, wrong })
}

async fn check(service: &Service, place: &Place<'_>, wish: &Wish) -> Result<Vec<FoundNumber>, Failure> {
    if wish.numbers.trim().is_empty() {
        return Ok(Vec::new());
    }
    let directory = ask(&service.questions.portal.directory, ()).await?;
    let tenant = directory.tenant(place.customer);
    Ok(intake::typed(&wish.numbers, tenant, &directory, wish.kind != "unblock"))
}

fn shown_all(wish: &Wish, found: &[FoundNumber]) -> Vec<Checked> {
    let unread = intake::unread_lines(&wish.numbers, found).into_iter().map(Checked::unread);
    found.iter().map(Checked::new).chain(unread).take(CHECKED_SHOWN).collect()
}

impl Checked {
    fn unread(line: String) -> Self {
        let (read, words) = (String::new(), "no telephone number can be read in this line".to_owned());
        Self {
            written: intake::one_line(&line, LINE_CHARACTERS_MAX),
            read,
            class: "warning",
            sign: "?",
            words,
        }
    }

    fn new(found: &FoundNumber) -> Self {
        let (class, sign, mut words) = match &found.fate {
            Fate::Taken => ("good", "✓", "will be asked for".to_owned()),
            Fate::Stopped(stop) => ("critical", "✕", format!("cannot be blocked: it is {stop}")),
            Fate::Unclear(why) | Fate::Suggested(why) => ("warning", "?", why.to_string()),
            Fate::Left(why) => ("", "–", why.to_string()),
        };
        for note in &found.notes {
            words += &format!("; {note}");
        }
        let read = match &found.reading {
            Reading::Number(number) => number.to_string(),
            Reading::Either(numbers) => {
                numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
            }
            Reading::DidYouMean(number) => format!("{number}?"),
            Reading::None => String::new(),
        };
        Self { written: found.written.clone(), read, class, sign, words }
    }
}

/// What the desk reads: kind, title and text, what is to be changed. Or what is still wrong.
fn understood(wish: &Wish, found: &[FoundNumber]) -> Result<(Kind, (String, String), Wanted), Vec<String>> {
    let mut wrong = Vec::new();
    let text = intake::several_lines(wish.text.trim(), TEXT_CHARACTERS_MAX);
    let kind = match wish.kind.as_str() {
        "block" => Kind::Block,
        "unblock" => Kind::Unblock,
        "report" => Kind::Report,
        "threshold" => Kind::ThresholdChange,
        "incident" => Kind::ReportedIncident,
        "question" => Kind::Question,
        _ => return Err(vec!["Choose what it is about.".to_owned()]),
    };
    let takes_numbers = !matches!(kind, Kind::ThresholdChange | Kind::Question);
    let taken: Vec<String> = found
        .iter()
        .filter(|it| takes_numbers && it.fate == Fate::Taken)
        .filter_map(|it| it.reading.number())
        .map(|number| number.to_string())
        .collect();
    let wants_numbers = matches!(kind, Kind::Block | Kind::Unblock);
    if wants_numbers {
        for it in found {
            match &it.fate {
                Fate::Stopped(stop) => wrong.push(format!("{} cannot be blocked: it is {stop}.", it.written)),
                Fate::Unclear(why) => wrong.push(format!("{}: {why}.", it.written)),
                Fate::Taken | Fate::Suggested(_) | Fate::Left(_) => {}
            }
        }
        let unread = intake::unread_lines(&wish.numbers, found).into_iter().map(|line| {
            let line = intake::one_line(&line, LINE_CHARACTERS_MAX);
            format!("{line}: no telephone number can be read in this line.")
        });
        wrong.extend(unread);
        if found.len() > limits::NUMBERS_PER_REQUEST_MAX {
            wrong = vec![format!(
                "One request takes {} numbers: send a longer list to the desk as a file.",
                limits::NUMBERS_PER_REQUEST_MAX
            )];
        } else if taken.is_empty() && wrong.is_empty() {
            wrong.push("No telephone number stands there.".to_owned());
        }
    }
    // What stands in a field that is not of this kind was typed for another.
    let category = [Category::Fraud, Category::Harassing]
        .into_iter()
        .find(|it| kind == Kind::Block && it.word() == wish.category);
    if kind == Kind::Block {
        match category {
            None => wrong.push("Say whether it is fraud or harassing.".to_owned()),
            Some(Category::Fraud) if text.is_empty() => {
                wrong.push("Say in a sentence what they tried: a block for fraud needs a reason.".to_owned());
            }
            Some(_) => {}
        }
    }
    let period = intake::one_line(wish.period.trim(), LINE_CHARACTERS_MAX);
    if kind == Kind::Report && period.is_empty() {
        wrong.push("Say from when to when the report goes.".to_owned());
    }
    if !wants_numbers && kind != Kind::Report && text.chars().count() < TEXT_CHARACTERS_MIN {
        wrong.push("Say in a sentence what it is about.".to_owned());
    }
    if !wrong.is_empty() {
        wrong.truncate(WRONG_SHOWN);
        return Err(wrong);
    }
    let mut parts = vec![format!("{} {}", super::kind_words(kind), taken.join(", ")).trim_end().to_owned()];
    parts.extend(category.map(|category| format!("category {}", category.word())));
    parts.extend(
        Some(period).filter(|it| kind == Kind::Report && !it.is_empty()).map(|it| format!("period {it}")),
    );
    let until = intake::one_line(wish.until.trim(), LINE_CHARACTERS_MAX);
    parts.extend(
        Some(until).filter(|it| kind == Kind::Block && !it.is_empty()).map(|it| format!("until {it}")),
    );
    parts.extend(Some(text.clone()).filter(|it| !it.is_empty()).map(|it| format!("reason: {it}")));
    let title = match taken.as_slice() {
        [] if text.is_empty() => super::kind_words(kind).to_owned(),
        [] => format!("{}: {}", super::kind_words(kind), intake::one_line(&text, LINE_CHARACTERS_MAX)),
        [one] => format!("{} {one}", super::kind_words(kind)),
        [first, others @ ..] => {
            format!("{} {first} and {} more", super::kind_words(kind), others.len())
        }
    };
    let reason = intake::one_line(&text, LINE_CHARACTERS_MAX);
    Ok((kind, (title, parts.join("; ")), Wanted { numbers: taken, category, reason }))
}

const KINDS: [(&str, &str); 6] = [
    ("block", "Block numbers"),
    ("unblock", "Let numbers through again"),
    ("report", "A report"),
    ("threshold", "Another threshold"),
    ("incident", "Something is happening"),
    ("question", "A question"),
];
const CHECKED_SHOWN: usize = 100;
const WRONG_SHOWN: usize = 20;
const LINE_CHARACTERS_MAX: usize = 120;
const TEXT_CHARACTERS_MIN: usize = 8;
