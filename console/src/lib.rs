//! What do people and machines see over HTTP? Decisions, health, metrics; the console of the desk and the customers' portal.
#![forbid(unsafe_code)]

mod access;
mod alerts;
mod answers;
mod api;
mod appeal;
mod approval;
mod assets;
mod book;
mod campaigns;
mod case;
mod choice;
mod client;
mod connections;
mod decide;
mod events;
mod failure;
mod guide;
mod health;
mod histogram;
mod keys;
pub mod known;
mod limits;
mod metrics;
mod office;
mod openapi;
#[cfg(feature = "oidc")]
mod openid;
mod password;
mod people;
mod plain;
mod portal;
mod presence;
mod question;
mod queue;
mod report;
mod routes;
mod session;
mod shell;
mod silences;
mod status;
mod text;
mod way_back;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use ipnet::IpNet;
use rules::{Timestamp, Transport};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use appeal::Refused;
pub use approval::{Proposal, Said, Shown, Step, Visit};
pub use book::Book;
pub use decide::Decision;
pub use health::Health;
pub use histogram::Durations;
pub use limits::Rates;
pub use metrics::{Kind, Sample};
pub use office::{Catalogue, Channels, OfficeQuestions, ReportKind, Trial, Tried};
#[cfg(feature = "oidc")]
pub use openid::OpenId;
pub use password::hash as hash_password;
pub use portal::{BlockInForce, Entry, InForce, ListInForce, Questions as PortalQuestions};
pub use question::{Asked, Chosen, Customer, DeskQuestions, InCase, Questions, Reached, Wish};
pub use report::Download;
pub use status::{Certainty, Component, Standing, Status};

/// What the pages are made of: questions to the rest of the service.
pub struct Service {
    /// How it is.
    pub health: Box<dyn Fn() -> Health + Send + Sync>,
    /// Everything that is counted or measured. It may take a moment.
    pub samples: Box<dyn Fn() -> oneshot::Receiver<Vec<Sample>> + Send + Sync>,
    /// Answers who has followed a link to a decision.
    pub approvals: Box<dyn Fn(Visit) -> oneshot::Receiver<Shown> + Send + Sync>,
    /// Finds the file that a link to a report leads to.
    pub reports: Box<dyn Fn(String) -> oneshot::Receiver<Option<Download>> + Send + Sync>,
    /// Has one message judged.
    pub decide: Box<dyn Fn(Query) -> Result<oneshot::Receiver<Decision>, Undecided> + Send + Sync>,
    /// Told when a page failed inside.
    pub failed: Box<dyn Fn() + Send + Sync>,
    /// What else pages ask of the service.
    pub questions: Questions,
    /// Cases; `None` where the service keeps none.
    pub cases: Option<Book>,
    /// What time it is.
    pub now: fn() -> Timestamp,
    /// What the service calls itself, on every page.
    pub name: String,
    /// Where people reach it from outside, such as `https://desk.example.com`, without a slash at the end.
    pub address: String,
    /// Whether that is over TLS, so that cookies go over nothing else.
    pub is_secure: bool,
    /// Lines that the pages for logging in say, in a demo; asked with whether it is the code that is wanted.
    pub hints: Option<Box<dyn Fn(bool) -> Vec<String> + Send + Sync>>,
    /// What only the pages know.
    pub own: Own,
}

/// What pages keep among themselves.
#[derive(Default)]
pub struct Own {
    doorkeeper: password::Doorkeeper,
    desk: queue::Memory,
    turnstile: appeal::Turnstile,
    is_ending: AtomicBool,
    /// What was counted in the last minute, for the board.
    meter: known::board::Meter,
    limits: limits::Limits,
    hub: events::Hub,
    /// Who looks at which case.
    presence: presence::Presence,
    /// Addresses of proxies that are believed when they say who asks.
    proxies: Vec<IpNet>,
    /// How many files this process may have open; 0 where nobody knows.
    files_max: u64,
    /// Who else says who somebody is.
    #[cfg(feature = "oidc")]
    openid: Option<openid::WayIn>,
}

