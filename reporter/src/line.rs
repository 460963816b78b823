//! One call attempt, as one customer's policy saw it, as a JSON object.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::Deref;

use engine::call::{Attempt, Fact, Kind, Refusal, Role, Side, Tally, View};
use rules::policy::{EntryText, FirewallRule, List, PolicySet, RuleAction, Threshold};
use rules::{Action, Flag, Flags, Method, Party, Reason, Verdict};
use serde::{Serialize, Serializer};

use crate::recorded;
use crate::text::{self, AddressText, MomentText, NumberText, moment};
use crate::threshold::breach;

/// A line of `replay --calls`. Unknown is null; the fields behind `kept` are left out when the message has none.
#[derive(Debug, Serialize)]
pub struct CallLine<'a> {
    /// The Call-ID.
    pub call_id: Option<Cow<'a, str>>,
    /// `call`, `leg` of a call that has a line of its own, or the method in lower case of another request or 3xx outside a
    /// dialog.
    pub kind: Cow<'a, str>,
    /// The first message, RFC 3339 with microseconds.
    pub start: MomentText,
    /// Whose policy judged it.
    pub customer: Option<&'a str>,
    /// `inbound`, `outbound` or `internal`.
    pub direction: Option<&'static str>,
    /// +E.164, or what was written.
    pub caller: PartyText<'a>,
    /// +E.164, or what was written.
    pub called: PartyText<'a>,
    /// Further numbers that route it.
    pub called_also: Addresses<'a>,
    /// Everything that says who calls or who forwarded.
    pub identities: Addresses<'a>,
    /// Display name of From.
    pub display_name: Option<Cow<'a, str>>,
    /// Sender of the packet.
    pub source: AddressText,
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
    #[serde(serialize_with = "flag_names")]
    pub flags: Flags,
    /// What happens.
    pub verdict: &'static str,
    /// What would have happened in enforce mode.
    pub would: Option<&'static str>,
    /// The SIP response we would send.
    pub action_status: Option<u16>,
    /// The rule or threshold that decided.
    pub rule: Option<&'a str>,
    /// Why, in words.
    pub reason: Option<Cow<'static, str>>,
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
    pub destination: AddressText,
    /// What carried it.
    pub transport: &'static str,
    /// The first 1xx other than 100.
    pub rang_at: Option<MomentText>,
    /// The first 2xx.
    pub answered_at: Option<MomentText>,
    /// The last refusal, or the BYE of an answered call.
    pub ended_at: Option<MomentText>,
    /// The first refusal that no repeat answered.
    pub refused_status: Option<u16>,
    /// When that came, or the time for a repeat was over.
    pub refused_at: Option<MomentText>,
    /// When its time was up; null when it was hung up, or when the capture ended before.
    pub timed_out_at: Option<MomentText>,
    /// Of a leg: the Call-ID of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg_of: Option<Cow<'a, str>>,
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
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub to: Addresses<'a>,
    /// Diversion and History-Info.
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub diverting: Addresses<'a>,
    /// Referred-By.
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub referrer: Addresses<'a>,
    /// Refer-To.
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub refer_to: Addresses<'a>,
    /// Contacts of a 3xx.
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub redirect_to: Addresses<'a>,
    /// Contact.
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub contact: Addresses<'a>,
    /// P-Charge-Info.
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub charge: Addresses<'a>,
    /// Reply-To.
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub reply_to: Addresses<'a>,
    /// Whom the PASSporT was signed for, as it claims.
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub passport_orig: Addresses<'a>,
}

/// One message of an attempt that thresholds counted.
#[derive(Debug, Serialize)]
pub struct Counting<'a> {
    /// When.
    pub at: MomentText,
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
    pub caller: PartyText<'a>,
    /// As in the line.
    pub caller_kind: &'static str,
    /// As in the line.
    pub called: PartyText<'a>,
    /// As in the line.
    pub called_kind: &'static str,
}

