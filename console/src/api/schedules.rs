//! `/v1/schedules`: reports that run by themselves, their runs, and the files of these.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cases::account::Side;
use cases::intake::Direction;
use cases::schedule::{Format, KeptFile, Run, RunState, Schedule, Span, When, may_read};
use reporter::rfc3339;
use rules::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::taken::{Body, Paging, Params, Repeatable, Seen, line};
use super::told::{Page, again, made, quoted, set, tagged};
use super::{COUNT_MAX, words};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::office::wish::{Wish, direction, numbers};

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
    /// Which way the calls went that it shows: `inbound`, `outbound` or `both`.
    direction: String,
    /// Numbers that it is about, E.164; all without any.
    numbers: Vec<String>,
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

/// A report that is wanted time after time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSchedule {
    /// Whose.
    #[schema(min_length = 1, max_length = 500)]
    customer: String,
    /// Which: one of `/v1/report-kinds`.
    #[schema(min_length = 1, max_length = 500)]
    report: String,
    /// What it is written as.
    #[schema(schema_with = words::format)]
    format: Format,
    /// When it runs: `once`, `daily 07:00`, `business-days 07:00`, `weekly mon 07:00`, `biweekly mon 07:00`, `monthly 1 07:00`,
    /// `business-day 2 07:00`, `last-business-day 17:00`, `quarterly 07:00` or `cron 0 7 * * 1-5`, in the customer's zone.
    #[schema(min_length = 1, max_length = 500, example = "weekly mon 07:00")]
    when: String,
    /// Which days each run is about, such as `7 days`, `today`, `month`, `quarter` or `2026-03-04..2026-03-10`; what is usual
    /// for `when` unless told.
    #[serde(default)]
    #[schema(max_length = 500)]
    span: Option<String>,
    /// Which way the calls went: `inbound`, `outbound` or `both`, which it is unless told.
    #[serde(default)]
    #[schema(max_length = 20)]
    direction: String,
    /// Numbers that it is about, E.164 with a plus; all unless told.
    #[serde(default)]
    #[schema(max_items = 100)]
    numbers: Vec<String>,
    /// Mail addresses of those who are to get it. Who of them may is asked at each run.
    #[schema(min_items = 1)]
    recipients: Vec<String>,
}

impl NewSchedule {
    fn wish(self) -> Result<Wish, Failure> {
        let when: When = line("when", &self.when)?.parse().map_err(Failure::Wrong)?;
        let span = match self.span.as_deref() {
            None => Span::usual(&when),
            Some(span) => line("span", span)?.parse().map_err(Failure::Wrong)?,
        };
        for address in &self.recipients {
            line("recipients", address)?;
        }
        if self.recipients.is_empty() {
            return Err(Failure::Wrong("recipients: somebody has to get it".to_owned()));
        }
        Ok(Wish {
            format: self.format,
            when,
            span,
            direction: direction(&self.direction)?,
            numbers: numbers(&self.numbers.join(","))?,
            recipients: self.recipients,
            customer: line("customer", &self.customer)?.to_owned(),
            report: line("report", &self.report)?.to_owned(),
        })
    }
}

/// Who said yes to recipients outside.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authorised {
    /// An authoriser of the customer, by their name in its registration.
    #[schema(min_length = 1, max_length = 500)]
    contact: String,
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
pub(super) struct FileShown {
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
    Ok(tagged(&ScheduleShown::new(&schedule, next), &quoted(&schedule.tag())))
}

/// Adds a schedule. The same one added twice is one: the second time is refused.
#[utoipa::path(post, path = "/v1/schedules", tag = "Reports", request_body = NewSchedule,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "The schedule.", body = ScheduleShown,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn add(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    repeatable: Repeatable,
    Body { value, print }: Body<NewSchedule>,
) -> Result<Response, Failure> {
    let (book, now) = (service.book()?, (service.now)());
    let schedule = value.wish()?.schedule(&service, &viewer.who).await?;
    let desk = book.store().await?.desk().once(repeatable.once(&viewer.who, &print, now));
    let (schedule, next) = match desk.add_schedule(&schedule, book.done(&viewer.who, now)).await {
        Ok(_) => find(&service, &viewer, &schedule.id).await?,
        Err(error) => find(&service, &viewer, &again(error)?).await?,
    };
    let place = format!("/v1/schedules/{}", schedule.id);
    Ok(made(&ScheduleShown::new(&schedule, next), Some(&quoted(&schedule.tag())), &place))
}

/// Puts another schedule of the same customer in its place. It has another id from then on, as that says what it does; what was
/// made by the old one stays. An authoriser's yes to recipients outside counts on while the report and they are the same.
#[utoipa::path(put, path = "/v1/schedules/{id}", tag = "Reports", request_body = NewSchedule,
    params(("id" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The schedule as it is now.", body = ScheduleShown,
        headers(("ETag" = String), ("Content-Location" = String)))))]
pub(crate) async fn change(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<NewSchedule>,
) -> Result<Response, Failure> {
    find(&service, &viewer, &id).await?;
    let (book, now) = (service.book()?, (service.now)());
    let new = value.wish()?.schedule(&service, &viewer.who).await?;
    let desk = book.store().await?.desk().seen(seen.tag());
    let schedule = desk.replace_schedule(&id, new, book.done(&viewer.who, now)).await?;
    let (schedule, next) = find(&service, &viewer, &schedule.id).await?;
    let mut response = tagged(&ScheduleShown::new(&schedule, next), &quoted(&schedule.tag()));
    set(&mut response, header::CONTENT_LOCATION, &format!("/v1/schedules/{}", schedule.id));
    Ok(response)
}

