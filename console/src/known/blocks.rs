//! Blocks in force that thresholds have set.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::{BlockChange, customers, zone};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::{Moment, span};

#[derive(Template)]
#[template(path = "known_blocks.html")]
struct Page<'a> {
    shell: Shell<'a>,
    query: &'a str,
    rows: Vec<Row>,
    /// Of more than are shown.
    all: usize,
}

struct Row {
    block: super::Block,
    since: Moment,
    until: Moment,
    left: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let customers = customers(&service).await?;
    let now = (service.now)();
    let blocks = ask(&service.questions.known.blocks, ()).await?;
    let wanted = asked.q.trim().to_lowercase();
    let mut rows: Vec<Row> = Vec::new();
    let mut all = 0;
    for block in blocks.into_iter().filter(|block| has(block, &wanted)) {
        all += 1;
        if rows.len() < ROWS {
            let zone = zone(&customers, &block.customer);
            rows.push(Row {
                since: Moment::new(block.since, &zone),
                until: Moment::new(block.until, &zone),
                left: span(block.until.micros_since(now).max(0)),
                block,
            });
        }
    }
    let shell = Shell::of(&service, Some(&viewer), "Blocks in force");
    Ok(shell::page(&Page { shell, query: &asked.q, rows, all }))
}

/// Whether `wanted`, in lower case, is somewhere in what is shown of `block`.
fn has(block: &super::Block, wanted: &str) -> bool {
    let texts = [&block.id, &block.customer, &block.rule, &block.action, &block.level];
    let keys = block.key.iter().map(|(_, value)| value);
    wanted.is_empty() || texts.into_iter().chain(keys).any(|text| text.to_lowercase().contains(wanted))
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Change {
    id: String,
    why: String,
    /// Hours; empty to lift it.
    #[serde(default)]
    hours: String,
}

pub(crate) async fn change(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Change>,
) -> Result<Response, Failure> {
    let longer = match form.hours.as_str() {
        "" => None,
        hours => {
            let hours: u32 =
                hours.parse().map_err(|_| Failure::Wrong(format!("{hours} is no number of hours.")))?;
            Some(i64::from(hours) * 3_600_000_000)
        }
    };
    let change = BlockChange { id: form.id, longer, by: viewer.who.clone(), why: form.why };
    let said = ask(&service.questions.known.change_block, change).await?;
    Ok(told_at("/blocks", &said))
}

/// Blocks of one page.
const ROWS: usize = 60;
