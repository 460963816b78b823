//! `/v1/customers`: who they are, and who belongs to them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use cases::Registration;
use cases::registry::Person;
use reporter::rfc3339;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::taken::{Paging, Params};
use super::told::{Page, tag_of, tagged};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::question::ask;

/// A customer.
#[derive(Serialize, ToSchema)]
#[schema(as = Customer)]
pub(crate) struct CustomerShown {
    /// What its policy calls it.
    name: String,
}

/// What a customer has told about its people.
#[derive(Serialize, ToSchema)]
#[schema(as = Registration)]
pub(crate) struct RegistrationShown {
    /// The customer.
    customer: String,
    /// Domains its people write from.
    domains: Vec<String>,
    /// Domains outside that reports may go to.
    report_domains: Vec<String>,
    /// Its people, those of former times among them.
    people: Vec<PersonShown>,
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
    roles: Value,
    /// Since when; none for always.
    #[schema(format = DateTime)]
    valid_from: Option<String>,
    /// Until when; none for ever.
    #[schema(format = DateTime)]
    valid_until: Option<String>,
}

/// Customers, by name: those with a policy in force, and those who have told about their people.
#[utoipa::path(get, path = "/v1/customers", tag = "Customers", params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<CustomerShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let mut names = names(&service).await?;
    names.retain(|name| viewer.reaches(name));
    let all = names.into_iter().map(|name| CustomerShown { name }).collect();
    Ok(Page::of(all, &paging, |it| it.name.clone())?.answer())
}

/// Who belongs to a customer. Two people of the desk change it, in the console or by `ringwall contact`.
#[utoipa::path(get, path = "/v1/customers/{customer}/registration", tag = "Customers",
    params(("customer" = String, Path)),
    responses((status = 200, description = "What it has told.", body = RegistrationShown, headers(("ETag" = String)))))]
pub(crate) async fn registration(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
) -> Result<Response, Failure> {
    if !viewer.reaches(&customer) || !names(&service).await?.contains(&customer) {
        return Err(Failure::NotFound);
    }
    let shown = RegistrationShown::new(service.book()?.store().await?.desk().registration(&customer).await?);
    Ok(tagged(&shown, &tag_of(&shown)))
}

/// The names of all customers, sorted.
pub(crate) async fn names(service: &Service) -> Result<Vec<String>, Failure> {
    let registrations = service.book()?.store().await?.desk().registrations().await?;
    let mut names: Vec<String> = registrations.into_iter().map(|it| it.customer).collect();
    // While policies are being loaded those of the registry are known.
    if let Ok(customers) = ask(&service.questions.customers, ()).await {
        names.extend(customers.into_iter().map(|customer| customer.name));
    }
    names.sort();
    names.dedup();
    Ok(names)
}

impl RegistrationShown {
    fn new(of: Registration) -> Self {
        Self {
            customer: of.customer,
            domains: of.domains,
            report_domains: of.report_domains,
            people: of.people.into_iter().map(PersonShown::new).collect(),
        }
    }
}

impl PersonShown {
    fn new(person: Person) -> Self {
        Self {
            name: person.name,
            addresses: person.addresses,
            phones: person.phones,
            roles: serde_json::to_value(person.roles).unwrap_or_default(),
            valid_from: person.valid_from.map(rfc3339),
            valid_until: person.valid_until.map(rfc3339),
        }
    }
}
