//! What pages ask about recorded calls, and what is answered: plain data.

use rules::Timestamp;

/// Which calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallSearch {
    /// Whose.
    pub customer: String,
    /// From this moment.
    pub from: Timestamp,
    /// Up to this one, exclusive.
    pub to: Timestamp,
    /// A number, the beginning of one with `*` behind it, or part of a name. Empty for anybody; so are those below.
    pub caller: String,
    /// The same of who was called.
    pub called: String,
    /// `inbound`, `outbound` or `internal`.
    pub direction: String,
    /// What happened: `allow`, `block` and so on; `shadow` is what would have been refused in enforce mode.
    pub verdict: String,
    /// The rule or threshold that decided.
    pub rule: String,
    /// Only answered ones, or only others.
    pub answered: Option<bool>,
    /// Calls alone, without other requests outside a dialog and without further legs.
    pub only_calls: bool,
    /// At most so many.
    pub count: usize,
}

/// Calls that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallsFound {
    /// The latest first.
    pub calls: Vec<CallRow>,
    /// Where the next page ends; `None` when this is the last.
    pub more: Option<Timestamp>,
    /// Rows that were looked at.
    pub looked_at: u64,
    /// What was not looked at, in words.
    pub limits: Vec<String>,
    /// Why not all that is stored could be read: the disk or the bucket does not answer.
    pub unread: Option<String>,
}

/// A call as a line of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallRow {
    /// What pages call it; it tells nothing.
    pub id: String,
    /// The first message.
    pub start: Timestamp,
    /// `call`, or the method in lower case.
    pub kind: String,
    /// Which way it went.
    pub direction: String,
    /// Who called.
    pub caller: String,
    /// Who was called.
    pub called: String,
    /// What happened.
    pub verdict: String,
    /// What would have happened in enforce mode.
    pub would: Option<String>,
    /// What decided.
    pub rule: Option<String>,
    /// The final response.
    pub status: Option<u16>,
    /// Seconds talked; `None` for one that nobody answered, or that is up.
    pub talked: Option<u64>,
    /// Whether it was answered.
    pub is_answered: bool,
}

impl CallRow {
    /// Whether it was answered although it was to be blocked: whoever carried it did not obey, or it was only watched.
    pub(crate) fn passed_all_the_same(&self) -> bool {
        self.verdict == "block" && self.is_answered
    }
}

/// One call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallWanted {
    /// Whose.
    pub customer: String,
    /// What pages call it.
    pub id: String,
}

/// A call that is known by its Call-ID, as an alert names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallNamed {
    /// Whose.
    pub customer: String,
    /// The Call-ID, as it was in the messages.
    pub call_id: String,
    /// The first moment at which something was seen of it, or of calls that belong to it.
    pub from: Timestamp,
    /// The last one.
    pub to: Timestamp,
}

/// All that is known of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OneCall {
    /// As in tables.
    pub row: CallRow,
    /// Names and values: facts, then the verdict with all behind it.
    pub facts: Vec<(&'static str, String)>,
    /// The same of the verdict.
    pub verdict: Vec<(&'static str, String)>,
    /// What was repaired or looks wrong, each with what it means.
    pub flags: Vec<(String, String)>,
    /// The number that called, as it is dialled; `None` where there is none.
    pub number: Option<String>,
    /// Calls of the same caller a day, the last thirty days, the oldest first: the day, calls, refused ones.
    pub history: Vec<(String, u64, u64)>,
    /// Messages as they were on the wire.
    pub messages: Vec<Message>,
    /// Why there are no messages, or not all of them.
    pub missing: Option<String>,
    /// Lists that hold the caller.
    pub listed: Vec<Listed>,
    /// Lists that a block may go to, the usual one first.
    pub lists: Vec<String>,
    /// Whether an authorised contact has to agree to changes.
    pub is_controlled: bool,
    /// Versions of the policy that it can be judged by, beside the one in force.
    pub versions: Vec<(u64, String)>,
}

/// A number on a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The list.
    pub list: String,
    /// The entry as it is written there.
    pub entry: String,
    /// Its last day.
    pub expires: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// Whether calls are refused by that list.
    pub refuses: bool,
}

/// A message on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// When.
    pub at: Timestamp,
    /// Who sent it.
    pub from: String,
    /// Whom it was sent to.
    pub to: String,
    /// Whether we sent it.
    pub is_ours: bool,
    /// What carried it.
    pub transport: &'static str,
    /// Its bytes as text.
    pub text: String,
}

/// A call, and what is to judge it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JudgeWanted {
    /// The call.
    pub call: CallWanted,
    /// A numbered version of the policy; `None` is the one in force.
    pub version: Option<u64>,
}

/// What a policy makes of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What would happen, in a sentence.
    pub verdict: String,
    /// In one word.
    pub action: String,
    /// The version that judged.
    pub version: String,
    /// Each rule that was looked at: its name, what became of it, and its conditions.
    pub rules: Vec<(String, &'static str, Vec<String>)>,
    /// What would have changed it.
    pub turning_points: Vec<String>,
}
