//! `/v1/customers/{customer}/standing`: what a customer agreed to beforehand (Z-6). It stands in its registration, and changes
//! with it: one person drafts, another confirms.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use cases::change::Standing;
use reporter::rfc3339;
use rules::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::registrations::known;
use super::taken::{Paging, Params, line, moment};
use super::told::{Page, quoted, tagged};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;

/// What a customer agreed to beforehand: entries that come onto lists without asking again.
#[derive(Serialize, ToSchema)]
#[schema(as = Standing)]
pub(crate) struct StandingShown {
    /// What it is called by.
    name: String,
    /// Lists that entries may be put on.
    lists: Vec<String>,
    /// Entries that one change may add.
    entries_max: usize,
    /// Days that an entry may last.
    days_max: u32,
    /// It counts until then.
    #[schema(format = DateTime)]
    expires: String,
    /// Whether it counts now.
    holds: bool,
}

/// The same as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStanding {
    /// What it is called by; no two of a customer have one name.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    name: String,
    /// Lists that entries may be put on.
    #[schema(min_items = 1, max_items = 50)]
    lists: Vec<String>,
    /// Entries that one change may add.
    #[schema(minimum = 1, maximum = 500)]
    entries_max: usize,
    /// Days that an entry may last.
    #[schema(minimum = 1, maximum = 730)]
    days_max: u32,
    /// It counts until then.
    #[schema(format = DateTime)]
    expires: String,
}

/// What a customer agreed to beforehand, by name.
#[utoipa::path(get, path = "/v1/customers/{customer}/standing", tag = "Customers", params(("customer" = String, Path), Paging),
    responses((status = 200, description = "A page of it.", body = Page<StandingShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let mut all = of(&service, &viewer, &customer).await?;
    all.sort_by(|one, other| one.name.cmp(&other.name));
    let now = (service.now)();
    let all = all.into_iter().map(|it| StandingShown::new(it, now)).collect();
    Ok(Page::of(all, &paging, |it: &StandingShown| it.name.clone())?.answer())
}

/// One of them.
#[utoipa::path(get, path = "/v1/customers/{customer}/standing/{name}", tag = "Customers",
    params(("customer" = String, Path), ("name" = String, Path)),
    responses((status = 200, description = "It.", body = StandingShown, headers(("ETag" = String)))))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path((customer, name)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let all = of(&service, &viewer, &customer).await?;
    let found = all.into_iter().find(|it| it.name == name).ok_or(Failure::NotFound)?;
    let tag = quoted(&found.tag());
    Ok(tagged(&StandingShown::new(found, (service.now)()), &tag))
}

async fn of(service: &Service, viewer: &Viewer, customer: &str) -> Result<Vec<Standing>, Failure> {
    known(service, viewer, customer).await?;
    Ok(service.book()?.store().await?.desk().registration(customer).await?.standing)
}

impl StandingShown {
    fn new(of: Standing, now: Timestamp) -> Self {
        Self {
            name: of.name,
            lists: of.lists.into_iter().collect(),
            entries_max: of.entries_max,
            days_max: of.days_max,
            expires: rfc3339(of.expires),
            holds: now < of.expires,
        }
    }
}

impl NewStanding {
    /// What `customer` agrees to by it.
    pub(super) fn of(self, customer: &str) -> Result<Standing, Failure> {
        let name = line("standing", &self.name)?.to_owned();
        self.lists.iter().try_for_each(|list| line("lists", list).map(drop))?;
        let is_within =
            (1..=ENTRIES_MAX).contains(&self.entries_max) && (1..=DAYS_MAX).contains(&self.days_max);
        if self.lists.is_empty() || !is_within {
            return Err(Failure::Wrong(format!(
                "standing {name}: name a list, 1 to {ENTRIES_MAX} entries and 1 to {DAYS_MAX} days"
            )));
        }
        Ok(Standing {
            name,
            customer: customer.to_owned(),
            lists: self.lists.into_iter().collect(),
            entries_max: self.entries_max,
            days_max: self.days_max,
            expires: moment("expires", &self.expires)?,
        })
    }
}

/// As many as one proposal has lines.
const ENTRIES_MAX: usize = 500;
/// As long as an entry may last that is proposed.
const DAYS_MAX: u32 = 730;
