//! One call attempt, as one customer's policy saw it, as a JSON object.

use std::borrow::Cow;

use engine::call::{Attempt, Fact, Kind, Role, Side, View};
use jiff::Timestamp as Moment;
use rules::policy::{EntryText, List, PolicySet, RuleAction};
use rules::{Action, Method, Party, Reason, Timestamp, Verdict};
use serde::Serialize;

use crate::threshold::breach;

/// A line of `replay --calls`. Unknown is null; the fields behind `kept` are left out when the message has none.
#[derive(Debug, Serialize)]
pub struct CallLine<'a> {
    /// The Call-ID.
    pub call_id: Option<Cow<'a, str>>,
    /// `call`, or the method in lower case of another request or 3xx outside a dialog.
    pub kind: Cow<'a, str>,
    /// The first message, RFC 3339 with microseconds.
    pub start: String,
    /// Whose policy judged it.
    pub customer: Option<&'a str>,
    /// `inbound`, `outbound` or `internal`.
    pub direction: Option<&'static str>,
    /// +E.164, or what was written.
    pub caller: Cow<'a, str>,
    /// +E.164, or what was written.
    pub called: Cow<'a, str>,
    /// Further numbers that route it.
    pub called_also: Vec<Cow<'a, str>>,
    /// Everything that says who calls or who forwarded.
    pub identities: Vec<Cow<'a, str>>,
    /// Display name of From.
    pub display_name: Option<Cow<'a, str>>,
    /// Sender of the packet.
    pub source: String,
    /// User-Agent.
    pub user_agent: Option<Cow<'a, str>>,
    /// A, B, C, none or failed; null when a PASSporT is there that nobody verified.
    pub attestation: Option<&'static str>,
    /// What the reader had to repair.
    pub flags: Vec<&'static str>,
    /// What happens.
    pub verdict: &'static str,
    /// What would have happened in enforce mode.
    pub would: Option<&'static str>,
    /// The SIP response we would send.
    pub action_status: Option<u16>,
    /// The rule or threshold that decided.
    pub rule: Option<&'a str>,
    /// Why, in words.
    pub reason: Option<String>,
    /// The final response seen.
    pub status: Option<u16>,
    /// From the first ring to the answer or the end.
    pub ring_seconds: Option<f64>,
    /// From the 2xx to the BYE.
    pub duration_seconds: Option<f64>,
    /// Whether a 2xx was seen.
    pub answered: bool,
    /// `caller` or `called`: who sent the BYE or CANCEL.
    pub hung_up: Option<&'static str>,
    /// voice, fax, video or other.
    pub call_type: &'static str,
    /// The policy's version.
    pub policy_version: Option<&'a str>,
    /// To, when it is there: it does not route.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Cow<'a, str>>,
    /// Diversion and History-Info.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diverting: Vec<Cow<'a, str>>,
    /// Referred-By.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrer: Vec<Cow<'a, str>>,
    /// Refer-To.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refer_to: Vec<Cow<'a, str>>,
    /// Contacts of a 3xx.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirect_to: Vec<Cow<'a, str>>,
    /// Contact.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact: Vec<Cow<'a, str>>,
    /// P-Charge-Info.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub charge: Vec<Cow<'a, str>>,
    /// Reply-To.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<Cow<'a, str>>,
    /// Whom the PASSporT was signed for, as it claims.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passport_orig: Vec<Cow<'a, str>>,
}

impl<'a> CallLine<'a> {
    /// The line for `attempt` as `view` saw it.
    pub fn new(attempt: &'a Attempt, view: &'a View, policies: &'a PolicySet) -> Self {
        let policy = view.policy.and_then(|index| policies.policies().get(index as usize));
        let facts = attempt.facts(view);
        let every = |wanted: fn(Role) -> bool| distinct(attempt, facts, wanted);
        let mut routes = every(Role::routes);
        let called = if routes.is_empty() { Cow::Borrowed("none") } else { routes.remove(0) };
        let progress = &attempt.progress;
        let verdict = view.verdict;
        let decider = verdict.as_ref().and_then(|verdict| policy?.decider(verdict));
        Self {
            call_id: text_or_none(attempt.call_id()),
            kind: kind(attempt),
            start: rfc3339(progress.started),
            customer: policy.map(|policy| policy.text().customer.name.as_str()),
            direction: view.direction.map(rules::Direction::word),
            caller: attempt.caller(view).map_or(Cow::Borrowed("none"), |fact| party(attempt, fact)),
            called,
            called_also: routes,
            identities: every(|role| role.says_who_calls() || role.says_who_forwarded()),
            display_name: text_or_none(attempt.display_name()),
            source: attempt.source.to_string(),
            user_agent: text_or_none(attempt.user_agent()),
            attestation: view.attestation.map(rules::Attestation::word),
            flags: view.flags.iter().map(rules::Flag::name).collect(),
            verdict: verdict.map_or(Action::Allow, |verdict| verdict.action).word(),
            would: verdict.and_then(|verdict| verdict.would).map(Action::word),
            action_status: verdict.and_then(|verdict| status(&verdict)),
            rule: decider,
            reason: verdict.zip(policy).map(|(verdict, policy)| reason(&verdict, policy)),
            status: (progress.status != 0).then_some(progress.status),
            ring_seconds: progress.ring_micros().map(seconds),
            duration_seconds: progress.talk_micros().map(seconds),
            answered: progress.answered.is_some(),
            hung_up: progress.hung_up.map(|side| match side {
                Side::Caller => "caller",
                Side::Called => "called",
            }),
            call_type: attempt.call_type.word(),
            policy_version: policy.map(rules::Policy::version),
            to: every(|role| role == Role::To),
            diverting: every(Role::says_who_forwarded),
            referrer: every(|role| role == Role::Referrer),
            refer_to: every(|role| role == Role::ReferTo),
            redirect_to: every(|role| role == Role::RedirectTo),
            contact: every(|role| role == Role::Contact),
            charge: every(|role| role == Role::Charge),
            reply_to: every(|role| role == Role::ReplyTo),
            passport_orig: every(|role| role == Role::PassportOrig),
        }
    }
}

