//! `/v1/customers/{customer}/registration`: who belongs to a customer, changed by two people: one drafts, another confirms
//! exactly what was drafted (C-1). Keys do neither.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use cases::Registration;
use cases::intake::{Language, Role};
use cases::io::store::Draft;
use cases::registry::Person;
use reporter::rfc3339;
use rules::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::customers::names;
use super::standing::NewStanding;
use super::taken::{Body, Repeatable, Seen, line, moment};
use super::told::{Page, again, made, quoted, tagged};
use super::words;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;

/// What a customer has told about its people.
#[derive(Serialize, ToSchema)]
#[schema(as = Registration)]
pub(crate) struct RegistrationShown {
    /// The customer.
    customer: String,
    /// Domains its people write from.
    domains: Vec<String>,
    /// Domains whose seal on forwarded mail is believed as far as it goes.
    forwarders: Vec<String>,
    /// Domains outside that reports may go to.
    report_domains: Vec<String>,
    /// Whether reports come with mail; otherwise by link only.
    report_attachments: bool,
    /// Languages whose labels are read beside English.
    #[schema(value_type = Vec<String>)]
    languages: Vec<Language>,
    /// Its people, those of former times among them.
    people: Vec<PersonShown>,
    /// Names of what it agreed to beforehand.
    standing: Vec<String>,
}

/// A contact.
#[derive(Serialize, ToSchema)]
#[schema(as = Person)]
struct PersonShown {
    /// What they are called by.
    name: String,
    /// Addresses they write from.
    addresses: Vec<String>,
    /// Telephone numbers, E.164.
    phones: Vec<String>,
    /// What they may do.
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<Role>,
    /// Since when; none for always.
    #[schema(format = DateTime)]
    valid_from: Option<String>,
    /// Until when; none for ever.
    #[schema(format = DateTime)]
    valid_until: Option<String>,
    /// When somebody made sure that the addresses are theirs.
    #[schema(format = DateTime)]
    verified_at: Option<String>,
    /// Their time zone; the customer's unless named.
    zone: Option<String>,
}

/// A registration that waits for a second person.
#[derive(Serialize, ToSchema)]
#[schema(as = RegistrationDraft)]
pub(crate) struct DraftShown {
    /// SHA-256 of it: what is confirmed.
    hash: String,
    /// Who drafted it.
    by: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// What sets it apart from what holds, a line each.
    differences: Vec<String>,
    /// What would hold.
    registration: RegistrationShown,
}

/// What is to hold instead.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRegistration {
    /// Domains its people write from, lower case.
    #[schema(max_items = 500)]
    domains: Vec<String>,
    /// Domains whose seal on forwarded mail is believed as far as it goes.
    #[schema(max_items = 500)]
    forwarders: Vec<String>,
    /// Domains outside that reports may go to.
    #[schema(max_items = 500)]
    report_domains: Vec<String>,
    /// Whether reports come with mail; otherwise by link only.
    report_attachments: bool,
    /// Languages whose labels are read beside English: `spanish`.
    #[schema(schema_with = words::languages)]
    languages: Vec<Language>,
    /// Its people. Whoever leaves stays here with a date, so that their mail is known for what it is.
    #[schema(max_items = 5000)]
    people: Vec<NewPerson>,
    /// All that it agrees to beforehand; what it agreed to stays as it is unless told.
    #[serde(default)]
    #[schema(max_items = 100)]
    standing: Option<Vec<NewStanding>>,
}

/// A contact as they are to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    /// What they are called by; no two of a customer have one name.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    name: String,
    /// Addresses they write from; the first is written to.
    #[schema(min_items = 1, max_items = 50)]
    addresses: Vec<String>,
    /// Telephone numbers, E.164 with a plus.
    #[serde(default)]
    #[schema(max_items = 50)]
    phones: Vec<String>,
    /// What they may do.
    #[schema(schema_with = words::contact_roles)]
    roles: BTreeSet<Role>,
    /// Since when; always unless told.
    #[serde(default)]
    #[schema(format = DateTime)]
    valid_from: Option<String>,
    /// Until when; for ever unless told.
    #[serde(default)]
    #[schema(format = DateTime)]
    valid_until: Option<String>,
    /// Whether you made sure that the addresses are theirs. Who was made sure of before stays so as long as they are the same.
    #[serde(default)]
    verified: bool,
    /// Their time zone, such as `America/Chicago`; the customer's unless named.
    #[serde(default)]
    #[schema(max_length = 500)]
    zone: Option<String>,
}

