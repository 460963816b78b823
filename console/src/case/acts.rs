//! What is done with one case.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::Response;
use cases::CaseNumber;
use cases::case::Severity;
use cases::flow::{Reason, Signal};
use cases::io::store::{Act, Visible};
use reporter::counted;
use serde::Deserialize;

use super::{desk, parse, place};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::queue::{self, back_of};

#[derive(Deserialize)]
pub(crate) struct Step {
    verb: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    back: String,
}

pub(crate) async fn step(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Step>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let signal = Signal::every().into_iter().find(|it| it.name() == form.verb);
    let signal = signal.ok_or_else(|| Failure::Wrong(format!("There is no step called {}.", form.verb)))?;
    if matches!(signal, Signal::Take) {
        return each(&service, &viewer, (number, &form.back), &Act::Take).await;
    }
    if matches!(signal, Signal::AskInfo) && form.text.trim().is_empty() {
        return Err(Failure::Wrong("Say what is missing: the customer reads it.".to_owned()));
    }
    let (book, desk) = desk(&service).await?;
    let case = desk.step(number, &signal, &form.text, book.done(&viewer.who, (service.now)())).await?;
    Ok(for_good((&service, &viewer), &back(number, &form.back), &format!("{number} is {} now.", case.state)))
}

#[derive(Deserialize)]
pub(crate) struct Text {
    text: String,
    #[serde(default)]
    back: String,
}

pub(crate) async fn note(
    service: State<Arc<Service>>,
    viewer: Viewer,
    number: Path<String>,
    form: Form<Text>,
) -> Result<Response, Failure> {
    write(service, viewer, number, form, Visible::Desk).await
}

pub(crate) async fn message(
    service: State<Arc<Service>>,
    viewer: Viewer,
    number: Path<String>,
    form: Form<Text>,
) -> Result<Response, Failure> {
    write(service, viewer, number, form, Visible::Customer).await
}

async fn write(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Text>,
    visible: Visible,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let text = wanted(&form.text)?;
    let (book, desk) = desk(&service).await?;
    desk.note(number, text, visible, book.done(&viewer.who, (service.now)())).await?;
    let told = match visible {
        Visible::Desk => "Noted. Customers never see it.",
        Visible::Customer => "Written to the customer.",
    };
    Ok(told_at(&back(number, &form.back), told))
}

/// Writes down what was found.
pub(crate) async fn find(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Text>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let text = wanted(&form.text)?;
    let (book, desk) = desk(&service).await?;
    desk.find(number, text, book.done(&viewer.who, (service.now)())).await?;
    Ok(for_good((&service, &viewer), &back(number, &form.back), "What was found is written down."))
}

#[derive(Deserialize)]
pub(crate) struct Close {
    reason: String,
    text: String,
    #[serde(default)]
    feedback: String,
    #[serde(default)]
    back: String,
}

pub(crate) async fn close(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Close>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let reason = Reason::parse(&form.reason)
        .ok_or_else(|| Failure::Wrong("Say for which reason it ends.".to_owned()))?;
    let act = Act::Close { reason, text: form.text, feedback: queue::feedback(&form.feedback) };
    each(&service, &viewer, (number, &form.back), &act).await
}

#[derive(Deserialize)]
pub(crate) struct Assigned {
    /// Empty for nobody.
    to: String,
    #[serde(default)]
    back: String,
}

pub(crate) async fn assign(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Assigned>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let to = match form.to.trim() {
        "me" => viewer.who.clone(),
        other => other.to_lowercase(),
    };
    if !to.is_empty() {
        let account = service.book()?.store().await?.desk().account(&to).await?;
        let is_there = account.is_some_and(|account| account.customer().is_none() && !account.is_closed);
        if !is_there {
            return Err(Failure::Wrong(format!("Nobody at the desk logs in as {to}.")));
        }
    }
    // A page from before, or the same key once more.
    let case = desk(&service).await?.1.case(number).await?;
    if !to.is_empty() && !case.state.is_over() && case.owner.as_ref() == Some(&to) {
        return Ok(told_at(&back(number, &form.back), &format!("{number} is {to}'s already.")));
    }
    each(&service, &viewer, (number, &form.back), &Act::Assign(to)).await
}

#[derive(Deserialize)]
pub(crate) struct Rated {
    severity: String,
    #[serde(default)]
    back: String,
}

pub(crate) async fn rate(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Rated>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let severity = Severity::EVERY.into_iter().find(|it| it.name() == form.severity);
    let severity = severity.ok_or_else(|| Failure::Wrong("Say info, warning or critical.".to_owned()))?;
    each(&service, &viewer, (number, &form.back), &Act::Rate(severity)).await
}

#[derive(Deserialize)]
pub(crate) struct Other {
    other: String,
    #[serde(default)]
    back: String,
}

pub(crate) async fn link(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Other>,
) -> Result<Response, Failure> {
    let (number, other) = (parse(&number)?, other(&form.other)?);
    let (book, desk) = desk(&service).await?;
    desk.link(number, other, book.done(&viewer.who, (service.now)())).await?;
    Ok(for_good(
        (&service, &viewer),
        &back(number, &form.back),
        &format!("{number} says that it has to do with {other}."),
    ))
}

/// Joins this case into another, which is shown then.
pub(crate) async fn merge(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Other>,
) -> Result<Response, Failure> {
    let (number, other) = (parse(&number)?, other(&form.other)?);
    let (book, desk) = desk(&service).await?;
    desk.merge(other, number, book.done(&viewer.who, (service.now)())).await?;
    Ok(for_good((&service, &viewer), &place(other), &format!("{number} is joined into this case.")))
}

