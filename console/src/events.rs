//! `/v1/events`: what changes, as server-sent events (WHATWG HTML §9.2). Who comes back with `Last-Event-ID` misses nothing.
//!
//! The database is asked once for all who follow. Each gets what is new from one task; what somebody has missed, because they
//! came late or read slowly, they read themselves.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use cases::io::store::{Changed, Turn};
use futures_util::stream;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::time::Instant;

use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;

/// What was read for all who follow.
#[derive(Clone)]
enum News {
    /// What came after this turn, without a gap.
    After(u64, Arc<Vec<Turn>>),
    /// The service ends.
    End,
}

/// Tells all who follow what is new.
pub(crate) struct Hub {
    sender: Sender<News>,
    /// Whether a task reads.
    is_reading: Mutex<bool>,
    /// How many streams each viewer, and each customer, has open.
    seats: Arc<Mutex<HashMap<String, usize>>>,
}

/// A stream that somebody has open.
struct Seat {
    seats: Arc<Mutex<HashMap<String, usize>>>,
    of: Vec<String>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        for name in &self.of {
            if let Some(count) = seats.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    seats.remove(name);
                }
            }
        }
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self { sender: broadcast::channel(NEWS_KEPT).0, is_reading: Mutex::new(false), seats: Arc::default() }
    }
}

impl Hub {
    /// Follows from now on: the first that follows begins the task that reads.
    fn follow(&self, service: &Arc<Service>) -> Result<Receiver<News>, Failure> {
        let mut is_reading = self.is_reading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.sender.receiver_count() >= FOLLOWERS_MAX {
            return Err(Failure::TooOften(BUSY_SECONDS));
        }
        let receiver = self.sender.subscribe();
        if !std::mem::replace(&mut *is_reading, true) {
            tokio::spawn(read_for_all(Arc::clone(service)));
        }
        Ok(receiver)
    }

    /// Gives `viewer` one more stream: one of them, or all of one customer, do not take all there are.
    fn seat(&self, viewer: &Viewer) -> Result<Seat, Failure> {
        let customer = viewer.customer().map(|name| (format!("customer {name}"), OF_CUSTOMER_MAX));
        let wanted: Vec<(String, usize)> =
            [Some((format!("viewer {}", viewer.who), OF_VIEWER_MAX)), customer]
                .into_iter()
                .flatten()
                .collect();
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.iter().any(|(name, max)| seats.get(name).is_some_and(|count| count >= max)) {
            return Err(Failure::TooOften(BUSY_SECONDS));
        }
        wanted.iter().for_each(|(name, _)| *seats.entry(name.clone()).or_default() += 1);
        Ok(Seat { seats: Arc::clone(&self.seats), of: wanted.into_iter().map(|(name, _)| name).collect() })
    }

    /// Whether nobody follows any more; then nobody reads either.
    fn rests(&self) -> bool {
        let mut is_reading = self.is_reading.lock().unwrap_or_else(PoisonError::into_inner);
        *is_reading = self.sender.receiver_count() > 0;
        !*is_reading
    }
}

