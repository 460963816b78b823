//! `/v1/keys`: keys of programs (X-5). The key itself is told once, when it is made, and kept as its hash.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use cases::account::{ApiKey, hash_of};
use reporter::rfc3339;
use rules::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::taken::{Body, Paging, Params, Repeatable, Seen, line, moment};
use super::told::{Page, again, made, quoted, tagged};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::session::draw;

/// A key.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyShown {
    /// What it is called by in lists and in the audit.
    id: String,
    /// What it is for.
    purpose: String,
    /// Whose data it reaches; none for all customers.
    customer: Option<String>,
    /// Whether it may change anything.
    may_work: bool,
    /// Who made it.
    made_by: String,
    /// Until when it is good.
    #[schema(format = DateTime)]
    expires: String,
    /// When it was last used, to the minute.
    #[schema(format = DateTime)]
    used: Option<String>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeKey {
    #[serde(flatten)]
    key: KeyShown,
    /// What programs send as `Authorization: Bearer …`. It is told in this answer only; when the same request comes again it
    /// is not in it.
    secret: Option<String>,
}

/// A key that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What it is for.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    pub(crate) purpose: String,
    /// Whose data it reaches; all customers' unless told.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub(crate) customer: Option<String>,
    /// Whether it may change anything.
    #[serde(default)]
    pub(crate) may_work: bool,
    /// Until when it is good: a year from now at most.
    #[schema(format = DateTime)]
    pub(crate) expires: String,
}

/// Keys, by what they are called.
#[utoipa::path(get, path = "/v1/keys", tag = "Keys", params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<KeyShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let keys = service.book()?.store().await?.desk().keys().await?;
    Ok(Page::of(keys.iter().map(KeyShown::new).collect(), &paging, |it| it.id.clone())?.answer())
}

/// One key.
#[utoipa::path(get, path = "/v1/keys/{id}", tag = "Keys", params(("id" = String, Path)),
    responses((status = 200, description = "The key.", body = KeyShown, headers(("ETag" = String)))))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let key = find(&service, &id).await?;
    Ok(tagged(&KeyShown::new(&key), &quoted(&key.tag())))
}

/// Makes a key.
#[utoipa::path(post, path = "/v1/keys", tag = "Keys", request_body = NewKey,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "The key.", body = MadeKey, headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn add(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    repeatable: Repeatable,
    Body { value: new, print }: Body<NewKey>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let now = (service.now)();
    let (secret, key) = make(&service, &new, &viewer.who, now).await?;
    let desk = book.store().await?.desk().once(repeatable.once(&viewer.who, &print, now));
    let (key, secret) = match desk.add_key(&key, book.done(&viewer.who, now)).await {
        Ok(()) => (key, Some(secret)),
        Err(error) => (find(&service, &again(error)?).await?, None),
    };
    let place = format!("/v1/keys/{}", key.id);
    Ok(made(&MadeKey { key: KeyShown::new(&key), secret }, Some(&quoted(&key.tag())), &place))
}

/// Takes a key away: it opens nothing from now on.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "Keys",
    params(("id" = String, Path), ("If-Match" = String, Header)),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn remove(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
    seen: Seen,
) -> Result<StatusCode, Failure> {
    find(&service, &id).await?;
    let book = service.book()?;
    let desk = book.store().await?.desk().seen(seen.tag());
    desk.remove_key(&id, book.done(&viewer.who, (service.now)())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The secret of a new key, and what is kept of it.
pub(crate) async fn make(
    service: &Service,
    new: &NewKey,
    who: &str,
    now: Timestamp,
) -> Result<(String, ApiKey), Failure> {
    let purpose = line("purpose", &new.purpose)?.to_owned();
    let expires = moment("expires", &new.expires)?;
    let left = expires.micros_since(now);
    if left <= 0 || left > YEAR_MICROS {
        return Err(Failure::Wrong("expires: between now and a year from now".to_owned()));
    }
    let customer = match new.customer.as_deref() {
        Some(name) => Some(super::cases::known(service, name).await?),
        None => None,
    };
    // What it is called by is no secret, and says nothing of the secret.
    let (secret, name) = (draw()?, draw()?);
    let id = format!("K-{}", name.get(..8).unwrap_or(&name));
    let secret = format!("rw_{secret}");
    let hash = hash_of(&secret);
    let made_by = who.to_owned();
    let may_work = new.may_work;
    Ok((secret, ApiKey { id, purpose, hash, customer, may_work, made_by, expires, used: None }))
}

async fn find(service: &Service, id: &str) -> Result<ApiKey, Failure> {
    let keys = service.book()?.store().await?.desk().keys().await?;
    keys.into_iter().find(|key| key.id == id).ok_or(Failure::NotFound)
}

impl KeyShown {
    fn new(key: &ApiKey) -> Self {
        Self {
            id: key.id.clone(),
            purpose: key.purpose.clone(),
            customer: key.customer.clone(),
            may_work: key.may_work,
            made_by: key.made_by.clone(),
            expires: rfc3339(key.expires),
            used: key.used.map(rfc3339),
        }
    }
}

/// 366 days: a year from the day, whichever year it is.
pub(crate) const YEAR_MICROS: i64 = 366 * 86_400 * 1_000_000;
