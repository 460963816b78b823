//! A chat that takes what Slack takes: `{"text": …}` to a URL that is itself the secret.

use super::SendError;
use super::http::{Post, secret};
use crate::outgoing::{Content, Outgoing};

/// Writes into the chat behind the URL in `url_file`.
///
/// # Errors
/// It was not taken.
pub async fn send(
    (url_file, authorities): (&str, Option<&str>),
    outgoing: &Outgoing,
) -> Result<String, SendError> {
    let Content::Notice { subject, text } = &outgoing.content else {
        return Err(SendError::permanent("only words go into a chat"));
    };
    // What would be a mention or a link of the chat is text.
    let text = format!("{subject}\n{text}").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let headers = [("Content-Type", "application/json"), ("Ringwall-Id", outgoing.id.as_str())];
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let body = serde_json::json!({ "text": text }).to_string();
    Post { url: secret(url_file)?, authorities: authorities.map(str::to_owned), headers, body }.send().await
}
