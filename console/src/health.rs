//! Whether the service lives and may be asked.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::Service;

/// How the service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It judges.
    Ready,
    /// It lives, and does not judge yet.
    Loading,
    /// It lives, and cannot judge for this reason, which starting it anew would not mend.
    Unready(String),
    /// It should judge and does not, for this reason.
    Sick(String),
}

/// 200 while it lives: whoever gets anything else may start it anew.
pub(crate) async fn alive(State(service): State<Arc<Service>>) -> (StatusCode, String) {
    match (service.health)() {
        Health::Ready | Health::Loading | Health::Unready(_) => (StatusCode::OK, "alive\n".to_owned()),
        Health::Sick(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

/// 200 while it judges: whoever gets anything else asks somebody else meanwhile.
pub(crate) async fn ready(State(service): State<Arc<Service>>) -> (StatusCode, String) {
    match (service.health)() {
        Health::Ready => (StatusCode::OK, "ready\n".to_owned()),
        Health::Loading => {
            (StatusCode::SERVICE_UNAVAILABLE, "policies and lists are being loaded\n".to_owned())
        }
        Health::Unready(reason) | Health::Sick(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n"))
        }
    }
}
