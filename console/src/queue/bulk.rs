//! One thing done with many cases: looked at first, done each for itself, and taken back by one key.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::Response;
use cases::CaseNumber;
use cases::case::{Feedback, Severity};
use cases::flow::Reason;
use cases::io::store::{Act, Error, Item};

use super::Query;
use super::memory::UndoShown;
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::shell::{self, Shell};

#[derive(Template)]
#[template(path = "bulk.html")]
struct Sure<'a> {
    shell: Shell<'a>,
    act: &'static str,
    wish: &'a Wish,
    /// How many are meant, how many of them would be done, and why others would not.
    meant: usize,
    done: usize,
    why: Vec<(String, usize)>,
    into: Option<CaseNumber>,
    /// The first of them, with what each is about.
    named: Vec<(CaseNumber, String)>,
    /// For which reasons some of them can be closed.
    reasons: Vec<&'static str>,
    /// Whether words are still wanted.
    is_wordless: bool,
}

#[derive(Template)]
#[template(path = "bulk_done.html")]
struct Told<'a> {
    shell: Shell<'a>,
    words: String,
    back: &'a str,
    refused: Vec<(CaseNumber, String)>,
    /// Refusals that are not listed.
    further: usize,
    undo: Option<UndoShown>,
}

/// What a form wants done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    act: String,
    pub(crate) numbers: Vec<CaseNumber>,
    q: String,
    is_all: bool,
    is_sure: bool,
    reason: String,
    text: String,
    feedback: String,
    severity: String,
    into: String,
    pub(crate) back: String,
}

/// Numbers of cases for a form, as short as can be.
pub(crate) fn serials(numbers: &[CaseNumber]) -> String {
    numbers.iter().map(|number| number.serial().to_string()).collect::<Vec<_>>().join(" ")
}

impl Wish {
    fn serials(&self) -> String {
        serials(&self.numbers)
    }

    fn back_link(&self) -> &str {
        back_of(&self.back)
    }
}

/// The fields of a form, where some come several times.
pub(crate) fn fields(form: &[(String, String)]) -> Wish {
    let mut wish = Wish::default();
    for (name, value) in form {
        match name.as_str() {
            "n" => wish.numbers.extend(value.parse::<CaseNumber>().ok()),
            // Many at once, without what people read in a number.
            "serials" => {
                let serials = value.split(' ').filter_map(|it| it.parse().ok());
                wish.numbers.extend(serials.take(CASES_MAX).map(CaseNumber::new));
            }
            "all" => wish.is_all = value == "yes",
            "sure" => wish.is_sure = value == "yes",
            "act" => wish.act.clone_from(value),
            "q" => wish.q.clone_from(value),
            "reason" => wish.reason.clone_from(value),
            "text" => wish.text.clone_from(value),
            "feedback" => wish.feedback.clone_from(value),
            "severity" => wish.severity.clone_from(value),
            "into" => wish.into.clone_from(value),
            "back" => wish.back.clone_from(value),
            _ => {}
        }
    }
    wish.numbers.sort_unstable();
    wish.numbers.dedup();
    wish
}

