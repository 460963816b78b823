//! Who did what for a customer: its own chain, checked while it is shown.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use cases::audit::{Entry, Shown, Slice};
use serde::Deserialize;

use super::{Place, page, shell};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::shell::Shell;
use crate::text::Moment;

#[derive(Deserialize)]
pub(crate) struct From {
    before: Option<u64>,
}

#[derive(Template)]
#[template(path = "portal_audit.html")]
struct Page<'a> {
    shell: Shell<'a>,
    entries: Vec<(Moment, Entry)>,
    /// What does not fit, in words; `None` where all of it does.
    broken: Option<String>,
    length: u64,
    older: Option<u64>,
}

pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Query(from): Query<From>,
) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let before = from.before.unwrap_or(u64::MAX);
    let (mut entries, head) = place.store.audit(before, SHOWN).await?;
    let mut slice = Slice::default();
    let taken = entries.iter().try_for_each(|entry| slice.take(place.customer, &Shown::Whole(entry.clone())));
    let mut broken = taken.err().map(|broken| broken.to_string());
    // The newest page ends where the chain does: what was cut off its end is missed.
    let last = slice.last().map(|link| (link.sequence, link.hash.as_str())).unwrap_or_default();
    if broken.is_none() && from.before.is_none() && last != (head.sequence, head.hash.as_str()) {
        broken =
            Some(format!("the chain has {} entries, and does not end with the last one here", head.sequence));
    }
    let older = entries.first().map(|entry| entry.sequence).filter(|first| *first > 1);
    entries.reverse();
    Ok(page(&Page {
        shell: shell(&service, &viewer, "Audit"),
        entries: entries.into_iter().map(|entry| (place.moment(entry.at), entry)).collect(),
        broken,
        length: head.sequence,
        older,
    }))
}

const SHOWN: u32 = 100;