/// A list entry with its source and age.
fn source((list, entry): (&List, EntryText)) -> String {
    let mut said = format!("entry {} of @{}", entry.number, list.name);
    let place = match &entry.file {
        Some(file) => format!("{file}:{}", entry.line),
        None => format!("line {} of the policy", entry.line),
    };
    let added = entry.added.map(|added| format!("added {added}"));
    let case = entry.case.map(|case| format!("case {case}"));
    let details = [Some(place), entry.category, entry.reason, case, added].into_iter().flatten();
    said.push_str(&format!(" ({})", details.collect::<Vec<_>>().join("; ")));
    said
}

fn distinct<'a>(attempt: &'a Attempt, facts: &'a [Fact], wanted: fn(Role) -> bool) -> Vec<Cow<'a, str>> {
    let mut texts = Vec::new();
    for fact in facts.iter().filter(|fact| wanted(fact.role)) {
        let text = party(attempt, fact);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// The text of one address: +E.164, a word, or what was written.
pub fn party<'a>(attempt: &'a Attempt, fact: &Fact) -> Cow<'a, str> {
    match fact.party {
        Party::Number(number) => Cow::Owned(number.to_string()),
        Party::Anonymous => Cow::Borrowed("anonymous"),
        Party::Absent => Cow::Borrowed("none"),
        Party::EmergencyService | Party::Invalid | Party::Name => String::from_utf8_lossy(attempt.raw(fact)),
    }
}

fn kind(attempt: &Attempt) -> Cow<'_, str> {
    match attempt.kind {
        Kind::Call => Cow::Borrowed("call"),
        Kind::Request(Method::Other) => Cow::Owned(String::from_utf8_lossy(attempt.method()).to_lowercase()),
        Kind::Request(method) | Kind::Redirection(method) => Cow::Owned(method.word().to_lowercase()),
    }
}

/// The SIP response that says a verdict; `None` for silence and for what is not refused.
pub fn status(verdict: &Verdict) -> Option<u16> {
    if verdict.action == Action::Divert {
        return Some(302);
    }
    verdict.response?.code()
}

/// Why a verdict is what it is, in words.
pub fn reason(verdict: &Verdict, policy: &rules::Policy) -> String {
    let rule = verdict.rule.or(verdict.would_rule).and_then(|id| policy.rule(id));
    let by_rule = rule.map(|rule| {
        let act = match rule.action {
            RuleAction::Limit(_) => "exceeded the limit of",
            _ => "matched",
        };
        let mut sentence = format!("{act} rule \"{}\"", rule.name);
        if let Some(entry) = verdict.entry.and_then(|hit| policy.entry(hit)) {
            sentence.push_str(&format!(" by {}", source(entry)));
        }
        if let Some(why) = &rule.reason {
            sentence.push_str(&format!(" ({why})"));
        }
        sentence
    });
    let by_threshold = verdict.threshold.and_then(|measure| breach(measure, policy));
    match verdict.reason {
        Reason::Emergency => "emergency call: the guard comes before every rule".to_owned(),
        Reason::Priority => "priority call (RFC 4412): passes before every rule".to_owned(),
        Reason::EmergencyCallback => "call-back after an emergency call".to_owned(),
        Reason::Rule => by_rule.unwrap_or_default(),
        Reason::Threshold => by_threshold.unwrap_or_default(),
        Reason::Default => by_rule.or(by_threshold).unwrap_or_else(|| "no rule matched".to_owned()),
        Reason::Off => "the policy is off".to_owned(),
    }
}

fn text_or_none(bytes: &[u8]) -> Option<Cow<'_, str>> {
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes))
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// RFC 3339 in UTC with microseconds. Moments no calendar has (a capture may claim any) are told as the nearest one.
pub fn rfc3339(at: Timestamp) -> String {
    let moment = Moment::from_microsecond(at.0).unwrap_or(if at.0 < 0 { Moment::MIN } else { Moment::MAX });
    format!("{moment:.6}")
}
