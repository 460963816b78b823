//! Keys of programs: made, listed and removed by who administers the desk, and, of their own customer, by authorisers.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::Response;
use cases::account::{ApiKey, Right};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::Service;
use crate::access::{Viewer, told_at};
use crate::api::keys::{NewKey, make};
use crate::failure::Failure;
use crate::portal::{needs, needs_factor};
use crate::shell::{self, Shell};
use crate::text::Moment;

#[derive(Template)]
#[template(path = "api_keys.html")]
struct Page<'a> {
    shell: Shell<'a>,
    /// Where this page is.
    place: &'static str,
    /// Whose keys they are; `None` for all of them.
    customer: Option<&'a str>,
    /// Whether whoever looks may make and remove some.
    may: bool,
    /// Whether what they make may change anything.
    may_change: bool,
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
    if form.purpose.trim().is_empty() {
        return Err(Failure::Wrong("Say what it is for. No key was made.".to_owned()));
    }
    let book = service.book()?;
    let now = (service.now)();
    let expires = reporter::rfc3339(now.plus_micros(form.days.clamp(0, DAYS_MAX + 1) * DAY_MICROS));
    let may_work = form.may_work == "yes";
    let customer = match viewer.customer() {
        // No key does in a customer's name what whoever makes it may not.
        Some(own) => {
            needs_factor(&viewer)?;
            if may_work {
                needs(&viewer, Right::Ask)?;
            }
            Some(own.to_owned())
        }
        None => Some(form.customer).filter(|name| !name.is_empty()),
    };
    let new = NewKey { purpose: form.purpose, customer, may_work, expires };
    let who = viewer.contact().unwrap_or(&viewer.who);
    let (secret, key) = make(&service, &new, who, now).await?;
    book.store().await?.desk().add_key(&key, book.done(who, now)).await?;
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
    let desk = book.store().await?.desk();
    if viewer.customer().is_some() {
        let all = desk.keys().await?;
        let is_theirs = |key: &&ApiKey| key.id == form.id && key.customer.as_deref() == viewer.customer();
        all.iter().find(is_theirs).ok_or(Failure::NotFound)?;
        needs_factor(&viewer)?;
    }
    let done = book.done(viewer.contact().unwrap_or(&viewer.who), (service.now)());
    let key = desk.remove_key(&form.id, done).await?;
    Ok(told_at(place(&viewer), &format!("{} opens nothing any more.", key.id)))
}

async fn show(
    service: &Service,
    viewer: &Viewer,
    secret: Option<(String, String)>,
) -> Result<Response, Failure> {
    let now = (service.now)();
    let book = service.book()?;
    let utc = TimeZone::UTC;
    let zone = viewer.customer().map_or(&utc, |own| book.calendar(own).zone());
    let moment = |at| Moment::new(at, zone);
    let mut keys = book.store().await?.desk().keys().await?;
    let customer = viewer.customer();
    keys.retain(|key| customer.is_none() || key.customer.as_deref() == customer);
    let shown = |key: ApiKey| Shown {
        expires: moment(key.expires),
        is_over: now >= key.expires,
        used: key.used.map(moment),
        key,
    };
    let keys = keys.into_iter().map(shown).collect();
    let (may, may_change, customers) = match customer {
        Some(_) => (viewer.may_authorise() && viewer.has_shown_factor(), viewer.may_ask(), Vec::new()),
        None => (true, true, crate::api::customers::names(service).await?),
    };
    let shell = Shell::of(service, Some(viewer), "Keys of programs");
    let place = place(viewer);
    Ok(shell::page(&Page { shell, place, customer, may, may_change, keys, customers, secret }))
}

/// Where keys are on the side of whoever looks.
const fn place(viewer: &Viewer) -> &'static str {
    if viewer.is_of_desk() { "/keys" } else { "/portal/keys" }
}

const DAYS_MAX: i64 = 366;
const DAY_MICROS: i64 = 86_400 * 1_000_000;
