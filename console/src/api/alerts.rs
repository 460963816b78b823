//! `/v1/alerts`: what rules and thresholds raised.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use cases::Case;
use cases::io::store::KeptAlert;
use rules::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::taken::{Paging, Params, storable};
use super::told::Page;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;

/// An alert.
#[derive(Serialize, ToSchema)]
#[schema(as = Alert)]
pub(crate) struct AlertShown {
    /// What names it.
    id: String,
    /// The case that has it.
    #[schema(example = "RW-100001-9")]
    number: String,
    /// Whose.
    customer: String,
    /// As the engine wrote it; docs/serve.md tells the keys.
    #[schema(value_type = Object)]
    alert: Value,
}

impl AlertShown {
    fn new(kept: KeptAlert) -> Self {
        let KeptAlert { id, number, customer, body, .. } = kept;
        Self { id, number: number.to_string(), customer, alert: parsed(&body) }
    }

    /// The alert of `case` that the engine wrote as `text`.
    pub(crate) fn of_text(case: &Case, text: &str) -> Self {
        let alert = parsed(text);
        let id = alert.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { id, number: case.number.to_string(), customer: case.customer.clone(), alert }
    }
}

/// What cannot be read is shown as the text that it is.
fn parsed(text: &str) -> Value {
    let value: Option<Value> = serde_json::from_str(text).ok();
    value.filter(Value::is_object).unwrap_or_else(|| serde_json::json!({ "text": text }))
}

/// Alerts, the latest first.
#[utoipa::path(get, path = "/v1/alerts", tag = "Alerts", params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<AlertShown>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let store = service.book()?.store().await?;
    let count = paging.count()?;
    let before = paging.after.as_deref().map(cursor).transpose()?;
    let mut alerts = match viewer.customer() {
        Some(customer) => store.customer(customer).alert_list(before, count + 1).await?,
        None => store.desk().alert_list(before, count + 1).await?,
    };
    let more = alerts.len() > count as usize;
    alerts.truncate(count as usize);
    let next = alerts.last().filter(|_| more).map(|last| format!("{}.{}", last.at.0, last.id));
    Ok(Page { items: alerts.into_iter().map(AlertShown::new).collect(), next }.answer())
}

/// One alert.
#[utoipa::path(get, path = "/v1/alerts/{id}", tag = "Alerts", params(("id" = String, Path)),
    responses((status = 200, description = "The alert.", body = AlertShown)))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Json<AlertShown>, Failure> {
    let store = service.book()?.store().await?;
    let id = storable("id", &id).map_err(|_| Failure::NotFound)?;
    let alert = match viewer.customer() {
        Some(customer) => store.customer(customer).alert(id).await?,
        None => store.desk().alert(id).await?,
    };
    Ok(Json(AlertShown::new(alert.ok_or(Failure::NotFound)?)))
}

fn cursor(text: &str) -> Result<(Timestamp, &str), Failure> {
    let wrong = || Failure::Wrong("after: give `next` of the page before".to_owned());
    let (at, id) = storable("after", text)?.split_once('.').ok_or_else(wrong)?;
    Ok((Timestamp(at.parse().map_err(|_| wrong())?), id))
}
