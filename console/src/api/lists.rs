//! `/v1/lists`: lists of policies in force, what is on them, and what comes and goes. A change goes the way that it goes from the
//! console: at once, or, where the customer has to agree, through a case that asks those who may say yes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::outside::{Outcome, once};
use super::taken::{Body, Paging, Params, Repeatable, count, line, optional, storable};
use super::told::Page;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::known::{EntriesWanted, Entry, List, ListChange};
use crate::question::ask;

/// A list.
#[derive(Serialize, ToSchema)]
#[schema(as = List)]
pub(crate) struct ListShown {
    /// Whose.
    customer: String,
    /// Its name.
    name: String,
    /// `numbers`, `texts` or `networks`.
    kind: &'static str,
    /// How many entries.
    entries: usize,
    /// Whether calls are refused by it.
    refuses: bool,
    /// The files that it is read from; the desk only is told.
    files: Vec<String>,
    /// The feed that fills it; the desk only is told.
    feed: Option<String>,
}

/// An entry of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListEntry)]
pub(crate) struct EntryShown {
    /// A number, prefix, range or wildcard, as it is written.
    entry: String,
    /// Why it is there.
    reason: Option<String>,
    /// The case that it came from.
    case: Option<String>,
    /// Since when.
    added: Option<String>,
    /// The last day on which it counts; none for ever.
    until: Option<String>,
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// With this in the number, the reason or the case.
    #[serde(default)]
    #[param(max_length = 200)]
    q: Option<String>,
    /// `next` of the page before.
    #[param(max_length = 20)]
    after: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    count: Option<u32>,
}

/// An entry that is to come onto a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEntry {
    /// A number, prefix, range or wildcard.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S", example = "+12105550142")]
    entry: String,
    /// The last day on which it counts; for ever unless told, which needs a reason.
    #[serde(default)]
    #[schema(format = Date)]
    until: Option<String>,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: String,
    /// Asks those who may authorise it, instead of changing the list at once.
    #[serde(default)]
    ask: bool,
}

/// An entry that is to leave a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OldEntry {
    /// As it stands there.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S", example = "+12105550142")]
    entry: String,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: String,
    /// Asks those who may authorise it, instead of changing the list at once.
    #[serde(default)]
    ask: bool,
}

/// Lists of policies in force, by customer and name.
#[utoipa::path(get, path = "/v1/lists", tag = "Lists", params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<ListShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let mut all = ask(&service.questions.known.lists, ()).await?;
    all.retain(|list| viewer.reaches(&list.customer));
    let place = |it: &ListShown| format!("{}/{}", it.customer, it.name);
    let mut all: Vec<_> = all.into_iter().map(|list| ListShown::new(list, &viewer)).collect();
    all.sort_by_key(place);
    Ok(Page::of(all, &paging, place)?.answer())
}

/// One list.
#[utoipa::path(get, path = "/v1/lists/{customer}/{list}", tag = "Lists",
    params(("customer" = String, Path), ("list" = String, Path)),
    responses((status = 200, description = "The list.", body = ListShown)))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, list)): Path<(String, String)>,
) -> Result<Json<ListShown>, Failure> {
    Ok(Json(ListShown::new(find(&service, &viewer, &customer, &list).await?, &viewer)))
}

/// What stands on a list, in its order.
#[utoipa::path(get, path = "/v1/lists/{customer}/{list}/entries", tag = "Lists",
    params(("customer" = String, Path), ("list" = String, Path), Wanted),
    responses((status = 200, description = "A page of it.", body = Page<EntryShown>)))]
pub(crate) async fn entries(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, list)): Path<(String, String)>,
    Params(wanted): Params<Wanted>,
) -> Result<Response, Failure> {
    find(&service, &viewer, &customer, &list).await?;
    let wrong = || Failure::Wrong("after: give `next` of the page before".to_owned());
    let after = wanted.after.as_deref().map_or(Ok(0), |text| text.parse().map_err(|_| wrong()))?;
    let text = wanted.q.unwrap_or_default();
    let text = storable("q", &text)?.to_owned();
    let count = count(wanted.count)? as usize;
    let wanted = EntriesWanted { customer, list, text, after, count };
    let found = ask(&service.questions.known.entries, wanted).await?;
    let items: Vec<_> = found.entries.into_iter().map(EntryShown::new).collect();
    Ok(Page { items, next: found.next.map(|next| next.to_string()) }.answer())
}

