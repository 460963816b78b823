//! What is answered: objects with their tags, pages of lists, and what went wrong.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::taken::{Paging, print_of};
use crate::failure::Failure;

/// A part of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// In the order of the list.
    pub(crate) items: Vec<T>,
    /// What to give as `after` for the next page; none when this is the last.
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// The part of `all`, which is sorted by `name`, that `paging` asks for.
    pub(crate) fn of(all: Vec<T>, paging: &Paging, name: impl Fn(&T) -> String) -> Result<Self, Failure> {
        let count = paging.count()? as usize;
        let from = match &paging.after {
            None => 0,
            // What was taken out meanwhile has a place in the order all the same.
            Some(after) => all.iter().position(|it| name(it) > *after).unwrap_or(all.len()),
        };
        let more = all.len().saturating_sub(from) > count;
        let items: Vec<T> = all.into_iter().skip(from).take(count).collect();
        let next = items.last().map(&name).filter(|_| more);
        Ok(Self { items, next })
    }

    pub(crate) fn answer(self) -> Response
    where
        T: Serialize,
    {
        Json(self).into_response()
    }
}

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Which kind of failure: `about:blank`, as the status says all.
    #[serde(rename = "type")]
    kind: &'static str,
    /// In a few words.
    title: &'static str,
    /// The status.
    status: u16,
    /// Why, for a person.
    detail: String,
}

impl Problem {
    pub(crate) fn answer(failure: &Failure) -> Response {
        let (title, status, detail) = (failure.title(), failure.status(), failure.text());
        let problem = Self { kind: "about:blank", title, status: status.as_u16(), detail };
        let mut response = (status, Json(problem)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// The tag of an object without a version: it follows from what is in it.
pub(crate) fn tag_of(value: &impl Serialize) -> String {
    let text = serde_json::to_vec(value).unwrap_or_default();
    let print = print_of([text.as_slice()]);
    format!("\"{}\"", print.get(..16).unwrap_or(&print))
}

/// An object with its tag.
pub(crate) fn tagged(value: &impl Serialize, tag: &str) -> Response {
    let mut response = Json(value).into_response();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// An object that was made, and where it is.
pub(crate) fn made(value: &impl Serialize, tag: &str, place: &str) -> Response {
    let mut response = tagged(value, tag);
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// The name of the object that the same request made before, or why it failed.
pub(crate) fn again(error: cases::io::store::Error) -> Result<String, Failure> {
    match error {
        cases::io::store::Error::Repeated { reference, is_same: true } => Ok(reference),
        error => Err(error.into()),
    }
}
