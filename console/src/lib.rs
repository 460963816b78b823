//! What do people and machines see over HTTP? Decisions, health, metrics, approvals.
#![forbid(unsafe_code)]

mod approval;
mod decide;
mod health;
mod histogram;
mod metrics;
mod openapi;
mod report;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use rules::Transport;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use approval::{Proposal, Shown, Step, Visit};
pub use decide::Decision;
pub use health::Health;
pub use histogram::Durations;
pub use metrics::{Kind, Sample};
pub use report::Download;

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
    let routes = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::page))
        .route("/approve/{secret}", get(approval::look).post(approval::answer))
        .route("/disown/{secret}", get(approval::look).post(approval::disown))
        .route("/report/{secret}", get(report::fetch))
        .route("/approve.css", get(approval::style))
        .route("/v1/decide", post(decide::answer))
        .route("/v1/openapi.json", get(openapi::page))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&service), survive))
        .with_state(service);
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
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

/// Bytes of a request's body: the longest message, escaped, with its source beside it.
const BODY_BYTES_MAX: usize = 1 << 20;
