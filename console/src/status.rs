//! How the service is, for everybody: live, and as files that somebody else serves when we are down.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use jiff::tz::TimeZone;
use rules::Timestamp;
use serde_json::json;

use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::Moment;

/// Something that customers rely on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What machines call it; it never changes.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// How it is.
    pub state: Standing,
    /// In a sentence; nothing that only the desk may know.
    pub words: String,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It works.
    Operational,
    /// It works less well.
    Degraded(Certainty),
    /// It does not work.
    Down(Certainty),
}

/// How sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Signs say so; nobody has confirmed it.
    Suspected,
    /// It is measured, or somebody has looked.
    Confirmed,
}

/// All of it at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// What the service calls itself.
    pub name: String,
    /// Where people reach it.
    pub address: String,
    /// In the order in which they are shown.
    pub components: Vec<Component>,
    /// When it was looked.
    pub at: Timestamp,
}

#[derive(Template)]
#[template(path = "status.html")]
struct Page<'a> {
    shell: Shell<'a>,
    status: &'a Status,
    at: Moment,
}

#[derive(Template)]
#[template(path = "status_export.html")]
struct Export<'a> {
    status: &'a Status,
    at: Moment,
}

pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    viewer: Option<axum::Extension<Viewer>>,
) -> Result<Response, Failure> {
    let status = now(&service).await?;
    let viewer = viewer.map(|axum::Extension(viewer)| viewer);
    let shell = Shell::of(&service, viewer.as_ref(), "Status");
    Ok(shell::page(&Page { shell, at: status.moment(), status: &status }))
}

/// In the shape that status pages have in common.
pub(crate) async fn summary(State(service): State<Arc<Service>>) -> Result<Response, Failure> {
    let mut response = now(&service).await?.json().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Anybody's page may show it: there is nothing in it that is not public.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

async fn now(service: &Service) -> Result<Status, Failure> {
    let components = ask(&service.questions.status, ()).await?;
    let (name, address) = (service.name.clone(), service.address.clone());
    Ok(Status { name, address, components, at: (service.now)() })
}

impl Standing {
    /// The word of the common shape.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Operational => "operational",
            Self::Degraded(_) => "degraded_performance",
            Self::Down(_) => "major_outage",
        }
    }

    /// Sign and words for people: never colour alone.
    const fn shown(self) -> &'static str {
        match self {
            Self::Operational => "✓ works",
            Self::Degraded(Certainty::Confirmed) => "● works less well",
            Self::Degraded(Certainty::Suspected) => "◌ may work less well, not confirmed",
            Self::Down(Certainty::Confirmed) => "✕ does not work",
            Self::Down(Certainty::Suspected) => "◌ may not work, not confirmed",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Operational => "good",
            Self::Degraded(_) | Self::Down(Certainty::Suspected) => "warning",
            Self::Down(Certainty::Confirmed) => "critical",
        }
    }

    const fn certainty(self) -> Option<Certainty> {
        match self {
            Self::Operational => None,
            Self::Degraded(certainty) | Self::Down(certainty) => Some(certainty),
        }
    }
}

impl Certainty {
    const fn word(self) -> &'static str {
        match self {
            Self::Suspected => "suspected",
            Self::Confirmed => "confirmed",
        }
    }
}

impl Status {
    fn moment(&self) -> Moment {
        Moment::new(self.at, &TimeZone::UTC).full()
    }

    /// What is the matter, that is confirmed.
    fn confirmed(&self) -> impl Iterator<Item = &Component> {
        self.components.iter().filter(|it| it.state.certainty() == Some(Certainty::Confirmed))
    }

    /// What may be the matter, and is not confirmed.
    fn suspected(&self) -> impl Iterator<Item = &Component> {
        self.components.iter().filter(|it| it.state.certainty() == Some(Certainty::Suspected))
    }

