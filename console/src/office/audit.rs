//! The audit: every act of everybody, searched, gone over, and taken along.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse as _, Response};
use cases::account::DESK;
use cases::audit::{Entry, Head};
use cases::io::store::{AuditFilter, Checked};
use futures_util::stream;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rules::Timestamp;
use serde::Deserialize;

use super::file;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::shell::{self, Shell};
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "office_audit.html")]
struct Page<'a> {
    shell: Shell<'a>,
    asked: Asked,
    chains: Vec<Chain>,
    rows: Vec<Row>,
    /// Where older entries are.
    older: Option<String>,
    checked: Vec<Checked>,
}

/// A chain that can be chosen.
struct Chain {
    name: String,
    /// What people call it.
    shown: String,
    entries: u64,
}

struct Row {
    at: Moment,
    entry: Entry,
}

/// What is looked for; the same fields in a search, a check and an export.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// The customer whose chain it is; the desk's unless named.
    #[serde(default)]
    of: String,
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    before: String,
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    show(&service, &viewer, asked, Vec::new()).await
}

/// Goes over all chains, as `ringwall audit verify` does.
pub(crate) async fn verify(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(asked): Form<Asked>,
) -> Result<Response, Failure> {
    let store = service.book()?.store().await?;
    let mut checked = Vec::new();
    for (customer, end) in store.audit_heads().await? {
        checked.push(store.check_audit(&customer, &end, None).await?);
    }
    // What is wrong stands first.
    checked.sort_by_key(|it| it.broken.is_none());
    show(&service, &viewer, asked, checked).await
}

/// All entries that were found, an object of JSON a line, the oldest first. The export stands in the chain itself.
pub(crate) async fn export(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(asked): Form<Asked>,
) -> Result<Response, Failure> {
    let (filter, chain) = (asked.filter()?, asked.chain().to_owned());
    let book = service.book()?;
    let store = book.store().await?;
    let heads = store.audit_heads().await?;
    let end = heads.into_iter().find_map(|(customer, head)| (customer == chain).then_some(head));
    let end: Head = end.ok_or(Failure::NotFound)?;
    let detail = serde_json::json!({
        "actor": asked.actor, "action": asked.action, "subject": asked.subject, "from": asked.from, "to": asked.to,
        "until": end.sequence,
    });
    let act = ("export-audit", chain.as_str(), &*detail.to_string());
    store.desk().note_act(Some(&chain), act, book.done(&viewer.who, (service.now)())).await?;
    let store = store.clone();
    let whose = if chain == DESK { "desk" } else { &chain };
    let name = format!("audit-{whose}.jsonl");
    let lines =
        stream::try_unfold((store, chain, filter, 0), move |(store, chain, filter, after)| async move {
            if after >= end.sequence {
                return Ok::<_, std::io::Error>(None);
            }
            let entries = store
                .audit(&chain, after, ENTRIES_AT_ONCE)
                .await
                .map_err(|error| std::io::Error::other(error.to_string()))?;
            let Some(last) = entries.last().map(|entry| entry.sequence) else { return Ok(None) };
            let mut text = String::new();
            for entry in entries.iter().filter(|it| it.sequence <= end.sequence && filter.fits(it)) {
                text += &serde_json::to_string(entry).map_err(std::io::Error::other)?;
                text.push('\n');
            }
            Ok(Some((text, (store, chain, filter, last))))
        });
    Ok(file(&name, "application/x-ndjson", false, Body::from_stream(lines)).into_response())
}

async fn show(
    service: &Service,
    viewer: &Viewer,
    asked: Asked,
    checked: Vec<Checked>,
) -> Result<Response, Failure> {
    let store = service.book()?.store().await?;
    let heads = store.audit_heads().await?;
    let shown = |name: &str| match name {
        "" => "the service itself".to_owned(),
        DESK => "the desk".to_owned(),
        name => name.to_owned(),
    };
    let mut chains: Vec<_> = heads
        .iter()
        .map(|(name, head)| Chain { name: name.clone(), shown: shown(name), entries: head.sequence })
        .collect();
    if !chains.iter().any(|it| it.name == DESK) {
        chains.push(Chain { name: DESK.to_owned(), shown: shown(DESK), entries: 0 });
    }
    let found = store.desk().search_audit(asked.chain(), &asked.filter()?, ROWS).await?;
    let older = found.before.map(|before| asked.place(before));
    let row = |entry: Entry| Row { at: Moment::new(entry.at, &TimeZone::UTC), entry };
    let shell = Shell::of(service, Some(viewer), "Audit");
    let rows = found.entries.into_iter().map(row).collect();
    Ok(shell::page(&Page { shell, chains, rows, older, checked, asked }))
}

impl Asked {
    fn chain(&self) -> &str {
        match self.of.as_str() {
            "" => DESK,
            // The chain without a name cannot be asked for without one.
            SERVICE => "",
            of => of,
        }
    }

    fn is_of(&self, chain: &str) -> bool {
        self.chain() == chain
    }

    fn filter(&self) -> Result<AuditFilter, Failure> {
        let begin = |text: &str, is_end: bool| -> Result<Option<Timestamp>, Failure> {
            if text.trim().is_empty() {
                return Ok(None);
            }
            let wrong = || Failure::Wrong(format!("{text} is no day such as 2026-10-05."));
            let date: Date = text.trim().parse().map_err(|_| wrong())?;
            let date = if is_end { date.tomorrow().map_err(|_| wrong())? } else { date };
            let at = date.to_zoned(TimeZone::UTC).map_err(|_| wrong())?;
            Ok(Some(Timestamp(at.timestamp().as_microsecond())))
        };
        Ok(AuditFilter {
            actor: self.actor.trim().to_owned(),
            action: self.action.trim().to_owned(),
            subject: self.subject.trim().to_owned(),
            from: begin(&self.from, false)?,
            to: begin(&self.to, true)?,
            before: self.before.trim().parse().ok(),
        })
    }

    /// The same search, before an entry.
    fn place(&self, before: u64) -> String {
        let fields = [
            ("of", &self.of),
            ("actor", &self.actor),
            ("action", &self.action),
            ("subject", &self.subject),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let fields = fields.iter().map(|(name, value)| format!("{name}={}&", url_part(value)));
        format!("/audit?{}before={before}", fields.collect::<String>())
    }
}

impl Chain {
    /// How it is asked for.
    fn value(&self) -> &str {
        if self.name.is_empty() { SERVICE } else { &self.name }
    }
}

const ROWS: usize = 100;
const ENTRIES_AT_ONCE: u32 = 1_000;
/// How the chain of the service itself, which has no name, is asked for.
const SERVICE: &str = "(service)";
