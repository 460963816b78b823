//! `/v1/blocks`: what thresholds have set. Numbers are blocked by the entries of lists (`/v1/lists`).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use reporter::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::taken::{Body, Paging, Params, line, moment};
use super::told::Page;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::known::{Block, BlockChange};
use crate::question::ask;

/// A block that a threshold has set.
#[derive(Serialize, ToSchema)]
#[schema(as = Block)]
pub(crate) struct BlockShown {
    /// What it is called.
    id: String,
    /// Whose policy set it.
    customer: String,
    /// The threshold.
    rule: String,
    /// `warning` or `critical`.
    level: String,
    /// `block`, `divert`, `tag` or `limit`.
    action: String,
    /// Against whom it holds.
    key: Vec<KeyPart>,
    /// What was counted, and the limit.
    counted: String,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// Until when.
    #[schema(format = DateTime)]
    until: String,
    /// Attempts that it was held against.
    hits: u64,
    /// Whether somebody lifted it.
    lifted: bool,
    /// Who changed it last, and why; the desk only is told.
    changed: Option<String>,
}

/// A part of what a block holds against.
#[derive(Serialize, ToSchema)]
struct KeyPart {
    /// Such as `caller`.
    name: String,
    /// Its value.
    value: String,
}

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    /// For whoever looks at it later.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    why: String,
}

/// How long it is to last.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Longer {
    /// Until when: later than now, and at most a year later than it lasts. Asked again for the same moment it changes nothing.
    #[schema(format = DateTime)]
    until: String,
    /// For whoever looks at it later.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    why: String,
}

/// Blocks in force, by id.
#[utoipa::path(get, path = "/v1/blocks", tag = "Blocks", params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<BlockShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let mut all = ask(&service.questions.known.blocks, ()).await?;
    all.retain(|block| viewer.reaches(&block.customer));
    all.sort_by(|one, other| one.id.cmp(&other.id));
    let all = all.into_iter().map(|block| BlockShown::new(block, &viewer)).collect();
    Ok(Page::of(all, &paging, |it: &BlockShown| it.id.clone())?.answer())
}

/// One block in force.
#[utoipa::path(get, path = "/v1/blocks/{id}", tag = "Blocks", params(("id" = String, Path)),
    responses((status = 200, description = "The block.", body = BlockShown)))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Json<BlockShown>, Failure> {
    Ok(Json(BlockShown::new(find(&service, &viewer, &id).await?, &viewer)))
}

/// Lifts a block: its calls pass from now on. Lifting what is lifted changes nothing.
#[utoipa::path(post, path = "/v1/blocks/{id}/lift", tag = "Blocks", request_body = Why, params(("id" = String, Path)),
    responses((status = 200, description = "The block as it stands then.", body = BlockShown)))]
pub(crate) async fn lift(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Body { value, .. }: Body<Why>,
) -> Result<Json<BlockShown>, Failure> {
    let why = line("why", &value.why)?;
    let block = find(&service, &viewer, &id).await?;
    if block.is_lifted {
        return Ok(Json(BlockShown::new(block, &viewer)));
    }
    change(&service, &viewer, block, None, why).await
}

/// Has a block last longer.
#[utoipa::path(post, path = "/v1/blocks/{id}/extend", tag = "Blocks", request_body = Longer,
    params(("id" = String, Path)),
    responses((status = 200, description = "The block as it stands then.", body = BlockShown)))]
pub(crate) async fn extend(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Body { value, .. }: Body<Longer>,
) -> Result<Json<BlockShown>, Failure> {
    let why = line("why", &value.why)?;
    let until = moment("until", &value.until)?;
    let block = find(&service, &viewer, &id).await?;
    match until.micros_since(block.until) {
        0 => Ok(Json(BlockShown::new(block, &viewer))),
        longer if longer > 0 => change(&service, &viewer, block, Some(longer), why).await,
        _ => Err(Failure::Refused(format!(
            "{id} lasts until {} already: a block ends earlier by being lifted.",
            rfc3339(block.until)
        ))),
    }
}

async fn change(
    service: &Service,
    viewer: &Viewer,
    block: Block,
    longer: Option<i64>,
    why: &str,
) -> Result<Json<BlockShown>, Failure> {
    let change = BlockChange { id: block.id.clone(), longer, by: viewer.who.clone(), why: why.to_owned() };
    ask(&service.questions.known.change_block, change).await?;
    // One that was lifted may be gone by now.
    let now = find(service, viewer, &block.id).await.unwrap_or(Block { is_lifted: true, ..block });
    Ok(Json(BlockShown::new(now, viewer)))
}

async fn find(service: &Service, viewer: &Viewer, id: &str) -> Result<Block, Failure> {
    let all = ask(&service.questions.known.blocks, ()).await?;
    let found = all.into_iter().find(|block| block.id == id && viewer.reaches(&block.customer));
    found.ok_or(Failure::NotFound)
}

impl BlockShown {
    fn new(block: Block, viewer: &Viewer) -> Self {
        let part = |(name, value)| KeyPart { name, value };
        Self {
            id: block.id,
            customer: block.customer,
            rule: block.rule,
            level: block.level,
            action: block.action,
            key: block.key.into_iter().map(part).collect(),
            counted: block.counted,
            since: rfc3339(block.since),
            until: rfc3339(block.until),
            hits: block.hits,
            lifted: block.is_lifted,
            changed: block.account.filter(|_| viewer.is_of_desk()),
        }
    }
}
