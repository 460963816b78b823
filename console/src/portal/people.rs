//! Who belongs to a customer and what each of them may do: changed by two of its own people (C-1).

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::Response;
use cases::account::Right;
use cases::intake::Role;
use cases::io::store::Draft;
use cases::registry::Person;
use serde::Deserialize;

use super::{Place, needs, needs_factor, page, shell};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::shell::Shell;
use crate::text::Moment;

#[derive(Template)]
#[template(path = "portal_contacts.html")]
struct Page<'a> {
    shell: Shell<'a>,
    me: &'a str,
    people: Vec<(Person, bool)>,
    drafts: Vec<(Moment, Draft)>,
    roles: [(&'static str, &'static str); 5],
    may: bool,
    has_factor: bool,
    /// Nobody else of the customer could confirm what whoever looks proposes.
    is_alone: bool,
}

impl Page<'_> {
    fn words(role: &Role) -> &'static str {
        ROLES.iter().find(|(name, _)| *name == role.name()).map_or("", |(_, words)| words)
    }
}

pub(crate) async fn list(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let registration = place.store.registration().await?;
    let is_alone = registration.authorisers(place.now).0.iter().all(|name| name == place.contact);
    let mut people: Vec<(Person, bool)> =
        registration.people.into_iter().map(|it| (it.clone(), it.is_valid_at(place.now))).collect();
    people.sort_by_key(|(_, is_valid)| !is_valid);
    people.truncate(SHOWN);
    let drafts = place.store.registration_drafts().await?;
    Ok(page(&Page {
        shell: shell(&service, &viewer, "Contacts and roles"),
        me: place.contact,
        people,
        drafts: drafts.into_iter().map(|draft| (place.moment(draft.at), draft)).collect(),
        roles: ROLES,
        may: viewer.may_authorise(),
        has_factor: viewer.has_shown_factor(),
        is_alone,
    }))
}

/// A contact as the form has them. Roles come one field each.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    name: String,
    address: String,
    phone: String,
    requester: String,
    authorizer: String,
    #[serde(rename = "report-recipient")]
    report_recipient: String,
    #[serde(rename = "incident-notify")]
    incident_notify: String,
    escalation: String,
    /// `end` for somebody who leaves.
    what: String,
}

impl Wanted {
    fn roles(&self) -> BTreeSet<Role> {
        let all = [
            (Role::Requester, &self.requester),
            (Role::Authorizer, &self.authorizer),
            (Role::ReportRecipient, &self.report_recipient),
            (Role::IncidentNotify, &self.incident_notify),
            (Role::Escalation, &self.escalation),
        ];
        all.into_iter().filter(|(_, ticked)| !ticked.is_empty()).map(|(role, _)| role).collect()
    }
}

/// Drafts a new contact, other roles, or an end. It holds when somebody else of the customer confirms it.
pub(crate) async fn draft(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Failure> {
    needs(&viewer, Right::Authorise)?;
    let place = Place::of(&service, &viewer).await?;
    needs_factor(&viewer)?;
    let mut registration = place.store.registration().await?;
    let name = cases::intake::one_line(wanted.name.trim(), NAME_CHARACTERS_MAX);
    let found = registration.people.iter_mut().find(|person| person.name == name);
    match (found, wanted.what.as_str()) {
        (Some(person), "end") => person.valid_until = Some(place.now),
        (None, "end") => return Err(Failure::NotFound),
        (Some(person), _) => {
            person.roles = wanted.roles();
            person.valid_until = None;
        }
        (None, _) => {
            let phone = wanted.phone.trim().to_owned();
            registration.people.push(Person {
                name,
                addresses: vec![wanted.address.trim().to_owned()],
                phones: Some(phone).filter(|phone| !phone.is_empty()).into_iter().collect(),
                roles: wanted.roles(),
                valid_from: None,
                valid_until: None,
                verified_at: None,
                zone: None,
            });
        }
    }
    let is_alone =
        place.store.registration().await?.authorisers(place.now).0.iter().all(|name| name == place.contact);
    place.store.draft_registration(registration, place.done()).await?;
    let told = match is_alone {
        true => "Drafted. It holds when the desk confirms it: you are the only authoriser.",
        false => "Drafted. It holds when another of your authorisers confirms it.",
    };
    Ok(told_at("/portal/contacts", told))
}

#[derive(Deserialize)]
pub(crate) struct Confirmed {
    hash: String,
}

pub(crate) async fn confirm(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Confirmed>,
) -> Result<Response, Failure> {
    needs(&viewer, Right::Authorise)?;
    let place = Place::of(&service, &viewer).await?;
    needs_factor(&viewer)?;
    place.store.confirm_registration(&form.hash, place.done()).await?;
    Ok(told_at("/portal/contacts", "Confirmed: it holds from now on."))
}

const ROLES: [(&str, &str); 5] = [
    ("requester", "asks for changes and reports"),
    ("authorizer", "authorises changes, and contacts"),
    ("report-recipient", "gets reports"),
    ("incident-notify", "is told of incidents"),
    ("escalation", "is called when nothing else helped"),
];
const SHOWN: usize = 500;
const NAME_CHARACTERS_MAX: usize = 120;
