//! Alerts of all cases: the newest first, gathered, and many of them brought into one case.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Query as Asked, State};
use axum::response::Response;
use cases::CaseNumber;
use cases::io::store::{Act, AlertFilter, AlertRow, AlertsBy};
use rules::Timestamp;
use serde::Deserialize;

use crate::Service;
use crate::access::{Viewer, told_at};
use crate::case::AlertShown;
use crate::failure::Failure;
use crate::queue::{self, UndoShown, back_of};
use crate::shell::{self, Shell};
use crate::text::url_part;

#[derive(Template)]
#[template(path = "alerts.html")]
struct Page<'a> {
    shell: Shell<'a>,
    asked: &'a Wanted,
    /// This page, without a place in it.
    place: String,
    rows: Vec<(AlertRow, AlertShown)>,
    groups: Vec<Group>,
    customers: Vec<String>,
    more: Option<String>,
    undo: Option<UndoShown>,
    /// When it is filtered by something.
    is_filtered: bool,
}

/// Alerts that have something in common.
struct Group {
    name: String,
    count: u64,
    cases: u64,
    wanted: Wanted,
}

/// What an address, or a form, wants.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    customer: String,
    rule: String,
    key: String,
    /// `1h`, `1d`, `7d` or `30d`.
    within: String,
    open: String,
    group: String,
    after: String,
}

impl Wanted {
    fn filter(&self, now: Timestamp) -> AlertFilter {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let after = self.after.split_once('/');
        AlertFilter {
            since: now.plus_micros(-self.span()),
            customer: some(&self.customer),
            rule: some(&self.rule),
            key: some(&self.key),
            is_open: self.open == "yes",
            after: after.and_then(|(at, id)| Some((Timestamp(at.parse().ok()?), id.to_owned()))),
        }
    }

    fn span(&self) -> i64 {
        let hours = match self.within.as_str() {
            "1h" => 1,
            "7d" => 7 * 24,
            "30d" => 30 * 24,
            _ => 24,
        };
        hours * HOUR_MICROS
    }

    /// Its address, without a place in it.
    fn address(&self) -> String {
        let fields = [
            ("customer", &self.customer),
            ("rule", &self.rule),
            ("key", &self.key),
            ("within", &self.within),
            ("open", &self.open),
            ("group", &self.group),
        ];
        let fields = fields.iter().filter(|(_, value)| !value.is_empty());
        let fields: Vec<_> = fields.map(|(name, value)| format!("{name}={}", url_part(value))).collect();
        match fields.is_empty() {
            true => "/alerts".to_owned(),
            false => format!("/alerts?{}", fields.join("&")),
        }
    }

    /// The same, gathered by something else.
    fn gathered(&self, group: &str) -> String {
        Self { group: group.to_owned(), ..self.clone() }.address()
    }

    fn by(&self) -> Option<AlertsBy> {
        match self.group.as_str() {
            "rule" => Some(AlertsBy::Rule),
            "customer" => Some(AlertsBy::Customer),
            "key" => Some(AlertsBy::Key),
            _ => None,
        }
    }
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Asked(asked): Asked<Wanted>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let now = (service.now)();
    let filter = asked.filter(now);
    let mut groups = Vec::new();
    let mut rows = Vec::new();
    if let Some(by) = asked.by() {
        for (name, count, cases) in desk.alert_groups(&filter, by, GROUPS_MAX).await? {
            let mut wanted = Wanted { group: String::new(), after: String::new(), ..asked.clone() };
            match by {
                AlertsBy::Rule => wanted.rule.clone_from(&name),
                AlertsBy::Customer => wanted.customer.clone_from(&name),
                AlertsBy::Key => wanted.key.clone_from(&name),
            }
            groups.push(Group { name, count, cases, wanted });
        }
    } else {
        rows = desk.all_alerts(&filter, ROWS + 1).await?;
    }
    let has_more = rows.len() > ROWS as usize;
    rows.truncate(ROWS as usize);
    let last = rows.last().filter(|_| has_more);
    let place = asked.address();
    let mark = if place.contains('?') { '&' } else { '?' };
    let more =
        last.map(|row| format!("{place}{mark}after={}", url_part(&format!("{}/{}", row.at.0, row.id))));
    let shown = |row: AlertRow| {
        let alert = AlertShown::read(&row.text, book.calendar(&row.customer).zone());
        (row, alert)
    };
    let customers = desk.groups(&Default::default(), cases::io::store::By::Customer, CUSTOMERS_MAX).await?;
    let mut customers: Vec<_> = customers.into_iter().map(|(name, _)| name).collect();
    // What is filtered by is named, also where nothing is open of it.
    if !asked.customer.is_empty() && !customers.contains(&asked.customer) {
        customers.push(asked.customer.clone());
    }
    let shell = Shell::of(&service, Some(&viewer), "Alerts");
    Ok(shell::page(&Page {
        shell,
        is_filtered: place != "/alerts",
        place,
        rows: rows.into_iter().map(shown).collect(),
        groups,
        customers,
        more,
        undo: service.own.desk.undo_of(&viewer, now),
        asked: &asked,
    }))
}

/// Brings the cases of alerts into one, for each customer: of those that are ticked, or of all that match.
pub(crate) async fn group(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let now = (service.now)();
    let of = |name: &str| {
        form.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let mut by_customer: BTreeMap<String, Vec<CaseNumber>> = BTreeMap::new();
    if of("all") == "yes" {
        let wanted = Wanted {
            customer: of("customer"),
            rule: of("rule"),
            key: of("key"),
            within: of("within"),
            ..Wanted::default()
        };
        let most = u32::try_from(queue::CASES_MAX).unwrap_or(u32::MAX);
        for (customer, number) in desk.cases_of_alerts(&wanted.filter(now), most).await? {
            by_customer.entry(customer).or_default().push(number);
        }
    } else {
        for number in queue::fields(&form).numbers.into_iter().take(queue::CASES_MAX) {
            let case = desk.case(number).await?;
            by_customer.entry(case.customer).or_default().push(number);
        }
    }
    let back = of("back");
    let mut items = Vec::new();
    let mut into = None;
    for numbers in by_customer.into_values().filter(|numbers| numbers.len() > 1) {
        // The one that was there first takes the others in.
        let Some(first) = numbers.iter().copied().min_by_key(|number| number.serial()) else { continue };
        let others: Vec<_> = numbers.into_iter().filter(|number| *number != first).collect();
        let act = Act::MergeInto(first);
        items.extend(desk.each(&others, &act, book.done(&viewer.who, now)).await?);
        into = Some(first);
    }
    let Some(into) = into else {
        return Ok(told_at(back_of(&back), "They are in one case already, for each customer."));
    };
    queue::told(&service, &viewer, (&Act::MergeInto(into), items), &back)
}

const ROWS: u32 = 100;
const GROUPS_MAX: u32 = 100;
const CUSTOMERS_MAX: u32 = 200;
const HOUR_MICROS: i64 = 3_600_000_000;