pub(crate) async fn bulk(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let mut wish = fields(&form);
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let now = (service.now)();
    if wish.is_all {
        let query = Query::read(&wish.q, &viewer.who, now);
        if let Some(wrong) = query.wrong.first() {
            return Err(Failure::Wrong(format!(
                "Nothing is done with all that match, as one word means nothing: {wrong}"
            )));
        }
        wish.numbers = desk.numbers(&query.filter, CASES_MAX as u32 + 1).await?;
    }
    if wish.numbers.is_empty() {
        return Err(Failure::Wrong("No case is selected: tick some, or press x on one.".to_owned()));
    }
    if wish.numbers.len() > CASES_MAX {
        return Err(Failure::Refused(format!(
            "More than {CASES_MAX} at once are not touched: narrow the query."
        )));
    }
    if wish.act == "merge" && wish.numbers.len() == 1 && wish.into.trim().is_empty() {
        let only = "Only one case is selected: tick all that belong together, or say into which case.";
        return Err(Failure::Wrong(only.to_owned()));
    }
    let is_wordless = wish.act == "close" && wish.text.trim().is_empty();
    let mut reasons = Vec::new();
    if is_wordless {
        reasons = desk.closing_reasons(&wish.numbers).await?.iter().map(|reason| reason.name()).collect();
        if !reasons.contains(&wish.reason.as_str()) {
            let usual = reasons.iter().find(|it| **it == Reason::Benign.name()).or_else(|| reasons.first());
            wish.reason = usual.copied().unwrap_or_default().to_owned();
        }
    }
    let act = act(&wish, &viewer)?;
    let done = book.done(&viewer.who, now);
    // What was ticked one by one was looked at; what only matches is counted first.
    if is_wordless || wish.is_all && !wish.is_sure {
        let tried = match is_wordless {
            true => tried_wordless(&wish, &desk, &act, done).await?,
            false => desk.each_tried(&wish.numbers, &act, done).await?,
        };
        let mut named = Vec::new();
        for number in wish.numbers.iter().take(NAMED_SHOWN) {
            match desk.case(*number).await {
                Ok(case) => named.push((case.number, case.title)),
                Err(Error::NoCase(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let into = if let Act::MergeInto(into) = &act { Some(*into) } else { None };
        return Ok(shell::page(&Sure {
            shell: Shell::of(&service, Some(&viewer), "Are you sure?"),
            act: verb(&act),
            meant: wish.numbers.len(),
            done: tried.0,
            why: tried.1,
            into,
            named,
            reasons,
            is_wordless,
            wish: &wish,
        }));
    }
    let items = desk.each(&wish.numbers, &act, done).await?;
    told(&service, &viewer, (&act, items), &wish.back)
}

/// What would be closed once words are there.
async fn tried_wordless(
    wish: &Wish,
    desk: &cases::io::store::Desk<'_>,
    act: &Act,
    done: cases::io::store::Done<'_>,
) -> Result<(usize, Vec<(String, usize)>), Failure> {
    let act = match act {
        Act::Close { reason, feedback, .. } => Act::Close {
            reason: *reason,
            text: "to be written".to_owned(),
            feedback: feedback.or(Some(Feedback::Accept)),
        },
        other => other.clone(),
    };
    Ok(desk.each_tried(&wish.numbers, &act, done).await?)
}

/// Says what became of each: at once when all went well, on a page of its own when not.
pub(crate) fn told(
    service: &Service,
    viewer: &Viewer,
    (act, items): (&Act, Vec<Item>),
    back: &str,
) -> Result<Response, Failure> {
    let now = (service.now)();
    let (mut before, mut refused, mut count) = (Vec::new(), Vec::new(), 0_usize);
    let mut one = None;
    for item in items {
        count += usize::from(item.refused.is_none());
        if item.refused.is_none() {
            one = Some(item.number);
        }
        before.extend(item.before);
        refused.extend(item.refused.map(|why| (item.number, why)));
    }
    let mut words = match (count, one) {
        (1, Some(number)) => format!("{number} is {}", past(act)),
        (0, _) => "Nothing was done".to_owned(),
        (many, _) => format!("{many} cases are {}", past(act)),
    };
    if !refused.is_empty() {
        words += &format!(", {} not", refused.len());
    }
    words.push('.');
    if let (Act::MergeInto(into), 1..) = (act, count) {
        words += &format!(" The history of {into} takes that back, for 30 days.");
    }
    let can_be_undone = act.can_be_undone() && !before.is_empty();
    if can_be_undone {
        service.own.desk.did(viewer, &words, before, now);
    } else if count > 0 {
        service.own.desk.did_for_good(viewer);
    }
    let back = back_of(back);
    if refused.is_empty() {
        // The way back is shown with these words, so that they are not said twice.
        return Ok(match can_be_undone {
            true => axum::response::IntoResponse::into_response(axum::response::Redirect::to(back)),
            false => told_at(back, &words),
        });
    }
    let further = refused.len().saturating_sub(REFUSALS_SHOWN);
    refused.truncate(REFUSALS_SHOWN);
    let shell = Shell::of(service, Some(viewer), "What was done");
    let undo = service.own.desk.undo_of(viewer, now).filter(|_| can_be_undone);
    Ok(shell::page(&Told { shell, words, back, refused, further, undo }))
}

/// Takes back what was done last.
pub(crate) async fn undo(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let back = fields(&form).back;
    let book = service.book()?;
    let now = (service.now)();
    let Some(before) = service.own.desk.take_undo(&viewer, now) else {
        return Err(Failure::Refused(
            "There is nothing to take back: that is possible for ten seconds, once.".to_owned(),
        ));
    };
    let undone = book.store().await?.desk().undo(&before, book.done(&viewer.who, now)).await?;
    let kept: Vec<_> = undone.iter().filter_map(|(number, why)| Some((number, why.as_ref()?))).collect();
    let mut words = format!("{} taken back.", undone.len() - kept.len());
    if let Some((number, why)) = kept.first() {
        words += &format!(" {} stay as they are, {number} for one: {why}.", kept.len());
    }
    Ok(told_at(back_of(&back), &words))
}

/// A place of ours to go back to; the queue for anything else.
pub(crate) fn back_of(back: &str) -> &str {
    let is_ours = ["/queue", "/case/", "/alerts", "/campaigns"].iter().any(|place| back.starts_with(place));
    if is_ours && !back.contains(|it: char| it == '\\' || it.is_control()) { back } else { "/queue" }
}

fn act(wish: &Wish, viewer: &Viewer) -> Result<Act, Failure> {
    let wrong = |text: &str| Failure::Wrong(text.to_owned());
    Ok(match wish.act.as_str() {
        "take" => Act::Take,
        "assign" => Act::Assign(viewer.who.clone()),
        "release" => Act::Assign(String::new()),
        "rate" => {
            let severity = Severity::EVERY.into_iter().find(|it| it.name() == wish.severity);
            Act::Rate(severity.ok_or_else(|| wrong("Say how much it matters: info, warning or critical."))?)
        }
        "close" => Act::Close {
            reason: Reason::parse(&wish.reason).unwrap_or(Reason::Benign),
            text: wish.text.trim().to_owned(),
            feedback: feedback(&wish.feedback),
        },
        "merge" => {
            let first = wish.numbers.iter().min_by_key(|number| number.serial());
            let into = wish.into.trim();
            let into = if into.is_empty() { first.copied() } else { into.to_uppercase().parse().ok() };
            Act::MergeInto(into.ok_or_else(|| wrong("Say into which case: its number."))?)
        }
        _ => return Err(wrong("Say what is to be done with them.")),
    })
}

pub(crate) fn feedback(word: &str) -> Option<Feedback> {
    match word {
        "tune" => Some(Feedback::Tune),
        "exception" => Some(Feedback::Exception),
        "accept" => Some(Feedback::Accept),
        _ => None,
    }
}

const fn verb(act: &Act) -> &'static str {
    match act {
        Act::Take => "Take",
        Act::Assign(owner) if owner.is_empty() => "Give back",
        Act::Assign(_) => "Assign to me",
        Act::Rate(_) => "Change how much it matters of",
        Act::Close { .. } => "Close",
        Act::MergeInto(_) => "Join",
    }
}

fn past(act: &Act) -> String {
    match act {
        Act::Take => "taken".to_owned(),
        Act::Assign(owner) if owner.is_empty() => "nobody's now".to_owned(),
        Act::Assign(owner) => format!("{owner}'s now"),
        Act::Rate(severity) => format!("{} now", severity.name()),
        Act::Close { reason, .. } => format!("closed as {}", reason.name()),
        Act::MergeInto(number) => format!("in {number} now"),
    }
}

/// Cases that are touched at once.
pub(crate) const CASES_MAX: usize = 5_000;
/// Cases that are named before something is done with them.
const NAMED_SHOWN: usize = 20;
const REFUSALS_SHOWN: usize = 200;
