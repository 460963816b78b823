//! Who belongs to a customer, changed by two people: one drafts, another confirms exactly what was drafted (C-1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::Response;
use cases::Registration;
use cases::intake::{Language, Role};
use cases::registry::Person;
use jiff::civil::Date;
use rules::Timestamp;
use serde::Deserialize;

use super::customers::place;
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;

/// A form with fields whose names vary: roles are `role-…`.
type Fields = BTreeMap<String, String>;

#[derive(Deserialize)]
pub(crate) struct Named {
    name: String,
}

#[derive(Deserialize)]
pub(crate) struct Confirmed {
    hash: String,
}

/// All roles, as forms show them, with what each may do.
pub(crate) const ROLES: [(Role, &str); 5] = [
    (Role::Requester, "asks for changes and reports"),
    (Role::Authorizer, "authorises changes"),
    (Role::ReportRecipient, "gets reports"),
    (Role::IncidentNotify, "is told of incidents"),
    (Role::Escalation, "is called when nothing else helped"),
];

/// Drafts that somebody is added, or changed.
pub(crate) async fn person(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let now = (service.now)();
    let text = |name: &str| fields.get(name).map(|it| it.trim()).unwrap_or_default();
    let (name, before) = (text("name").to_owned(), text("before").to_owned());
    let zone = service.book()?.calendar(&customer).zone().clone();
    let day = |name: &str| -> Result<Option<Timestamp>, Failure> {
        if text(name).is_empty() {
            return Ok(None);
        }
        let wrong = || Failure::Wrong(format!("{} is no day such as 2026-10-05.", text(name)));
        let date: Date = text(name).parse().map_err(|_| wrong())?;
        let at = date.to_zoned(zone.clone()).map_err(|_| wrong())?;
        Ok(Some(Timestamp(at.timestamp().as_microsecond())))
    };
    let (from, until) = (day("from")?, day("until")?);
    let roles: BTreeSet<Role> = ROLES
        .iter()
        .map(|(role, _)| *role)
        .filter(|role| fields.contains_key(&format!("role-{}", role.name())))
        .collect();
    let addresses = words(text("addresses"));
    let phones = numbers(text("phones"));
    let zone = Some(text("zone").to_owned()).filter(|it| !it.is_empty());
    let is_verified = fields.contains_key("verified");
    draft(&service, &viewer, &customer, |registration| {
        let mut person = Person {
            name: name.clone(),
            addresses,
            phones,
            roles,
            valid_from: from,
            valid_until: until,
            verified_at: None,
            zone,
        };
        let place = registration.people.iter().position(|it| it.name == before);
        match (place, before.is_empty()) {
            (Some(place), _) => {
                let old = registration.people.remove(place);
                // Whoever has another address now is somebody whose address nobody made sure of.
                person.verified_at = old.verified_at.filter(|_| old.addresses == person.addresses);
                if is_verified {
                    person.verified_at = Some(now);
                }
                registration.people.insert(place, person);
            }
            (None, true) => {
                person.verified_at = is_verified.then_some(now);
                registration.people.push(person);
            }
            (None, false) => {
                return Err(Failure::Refused(format!(
                    "{before} is not registered any more: load the page again."
                )));
            }
        }
        Ok(())
    })
    .await
}

/// Drafts that somebody is a contact no longer. They stay on record with the date, so that their mail is known for what it is.
pub(crate) async fn leave(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Form(form): Form<Named>,
) -> Result<Response, Failure> {
    let now = (service.now)();
    draft(&service, &viewer, &customer, |registration| {
        let person = registration.people.iter_mut().find(|it| it.name == form.name);
        let person = person.ok_or_else(|| Failure::Refused(format!("{} is not registered.", form.name)))?;
        person.valid_until = Some(now);
        Ok(())
    })
    .await
}

/// Drafts domains, and how reports go out.
pub(crate) async fn domains(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let list = |name: &str| {
        let text = fields.get(name).map(String::as_str).unwrap_or_default();
        words(text).into_iter().map(|it| it.to_lowercase()).collect::<Vec<_>>()
    };
    let (own, forwarders, reports) = (list("domains"), list("forwarders"), list("report_domains"));
    let attaches = fields.contains_key("report_attachments");
    let speaks_spanish = fields.contains_key("spanish");
    draft(&service, &viewer, &customer, |registration| {
        registration.domains = own;
        registration.forwarders = forwarders;
        registration.report_domains = reports;
        registration.report_attachments = attaches;
        registration.languages = if speaks_spanish { vec![Language::Spanish] } else { Vec::new() };
        Ok(())
    })
    .await
}

/// Confirms a draft by its whole hash: what holds then is what was shown.
pub(crate) async fn confirm(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Confirmed>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    let draft = book.store().await?.desk().confirm_registration(form.hash.trim(), done).await?;
    let customer = &draft.registration.customer;
    Ok(told_at(&place(customer), "It holds from now on. Other drafts of this customer are void."))
}

/// Somebody was looked at, and keeps what they may do.
pub(crate) async fn certify(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Form(form): Form<Named>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    book.store().await?.desk().certify_contact(&customer, &form.name, done).await?;
    Ok(told_at(&place(&customer), &format!("{} keeps what they may do.", form.name)))
}

/// Drafts a change of what holds; of one's own draft, where one waits, so that several changes are confirmed together.
async fn draft(
    service: &Service,
    viewer: &Viewer,
    customer: &str,
    change: impl FnOnce(&mut Registration) -> Result<(), Failure>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    // A customer is what a policy, a registration or somebody's draft names.
    let drafts = desk.registration_drafts().await?;
    let is_known = super::customers(service).await?.iter().any(|it| it == customer);
    let own = drafts.into_iter().rev().find(|it| it.by == viewer.who && it.registration.customer == customer);
    if !is_known && own.is_none() {
        return Err(Failure::NotFound);
    }
    let before = own.as_ref().map(|own| own.hash.clone());
    let mut registration = match own {
        Some(own) => own.registration,
        None => desk.registration(customer).await?,
    };
    change(&mut registration)?;
    let done = book.done(&viewer.who, (service.now)());
    let draft = desk.draft_registration(registration, done).await?;
    // One draft of theirs waits, not each step on the way to it.
    if let Some(before) = before.filter(|before| *before != draft.hash) {
        desk.withdraw_draft(customer, &before, done).await?;
    }
    let begin: String = draft.hash.chars().take(8).collect();
    Ok(told_at(
        &place(customer),
        &format!("Drafted as {begin}. It holds when another person has confirmed it."),
    ))
}

/// Words with blanks, commas or line ends between them.
fn words(text: &str) -> Vec<String> {
    let words = text.split([',', ';', ' ', '\n', '\r', '\t']);
    words.filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// Numbers with commas or line ends between them; blanks inside are left out.
fn numbers(text: &str) -> Vec<String> {
    let words = text.split([',', ';', '\n']);
    let plain = |it: &str| it.chars().filter(|it| *it == '+' || it.is_ascii_digit()).collect::<String>();
    words.map(plain).filter(|it| !it.is_empty()).collect()
}
