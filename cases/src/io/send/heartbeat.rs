//! The outside heartbeat: somebody else hears that notices go out, and tells people when that stops (E-7).

use super::SendError;
use super::http::{Post, secret};
use crate::notice::Heartbeat;

/// Says once that all goes on.
///
/// # Errors
/// Whoever watches did not take it.
pub async fn send(heartbeat: &Heartbeat) -> Result<String, SendError> {
    let url = secret(&heartbeat.url_file)?;
    let headers = vec![("Content-Type".to_owned(), "text/plain".to_owned())];
    let authorities = heartbeat.authorities.clone();
    Post { url, authorities, headers, body: "ringwall goes on\n".to_owned() }.send().await
}
