//! What is taken in: bodies, parameters, the version that was seen, the name of a request that may come twice.

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use cases::CaseNumber;
use cases::io::store::Once;
use rules::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use utoipa::IntoParams;

use super::{BODY_BYTES_MAX, COUNT, COUNT_MAX, LINE_CHARACTERS_MAX, TEXT_CHARACTERS_MAX};
use crate::failure::Failure;

/// A JSON body, and a hash of its bytes and of where it went.
pub(crate) struct Body<T> {
    pub(crate) value: T,
    pub(crate) print: String,
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let kind = text(request.headers(), header::CONTENT_TYPE.as_str()).unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            return Err(Failure::NotJson);
        }
        let place = request.uri().path().to_owned();
        let bytes = to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|_| Failure::TooLong)?;
        let value = serde_json::from_slice(&bytes).map_err(|error| Failure::Wrong(error.to_string()))?;
        let print = print_of([place.as_bytes(), &bytes]);
        Ok(Self { value, print })
    }
}

/// Parameters behind the question mark.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let Query(value) =
            Query::try_from_uri(&parts.uri).map_err(|error| Failure::Wrong(error.body_text()))?;
        Ok(Self(value))
    }
}

/// Which page of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// `next` of the page before.
    #[param(max_length = 500)]
    pub(crate) after: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(crate) count: Option<u32>,
}

impl Paging {
    pub(crate) fn count(&self) -> Result<u32, Failure> {
        count(self.count)
    }
}

pub(crate) fn count(asked: Option<u32>) -> Result<u32, Failure> {
    match asked {
        None => Ok(COUNT),
        Some(count @ 1..=COUNT_MAX) => Ok(count),
        Some(_) => Err(Failure::Wrong(format!("count: 1 to {COUNT_MAX}"))),
    }
}

/// The tag in `If-Match`: what whoever writes has seen (RFC 9110 §13.1.1).
pub(crate) struct Seen(String);

impl<S: Sync> FromRequestParts<S> for Seen {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let seen = text(&parts.headers, header::IF_MATCH.as_str()).map(str::trim);
        match seen {
            // "Whatever is there" is what loses the work of others.
            None | Some("*") => Err(Failure::Unseen),
            Some(tag) => Ok(Self(tag.to_owned())),
        }
    }
}

impl Seen {
    /// The version of a case that it names.
    pub(crate) fn version(&self, number: CaseNumber) -> Result<u64, Failure> {
        let version = self.0.strip_prefix('"').and_then(|it| it.strip_suffix('"')?.parse().ok());
        version.ok_or_else(|| Failure::Stale(format!("{} is no version of {number}", self.0)))
    }

    /// The tag without its quotation marks, for whoever compares it in the transaction that changes the object. One without
    /// them is none, and fits nothing.
    pub(crate) fn tag(&self) -> &str {
        self.0.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or_default()
    }

    /// Whether it names the object as it is, of something that this database does not keep.
    pub(crate) fn check(&self, tag: &str) -> Result<(), Failure> {
        if self.tag() == tag {
            return Ok(());
        }
        Err(Failure::Stale("It was changed by somebody else meanwhile: look again.".to_owned()))
    }
}

/// The name of a request that may come twice (`Idempotency-Key`).
pub(crate) struct Repeatable(Option<String>);

impl<S: Sync> FromRequestParts<S> for Repeatable {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let Some(name) = parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(Self(None)) };
        let name = name.to_str().ok().map(str::trim);
        let name = name.filter(|name| (1..=NAME_BYTES_MAX).contains(&name.len()));
        let wrong = || Failure::Wrong(format!("Idempotency-Key: 1 to {NAME_BYTES_MAX} visible characters"));
        Ok(Self(Some(name.ok_or_else(wrong)?.to_owned())))
    }
}

impl Repeatable {
    /// What the store makes sure of.
    pub(crate) fn once<'a>(&'a self, asker: &'a str, print: &'a str, at: Timestamp) -> Option<Once<'a>> {
        self.0.as_deref().map(|name| Once { asker, name, print, at })
    }
}

/// A moment that somebody wrote.
pub(crate) fn moment(name: &str, text: &str) -> Result<Timestamp, Failure> {
    let moment: jiff::Timestamp = text
        .parse()
        .map_err(|_| Failure::Wrong(format!("{name}: no moment such as 2026-10-05T15:00:00Z")))?;
    Ok(Timestamp(moment.as_microsecond()))
}

/// A text that is there, and no longer than anybody reads.
pub(crate) fn whole<'a>(name: &str, text: &'a str) -> Result<&'a str, Failure> {
    let text = optional(name, text)?;
    if text.is_empty() {
        return Err(Failure::Wrong(format!("{name}: there is nothing in it")));
    }
    Ok(text)
}

/// A text that may be empty.
pub(crate) fn optional<'a>(name: &str, text: &'a str) -> Result<&'a str, Failure> {
    let text = text.trim();
    if text.chars().count() > TEXT_CHARACTERS_MAX {
        return Err(Failure::Wrong(format!("{name}: more than {TEXT_CHARACTERS_MAX} characters")));
    }
    storable(name, text)
}

/// A name or a line.
pub(crate) fn line<'a>(name: &str, text: &'a str) -> Result<&'a str, Failure> {
    let text = whole(name, text)?;
    if text.chars().count() > LINE_CHARACTERS_MAX {
        return Err(Failure::Wrong(format!("{name}: more than {LINE_CHARACTERS_MAX} characters")));
    }
    Ok(text)
}

/// What a database can hold: PostgreSQL keeps no NUL.
pub(crate) fn storable<'a>(name: &str, text: &'a str) -> Result<&'a str, Failure> {
    if text.contains('\0') {
        return Err(Failure::Wrong(format!("{name}: NUL is no character of a text")));
    }
    Ok(text)
}

/// A hash of `parts`, each with its length.
pub(crate) fn print_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
const NAME_BYTES_MAX: usize = 200;
