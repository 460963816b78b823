//! What is answered: objects with their tags, pages of lists, and what went wrong.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::taken::Paging;
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
        Self::of(failure.status(), failure.title(), failure.text())
    }

    /// One of this status.
    pub(crate) fn of(status: StatusCode, title: &'static str, detail: String) -> Response {
        Self { kind: "about:blank", title, status: status.as_u16(), detail }.response(status)
    }

    /// The same of a failure that nobody has put into words yet: what the router says itself.
    pub(crate) fn unsaid(response: Response) -> Response {
        let status = response.status();
        let is_plain = response.headers().get(header::CONTENT_TYPE).is_none_or(|it| {
            let kind = it.as_bytes();
            !kind.starts_with(b"application/") && !kind.starts_with(b"text/event-stream")
        });
        let is_failure = status.is_client_error() || status.is_server_error();
        if !is_plain || !is_failure {
            return response;
        }
        let (title, detail) = match status {
            StatusCode::NOT_FOUND => ("There is no such way", "openapi.json describes those that there are."),
            StatusCode::METHOD_NOT_ALLOWED => ("Not that way", "Allow says which methods it takes."),
            StatusCode::PAYLOAD_TOO_LARGE => {
                (Failure::TooLong.title(), "It is longer than what is taken here.")
            }
            _ if status.is_server_error() => ("Something failed inside", "It was written down. Try again."),
            _ => {
                ("That was not understood", "Something in the address, or a header, is not as it should be.")
            }
        };
        let problem = Self { kind: "about:blank", title, status: status.as_u16(), detail: detail.to_owned() };
        let mut said = problem.response(status);
        // What else was said stays: which methods there are, when to come again.
        for (name, value) in response.headers() {
            if ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name) {
                said.headers_mut().append(name, value.clone());
            }
        }
        said
    }

    fn response(self, status: StatusCode) -> Response {
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// A tag as it is sent.
pub(crate) fn quoted(tag: &str) -> String {
    format!("\"{tag}\"")
}

/// An object with its tag.
pub(crate) fn tagged(value: &impl Serialize, tag: &str) -> Response {
    let mut response = Json(value).into_response();
    set(&mut response, header::ETAG, tag);
    response
}

/// An object that was made, its tag if it has one, and where it is.
pub(crate) fn made(value: &impl Serialize, tag: Option<&str>, place: &str) -> Response {
    let mut response = (StatusCode::CREATED, Json(value)).into_response();
    if let Some(tag) = tag {
        set(&mut response, header::ETAG, tag);
    }
    set(&mut response, header::LOCATION, place);
    response
}

/// Puts a header there; a text that no header can hold is left out.
pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The name of the object that the same request made before, or why it failed.
pub(crate) fn again(error: cases::io::store::Error) -> Result<String, Failure> {
    match error {
        cases::io::store::Error::Repeated { reference, is_same: true } => Ok(reference),
        error => Err(error.into()),
    }
}
