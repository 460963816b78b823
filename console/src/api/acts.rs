//! What is done with one case. Each act says which version of it was seen.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use cases::case::Feedback;
use cases::flow::Reason;
use cases::io::store::{Desk, Done, Visible};
use cases::{Case, CaseNumber};
use serde::Deserialize;
use utoipa::ToSchema;

use super::cases::{find, shown};
use super::shown::CaseShown;
use super::taken::{Body, Seen, line, optional, whole};
use super::told::made;
use super::words;
use crate::Service;
use crate::access::Viewer;
use crate::case::parse;
use crate::failure::Failure;

/// A step on the way of a case.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// Which: one of `steps` of the case.
    #[schema(schema_with = words::step)]
    pub(super) step: String,
    /// Words for the history.
    #[serde(default)]
    #[schema(max_length = 20000)]
    pub(super) text: String,
}

/// Words.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    /// They.
    #[schema(min_length = 1, max_length = 20000, pattern = r"\S")]
    text: String,
}

/// Why a case ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Close {
    /// The reason.
    #[schema(schema_with = words::reason)]
    pub(super) reason: Reason,
    /// At least a sentence that says what was found.
    #[schema(min_length = 8, max_length = 20000)]
    pub(super) text: String,
    /// What shall become of the rule after a false positive.
    #[schema(schema_with = words::feedback)]
    #[serde(default)]
    pub(super) feedback: Option<Feedback>,
}

/// Another case.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Other {
    /// Its number.
    #[schema(example = "RW-100001-9", max_length = 40)]
    number: String,
}

/// Alerts, by their ids.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Taken {
    /// Their ids.
    #[schema(min_items = 1, max_items = 500)]
    alerts: Vec<String>,
}

/// Something that was done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undone {
    /// `act` of the line in the history.
    #[schema(minimum = 0, maximum = 9007199254740991_u64)]
    act: u64,
}

/// Goes a step further.
#[utoipa::path(post, path = "/v1/cases/{number}/steps", tag = "Cases", request_body = Step,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn step(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Step>,
) -> Result<Response, Failure> {
    act(&service, &viewer, &number, &seen, Act::Step(&value)).await
}

/// Does the step that is named.
pub(super) async fn take_step(
    desk: &Desk<'_>,
    number: CaseNumber,
    step: &Step,
    done: Done<'_>,
) -> Result<Case, Failure> {
    let signal = words::steps().find(|it| it.name() == step.step);
    let signal = signal.ok_or_else(|| Failure::Wrong("step: there is none of that name".to_owned()))?;
    Ok(desk.step(number, &signal, optional("text", &step.text)?, done).await?)
}

/// Writes a note for the desk. Customers never see it.
#[utoipa::path(post, path = "/v1/cases/{number}/notes", tag = "Cases", request_body = Words,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn note(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Words>,
) -> Result<Response, Failure> {
    let text = whole("text", &value.text)?;
    act(&service, &viewer, &number, &seen, Act::Write(text, Visible::Desk)).await
}

/// Writes to the customer, or as one of its keys to the desk.
#[utoipa::path(post, path = "/v1/cases/{number}/messages", tag = "Cases", request_body = Words,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn message(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Words>,
) -> Result<Response, Failure> {
    let text = whole("text", &value.text)?;
    act(&service, &viewer, &number, &seen, Act::Write(text, Visible::Customer)).await
}

/// Writes down what was found.
#[utoipa::path(post, path = "/v1/cases/{number}/findings", tag = "Cases", request_body = Words,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn findings(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Words>,
) -> Result<Response, Failure> {
    let text = whole("text", &value.text)?;
    act(&service, &viewer, &number, &seen, Act::Find(text)).await
}

/// Ends a case.
#[utoipa::path(post, path = "/v1/cases/{number}/close", tag = "Cases", request_body = Close,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn close(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Close>,
) -> Result<Response, Failure> {
    act(&service, &viewer, &number, &seen, Act::Close(&value)).await
}

/// Ends the case as it is said.
pub(super) async fn end(
    desk: &Desk<'_>,
    number: CaseNumber,
    close: &Close,
    done: Done<'_>,
) -> Result<Case, Failure> {
    let text = whole("text", &close.text)?;
    Ok(desk.close(number, close.reason, text, close.feedback, done).await?)
}

/// Says that another case of the same customer has to do with it.
#[utoipa::path(post, path = "/v1/cases/{number}/links", tag = "Cases", request_body = Other,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn link(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Other>,
) -> Result<Response, Failure> {
    let other = another(&value)?;
    act(&service, &viewer, &number, &seen, Act::Link(other)).await
}

/// Joins another case into this one. The other one ends as a duplicate.
#[utoipa::path(post, path = "/v1/cases/{number}/merge", tag = "Cases", request_body = Other,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn merge(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Other>,
) -> Result<Response, Failure> {
    let other = another(&value)?;
    act(&service, &viewer, &number, &seen, Act::Merge(other)).await
}

