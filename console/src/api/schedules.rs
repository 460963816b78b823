//! `/v1/schedules`: reports that run by themselves, their runs, and the files of these.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use cases::account::Side;
use cases::schedule::{Format, Run, RunState, Schedule, may_read};
use reporter::rfc3339;
use rules::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::taken::{Paging, Params};
use super::told::{Page, tag_of, tagged};
use super::{COUNT_MAX, words};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;

/// A report that runs by itself.
#[derive(Serialize, ToSchema)]
#[schema(as = Schedule)]
pub(crate) struct ScheduleShown {
    /// What names it: the same one added twice is one.
    id: String,
    /// Whose.
    customer: String,
    /// The report in the catalogue.
    report: String,
    /// What it is written as.
    #[schema(schema_with = words::format)]
    format: Format,
    /// When it runs, such as `weekly mon 07:00`.
    when: String,
    /// Which days each run is about, such as `7 days`.
    span: String,
    /// The customer's zone.
    zone: String,
    /// Who is to get it.
    recipients: Vec<String>,
    /// Whether an authoriser of the customer said yes to recipients outside.
    authorised: bool,
    /// When it runs next; none when it does not.
    #[schema(format = DateTime)]
    next: Option<String>,
}

/// One run of a schedule.
#[derive(Serialize, ToSchema)]
#[schema(as = Run)]
pub(crate) struct RunShown {
    /// The schedule and the time.
    id: String,
    /// Its schedule.
    schedule: String,
    /// When it is to be there: what names it below its schedule.
    #[schema(format = DateTime)]
    due: String,
    /// Where it stands.
    #[schema(schema_with = words::run_state)]
    state: RunState,
    /// What came of it, the oldest first.
    words: Vec<String>,
    /// What it made.
    files: Vec<FileShown>,
}

/// A file that a run made.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportFile)]
struct FileShown {
    /// Its name.
    name: String,
    /// What it is.
    media_type: String,
    /// How long it is.
    bytes: u64,
    /// SHA-256 of it.
    sha256: String,
    /// Whether it tells of single calls.
    holds_calls: bool,
}

/// Schedules, by id.
#[utoipa::path(get, path = "/v1/schedules", tag = "Reports", params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<ScheduleShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let mut all = service.book()?.store().await?.desk().schedules(viewer.customer()).await?;
    all.sort_by(|one, other| one.0.id.cmp(&other.0.id));
    let all = all.iter().map(|(schedule, next)| ScheduleShown::new(schedule, *next)).collect();
    Ok(Page::of(all, &paging, |it: &ScheduleShown| it.id.clone())?.answer())
}

/// One schedule.
#[utoipa::path(get, path = "/v1/schedules/{id}", tag = "Reports", params(("id" = String, Path)),
    responses((status = 200, description = "The schedule.", body = ScheduleShown, headers(("ETag" = String)))))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let (schedule, next) = find(&service, &viewer, &id).await?;
    let shown = ScheduleShown::new(&schedule, next);
    Ok(tagged(&shown, &tag_of(&schedule)))
}

/// Runs of a schedule, the latest first, 200 at most.
#[utoipa::path(get, path = "/v1/schedules/{id}/runs", tag = "Reports", params(("id" = String, Path)),
    responses((status = 200, description = "They.", body = Page<RunShown>)))]
pub(crate) async fn runs(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    find(&service, &viewer, &id).await?;
    let runs = service.book()?.store().await?.desk().runs(Some(&id), COUNT_MAX).await?;
    Ok(Page { items: runs.iter().map(RunShown::new).collect(), next: None }.answer())
}

/// A file of a run. That it was fetched is written down.
#[utoipa::path(get, path = "/v1/schedules/{id}/runs/{due}/files/{name}", tag = "Reports",
    params(("id" = String, Path), ("due" = String, Path), ("name" = String, Path)),
    responses((status = 200, description = "Its bytes.", content_type = "application/octet-stream", body = Vec<u8>)))]
pub(crate) async fn file(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((id, due, name)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let (schedule, _) = find(&service, &viewer, &id).await?;
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let now = (service.now)();
    // Who of the customer's people may read reports stands in its registration (P-5).
    if let Some(Side::Contact { customer, name }) = viewer.account.as_ref().map(|account| &account.side) {
        let registration = desk.registration(customer).await?;
        let address = registration.person(name).and_then(|person| person.addresses.first());
        let address = address.ok_or(Failure::NotFound)?;
        if let Err(why) = may_read(&registration, address, schedule.authorised.is_some(), now) {
            return Err(Failure::Forbidden(format!("{name} {why}.")));
        }
    }
    let run = desk.run_of(&format!("{id}/{due}")).await?.ok_or(Failure::NotFound)?;
    let kept = run.files.iter().find(|file| file.name == name).ok_or(Failure::NotFound)?;
    let bytes = desk.report_file(&run.id, &name).await?.ok_or(Failure::NotFound)?;
    desk.note_fetch(&run, &name, book.done(&viewer.who, now)).await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    // Never shown as a page of ours: it is kept, not opened.
    let kind = HeaderValue::from_str(&kept.media_type);
    headers
        .insert(header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    Ok(response)
}

async fn find(
    service: &Service,
    viewer: &Viewer,
    id: &str,
) -> Result<(Schedule, Option<Timestamp>), Failure> {
    let all = service.book()?.store().await?.desk().schedules(viewer.customer()).await?;
    all.into_iter().find(|(schedule, _)| schedule.id == id).ok_or(Failure::NotFound)
}

impl ScheduleShown {
    fn new(schedule: &Schedule, next: Option<Timestamp>) -> Self {
        Self {
            id: schedule.id.clone(),
            customer: schedule.customer.clone(),
            report: schedule.report.clone(),
            format: schedule.format,
            when: schedule.when.to_string(),
            span: schedule.span.to_string(),
            zone: schedule.zone.clone(),
            recipients: schedule.recipients.clone(),
            authorised: schedule.authorised.is_some(),
            next: next.map(rfc3339),
        }
    }
}

impl RunShown {
    fn new(run: &Run) -> Self {
        let due = run.id.rsplit_once('/').map_or("", |(_, due)| due);
        Self {
            id: run.id.clone(),
            schedule: run.schedule.clone(),
            due: due.to_owned(),
            state: run.state,
            words: run.words.clone(),
            files: run
                .files
                .iter()
                .map(|file| FileShown {
                    name: file.name.clone(),
                    media_type: file.media_type.clone(),
                    bytes: file.bytes,
                    sha256: file.sha256.clone(),
                    holds_calls: file.holds_calls,
                })
                .collect(),
        }
    }
}
