//! `/v1/cases`: what somebody works on.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use cases::case::{Kind, Severity};
use cases::io::store::{Condition, Cursor, Filter, Is, Store};
use cases::{Case, CaseNumber, flow};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::alerts::AlertShown;
use super::shown::{CaseShown, EventShown};
use super::taken::{Body, Paging, Params, Repeatable, count, line};
use super::told::{Page, again, made, tagged};
use super::{COUNT_MAX, words};
use crate::Service;
use crate::access::Viewer;
use crate::case::parse;
use crate::failure::Failure;
use crate::portal::is_theirs_to_see;

/// Which cases.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Of this customer.
    #[param(max_length = 500)]
    customer: Option<String>,
    /// Of this kind.
    #[param(schema_with = words::kind)]
    kind: Option<Kind>,
    /// Standing here, such as `open`.
    #[param(value_type = Option<String>)]
    state: Option<flow::State>,
    /// Of this person; empty for nobody's.
    #[param(max_length = 500)]
    owner: Option<String>,
    /// At least so severe.
    #[param(schema_with = words::severity)]
    severity: Option<Severity>,
    /// With this in the title.
    #[param(max_length = 500)]
    text: Option<String>,
    /// Those that are over, instead of those that are not.
    #[serde(default)]
    over: bool,
    /// `next` of the page before.
    #[param(max_length = 100)]
    after: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    count: Option<u32>,
}

/// Cases: critical ones and those of high priority, then next due first.
#[utoipa::path(get, path = "/v1/cases", tag = "Cases", params(Which),
    responses((status = 200, description = "A page of them.", body = Page<CaseShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Params(which): Params<Which>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let store = book.store().await?;
    let wrong = || Failure::Wrong("after: give `next` of the page before".to_owned());
    let after = which.after.as_deref().map(|text| Cursor::parse(text).ok_or_else(wrong)).transpose()?;
    for text in [&which.customer, &which.owner, &which.text].into_iter().flatten().filter(|it| !it.is_empty())
    {
        line("a filter", text)?;
    }
    let filter = Filter {
        customer: which.customer,
        kind: which.kind,
        state: which.state,
        // Who of the desk works on a case is not the customer's to know.
        owner: which.owner.filter(|_| viewer.is_of_desk()),
        severity: which.severity,
        text: which.text,
        is_over: which.over,
        after,
        count: Some(count(which.count)?),
        ..cases::io::store::Filter::default()
    };
    let page = match viewer.customer() {
        Some(customer) if filter.customer.as_deref().is_some_and(|asked| asked != customer) => {
            cases::io::store::Page::default()
        }
        Some(customer) => {
            // As in the portal: what strangers wrote in their name is the desk's.
            let others = Is::State(flow::State::NOT_OF_CUSTOMERS.to_vec());
            let theirs = Condition { is_not: true, is: others };
            let conditions = [filter.conditions.clone(), vec![theirs]].concat();
            store.customer(customer).list(&Filter { conditions, ..filter.clone() }).await?
        }
        None => store.desk().list(&filter).await?,
    };
    let now = (service.now)();
    let items = page.cases.iter().map(|case| CaseShown::new(book, case, viewer.is_of_desk(), now)).collect();
    Ok(Page { items, next: page.next.map(|next| next.to_string()) }.answer())
}

/// One case. Its ETag is what changes of it are sent with.
#[utoipa::path(get, path = "/v1/cases/{number}", tag = "Cases", params(("number" = String, Path)),
    responses((status = 200, description = "The case.", body = CaseShown, headers(("ETag" = String)))))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
) -> Result<Response, Failure> {
    let case = find(service.book()?.store().await?, &viewer, parse(&number)?).await?;
    shown(&service, &viewer, &case)
}

/// What happened to a case, the oldest first. A customer is not told what the desk wrote for itself.
#[utoipa::path(get, path = "/v1/cases/{number}/history", tag = "Cases",
    params(("number" = String, Path), Paging),
    responses((status = 200, description = "A page of it.", body = Page<EventShown>)))]
