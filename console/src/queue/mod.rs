//! The queue: what is critical or of high priority, then what is due next; found by words, gathered, worked on many at once.

mod bulk;
mod group;
mod memory;
mod query;
mod row;
mod views;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query as Asked, State};
use axum::http::HeaderValue;
use axum::response::{IntoResponse as _, Redirect, Response};
use cases::CaseNumber;
use cases::io::store::{Cursor, Filter};
use serde::Deserialize;

pub(crate) use self::bulk::{CASES_MAX, back_of, bulk, feedback, fields, serials, told, undo};
use self::group::Group;
pub(crate) use self::memory::{Memory, UndoShown};
pub(crate) use self::query::{Query, quoted};
pub(crate) use self::row::{Due, Row};
use self::views::ViewShown;
pub(crate) use self::views::{keep, remove};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::shell::{self, Shell};
use crate::text::url_part;

#[derive(Template)]
#[template(path = "queue.html")]
struct Page<'a> {
    shell: Shell<'a>,
    q: &'a str,
    query: &'a Query,
    views: Vec<ViewShown>,
    /// Where this page is without a place in it.
    place: String,
    total: u64,
    rows: Vec<Row>,
    /// Where more is.
    more: Option<String>,
    /// Whether this is not the beginning.
    is_further: bool,
    /// It is a telephone number that is looked for.
    is_number: bool,
    by: &'a str,
    groups: Vec<Group>,
    undo: Option<UndoShown>,
}

#[derive(Template)]
#[template(path = "queue_rows.html")]
struct Rows<'a> {
    viewer: &'a Viewer,
    rows: Vec<Row>,
    more: Option<String>,
}

/// What an address of the queue says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    pub(crate) q: String,
    group: String,
    after: String,
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Asked(place): Asked<Place>,
) -> Result<Response, Failure> {
    let q = place.q.trim();
    // Who types a whole number wants that case.
    if let Ok(number) = q.to_uppercase().parse::<CaseNumber>() {
        return Ok(Redirect::to(&crate::case::place(number)).into_response());
    }
    let desk = service.book()?.store().await?.desk();
    let now = (service.now)();
    let query = Query::read(q, &viewer.who, now);
    let (rows, more, groups) = match group::by(&place.group) {
        Some(by) => (Vec::new(), None, group::all(&service, q, (&query.filter, by)).await?),
        None => {
            let (rows, more) = rows_after(&service, q, &query.filter, &place.after).await?;
            (rows, more, Vec::new())
        }
    };
    // All of them are there, or they are counted: cases are gone through once.
    let are_all_here = groups.is_empty() && more.is_none() && place.after.is_empty();
    let total = match are_all_here {
        true => rows.len() as u64,
        false => desk.count(&query.filter).await?,
    };
    let shell = Shell::of(&service, Some(&viewer), "Queue");
    Ok(shell::page(&Page {
        shell,
        q,
        views: views::all(&service, &viewer, q).await?,
        place: address(q, &place.group),
        query: &query,
        total,
        rows,
        more,
        is_further: !place.after.is_empty(),
        is_number: is_number(q),
        by: &place.group,
        groups,
        undo: service.own.desk.undo_of(&viewer, now),
    }))
}

/// A page of rows, and where the next one is.
async fn rows_after(
    service: &Service,
    q: &str,
    filter: &Filter,
    after: &str,
) -> Result<(Vec<Row>, Option<String>), Failure> {
    let book = service.book()?;
    let filter = Filter { after: Cursor::parse(after), count: Some(ROWS), ..filter.clone() };
    let found = book.store().await?.desk().list(&filter).await?;
    let now = (service.now)();
    let rows = found.cases.into_iter().map(|case| Row::new(book, case, q, now)).collect();
    let more = found.next.map(|cursor| format!("q={}&after={cursor}", url_part(q)));
    Ok((rows, more))
}

/// More rows, or rows of these numbers as they stand now, as a piece of a page.
pub(crate) async fn rows(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Asked(asked): Asked<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let of =
        |name: &'static str| asked.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_str());
    let q = of("q").next().unwrap_or_default().trim();
    let now = (service.now)();
    let query = Query::read(q, &viewer.who, now);
    let numbers: Vec<CaseNumber> = of("n").filter_map(|it| it.parse().ok()).take(LIVE_MAX).collect();
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let (rows, more) = if numbers.is_empty() {
        rows_after(&service, q, &query.filter, of("after").next().unwrap_or_default()).await?
    } else {
        let mut rows = Vec::new();
        for number in numbers {
            // One that does not exist is not there to be shown.
            let Ok(case) = desk.case(number).await else { continue };
            let mut row = Row::new(book, case, q, now);
            row.fits = desk.fits(&query.filter, number).await?;
            rows.push(row);
        }
        (rows, None)
    };
    let mut response = shell::page(&Rows { viewer: &viewer, rows, more });
    let open = service.own.desk.count_open(&service).await;
    if let Some(open) = open.and_then(|open| HeaderValue::from_str(&open.to_string()).ok()) {
        response.headers_mut().insert("x-open-cases", open);
    }
    Ok(response)
}

/// The queue with these words, gathered so.
pub(crate) fn address(q: &str, group: &str) -> String {
    match (q, group) {
        ("", "") => "/queue".to_owned(),
        (q, "") => format!("/queue?q={}", url_part(q)),
        (q, group) => format!("/queue?q={}&group={}", url_part(q), url_part(group)),
    }
}

/// Whether somebody looks for a telephone number, of which there may be calls without a case.
fn is_number(q: &str) -> bool {
    let digits = q.bytes().filter(u8::is_ascii_digit).count();
    digits >= DIGITS_MIN && q.bytes().all(|byte| byte.is_ascii_digit() || b"+ -.()*".contains(&byte))
}

const ROWS: u32 = 100;
/// Digits that are at least a part of a number.
const DIGITS_MIN: usize = 5;
/// Rows that a page asks for anew at once.
const LIVE_MAX: usize = 60;