    /// All in one: the word of the common shape, a class of style, and a sentence.
    fn banner(&self) -> (&'static str, &'static str, String) {
        let down = self.confirmed().filter(|it| matches!(it.state, Standing::Down(_))).count();
        let confirmed = self.confirmed().count();
        match (down, confirmed, self.suspected().count()) {
            (0, 0, 0) => ("none", "good", "Everything works".to_owned()),
            (0, 0, _) => ("none", "warning", "Something may be wrong; it is not confirmed".to_owned()),
            (0, ..) => ("minor", "warning", "Something works less well".to_owned()),
            (all, ..) if all == self.components.len() => ("critical", "critical", "Nothing works".to_owned()),
            _ => ("major", "critical", "Something does not work".to_owned()),
        }
    }

    /// As JSON in the shape `summary.json` of status pages.
    pub fn json(&self) -> String {
        let at = reporter::rfc3339(self.at);
        let (indicator, _, description) = self.banner();
        let component = |(place, it): (usize, &Component)| {
            json!({
                "id": it.id, "name": it.name, "status": it.state.word(), "description": it.words,
                "position": place + 1, "updated_at": at, "showcase": true, "group": false,
                // Beside the common shape: what is not confirmed is not told as if it were.
                "certainty": it.state.certainty().map(Certainty::word),
            })
        };
        let components: Vec<_> = self.components.iter().enumerate().map(component).collect();
        let all = json!({
            "page": {
                "id": "ringwall", "name": self.name, "url": format!("{}/status", self.address),
                "time_zone": "Etc/UTC", "updated_at": at,
            },
            "status": { "indicator": indicator, "description": description },
            "components": components,
            "incidents": [],
            "scheduled_maintenances": [],
        });
        format!("{all:#}\n")
    }

    /// As one page that needs nothing else.
    ///
    /// # Errors
    /// The template cannot be written, which is a mistake of ours.
    pub fn html(&self) -> Result<String, askama::Error> {
        Export { status: self, at: self.moment() }.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(states: &[Standing]) -> Status {
        let component = |(place, state): (usize, &Standing)| Component {
            id: ["calls", "mail", "reports"][place],
            name: ["Calls", "Mail", "Reports"][place],
            state: *state,
            words: "1 < 2 <script>alert(1)</script>".to_owned(),
        };
        Status {
            name: "Desk & Co".to_owned(),
            address: "https://desk.example.com".to_owned(),
            components: states.iter().enumerate().map(component).collect(),
            at: Timestamp(1_791_212_400_000_000),
        }
    }

    #[test]
    fn the_file_is_small_and_asks_nobody_else_for_anything() {
        let text = status(&[Standing::Operational; 3]).html().unwrap();
        assert!(text.len() < 30_000, "{} bytes", text.len());
        for foreign in ["<script", "src=", "@import", "url(", "<link"] {
            assert!(!text.contains(foreign), "{foreign} in {text}");
        }
        assert!(text.contains("<time datetime"), "moments are no text: {text}");
        assert!(text.contains("Last updated") && text.contains("2026-10-05T15:00:00Z"), "{text}");
        let heading = text.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0;
        assert!(
            heading.contains("as of") && heading.contains(">Mon 5 Oct 2026 15:00 <"),
            "it may be old: {heading}"
        );
        assert!(
            text.contains("&lt;script&gt;")
                && text.contains("Desk &amp; Co")
                && text.contains("@media print")
        );
    }

    #[test]
    fn what_is_suspected_is_never_told_as_confirmed() {
        let suspected = status(&[Standing::Operational, Standing::Down(Certainty::Suspected)]);
        let json: serde_json::Value = serde_json::from_str(&suspected.json()).unwrap();
        assert_eq!(json["status"]["indicator"], "none");
        assert_eq!(json["components"][1]["status"], "major_outage");
        assert_eq!(json["components"][1]["certainty"], "suspected");
        let html = suspected.html().unwrap();
        assert!(html.contains("Not confirmed") && !html.contains("Confirmed</h2>"), "{html}");
        let confirmed = status(&[Standing::Down(Certainty::Confirmed), Standing::Operational]);
        let json: serde_json::Value = serde_json::from_str(&confirmed.json()).unwrap();
        assert_eq!(json["status"]["indicator"], "major");
        assert!(confirmed.html().unwrap().contains("Confirmed</h2>"));
    }
}
