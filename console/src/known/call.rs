//! One call: its facts, why it was judged so, its signalling, and a block of who called.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use rules::Timestamp;
use serde::Deserialize;

use super::calls::EVERYTHING;
use super::ladder::{Ladder, told};
use super::{
    CallNamed, CallWanted, JudgeWanted, Judgement, ListChange, OneCall, after, customers, place, zone,
};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "known_call.html")]
struct Page<'a> {
    shell: Shell<'a>,
    customer: String,
    /// Of this page.
    place: String,
    /// Other calls of the same caller.
    others: String,
    at: Moment,
    call: OneCall,
    days: Vec<Day>,
    ladder: Ladder,
    messages: Vec<Raw>,
    judgement: Option<Judgement>,
    /// The last day that is offered for a block.
    until: String,
    /// Whether the dialog is open from the start: for who has no script.
    is_blocking: bool,
    asked: Asked,
}

/// A day of the caller, as a bar.
struct Day {
    day: String,
    calls: u64,
    refused: u64,
    x: usize,
    height: u64,
    refused_height: u64,
}

/// A message as it was on the wire.
struct Raw {
    number: usize,
    summary: String,
    at: Moment,
    text: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// `now`, or the number of a version.
    judge: String,
    block: String,
}

/// A call by its Call-ID.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Named {
    id: String,
    /// The first and the last moment at which something was seen of it, in microseconds.
    from: i64,
    to: i64,
}

/// Leads to the call that an alert is about; where it is not on record, to the calls of that time.
pub(crate) async fn named(
    State(service): State<Arc<Service>>,
    Path(customer): Path<String>,
    Query(Named { id, from, to }): Query<Named>,
) -> Result<Response, Failure> {
    let wanted =
        CallNamed { customer: customer.clone(), call_id: id, from: Timestamp(from), to: Timestamp(to) };
    if let Some(found) = ask(&service.questions.known.call_named, wanted).await? {
        let place = format!("/calls/{}/{}", url_part(&customer), url_part(&found));
        return Ok(Redirect::to(&place).into_response());
    }
    let why = "That call is not on record: it was not recorded, or its time is over. These are other calls.";
    Ok(told_at(&place("/calls", &[("customer", customer.as_str())]), why))
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let known = &service.questions.known;
    let wanted = CallWanted { customer: customer.clone(), id: id.clone() };
    let call = *ask(&known.call, wanted.clone()).await?.ok_or(Failure::NotFound)?;
    let judgement = match asked.judge.as_str() {
        "" => None,
        "now" => Some(ask(&known.judge, JudgeWanted { call: wanted, version: None }).await?),
        number => {
            let version = Some(number.parse().map_err(|_| Failure::NotFound)?);
            Some(ask(&known.judge, JudgeWanted { call: wanted, version }).await?)
        }
    };
    let zone = zone(&customers(&service).await?, &customer);
    let raw = |(place, message): (usize, &super::Message)| Raw {
        number: place + 1,
        summary: told(&message.text).0,
        at: Moment::new(message.at, &zone),
        text: message.text.clone(),
    };
    let page = Page {
        shell: Shell::of(&service, Some(&viewer), "One call"),
        place: own_place(&customer, &id),
        others: place(
            "/calls",
            &[
                ("customer", customer.as_str()),
                ("caller", &call.row.caller),
                ("kind", if call.row.kind == "call" { "" } else { EVERYTHING }),
            ],
        ),
        at: Moment::new(call.row.start, &zone),
        days: days(&call.history),
        ladder: Ladder::new(&call.messages),
        messages: call.messages.iter().enumerate().map(raw).collect(),
        judgement,
        until: day_in((service.now)(), DAYS_USUAL),
        is_blocking: !asked.block.is_empty(),
        customer,
        call,
        asked,
    };
    Ok(shell::page(&page))
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Block {
    number: String,
    list: String,
    until: String,
    reason: String,
    proposal: String,
}

/// Puts who called onto a list, or takes them off again.
pub(crate) async fn block(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, id)): Path<(String, String)>,
    Form(form): Form<Block>,
) -> Result<Response, Failure> {
    change(&service, &viewer, (customer, id), form, false).await
}

pub(crate) async fn unblock(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, id)): Path<(String, String)>,
    Form(form): Form<Block>,
) -> Result<Response, Failure> {
    change(&service, &viewer, (customer, id), form, true).await
}

async fn change(
    service: &Service,
    viewer: &Viewer,
    (customer, id): (String, String),
    form: Block,
    is_removal: bool,
) -> Result<Response, Failure> {
    let Block { number, list, until, reason, proposal } = form;
    let change = ListChange {
        customer: customer.clone(),
        list,
        entry: number,
        is_removal,
        expires: Some(until).filter(|until| !until.is_empty()),
        reason,
        by: viewer.who.clone(),
        is_proposal: !proposal.is_empty(),
    };
    after(ask(&service.questions.known.change_list, change).await?, &own_place(&customer, &id))
}

fn own_place(customer: &str, id: &str) -> String {
    format!("/calls/{}/{}", url_part(customer), url_part(id))
}

fn days(history: &[(String, u64, u64)]) -> Vec<Day> {
    let most = history.iter().map(|(_, calls, _)| *calls).max().unwrap_or(1).max(1);
    let height = |count: u64| if count == 0 { 0 } else { (count * 60 / most).max(2) };
    let day = |(place, (day, calls, refused)): (usize, &(String, u64, u64))| Day {
        day: day.clone(),
        calls: *calls,
        refused: *refused,
        x: place * 12,
        height: height(*calls),
        refused_height: height(*refused),
    };
    history.iter().enumerate().map(day).collect()
}

/// The day so many days from now.
pub(super) fn day_in(now: Timestamp, days: i64) -> String {
    let at = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default();
    let today = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    today.saturating_add(jiff::Span::new().days(days)).to_string()
}

/// How long a number stays on a list unless somebody says (B-13).
pub(super) const DAYS_USUAL: i64 = 90;
