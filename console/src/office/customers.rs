//! Customers: what each has in force, who it registered, and what is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use cases::Registration;
use cases::intake::{Language, Role};
use cases::io::store::Draft;
use cases::registry::Person;
use cases::review;
use jiff::tz::TimeZone;
use rules::Timestamp;

use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::question::{Customer, ask};
use crate::shell::{self, Shell};
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "office_customers.html")]
struct Page<'a> {
    shell: Shell<'a>,
    rows: Vec<Row>,
    drafts: Vec<Waiting>,
    /// Why policies are not shown; nothing when they are.
    no_policies: Option<String>,
}

/// A customer in the list.
struct Row {
    name: String,
    place: String,
    policy: Option<Customer>,
    /// People that count now.
    people: usize,
    calendar: String,
    missing: Vec<&'static str>,
}

/// A change of people that waits for a second person.
pub(super) struct Waiting {
    pub(super) draft: Draft,
    pub(super) at: Moment,
    /// Whether who looks at it has drafted it.
    pub(super) is_own: bool,
}

#[derive(Template)]
#[template(path = "office_customer.html")]
struct One<'a> {
    shell: Shell<'a>,
    customer: String,
    place: String,
    policy: Option<Customer>,
    registration: Registration,
    people: Vec<PersonShown>,
    missing: Vec<&'static str>,
    hours: String,
    /// In which its days begin and end.
    zone: TimeZone,
    drafts: Vec<Waiting>,
    standing: Vec<(String, String, Moment)>,
}

/// A contact, with what a review says of them.
struct PersonShown {
    person: Person,
    review: Option<review::ContactRow>,
    last_use: Option<(Moment, String)>,
    certified: Option<Moment>,
    verified: Option<Moment>,
    until: Option<Moment>,
    is_valid: bool,
}

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let now = (service.now)();
    let (policies, no_policies) = match ask(&service.questions.customers, ()).await {
        Ok(policies) => (policies, None),
        Err(failure) => (Vec::new(), Some(failure.text())),
    };
    let mut all: BTreeMap<String, (Option<Customer>, Option<Registration>)> = BTreeMap::new();
    for policy in policies {
        let name = policy.name.clone();
        all.entry(name).or_default().0 = Some(policy);
    }
    for registration in desk.registrations().await? {
        let name = registration.customer.clone();
        all.entry(name).or_default().1 = Some(registration);
    }
    let rows = all.into_iter().map(|(name, (policy, registration))| Row {
        place: place(&name),
        people: registration
            .as_ref()
            .map_or(0, |it| it.people.iter().filter(|person| person.is_valid_at(now)).count()),
        calendar: book.calendar(&name).name().to_owned(),
        missing: missing(policy.is_some() || no_policies.is_some(), registration.as_ref(), now),
        policy,
        name,
    });
    let rows = rows.collect();
    let drafts = waiting(desk.registration_drafts().await?, &viewer);
    let shell = Shell::of(&service, Some(&viewer), "Customers");
    Ok(shell::page(&Page { shell, rows, drafts, no_policies }))
}

pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let store = book.store().await?;
    let (desk, now) = (store.desk(), (service.now)());
    let policies = ask(&service.questions.customers, ()).await.unwrap_or_default();
    let policy = policies.into_iter().find(|it| it.name == customer);
    let told = desk.registrations().await?.into_iter().find(|it| it.customer == customer);
    let drafts: Vec<_> = desk.registration_drafts().await?;
    let drafts = drafts.into_iter().filter(|it| it.registration.customer == customer).collect::<Vec<_>>();
    if policy.is_none() && told.is_none() && drafts.is_empty() {
        return Err(Failure::NotFound);
    }
    let missing = missing(policy.is_some(), told.as_ref(), now);
    let registration =
        told.unwrap_or_else(|| Registration { customer: customer.clone(), ..Registration::default() });
    // Who did what last is in the last part of the chain.
    let heads = store.audit_heads().await?;
    let end = heads.iter().find(|(name, _)| *name == customer).map_or(0, |(_, head)| head.sequence);
    let audit = store.audit(&customer, end.saturating_sub(AUDIT_READ), AUDIT_READ as u32).await?;
    let calendar = book.calendar(&customer);
    let zone = calendar.zone();
    let mut rows = review::contacts(&registration, &audit, now);
    let people = registration.people.iter().map(|person| {
        let place = rows.iter().position(|row| row.name == person.name);
        let row = place.map(|place| rows.swap_remove(place));
        let moment = |at: Option<Timestamp>| at.map(|at| Moment::new(at, zone));
        PersonShown {
            last_use: row
                .as_ref()
                .and_then(|row| row.last_use.clone())
                .map(|(at, what)| (Moment::new(at, zone), what)),
            certified: moment(row.as_ref().and_then(|row| row.certified_at)),
            verified: moment(person.verified_at),
            until: moment(person.valid_until),
            is_valid: person.is_valid_at(now),
            review: row,
            person: person.clone(),
        }
    });
    let people = people.collect();
    let standing = registration.standing.iter().map(|it| {
        let lists: Vec<_> = it.lists.iter().cloned().collect();
        let what = format!(
            "{} new entries a change at most, {} days each, on {}",
            it.entries_max,
            it.days_max,
            lists.join(", ")
        );
        (it.name.clone(), what, Moment::new(it.expires, zone))
    });
    let standing = standing.collect();
    let shell = Shell::of(&service, Some(&viewer), &customer);
    Ok(shell::page(&One {
        shell,
        place: place(&customer),
        hours: calendar.in_words(now),
        zone: zone.clone(),
        policy,
        people,
        missing,
        standing,
        drafts: waiting(drafts, &viewer),
        registration,
        customer: customer.clone(),
    }))
}

pub(super) fn place(customer: &str) -> String {
    format!("/customer/{}", url_part(customer))
}

fn waiting(drafts: Vec<Draft>, viewer: &Viewer) -> Vec<Waiting> {
    let one = |draft: Draft| Waiting {
        at: Moment::new(draft.at, &TimeZone::UTC),
        is_own: draft.by == viewer.who,
        draft,
    };
    drafts.into_iter().map(one).collect()
}

/// What a customer lacks to be served, in words.
fn missing(has_policy: bool, registration: Option<&Registration>, now: Timestamp) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !has_policy {
        missing.push("no policy is in force");
    }
    let Some(registration) = registration else {
        missing.push("nobody is registered");
        return missing;
    };
    let count = |role| registration.with_role(role, now).count();
    match count(Role::Authorizer) {
        0 => missing.push("nobody authorises"),
        1 => missing.push("only one authoriser: high-risk changes need two"),
        _ => {}
    }
    for (role, words) in [
        (Role::Requester, "nobody may ask for changes"),
        (Role::IncidentNotify, "nobody is told of incidents"),
        (Role::Escalation, "no escalation contact"),
    ] {
        if count(role) == 0 {
            missing.push(words);
        }
    }
    if registration.domains.is_empty() {
        missing.push("no domain that its people write from");
    }
    missing
}

impl One<'_> {
    /// A moment as a field for a day takes it.
    fn day(&self, at: &Option<Timestamp>) -> String {
        let Some(at) = at else { return String::new() };
        let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
        at.to_zoned(self.zone.clone()).date().to_string()
    }

    fn languages(&self) -> &'static str {
        if self.registration.languages.contains(&Language::Spanish) {
            "English and Spanish"
        } else {
            "English"
        }
    }
}

/// Entries of a chain that are looked through for who did what last.
const AUDIT_READ: u64 = 5_000;