pub(crate) async fn history(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let store = service.book()?.store().await?;
    let number = find(store, &viewer, parse(&number)?).await?.number;
    let events = match viewer.customer() {
        Some(customer) => store.customer(customer).events(number).await?,
        None => store.desk().events(number).await?,
    };
    // Nothing is ever taken out of a history: places stay.
    let wrong = || Failure::Wrong("after: give `next` of the page before".to_owned());
    let from = paging.after.as_deref().map_or(Ok(0), |text| text.parse::<usize>().map_err(|_| wrong()))?;
    let to = from.saturating_add(paging.count()? as usize);
    let next = (events.len() > to).then(|| to.to_string());
    let items = events
        .into_iter()
        .skip(from)
        .take(to - from)
        .map(|event| EventShown::new(event, viewer.is_of_desk()))
        .collect();
    Ok(Page { items, next }.answer())
}

/// The latest alerts of a case, as the engine wrote them, 200 at most.
#[utoipa::path(get, path = "/v1/cases/{number}/alerts", tag = "Cases", params(("number" = String, Path)),
    responses((status = 200, description = "They.", body = Page<AlertShown>)))]
pub(crate) async fn alerts(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
) -> Result<Response, Failure> {
    let store = service.book()?.store().await?;
    let case = find(store, &viewer, parse(&number)?).await?;
    let texts = store.desk().alerts(case.number, COUNT_MAX).await?;
    let items = texts.iter().map(|text| AlertShown::of_text(&case, text)).collect();
    Ok(Page { items, next: None }.answer())
}

/// What is asked of the desk.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCase)]
pub(crate) struct New {
    /// Whose it is; a key of a customer may leave it out.
    #[schema(max_length = 500)]
    customer: Option<String>,
    /// What it is about.
    #[schema(schema_with = words::openable)]
    kind: Kind,
    /// One line that says what.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    title: String,
}

/// Opens a case.
#[utoipa::path(post, path = "/v1/cases", tag = "Cases", request_body = New,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "The case, which may be that of the same request before.", body = CaseShown,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn open(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    repeatable: Repeatable,
    Body { value: new, print }: Body<New>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let store = book.store().await?;
    let now = (service.now)();
    if new.kind == Kind::Alert {
        return Err(Failure::Wrong("kind: alerts open their cases themselves".to_owned()));
    }
    let title = line("title", &new.title)?;
    let customer = match (new.customer.as_deref(), viewer.customer()) {
        (Some(asked), Some(own)) if asked != own => return Err(Failure::NotFound),
        (_, Some(own)) => own.to_owned(),
        (Some(asked), None) => known(&service, asked).await?,
        (None, None) => return Err(Failure::Wrong("customer: say whose case it is".to_owned())),
    };
    let desk = store.desk().once(repeatable.once(&viewer.who, &print, now));
    let state = flow::State::New;
    let case = match desk.open(&customer, new.kind, state, title, book.done(&viewer.who, now)).await {
        Ok(case) => case,
        Err(error) => find(store, &viewer, parse(&again(error)?)?).await?,
    };
    let shown = CaseShown::new(book, &case, viewer.is_of_desk(), now);
    Ok(made(&shown, Some(&shown.tag()), &shown.place()))
}

/// The case of this number, if it is theirs to see.
pub(super) async fn find(store: &Store, viewer: &Viewer, number: CaseNumber) -> Result<Case, Failure> {
    match viewer.customer() {
        Some(customer) => {
            let case = store.customer(customer).case(number).await?;
            case.filter(is_theirs_to_see).ok_or(Failure::NotFound)
        }
        None => Ok(store.desk().case(number).await?),
    }
}

/// A case as an answer.
pub(super) fn shown(service: &Service, viewer: &Viewer, case: &Case) -> Result<Response, Failure> {
    let shown = CaseShown::new(service.book()?, case, viewer.is_of_desk(), (service.now)());
    Ok(tagged(&shown, &shown.tag()))
}

/// The name of a customer that there is.
pub(super) async fn known(service: &Service, name: &str) -> Result<String, Failure> {
    let all = super::customers::names(service).await?;
    all.into_iter()
        .find(|it| it == name)
        .ok_or_else(|| Failure::Wrong("customer: there is none of that name".to_owned()))
}
