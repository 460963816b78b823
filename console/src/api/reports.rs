//! `/v1/reports`: reports that the desk orders to look at, once. They go to nobody, and no customer sees them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use cases::schedule::{Format, Run, RunState, Schedule, When};
use reporter::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schedules::{FileShown, sent, word_of};
use super::taken::{Body, Repeatable, line};
use super::told::{Page, again, made};
use super::{COUNT_MAX, words};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::office::reports::orders;
use crate::office::wish::{Wish, direction, numbers};
use crate::question::ask;

/// A report that can be ordered.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportKind)]
pub(crate) struct KindShown {
    /// By which it is ordered.
    name: String,
    /// What it is for.
    about: String,
    /// What it can be written as.
    #[schema(value_type = Vec<String>)]
    formats: Vec<Format>,
    /// Whether it is about one number, which has to be given.
    wants_number: bool,
}

/// A report that somebody ordered.
#[derive(Serialize, ToSchema)]
#[schema(as = Report)]
pub(crate) struct ReportShown {
    /// What names it.
    #[schema(example = "RO-1f0c22ab")]
    id: String,
    /// Whose.
    customer: String,
    /// Which.
    report: String,
    /// What it is written as.
    #[schema(schema_with = words::format)]
    format: Format,
    /// From this moment.
    #[schema(format = DateTime)]
    from: String,
    /// Up to this one, exclusive.
    #[schema(format = DateTime)]
    to: String,
    /// Which way the calls went that it shows: `inbound`, `outbound` or `both`.
    direction: String,
    /// Numbers that it is about; all without any.
    numbers: Vec<String>,
    /// Who ordered it.
    by: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Where it stands.
    #[schema(schema_with = words::run_state)]
    state: RunState,
    /// What came of it, the oldest first.
    words: Vec<String>,
    /// What it made.
    files: Vec<FileShown>,
}

/// A report that is wanted once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReport {
    /// Whose.
    #[schema(min_length = 1, max_length = 500)]
    customer: String,
    /// Which: one of `/v1/report-kinds`.
    #[schema(min_length = 1, max_length = 500)]
    report: String,
    /// What it is written as.
    #[schema(schema_with = words::format)]
    format: Format,
    /// The first day, in the customer's zone.
    #[schema(format = Date)]
    from: String,
    /// The last day.
    #[schema(format = Date)]
    to: String,
    /// Which way the calls went: `inbound`, `outbound` or `both`, which it is unless told.
    #[serde(default)]
    #[schema(max_length = 20)]
    direction: String,
    /// Numbers that it is about, E.164 with a plus; all unless told.
    #[serde(default)]
    #[schema(max_items = 100)]
    numbers: Vec<String>,
}

/// Reports that can be ordered, or scheduled.
#[utoipa::path(get, path = "/v1/report-kinds", tag = "Reports",
    responses((status = 200, description = "They.", body = Page<KindShown>)))]
pub(crate) async fn kinds(State(service): State<Arc<Service>>) -> Result<Response, Failure> {
    let catalogue = ask(&service.questions.office.catalogue, ()).await?;
    let kinds = catalogue.reports.into_iter().map(|kind| KindShown {
        name: kind.name.to_owned(),
        about: kind.about.to_owned(),
        formats: kind.formats,
        wants_number: kind.wants_number,
    });
    Ok(Page { items: kinds.collect(), next: None }.answer())
}

/// Reports that were ordered, the latest first, 200 at most.
#[utoipa::path(get, path = "/v1/reports", tag = "Reports",
    responses((status = 200, description = "They.", body = Page<ReportShown>)))]
pub(crate) async fn list(State(service): State<Arc<Service>>) -> Result<Response, Failure> {
    let all = service.book()?.store().await?.desk().ordered_reports(COUNT_MAX).await?;
    let items = all.iter().map(|(schedule, run)| ReportShown::new(schedule, run)).collect();
    Ok(Page { items, next: None }.answer())
}

/// One report that was ordered.
#[utoipa::path(get, path = "/v1/reports/{id}", tag = "Reports", params(("id" = String, Path)),
    responses((status = 200, description = "The report.", body = ReportShown)))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<ReportShown>, Failure> {
    let (schedule, run) = find(&service, &id).await?;
    Ok(Json(ReportShown::new(&schedule, &run)))
}

/// Orders a report. It is made as soon as there is time; read it again to see where it stands.
#[utoipa::path(post, path = "/v1/reports", tag = "Reports", request_body = NewReport,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "The report, which waits to be made.", body = ReportShown,
        headers(("Location" = String)))))]
pub(crate) async fn order(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    repeatable: Repeatable,
    Body { value, print }: Body<NewReport>,
) -> Result<Response, Failure> {
    orders(&viewer)?;
    let span = format!("{}..{}", line("from", &value.from)?, line("to", &value.to)?);
    let wish = Wish {
        format: value.format,
        when: When::Once,
        span: span.parse().map_err(Failure::Wrong)?,
        direction: direction(&value.direction)?,
        numbers: numbers(&value.numbers.join(","))?,
        recipients: Vec::new(),
        customer: line("customer", &value.customer)?.to_owned(),
        report: line("report", &value.report)?.to_owned(),
    };
    let (book, now) = (service.book()?, (service.now)());
    let schedule = wish.schedule(&service, &viewer.who).await?;
    let desk = book.store().await?.desk().once(repeatable.once(&viewer.who, &print, now));
    let id = match desk.order_report(schedule, book.done(&viewer.who, now)).await {
        Ok(run) => run.schedule,
        Err(error) => again(error)?,
    };
    let (schedule, run) = find(&service, &id).await?;
    Ok(made(&ReportShown::new(&schedule, &run), None, &format!("/v1/reports/{id}")))
}

/// A file of a report that was ordered. That it was fetched is written down.
#[utoipa::path(get, path = "/v1/reports/{id}/files/{name}", tag = "Reports",
    params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 200, description = "Its bytes.", content_type = "application/octet-stream", body = Vec<u8>)))]
pub(crate) async fn file(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let (_, run) = find(&service, &id).await?;
    sent(&service, &viewer, &run, &name).await
}

async fn find(service: &Service, id: &str) -> Result<(Schedule, Run), Failure> {
    service.book()?.store().await?.desk().ordered_report(id).await?.ok_or(Failure::NotFound)
}

impl ReportShown {
    fn new(schedule: &Schedule, run: &Run) -> Self {
        Self {
            id: schedule.id.clone(),
            customer: schedule.customer.clone(),
            report: schedule.report.clone(),
            format: schedule.format,
            from: rfc3339(run.covered.from),
            to: rfc3339(run.covered.to),
            direction: word_of(schedule.which.direction),
            numbers: schedule.which.numbers.clone(),
            by: schedule.by.clone(),
            at: rfc3339(schedule.at),
            state: run.state,
            words: run.words.clone(),
            files: run.files.iter().map(FileShown::new).collect(),
        }
    }
}
