//! Keys of programs: made, listed and removed by who administers the desk.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::Response;
use cases::account::ApiKey;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::Service;
use crate::access::{Viewer, told_at};
use crate::api::keys::{NewKey, make};
use crate::failure::Failure;
use crate::shell::{self, Shell};
use crate::text::Moment;

#[derive(Template)]
#[template(path = "api_keys.html")]
struct Page<'a> {
    shell: Shell<'a>,
    keys: Vec<Shown>,
    customers: Vec<String>,
    /// A key that was just made: it is shown once.
    secret: Option<(String, String)>,
}

struct Shown {
    key: ApiKey,
    expires: Moment,
    is_over: bool,
    used: Option<Moment>,
}

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    show(&service, &viewer, None).await
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    purpose: String,
    #[serde(default)]
    customer: String,
    #[serde(default)]
    may_work: String,
    days: i64,
}

pub(crate) async fn add(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Wanted>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let now = (service.now)();
    let expires = reporter::rfc3339(now.plus_micros(form.days.clamp(0, DAYS_MAX + 1) * DAY_MICROS));
    let customer = Some(form.customer).filter(|name| !name.is_empty());
    let may_work = form.may_work == "yes";
    let new = NewKey { purpose: form.purpose, customer, may_work, expires };
    let (secret, key) = make(&service, &new, &viewer.who, now).await?;
    book.store().await?.desk().add_key(&key, book.done(&viewer.who, now)).await?;
    show(&service, &viewer, Some((key.id, secret))).await
}

#[derive(Deserialize)]
pub(crate) struct Removed {
    id: String,
}

pub(crate) async fn remove(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Removed>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    let key = book.store().await?.desk().remove_key(&form.id, done).await?;
    Ok(told_at("/keys", &format!("{} opens nothing any more.", key.id)))
}

async fn show(
    service: &Service,
    viewer: &Viewer,
    secret: Option<(String, String)>,
) -> Result<Response, Failure> {
    let now = (service.now)();
    let moment = |at| Moment::new(at, &TimeZone::UTC);
    let keys = service.book()?.store().await?.desk().keys().await?;
    let shown = |key: ApiKey| Shown {
        expires: moment(key.expires),
        is_over: now >= key.expires,
        used: key.used.map(moment),
        key,
    };
    let keys = keys.into_iter().map(shown).collect();
    let customers = crate::api::customers::names(service).await?;
    let shell = Shell::of(service, Some(viewer), "Keys of programs");
    Ok(shell::page(&Page { shell, keys, customers, secret }))
}

const DAYS_MAX: i64 = 366;
const DAY_MICROS: i64 = 86_400 * 1_000_000;