/// Removes a schedule, with its runs that have not begun. What it made stays.
#[utoipa::path(delete, path = "/v1/schedules/{id}", tag = "Reports",
    params(("id" = String, Path), ("If-Match" = String, Header)),
    responses((status = 204, description = "It runs no more.")))]
pub(crate) async fn remove(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
    seen: Seen,
) -> Result<StatusCode, Failure> {
    find(&service, &viewer, &id).await?;
    let book = service.book()?;
    let desk = book.store().await?.desk().seen(seen.tag());
    desk.remove_schedule(&id, book.done(&viewer.who, (service.now)())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes down that an authoriser of the customer said yes to recipients outside (P-7).
#[utoipa::path(post, path = "/v1/schedules/{id}/authorise", tag = "Reports", request_body = Authorised,
    params(("id" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The schedule.", body = ScheduleShown, headers(("ETag" = String)))))]
pub(crate) async fn authorise(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Authorised>,
) -> Result<Response, Failure> {
    find(&service, &viewer, &id).await?;
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    let desk = book.store().await?.desk().seen(seen.tag());
    desk.authorise_schedule(&id, line("contact", &value.contact)?, done).await?;
    let (schedule, next) = find(&service, &viewer, &id).await?;
    Ok(tagged(&ScheduleShown::new(&schedule, next), &quoted(&schedule.tag())))
}

/// Has a schedule run now, about the days of now. It is made, and goes to whom it goes to.
#[utoipa::path(post, path = "/v1/schedules/{id}/runs", tag = "Reports",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "The run, which waits to be made.", body = RunShown,
        headers(("Location" = String)))))]
pub(crate) async fn run(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
    repeatable: Repeatable,
) -> Result<Response, Failure> {
    find(&service, &viewer, &id).await?;
    let (book, now) = (service.book()?, (service.now)());
    let print = format!("run {id}");
    let desk = book.store().await?.desk().once(repeatable.once(&viewer.who, &print, now));
    let run = match desk.run_schedule(&id, now, book.done(&viewer.who, now)).await {
        Ok(run) => run,
        Err(error) => {
            let before = again(error)?;
            book.store().await?.desk().run_of(&before).await?.ok_or(Failure::NotFound)?
        }
    };
    Ok(run_made(&run))
}

/// A run that is there now, and where it is.
fn run_made(run: &Run) -> Response {
    let shown = RunShown::new(run);
    let place = format!("/v1/schedules/{}/runs/{}", shown.schedule, shown.due);
    // It changes by itself, and by nobody: it has no tag.
    made(&shown, None, &place)
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

/// One run of a schedule, by when it is to be there.
#[utoipa::path(get, path = "/v1/schedules/{id}/runs/{due}", tag = "Reports",
    params(("id" = String, Path), ("due" = String, Path)),
    responses((status = 200, description = "The run.", body = RunShown)))]
pub(crate) async fn one_run(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((id, due)): Path<(String, String)>,
) -> Result<Json<RunShown>, Failure> {
    find(&service, &viewer, &id).await?;
    let run = service.book()?.store().await?.desk().run_of(&format!("{id}/{due}")).await?;
    Ok(Json(RunShown::new(&run.ok_or(Failure::NotFound)?)))
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
    let desk = service.book()?.store().await?.desk();
    let now = (service.now)();
    // Who of the customer's people may read reports stands in its registration (P-5).
    // No key reads in a customer's name what whoever made it may not.
    let reader = match &viewer.account {
        Some(account) => Some(account.clone()),
        None => {
            let key = desk.keys().await?.into_iter().find(|key| viewer.who == format!("key:{}", key.id));
            match key {
                Some(key) => desk.account(&key.made_by).await?,
                None => None,
            }
        }
    };
    if let Some(Side::Contact { customer, name }) = reader.as_ref().map(|account| &account.side) {
        let registration = desk.registration(customer).await?;
        let address = registration.person(name).and_then(|person| person.addresses.first());
        let address = address.ok_or(Failure::NotFound)?;
        if let Err(why) = may_read(&registration, address, schedule.authorised.is_some(), now) {
            return Err(Failure::Forbidden(format!("{name} {why}.")));
        }
    }
    let run = desk.run_of(&format!("{id}/{due}")).await?.ok_or(Failure::NotFound)?;
    sent(&service, &viewer, &run, &name).await
}

/// A file of `run`, which `viewer` may read. That it was fetched is written down.
pub(super) async fn sent(
    service: &Service,
    viewer: &Viewer,
    run: &Run,
    name: &str,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let kept = run.files.iter().find(|file| file.name == name).ok_or(Failure::NotFound)?;
    let bytes = desk.report_file(&run.id, name).await?.ok_or(Failure::NotFound)?;
    desk.note_fetch(run, name, book.done(&viewer.who, (service.now)())).await?;
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
            direction: word_of(schedule.which.direction),
            numbers: schedule.which.numbers.clone(),
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
            files: run.files.iter().map(FileShown::new).collect(),
        }
    }
}

impl FileShown {
    pub(super) fn new(file: &KeptFile) -> Self {
        Self {
            name: file.name.clone(),
            media_type: file.media_type.clone(),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
            holds_calls: file.holds_calls,
        }
    }
}

pub(super) fn word_of(direction: Direction) -> String {
    let word = match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
        Direction::Both => "both",
    };
    word.to_owned()
}
