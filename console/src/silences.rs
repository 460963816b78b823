//! Silences: what is kept quiet, and what that would have hidden.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Query as Asked, State};
use axum::response::Response;
use cases::CaseNumber;
use cases::io::store::Error;
use cases::notice::{Matcher, Silence};
use rules::Timestamp;
use serde::Deserialize;

use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::shell::{self, Shell};
use crate::text::Moment;

#[derive(Template)]
#[template(path = "silences.html")]
struct Page<'a> {
    shell: Shell<'a>,
    silences: Vec<Shown>,
    form: &'a Wanted,
    customers: Vec<String>,
    /// What it would have hidden in the past seven days, and how much of that was critical.
    preview: Option<(usize, usize)>,
    wrong: Option<String>,
}

struct Shown {
    silence: Silence,
    labels: String,
    until: Moment,
    is_over: bool,
}

/// What somebody wants kept quiet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    customer: String,
    rule: String,
    caller: String,
    case: String,
    reason: String,
    hours: String,
    second: String,
    contact: String,
    /// `yes` where an hour without such an alert ends it.
    quiet: String,
    /// `yes` once the preview was looked at.
    sure: String,
}

impl Wanted {
    fn silence(&self, who: &str, now: Timestamp) -> Result<Silence, String> {
        let mut matcher = Matcher::default();
        let labels = [
            ("customer", &self.customer),
            ("rule", &self.rule),
            ("caller", &self.caller),
            ("case", &self.case),
        ];
        for (name, value) in labels {
            let value = match (name, value.trim()) {
                (_, "") => continue,
                ("case", value) => case(value)?,
                ("caller", value) => caller(value)?,
                (_, value) => value.to_owned(),
            };
            if value == "*" {
                return Err(format!("{name}=* would fit everything"));
            }
            matcher.0.entry(name.to_owned()).or_default().push(value);
        }
        let hours: i64 = match self.hours.trim() {
            "" => HOURS_USUAL,
            hours => hours.parse().map_err(|_| format!("{hours} is no number of hours"))?,
        };
        let hours = hours.clamp(0, HOURS_MAX);
        let some = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let until = now.plus_micros(hours * HOUR_MICROS);
        let silence = Silence {
            second: some(&self.second),
            contact: some(&self.contact),
            quiet_micros: (self.quiet == "yes").then_some(HOUR_MICROS),
            ..Silence::new(who, self.reason.trim(), matcher, (now, until))
        };
        match silence.mistake() {
            Some(mistake) => Err(mistake),
            None => Ok(silence),
        }
    }
}

/// The number of a case, as alerts have it.
fn case(text: &str) -> Result<String, String> {
    let number = text.to_uppercase().parse::<CaseNumber>();
    number.map(|number| number.to_string()).map_err(|mistyped| mistyped.to_string())
}

/// A caller, or the beginning of some, as alerts have them: without what people write between digits.
fn caller(text: &str) -> Result<String, String> {
    let bare: String = text.chars().filter(|it| !it.is_whitespace() && !"()-./".contains(*it)).collect();
    let digits = bare.strip_suffix('*').unwrap_or(&bare);
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    if is_number {
        Ok(bare)
    } else {
        Err(format!("{text} is no number of a caller: write +12105550142, or +1210*"))
    }
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Asked(form): Asked<Wanted>,
) -> Result<Response, Failure> {
    show(&service, &viewer, (&form, None, None)).await
}

/// Shows what it would have hidden; once that was looked at, keeps it quiet.
pub(crate) async fn add(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Wanted>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let now = (service.now)();
    let silence = match form.silence(&viewer.who, now) {
        Ok(silence) => silence,
        Err(wrong) => return show(&service, &viewer, (&form, None, Some(wrong))).await,
    };
    if let Some(second) = &silence.second {
        let account = desk.account(second).await?;
        if account.is_none_or(|account| account.customer().is_some() || account.is_closed) {
            let wrong = format!("nobody at the desk logs in as {second}");
            return show(&service, &viewer, (&form, None, Some(wrong))).await;
        }
    }
    let wanted = silence.matcher.0.get("case").into_iter().flatten();
    for number in wanted.filter_map(|number| number.parse().ok()) {
        match desk.case(number).await {
            Ok(_) => {}
            Err(Error::NoCase(_)) => {
                return show(&service, &viewer, (&form, None, Some(format!("there is no case {number}"))))
                    .await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if form.sure != "yes" {
        let facts = desk.facts(now.plus_micros(-WEEK_MICROS)).await?;
        let alarms: Vec<_> = facts.into_iter().filter(|fact| fact.event.is_alarm()).collect();
        let preview = silence.would_have_hidden(&alarms);
        return show(&service, &viewer, (&form, Some(preview), None)).await;
    }
    let silence = desk.add_silence(silence, book.done(&viewer.who, now)).await?;
    Ok(told_at(
        "/silences",
        &format!("{} keeps it quiet. Cases are opened and clocks run all the same.", silence.id),
    ))
}

#[derive(Deserialize)]
pub(crate) struct Named {
    id: String,
}

pub(crate) async fn end(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Named>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    let silence = book.store().await?.desk().end_silence(&form.id, done).await?;
    Ok(told_at("/silences", &format!("{} is over.", silence.id)))
}

async fn show(
    service: &Service,
    viewer: &Viewer,
    (form, preview, wrong): (&Wanted, Option<(usize, usize)>, Option<String>),
) -> Result<Response, Failure> {
    let book = service.book()?;
    let now = (service.now)();
    let mut silences = book.store().await?.desk().silences(true).await?;
    silences.truncate(SHOWN_MAX);
    let silences = silences.into_iter().map(|silence| Shown {
        labels: labels(&silence.matcher),
        until: Moment::new(silence.end(), book.service().calendar().zone()),
        is_over: now >= silence.end(),
        silence,
    });
    let mut customers = crate::office::customers(service).await?;
    // One that was asked for stands there, whoever that is.
    if !form.customer.is_empty() && !customers.contains(&form.customer) {
        customers.push(form.customer.clone());
    }
    let shell = Shell::of(service, Some(viewer), "Silences");
    Ok(shell::page(&Page { shell, silences: silences.collect(), form, customers, preview, wrong }))
}

fn labels(matcher: &Matcher) -> String {
    let one = |(name, values): (&String, &Vec<String>)| format!("{name} {}", values.join(" or "));
    matcher.0.iter().map(one).collect::<Vec<_>>().join(", ")
}

const HOURS_USUAL: i64 = 4;
/// More is refused with its reason.
const HOURS_MAX: i64 = 24 * 366;
const HOUR_MICROS: i64 = 3_600_000_000;
const WEEK_MICROS: i64 = 7 * 24 * HOUR_MICROS;
const SHOWN_MAX: usize = 100;
