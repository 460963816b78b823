//! When the desk is open, and what would be due when (S-13).

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use cases::Calendar;
use cases::calendar::Shut;
use cases::explanation::{WhatIf, wall_time};
use jiff::civil::Date;
use rules::Timestamp;
use serde::Deserialize;

use super::customers;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::shell::{self, Shell};

#[derive(Template)]
#[template(path = "office_hours.html")]
struct Page<'a> {
    shell: Shell<'a>,
    asked: Asked,
    customers: Vec<String>,
    calendars: Vec<CalendarShown>,
    answer: Option<Answer>,
    wrong: Option<String>,
}

/// What is asked: by the calendar of this name, or else by that of this customer.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    customer: String,
    #[serde(default)]
    calendar: String,
    #[serde(default)]
    at: String,
}

struct CalendarShown {
    name: String,
    words: String,
    is_open: bool,
    /// Days that are closed or short.
    special: Vec<(String, &'static str)>,
    has_holidays: bool,
    /// Why somebody should look at it.
    warning: Option<String>,
}

struct Answer {
    at: String,
    is_open: bool,
    calendar: String,
    clocks: Vec<Clock>,
    /// By when a customer who was told something then should hear more, and how that was counted.
    update: String,
    counted: Vec<String>,
}

struct Clock {
    name: &'static str,
    target: String,
    contract: String,
    lines: Vec<String>,
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Query(mut asked): Query<Asked>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let now = (service.now)();
    let calendar = match asked.calendar.as_str() {
        "" => book.calendar(&asked.customer),
        name => book
            .service()
            .named(name)
            .ok_or_else(|| Failure::Wrong(format!("There is no calendar called {name}.")))?,
    };
    let (answer, wrong) = match asked.at.trim() {
        "" => (None, None),
        // What a field for dates and times sends, or RFC 3339.
        text => match WhatIf::new(book.service().terms(), calendar, text) {
            Ok(answer) => (Some(Answer::new(calendar, answer)), None),
            Err(wrong) => (None, Some(wrong)),
        },
    };
    if asked.at.is_empty() {
        let at = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default();
        asked.at = at.to_zoned(calendar.zone().clone()).strftime("%Y-%m-%d %H:%M").to_string();
    }
    let customers = customers(&service).await?;
    let calendars = book.service().calendars().map(|it| CalendarShown::new(it, now, DAYS_SHOWN)).collect();
    let shell = Shell::of(&service, Some(&viewer), "Service hours");
    Ok(shell::page(&Page { shell, asked, customers, calendars, answer, wrong }))
}

impl Answer {
    fn new(calendar: &Calendar, what: WhatIf) -> Self {
        let clock = |(name, due, explanation): (_, cases::Due, cases::Explanation)| Clock {
            name,
            target: wall_time(calendar, due.target),
            contract: wall_time(calendar, due.contract),
            lines: explanation.lines(calendar),
        };
        Self {
            at: wall_time(calendar, what.at),
            is_open: what.is_open,
            calendar: calendar.name().to_owned(),
            clocks: what.clocks.into_iter().map(clock).collect(),
            update: wall_time(calendar, what.update.0),
            counted: what.update.1.lines(calendar),
        }
    }
}

impl CalendarShown {
    fn new(calendar: &Calendar, now: Timestamp, days: i64) -> Self {
        let today = calendar.date(now);
        let warning = match (calendar.last_listed(), calendar.list_ends(now)) {
            (None, _) => None,
            (_, Some(last)) => Some(format!(
                "The last day that is listed in it is {last}: nobody has thought of holidays after it."
            )),
            (Some(_), None) => None,
        };
        Self {
            name: calendar.name().to_owned(),
            words: calendar.in_words(now),
            is_open: calendar.is_open(now),
            special: special(calendar, today, days),
            has_holidays: calendar.last_listed().is_some(),
            warning,
        }
    }
}

/// Days from `today` on that are closed or short, though the week says otherwise.
pub(super) fn special(calendar: &Calendar, today: Date, days: i64) -> Vec<(String, &'static str)> {
    let dates = std::iter::successors(Some(today), |date| date.tomorrow().ok());
    let dates = dates.take(usize::try_from(days).unwrap_or_default());
    let words = |date: Date| match calendar.shut(date) {
        Some(Shut::Holiday) => Some("closed"),
        None if calendar.is_short(date) => Some("other hours"),
        Some(Shut::Weekday) | None => None,
    };
    dates
        .filter_map(|date| Some((date.strftime("%a %-d %b %Y").to_string(), words(date)?)))
        .take(SPECIAL_MAX)
        .collect()
}

/// Half a year of special days is shown.
const DAYS_SHOWN: i64 = 183;
const SPECIAL_MAX: usize = 30;
