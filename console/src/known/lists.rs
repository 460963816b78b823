//! Lists of policies: what is on them, numbers that come and go, and feeds.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::call::{DAYS_USUAL, day_in};
use super::{
    EntriesFound, EntriesWanted, Feed, FeedAccepted, List, ListChange, after, moment, or_nothing, place,
};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "known_lists.html")]
struct Page<'a> {
    shell: Shell<'a>,
    lists: Vec<(String, List)>,
    feeds: Vec<FeedShown>,
}

struct FeedShown {
    feed: Feed,
    seen: Option<Moment>,
    changed: Option<Moment>,
    aside: Option<(Option<Moment>, String)>,
}

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let known = &service.questions.known;
    let lists = ask(&known.lists, ()).await?;
    let lists = lists.into_iter().map(|list| (own_place(&list.customer, &list.name), list)).collect();
    let shown = |feed: Feed| FeedShown {
        seen: feed.seen.as_deref().and_then(moment),
        changed: feed.changed.as_deref().and_then(moment),
        aside: feed.aside.as_ref().map(|(at, why)| (moment(at), why.clone())),
        feed,
    };
    let feeds = ask(&known.feeds, ()).await?.into_iter().map(shown).collect();
    let shell = Shell::of(&service, Some(&viewer), "Lists");
    Ok(shell::page(&Page { shell, lists, feeds }))
}

fn own_place(customer: &str, list: &str) -> String {
    format!("/lists/{}/{}", url_part(customer), url_part(list))
}

#[derive(Template)]
#[template(path = "known_list.html")]
struct Entries<'a> {
    shell: Shell<'a>,
    place: String,
    query: &'a str,
    found: EntriesFound,
    /// Where the next page is.
    more: Option<String>,
    until: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    after: usize,
}

pub(crate) async fn entries(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, list)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let own = own_place(&customer, &list);
    let known = &service.questions.known;
    let is_none =
        ask(&known.lists, ()).await?.iter().all(|it| (&it.customer, &it.name) != (&customer, &list));
    let wanted = EntriesWanted { customer, list, text: asked.q.clone(), after: asked.after, count: ROWS };
    let found = or_nothing(ask(&known.entries, wanted).await, is_none)?;
    let more = found.next.map(|next| place(&own, &[("q", asked.q.as_str()), ("after", &next.to_string())]));
    let shell = Shell::of(&service, Some(&viewer), "One list");
    let until = day_in((service.now)(), DAYS_USUAL);
    Ok(shell::page(&Entries { shell, place: own, query: &asked.q, found, more, until }))
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Change {
    number: String,
    until: String,
    reason: String,
    proposal: String,
}

pub(crate) async fn add(
    service: State<Arc<Service>>,
    viewer: Viewer,
    list: Path<(String, String)>,
    form: Form<Change>,
) -> Result<Response, Failure> {
    change(service, viewer, list, form, false).await
}

pub(crate) async fn remove(
    service: State<Arc<Service>>,
    viewer: Viewer,
    list: Path<(String, String)>,
    form: Form<Change>,
) -> Result<Response, Failure> {
    change(service, viewer, list, form, true).await
}

async fn change(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, list)): Path<(String, String)>,
    Form(form): Form<Change>,
    is_removal: bool,
) -> Result<Response, Failure> {
    let own = own_place(&customer, &list);
    let change = ListChange {
        customer,
        list,
        entry: form.number,
        is_removal,
        expires: Some(form.until).filter(|until| !until.is_empty()),
        reason: form.reason,
        by: viewer.who.clone(),
        is_proposal: !form.proposal.is_empty(),
    };
    after(ask(&service.questions.known.change_list, change).await?, &own)
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Accepted {
    name: String,
    why: String,
}

pub(crate) async fn accept(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Accepted>,
) -> Result<Response, Failure> {
    let accepted = FeedAccepted { name: form.name, by: viewer.who.clone(), why: form.why };
    let said = ask(&service.questions.known.accept_feed, accepted).await?;
    Ok(told_at("/lists", &said))
}

/// Entries of one page.
const ROWS: usize = 200;
