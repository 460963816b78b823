//! `POST /v1/decide`: one call as JSON, judged as a packet would be.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use engine::sip::Disposition;
use engine::{Attempt, Question};
use rules::policy::{ExpectedCall, PolicySet};
use rules::{Timestamp, Transport, Verdict};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::{Query, Service, Undecided};

/// A call that somebody asks about: by its parts, or as the message that opens it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// Who calls, as From would carry it.
    caller: Option<String>,
    /// Whom, as the Request-URI would carry it.
    called: Option<String>,
    /// Who sends it: an address, or address and port. Unless given nobody is believed, and numbers tell which way it goes.
    source: Option<String>,
    /// What carries it; UDP unless given.
    transport: Option<String>,
    /// Further header lines. One of a header that the parts make as well stands in its place.
    #[serde(default)]
    headers: BTreeMap<String, Values>,
    /// The whole message instead, as text.
    message: Option<String>,
    /// The whole message instead, in Base64: messages are bytes.
    message_base64: Option<String>,
    /// Whose policy judges; trunks and numbers say it unless given.
    customer: Option<String>,
}

/// One value of a header, or several lines of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum Values {
    One(String),
    Several(Vec<String>),
}

/// The answer. Unknown is null.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Decision {
    /// `allow`, `tag`, `limit`, `divert`, `block` or `terminate`.
    pub verdict: &'static str,
    /// What would have happened in enforce mode.
    pub would: Option<&'static str>,
    /// The SIP response that says it; null when the call goes on, or is met with silence.
    pub code: Option<u16>,
    /// Where a diverted call goes.
    pub divert: Option<String>,
    /// How a call that goes on is marked.
    pub tag: Option<String>,
    /// Why, in words.
    pub reason: Option<String>,
    /// A, B, C, none or failed; null when an Identity header is there that nobody verified.
    pub attestation: Option<&'static str>,
    /// `TN-Validation-Passed`, `TN-Validation-Failed` or `No-TN-Validation`; null when no Identity header was looked at.
    pub verstat: Option<&'static str>,
    /// Why it did not pass.
    pub verstat_reason: Option<&'static str>,
    /// Who signed for the caller's number, where it passed.
    pub signer: Option<String>,
    /// The rule or threshold that decided.
    pub rule: Option<String>,
    /// Whose policy decided.
    pub customer: Option<String>,
    /// The version of that policy.
    pub policy_version: Option<String>,
}

impl Decision {
    /// What is told about `verdict` by the policy at `policy`; without one the call is nobody's and goes on.
    pub fn new(policies: &PolicySet, policy: Option<u32>, verdict: Option<&Verdict>) -> Self {
        let policy = policy.and_then(|place| policies.policy(place as usize));
        let (Some(policy), Some(verdict)) = (policy, verdict) else {
            return Self { verdict: rules::Action::Allow.word(), ..Self::default() };
        };
        Self {
            verdict: verdict.action.word(),
            would: verdict.would.map(rules::Action::word),
            code: reporter::status(verdict),
            divert: policy.diversion(verdict).map(str::to_owned),
            tag: policy.tag(verdict).map(str::to_owned),
            reason: Some(reporter::reason(verdict, policy).into_owned()),
            rule: policy.decider(verdict).map(str::to_owned),
            customer: Some(policy.name().to_owned()),
            policy_version: Some(policy.version().to_owned()),
            ..Self::default()
        }
    }

    /// The same with what is known of the caller's right to the number, as the policy at `policy` sees `attempt`.
    #[must_use]
    pub fn about(self, attempt: &Attempt, policy: Option<u32>) -> Self {
        let Some(view) = attempt.views.iter().find(|view| view.policy == policy) else { return self };
        let signer = attempt.signer(view);
        Self {
            attestation: view.attestation.map(rules::Attestation::word),
            verstat: view.stir.map(|outcome| outcome.verstat()),
            verstat_reason: view.stir.and_then(|outcome| outcome.complaint()),
            signer: (!signer.is_empty()).then(|| String::from_utf8_lossy(signer).into_owned()),
            ..self
        }
    }
}

