//! A policy under the hands of somebody: what is wrong with it is said while they write, it is tried on recorded calls, and then
//! put in force.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::policies::{Changed, changed, own_place};
use super::{Checked, Diagnostic, Install, PolicyDraft, PolicyWanted, Trial, Tried, after};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};

#[derive(Template)]
#[template(path = "known_studio.html")]
struct Page<'a> {
    shell: Shell<'a>,
    place: String,
    customer: String,
    /// The version that was in force when it was begun.
    base: String,
    text: String,
    is_controlled: bool,
    findings: Findings,
    tried: Option<Tried>,
}

/// What is said beside the text.
#[derive(Template)]
#[template(path = "known_findings.html")]
struct Findings {
    diagnostics: Vec<Diagnostic>,
    /// Mistakes, and doubts.
    counts: (usize, usize),
    expects: (usize, usize),
    proofs: Vec<String>,
    version: Option<String>,
    difference: Vec<Changed>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Draft {
    text: String,
    base: String,
    days: u32,
    why: String,
    proposal: String,
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
) -> Result<Response, Failure> {
    let wanted = PolicyWanted { customer: customer.clone(), number: None };
    let found = ask(&service.questions.known.policy, wanted).await?;
    let draft = Draft { text: found.text, base: found.policy.version, ..Draft::default() };
    show(&service, &viewer, customer, draft, None).await
}

/// What is said about a text: as a part of the page for a script, as the page for who has none.
pub(crate) async fn check(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    headers: HeaderMap,
    Form(draft): Form<Draft>,
) -> Result<Response, Failure> {
    if headers.contains_key("hx-request") {
        let checked = checked(&service, &customer, &draft.text).await?;
        return Ok(shell::page(&Findings::new(checked)));
    }
    show(&service, &viewer, customer, draft, None).await
}

/// Tries a text on recorded calls.
pub(crate) async fn attempt(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Form(draft): Form<Draft>,
) -> Result<Response, Failure> {
    let of = PolicyDraft { customer: customer.clone(), text: draft.text.clone() };
    let tried = ask(&service.questions.known.backtest, Trial { draft: of, days: draft.days }).await?;
    show(&service, &viewer, customer, draft, Some(tried)).await
}

/// Puts a text in force, or asks those who may say yes.
pub(crate) async fn install(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Form(draft): Form<Draft>,
) -> Result<Response, Failure> {
    let Draft { text, base, why, proposal, .. } = draft;
    let install = Install {
        draft: PolicyDraft { customer: customer.clone(), text },
        base,
        by: viewer.who.clone(),
        why,
        is_proposal: !proposal.is_empty(),
    };
    after(ask(&service.questions.known.install, install).await?, &own_place(&customer))
}

async fn checked(service: &Service, customer: &str, text: &str) -> Result<Checked, Failure> {
    let draft = PolicyDraft { customer: customer.to_owned(), text: text.to_owned() };
    ask(&service.questions.known.check, draft).await
}

async fn show(
    service: &Service,
    viewer: &Viewer,
    customer: String,
    draft: Draft,
    tried: Option<Tried>,
) -> Result<Response, Failure> {
    let findings = Findings::new(checked(service, &customer, &draft.text).await?);
    let policies = ask(&service.questions.known.policies, ()).await?;
    let page = Page {
        shell: Shell::of(service, Some(viewer), "Policy studio"),
        place: own_place(&customer),
        is_controlled: policies.iter().any(|it| it.customer == customer && it.is_controlled),
        customer,
        base: draft.base,
        text: draft.text,
        findings,
        tried,
    };
    Ok(shell::page(&page))
}

impl Findings {
    fn new(checked: Checked) -> Self {
        let Checked { diagnostics, expects, proofs, version, difference } = checked;
        let count = |level: &str| diagnostics.iter().filter(|found| found.level == level).count();
        Self {
            counts: (count("error"), count("warning")),
            diagnostics,
            expects,
            proofs,
            version,
            difference: changed(difference),
        }
    }

    fn beginning(&self) -> Option<&str> {
        self.version.as_deref()?.get(..12)
    }
}
