//! One call attempt, as one customer's policy saw it, as a JSON object.

use std::borrow::Cow;

use engine::call::{Attempt, Fact, Kind, Refusal, Role, Side, Tally, View};
use rules::policy::{EntryText, List, PolicySet, RuleAction, Threshold};
use rules::{Action, Method, Party, Reason, Verdict};
use serde::Serialize;

use crate::recorded;
use crate::text::{self, rfc3339};
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
    /// `TN-Validation-Passed`, `TN-Validation-Failed` or `No-TN-Validation`, where a PASSporT was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verstat: Option<&'static str>,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verstat_reason: Option<&'static str>,
    /// Who signed, where it passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<Cow<'a, str>>,
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
    /// What `caller` is: number, name, anonymous, invalid, emergency or none.
    pub caller_kind: &'static str,
    /// What `called` is, in the same words.
    pub called_kind: &'static str,
    /// Whom the first packet was sent to.
    pub destination: String,
    /// What carried it.
    pub transport: &'static str,
    /// The first 1xx other than 100.
    pub rang_at: Option<String>,
    /// The first 2xx.
    pub answered_at: Option<String>,
    /// The last refusal, or the BYE of an answered call.
    pub ended_at: Option<String>,
    /// The first refusal that no repeat answered.
    pub refused_status: Option<u16>,
    /// When that came, or the time for a repeat was over.
    pub refused_at: Option<String>,
    /// When its time was up; null when it was hung up, or when the capture ended before.
    pub timed_out_at: Option<String>,
    /// Of a REGISTER: whether it carried credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<bool>,
    /// Of a REGISTER: whether another one of its Call-ID carried them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followed_up: Option<bool>,
    /// The thresholds that counted it, by message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<Counting<'a>>,
    /// What a later judgement needs of its messages beside all this, see [`crate::recorded`]; left out where it is all there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
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

/// One message of an attempt that thresholds counted.
#[derive(Debug, Serialize)]
pub struct Counting<'a> {
    /// When.
    pub at: String,
    /// The thresholds, by their labels: a name, and with `#2` the second variant of a detection.
    pub thresholds: Vec<Cow<'a, str>>,
    /// `before`, when a rule or a block in force refused it; `then`, when the limit that it reached did; null when it
    /// passed.
    pub refused: Option<&'static str>,
    /// Who is on both sides, where this message says otherwise than the line.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub parties: Option<Parties<'a>>,
}

/// Both sides of one message.
#[derive(Debug, Serialize)]
pub struct Parties<'a> {
    /// As in the line.
    pub caller: Cow<'a, str>,
    /// As in the line.
    pub caller_kind: &'static str,
    /// As in the line.
    pub called: Cow<'a, str>,
    /// As in the line.
    pub called_kind: &'static str,
}

impl<'a> Parties<'a> {
    fn new(attempt: &'a Attempt, view: &View) -> Self {
        let caller = attempt.caller(view);
        let called = attempt.facts(view).iter().find(|fact| fact.role.routes());
        let text = |fact: Option<&Fact>| fact.map_or(Cow::Borrowed("none"), |fact| party(attempt, fact));
        Self {
            caller: text(caller),
            caller_kind: party_kind(caller),
            called: text(called),
            called_kind: party_kind(called),
        }
    }
}

impl<'a> Counting<'a> {
    fn new(attempt: &'a Attempt, view: &View, tally: &Tally, policy: &'a rules::Policy) -> Self {
        let ids = attempt.thresholds(tally).iter();
        let then = attempt.view_then(tally, view);
        let is_other = !std::ptr::eq(attempt.facts(&then), attempt.facts(view));
        Self {
            at: rfc3339(tally.at),
            thresholds: ids.filter_map(|id| policy.threshold(*id)).map(Threshold::label).collect(),
            refused: tally.refusal.map(|refusal| match refusal {
                Refusal::Before => "before",
                Refusal::Then => "then",
            }),
            parties: is_other.then(|| Parties::new(attempt, &then)),
        }
    }
}

impl<'a> CallLine<'a> {
    /// The line for `attempt` as `view` saw it.
    pub fn new(attempt: &'a Attempt, view: &'a View, policies: &'a PolicySet) -> Self {
        let policy = view.policy.and_then(|index| policies.policies().get(index as usize));
        let facts = attempt.facts(view);
        let every = |wanted: fn(Role) -> bool| distinct(attempt, facts, wanted);
        let mut routes = every(Role::routes);
        if !routes.is_empty() {
            routes.remove(0);
        }
        let Parties { caller, caller_kind, called, called_kind } = Parties::new(attempt, view);
        let is_register = attempt.kind == Kind::Request(Method::Register);
        let progress = &attempt.progress;
        let verdict = view.verdict;
        let decider = verdict.as_ref().and_then(|verdict| policy?.decider(verdict));
        Self {
            call_id: text_or_none(attempt.call_id()),
            kind: kind(attempt),
            start: rfc3339(progress.started),
            customer: policy.map(|policy| policy.text().customer.name.as_str()),
            direction: view.direction.map(rules::Direction::word),
            caller,
            caller_kind,
            called_kind,
            called,
            called_also: routes,
            identities: every(|role| role.says_who_calls() || role.says_who_forwarded()),
            display_name: text_or_none(attempt.display_name()),
            source: text::address(attempt.source),
            user_agent: text_or_none(attempt.user_agent()),
            attestation: view.attestation.map(rules::Attestation::word),
            verstat: view.stir.map(|outcome| outcome.verstat()),
            verstat_reason: view.stir.and_then(|outcome| outcome.complaint()),
            signer: text_or_none(attempt.signer(view)),
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
            destination: text::address(attempt.destination),
            transport: attempt.transport.word(),
            rang_at: progress.ringing.map(rfc3339),
            answered_at: progress.answered.map(rfc3339),
            ended_at: progress.ended.map(rfc3339),
            refused_status: attempt.refused().map(|(status, _)| status),
            refused_at: attempt.refused().map(|(_, at)| rfc3339(at)),
            timed_out_at: attempt.timed_out().map(rfc3339),
            credentials: is_register.then(|| attempt.has_credentials()),
            followed_up: is_register.then(|| attempt.is_followed_up()),
            counted: policy.map_or_else(Vec::new, |policy| {
                attempt.tallies(view).map(|tally| Counting::new(attempt, view, tally, policy)).collect()
            }),
            seen: policy.and_then(|_| recorded::seen(attempt, view)),
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
pub(crate) fn source((list, entry): (&List, EntryText)) -> String {
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
        Party::Number(number) => Cow::Owned(text::number(number)),
        Party::Anonymous => Cow::Borrowed("anonymous"),
        Party::Absent => Cow::Borrowed("none"),
        Party::EmergencyService | Party::Invalid | Party::Name => String::from_utf8_lossy(attempt.raw(fact)),
    }
}

fn party_kind(fact: Option<&Fact>) -> &'static str {
    match fact.map_or(Party::Absent, |fact| fact.party) {
        Party::Number(_) => "number",
        Party::EmergencyService => "emergency",
        Party::Anonymous => "anonymous",
        Party::Invalid => "invalid",
        Party::Name => "name",
        Party::Absent => "none",
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