impl Own {
    /// With these limits on how much is asked for.
    pub fn new(rates: Rates) -> Self {
        Self { limits: limits::Limits::new(rates), ..Self::default() }
    }

    /// The same behind proxies with these addresses: what they say of who asks is believed.
    #[must_use]
    pub fn behind(mut self, proxies: Vec<IpNet>) -> Self {
        self.proxies = proxies;
        self
    }

    /// The same in a process that may have so many files open.
    #[must_use]
    pub fn with_files(mut self, files_max: u64) -> Self {
        self.files_max = files_max;
        self
    }

    /// How many connections there may be: half of the files, for records and databases need the others.
    fn connections_max(&self) -> usize {
        let files = if self.files_max == 0 { FILES_USUAL } else { self.files_max };
        usize::try_from(files / 2).unwrap_or(CONNECTIONS_MAX).min(CONNECTIONS_MAX)
    }

    /// The same with a provider by which people may log in as well.
    #[cfg(feature = "oidc")]
    #[must_use]
    pub fn with_openid(mut self, provider: OpenId) -> Self {
        self.openid = Some(openid::WayIn::new(provider));
        self
    }
}

impl Service {
    /// Cases and accounts.
    fn book(&self) -> Result<&Book, failure::Failure> {
        let off = || {
            failure::Failure::Down(
                "This service keeps no cases: [cases] in its configuration is off.".to_owned(),
            )
        };
        self.cases.as_ref().ok_or_else(off)
    }

    /// What a demo says to whoever logs in.
    fn hints(&self, at_code: bool) -> Vec<String> {
        self.hints.as_ref().map(|hints| hints(at_code)).unwrap_or_default()
    }

    /// What the provider is called by which people may log in as well.
    fn provider(&self) -> Option<&str> {
        #[cfg(feature = "oidc")]
        return self.own.openid.as_ref().map(openid::WayIn::name);
        #[cfg(not(feature = "oidc"))]
        None
    }

    fn is_ending(&self) -> bool {
        self.own.is_ending.load(Ordering::Relaxed)
    }
}

/// Why nothing is decided about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// Policies are still being loaded.
    Loading,
    /// Too many wait already.
    Busy,
    /// No policy has the customer that is named.
    UnknownCustomer,
}

/// A message to be judged.
#[derive(Clone, Debug)]
pub struct Query {
    /// The message.
    pub message: Vec<u8>,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// Whose policy judges; `None` lets trunks and numbers say.
    pub customer: Option<String>,
}

/// Answers on `listener` until `stop` is done.
///
/// # Errors
/// Those of the listener.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let service = Arc::new(service);
    let kept = Arc::clone(&service);
    let routes = routes::router(&service)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&service), survive))
        .layer(from_fn_with_state(connections::Reading::within(connections::BODY_TIME), connections::read))
        .with_state(Arc::clone(&service));
    let stop = async move {
        stop.await;
        // Those who follow what changes would never end by themselves.
        kept.own.is_ending.store(true, Ordering::Relaxed);
    };
    let bounds = connections::Bounds {
        proxies: service.own.proxies.clone(),
        open_max: service.own.connections_max(),
        header_time: connections::HEADER_TIME,
        idle_time: connections::IDLE_TIME,
    };
    let served = connections::serve(listener, routes, bounds, stop).await;
    if let Some(book) = &service.cases {
        book.close().await;
    }
    served
}

/// What is broken inside costs one page, which says so.
async fn survive(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    // A task of its own: its end is told, however it comes.
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            (service.failed)();
            (StatusCode::INTERNAL_SERVER_ERROR, "something failed inside\n").into_response()
        }
    }
}

#[cfg(test)]
mod desk_tests;
#[cfg(test)]
mod testing;

/// Bytes of a request's body: the longest message, escaped, with its source beside it.
const BODY_BYTES_MAX: usize = 1 << 20;
/// What systems give a process unless told.
const FILES_USUAL: u64 = 1_024;
const CONNECTIONS_MAX: usize = 4_096;
