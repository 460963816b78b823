//! `/v1/policies`: policies in force, their versions, and another text for one. A change goes the way that it goes from the
//! console: at once, or, where the customer has to agree, through a case that asks those who may say yes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::outside::{Outcome, once};
use super::taken::{Body, Paging, Params, Repeatable, Seen, line, storable};
use super::told::{Page, quoted, set, tagged};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::known::{
    Checked, Diagnostic, Install, Policy, PolicyDraft, PolicyText, PolicyWanted, RollBack, Version,
};
use crate::question::ask;

/// A policy in force.
#[derive(Serialize, ToSchema)]
#[schema(as = Policy)]
pub(crate) struct PolicyShown {
    /// Whose.
    customer: String,
    /// Its version: the hash that verdicts carry, and its ETag.
    version: String,
    /// The change that installed it; none when it comes from a file.
    number: Option<u64>,
    /// `enforce`, `shadow` or `off`.
    mode: &'static str,
    /// How many rules.
    rules: usize,
    /// How many thresholds.
    thresholds: usize,
    /// How many lists.
    lists: usize,
    /// How many cases that it proves by itself.
    expects: usize,
    /// Whether an authorised contact has to agree to changes.
    controlled: bool,
}

/// A policy with its text.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyText)]
pub(crate) struct TextShown {
    #[serde(flatten)]
    policy: PolicyShown,
    /// As it is written.
    text: String,
    /// What sets it apart from the one in force: lines with a space, `+` or `-` before them; none for that one itself.
    difference: Vec<String>,
}

/// A change of a policy as it was made.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyVersion)]
pub(crate) struct VersionShown {
    /// From 1.
    number: u64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Which way.
    how: &'static str,
    /// What, in words.
    what: String,
    /// Who answers for it.
    by: String,
    /// Why.
    why: String,
    /// Whether its text can be read.
    kept: bool,
}

/// What is to be said about a text.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyChecked)]
pub(crate) struct CheckedShown {
    /// Its version, when it could be installed.
    version: Option<String>,
    /// Mistakes, doubts and remarks.
    diagnostics: Vec<DiagnosticShown>,
    /// Cases that it proves by itself.
    expects: usize,
    /// How many of them came out otherwise.
    failed: usize,
    /// What was proven.
    proofs: Vec<String>,
    /// What sets it apart from the one in force, line by line.
    difference: Vec<String>,
}

/// Something that is wrong, or may be.
#[derive(Serialize, ToSchema)]
#[schema(as = Diagnostic)]
struct DiagnosticShown {
    /// `error`, `warning` or `info`.
    level: &'static str,
    /// Its name in the manual.
    code: &'static str,
    /// In words.
    message: String,
    /// What helps.
    help: Option<String>,
    /// The file, where it is not the policy itself.
    file: Option<String>,
    /// Where, from 1; 0 where that cannot be told.
    line: usize,
    /// Where, from 1; 0 where that cannot be told.
    column: usize,
}

/// A text.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    /// It.
    #[schema(min_length = 1, max_length = 196608)]
    text: String,
}

/// A text that is to come into force.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewText {
    /// It.
    #[schema(min_length = 1, max_length = 196608)]
    text: String,
    /// For whoever looks at this version later.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    why: String,
    /// Asks those who may authorise it, instead of putting it in force at once.
    #[serde(default)]
    ask: bool,
}

/// Which version is to hold again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Back {
    /// What this change made of policies; what was before the last one unless told.
    #[serde(default)]
    to: Option<u64>,
    /// For whoever looks at this version later.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    why: String,
}

/// Policies in force, by customer.
#[utoipa::path(get, path = "/v1/policies", tag = "Policies", params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<PolicyShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let mut all = ask(&service.questions.known.policies, ()).await?;
    all.sort_by(|one, other| one.customer.cmp(&other.customer));
    let all = all.into_iter().map(PolicyShown::new).collect();
    Ok(Page::of(all, &paging, |it: &PolicyShown| it.customer.clone())?.answer())
}

/// The policy of a customer that is in force.
#[utoipa::path(get, path = "/v1/policies/{customer}", tag = "Policies", params(("customer" = String, Path)),
    responses((status = 200, description = "The policy.", body = TextShown, headers(("ETag" = String)))))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    Path(customer): Path<String>,
) -> Result<Response, Failure> {
    let found = text(&service, &customer, None).await?;
    let tag = quoted(&found.policy.version);
    Ok(tagged(&TextShown::new(found), &tag))
}

/// Changes of a policy, the latest first, 100 at most.
#[utoipa::path(get, path = "/v1/policies/{customer}/versions", tag = "Policies", params(("customer" = String, Path)),
    responses((status = 200, description = "They.", body = Page<VersionShown>)))]
pub(crate) async fn versions(
    State(service): State<Arc<Service>>,
    Path(customer): Path<String>,
) -> Result<Response, Failure> {
    let found = text(&service, &customer, None).await?;
    Ok(Page { items: found.versions.into_iter().map(VersionShown::new).collect(), next: None }.answer())
}

/// The text of a version, and what sets it apart from the one in force.
#[utoipa::path(get, path = "/v1/policies/{customer}/versions/{number}", tag = "Policies",
    params(("customer" = String, Path), ("number" = u64, Path)),
    responses((status = 200, description = "The version.", body = TextShown)))]
