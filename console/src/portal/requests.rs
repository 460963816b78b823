//! What a customer asked for, and what became of it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::Response;
use cases::Case;
use cases::account::Right;
use cases::clock::Standing;
use cases::flow::{Flow, State as CaseState};
use cases::io::store::{Event, Filter};
use serde::Deserialize;

use super::{
    Place, Stage, closed_without, is_theirs_to_see, kind_words, needs, page, shell, stages, standing,
};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::plain;
use crate::shell::Shell;
use crate::text::Moment;

/// A case as a line.
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) kind: &'static str,
    pub(crate) standing: &'static str,
    pub(crate) opened: Moment,
    pub(crate) due: Option<Moment>,
}

impl Row {
    pub(crate) fn new(place: &Place<'_>, case: Case) -> Self {
        Self {
            kind: kind_words(case.kind),
            standing: standing(&case),
            opened: place.moment(case.opened),
            due: case.next_contract().map(|at| place.moment(at)),
            case,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    show: String,
}

#[derive(Template)]
#[template(path = "portal_requests.html")]
struct ListPage<'a> {
    shell: Shell<'a>,
    show: &'static str,
    rows: Vec<Row>,
    is_cut: bool,
}

pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let show = match wanted.show.as_str() {
        "over" => "over",
        "alerts" => "alerts",
        _ => "open",
    };
    let filter = Filter { is_over: show == "over", count: Some(READ), ..Filter::default() };
    let found = place.store.list(&filter).await?;
    let is_wanted = |case: &Case| {
        is_theirs_to_see(case) && (show == "over" || (case.flow == Flow::Alert) == (show == "alerts"))
    };
    let is_more = found.next.is_some();
    let mut cases: Vec<Case> = found.cases.into_iter().filter(is_wanted).collect();
    let is_cut = is_more || cases.len() > SHOWN;
    cases.truncate(SHOWN);
    let rows = cases.into_iter().map(|case| Row::new(&place, case)).collect();
    Ok(page(&ListPage { shell: shell(&service, &viewer, "Requests"), show, rows, is_cut }))
}

/// A promise, and how it stands.
pub(crate) struct Promise {
    pub(crate) name: &'static str,
    pub(crate) by: Moment,
    pub(crate) class: &'static str,
    pub(crate) words: &'static str,
}

#[derive(Template)]
#[template(path = "portal_request.html")]
struct CasePage<'a> {
    shell: Shell<'a>,
    row: Row,
    stages: Vec<Stage>,
    promises: Vec<Promise>,
    events: Vec<(Moment, Event)>,
    left_out: usize,
    /// What changes, where something is proposed.
    lines: Vec<String>,
    effects: Vec<String>,
    proof: Option<Vec<String>>,
    /// Whether what changes is no more than what was proposed.
    is_undone: bool,
    /// Whether somebody of them said that the approval was none of theirs (Z-10).
    is_disowned: bool,
    may_answer: bool,
    is_asked: bool,
    /// What the desk wants to know, and when it asked.
    question: Option<(Moment, Event)>,
}

pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let case = place.case(&number).await?;
    let mut events = place.store.events(case.number).await?;
    let left_out = events.len().saturating_sub(EVENTS);
    let is_disowned = events.iter().any(|event| event.what == "disown");
    events.drain(..left_out);
    let is_asked = case.state == CaseState::NeedsInfo;
    let question = events.iter().rfind(|event| is_asked && event.what == "ask-info").cloned();
    let change = place.store.change(case.number).await?;
    let promises = case.clocks.iter().map(|clock| {
        let (class, words) = match clock.standing(place.book.service().terms().pause_on_customer, place.now) {
            Standing::Met => ("met", "✓ kept"),
            Standing::Runs => ("info", "○ runs"),
            Standing::Paused => ("", "‖ waits for you"),
            Standing::Late => ("late", "● late"),
            Standing::Breached => ("breached", "▲ not kept"),
        };
        Promise { name: clock.kind.name(), by: place.moment(clock.due.contract), class, words }
    });
    let promises = promises.collect();
    let (lines, effects, proof): (Vec<_>, _, _) = change.map_or_else(Default::default, |(proposed, _)| {
        let proof = proposed.proof.map(|proof| proof.lines().map(str::to_owned).collect());
        (proposed.change.lines.clone(), proposed.impact.effects(), proof)
    });
    Ok(page(&CasePage {
        shell: shell(&service, &viewer, &number),
        stages: stages(&case),
        promises,
        events: events.into_iter().map(|event| (place.moment(event.at), event)).collect(),
        left_out,
        lines: plain::lines(&service, place.customer, &lines).await,
        effects,
        proof: proof.filter(|_| !is_disowned),
        is_undone: is_disowned || closed_without(&case).is_some(),
        is_disowned,
        may_answer: viewer.may_ask(),
        is_asked,
        question: question.map(|event| (place.moment(event.at), event)),
        row: Row::new(&place, case),
    }))
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    text: String,
}

/// The customer's words in a case, as theirs.
pub(crate) async fn answer(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Answer>,
) -> Result<Response, Failure> {
    needs(&viewer, Right::Ask)?;
    let place = Place::of(&service, &viewer).await?;
    let case = place.case(&number).await?;
    let text = cases::intake::several_lines(form.text.trim(), TEXT_CHARACTERS_MAX);
    if text.is_empty() {
        return Err(Failure::Wrong("There is nothing to send.".to_owned()));
    }
    let answered = place.store.answer(case.number, &text, place.done()).await?;
    let case = answered.ok_or(Failure::NotFound)?;
    Ok(told_at(&format!("/portal/request/{}", case.number), "The desk has your words."))
}

const READ: u32 = 300;
const SHOWN: usize = 100;
const EVENTS: usize = 200;
pub(crate) const TEXT_CHARACTERS_MAX: usize = 4_000;