/// Has one call judged.
///
/// The verdict is that which the same message gets over SIP, in a capture or from `ringwall explain`. Asked about one
/// Call-ID, From tag and caller twice, it counts once.
#[utoipa::path(
    post,
    path = "/v1/decide",
    request_body = Asked,
    responses(
        (status = 200, description = "What was decided.", body = Decision),
        (status = 400, description = "The body is no JSON.", body = Wrong),
        (status = 413, description = "The body is longer than any message.", body = Wrong),
        (status = 415, description = "The content type is not application/json.", body = Wrong),
        (status = 422, description = "The question makes no sense; the error says where.", body = Wrong),
        (status = 503, description = "Nothing was decided: policies are being loaded, or too many wait. Let the call go on.",
         body = Wrong, headers(("Retry-After" = u32, description = "Seconds.")))
    )
)]
pub(crate) async fn answer(
    State(service): State<Arc<Service>>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Response {
    let query = match asked {
        Ok(Json(asked)) => asked.into_query(),
        Err(rejection) => return refuse(rejection.status(), rejection.body_text()),
    };
    let query = match query {
        Ok(query) => query,
        Err(wrong) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, wrong),
    };
    let decided = match (service.decide)(query) {
        Ok(decided) => decided,
        Err(Undecided::Loading) => {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "policies and lists are being loaded".to_owned());
        }
        Err(Undecided::Busy) => {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many calls wait to be judged".to_owned());
        }
        Err(Undecided::UnknownCustomer) => {
            return refuse(StatusCode::UNPROCESSABLE_ENTITY, "customer: no policy has this name".to_owned());
        }
    };
    match timeout(PATIENCE, decided).await {
        Ok(Ok(decision)) => Json(decision).into_response(),
        _ => refuse(StatusCode::SERVICE_UNAVAILABLE, "nothing was decided in time".to_owned()),
    }
}

/// What is wrong.
#[derive(Serialize, ToSchema)]
pub(crate) struct Wrong {
    /// In one sentence.
    error: String,
}

fn refuse(status: StatusCode, error: String) -> Response {
    let mut response = (status, Json(Wrong { error })).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

impl Asked {
    fn into_query(self) -> Result<Query, String> {
        let source = self.source.as_deref().map(address).transpose()?;
        let transport = self.transport.as_deref().map_or(Ok(Transport::Udp), transport)?;
        let customer = self.customer.clone();
        let is_message = self.message.is_some() || self.message_base64.is_some();
        if is_message && (self.caller.is_some() || self.called.is_some() || !self.headers.is_empty()) {
            return Err("give the parts of a call or its message, not both".to_owned());
        }
        let question = match (&self.message, &self.message_base64) {
            (Some(_), Some(_)) => return Err("give `message` or `message_base64`, not both".to_owned()),
            (Some(text), None) => {
                Question::of_message(text.clone().into_bytes(), source, Timestamp::default())
            }
            (None, Some(text)) => {
                let bytes =
                    BASE64_STANDARD.decode(text).map_err(|error| format!("message_base64: {error}"))?;
                Question::of_message(bytes, source, Timestamp::default())
            }
            (None, None) => self.of_parts(source)?,
        };
        if is_message && matches!(question.disposition(), Disposition::Discard { .. }) {
            return Err("the message is no SIP request".to_owned());
        }
        Ok(Query {
            message: question.message,
            source: question.source,
            destination: question.destination,
            transport,
            customer,
        })
    }

    fn of_parts(self, source: Option<SocketAddr>) -> Result<Question, String> {
        let (Some(from), Some(to)) = (self.caller, self.called) else {
            return Err("a call needs `caller` and `called`, or a `message`".to_owned());
        };
        if from.trim().is_empty() || to.trim().is_empty() {
            return Err("`caller` and `called` say who calls whom: one of them is empty".to_owned());
        }
        // RFC 3261 §25.1: a token.
        let is_name = |name: &&String| {
            !name.is_empty()
                && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&it))
        };
        if let Some(name) = self.headers.keys().find(|name| !is_name(name)) {
            return Err(format!("headers: {name:?} is no name of a header"));
        }
        let mut headers: Vec<(String, String)> = self
            .headers
            .into_iter()
            .flat_map(|(name, values)| match values {
                Values::One(value) => vec![(name, value)],
                Values::Several(values) => values.into_iter().map(|value| (name.clone(), value)).collect(),
            })
            .collect();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("call-id")) {
            headers.push(("Call-ID".to_owned(), new_call_id()));
        }
        let call = ExpectedCall { from, to, source, ..ExpectedCall::default() };
        Ok(Question::of_call_with_headers(&call, &headers, Timestamp::default()))
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let whole = text.parse::<SocketAddr>().ok();
    whole
        .or_else(|| text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 5060)))
        .ok_or_else(|| format!("source: {text:?} is no IP address, with or without a port"))
}

fn transport(text: &str) -> Result<Transport, String> {
    let known = Transport::ALL.iter().find(|transport| transport.word() == text.to_ascii_lowercase());
    known.copied().ok_or_else(|| {
        let words: Vec<&str> = Transport::ALL.iter().map(|transport| transport.word()).collect();
        format!("transport: {text:?} is none of {}", words.join(", "))
    })
}

/// One that nobody else has: each question without its own is a call of its own.
fn new_call_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("decide-{next}-{}@ringwall.invalid", std::process::id())
}

/// How long whoever asks has to wait at most: Timer A of RFC 3261 §17.1.1.2 would let a peer ask again.
const PATIENCE: Duration = Duration::from_millis(500);
