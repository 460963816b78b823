//! Policies in force, their versions, and how often their rules decided.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::{Hits, Policy, PolicyText, PolicyWanted, RollBack, Version, is_nobody, moment, or_nothing};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "known_policies.html")]
struct Page<'a> {
    shell: Shell<'a>,
    policies: Vec<(String, Policy)>,
}

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let policies = ask(&service.questions.known.policies, ()).await?;
    let policies = policies.into_iter().map(|policy| (own_place(&policy.customer), policy)).collect();
    let shell = Shell::of(&service, Some(&viewer), "Policies");
    Ok(shell::page(&Page { shell, policies }))
}

pub(super) fn own_place(customer: &str) -> String {
    format!("/policies/{}", url_part(customer))
}

#[derive(Template)]
#[template(path = "known_policy.html")]
struct One<'a> {
    shell: Shell<'a>,
    place: String,
    found: PolicyText,
    versions: Vec<(Option<Moment>, Version)>,
    lines: Vec<String>,
    /// Lines that are not shown.
    left_out: usize,
    difference: Vec<Changed>,
    /// Of an earlier one, its number.
    number: Option<u64>,
}

/// A line of a difference.
pub(super) struct Changed {
    pub(super) class: &'static str,
    pub(super) line: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    version: Option<u64>,
}

pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let wanted = PolicyWanted { customer: customer.clone(), number: asked.version };
    let found = ask(&service.questions.known.policy, wanted).await;
    let mut found = or_nothing(found, is_nobody(&service, &customer).await?)?;
    let mut bytes = 0;
    let shown = found.text.lines().take(LINES_MAX).take_while(|line| {
        bytes += line.len();
        bytes < BYTES_MAX
    });
    let lines: Vec<String> = shown.map(str::to_owned).collect();
    let versions = std::mem::take(&mut found.versions);
    let page = One {
        shell: Shell::of(&service, Some(&viewer), "One policy"),
        place: own_place(&found.policy.customer),
        versions: versions.into_iter().map(|version| (moment(&version.at), version)).collect(),
        left_out: found.text.lines().count() - lines.len(),
        lines,
        difference: changed(std::mem::take(&mut found.difference)),
        number: asked.version,
        found,
    };
    Ok(shell::page(&page))
}

/// Lines of a difference with how they look.
pub(super) fn changed(lines: Vec<String>) -> Vec<Changed> {
    let class = |line: &str| match line.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => "",
        [b'+', ..] => "add",
        [b'-', ..] => "del",
        _ => "",
    };
    lines.into_iter().map(|line| Changed { class: class(&line), line }).collect()
}

#[derive(Template)]
#[template(path = "known_hits.html")]
struct HitsShown<'a> {
    shell: Shell<'a>,
    place: String,
    customer: String,
    hits: Hits,
}

pub(crate) async fn hits(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
) -> Result<Response, Failure> {
    let hits = ask(&service.questions.known.hits, customer.clone()).await;
    let hits = or_nothing(hits, is_nobody(&service, &customer).await?)?;
    let shell = Shell::of(&service, Some(&viewer), "Rule hits");
    Ok(shell::page(&HitsShown { shell, place: own_place(&customer), customer, hits }))
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    to: String,
    why: String,
}

/// Has an earlier version hold again.
pub(crate) async fn roll_back(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Form(form): Form<Back>,
) -> Result<Response, Failure> {
    let number = match form.to.as_str() {
        "" => None,
        number => Some(number.parse::<u64>().map_err(|_| Failure::NotFound)?),
    };
    let back = RollBack { to: number, by: viewer.who.clone(), why: form.why };
    let said = ask(&service.questions.known.roll_back, back).await?;
    Ok(told_at(&own_place(&customer), &said))
}

/// Lines of a policy on a page.
const LINES_MAX: usize = 3_000;
/// Their bytes.
const BYTES_MAX: usize = 120_000;
