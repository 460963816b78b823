//! Reports that run by themselves: which, when next, what became of each run.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use cases::schedule::{Run, Schedule, Span, When};
use serde::Deserialize;

use super::reports::Made;
use super::wish::{Wish, direction, numbers};
use super::{Catalogue, customers};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::Moment;

#[derive(Template)]
#[template(path = "office_schedules.html")]
struct Page<'a> {
    shell: Shell<'a>,
    rows: Vec<Row>,
    catalogue: Catalogue,
    customers: Vec<String>,
    form: Added,
    /// Why what was sent was not added.
    wrong: Option<String>,
}

/// A schedule in the list.
struct Row {
    schedule: Schedule,
    next: Option<Moment>,
    last: Option<Made>,
}

#[derive(Template)]
#[template(path = "office_schedule.html")]
struct One<'a> {
    shell: Shell<'a>,
    schedule: Schedule,
    next: Option<Moment>,
    runs: Vec<Made>,
    /// Who may say yes to recipients outside.
    authorisers: Vec<String>,
    /// Who does not get it now, each with why.
    pending: Vec<(String, &'static str)>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Added {
    report: String,
    customer: String,
    often: String,
    #[serde(default)]
    weekday: String,
    #[serde(default)]
    day: String,
    #[serde(default)]
    time: String,
    #[serde(default)]
    cron: String,
    #[serde(default)]
    about: String,
    format: String,
    #[serde(default)]
    direction: String,
    #[serde(default)]
    number: String,
    to: String,
}

#[derive(Deserialize)]
pub(crate) struct Authorised {
    contact: String,
}

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    show(&service, &viewer, (Added::usual(), None)).await
}

async fn show(
    service: &Service,
    viewer: &Viewer,
    (form, wrong): (Added, Option<String>),
) -> Result<Response, Failure> {
    let desk = service.book()?.store().await?.desk();
    let catalogue = ask(&service.questions.office.catalogue, ()).await?;
    let mut rows = Vec::new();
    for (schedule, next) in desk.schedules(None).await?.into_iter().take(SCHEDULES_SHOWN) {
        let zone = schedule.time_zone();
        let last = desk.runs(Some(&schedule.id), 1).await?.pop().map(|run| Made::new(run, &zone));
        rows.push(Row { next: next.map(|at| Moment::new(at, &zone)), last, schedule });
    }
    let customers = customers(service).await?;
    let shell = Shell::of(service, Some(viewer), "Schedules");
    Ok(shell::page(&Page { shell, rows, catalogue, customers, form, wrong }))
}

pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let desk = service.book()?.store().await?.desk();
    let mut all = desk.schedules(None).await?;
    let place = all.iter().position(|(schedule, _)| schedule.id == id).ok_or(Failure::NotFound)?;
    let (schedule, next) = all.swap_remove(place);
    let (zone, now) = (schedule.time_zone(), (service.now)());
    let runs = desk.runs(Some(&id), RUNS_SHOWN).await?;
    let registration = desk.registration(&schedule.customer).await?;
    let shell = Shell::of(&service, Some(&viewer), &id);
    Ok(shell::page(&One {
        shell,
        next: next.map(|at| Moment::new(at, &zone)),
        runs: runs.into_iter().map(|run: Run| Made::new(run, &zone)).collect(),
        authorisers: registration.authorisers(now).0.into_iter().collect(),
        pending: schedule.readers(&registration, now).pending,
        schedule,
    }))
}

pub(crate) async fn add(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Added>,
) -> Result<Response, Failure> {
    match added(&service, &viewer, form.clone()).await {
        // What was filled in is not to be filled in again for one mistake.
        Err(failure @ (Failure::Wrong(_) | Failure::Refused(_))) => {
            let mut response = show(&service, &viewer, (form, Some(failure.text()))).await?;
            *response.status_mut() = failure.status();
            Ok(response)
        }
        added => added,
    }
}

async fn added(service: &Service, viewer: &Viewer, form: Added) -> Result<Response, Failure> {
    let when: When = form.when().parse().map_err(Failure::Wrong)?;
    let span = match form.about.trim() {
        "" => Span::usual(&when),
        about => about.parse().map_err(Failure::Wrong)?,
    };
    let words = form.to.split([',', ';', ' ', '\n', '\r', '\t']);
    let wish = Wish {
        format: form.format.parse().map_err(Failure::Wrong)?,
        when,
        span,
        direction: direction(&form.direction)?,
        numbers: numbers(&form.number)?,
        recipients: words.filter(|it| !it.is_empty()).map(str::to_owned).collect(),
        customer: form.customer,
        report: form.report,
    };
    let schedule = wish.schedule(service, &viewer.who).await?;
    let (book, now) = (service.book()?, (service.now)());
    let desk = book.store().await?.desk();
    let readers = schedule.readers(&desk.registration(&schedule.customer).await?, now);
    desk.add_schedule(&schedule, book.done(&viewer.who, now)).await?;
    let told = match (readers.allowed.is_empty(), readers.pending.is_empty()) {
        (_, true) => format!("{} runs by itself from now on.", schedule.id),
        (true, _) => format!("{} is kept, and goes to nobody yet: below stands why.", schedule.id),
        _ => format!("{} runs by itself from now on, and not yet for all: below stands why.", schedule.id),
    };
    Ok(told_at(&place(&schedule.id), &told))
}

pub(crate) async fn authorise(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Form(form): Form<Authorised>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    book.store().await?.desk().authorise_schedule(&id, &form.contact, done).await?;
    Ok(told_at(&place(&id), &format!("{} said yes to recipients outside.", form.contact)))
}

pub(crate) async fn run(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let (book, now) = (service.book()?, (service.now)());
    book.store().await?.desk().run_schedule(&id, now, book.done(&viewer.who, now)).await?;
    Ok(told_at(&place(&id), "It is being made, and goes to whom it goes to. Its run is in the list below."))
}

pub(crate) async fn remove(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    let gone = book.store().await?.desk().remove_schedule(&id, done).await?;
    Ok(told_at("/reports/schedules", &format!("{} runs no more. What it made stays.", gone.id)))
}

impl Added {
    /// What the form begins with.
    fn usual() -> Self {
        let nothing = String::new;
        Self {
            report: nothing(),
            customer: nothing(),
            often: nothing(),
            weekday: nothing(),
            day: "2".to_owned(),
            time: "07:00".to_owned(),
            cron: nothing(),
            about: nothing(),
            format: nothing(),
            direction: nothing(),
            number: nothing(),
            to: nothing(),
        }
    }

    /// When it runs, as it is typed elsewhere.
    fn when(&self) -> String {
        let (time, weekday, day) = (self.time.trim(), self.weekday.trim(), self.day.trim());
        match self.often.as_str() {
            "weekly" | "biweekly" => format!("{} {weekday} {time}", self.often),
            "monthly" | "business-day" => format!("{} {day} {time}", self.often),
            "cron" => format!("cron {}", self.cron.trim()),
            often => format!("{often} {time}"),
        }
    }
}

fn place(id: &str) -> String {
    format!("/reports/schedule/{}", crate::text::url_part(id))
}

const SCHEDULES_SHOWN: usize = 200;
const RUNS_SHOWN: u32 = 50;
