//! What every page has around it.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::Service;
use crate::access::Viewer;
use crate::assets;
use crate::failure::Failure;

/// The frame of a page: who looks, what it is called, where its style and scripts are.
pub(crate) struct Shell<'a> {
    pub(crate) viewer: Option<&'a Viewer>,
    pub(crate) title: &'a str,
    /// What the service calls itself.
    pub(crate) name: &'a str,
    /// Tells one version of style and scripts from another, so that browsers keep them.
    pub(crate) version: &'static str,
    /// How many cases are open, for the menu of the desk.
    pub(crate) open: Option<u64>,
}

impl<'a> Shell<'a> {
    pub(crate) fn of(service: &'a Service, viewer: Option<&'a Viewer>, title: &'a str) -> Self {
        Self { viewer, title, name: &service.name, version: assets::version(), open: service.own.desk.open() }
    }

    /// The classes of the whole page: how who looks at it likes it.
    pub(crate) fn classes(&self) -> String {
        let taste = self.viewer.map(Viewer::taste).unwrap_or_default();
        let look = match taste.dark {
            Some(true) => "dark",
            Some(false) => "light",
            None => "auto",
        };
        format!("{look}{}", if taste.is_dense { " dense" } else { "" })
    }

    /// Whether single keys do something.
    pub(crate) fn has_keys(&self) -> bool {
        self.viewer.is_some_and(|viewer| !viewer.taste().no_keys)
    }
}

#[derive(Template)]
#[template(path = "failed.html")]
struct Failed<'a> {
    shell: Shell<'a>,
    text: String,
    /// The page that they sent something from.
    back: Option<&'a str>,
}

/// A page of this template.
pub(crate) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => {
            let mut response = text.into_response();
            let headers = response.headers_mut();
            for (name, value) in HEADERS {
                headers.insert(name, HeaderValue::from_static(value));
            }
            response
        }
        // A template that cannot be written is a mistake of ours, found by its test.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A page that says why not. `back` is the page that they sent something from.
pub(crate) fn failed(
    service: &Service,
    viewer: Option<&Viewer>,
    failure: &Failure,
    back: Option<&str>,
) -> Response {
    let shell = Shell::of(service, viewer, failure.title());
    let mut response = page(&Failed { shell, text: failure.text(), back });
    *response.status_mut() = failure.status();
    response
}

/// Nothing is loaded from elsewhere, nobody puts the page into a frame, and no cache keeps it.
const HEADERS: [(header::HeaderName, &str); 8] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::CONTENT_LANGUAGE, "en"),
];
