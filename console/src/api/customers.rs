//! `/v1/customers`: who they are.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::taken::{Paging, Params};
use super::told::Page;
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
    Ok(Page::of(all, &paging, |it: &CustomerShown| it.name.clone())?.answer())
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
