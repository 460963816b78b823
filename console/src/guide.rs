//! A first case, step by step, with a case that is there.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use cases::Case;
use cases::case::{Kind, Severity};
use cases::io::store::Filter;

use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::shell::{self, Shell};

#[derive(Template)]
#[template(path = "guide.html")]
struct Page<'a> {
    shell: Shell<'a>,
    /// An alert to look into.
    alert: Option<Case>,
    /// A request of a customer.
    request: Option<Case>,
}

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let desk = service.book()?.store().await?.desk();
    let first = |filter: Filter| async move {
        let page = desk.list(&Filter { count: Some(1), ..filter }).await?;
        Ok::<_, Failure>(page.cases.into_iter().next())
    };
    let of = |kind| Filter { kind: Some(kind), ..Filter::default() };
    let critical = Filter { severity: Some(Severity::Critical), ..of(Kind::Alert) };
    let alert = match first(critical).await? {
        Some(case) => Some(case),
        None => first(of(Kind::Alert)).await?,
    };
    let request = first(of(Kind::Block)).await?;
    let shell = Shell::of(&service, Some(&viewer), "A first case");
    Ok(shell::page(&Page { shell, alert, request }))
}
