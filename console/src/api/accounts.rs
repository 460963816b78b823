//! `/v1/accounts`: who may log in.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use cases::account::{Account, Side};
use reporter::rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

use super::taken::{Paging, Params, Seen};
use super::told::{Page, quoted, tagged};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;

/// Somebody who may log in, or might once.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountShown {
    /// What they type.
    login: String,
    /// What they do at the desk; none for a contact.
    role: Option<&'static str>,
    /// Whose contact they are.
    customer: Option<String>,
    /// Which contact.
    contact: Option<String>,
    /// Whether they may log in no more.
    closed: bool,
    /// When they last logged in.
    #[schema(format = DateTime)]
    last_login: Option<String>,
}

/// Accounts, by log-in.
#[utoipa::path(get, path = "/v1/accounts", tag = "Accounts", params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<AccountShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let all = service.book()?.store().await?.desk().accounts().await?;
    Ok(Page::of(all.iter().map(AccountShown::new).collect(), &paging, |it| it.login.clone())?.answer())
}

/// One account.
#[utoipa::path(get, path = "/v1/accounts/{login}", tag = "Accounts", params(("login" = String, Path)),
    responses((status = 200, description = "The account.", body = AccountShown, headers(("ETag" = String)))))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    Path(login): Path<String>,
) -> Result<Response, Failure> {
    let account = find(&service, &login).await?;
    Ok(tagged(&AccountShown::new(&account), &quoted(&account.tag())))
}

/// Lets somebody log in no more. They are logged out at once.
#[utoipa::path(post, path = "/v1/accounts/{login}/close", tag = "Accounts",
    params(("login" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The account.", body = AccountShown, headers(("ETag" = String)))))]
pub(crate) async fn close(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(login): Path<String>,
    seen: Seen,
) -> Result<Response, Failure> {
    find(&service, &login).await?;
    if login == viewer.who {
        return Err(Failure::Refused("Nobody locks themselves out: somebody else has to.".to_owned()));
    }
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    let change = |account: &mut Account| account.is_closed = true;
    let desk = book.store().await?.desk().seen(seen.tag());
    let account = desk.change_account(&login, "close-account", change, done).await?;
    Ok(tagged(&AccountShown::new(&account), &quoted(&account.tag())))
}

async fn find(service: &Service, login: &str) -> Result<Account, Failure> {
    service.book()?.store().await?.desk().account(login).await?.ok_or(Failure::NotFound)
}

impl AccountShown {
    fn new(account: &Account) -> Self {
        let (role, customer, contact) = match &account.side {
            Side::Desk(role) => (Some(role.name()), None, None),
            Side::Contact { customer, name } => (None, Some(customer.clone()), Some(name.clone())),
        };
        Self {
            login: account.login.clone(),
            role,
            customer,
            contact,
            closed: account.is_closed,
            last_login: account.last_login.map(rfc3339),
        }
    }
}
