//! `/v1/silences`: what the desk keeps quiet for a while, and why (D-8).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use cases::notice::{Matcher, Silence};
use reporter::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::taken::{Body, Paging, Params, Repeatable, Seen, line, moment};
use super::told::{Page, again, made, quoted, tagged};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;

/// A silence.
#[derive(Serialize, ToSchema)]
#[schema(as = Silence)]
pub(crate) struct SilenceShown {
    /// What names it.
    #[schema(example = "S-3")]
    id: String,
    /// Who wants it.
    author: String,
    /// Why.
    reason: String,
    /// What is kept quiet: labels and the values that fit.
    #[serde(rename = "match")]
    matcher: BTreeMap<String, Vec<String>>,
    /// From when.
    #[schema(format = DateTime)]
    from: String,
    /// Until when; the moment it was ended, if somebody did.
    #[schema(format = DateTime)]
    until: String,
    /// Whether it was ended before its time.
    ended: bool,
    /// After so many minutes in which nothing of it has happened it ends.
    quiet_minutes: Option<i64>,
}

/// A silence that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSilence {
    /// Why: at least a few words.
    #[schema(min_length = 8, max_length = 500)]
    reason: String,
    /// What is kept quiet, such as `{ "customer": ["Acme"] }`.
    #[serde(rename = "match")]
    matcher: BTreeMap<String, Vec<String>>,
    /// Until when: a week at most.
    #[schema(format = DateTime)]
    until: String,
    /// It ends before that once nothing of it has happened for so many minutes.
    #[serde(default)]
    #[schema(minimum = 5, maximum = 10080)]
    quiet_minutes: Option<u32>,
}

/// Silences that were ever made, by id.
#[utoipa::path(get, path = "/v1/silences", tag = "Silences", params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<SilenceShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let mut all = service.book()?.store().await?.desk().silences(true).await?;
    all.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(Page::of(all.iter().map(SilenceShown::new).collect(), &paging, |it| it.id.clone())?.answer())
}

/// One silence.
#[utoipa::path(get, path = "/v1/silences/{id}", tag = "Silences", params(("id" = String, Path)),
    responses((status = 200, description = "The silence.", body = SilenceShown, headers(("ETag" = String)))))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let silence = find(&service, &id).await?;
    Ok(tagged(&SilenceShown::new(&silence), &quoted(&silence.tag())))
}

/// Makes a silence from now on.
#[utoipa::path(post, path = "/v1/silences", tag = "Silences", request_body = NewSilence,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "The silence.", body = SilenceShown,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn add(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    repeatable: Repeatable,
    Body { value: new, print }: Body<NewSilence>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let now = (service.now)();
    for text in new.matcher.iter().flat_map(|(label, values)| values.iter().chain([label])) {
        line("match", text)?;
    }
    let (reason, until) = (line("reason", &new.reason)?, moment("until", &new.until)?);
    let silence = Silence {
        quiet_micros: new.quiet_minutes.map(|minutes| i64::from(minutes) * MINUTE_MICROS),
        ..Silence::new(&viewer.who, reason, Matcher(new.matcher), (now, until))
    };
    let desk = book.store().await?.desk().once(repeatable.once(&viewer.who, &print, now));
    let silence = match desk.add_silence(silence, book.done(&viewer.who, now)).await {
        Ok(silence) => silence,
        Err(error) => find(&service, &again(error)?).await?,
    };
    let place = format!("/v1/silences/{}", silence.id);
    Ok(made(&SilenceShown::new(&silence), Some(&quoted(&silence.tag())), &place))
}

/// Ends a silence before its time.
#[utoipa::path(post, path = "/v1/silences/{id}/end", tag = "Silences",
    params(("id" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The silence, which is over.", body = SilenceShown, headers(("ETag" = String)))))]
pub(crate) async fn end(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
    seen: Seen,
) -> Result<Response, Failure> {
    find(&service, &id).await?;
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    let silence = book.store().await?.desk().seen(seen.tag()).end_silence(&id, done).await?;
    Ok(tagged(&SilenceShown::new(&silence), &quoted(&silence.tag())))
}

async fn find(service: &Service, id: &str) -> Result<Silence, Failure> {
    let all = service.book()?.store().await?.desk().silences(true).await?;
    all.into_iter().find(|silence| silence.id == id).ok_or(Failure::NotFound)
}

impl SilenceShown {
    fn new(silence: &Silence) -> Self {
        Self {
            id: silence.id.clone(),
            author: silence.author.clone(),
            reason: silence.reason.clone(),
            matcher: silence.matcher.0.clone(),
            from: rfc3339(silence.from),
            until: rfc3339(silence.end()),
            ended: silence.ended.is_some(),
            quiet_minutes: silence.quiet_micros.map(|micros| micros / MINUTE_MICROS),
        }
    }
}

const MINUTE_MICROS: i64 = 60_000_000;
