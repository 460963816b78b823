//! Reports that run by themselves for a customer, and what they made.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use cases::schedule::{Run, Schedule};

use super::{Place, page, shell};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::shell::Shell;
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "portal_reports.html")]
struct Page<'a> {
    shell: Shell<'a>,
    schedules: Vec<Schedule>,
    runs: Vec<(Moment, Run)>,
    /// Whether they may read files.
    may_read: bool,
}

pub(crate) async fn list(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let registration = place.store.registration().await?;
    let is_reader =
        |person: &cases::registry::Person| person.roles.contains(&cases::intake::Role::ReportRecipient);
    let runs = place.store.runs(SHOWN).await?;
    let mut schedules = place.store.schedules().await?;
    schedules.truncate(SHOWN as usize);
    Ok(page(&Page {
        shell: shell(&service, &viewer, "Reports"),
        schedules,
        runs: runs.into_iter().map(|run| (place.moment(run.due), run)).collect(),
        may_read: registration.person(place.contact).is_some_and(is_reader),
    }))
}

/// A file, named by its run (two parts of the address) and itself.
pub(crate) async fn file(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((schedule, due, name)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let fetched = place.store.report_file(&format!("{schedule}/{due}"), &name, place.done()).await?;
    let fetched = fetched.ok_or(Failure::NotFound)?;
    let mut response = fetched.bytes.into_response();
    let headers = response.headers_mut();
    let media = HeaderValue::from_str(&fetched.media_type)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, media);
    let disposition = format!("attachment; filename*=UTF-8''{}", url_part(&fetched.name));
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    Ok(response)
}

const SHOWN: u32 = 60;
