//! `/v1/customers/{customer}/calls`: recorded calls, and what a policy makes of one. `/v1/thresholds`: what is counted.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use reporter::rfc3339;
use rules::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::taken::{Paging, Params, count, line, moment};
use super::told::Page;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::known::{CallRow, CallSearch, CallWanted, JudgeWanted, Judgement, Message, OneCall, Threshold};
use crate::question::ask;

/// Which calls.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// From this moment; the last seven days unless told.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Before this one.
    #[param(format = DateTime)]
    to: Option<String>,
    /// A number, the beginning of one with `*` behind it, or part of a name.
    #[param(max_length = 500)]
    caller: Option<String>,
    /// The same of who was called.
    #[param(max_length = 500)]
    called: Option<String>,
    /// `inbound`, `outbound` or `internal`.
    #[param(max_length = 500)]
    direction: Option<String>,
    /// `allow`, `block` and so on; `shadow` is what would have been refused in enforce mode.
    #[param(max_length = 500)]
    verdict: Option<String>,
    /// The rule or threshold that decided.
    #[param(max_length = 500)]
    rule: Option<String>,
    /// Only answered ones, or only others.
    answered: Option<bool>,
    /// `next` of the page before.
    #[param(max_length = 100)]
    after: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    count: Option<u32>,
}

/// What judges.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Judged {
    /// A numbered version of the policy; the one in force unless told.
    version: Option<u64>,
}

/// A recorded call.
#[derive(Serialize, ToSchema)]
#[schema(as = Call)]
pub(crate) struct CallShown {
    /// What it is called; it tells nothing.
    id: String,
    /// The first message.
    #[schema(format = DateTime)]
    start: String,
    /// `call`, or the method in lower case.
    kind: String,
    /// `inbound`, `outbound` or `internal`.
    direction: String,
    /// Who called. Strangers may have written it.
    caller: String,
    /// Who was called.
    called: String,
    /// What happened: `allow`, `block` and so on.
    verdict: String,
    /// What would have happened in enforce mode.
    would: Option<String>,
    /// What decided.
    rule: Option<String>,
    /// The final response.
    status: Option<u16>,
    /// Whether it was answered.
    answered: bool,
    /// Seconds talked; nothing for one that nobody answered, or that is up.
    talk_seconds: Option<u64>,
}

/// Calls that were found.
#[derive(Serialize, ToSchema)]
pub(crate) struct CallPage {
    /// The latest first.
    items: Vec<CallShown>,
    /// Where the next page begins; nothing on the last one.
    next: Option<String>,
    /// What was not looked at, in words, as a disk or a bucket that does not answer.
    limits: Vec<String>,
}

/// All that is known of a call.
#[derive(Serialize, ToSchema)]
pub(crate) struct WholeCall {
    /// As in lists.
    call: CallShown,
    /// What was read of it.
    facts: Vec<Named>,
    /// What was decided, with all behind it.
    verdict: Vec<Named>,
    /// What was repaired or looks wrong, each with what it means.
    flags: Vec<Named>,
    /// Its messages, as long as they are kept.
    messages: Vec<MessageShown>,
    /// Why there are none, or not all of them.
    missing: Option<String>,
}

/// A name and a value.
#[derive(Serialize, ToSchema)]
pub(crate) struct Named {
    /// Such as `user agent`.
    name: String,
    /// Strangers may have written it.
    value: String,
}

/// A message on the wire.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
struct MessageShown {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who sent it.
    from: String,
    /// Whom it was sent to.
    to: String,
    /// Whether the service sent it.
    is_ours: bool,
    /// What carried it.
    transport: &'static str,
    /// Its bytes as text.
    text: String,
}

/// What a policy makes of a recorded call.
#[derive(Serialize, ToSchema)]
#[schema(as = Judgement)]
pub(crate) struct JudgementShown {
    /// In one word, such as `block`.
    action: String,
    /// In a sentence.
    verdict: String,
    /// The version that judged.
    version: String,
    /// Each rule that was looked at.
    rules: Vec<RuleShown>,
    /// What would have changed it.
    turning_points: Vec<String>,
}

/// A rule that was looked at.
#[derive(Serialize, ToSchema)]
struct RuleShown {
    /// Its name.
    name: String,
    /// What became of it.
    outcome: &'static str,
    /// Its conditions, in words.
    conditions: Vec<String>,
}

/// A threshold of a policy in force.
#[derive(Serialize, ToSchema)]
#[schema(as = Threshold)]
pub(crate) struct ThresholdShown {
    /// Whose.
    customer: String,
    /// Its name.
    name: String,
    /// `off`, `shadow` or `enforce`.
    mode: &'static str,
    /// What it counts, in words.
    counts: String,
    /// The window, such as `10m`.
    window: String,
    /// Its limit, in words; nothing where it has none.
    warning: Option<String>,
    /// See `warning`.
    critical: Option<String>,
    /// Calls of the last seven days that it decided.
    hits: u64,
    /// When it decided last.
    #[schema(format = DateTime)]
    last: Option<String>,
}

/// Recorded calls of a customer, the latest first.
#[utoipa::path(get, path = "/v1/customers/{customer}/calls", tag = "Calls", params(("customer" = String, Path), Which),
    responses((status = 200, description = "A page of them.", body = CallPage)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Path(customer): Path<String>,
    Params(which): Params<Which>,
) -> Result<Json<CallPage>, Failure> {
    let search = which.search(customer, (service.now)())?;
    let found = ask(&service.questions.known.calls, search).await?;
    Ok(Json(CallPage {
        items: found.calls.into_iter().map(CallShown::new).collect(),
        next: found.more.map(|more| more.0.to_string()),
        limits: found.limits.into_iter().chain(found.unread).collect(),
    }))
}

