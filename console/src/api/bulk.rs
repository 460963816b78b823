//! `POST /v1/cases/bulk`: the same for many cases. Each succeeds or fails by itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use cases::io::store::Desk;
use cases::{Case, CaseNumber};
use rules::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::acts::{Close, Step, end, take_step};
use super::taken::Body;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;

/// What is done with which cases.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Many {
    /// Which, each with the version that was seen.
    #[schema(min_items = 1, max_items = 200)]
    cases: Vec<Item>,
    /// A step that each takes. Give either this or `close`.
    #[serde(default)]
    step: Option<Step>,
    /// Why each ends.
    #[serde(default)]
    close: Option<Close>,
}

/// A case, as it was seen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    /// Its number.
    #[schema(example = "RW-100001-9", max_length = 40)]
    number: String,
    /// Its version.
    #[schema(minimum = 0, maximum = 9007199254740991_u64)]
    version: u64,
}

/// What became of each.
#[derive(Serialize, ToSchema)]
pub(crate) struct Results {
    /// In the order in which they were named.
    results: Vec<Outcome>,
}

/// What became of one of them.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkResult)]
struct Outcome {
    /// As it was named.
    number: String,
    /// The status that it would have had alone.
    status: u16,
    /// Where it stands then.
    state: Option<String>,
    /// Its version then.
    version: Option<u64>,
    /// Why it failed.
    detail: Option<String>,
}

/// Has many cases take a step, or ends them.
#[utoipa::path(post, path = "/v1/cases/bulk", tag = "Cases", request_body = Many,
    responses((status = 200, description = "What became of each.", body = Results)))]
pub(crate) async fn change(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Body { value, .. }: Body<Many>,
) -> Result<Json<Results>, Failure> {
    if value.cases.is_empty() || value.cases.len() > ITEMS_MAX {
        return Err(Failure::Wrong(format!("cases: 1 to {ITEMS_MAX}")));
    }
    let desk = service.book()?.store().await?.desk();
    let now = (service.now)();
    let mut results = Vec::with_capacity(value.cases.len());
    for item in &value.cases {
        let done = match (&value.step, &value.close) {
            (Some(step), None) => one(&service, &viewer, desk, item, &What::Step(step), now).await,
            (None, Some(close)) => one(&service, &viewer, desk, item, &What::Close(close), now).await,
            _ => return Err(Failure::Wrong("give `step` or `close`".to_owned())),
        };
        results.push(Outcome::of(item, done));
    }
    Ok(Json(Results { results }))
}

enum What<'a> {
    Step(&'a Step),
    Close(&'a Close),
}

async fn one(
    service: &Service,
    viewer: &Viewer,
    desk: Desk<'_>,
    item: &Item,
    what: &What<'_>,
    now: Timestamp,
) -> Result<Case, Failure> {
    let number: CaseNumber = crate::case::parse(&item.number)?;
    let desk = desk.expecting(number, item.version);
    let done = service.book()?.done(&viewer.who, now);
    match what {
        What::Step(step) => take_step(&desk, number, step, done).await,
        What::Close(close) => end(&desk, number, close, done).await,
    }
}

impl Outcome {
    fn of(item: &Item, done: Result<Case, Failure>) -> Self {
        let number: String = item.number.chars().take(NUMBER_CHARACTERS_MAX).collect();
        match done {
            Ok(case) => Self {
                number,
                status: 200,
                state: Some(case.state.name().to_owned()),
                version: Some(case.version),
                detail: None,
            },
            Err(failure) => Self {
                number,
                status: failure.status().as_u16(),
                state: None,
                version: None,
                detail: Some(failure.text()),
            },
        }
    }
}

const ITEMS_MAX: usize = 200;
const NUMBER_CHARACTERS_MAX: usize = 40;
