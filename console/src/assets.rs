//! Style and scripts: a few files in the binary, each under an address that changes with it.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// All of them. htmx and uPlot come from their authors as they are (0BSD and MIT; docs/console.md says which versions).
const FILES: &[(&str, &str, &str)] = &[
    ("console.css", "text/css; charset=utf-8", include_str!("../assets/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("../assets/console.js")),
    ("known.js", "text/javascript; charset=utf-8", include_str!("../assets/known.js")),
    ("htmx.js", "text/javascript; charset=utf-8", include_str!("../assets/htmx.js")),
    ("uplot.js", "text/javascript; charset=utf-8", include_str!("../assets/uplot.js")),
    ("uplot.css", "text/css; charset=utf-8", include_str!("../assets/uplot.css")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

/// Tells these files from those of another build.
pub(crate) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut digest = Sha256::new();
        FILES.iter().for_each(|(_, _, content)| digest.update(content));
        digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    })
}

pub(crate) async fn file(Path((_, name)): Path<(String, String)>) -> Result<Response, Failure> {
    let found = FILES.iter().find(|(of, _, _)| *of == name);
    let (_, kind, content) = found.ok_or(Failure::NotFound)?;
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, for_ever);
    Ok(response)
}
