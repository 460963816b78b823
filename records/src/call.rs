//! One call attempt.

use rules::{Action, Attestation, Direction, Timestamp};
use serde::{Deserialize, Serialize};

/// A call attempt, or another request outside a dialog, as the policy of one customer saw it. Of a live run and of a replay the
/// same. Its texts may be those of the line that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Call<Text = String> {
    /// The first message.
    pub start: Timestamp,
    /// `call`, or the method in lower case.
    pub kind: Text,
    /// Whose policy judged it; `None` where nobody's did.
    pub customer: Option<Text>,
    /// Which way it went.
    pub direction: Option<Direction>,
    /// Who called.
    pub caller: Party<Text>,
    /// Who was called.
    pub called: Party<Text>,
    /// Address of the sender, without its port.
    pub source: Text,
    /// What happened.
    pub verdict: Action,
    /// What would have happened in enforce mode.
    pub would: Option<Action>,
    /// The rule or threshold that decided.
    pub rule: Option<Text>,
    /// The SIP response that we would send.
    pub action_status: Option<u16>,
    /// The final response seen.
    pub status: Option<u16>,
    /// Microseconds from the start to the first 1xx other than 100.
    pub rang_after: Option<i64>,
    /// Microseconds from the start to the first 2xx.
    pub answered_after: Option<i64>,
    /// Microseconds from the start to the last refusal, or to the BYE of an answered call.
    pub ended_after: Option<i64>,
    /// Who sent the BYE or CANCEL.
    pub hung_up: Option<HungUp>,
    /// How far the caller's number is vouched for.
    pub attestation: Option<Attestation>,
    /// What the reader had to repair: words with a space between. Empty for nothing.
    pub flags: Text,
    /// voice, fax, video or other.
    pub call_type: Text,
    /// Version of the policy that judged.
    pub policy: Option<Text>,
    /// The Call-ID.
    pub call_id: Option<Text>,
    /// Display name of From.
    pub display_name: Option<Text>,
    /// User-Agent.
    pub user_agent: Option<Text>,
    /// Why, in words.
    pub reason: Option<Text>,
    /// All else of its line, as a JSON object. Empty where that was not kept.
    pub more: Text,
}

/// Who is on one side of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party<Text = String> {
    /// What it is.
    pub kind: PartyKind,
    /// Digits of the E.164 number without the plus; 0 where it is none.
    pub number: u64,
    /// What was written, where it is no number, or where the digits do not tell it. Empty otherwise.
    pub text: Text,
}

/// What one side of a call is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartyKind {
    /// An E.164 number.
    Number,
    /// A name.
    Name,
    /// Withheld.
    Anonymous,
    /// Digits that are no number.
    Invalid,
    /// An emergency service.
    Emergency,
    /// Nothing.
    #[default]
    None,
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HungUp {
    /// Who called.
    Caller,
    /// Who was called.
    Called,
}

impl<Text: AsRef<str>> Call<Text> {
    /// Whether it is a call and no other request.
    pub fn is_call(&self) -> bool {
        self.kind.as_ref() == "call"
    }

    /// Microseconds from the first ring to the answer or the end; `None` where it never rang or nobody knows how it ended.
    pub fn ring_micros(&self) -> Option<i64> {
        Some(self.answered_after.or(self.ended_after)?.saturating_sub(self.rang_after?).max(0))
    }

    /// Microseconds from the answer to the BYE.
    pub fn talk_micros(&self) -> Option<i64> {
        Some(self.ended_after?.saturating_sub(self.answered_after?).max(0))
    }
}

impl PartyKind {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Number, Self::Name, Self::Anonymous, Self::Invalid, Self::Emergency, Self::None];

    /// The word in records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Name => "name",
            Self::Anonymous => "anonymous",
            Self::Invalid => "invalid",
            Self::Emergency => "emergency",
            Self::None => "none",
        }
    }

    /// The kind that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}

impl HungUp {
    /// The word in records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Called => "called",
        }
    }

    /// Whom `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Caller, Self::Called].into_iter().find(|side| side.word() == word)
    }
}

impl std::fmt::Display for Party {
    /// +E.164, or what was written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            PartyKind::Number if self.text.is_empty() => write!(f, "+{}", self.number),
            _ => f.write_str(&self.text),
        }
    }
}
