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
use crate::access::{HTMX_HEADER, Viewer};
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
    why: String,
    /// Whether the customer is asked first, unless they say otherwise.
    is_proposal: bool,
    is_controlled: bool,
    findings: Findings,
    tried: Option<Tried>,
    /// Why what they wanted was not done, and what has changed meanwhile.
    wrong: Vec<String>,
}

/// What is said beside the text.
#[derive(Default, Template)]
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
    show(&service, &viewer, customer, draft, Outcome::None).await
}

/// What is said about a text: as a part of the page for a script, as the page for who has none.
pub(crate) async fn check(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    headers: HeaderMap,
    Form(draft): Form<Draft>,
) -> Result<Response, Failure> {
    if headers.contains_key(HTMX_HEADER) {
        let checked = checked(&service, &customer, &draft.text).await?;
        return Ok(shell::page(&Findings::new(checked)));
    }
    show(&service, &viewer, customer, draft, Outcome::None).await
}

/// Tries a text on recorded calls.
pub(crate) async fn attempt(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Form(draft): Form<Draft>,
) -> Result<Response, Failure> {
    let of = PolicyDraft { customer: customer.clone(), text: draft.text.clone() };
    let outcome = match ask(&service.questions.known.backtest, Trial { draft: of, days: draft.days }).await {
        Ok(tried) => Outcome::Tried(tried),
        Err(failure) => Outcome::Failed(failure),
    };
    show(&service, &viewer, customer, draft, outcome).await
}

/// Puts a text in force, or asks those who may say yes.
pub(crate) async fn install(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Form(draft): Form<Draft>,
) -> Result<Response, Failure> {
    let install = Install {
        draft: PolicyDraft { customer: customer.clone(), text: draft.text.clone() },
        base: draft.base.clone(),
        by: viewer.who.clone(),
        why: draft.why.clone(),
        is_proposal: !draft.proposal.is_empty(),
    };
    let made = ask(&service.questions.known.install, install).await;
    match made.and_then(|made| after(made, &own_place(&customer))) {
        Ok(done) => Ok(done),
        Err(failure) => show(&service, &viewer, customer, draft, Outcome::Failed(failure)).await,
    }
}

async fn checked(service: &Service, customer: &str, text: &str) -> Result<Checked, Failure> {
    let draft = PolicyDraft { customer: customer.to_owned(), text: text.to_owned() };
    ask(&service.questions.known.check, draft).await
}

/// What became of what somebody wanted with a text.
enum Outcome {
    None,
    Tried(Tried),
    /// Not done: the text is shown again with the reason, so that nothing of it is lost.
    Failed(Failure),
}

async fn show(
    service: &Service,
    viewer: &Viewer,
    customer: String,
    mut draft: Draft,
    outcome: Outcome,
) -> Result<Response, Failure> {
    // Browsers send line ends as CR LF; the page has the text as it was.
    draft.text = draft.text.replace("\r\n", "\n");
    let known = &service.questions.known;
    let policies = ask(&known.policies, ()).await?;
    let is_controlled = policies.iter().any(|it| it.customer == customer && it.is_controlled);
    let (tried, failure) = match outcome {
        Outcome::None => (None, None),
        Outcome::Tried(tried) => (Some(tried), None),
        Outcome::Failed(failure) => (None, Some(failure)),
    };
    let mut wrong: Vec<String> = failure.iter().map(Failure::text).collect();
    if failure.is_some() {
        let wanted = PolicyWanted { customer: customer.clone(), number: None };
        let in_force = ask(&known.policy, wanted).await?.policy.version;
        if in_force != draft.base {
            draft.base = in_force;
            wrong.push("Beside your text stands what differs in it from the policy in force now. Sent again, it replaces that.".to_owned());
        }
    }
    let findings = match checked(service, &customer, &draft.text).await {
        Ok(checked) => Findings::new(checked),
        Err(failure) => {
            wrong.push(failure.text());
            Findings::default()
        }
    };
    wrong.dedup();
    let page = Page {
        shell: Shell::of(service, Some(viewer), "Policy studio"),
        place: own_place(&customer),
        is_proposal: is_controlled || !draft.proposal.is_empty(),
        is_controlled,
        customer,
        base: draft.base,
        text: draft.text,
        why: draft.why,
        findings,
        tried,
        wrong,
    };
    let mut response = shell::page(&page);
    if let Some(failure) = failure {
        *response.status_mut() = failure.status();
    }
    Ok(response)
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
