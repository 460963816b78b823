//! `/v1/audit`: what was done, by whom, and whether the chain is whole. Whoever reads it is in it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use cases::audit::{Entry, Head, Verifier};
use reporter::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::taken::{Params, count, line};
use super::told::Page;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;

/// An entry of a chain.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct EntryShown {
    /// Its place, from 1.
    sequence: u64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who.
    actor: String,
    /// What: a verb.
    action: String,
    /// To what.
    subject: String,
    /// Before, after, reason: JSON as text.
    detail: String,
    /// The hash of the entry before it.
    previous: String,
    /// Its own.
    hash: String,
}

/// Which part of a chain.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// A customer, or `(desk)` for what is done with accounts and keys.
    #[param(max_length = 500)]
    chain: String,
    /// `next` of the page before.
    #[param(max_length = 20)]
    after: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    count: Option<u32>,
}

/// Which chain.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Chain {
    /// A customer, or `(desk)`.
    #[param(max_length = 500)]
    chain: String,
}

/// Whether a chain is as it was written.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verified {
    /// Entries that were looked at.
    entries: u64,
    /// Whether all of them fit.
    whole: bool,
    /// The place of the first that does not.
    broken_at: Option<u64>,
    /// What is wrong with it.
    why: Option<&'static str>,
}

/// Entries of a chain, the oldest first.
#[utoipa::path(get, path = "/v1/audit", tag = "Audit", params(Part),
    responses((status = 200, description = "A page of them.", body = Page<EntryShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Params(part): Params<Part>,
) -> Result<Response, Failure> {
    let wrong = || Failure::Wrong("after: give `next` of the page before".to_owned());
    let after = part.after.as_deref().map_or(Ok(0), |text| text.parse::<u64>().map_err(|_| wrong()))?;
    let count = count(part.count)?;
    let book = service.book()?;
    let store = book.store().await?;
    head(&service, &part.chain).await?;
    let mut entries = store.audit(&part.chain, after, count + 1).await?;
    let more = entries.len() > count as usize;
    entries.truncate(count as usize);
    let done = book.done(&viewer.who, (service.now)());
    let read = serde_json::json!({ "after": after, "entries": entries.len() }).to_string();
    store.desk().note_reading(&part.chain, &read, done).await?;
    let next = entries.last().filter(|_| more).map(|last| last.sequence.to_string());
    Ok(Page { items: entries.into_iter().map(EntryShown::new).collect(), next }.answer())
}

/// Goes along a whole chain, and names the first entry that is not as it was written.
#[utoipa::path(get, path = "/v1/audit/verified", tag = "Audit", params(Chain),
    responses((status = 200, description = "What came of it.", body = Verified)))]
pub(crate) async fn verify(
    State(service): State<Arc<Service>>,
    Params(Chain { chain }): Params<Chain>,
) -> Result<Json<Verified>, Failure> {
    let head = head(&service, &chain).await?;
    let store = service.book()?.store().await?;
    let mut verifier = Verifier::default();
    let mut entries = 0;
    while entries < head.sequence {
        let some = store.audit(&chain, entries, ENTRIES_AT_ONCE).await?;
        // What was written since is looked at the next time.
        let some: Vec<_> = some.into_iter().filter(|entry| entry.sequence <= head.sequence).collect();
        if some.is_empty() {
            break;
        }
        for entry in &some {
            if let Err(broken) = verifier.take(entry) {
                return Ok(Json(Verified::broken(entries, broken.sequence, broken.why)));
            }
            entries = entry.sequence;
        }
    }
    Ok(Json(match verifier.finish(&head) {
        Ok(_) => Verified { entries, whole: true, broken_at: None, why: None },
        Err(broken) => Verified::broken(entries, broken.sequence, broken.why),
    }))
}

/// Where a chain ends; there is none without an entry.
async fn head(service: &Service, chain: &str) -> Result<Head, Failure> {
    line("chain", chain)?;
    let heads = service.book()?.store().await?.audit_heads().await?;
    heads.into_iter().find(|(of, _)| of == chain).map(|(_, head)| head).ok_or(Failure::NotFound)
}

impl Verified {
    const fn broken(entries: u64, at: u64, why: &'static str) -> Self {
        Self { entries, whole: false, broken_at: Some(at), why: Some(why) }
    }
}

impl EntryShown {
    fn new(entry: Entry) -> Self {
        let Entry { sequence, at, actor, action, subject, detail, previous, hash, .. } = entry;
        Self { sequence, at: rfc3339(at), actor, action, subject, detail, previous, hash }
    }
}

const ENTRIES_AT_ONCE: u32 = 1_000;
