//! A chat that takes what Slack takes: `{"text": …}` to a URL that is itself the secret.

use super::SendError;
use super::http::{Post, secret};
use crate::CaseNumber;
use crate::outgoing::{Content, Outgoing};

/// Writes into the chat behind the URL in `url_file`. What is about a case has a button that leads to its page under `page`, where
/// whoever it is says that they look at it (E-4).
///
/// # Errors
/// It was not taken.
pub async fn send(
    (url_file, authorities): (&str, Option<&str>),
    outgoing: &Outgoing,
    page: Option<&str>,
) -> Result<String, SendError> {
    let Content::Notice { subject, text } = &outgoing.content else {
        return Err(SendError::permanent("only words go into a chat"));
    };
    // What would be a mention or a link of the chat is text.
    let text = format!("{subject}\n{text}").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let headers = [("Content-Type", "application/json"), ("Ringwall-Id", outgoing.id.as_str())];
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let body = body(text, page.zip(outgoing.case)).to_string();
    Post { url: secret(url_file)?, authorities: authorities.map(str::to_owned), headers, body }.send().await
}

/// As Slack takes it; who knows no buttons shows the text, which has the address as well.
fn body(text: String, case: Option<(&str, CaseNumber)>) -> serde_json::Value {
    let Some((page, number)) = case else { return serde_json::json!({ "text": text }) };
    let url = format!("{}/{number}", page.trim_end_matches('/'));
    let button = serde_json::json!({ "type": "button", "text": format!("Look at {number}"), "url": url });
    serde_json::json!({ "text": text, "attachments": [{ "fallback": url, "actions": [button] }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e4_a_button_leads_to_the_page_of_the_case_and_there_is_none_without_one() {
        let case = Some(("https://desk.example.com/c/", CaseNumber::new(104_233)));
        let button = &body("now".to_owned(), case)["attachments"][0]["actions"][0];
        assert_eq!(button["url"], "https://desk.example.com/c/RW-104233-3");
        assert_eq!(button["text"], "Look at RW-104233-3");
        assert_eq!(body("now".to_owned(), None), serde_json::json!({ "text": "now" }));
    }
}
