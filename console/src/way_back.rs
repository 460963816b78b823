//! Where somebody goes back to whose form was not taken: the page that it stood on, where what they typed is still there.

use axum::http::{HeaderMap, header};

use crate::routes;
use crate::session::is_ours;

/// The page of ours that a browser sent a request from; `None` where it does not say so, or where nothing can be looked at.
pub(crate) fn page_before(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|it| it.to_str().ok());
    let (_, address) = text(header::REFERER)?.split_once("://")?;
    let place = address.strip_prefix(text(header::HOST)?)?;
    let path = place.split(['?', '#']).next()?;
    (is_ours(place) && routes::is_page(path)).then_some(place)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_page_of_ours_is_gone_back_to() {
        for (referer, expected) in [
            ("http://desk.example.com/case/RW-104233-3?q=owner:me", Some("/case/RW-104233-3?q=owner:me")),
            (
                "https://desk.example.com/policies/Acme%20Insurance/edit",
                Some("/policies/Acme%20Insurance/edit"),
            ),
            ("http://desk.example.com/", Some("/")),
            // A page that answered to a form: its address is none to look at.
            ("http://desk.example.com/policies/Acme/check", None),
            ("http://desk.example.com/queue/bulk", None),
            ("http://desk.example.com/v1/cases", None),
            ("http://desk.example.com/case/", None),
            ("http://desk.example.com//evil.example/", None),
            ("http://desk.example.com.evil.example/queue", None),
            ("http://evil.example/queue", None),
            ("/queue", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("desk.example.com"));
            headers.insert(header::REFERER, HeaderValue::from_str(referer).unwrap());
            assert_eq!(page_before(&headers), expected, "{referer}");
        }
        assert_eq!(page_before(&HeaderMap::new()), None);
    }
}
