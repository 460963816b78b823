//! `/v1/changes`: changes of policies on their way into force, and who has approved them. Who authorises does it in the portal.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use cases::change::{Approval, Impact, LeftOut, Line};
use cases::io::store::Proposed;
use reporter::rfc3339;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::taken::storable;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;

/// A change that is proposed.
#[derive(Serialize, ToSchema)]
#[schema(as = Change)]
pub(crate) struct ChangeShown {
    /// SHA-256 over it: what is approved.
    hash: String,
    /// Whose policy.
    customer: String,
    /// The version that it was drafted on.
    base: String,
    /// The version that it leads to.
    result: String,
    /// Line by line.
    #[schema(value_type = Vec<Object>)]
    lines: Vec<Line>,
    /// What it would have done to recorded calls.
    #[schema(value_type = Object)]
    impact: Impact,
    /// The standing authorisation that is used for it.
    standing: Option<String>,
    /// What test calls have shown after it came into force.
    proof: Option<String>,
    /// What authorisers took out of it before they said yes: `by`, `why`, `lines`, and the `case` in which the desk goes on with
    /// them, if they are not refused.
    #[schema(value_type = Vec<Object>)]
    left_out: Vec<LeftOut>,
    /// Who said yes.
    approvals: Vec<ApprovalShown>,
}

/// One authoriser's yes.
#[derive(Serialize, ToSchema)]
#[schema(as = Approval)]
struct ApprovalShown {
    /// The contact.
    approver: String,
    /// How: `portal`, `link` or `reply`.
    #[schema(value_type = String)]
    method: Value,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// It counts until then.
    #[schema(format = DateTime)]
    expires: String,
}

/// One change.
#[utoipa::path(get, path = "/v1/changes/{hash}", tag = "Changes", params(("hash" = String, Path)),
    responses((status = 200, description = "The change.", body = ChangeShown)))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(hash): Path<String>,
) -> Result<Json<ChangeShown>, Failure> {
    let hash = storable("hash", &hash).map_err(|_| Failure::NotFound)?;
    let found = service.book()?.store().await?.desk().change(hash).await?;
    let found = found.filter(|(proposed, _)| viewer.reaches(&proposed.change.customer));
    let (Proposed { change, impact, standing, proof, left_out, hands: _, before: _ }, approvals) =
        found.ok_or(Failure::NotFound)?;
    Ok(Json(ChangeShown {
        hash: hash.to_owned(),
        customer: change.customer,
        base: change.base,
        result: change.result,
        lines: change.lines,
        impact,
        standing,
        proof,
        left_out,
        approvals: approvals.iter().map(ApprovalShown::new).collect(),
    }))
}

impl ApprovalShown {
    fn new(approval: &Approval) -> Self {
        Self {
            approver: approval.approver.clone(),
            method: serde_json::to_value(approval.method).unwrap_or_default(),
            at: rfc3339(approval.at),
            expires: rfc3339(approval.expires),
        }
    }
}