/// Who belongs to a customer.
#[utoipa::path(get, path = "/v1/customers/{customer}/registration", tag = "Customers",
    params(("customer" = String, Path)),
    responses((status = 200, description = "What it has told.", body = RegistrationShown, headers(("ETag" = String)))))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
) -> Result<Response, Failure> {
    known(&service, &viewer, &customer).await?;
    let registration = service.book()?.store().await?.desk().registration(&customer).await?;
    let tag = quoted(&registration.tag());
    Ok(tagged(&RegistrationShown::new(registration), &tag))
}

/// Drafts of another registration that wait for a second person, the oldest first.
#[utoipa::path(get, path = "/v1/customers/{customer}/registration/drafts", tag = "Customers",
    params(("customer" = String, Path)),
    responses((status = 200, description = "They.", body = Page<DraftShown>)))]
pub(crate) async fn drafts(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
) -> Result<Response, Failure> {
    known(&service, &viewer, &customer).await?;
    let drafts = of(&service, &customer).await?;
    Ok(Page { items: drafts.into_iter().map(DraftShown::new).collect(), next: None }.answer())
}

/// One draft.
#[utoipa::path(get, path = "/v1/customers/{customer}/registration/drafts/{hash}", tag = "Customers",
    params(("customer" = String, Path), ("hash" = String, Path)),
    responses((status = 200, description = "The draft.", body = DraftShown)))]
pub(crate) async fn draft(
    State(service): State<Arc<Service>>,
    Path((customer, hash)): Path<(String, String)>,
) -> Result<Json<DraftShown>, Failure> {
    Ok(Json(DraftShown::new(find(&service, &customer, &hash).await?)))
}

/// Drafts another registration. It holds when another person has confirmed it.
#[utoipa::path(post, path = "/v1/customers/{customer}/registration/drafts", tag = "Customers", request_body = NewRegistration,
    params(("customer" = String, Path), ("If-Match" = String, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "The draft.", body = DraftShown, headers(("Location" = String)))))]
pub(crate) async fn add(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    seen: Seen,
    repeatable: Repeatable,
    Body { value, print }: Body<NewRegistration>,
) -> Result<Response, Failure> {
    known(&service, &viewer, &customer).await?;
    let (book, now) = (service.book()?, (service.now)());
    let desk = book.store().await?.desk();
    // What it is compared with is what was seen, or nothing of it is kept.
    let registration = value.over(desk.registration(&customer).await?, now)?;
    let desk = desk.seen(seen.tag()).once(repeatable.once(&viewer.who, &print, now));
    let draft = match desk.draft_registration(registration, book.done(&viewer.who, now)).await {
        Ok(draft) => draft,
        Err(error) => find(&service, &customer, &again(error)?).await?,
    };
    let place =
        format!("/v1/customers/{}/registration/drafts/{}", crate::text::url_part(&customer), draft.hash);
    Ok(made(&DraftShown::new(draft), None, &place))
}

/// Confirms a draft of somebody else: it holds from now on, and other drafts of the customer are void.
#[utoipa::path(post, path = "/v1/customers/{customer}/registration/drafts/{hash}/confirm", tag = "Customers",
    params(("customer" = String, Path), ("hash" = String, Path)),
    responses((status = 200, description = "What holds.", body = RegistrationShown, headers(("ETag" = String)))))]
pub(crate) async fn confirm(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, hash)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let draft = find(&service, &customer, &hash).await?;
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    let holds = book.store().await?.desk().confirm_registration(&draft.hash, done).await?.registration;
    let tag = quoted(&holds.tag());
    Ok(tagged(&RegistrationShown::new(holds), &tag))
}