/// Has an entry come onto a list.
#[utoipa::path(post, path = "/v1/lists/{customer}/{list}/entries", tag = "Lists", request_body = NewEntry,
    params(("customer" = String, Path), ("list" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, description = "It is there.", body = Outcome),
        (status = 202, description = "Those who may authorise it are asked.", body = Outcome,
            headers(("Location" = String)))))]
pub(crate) async fn add(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, list)): Path<(String, String)>,
    repeatable: Repeatable,
    Body { value, print }: Body<NewEntry>,
) -> Result<Response, Failure> {
    let NewEntry { entry, until, reason, ask } = value;
    let expires = until.as_deref().map(|until| day("until", until)).transpose()?;
    let leaving = OldEntry { entry, reason, ask }.leaves((customer, list), &viewer)?;
    let change = ListChange { is_removal: false, expires, ..leaving };
    make(&service, &viewer, (&repeatable, &print), change).await
}

/// Has an entry leave a list.
#[utoipa::path(post, path = "/v1/lists/{customer}/{list}/entries/remove", tag = "Lists", request_body = OldEntry,
    params(("customer" = String, Path), ("list" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, description = "It is gone.", body = Outcome),
        (status = 202, description = "Those who may authorise it are asked.", body = Outcome,
            headers(("Location" = String)))))]
pub(crate) async fn remove(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, list)): Path<(String, String)>,
    repeatable: Repeatable,
    Body { value, print }: Body<OldEntry>,
) -> Result<Response, Failure> {
    let change = value.leaves((customer, list), &viewer)?;
    make(&service, &viewer, (&repeatable, &print), change).await
}

impl OldEntry {
    fn leaves(self, (customer, list): (String, String), viewer: &Viewer) -> Result<ListChange, Failure> {
        Ok(ListChange {
            customer,
            list,
            entry: line("entry", &self.entry)?.to_owned(),
            is_removal: true,
            expires: None,
            reason: optional("reason", &self.reason)?.to_owned(),
            by: viewer.who.clone(),
            is_proposal: self.ask,
        })
    }
}

async fn make(
    service: &Service,
    viewer: &Viewer,
    asked: (&Repeatable, &str),
    change: ListChange,
) -> Result<Response, Failure> {
    find(service, viewer, &change.customer, &change.list).await?;
    let act = async { Outcome::of(ask(&service.questions.known.change_list, change).await?) };
    Ok(once(service, viewer, asked, act).await?.answer())
}

/// A day that somebody wrote.
fn day(name: &str, text: &str) -> Result<String, Failure> {
    let day: jiff::civil::Date =
        text.parse().map_err(|_| Failure::Wrong(format!("{name}: no day such as 2026-12-24")))?;
    Ok(day.to_string())
}

async fn find(service: &Service, viewer: &Viewer, customer: &str, name: &str) -> Result<List, Failure> {
    if !viewer.reaches(customer) {
        return Err(Failure::NotFound);
    }
    let all = ask(&service.questions.known.lists, ()).await?;
    all.into_iter().find(|it| it.customer == customer && it.name == name).ok_or(Failure::NotFound)
}

impl ListShown {
    fn new(list: List, viewer: &Viewer) -> Self {
        let is_of_desk = viewer.is_of_desk();
        Self {
            customer: list.customer,
            name: list.name,
            kind: list.kind,
            entries: list.entries,
            refuses: list.refuses,
            files: if is_of_desk { list.files } else { Vec::new() },
            feed: list.feed.filter(|_| is_of_desk),
        }
    }
}

impl EntryShown {
    fn new(entry: Entry) -> Self {
        Self {
            entry: entry.number,
            reason: entry.reason,
            case: entry.case,
            added: entry.added,
            until: entry.expires,
        }
    }
}
