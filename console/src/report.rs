//! What a link to a report leads to: its file, and nothing about anything else.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use crate::{Service, approval};

/// A file that somebody fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Its name.
    pub name: String,
    /// What it is (RFC 6838).
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

pub(crate) async fn fetch(State(service): State<Arc<Service>>, Path(secret): Path<String>) -> Response {
    // Longer than any secret of ours is none.
    if secret.len() > SECRET_CHARACTERS_MAX {
        return nothing();
    }
    match timeout(PATIENCE, (service.reports)(secret)).await {
        Ok(Ok(Some(download))) => shown(download),
        Ok(Ok(None)) => nothing(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the desk does not answer now: try again\n").into_response(),
    }
}

fn shown(download: Download) -> Response {
    let plain = |it: char| if it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_') { it } else { '-' };
    let name: String = download.name.chars().map(plain).collect();
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, &download.media_type);
    set(header::CONTENT_DISPOSITION, &format!("inline; filename=\"{name}\""));
    // Whatever stands in a report, it runs nothing, loads nothing and tells nobody the link.
    set(
        header::CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    );
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-store");
    (headers, download.bytes).into_response()
}

fn nothing() -> Response {
    approval::nowhere("It is too old, the report is not kept any more, or you may not have it any more.")
}

const SECRET_CHARACTERS_MAX: usize = 64;
/// How long a database may let somebody wait.
const PATIENCE: Duration = Duration::from_secs(10);