/// Reads what is new until nobody follows.
async fn read_for_all(service: Arc<Service>) {
    let mut after = None;
    while !service.own.hub.rests() {
        if service.is_ending() {
            let _ = service.own.hub.sender.send(News::End);
        } else if let Ok((from, turns)) = read_on(&service, after).await {
            let is_first = after.is_none();
            after = Some(turns.last().map_or(from, |turn| turn.number));
            // The first word says where it begins, so that whoever came before reads up to there.
            if is_first || !turns.is_empty() {
                let _ = service.own.hub.sender.send(News::After(from, Arc::new(turns)));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn read_on(service: &Service, after: Option<u64>) -> Result<(u64, Vec<Turn>), Failure> {
    let desk = service.book()?.store().await?.desk();
    match after {
        None => Ok((desk.feed_end().await?, Vec::new())),
        Some(after) => Ok((after, desk.feed(after, CHANGES_AT_ONCE).await?)),
    }
}

/// Where somebody is in the feed, and what is to be sent before more is read.
struct Follower {
    service: Arc<Service>,
    customer: Option<String>,
    after: u64,
    /// What came up to this turn they read themselves.
    to: u64,
    ready: VecDeque<Event>,
    news: Receiver<News>,
    /// When it is asked again whether they still may: they come back, and go on where they were.
    until: Instant,
    _seat: Seat,
}

/// One event, as its lines say it.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "it is described, and written line by line")]
struct Told {
    /// Where to come back to.
    id: String,
    /// `case`, `alert`, `begin` or `reset`.
    event: String,
    /// JSON: what changed.
    data: String,
}

/// Follows what changes, as server-sent events: `case` and `alert` with what changed, `begin` with a place to come back to,
/// `reset` when what was missed is forgotten and everything has to be looked at anew. Whoever is cut off sends the last id.
#[utoipa::path(get, path = "/v1/events", tag = "Events", params(("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, description = "A stream that does not end by itself.", content_type = "text/event-stream", body = Told)))]
pub(crate) async fn stream(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let desk = service.book()?.store().await?.desk();
    let seat = service.own.hub.seat(&viewer)?;
    let news = service.own.hub.follow(&service)?;
    let end = desk.feed_end().await?;
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    let (after, first) = match last {
        // Of another database, or of a time that is forgotten: what was seen has to be looked at anew.
        Some(last) if last > end || desk.feed_start().await?.is_some_and(|start| last + 1 < start) => {
            (end, Some("reset"))
        }
        Some(last) => (last, None),
        // Something with a place to come back to, at once.
        None => (end, Some("begin")),
    };
    let first = first.map(|name| Event::default().event(name).id(end.to_string()).data("{}"));
    let customer = viewer.customer().map(str::to_owned);
    let until = Instant::now() + FOLLOWED_MAX;
    let ready = first.into_iter().collect();
    let follower = Follower { service, customer, after, to: end, ready, news, until, _seat: seat };
    let events = stream::unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

impl Follower {
    /// The next event; `None` when it ends: whoever follows comes back.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.after < self.to {
                self.catch_up().await.ok()?;
                continue;
            }
            match tokio::time::timeout_at(self.until, self.news.recv()).await.ok()? {
                Ok(News::After(from, turns)) => {
                    let last = turns.last().map_or(from, |turn| turn.number);
                    if from > self.after {
                        // There is a gap before it: all of it is read.
                        self.to = last;
                        continue;
                    }
                    let after = self.after;
                    for turn in turns.iter().filter(|turn| turn.number > after) {
                        self.take(turn)?;
                    }
                    self.after = after.max(last);
                }
                Ok(News::End) | Err(broadcast::error::RecvError::Closed) => return None,
                // They read too slowly: the next that is told has a gap before it.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
            }
        }
    }

    /// Reads some of what came up to turn `to`.
    async fn catch_up(&mut self) -> Result<(), Failure> {
        let store = self.service.book()?.store().await?;
        let turns = match &self.customer {
            Some(customer) => store.customer(customer).feed(self.after, CHANGES_AT_ONCE).await?,
            None => store.desk().feed(self.after, CHANGES_AT_ONCE).await?,
        };
        self.after = turns.last().map_or(self.to, |turn| turn.number);
        for turn in &turns {
            self.take(turn);
        }
        Ok(())
    }

    /// Has the changes of a turn ready that are theirs to see.
    fn take(&mut self, turn: &Turn) -> Option<()> {
        let customer = self.customer.as_deref();
        let theirs = |change: &&Changed| customer.is_none_or(|own| own == whose(change));
        let changes: Vec<&Changed> = turn.changes.iter().filter(theirs).collect();
        let last = changes.len().saturating_sub(1);
        for (index, change) in changes.into_iter().enumerate() {
            let name = match change {
                Changed::Case { .. } => "case",
                Changed::Alert { .. } => "alert",
            };
            let event = Event::default().event(name).data(serde_json::to_string(change).ok()?);
            // Only the last of a turn has its number: whoever is cut off in the middle gets the turn again.
            self.ready.push_back(if index == last { event.id(turn.number.to_string()) } else { event });
        }
        Some(())
    }
}

fn whose(change: &Changed) -> &str {
    match change {
        Changed::Case { customer, .. } | Changed::Alert { customer, .. } => customer,
    }
}

const CHANGES_AT_ONCE: u32 = 500;
const PAUSE: Duration = Duration::from_millis(250);
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Whoever is no longer let in is out after so long.
const FOLLOWED_MAX: Duration = Duration::from_secs(300);
/// What is told and not yet read; who is further behind reads the database.
const NEWS_KEPT: usize = 64;
const FOLLOWERS_MAX: usize = 2_000;
/// Of one viewer, whose browser opens one for each page, and of all of one customer.
const OF_VIEWER_MAX: usize = 200;
const OF_CUSTOMER_MAX: usize = 400;
const BUSY_SECONDS: u64 = 10;