/// One recorded call, with its messages.
#[utoipa::path(get, path = "/v1/customers/{customer}/calls/{id}", tag = "Calls",
    params(("customer" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "The call.", body = WholeCall)))]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    Path((customer, id)): Path<(String, String)>,
) -> Result<Json<WholeCall>, Failure> {
    let wanted = CallWanted { customer, id };
    let call = *ask(&service.questions.known.call, wanted).await?.ok_or(Failure::NotFound)?;
    Ok(Json(WholeCall::new(call)))
}

/// What a policy makes of a recorded call now.
#[utoipa::path(get, path = "/v1/customers/{customer}/calls/{id}/judgement", tag = "Calls",
    params(("customer" = String, Path), ("id" = String, Path), Judged),
    responses((status = 200, description = "What would happen, and why.", body = JudgementShown)))]
pub(crate) async fn judge(
    State(service): State<Arc<Service>>,
    Path((customer, id)): Path<(String, String)>,
    Params(Judged { version }): Params<Judged>,
) -> Result<Json<JudgementShown>, Failure> {
    let known = &service.questions.known;
    let call = CallWanted { customer, id };
    // Whatever is asked of what is not there, the answer is that.
    ask(&known.call, call.clone()).await?.ok_or(Failure::NotFound)?;
    Ok(Json(JudgementShown::new(ask(&known.judge, JudgeWanted { call, version }).await?)))
}

/// Thresholds of policies in force, by customer and name.
#[utoipa::path(get, path = "/v1/thresholds", tag = "Calls", params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<ThresholdShown>)))]
pub(crate) async fn thresholds(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Params(paging): Params<Paging>,
) -> Result<Response, Failure> {
    let mut all = ask(&service.questions.known.thresholds, ()).await?;
    all.retain(|threshold| viewer.reaches(&threshold.customer));
    all.sort_by(|one, other| (&one.customer, &one.name).cmp(&(&other.customer, &other.name)));
    let all = all.into_iter().map(ThresholdShown::new).collect();
    Ok(Page::of(all, &paging, |it: &ThresholdShown| format!("{}/{}", it.customer, it.name))?.answer())
}

impl Which {
    fn search(self, customer: String, now: Timestamp) -> Result<CallSearch, Failure> {
        let text = |name: &str, text: Option<String>| match text {
            Some(text) if !text.is_empty() => line(name, &text).map(str::to_owned),
            _ => Ok(String::new()),
        };
        let at = |name: &str, text: Option<&str>, without: i64| {
            text.map_or_else(|| Ok(now.plus_micros(without)), |text| moment(name, text))
        };
        let mut to = at("to", self.to.as_deref(), DAY_MICROS)?;
        if let Some(after) = &self.after {
            let wrong = || Failure::Wrong("after: give `next` of the page before".to_owned());
            to = to.min(Timestamp(after.parse().map_err(|_| wrong())?));
        }
        Ok(CallSearch {
            customer,
            from: at("from", self.from.as_deref(), -DAYS_USUAL * DAY_MICROS)?,
            to,
            caller: text("caller", self.caller)?,
            called: text("called", self.called)?,
            direction: text("direction", self.direction)?,
            verdict: text("verdict", self.verdict)?,
            rule: text("rule", self.rule)?,
            answered: self.answered,
            only_calls: false,
            count: count(self.count)? as usize,
        })
    }
}

impl ThresholdShown {
    fn new(threshold: Threshold) -> Self {
        let Threshold { customer, name, counts, window, mode, warning, critical, hits, last } = threshold;
        Self { customer, name, mode, counts, window, warning, critical, hits, last: last.map(rfc3339) }
    }
}

impl CallShown {
    fn new(row: CallRow) -> Self {
        Self {
            id: row.id,
            start: rfc3339(row.start),
            kind: row.kind,
            direction: row.direction,
            caller: row.caller,
            called: row.called,
            verdict: row.verdict,
            would: row.would,
            rule: row.rule,
            status: row.status,
            answered: row.is_answered,
            talk_seconds: row.talked,
        }
    }
}

impl WholeCall {
    fn new(call: OneCall) -> Self {
        let known = |(name, value): (&str, String)| Named { name: name.to_owned(), value };
        Self {
            call: CallShown::new(call.row),
            facts: call.facts.into_iter().map(known).collect(),
            verdict: call.verdict.into_iter().map(known).collect(),
            flags: call.flags.into_iter().map(|(name, value)| Named { name, value }).collect(),
            messages: call.messages.into_iter().map(MessageShown::new).collect(),
            missing: call.missing,
        }
    }
}

impl MessageShown {
    fn new(Message { at, from, to, is_ours, transport, text }: Message) -> Self {
        Self { at: rfc3339(at), from, to, is_ours, transport, text }
    }
}

impl JudgementShown {
    fn new(judgement: Judgement) -> Self {
        let rule = |(name, outcome, conditions)| RuleShown { name, outcome, conditions };
        Self {
            action: judgement.action,
            verdict: judgement.verdict,
            version: judgement.version,
            rules: judgement.rules.into_iter().map(rule).collect(),
            turning_points: judgement.turning_points,
        }
    }
}

const DAY_MICROS: i64 = 86_400_000_000;
/// Days that are looked at where nobody says since when.
const DAYS_USUAL: i64 = 7;
