//! `/v1/cases/{number}/proposal`: what is proposed in a case. Nothing changes before somebody of the customer says yes, which
//! they do in the portal, by a link, or by mail; `/v1/changes/{hash}` tells who has.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use cases::change::Line;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cases::{find, shown};
use super::shown::CaseShown;
use super::taken::{Body, Repeatable, Seen, line, whole};
use super::told::{made, quoted, set};
use crate::Service;
use crate::access::Viewer;
use crate::case::{REASON_CHARACTERS, Wanted, parse, propose_lines, today, until};
use crate::failure::Failure;
use crate::question::{InCase, ask};

/// A change that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewProposal {
    /// What comes onto lists and leaves them.
    #[schema(min_items = 1, max_items = 500)]
    lines: Vec<NewLine>,
    /// Why, for who authorises it and for the list.
    #[schema(min_length = 1, max_length = 300, pattern = r"\S")]
    reason: String,
}

/// One entry of a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewLine {
    /// The list.
    #[schema(min_length = 1, max_length = 500)]
    list: String,
    /// A number, prefix, range or wildcard.
    #[schema(min_length = 1, max_length = 500, example = "+12105550142")]
    entry: String,
    /// Whether it leaves the list.
    #[serde(default)]
    remove: bool,
    /// How many days it counts: 1 to 730; unless told 180 where the case is about fraud, and 90 else.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 730, default = 90)]
    days: Option<i32>,
}

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdrawn {
    /// The customer reads it.
    #[schema(min_length = 1, max_length = 20000, pattern = r"\S")]
    text: String,
}

/// By what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ByStanding {
    /// The name of the standing authorisation.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    name: String,
}

/// Who was asked.
#[derive(Serialize, ToSchema)]
#[schema(as = AskedToAuthorise)]
pub(crate) struct ReachedShown {
    /// By mail.
    by_mail: Vec<String>,
    /// Nobody sent them anything: they have to be told, and find it in the portal.
    otherwise: Vec<String>,
}

/// Proposes a change; another one that was proposed in the case is replaced, and what was approved of it counts no more. Steps
/// that come before a proposal are done and written down.
#[utoipa::path(post, path = "/v1/cases/{number}/proposal", tag = "Changes", request_body = NewProposal,
    params(("number" = String, Path), ("If-Match" = String, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "The case as it stands then; its `change` is the hash of what is proposed.",
        body = CaseShown, headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn propose(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    repeatable: Repeatable,
    Body { value, print }: Body<NewProposal>,
) -> Result<Response, Failure> {
    let (book, number) = (service.book()?, parse(&number)?);
    let (store, now) = (book.store().await?, (service.now)());
    let case = find(store, &viewer, number).await?;
    let reason = cases::intake::one_line(whole("reason", &value.reason)?, REASON_CHARACTERS);
    let today = today(now, book.calendar(&case.customer).zone());
    let mut lines = Vec::new();
    for wanted in &value.lines {
        let (list, entry) =
            (line("list", &wanted.list)?.to_owned(), line("entry", &wanted.entry)?.to_owned());
        lines.push(if wanted.remove {
            Line::Remove { list, entry }
        } else {
            let expires = Some(until(&today, wanted.days, case.wanted.category)?);
            Line::Add { list, entry, expires, reason: reason.clone() }
        });
    }
    let wanted = Wanted { lines, reason, seen: Some(seen.version(number)?) };
    let once = repeatable.once(&viewer.who, &print, now);
    let case = propose_lines(&service, &viewer, &case, wanted, once).await?;
    let shown = CaseShown::new(book, &case, viewer.is_of_desk(), now);
    let place = format!("/v1/changes/{}", case.change.as_deref().unwrap_or_default());
    Ok(made(&shown, Some(&shown.tag()), &place))
}

/// Asks everybody who may authorise what is proposed.
#[utoipa::path(post, path = "/v1/cases/{number}/proposal/ask", tag = "Changes",
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "Who was asked. The ETag is that of the case.", body = ReachedShown,
        headers(("ETag" = String)))))]
pub(crate) async fn ask_authorisers(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let store = service.book()?.store().await?;
    let case = find(store, &viewer, number).await?;
    if case.version != seen.version(number)? {
        return Err(cases::io::store::Error::Overtaken(number).into());
    }
    // Whoever is asked, is asked for what is proposed at that moment, and says yes to that only.
    let in_case = InCase { store: store.clone(), number, who: viewer.who.clone() };
    let reached = ask(&service.questions.desk.ask_authorisers, in_case).await?;
    let case = find(store, &viewer, number).await?;
    let reached = ReachedShown { by_mail: reached.by_mail, otherwise: reached.otherwise };
    let mut response = Json(reached).into_response();
    set(&mut response, axum::http::header::ETAG, &quoted(&case.version.to_string()));
    Ok(response)
}

/// Goes ahead with what is proposed by what the customer agreed to beforehand (Z-6), if that covers it. Its authorisers are told.
#[utoipa::path(post, path = "/v1/cases/{number}/proposal/standing", tag = "Changes", request_body = ByStanding,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn by_standing(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<ByStanding>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let store = service.book()?.store().await?;
    let case = find(store, &viewer, number).await?;
    let name = line("name", &value.name)?.to_owned();
    if case.version != seen.version(number)? {
        return Err(cases::io::store::Error::Overtaken(number).into());
    }
    let in_case = InCase { store: store.clone(), number, who: viewer.who.clone() };
    ask(&service.questions.desk.use_standing, (in_case, name)).await?;
    let case = find(store, &viewer, number).await?;
    shown(&service, &viewer, &case)
}

/// Takes back what is proposed: links to it lead nowhere, and what was approved of it counts no more.
#[utoipa::path(post, path = "/v1/cases/{number}/proposal/withdraw", tag = "Changes", request_body = Withdrawn,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn withdraw(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Withdrawn>,
) -> Result<Response, Failure> {
    let (book, number) = (service.book()?, parse(&number)?);
    let store = book.store().await?;
    find(store, &viewer, number).await?;
    let desk = store.desk().expecting(number, seen.version(number)?);
    let done = book.done(&viewer.who, (service.now)());
    let case = desk.withdraw_proposal(number, whole("text", &value.text)?, done).await?;
    shown(&service, &viewer, &case)
}