pub(crate) async fn version(
    State(service): State<Arc<Service>>,
    Path((customer, number)): Path<(String, String)>,
) -> Result<Json<TextShown>, Failure> {
    let number: u64 = number.parse().map_err(|_| Failure::NotFound)?;
    let now = text(&service, &customer, None).await?;
    if !now.versions.iter().any(|it| it.number == number && it.is_kept) {
        return Err(Failure::NotFound);
    }
    Ok(Json(TextShown::new(text(&service, &customer, Some(number)).await?)))
}

/// Says all that is to be said about a text, and what sets it apart from the one in force. Nothing is changed.
#[utoipa::path(post, path = "/v1/policies/{customer}/check", tag = "Policies", request_body = Text,
    params(("customer" = String, Path)),
    responses((status = 200, description = "What is to be said.", body = CheckedShown)))]
pub(crate) async fn check(
    State(service): State<Arc<Service>>,
    Path(customer): Path<String>,
    Body { value, .. }: Body<Text>,
) -> Result<Json<CheckedShown>, Failure> {
    known(&service, &customer).await?;
    let draft = PolicyDraft { customer, text: storable("text", &value.text)?.to_owned() };
    Ok(Json(CheckedShown::new(ask(&service.questions.known.check, draft).await?)))
}

/// Puts a text in force, or asks those who may authorise that. `If-Match` is the version that it was written on.
#[utoipa::path(put, path = "/v1/policies/{customer}", tag = "Policies", request_body = NewText,
    params(("customer" = String, Path), ("If-Match" = String, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, description = "It is in force.", body = Outcome, headers(("ETag" = String))),
        (status = 202, description = "Those who may authorise it are asked.", body = Outcome,
            headers(("Location" = String)))))]
pub(crate) async fn install(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    seen: Seen,
    repeatable: Repeatable,
    Body { value, print }: Body<NewText>,
) -> Result<Response, Failure> {
    known(&service, &customer).await?;
    let install = Install {
        draft: PolicyDraft { customer: customer.clone(), text: storable("text", &value.text)?.to_owned() },
        // Whoever puts it in force looks once more whether that is so.
        base: seen.tag().to_owned(),
        by: viewer.who.clone(),
        why: line("why", &value.why)?.to_owned(),
        is_proposal: value.ask,
    };
    let act = async {
        seen.check(&known(&service, &customer).await?.version)?;
        Outcome::of(ask(&service.questions.known.install, install).await?)
    };
    let outcome = once(&service, &viewer, (&repeatable, &print), act).await?;
    with_version(&service, &customer, &outcome).await
}

/// Has an earlier version hold again: what that change made of policies, of all that it was about.
#[utoipa::path(post, path = "/v1/policies/{customer}/rollback", tag = "Policies", request_body = Back,
    params(("customer" = String, Path), ("If-Match" = String, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, description = "It is in force.", body = Outcome, headers(("ETag" = String)))))]
pub(crate) async fn roll_back(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    seen: Seen,
    repeatable: Repeatable,
    Body { value, print }: Body<Back>,
) -> Result<Response, Failure> {
    known(&service, &customer).await?;
    let back = RollBack { to: value.to, by: viewer.who.clone(), why: line("why", &value.why)?.to_owned() };
    let act = async {
        seen.check(&known(&service, &customer).await?.version)?;
        let said = ask(&service.questions.known.roll_back, back).await?;
        Ok(Outcome { done: true, case: None, said })
    };
    let outcome = once(&service, &viewer, (&repeatable, &print), act).await?;
    with_version(&service, &customer, &outcome).await
}

/// What became of a change, with the version that is in force then.
async fn with_version(service: &Service, customer: &str, outcome: &Outcome) -> Result<Response, Failure> {
    let mut response = outcome.answer();
    if outcome.done {
        let version = known(service, customer).await?.version;
        set(&mut response, header::ETAG, &quoted(&version));
    }
    Ok(response)
}

/// The policy of `customer`, if one is in force.
async fn known(service: &Service, customer: &str) -> Result<Policy, Failure> {
    let all = ask(&service.questions.known.policies, ()).await?;
    all.into_iter().find(|it| it.customer == customer).ok_or(Failure::NotFound)
}

async fn text(service: &Service, customer: &str, number: Option<u64>) -> Result<PolicyText, Failure> {
    known(service, customer).await?;
    let wanted = PolicyWanted { customer: customer.to_owned(), number };
    ask(&service.questions.known.policy, wanted).await
}

impl PolicyShown {
    fn new(policy: Policy) -> Self {
        let [rules, thresholds, lists, expects] = policy.parts;
        Self {
            customer: policy.customer,
            version: policy.version,
            number: policy.number,
            mode: policy.mode,
            rules,
            thresholds,
            lists,
            expects,
            controlled: policy.is_controlled,
        }
    }
}

impl TextShown {
    fn new(found: PolicyText) -> Self {
        Self { policy: PolicyShown::new(found.policy), text: found.text, difference: found.difference }
    }
}

impl VersionShown {
    fn new(version: Version) -> Self {
        let Version { number, at, how, what, by, why, is_kept } = version;
        Self { number, at, how, what, by, why, kept: is_kept }
    }
}

impl CheckedShown {
    fn new(checked: Checked) -> Self {
        let Checked { diagnostics, expects: (expects, failed), proofs, version, difference } = checked;
        let diagnostics = diagnostics.into_iter().map(DiagnosticShown::new).collect();
        Self { version, diagnostics, expects, failed, proofs, difference }
    }
}

impl DiagnosticShown {
    fn new(found: Diagnostic) -> Self {
        let Diagnostic { level, code, message, help, file, line, column } = found;
        Self { level, code, message, help, file, line, column }
    }
}
