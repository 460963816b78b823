//! One case: its facts, what happened, and what can be done.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use cases::case::{Feedback, Relation};
use cases::clock::{Clock, Standing};
use cases::flow::{Reason, Signal};
use cases::io::store::{Desk, Event, Visible};
use cases::{Case, CaseNumber, Explanation};
use rules::Timestamp;
use serde::Deserialize;

use crate::Service;
use crate::access::{Viewer, told_at};
use crate::book::Book;
use crate::failure::Failure;
use crate::queue::Due;
use crate::shell::{self, Shell};
use crate::text::Moment;

#[derive(Template)]
#[template(path = "case.html")]
struct Page<'a> {
    shell: Shell<'a>,
    case: Case,
    due: Due,
    opened: Moment,
    clocks: Vec<ClockShown>,
    links: Vec<(&'static str, CaseNumber)>,
    events: Vec<(Moment, Event)>,
    /// What may be done next, without what has a form of its own.
    steps: Vec<&'static str>,
    /// For which reasons it can be closed.
    reasons: Vec<&'static str>,
}

/// A clock, and why it is due when it is due.
pub(crate) struct ClockShown {
    pub(crate) name: &'static str,
    pub(crate) class: &'static str,
    pub(crate) standing: &'static str,
    pub(crate) target: Moment,
    pub(crate) contract: Moment,
    pub(crate) stopped: Option<Moment>,
    pub(crate) why: Vec<String>,
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let case = desk.case(parse(&number)?).await?;
    let zone = book.calendar(&case.customer).zone();
    let now = (service.now)();
    let events = desk.events(case.number).await?;
    let events = events.into_iter().map(|event| (Moment::new(event.at, zone), event)).collect();
    let shell = Shell::of(&service, Some(&viewer), &number);
    Ok(shell::page(&Page {
        due: Due::of(book, &case, now),
        opened: Moment::new(case.opened, zone),
        clocks: case.clocks.iter().map(|clock| ClockShown::new(book, &case, clock, now)).collect(),
        links: case.links.iter().map(|(number, relation)| (relation_words(*relation), *number)).collect(),
        events,
        steps: steps(&case),
        reasons: reasons(&case),
        shell,
        case,
    }))
}

#[derive(Deserialize)]
pub(crate) struct Step {
    verb: String,
    #[serde(default)]
    text: String,
}

pub(crate) async fn step(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Step>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let signal = Signal::every().into_iter().find(|it| it.name() == form.verb);
    let signal = signal.ok_or_else(|| Failure::Wrong(format!("There is no step called {}.", form.verb)))?;
    let (book, desk) = desk(&service).await?;
    let case = desk.step(number, &signal, &form.text, book.done(&viewer.who, (service.now)())).await?;
    Ok(told_at(&place(number), &format!("{number} is {} now.", case.state)))
}

#[derive(Deserialize)]
pub(crate) struct Text {
    text: String,
}

pub(crate) async fn note(
    service: State<Arc<Service>>,
    viewer: Viewer,
    number: Path<String>,
    form: Form<Text>,
) -> Result<Response, Failure> {
    write(service, viewer, number, form, Visible::Desk).await
}

pub(crate) async fn message(
    service: State<Arc<Service>>,
    viewer: Viewer,
    number: Path<String>,
    form: Form<Text>,
) -> Result<Response, Failure> {
    write(service, viewer, number, form, Visible::Customer).await
}

async fn write(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Text>,
    visible: Visible,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let text = form.text.trim();
    if text.is_empty() {
        return Err(Failure::Wrong("There is nothing to write.".to_owned()));
    }
    let (book, desk) = desk(&service).await?;
    desk.note(number, text, visible, book.done(&viewer.who, (service.now)())).await?;
    let told = match visible {
        Visible::Desk => "Noted. Customers never see it.",
        Visible::Customer => "Written to the customer.",
    };
    Ok(told_at(&place(number), told))
}

#[derive(Deserialize)]
pub(crate) struct Close {
    reason: String,
    text: String,
    #[serde(default)]
    feedback: String,
}

pub(crate) async fn close(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Close>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let reason = Reason::parse(&form.reason)
        .ok_or_else(|| Failure::Wrong("Say for which reason it ends.".to_owned()))?;
    let feedback = match form.feedback.as_str() {
        "tune" => Some(Feedback::Tune),
        "exception" => Some(Feedback::Exception),
        "accept" => Some(Feedback::Accept),
        _ => None,
    };
    let (book, desk) = desk(&service).await?;
    desk.close(number, reason, &form.text, feedback, book.done(&viewer.who, (service.now)())).await?;
    Ok(told_at("/queue", &format!("{number} is closed as {}.", reason.name())))
}

/// A case by the number in an address.
pub(crate) fn parse(number: &str) -> Result<CaseNumber, Failure> {
    number.parse().map_err(|_| Failure::NotFound)
}

pub(crate) fn place(number: CaseNumber) -> String {
    format!("/case/{number}")
}

async fn desk(service: &Service) -> Result<(&Book, Desk<'_>), Failure> {
    let book = service.book()?;
    Ok((book, book.store().await?.desk()))
}

/// Steps that need no more than words. Those of a change have pages of their own.
fn steps(case: &Case) -> Vec<&'static str> {
    let plain = Signal::every().into_iter().filter(|signal| {
        !matches!(
            signal,
            Signal::Close(_)
                | Signal::Authorise(_)
                | Signal::Propose
                | Signal::AskAuthorisation
                | Signal::Install
                | Signal::Prove
                | Signal::RollBack
                | Signal::Find
                | Signal::Notify
                | Signal::Adopt
                | Signal::Drop
        )
    });
    plain.filter(|signal| case.state.after(case.flow, signal).is_ok()).map(|signal| signal.name()).collect()
}

fn reasons(case: &Case) -> Vec<&'static str> {
    let fits = |reason: &&Reason| case.state.after(case.flow, &Signal::Close(**reason)).is_ok();
    Reason::EVERY.iter().filter(fits).map(|reason| reason.name()).collect()
}

impl ClockShown {
    pub(crate) fn new(book: &Book, case: &Case, clock: &Clock, now: Timestamp) -> Self {
        let calendar = book.calendar(&case.customer);
        let moment = |at| Moment::new(at, calendar.zone());
        let (class, standing) = match clock.standing(book.service().terms().pause_on_customer, now) {
            Standing::Met => ("met", "✓ met"),
            Standing::Runs => ("info", "○ runs"),
            Standing::Paused => ("", "‖ waits for the customer"),
            Standing::Late => ("late", "● late"),
            Standing::Breached => ("breached", "▲ breached"),
        };
        Self {
            name: clock.kind.name(),
            class,
            standing,
            target: moment(clock.due.target),
            contract: moment(clock.due.contract),
            stopped: clock.stopped.map(moment),
            why: Explanation::new(calendar, clock.start, clock.due.target).lines(calendar),
        }
    }
}

pub(crate) const fn relation_words(relation: Relation) -> &'static str {
    match relation {
        Relation::RecursAfter => "the same as in",
        Relation::MergedInto => "joined into",
        Relation::Merged => "joined with",
        Relation::SplitFrom => "taken out of",
        Relation::RelatesTo => "see also",
    }
}
