//! Reports: which there are, one ordered to be looked at, and the files of all that were made.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cases::account::Right;
use cases::schedule::{Run, RunState, Schedule, When};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::wish::{Wish, direction, numbers};
use super::{Catalogue, customers, day, file, zone_of};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "office_reports.html")]
struct Page<'a> {
    shell: Shell<'a>,
    catalogue: Catalogue,
    customers: Vec<String>,
    asked: Asked,
    may_order: bool,
    ordered: Vec<Ordered>,
    /// Whether one of them is not made yet.
    is_making: bool,
}

/// What the form begins with.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    report: String,
    #[serde(default)]
    customer: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// A report that somebody ordered.
struct Ordered {
    schedule: Schedule,
    days: String,
    made: Made,
}

/// A run, as a list shows it.
pub(super) struct Made {
    pub(super) due: Moment,
    pub(super) run: Run,
    pub(super) class: &'static str,
    pub(super) state: &'static str,
    /// Names of its files, where each is, and how long.
    pub(super) files: Vec<(String, String, String)>,
}

#[derive(Deserialize)]
pub(crate) struct Order {
    report: String,
    customer: String,
    from: String,
    to: String,
    #[serde(default)]
    direction: String,
    #[serde(default)]
    number: String,
    format: String,
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    run: String,
    name: String,
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Query(mut asked): Query<Asked>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let catalogue = ask(&service.questions.office.catalogue, ()).await?;
    let customers = customers(&service).await?;
    let now = (service.now)();
    if let Some(first) = customers.first().filter(|_| asked.customer.is_empty()) {
        asked.customer.clone_from(first);
    }
    let zone = zone_of(&service, &asked.customer).await?;
    if asked.from.is_empty() || asked.to.is_empty() {
        (asked.from, asked.to) = (day(now, &zone, 7), day(now, &zone, 1));
    }
    let found = book.store().await?.desk().ordered_reports(ORDERED_SHOWN).await?;
    let ordered: Vec<_> = found.into_iter().map(|(schedule, run)| Ordered::new(schedule, run)).collect();
    let shell = Shell::of(&service, Some(&viewer), "Reports");
    Ok(shell::page(&Page {
        shell,
        catalogue,
        customers,
        asked,
        may_order: may_order(&viewer),
        is_making: ordered.iter().any(|it| !it.made.run.state.is_over()),
        ordered,
    }))
}

pub(crate) async fn order(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Order>,
) -> Result<Response, Failure> {
    orders(&viewer)?;
    let wish = Wish {
        format: form.format.parse().map_err(Failure::Wrong)?,
        when: When::Once,
        span: format!("{}..{}", form.from.trim(), form.to.trim()).parse().map_err(Failure::Wrong)?,
        direction: direction(&form.direction)?,
        numbers: numbers(&form.number)?,
        recipients: Vec::new(),
        customer: form.customer,
        report: form.report,
    };
    let schedule = wish.schedule(&service, &viewer.who).await?;
    let (book, now) = (service.book()?, (service.now)());
    let run = book.store().await?.desk().order_report(schedule, book.done(&viewer.who, now)).await?;
    Ok(told_at(
        "/reports",
        &format!("{} is being made. It is in the list below when it is there.", run.schedule),
    ))
}

/// One file of a report. That somebody fetched it stands in the customer's audit.
pub(crate) async fn fetch(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let run = desk.run_of(&wanted.run).await?.ok_or(Failure::NotFound)?;
    let kept = run.files.iter().find(|it| it.name == wanted.name).ok_or(Failure::NotFound)?;
    let Some(bytes) = desk.report_file(&run.id, &kept.name).await? else {
        let why = "This file is not kept any more: its time is over, or it told of somebody who was erased. Order it again.";
        return Err(Failure::Refused(why.to_owned()));
    };
    let detail = serde_json::json!({ "file": kept.name }).to_string();
    let act = ("fetch-report", run.id.as_str(), detail.as_str());
    desk.note_act(Some(&run.customer), act, book.done(&viewer.who, (service.now)())).await?;
    let is_page = kept.media_type.starts_with("text/html");
    let is_pdf = kept.media_type == "application/pdf";
    let policy = if is_page { Some(allowed(&bytes)) } else { None };
    let mut response =
        file(&kept.name, &kept.media_type, is_page || is_pdf, Body::from(bytes)).into_response();
    if is_pdf {
        // A browser shows no PDF inside a sandbox.
        let policy =
            HeaderValue::from_static("default-src 'none'; object-src 'self'; frame-ancestors 'none'");
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if let Some(policy) = policy.and_then(|policy| HeaderValue::from_str(&policy).ok()) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

impl Ordered {
    fn new(schedule: Schedule, run: Run) -> Self {
        let zone = schedule.time_zone();
        Self { days: run.covered.words(&zone), made: Made::new(run, &zone), schedule }
    }
}

impl Made {
    pub(super) fn new(run: Run, zone: &jiff::tz::TimeZone) -> Self {
        let (class, state) = match run.state {
            RunState::Waiting => ("info", "○ waits"),
            RunState::Running => ("info", "◔ is being made"),
            RunState::Done => ("done", "✓ made"),
            RunState::Empty => ("", "∅ made, and nothing in it"),
            RunState::Failed => ("critical", "▲ not made"),
            RunState::Missed => ("warning", "● missed"),
        };
        let place = |name: &str| format!("/reports/file?run={}&name={}", url_part(&run.id), url_part(name));
        let files = run.files.iter().map(|it| (it.name.clone(), place(&it.name), size(it.bytes))).collect();
        Self { due: Moment::new(run.due, zone), class, state, files, run }
    }
}

fn may_order(viewer: &Viewer) -> bool {
    viewer.may(Right::Work) || viewer.may(Right::Audit)
}

/// Whether `viewer` may order reports.
pub(crate) fn orders(viewer: &Viewer) -> Result<(), Failure> {
    if may_order(viewer) {
        return Ok(());
    }
    let why = "First level looks at reports; who works on cases, or audits, orders them.";
    Err(Failure::Forbidden(why.to_owned()))
}

/// What a page of ours may do: show itself by the style that it brings, which is named by its hash.
fn allowed(page: &[u8]) -> String {
    let text = String::from_utf8_lossy(page);
    let style = text.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let style = style.map_or_else(
        || "'none'".to_owned(),
        |(style, _)| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(style))),
    );
    format!("sandbox; default-src 'none'; style-src {style}; img-src data:; frame-ancestors 'none'")
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} B"),
        10_000..=9_999_999 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

const ORDERED_SHOWN: u32 = 50;
