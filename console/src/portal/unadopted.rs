//! What somebody whom nobody knows asked for in the customer's name: made one's own, or disowned (N-2). Neither numbers nor words
//! of theirs are shown before (N-3).

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use cases::Case;
use cases::account::Right;
use serde::Deserialize;

use super::requests::Row;
use super::{Place, needs, needs_factor, page, shell};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::case::parse;
use crate::failure::Failure;
use crate::shell::Shell;

#[derive(Template)]
#[template(path = "portal_unadopted.html")]
struct Page<'a> {
    shell: Shell<'a>,
    customer: &'a str,
    /// Each with the address it came from.
    rows: Vec<(Row, String)>,
    may: bool,
    has_factor: bool,
}

pub(crate) async fn list(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let row = |(case, sender): (Case, Option<String>)| {
        (Row::new(&place, case), sender.unwrap_or_else(|| "somebody".to_owned()))
    };
    let rows = place.store.unadopted(SHOWN).await?.into_iter().map(row).collect();
    let (may, has_factor) = (viewer.may_ask(), viewer.has_shown_factor());
    let shell = shell(&service, &viewer, "Asked in your name");
    Ok(page(&Page { shell, customer: place.customer, rows, may, has_factor }))
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    what: String,
}

/// Says whether somebody of theirs asked for it.
pub(crate) async fn answer(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Answer>,
) -> Result<Response, Failure> {
    needs(&viewer, Right::Ask)?;
    let place = Place::of(&service, &viewer).await?;
    let number = parse(&number)?;
    // Whose it is comes first: nobody learns by a code that is wanted what there is of others.
    place.store.case(number).await?.ok_or(Failure::NotFound)?;
    needs_factor(&viewer)?;
    let (case, told) = match form.what.as_str() {
        "adopt" => (place.store.adopt(number, place.done()).await?, "is your request now."),
        "disown" => (place.store.disown(number, place.done()).await?, "is closed; nothing was changed."),
        _ => return Err(Failure::Wrong("Say whether it is yours.".to_owned())),
    };
    let case = case.ok_or(Failure::NotFound)?;
    let back = match form.what.as_str() {
        "adopt" => format!("/portal/request/{}", case.number),
        _ => "/portal/unadopted".to_owned(),
    };
    Ok(told_at(&back, &format!("{} {told}", case.number)))
}

const SHOWN: u32 = 100;