impl<'a> Parties<'a> {
    fn new(attempt: &'a Attempt, view: &View) -> Self {
        let caller = attempt.caller(view);
        let called = attempt.facts(view).iter().find(|fact| fact.role.routes());
        let text = |fact: Option<&Fact>| fact.map_or(PartyText::NONE, |fact| party(attempt, fact));
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
            at: moment(tally.at),
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
        let every = |wanted| Addresses::of(attempt, facts, wanted);
        let Parties { caller, caller_kind, called, called_kind } = Parties::new(attempt, view);
        let is_register = attempt.kind == Kind::Request(Method::Register);
        let progress = &attempt.progress;
        let verdict = view.verdict;
        let decider = verdict.as_ref().and_then(|verdict| policy?.decider(verdict));
        Self {
            call_id: text_or_none(attempt.call_id()),
            kind: kind(attempt),
            start: moment(progress.started),
            customer: policy.map(|policy| policy.text().customer.name.as_str()),
            direction: view.direction.map(rules::Direction::word),
            caller,
            caller_kind,
            called_kind,
            called,
            called_also: Addresses { skipped: 1, ..every(Role::routes) },
            identities: every(|role| role.says_who_calls() || role.says_who_forwarded()),
            display_name: text_or_none(attempt.display_name()),
            source: text::address(attempt.source),
            user_agent: text_or_none(attempt.user_agent()),
            attestation: view.attestation.map(rules::Attestation::word),
            verstat: view.stir.map(|outcome| outcome.verstat()),
            verstat_reason: view.stir.and_then(|outcome| outcome.complaint()),
            signer: text_or_none(attempt.signer(view)),
            flags: view.flags,
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
            rang_at: progress.ringing.map(moment),
            answered_at: progress.answered.map(moment),
            ended_at: progress.ended.map(moment),
            refused_status: attempt.refused().map(|(status, _)| status),
            refused_at: attempt.refused().map(|(_, at)| moment(at)),
            timed_out_at: attempt.timed_out().map(moment),
            leg_of: attempt.leg_of().map(String::from_utf8_lossy),
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

/// The text of one address: +E.164, a word, or what was written.
pub fn party<'a>(attempt: &'a Attempt, fact: &Fact) -> PartyText<'a> {
    match fact.party {
        Party::Number(number) => PartyText::Number(text::number(number)),
        Party::Anonymous => PartyText::Written(Cow::Borrowed("anonymous")),
        Party::Absent => PartyText::NONE,
        Party::EmergencyService | Party::Invalid | Party::Name => {
            PartyText::Written(String::from_utf8_lossy(attempt.raw(fact)))
        }
    }
}

/// What an address is told as.
#[derive(Clone, Debug)]
pub enum PartyText<'a> {
    /// A number.
    Number(NumberText),
    /// A word, or what was written.
    Written(Cow<'a, str>),
}

impl PartyText<'_> {
    const NONE: Self = Self::Written(Cow::Borrowed("none"));
}

impl Deref for PartyText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Number(number) => number,
            Self::Written(text) => text,
        }
    }
}

impl Serialize for PartyText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// Addresses that play some part, each once, in order. They are worded when somebody looks: most records have them nowhere
/// but in the line.
#[derive(Clone, Copy)]
pub struct Addresses<'a> {
    attempt: &'a Attempt,
    /// Those of a message, or none where none of them is wanted.
    facts: &'a [Fact],
    wanted: fn(Role) -> bool,
    /// So many of the first are left out.
    skipped: usize,
}

impl<'a> Addresses<'a> {
    #[inline]
    fn of(attempt: &'a Attempt, facts: &'a [Fact], wanted: fn(Role) -> bool) -> Self {
        let is_any = facts.iter().any(|fact| wanted(fact.role));
        Self { attempt, facts: if is_any { facts } else { &[] }, wanted, skipped: 0 }
    }

