//! The queue: what is due next, first.

use std::fmt;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use cases::Case;
use cases::clock::Standing;
use cases::io::store::Filter;
use rules::Timestamp;
use serde::Deserialize;

use crate::Service;
use crate::access::Viewer;
use crate::book::Book;
use crate::failure::Failure;
use crate::shell::{self, Shell};
use crate::text::{Moment, span};

#[derive(Template)]
#[template(path = "queue.html")]
struct Page<'a> {
    shell: Shell<'a>,
    query: &'a str,
    rows: Vec<Row>,
}

/// A case as a line of a table.
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) due: Due,
    pub(crate) last: Moment,
}

/// What is due next, in words and a class of style.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) class: &'static str,
    pub(crate) words: String,
    pub(crate) at: Option<Moment>,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let text = Some(asked.q.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = Filter { text, count: Some(ROWS), ..Filter::default() };
    let found = book.store().await?.desk().list(&filter).await?;
    let now = (service.now)();
    let rows = found.cases.into_iter().map(|case| Row::new(book, case, now)).collect();
    let shell = Shell::of(&service, Some(&viewer), "Queue");
    Ok(shell::page(&Page { shell, query: &asked.q, rows }))
}

impl Row {
    pub(crate) fn new(book: &Book, case: Case, now: Timestamp) -> Self {
        let due = Due::of(book, &case, now);
        let last = Moment::new(case.last, book.calendar(&case.customer).zone());
        Self { case, due, last }
    }

    /// Alerts of the last day, an hour a bar, as a path of an SVG 72 by 20.
    pub(crate) fn spark(&self) -> Spark<'_> {
        Spark(&self.case.spark)
    }
}

impl Due {
    /// Of the clock of `case` that is due next.
    pub(crate) fn of(book: &Book, case: &Case, now: Timestamp) -> Self {
        let Some(due) = case.next_due() else {
            return Self { class: "none", words: "nothing due".to_owned(), at: None };
        };
        let at = Some(Moment::new(due, book.calendar(&case.customer).zone()));
        let left = due.micros_since(now);
        let (class, words) = match case.standing(book.service(), now) {
            Some(Standing::Breached) => ("breached", format!("▲ breached, {} over", span(left))),
            Some(Standing::Late) => ("late", format!("● late, {} over", span(left))),
            Some(Standing::Paused) => ("none", "‖ waits for the customer".to_owned()),
            _ if left < SOON_MICROS => ("soon", format!("◔ {} left", span(left))),
            _ => ("runs", format!("○ {} left", span(left))),
        };
        Self { class, words, at }
    }
}

/// A small picture of how alerts came in: its numbers, for the attribute `d` of a path.
pub(crate) struct Spark<'a>(&'a [(i64, u32)]);

impl fmt::Display for Spark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((last, _)) = self.0.last() else { return Ok(()) };
        let shown = self.0.iter().filter(|(hour, _)| last - hour < HOURS);
        let most = shown.clone().map(|(_, count)| *count).max().unwrap_or(1).max(1);
        for (hour, count) in shown {
            let left = (HOURS - 1 - (last - hour)) * 3;
            let height = u64::from(*count) * 18 / u64::from(most);
            write!(f, "M{left} 20v-{}h2v{}z", height.max(2), height.max(2))?;
        }
        Ok(())
    }
}

const ROWS: u32 = 100;
const HOURS: i64 = 24;
/// What is due within the half hour is marked.
const SOON_MICROS: i64 = 30 * 60 * 1_000_000;
