//! One account: what it may do, where it is logged in, and what an administrator does when something was lost.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use cases::account::Session;
use cases::account::{Account, Invitation, Role, hash_of};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::people::{INVITATION_MICROS, show};
use crate::session::draw;
use crate::shell::{self, Shell};
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "office_person.html")]
struct Page<'a> {
    shell: Shell<'a>,
    account: Account,
    place: String,
    has_factor: bool,
    last: Option<Moment>,
    sessions: Vec<SessionShown>,
    /// Whether it is the account of who looks at it.
    is_own: bool,
}

struct SessionShown {
    began: Moment,
    seen: Moment,
    session: Session,
    is_this: bool,
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    role: String,
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(login): Path<String>,
) -> Result<Response, Failure> {
    let desk = service.book()?.store().await?.desk();
    let account = desk.account(&login).await?.ok_or(Failure::NotFound)?;
    let moment = |at| Moment::new(at, &TimeZone::UTC);
    let this = viewer.session.as_ref().map(|session| session.hash.as_str());
    let sessions = desk.sessions(&login).await?.into_iter().map(|session| SessionShown {
        began: moment(session.began),
        seen: moment(session.seen),
        is_this: Some(session.hash.as_str()) == this,
        session,
    });
    let sessions = sessions.collect();
    let shell = Shell::of(&service, Some(&viewer), &login);
    Ok(shell::page(&Page {
        shell,
        place: place(&login),
        has_factor: desk.has_factor(&account).await?,
        last: account.last_login.map(moment),
        sessions,
        is_own: viewer.who == login,
        account,
    }))
}

pub(crate) async fn role(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(login): Path<String>,
    Form(form): Form<Chosen>,
) -> Result<Response, Failure> {
    not_oneself(&viewer, &login)?;
    let role = Role::parse(&form.role)
        .ok_or_else(|| Failure::Wrong("Choose one of the roles of the desk.".to_owned()))?;
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    book.store().await?.desk().set_role(&login, role, done).await?;
    Ok(told_at(&place(&login), &format!("{login} is {} from now on.", role.name())))
}

/// A link by which somebody who has lost their password chooses another one. It is shown once.
pub(crate) async fn link(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(login): Path<String>,
) -> Result<Response, Failure> {
    let (book, now) = (service.book()?, (service.now)());
    let desk = book.store().await?.desk();
    let account = desk.account(&login).await?.ok_or(Failure::NotFound)?;
    if account.is_closed {
        return Err(Failure::Refused(format!("{login} is closed: invite them anew where that is meant.")));
    }
    let secret = draw()?;
    let expires = now.plus_micros(INVITATION_MICROS);
    let invitation = Invitation { hash: hash_of(&secret), login: login.clone(), side: account.side, expires };
    desk.invite(&invitation, book.done(&viewer.who, now)).await?;
    show(&service, &viewer, Some((login, format!("{}/welcome/{secret}", service.address)))).await
}

pub(crate) async fn log_out(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(login): Path<String>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    book.store().await?.desk().log_out(&login, done).await?;
    Ok(told_at(&place(&login), &format!("{login} is logged in nowhere.")))
}

pub(crate) async fn reset_factor(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(login): Path<String>,
) -> Result<Response, Failure> {
    // Whoever has taken over a browser gets no further by it.
    not_oneself(&viewer, &login)?;
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    book.store().await?.desk().reset_factor(&login, done).await?;
    let told =
        format!("No code is asked of {login} any more, until they set up another app. They are logged out.");
    Ok(told_at(&place(&login), &told))
}

fn not_oneself(viewer: &Viewer, login: &str) -> Result<(), Failure> {
    if viewer.who == login {
        return Err(Failure::Refused("Nobody does that to themselves: somebody else has to.".to_owned()));
    }
    Ok(())
}

fn place(login: &str) -> String {
    format!("/person/{}", url_part(login))
}