    /// Their texts.
    pub fn iter(&self) -> impl Iterator<Item = PartyText<'a>> {
        let Self { attempt, facts, wanted, skipped } = *self;
        let is_wanted = move |fact: &&Fact| wanted(fact.role);
        let is_first = move |&(place, fact): &(usize, &Fact)| {
            let earlier = facts.iter().take(place).filter(is_wanted);
            is_wanted(&fact) && !earlier.into_iter().any(|other| is_told_alike(attempt, fact, other))
        };
        let firsts = facts.iter().enumerate().filter(is_first);
        firsts.skip(skipped).map(move |(_, fact)| party(attempt, fact))
    }

    fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }
}

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Addresses<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

fn is_told_alike(attempt: &Attempt, one: &Fact, other: &Fact) -> bool {
    match (one.party, other.party) {
        (Party::Number(one), Party::Number(other)) => one == other,
        _ => *party(attempt, one) == *party(attempt, other),
    }
}

fn flag_names<S: Serializer>(flags: &Flags, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(flags.iter().map(Flag::name))
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
        Kind::Call => Cow::Borrowed(if attempt.is_leg() { "leg" } else { "call" }),
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
pub fn reason(verdict: &Verdict, policy: &rules::Policy) -> Cow<'static, str> {
    let by_rule = || verdict.rule.or(verdict.would_rule).and_then(|id| policy.rule(id));
    let by_rule = || by_rule().map(|rule| Cow::Owned(reason_of_rule(verdict, rule, policy)));
    let by_threshold = || verdict.threshold.and_then(|measure| breach(measure, policy)).map(Cow::Owned);
    match verdict.reason {
        Reason::Emergency => Cow::Borrowed("emergency call: the guard comes before every rule"),
        Reason::Priority => Cow::Borrowed("priority call (RFC 4412): passes before every rule"),
        Reason::EmergencyCallback => Cow::Borrowed("call-back after an emergency call"),
        Reason::Rule => by_rule().unwrap_or_default(),
        Reason::Threshold => by_threshold().unwrap_or_default(),
        Reason::Default => by_rule().or_else(by_threshold).unwrap_or(Cow::Borrowed("no rule matched")),
        Reason::Off => Cow::Borrowed("the policy is off"),
    }
}

fn reason_of_rule(verdict: &Verdict, rule: &FirewallRule, policy: &rules::Policy) -> String {
    let act = match rule.action {
        RuleAction::Limit(_) => "exceeded the limit of rule \"",
        _ => "matched rule \"",
    };
    let mut sentence = String::with_capacity(REASON_BYTES_USUAL);
    sentence.extend([act, &rule.name, "\""]);
    if let Some(entry) = verdict.entry.and_then(|hit| policy.entry(hit)) {
        sentence.push_str(" by ");
        push_source(&mut sentence, entry);
    }
    if let Some(why) = &rule.reason {
        sentence.extend([" (", why, ")"]);
    }
    sentence
}

/// A list entry with its source and age.
pub(crate) fn source(entry: (&List, EntryText)) -> String {
    let mut said = String::new();
    push_source(&mut said, entry);
    said
}

fn push_source(sentence: &mut String, (list, entry): (&List, EntryText)) {
    let _ = write!(sentence, "entry {} of @{} (", entry.number, list.name);
    let _ = match &entry.file {
        Some(file) => write!(sentence, "{file}:{}", entry.line),
        None => write!(sentence, "line {} of the policy", entry.line),
    };
    let details = [("", entry.category), ("", entry.reason), ("case ", entry.case), ("added ", entry.added)];
    for (name, detail) in details {
        if let Some(detail) = detail {
            sentence.extend(["; ", name, &detail]);
        }
    }
    sentence.push(')');
}

fn text_or_none(bytes: &[u8]) -> Option<Cow<'_, str>> {
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes))
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Room for most sentences that name a rule and an entry.
const REASON_BYTES_USUAL: usize = 160;
