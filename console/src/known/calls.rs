//! Recorded calls: search.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::tz::TimeZone;
use rules::Timestamp;
use serde::Deserialize;

use super::{CallRow, CallSearch, customers, place, zone};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::question::{Customer, ask};
use crate::shell::{self, Shell};
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "known_calls.html")]
struct Page<'a> {
    shell: Shell<'a>,
    asked: Asked,
    customers: Vec<Customer>,
    rows: Vec<Row>,
    /// Where the next page is.
    more: Option<String>,
    limits: Vec<String>,
    /// Why not all stored calls could be read.
    unread: Option<String>,
}

/// A call as a line of a table.
struct Row {
    place: String,
    at: Moment,
    call: CallRow,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    customer: String,
    from: String,
    to: String,
    caller: String,
    called: String,
    direction: String,
    verdict: String,
    rule: String,
    answered: String,
    /// [`EVERYTHING`] for all requests, else calls alone.
    kind: String,
    /// Calls before this moment: the page behind another.
    before: String,
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Query(mut asked): Query<Asked>,
) -> Result<Response, Failure> {
    let customers = customers(&service).await?;
    if asked.customer.is_empty() {
        asked.customer = customers.first().map(|it| it.name.clone()).unwrap_or_default();
    }
    let zone = zone(&customers, &asked.customer);
    let mut page = Page {
        shell: Shell::of(&service, Some(&viewer), "Calls"),
        customers,
        rows: Vec::new(),
        more: None,
        limits: Vec::new(),
        unread: None,
        asked,
    };
    if !page.asked.customer.is_empty() {
        let search = page.asked.search(&zone, (service.now)())?;
        let found = ask(&service.questions.known.calls, search).await?;
        page.more = found.more.map(|more| page.asked.behind(more));
        page.limits = found.limits;
        page.unread = found.unread;
        let customer = url_part(&page.asked.customer);
        let row = |call: CallRow| Row {
            place: format!("/calls/{customer}/{}", url_part(&call.id)),
            at: Moment::new(call.start, &zone),
            call,
        };
        page.rows = found.calls.into_iter().map(row).collect();
    }
    Ok(shell::page(&page))
}

impl Asked {
    fn search(&self, zone: &TimeZone, now: Timestamp) -> Result<CallSearch, Failure> {
        // What is asked about begins to be recorded with its first packet.
        let latest = now.plus_micros(DAY_MICROS);
        let bound = |text: &str, without: Timestamp| match text {
            "" => Ok(without),
            text => local(text, zone).ok_or_else(|| {
                Failure::Wrong(format!("{text} is no day or time. Write 2026-11-05 or 2026-11-05T14:30."))
            }),
        };
        let mut to = bound(&self.to, latest)?;
        if let Ok(before) = self.before.parse() {
            to = to.min(Timestamp(before));
        }
        let from = bound(&self.from, Timestamp(now.0.saturating_sub(DAYS_USUAL * DAY_MICROS)))?;
        if !self.from.is_empty() && !self.to.is_empty() && bound(&self.to, latest)? <= from {
            return Err(Failure::Wrong("From is not before To: no call lies between them.".to_owned()));
        }
        Ok(CallSearch {
            customer: self.customer.clone(),
            from,
            to,
            caller: self.caller.clone(),
            called: self.called.clone(),
            direction: self.direction.clone(),
            verdict: self.verdict.clone(),
            rule: self.rule.clone(),
            answered: match self.answered.as_str() {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            },
            only_calls: self.kind != EVERYTHING,
            count: ROWS,
        })
    }

    /// What was typed for a number and has no digit in it.
    fn wordy(&self) -> Vec<&str> {
        let typed = [self.caller.trim(), self.called.trim()];
        let is_wordy = |text: &&str| !text.is_empty() && !text.bytes().any(|it| it.is_ascii_digit());
        typed.into_iter().filter(is_wordy).collect()
    }

    /// The same before `moment`.
    fn behind(&self, moment: Timestamp) -> String {
        let before = moment.0.to_string();
        let fields = [
            ("customer", self.customer.as_str()),
            ("from", &self.from),
            ("to", &self.to),
            ("caller", &self.caller),
            ("called", &self.called),
            ("direction", &self.direction),
            ("verdict", &self.verdict),
            ("rule", &self.rule),
            ("answered", &self.answered),
            ("kind", &self.kind),
            ("before", &before),
        ];
        place("/calls", &fields)
    }
}

/// A day or a time as a browser sends them, in `zone`; a moment of RFC 3339 is one as well.
fn local(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(at.as_microsecond()));
    }
    let at: jiff::civil::DateTime = text.parse().ok()?;
    let at = at.to_zoned(zone.clone()).ok()?;
    Some(Timestamp(at.timestamp().as_microsecond()))
}

/// The word of an address that asks for other requests beside calls.
pub(super) const EVERYTHING: &str = "all";
/// Calls of one page.
const ROWS: usize = 100;
const DAY_MICROS: i64 = 86_400_000_000;
/// Days that are looked at where nobody says since when.
const DAYS_USUAL: i64 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_those_of_the_customer() {
        let zone = TimeZone::get("America/Chicago").unwrap();
        let at = |text: &str| local(text, &zone).map(reporter::rfc3339);
        assert_eq!(at("2026-11-05").unwrap(), "2026-11-05T06:00:00.000000Z");
        assert_eq!(at("2026-11-05T14:30").unwrap(), "2026-11-05T20:30:00.000000Z");
        assert_eq!(at("2026-11-05T14:30:00Z").unwrap(), "2026-11-05T14:30:00.000000Z");
        assert_eq!(at("yesterday"), None);
    }

    #[test]
    fn a_field_that_can_find_nothing_is_named() {
        let asked = |from: &str, to: &str, caller: &str| Asked {
            from: from.to_owned(),
            to: to.to_owned(),
            caller: caller.to_owned(),
            ..Asked::default()
        };
        let now = Timestamp(1_791_212_400_000_000);
        let backwards = asked("2026-10-02", "2026-10-01", "").search(&TimeZone::UTC, now);
        assert!(backwards.unwrap_err().text().contains("From is not before To"));
        assert!(asked("2026-10-01", "2026-10-02", "").search(&TimeZone::UTC, now).is_ok());
        assert_eq!(asked("", "", "hello").wordy(), ["hello"]);
        assert!(asked("", "", "+1 210 555 01*").wordy().is_empty());
    }

    #[test]
    fn the_page_behind_keeps_what_was_asked() {
        let asked = Asked { customer: "A & B".to_owned(), caller: "+1 210".to_owned(), ..Asked::default() };
        assert_eq!(asked.behind(Timestamp(7)), "/calls?customer=A%20%26%20B&caller=%2B1%20210&before=7");
    }
}