/// Takes alerts out into a case of their own.
pub(crate) async fn split(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let ids = ticked(&form)?;
    let (book, desk) = desk(&service).await?;
    let child = desk.split(number, &ids, book.done(&viewer.who, (service.now)())).await?;
    let are = if child.alerts == 1 { "is" } else { "are" };
    let told = format!("{} of {number} {are} in this case now.", counted(child.alerts, "alert"));
    Ok(for_good((&service, &viewer), &place(child.number), &told))
}

/// Has alerts of this case stand in another one as well, which is shown then.
pub(crate) async fn attach(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let to = form.iter().find(|(name, _)| name == "to").map(|(_, to)| to.as_str()).unwrap_or_default();
    let (ids, to) = (ticked(&form)?, other(to)?);
    let (book, desk) = desk(&service).await?;
    desk.attach(to, &ids, book.done(&viewer.who, (service.now)())).await?;
    let stand = if ids.len() == 1 { "stands" } else { "stand" };
    let told = format!("{} of {number} {stand} in this case as well.", counted(ids.len() as u64, "alert"));
    Ok(for_good((&service, &viewer), &place(to), &told))
}

/// Takes alerts that are in several cases out of this one.
pub(crate) async fn detach(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let ids = ticked(&form)?;
    let (book, desk) = desk(&service).await?;
    desk.detach(number, &ids, book.done(&viewer.who, (service.now)())).await?;
    Ok(for_good((&service, &viewer), &place(number), "They are in this case no more."))
}

#[derive(Deserialize)]
pub(crate) struct Undone {
    act: u64,
    #[serde(default)]
    back: String,
}

/// Takes back what was done with alerts between cases.
pub(crate) async fn take_back(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Undone>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let (book, desk) = desk(&service).await?;
    desk.take_back(number, form.act, book.done(&viewer.who, (service.now)())).await?;
    Ok(for_good((&service, &viewer), &back(number, &form.back), "It is taken back."))
}

#[derive(Deserialize)]
pub(crate) struct Grouped {
    /// `end`, or anything else to begin.
    #[serde(default)]
    until: String,
    #[serde(default)]
    back: String,
}

/// Has what is like the alerts of this case join it from now on, or no more.
pub(crate) async fn group(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Grouped>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let (book, desk) = desk(&service).await?;
    let done = book.done(&viewer.who, (service.now)());
    let told = if form.until == "end" {
        desk.ungroup(number, done).await?;
        "What is like its alerts joins it no more."
    } else {
        desk.group(number, done).await?;
        "What is like its alerts joins this case from now on: the history says what that is."
    };
    Ok(for_good((&service, &viewer), &back(number, &form.back), told))
}

/// The alerts that a form names.
fn ticked(form: &[(String, String)]) -> Result<Vec<String>, Failure> {
    let ids: Vec<String> =
        form.iter().filter(|(name, _)| name == "alert").map(|(_, id)| id.clone()).take(ALERTS_MAX).collect();
    if ids.is_empty() {
        return Err(Failure::Wrong("Tick the alerts that you mean.".to_owned()));
    }
    Ok(ids)
}

#[derive(Deserialize)]
pub(crate) struct Adopted {
    contact: String,
    #[serde(default)]
    back: String,
}

/// Writes down that a contact makes a request of somebody unknown their own.
pub(crate) async fn adopt(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Adopted>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let (book, desk) = desk(&service).await?;
    desk.adopt(number, &form.contact, book.done(&viewer.who, (service.now)())).await?;
    let told = format!("It is {}'s request now; the promised time for it runs.", form.contact);
    Ok(for_good((&service, &viewer), &back(number, &form.back), &told))
}

/// Says what was done and cannot be taken back by a key.
fn for_good((service, viewer): (&Service, &Viewer), place: &str, text: &str) -> Response {
    service.own.desk.did_for_good(viewer);
    told_at(place, text)
}

/// As with many, so that it can be taken back; what is refused is said at once.
async fn each(
    service: &Service,
    viewer: &Viewer,
    (number, from): (CaseNumber, &str),
    act: &Act,
) -> Result<Response, Failure> {
    let (book, desk) = desk(service).await?;
    // One that is not there is not there.
    desk.case(number).await?;
    let items = desk.each(&[number], act, book.done(&viewer.who, (service.now)())).await?;
    if let Some(why) = items.first().and_then(|item| item.refused.clone()) {
        return Err(Failure::Refused(why));
    }
    queue::told(service, viewer, (act, items), &back(number, from))
}

#[derive(Deserialize)]
pub(crate) struct Again {
    id: String,
    #[serde(default)]
    back: String,
}

/// Has a notice that was given up sent once more.
pub(crate) async fn resend(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Again>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let (book, desk) = desk(&service).await?;
    let outgoing = desk.retry(number, &form.id, book.done(&viewer.who, (service.now)())).await?;
    let told = format!("It goes to {} by {} once more.", outgoing.to, outgoing.channel.name());
    Ok(told_at(&back(number, &form.back), &told))
}

/// Back to the case, in the view that it was looked at in.
pub(super) fn back(number: CaseNumber, from: &str) -> String {
    let own = place(number);
    let is_own = from.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with('?'));
    if is_own { back_of(from).to_owned() } else { own }
}

fn other(text: &str) -> Result<CaseNumber, Failure> {
    let number = text.trim().to_uppercase().parse();
    number.map_err(|_| Failure::Wrong("Say which case: its whole number, such as RW-104233-3.".to_owned()))
}

fn wanted(text: &str) -> Result<&str, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::Wrong("There is nothing to write.".to_owned()));
    }
    Ok(text)
}

/// Alerts that are taken out at once: as many as a page shows.
const ALERTS_MAX: usize = 50;
