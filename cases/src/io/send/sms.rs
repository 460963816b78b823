//! Text messages, by a gateway over HTTP.

use super::SendError;
use super::http::{Post, secret};
use crate::notice::SmsGateway;
use crate::outgoing::{Content, Outgoing};

/// Sends one text message. The id goes along, so that a gateway that got it already sends it once.
///
/// # Errors
/// The gateway did not take it.
pub async fn send(gateway: &SmsGateway, outgoing: &Outgoing) -> Result<String, SendError> {
    let Content::Notice { text, .. } = &outgoing.content else {
        return Err(SendError::permanent("only words go by text message"));
    };
    let mut headers = vec![(gateway.idempotency_header.clone(), outgoing.id.clone())];
    let kind = if gateway.is_form { "application/x-www-form-urlencoded" } else { "application/json" };
    headers.push(("Content-Type".to_owned(), kind.to_owned()));
    if let Some(path) = &gateway.authorization_file {
        headers.push(("Authorization".to_owned(), secret(path)?));
    }
    let body = fill(gateway, [("{to}", &outgoing.to), ("{text}", text), ("{id}", &outgoing.id)]);
    Post { url: gateway.url.clone(), authorities: gateway.authorities.clone(), headers, body }.send().await
}

/// The body with its places filled, each value once and escaped.
fn fill(gateway: &SmsGateway, values: [(&str, &str); 3]) -> String {
    let mut body = String::new();
    let mut rest = gateway.body.as_str();
    while let Some(start) = rest.find('{') {
        let (before, place) = rest.split_at(start);
        body += before;
        let found = values.iter().find(|(name, _)| place.starts_with(name));
        match found {
            Some((name, value)) => {
                body += &if gateway.is_form { for_form(value) } else { for_json(value) };
                rest = &place[name.len()..];
            }
            None => {
                body.push('{');
                rest = &place[1..];
            }
        }
    }
    body + rest
}

/// `text` inside the quotes of JSON.
fn for_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
}

/// `text` as a value of a form.
fn for_form(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                escaped.push(char::from(byte))
            }
            b' ' => escaped.push('+'),
            _ => escaped += &format!("%{byte:02X}"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(body: &str, is_form: bool) -> SmsGateway {
        SmsGateway {
            url: String::new(),
            body: body.to_owned(),
            is_form,
            idempotency_header: String::new(),
            authorization_file: None,
            answers: None,
            authorities: None,
        }
    }

    #[test]
    fn values_are_escaped_and_never_filled_into() {
        let values = [("{to}", "+12105550142"), ("{text}", "\"{to}\" & \\ 50 %"), ("{id}", "n1")];
        let json = fill(&gateway(r#"{"to":"{to}","text":"{text}","ref":{"id":"{id}"}}"#, false), values);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            read,
            serde_json::json!({ "to": "+12105550142", "text": "\"{to}\" & \\ 50 %", "ref": { "id": "n1" } })
        );
        let form = fill(&gateway("To={to}&Body={text}", true), values);
        assert_eq!(form, "To=%2B12105550142&Body=%22%7Bto%7D%22+%26+%5C+50+%25");
    }

    #[test]
    fn a_value_may_begin_with_a_quote() {
        assert_eq!(for_json("\"\""), "\\\"\\\"");
    }
}
