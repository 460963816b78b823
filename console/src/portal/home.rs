//! What waits for somebody of a customer.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use cases::flow::State as CaseState;
use cases::io::store::Filter;

use super::{Place, page, shell};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::portal::requests::Row;
use crate::shell::Shell;

#[derive(Template)]
#[template(path = "portal_home.html")]
struct Page<'a> {
    shell: Shell<'a>,
    customer: &'a str,
    /// What waits, in a sentence.
    sum: String,
    authorise: Vec<Row>,
    answer: Vec<Row>,
    /// Requests of strangers in their name, for those who may make them theirs.
    unadopted: usize,
    /// Changes of contacts that somebody else drafted.
    drafts: usize,
    /// What was done and proven, and is not over yet.
    review: Vec<Row>,
    has_factor: bool,
}

pub(crate) async fn home(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let authorise = rows(&place, CaseState::AwaitingAuthorisation).await?;
    let answer = rows(&place, CaseState::NeedsInfo).await?;
    let mut review = rows(&place, CaseState::Done).await?;
    review.extend(rows(&place, CaseState::Informed).await?);
    let drafts = place.store.registration_drafts().await?;
    let is_theirs = |by: &str| by != place.contact && viewer.may_authorise();
    let drafts = drafts.iter().filter(|draft| is_theirs(&draft.by)).count();
    let unadopted = if viewer.may_ask() { place.store.unadopted(SHOWN).await?.len() } else { 0 };
    // What only an authoriser can do does not wait for others, though they see it.
    let to_authorise = if viewer.may_authorise() { authorise.len() + drafts } else { 0 };
    let sum = match to_authorise + answer.len() + unadopted {
        0 => "Nothing waits for you".to_owned(),
        1 => "1 thing waits for you".to_owned(),
        many => format!("{many} things wait for you"),
    };
    Ok(page(&Page {
        shell: shell(&service, &viewer, "Home"),
        customer: place.customer,
        sum,
        authorise,
        answer,
        unadopted,
        drafts,
        review,
        has_factor: viewer.has_shown_factor(),
    }))
}

async fn rows(place: &Place<'_>, state: CaseState) -> Result<Vec<Row>, Failure> {
    let filter = Filter { state: Some(state), count: Some(SHOWN), ..Filter::default() };
    let found = place.store.list(&filter).await?;
    Ok(found.cases.into_iter().map(|case| Row::new(place, case)).collect())
}

const SHOWN: u32 = 20;
