//! Who may log in.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::Response;
use cases::account::{Account, Invitation, Role, Side, hash_of};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::session::draw;
use crate::shell::{self, Shell};
use crate::text::Moment;

#[derive(Template)]
#[template(path = "people.html")]
struct Page<'a> {
    shell: Shell<'a>,
    accounts: Vec<(Account, Option<Moment>)>,
    contacts: Vec<(String, String)>,
    /// A link that was just made: it is shown once.
    link: Option<(String, String)>,
}

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    show(&service, &viewer, None).await
}

#[derive(Deserialize)]
pub(crate) struct Invited {
    login: String,
    #[serde(default)]
    role: String,
    /// `Customer / Name`, for a contact.
    #[serde(default)]
    contact: String,
}

pub(crate) async fn invite(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Invited>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let now = (service.now)();
    let side = match (Role::parse(&form.role), form.contact.split_once(" / ")) {
        (Some(role), None) => Side::Desk(role),
        (None, Some((customer, name))) => {
            Side::Contact { customer: customer.to_owned(), name: name.to_owned() }
        }
        _ => return Err(Failure::Wrong("Choose either a role at the desk, or a contact.".to_owned())),
    };
    let secret = draw()?;
    let login = form.login.trim().to_lowercase();
    let expires = now.plus_micros(INVITATION_MICROS);
    let invitation = Invitation { hash: hash_of(&secret), login: login.clone(), side, expires };
    book.store().await?.desk().invite(&invitation, book.done(&viewer.who, now)).await?;
    show(&service, &viewer, Some((login, format!("{}/welcome/{secret}", service.address)))).await
}

#[derive(Deserialize)]
pub(crate) struct Closed {
    login: String,
}

pub(crate) async fn close(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Closed>,
) -> Result<Response, Failure> {
    if form.login == viewer.who {
        return Err(Failure::Refused("Nobody locks themselves out: somebody else has to.".to_owned()));
    }
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    let change = |account: &mut Account| account.is_closed = true;
    book.store().await?.desk().change_account(&form.login, "close-account", change, done).await?;
    Ok(told_at("/people", &format!("{} can log in no more.", form.login)))
}

pub(crate) async fn show(
    service: &Service,
    viewer: &Viewer,
    link: Option<(String, String)>,
) -> Result<Response, Failure> {
    let desk = service.book()?.store().await?.desk();
    let last = |account: &Account| account.last_login.map(|at| Moment::new(at, &TimeZone::UTC));
    let accounts = desk.accounts().await?.into_iter().map(|it| (it.clone(), last(&it))).collect();
    let registrations = desk.registrations().await?;
    let now = (service.now)();
    let people = registrations.iter().flat_map(|it| it.people.iter().map(|person| (&it.customer, person)));
    let contacts = people
        .filter(|(_, person)| person.is_valid_at(now))
        .map(|(customer, person)| (customer.clone(), person.name.clone()))
        .collect();
    let shell = Shell::of(service, Some(viewer), "People and keys");
    Ok(shell::page(&Page { shell, accounts, contacts, link }))
}

/// Three days.
pub(crate) const INVITATION_MICROS: i64 = 72 * 3_600 * 1_000_000;
