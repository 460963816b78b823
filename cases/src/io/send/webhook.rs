//! A signed POST. Whoever gets it checks `Ringwall-Signature`: `v1=` and HMAC-SHA256, in hexadecimal, over the value of
//! `Ringwall-Timestamp`, a full stop and the body; and takes what has the same `Ringwall-Id` once.

use ring::hmac;
use rules::Timestamp;

use super::SendError;
use super::http::{Post, secret};
use crate::outgoing::{Content, Outgoing};

/// Posts one document to `url`, signed with the secret in `secret_file`.
///
/// # Errors
/// It was not taken.
pub async fn send(
    (url, secret_file, authorities): (&str, &str, Option<&str>),
    outgoing: &Outgoing,
    now: Timestamp,
) -> Result<String, SendError> {
    let body = match &outgoing.content {
        Content::Document(body) => body.clone(),
        Content::Notice { subject, text } | Content::Report { subject, text, .. } => {
            serde_json::json!({ "subject": subject, "text": text }).to_string()
        }
        Content::AutomaticReply(_) => return Err(SendError::permanent("a mail is no document")),
    };
    let timestamp = now.0.div_euclid(1_000_000).to_string();
    let signature = sign(secret(secret_file)?.as_bytes(), &timestamp, &body);
    let headers = [
        ("Content-Type", "application/json".to_owned()),
        ("Ringwall-Id", outgoing.id.clone()),
        ("Ringwall-Timestamp", timestamp),
        ("Ringwall-Signature", signature),
    ];
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Post { url: url.to_owned(), authorities: authorities.map(str::to_owned), headers, body }.send().await
}

/// The value of `Ringwall-Signature`.
pub fn sign(secret: &[u8], timestamp: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{timestamp}.{body}").as_bytes());
    tag.as_ref().iter().fold("v1=".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
