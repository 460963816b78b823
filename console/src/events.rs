//! `/v1/events`: what changes, as server-sent events (WHATWG HTML §9.2). Who comes back with `Last-Event-ID` misses nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use cases::io::store::{Changed, Turn};
use futures_util::stream;

use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;

/// Where somebody is in the feed, and what is to be sent before more is read.
struct Follower {
    service: Arc<Service>,
    customer: Option<String>,
    after: u64,
    ready: std::collections::VecDeque<Event>,
}

pub(crate) async fn stream(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let desk = service.book()?.store().await?.desk();
    let end = desk.feed_end().await?;
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    let mut ready = std::collections::VecDeque::new();
    let after = match last {
        // Of another database, or of a time that is forgotten: what was seen has to be looked at anew.
        Some(last) if last > end || desk.feed_start().await?.is_some_and(|start| last + 1 < start) => {
            ready.push_back(Event::default().event("reset").id(end.to_string()).data("{}"));
            end
        }
        Some(last) => last,
        None => {
            // Something with a place to come back to, at once.
            ready.push_back(Event::default().event("begin").id(end.to_string()).data("{}"));
            end
        }
    };
    let customer = viewer.customer().map(str::to_owned);
    let follower = Follower { service, customer, after, ready };
    let events = stream::unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

impl Follower {
    /// The next event; `None` when the database is gone: whoever follows comes back.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let turns = self.read().await.ok()?;
            if turns.is_empty() {
                tokio::time::sleep(PAUSE).await;
                if self.service.is_ending() {
                    return None;
                }
            }
            for turn in turns {
                self.after = turn.number;
                let last = turn.changes.len().saturating_sub(1);
                for (index, change) in turn.changes.iter().enumerate() {
                    let name = match change {
                        Changed::Case { .. } => "case",
                        Changed::Alert { .. } => "alert",
                    };
                    let event = Event::default().event(name).data(serde_json::to_string(change).ok()?);
                    // Only the last of a turn has its number: whoever is cut off in the middle gets the turn again.
                    self.ready.push_back(if index == last {
                        event.id(turn.number.to_string())
                    } else {
                        event
                    });
                }
            }
        }
    }

    async fn read(&self) -> Result<Vec<Turn>, Failure> {
        let store = self.service.book()?.store().await?;
        Ok(match &self.customer {
            Some(customer) => store.customer(customer).feed(self.after, CHANGES_AT_ONCE).await?,
            None => store.desk().feed(self.after, CHANGES_AT_ONCE).await?,
        })
    }
}

const CHANGES_AT_ONCE: u32 = 500;
const PAUSE: Duration = Duration::from_millis(250);
const KEEP_ALIVE: Duration = Duration::from_secs(15);