/// Takes back a draft of one's own.
#[utoipa::path(delete, path = "/v1/customers/{customer}/registration/drafts/{hash}", tag = "Customers",
    params(("customer" = String, Path), ("hash" = String, Path)),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn withdraw(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, hash)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let draft = find(&service, &customer, &hash).await?;
    if draft.by != viewer.who {
        return Err(Failure::Refused(format!("{} has drafted it: only they take it back", draft.by)));
    }
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    book.store().await?.desk().withdraw_draft(&customer, &hash, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// That there is such a customer, and that it is theirs to see.
pub(super) async fn known(service: &Service, viewer: &Viewer, customer: &str) -> Result<(), Failure> {
    if !viewer.reaches(customer) || !names(service).await?.iter().any(|it| it == customer) {
        return Err(Failure::NotFound);
    }
    Ok(())
}

async fn of(service: &Service, customer: &str) -> Result<Vec<Draft>, Failure> {
    let mut drafts = service.book()?.store().await?.desk().registration_drafts().await?;
    drafts.retain(|draft| draft.registration.customer == customer);
    Ok(drafts)
}

async fn find(service: &Service, customer: &str, hash: &str) -> Result<Draft, Failure> {
    of(service, customer).await?.into_iter().find(|draft| draft.hash == hash).ok_or(Failure::NotFound)
}

impl NewRegistration {
    /// What holds then, instead of `old`.
    fn over(self, old: Registration, now: Timestamp) -> Result<Registration, Failure> {
        let lists = [
            ("domains", &self.domains),
            ("forwarders", &self.forwarders),
            ("report_domains", &self.report_domains),
        ];
        for (name, domain) in lists.into_iter().flat_map(|(name, list)| list.iter().map(move |it| (name, it)))
        {
            line(name, domain)?;
        }
        let people = self.people.into_iter().map(|person| person.over(&old, now));
        let standing = match self.standing {
            Some(all) => all.into_iter().map(|it| it.of(&old.customer)).collect::<Result<_, _>>()?,
            None => old.standing.clone(),
        };
        Ok(Registration {
            standing,
            people: people.collect::<Result<_, _>>()?,
            domains: self.domains,
            forwarders: self.forwarders,
            report_domains: self.report_domains,
            report_attachments: self.report_attachments,
            languages: self.languages,
            ..old
        })
    }
}

impl NewPerson {
    fn over(self, old: &Registration, now: Timestamp) -> Result<Person, Failure> {
        let day = |name: &str, text: Option<&String>| text.map(|text| moment(name, text)).transpose();
        let (valid_from, valid_until) =
            (day("valid_from", self.valid_from.as_ref())?, day("valid_until", self.valid_until.as_ref())?);
        for (name, text) in [("addresses", &self.addresses), ("phones", &self.phones)]
            .into_iter()
            .flat_map(|(name, list)| list.iter().map(move |it| (name, it)))
        {
            line(name, text)?;
        }
        let name = line("name", &self.name)?.to_owned();
        // Whoever has another address now is somebody whose address nobody made sure of.
        let before = old.person(&name).filter(|person| person.addresses == self.addresses);
        let verified_at =
            before.and_then(|person| person.verified_at).or_else(|| self.verified.then_some(now));
        let zone = self.zone.as_deref().map(|zone| line("zone", zone)).transpose()?.map(str::to_owned);
        let (addresses, phones, roles) = (self.addresses, self.phones, self.roles);
        Ok(Person { name, addresses, phones, roles, valid_from, valid_until, verified_at, zone })
    }
}

impl DraftShown {
    fn new(draft: Draft) -> Self {
        Self {
            hash: draft.hash,
            by: draft.by,
            at: rfc3339(draft.at),
            differences: draft.differences,
            registration: RegistrationShown::new(draft.registration),
        }
    }
}

impl RegistrationShown {
    fn new(of: Registration) -> Self {
        Self {
            customer: of.customer,
            domains: of.domains,
            forwarders: of.forwarders,
            report_domains: of.report_domains,
            report_attachments: of.report_attachments,
            languages: of.languages,
            people: of.people.into_iter().map(PersonShown::new).collect(),
            standing: of.standing.into_iter().map(|it| it.name).collect(),
        }
    }
}

impl PersonShown {
    fn new(person: Person) -> Self {
        Self {
            name: person.name,
            addresses: person.addresses,
            phones: person.phones,
            roles: person.roles,
            valid_from: person.valid_from.map(rfc3339),
            valid_until: person.valid_until.map(rfc3339),
            verified_at: person.verified_at.map(rfc3339),
            zone: person.zone,
        }
    }
}
