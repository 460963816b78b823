//! Changes of what the database does not keep: lists and policies. Each holds at once, or a case asks those who may say yes.

use std::future::Future;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cases::io::store::Claim;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::taken::Repeatable;
use super::told::set;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::known::Made;

/// What became of a change.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ChangeMade)]
pub(crate) struct Outcome {
    /// Whether it holds; otherwise those who may authorise it are asked first.
    pub(crate) done: bool,
    /// The case in which they are asked.
    #[schema(example = "RW-100001-9")]
    pub(crate) case: Option<String>,
    /// In words.
    pub(crate) said: String,
}

impl Outcome {
    pub(crate) fn of(made: Made) -> Result<Self, Failure> {
        match made {
            Made::Done(said) => Ok(Self { done: true, case: None, said }),
            Made::Proposed { case, said } => Ok(Self { done: false, case: Some(case), said }),
            Made::Refused { why, may_propose: true } => Err(Failure::Refused(format!(
                "{why}\nSend it again with \"ask\": true, and those who may authorise it are asked."
            ))),
            Made::Refused { why, may_propose: false } => Err(Failure::Refused(why)),
        }
    }

    /// 200 for what holds; 202 for what waits for a yes, with where that is.
    pub(crate) fn answer(&self) -> Response {
        let status = if self.done { StatusCode::OK } else { StatusCode::ACCEPTED };
        let mut response = (status, Json(self)).into_response();
        if let Some(case) = &self.case {
            set(&mut response, header::LOCATION, &format!("/v1/cases/{case}"));
        }
        response
    }
}

/// Does `act` once, however often it is asked for under one name. What failed is not kept: it may be tried again.
pub(crate) async fn once(
    service: &Service,
    viewer: &Viewer,
    (repeatable, print): (&Repeatable, &str),
    act: impl Future<Output = Result<Outcome, Failure>>,
) -> Result<Outcome, Failure> {
    let Some(once) = repeatable.once(&viewer.who, print, (service.now)()) else { return act.await };
    let desk = service.book()?.store().await?.desk();
    match desk.claim(once).await? {
        Claim::Theirs => {}
        Claim::Done(text) => {
            return serde_json::from_str(&text).map_err(|error| Failure::Down(error.to_string()));
        }
        Claim::Unknown => {
            return Err(Failure::Refused(
                "The same request is being done, or broke off: look what holds before you send it under another name."
                    .to_owned(),
            ));
        }
    }
    let came = act.await;
    let text = came.as_ref().ok().and_then(|outcome| serde_json::to_string(outcome).ok());
    desk.settle_claim(once, text.as_deref()).await?;
    came
}