/// Takes alerts out of a case into one of their own.
#[utoipa::path(post, path = "/v1/cases/{number}/split", tag = "Cases", request_body = Taken,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 201, description = "The new case.", body = CaseShown,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn split(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Taken>,
) -> Result<Response, Failure> {
    let (book, number) = (service.book()?, parse(&number)?);
    let ids = value.ids()?;
    let now = (service.now)();
    let store = book.store().await?;
    find(store, &viewer, number).await?;
    let desk = store.desk().expecting(number, seen.version(number)?);
    let child = desk.split(number, ids, book.done(&viewer.who, now)).await?;
    let shown = CaseShown::new(book, &child, viewer.is_of_desk(), now);
    Ok(made(&shown, Some(&shown.tag()), &shown.place()))
}

/// Has alerts that other cases of the customer count stand in it as well.
#[utoipa::path(post, path = "/v1/cases/{number}/attach", tag = "Cases", request_body = Taken,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn attach(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Taken>,
) -> Result<Response, Failure> {
    act(&service, &viewer, &number, &seen, Act::Attach(value.ids()?)).await
}

/// Takes alerts that are in several cases out of this one.
#[utoipa::path(post, path = "/v1/cases/{number}/detach", tag = "Cases", request_body = Taken,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn detach(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Taken>,
) -> Result<Response, Failure> {
    act(&service, &viewer, &number, &seen, Act::Detach(value.ids()?)).await
}

/// Takes back a joining, a taking out, an attaching or detaching, for 30 days. What happened since may make it impossible: the
/// problem says what.
#[utoipa::path(post, path = "/v1/cases/{number}/undo", tag = "Cases", request_body = Undone,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn undo(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
    Body { value, .. }: Body<Undone>,
) -> Result<Response, Failure> {
    act(&service, &viewer, &number, &seen, Act::Undo(value.act)).await
}

/// Has alerts that are like its own join it from now on, whoever calls: of the same rule, with what all of them have in common.
#[utoipa::path(post, path = "/v1/cases/{number}/group", tag = "Cases",
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn group(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
) -> Result<Response, Failure> {
    act(&service, &viewer, &number, &seen, Act::Group).await
}

/// Ends that: each caller is a case again.
#[utoipa::path(post, path = "/v1/cases/{number}/ungroup", tag = "Cases",
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The case as it stands then.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn ungroup(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    seen: Seen,
) -> Result<Response, Failure> {
    act(&service, &viewer, &number, &seen, Act::Ungroup).await
}

impl Taken {
    fn ids(&self) -> Result<&[String], Failure> {
        if self.alerts.len() > ALERTS_MAX {
            return Err(Failure::Wrong(format!("alerts: more than {ALERTS_MAX}")));
        }
        for id in &self.alerts {
            line("alerts", id)?;
        }
        Ok(&self.alerts)
    }
}

/// What is done with a case.
enum Act<'a> {
    Step(&'a Step),
    Write(&'a str, Visible),
    Find(&'a str),
    Close(&'a Close),
    /// The other one may be at any version.
    Link(CaseNumber),
    Merge(CaseNumber),
    Attach(&'a [String]),
    Detach(&'a [String]),
    Undo(u64),
    Group,
    Ungroup,
}

/// Does something with a case that is theirs, as it was seen.
async fn act(
    service: &Service,
    viewer: &Viewer,
    number: &str,
    seen: &Seen,
    act: Act<'_>,
) -> Result<Response, Failure> {
    let (book, number) = (service.book()?, parse(number)?);
    let store = book.store().await?;
    // Whose it is comes first: of another's case not even the version is told.
    find(store, viewer, number).await?;
    let desk = store.desk().expecting(number, seen.version(number)?);
    let done = book.done(&viewer.who, (service.now)());
    let case = match act {
        Act::Step(step) => take_step(&desk, number, step, done).await?,
        Act::Write(text, visible) => desk.note(number, text, visible, done).await?,
        Act::Find(text) => desk.find(number, text, done).await?,
        Act::Close(close) => end(&desk, number, close, done).await?,
        Act::Link(other) => desk.link(number, other, done).await?,
        Act::Merge(other) => desk.merge(number, other, done).await?,
        Act::Attach(ids) => desk.attach(number, ids, done).await?,
        Act::Detach(ids) => desk.detach(number, ids, done).await?,
        Act::Undo(act) => desk.take_back(number, act, done).await?,
        Act::Group => desk.group(number, done).await?,
        Act::Ungroup => desk.ungroup(number, done).await?,
    };
    shown(service, viewer, &case)
}

fn another(other: &Other) -> Result<CaseNumber, Failure> {
    other.number.parse().map_err(|error: cases::case_number::Mistyped| Failure::Wrong(error.to_string()))
}

const ALERTS_MAX: usize = 500;
