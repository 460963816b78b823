//! `/v1/invitations`: who was asked to choose a password. The link is told once, when it is made, and kept as its hash.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use cases::account::{Invitation, Role, Side, hash_of};
use reporter::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::taken::{Body, Paging, Params, Repeatable, Seen, line};
use super::told::{Page, again, made, quoted, tagged};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::people::INVITATION_MICROS;
use crate::session::draw;

/// Somebody who was invited.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(crate) struct InvitationShown {
    /// What they will type.
    login: String,
    /// What they will do at the desk; none for a contact.
    role: Option<&'static str>,
    /// Whose contact they are.
    customer: Option<String>,
    /// Which contact.
    contact: Option<String>,
    /// Until when the link can be used.
    #[schema(format = DateTime)]
    expires: String,
}

/// An invitation that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeInvitation {
    #[serde(flatten)]
    invitation: InvitationShown,
    /// Where they choose a password. It is told in this answer only; when the same request comes again it is not in it.
    link: Option<String>,
}

/// Somebody who is to be invited: to the desk by a role, or as a contact by customer and name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInvitation {
    /// What they will type: 1 to 64 of a-z, 0-9, . - _ @ and +.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9._@+-]+$")]
    login: String,
    /// `first-level`, `analyst`, `senior`, `incident-commander`, `auditor` or `admin`.
    #[serde(default)]
    #[schema(max_length = 40)]
    role: Option<String>,
    /// Whose contact they are.
    #[serde(default)]
    #[schema(max_length = 500)]
    customer: Option<String>,
    /// Their name in the registration of the customer.
    #[serde(default)]
    #[schema(max_length = 500)]
    contact: Option<String>,
}

/// Invitations that can be used, by log-in.
#[utoipa::path(get, path = "/v1/invitations", tag = "Accounts", params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<InvitationShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let all = service.book()?.store().await?.desk().invitations((service.now)()).await?;
    let all = all.iter().map(InvitationShown::new).collect();
    Ok(Page::of(all, &paging, |it: &InvitationShown| it.login.clone())?.answer())
}

/// One invitation.
#[utoipa::path(get, path = "/v1/invitations/{login}", tag = "Accounts", params(("login" = String, Path)),
    responses((status = 200, description = "The invitation.", body = InvitationShown, headers(("ETag" = String)))))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    Path(login): Path<String>,
) -> Result<Response, Failure> {
    let invitation = find(&service, &login).await?;
    Ok(tagged(&InvitationShown::new(&invitation), &quoted(&invitation.tag())))
}

/// Invites somebody. A link to the same log-in from before leads nowhere from then on.
#[utoipa::path(post, path = "/v1/invitations", tag = "Accounts", request_body = NewInvitation,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "The invitation, with its link.", body = MadeInvitation,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn add(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    repeatable: Repeatable,
    Body { value: new, print }: Body<NewInvitation>,
) -> Result<Response, Failure> {
    let (book, now) = (service.book()?, (service.now)());
    let side = match (new.role.as_deref(), new.customer.as_deref(), new.contact.as_deref()) {
        (Some(role), None, None) => {
            let role = Role::parse(role);
            Side::Desk(role.ok_or_else(|| Failure::Wrong("role: there is none of that name".to_owned()))?)
        }
        (None, Some(customer), Some(contact)) => Side::Contact {
            customer: line("customer", customer)?.to_owned(),
            name: line("contact", contact)?.to_owned(),
        },
        _ => return Err(Failure::Wrong("give either `role`, or `customer` and `contact`".to_owned())),
    };
    let secret = draw()?;
    let invitation = Invitation {
        hash: hash_of(&secret),
        login: line("login", &new.login)?.to_owned(),
        side,
        expires: now.plus_micros(INVITATION_MICROS),
    };
    let desk = book.store().await?.desk().once(repeatable.once(&viewer.who, &print, now));
    let link = format!("{}/welcome/{secret}", service.address);
    let (invitation, link) = match desk.invite(&invitation, book.done(&viewer.who, now)).await {
        Ok(()) => (invitation, Some(link)),
        Err(error) => (find(&service, &again(error)?).await?, None),
    };
    let place = format!("/v1/invitations/{}", invitation.login);
    let made_one = MadeInvitation { invitation: InvitationShown::new(&invitation), link };
    Ok(made(&made_one, Some(&quoted(&invitation.tag())), &place))
}

/// Takes back an invitation: its link leads nowhere.
#[utoipa::path(delete, path = "/v1/invitations/{login}", tag = "Accounts",
    params(("login" = String, Path), ("If-Match" = String, Header)),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn remove(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(login): Path<String>,
    seen: Seen,
) -> Result<StatusCode, Failure> {
    find(&service, &login).await?;
    let book = service.book()?;
    let desk = book.store().await?.desk().seen(seen.tag());
    desk.withdraw_invitation(&login, book.done(&viewer.who, (service.now)())).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(service: &Service, login: &str) -> Result<Invitation, Failure> {
    let all = service.book()?.store().await?.desk().invitations((service.now)()).await?;
    all.into_iter().find(|it| it.login == login).ok_or(Failure::NotFound)
}

impl InvitationShown {
    fn new(invitation: &Invitation) -> Self {
        let (role, customer, contact) = match &invitation.side {
            Side::Desk(role) => (Some(role.name()), None, None),
            Side::Contact { customer, name } => (None, Some(customer.clone()), Some(name.clone())),
        };
        Self {
            login: invitation.login.clone(),
            role,
            customer,
            contact,
            expires: rfc3339(invitation.expires),
        }
    }
}
