//! Changes that wait for the customer's yes: in plain words, with what they would have done. Looking never decides.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use cases::account::Right;
use cases::change::{Approval, Method, Risk};
use cases::explanation::wall_time;
use cases::flow::State as CaseState;
use cases::io::store::Filter;

use super::requests::Row;
use super::{Place, needs, needs_factor, page, shell};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::choice::{self, field, is_short};
use crate::failure::Failure;
use crate::plain;
use crate::question::{Chosen, InCase, ask};
use crate::shell::Shell;
use crate::text::Moment;

#[derive(Template)]
#[template(path = "portal_authorisations.html")]
struct ListPage<'a> {
    shell: Shell<'a>,
    rows: Vec<Row>,
}

pub(crate) async fn list(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let state = Some(CaseState::AwaitingAuthorisation);
    let found = place.store.list(&Filter { state, count: Some(SHOWN), ..Filter::default() }).await?;
    let rows = found.cases.into_iter().map(|case| Row::new(&place, case)).collect();
    Ok(page(&ListPage { shell: shell(&service, &viewer, "Authorise"), rows }))
}

#[derive(Template)]
#[template(path = "portal_authorise.html")]
struct OnePage<'a> {
    shell: Shell<'a>,
    row: Row,
    /// What has to come back: exactly what was shown.
    hash: String,
    /// What changes, in plain words, and exactly.
    lines: Vec<String>,
    exact: Vec<String>,
    effects: Vec<String>,
    risk: &'static str,
    needs_two: bool,
    given: Vec<(String, Moment)>,
    has_given: bool,
    /// Whether a yes to some of the lines is offered.
    some: bool,
    may: bool,
    has_factor: bool,
}

pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let case = place.case(&number).await?;
    if case.state != CaseState::AwaitingAuthorisation {
        let approvals = place.store.change(case.number).await?.map(|(_, approvals)| approvals);
        let row = Row::new(&place, case);
        let own = approvals.iter().flatten().rfind(|approval| approval.approver == place.contact);
        let told = match own {
            Some(yes) => {
                let at = wall_time(place.book.calendar(place.customer), yes.at);
                format!("You said yes, {at}. Now: {}.", row.standing)
            }
            None => format!("It does not wait for a decision now: {}.", row.standing),
        };
        return Ok(told_at(&format!("/portal/request/{}", row.case.number), &told));
    }
    let (proposed, approvals) = place.store.change(case.number).await?.ok_or(Failure::NotFound)?;
    let counting = approvals.iter().filter(|approval| place.now < approval.expires);
    let given: Vec<_> =
        counting.map(|approval| (approval.approver.clone(), place.moment(approval.at))).collect();
    let risk = proposed.change.risk(&proposed.impact);
    Ok(page(&OnePage {
        shell: shell(&service, &viewer, "Approve this change?"),
        hash: proposed.change.hash(),
        lines: plain::lines(&service, place.customer, &proposed.change.lines).await,
        exact: proposed.change.lines.iter().map(ToString::to_string).collect(),
        some: is_short(proposed.change.lines.len()) && proposed.change.parted(&BTreeSet::from([0])).is_ok(),
        effects: proposed.impact.effects(),
        risk: risk.in_words(),
        needs_two: risk == Risk::High,
        has_given: given.iter().any(|(name, _)| name == place.contact),
        given,
        may: viewer.may_authorise(),
        has_factor: viewer.has_shown_factor(),
        row: Row::new(&place, case),
    }))
}

pub(crate) async fn decide(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    needs(&viewer, Right::Authorise)?;
    let place = Place::of(&service, &viewer).await?;
    let case = place.case(&number).await?;
    needs_factor(&viewer)?;
    // What the form says: exactly what was shown, and what shall become of it.
    let shown = field(&form, "change").to_owned();
    let told = match field(&form, "decision") {
        "yes" => {
            let yes = Approval::now(shown, place.contact, Method::Portal, place.now);
            let approved = place.store.approve(case.number, yes, place.done()).await?;
            said_yes(approved.ok_or(Failure::NotFound)?.1.is_some())
        }
        "some" => {
            let unsaid =
                || Failure::Wrong("Say which lines, and what of the others. Nothing was decided.".to_owned());
            let choice = choice::read(&form).ok_or_else(unsaid)?;
            let store = place.book.store().await?.clone();
            let in_case = InCase { store, number: case.number, who: place.contact.to_owned() };
            let chosen = Chosen { in_case, customer: place.customer.to_owned(), shown, choice };
            said_yes(ask(&service.questions.desk.approve_part, chosen).await?)
        }
        "no" => {
            let why = cases::intake::several_lines(field(&form, "reason").trim(), REASON_CHARACTERS_MAX);
            if why.chars().count() < REASON_CHARACTERS_MIN {
                return Err(Failure::Wrong("Say in a few words why not. Nothing was decided.".to_owned()));
            }
            let refused = place.store.refuse(case.number, (&shown, &why), place.done()).await?;
            refused.ok_or(Failure::NotFound)?;
            "You have said no. Nothing is changed."
        }
        _ => return Err(Failure::Wrong("Say yes or no. Nothing was decided.".to_owned())),
    };
    Ok(told_at(&format!("/portal/request/{}", case.number), told))
}

const fn said_yes(is_enough: bool) -> &'static str {
    if is_enough {
        "You have said yes. The change is made now, and proven by test calls."
    } else {
        "You have said yes. Another of your authorisers has to say yes as well; nothing is changed before."
    }
}

const SHOWN: u32 = 100;
const REASON_CHARACTERS_MIN: usize = 8;
const REASON_CHARACTERS_MAX: usize = 500;
