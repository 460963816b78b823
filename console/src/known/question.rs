//! What pages ask about calls, blocks, lists, policies and thresholds, and what is answered: plain data.

use rules::Timestamp;

use super::of_calls::{CallNamed, CallSearch, CallWanted, CallsFound, JudgeWanted, Judgement, OneCall};
use crate::question::Asked;

/// Everything that the service knows beyond cases.
pub struct Known {
    /// Recorded calls, the latest first.
    pub calls: Asked<CallSearch, CallsFound>,
    /// One of them; `None` when there is none.
    pub call: Asked<CallWanted, Option<Box<OneCall>>>,
    /// What pages call the one with a Call-ID; `None` when none is on record.
    pub call_named: Asked<CallNamed, Option<String>>,
    /// What a policy would make of one of them now.
    pub judge: Asked<JudgeWanted, Judgement>,
    /// Blocks in force, the latest first.
    pub blocks: Asked<(), Vec<Block>>,
    /// A block is lifted, or lasts longer.
    pub change_block: Asked<BlockChange, String>,
    /// Lists of policies in force.
    pub lists: Asked<(), Vec<List>>,
    /// Entries of one of them.
    pub entries: Asked<EntriesWanted, EntriesFound>,
    /// A number comes onto a list, or leaves it.
    pub change_list: Asked<ListChange, Made>,
    /// Lists that are fetched.
    pub feeds: Asked<(), Vec<Feed>>,
    /// What a feed has aside comes into force.
    pub accept_feed: Asked<FeedAccepted, String>,
    /// Policies in force.
    pub policies: Asked<(), Vec<Policy>>,
    /// The text of one of them, or of a version.
    pub policy: Asked<PolicyWanted, PolicyText>,
    /// All that is to be said about a text.
    pub check: Asked<PolicyDraft, Checked>,
    /// What a text would have done to recorded calls.
    pub backtest: Asked<Trial, Tried>,
    /// How often rules decided in the last seven days.
    pub hits: Asked<String, Hits>,
    /// A text comes into force.
    pub install: Asked<Install, Made>,
    /// An earlier version holds again.
    pub roll_back: Asked<RollBack, String>,
    /// Thresholds of policies in force.
    pub thresholds: Asked<(), Vec<Threshold>>,
    /// What is usual for one of them.
    pub usual: Asked<UsualWanted, Usual>,
}

/// A block that a threshold has set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// What it is called.
    pub id: String,
    /// Whose policy set it.
    pub customer: String,
    /// The threshold.
    pub rule: String,
    /// `warning` or `critical`.
    pub level: String,
    /// `block`, `divert`, `tag` or `limit`.
    pub action: String,
    /// Against whom it holds.
    pub key: Vec<(String, String)>,
    /// What was counted, and the limit.
    pub counted: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Attempts that it was held against.
    pub hits: u64,
    /// Whether somebody lifted it.
    pub is_lifted: bool,
    /// Who changed it last, in words.
    pub account: Option<String>,
}

/// A change of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockChange {
    /// The block.
    pub id: String,
    /// How much longer it lasts, in microseconds; `None` lifts it.
    pub longer: Option<i64>,
    /// Who wants it.
    pub by: String,
    /// Why.
    pub why: String,
}

/// A list of a policy in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Whose.
    pub customer: String,
    /// Its name.
    pub name: String,
    /// `numbers`, `texts` or `networks`.
    pub kind: &'static str,
    /// How many entries.
    pub entries: usize,
    /// The files that it is read from; none for one in the policy itself.
    pub files: Vec<String>,
    /// Whether calls are refused by it.
    pub refuses: bool,
    /// The feed that fills it.
    pub feed: Option<String>,
}

/// Some entries of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntriesWanted {
    /// Whose.
    pub customer: String,
    /// Its name.
    pub list: String,
    /// With this in the number, the reason or the case; empty for all.
    pub text: String,
    /// Behind so many.
    pub after: usize,
    /// At most so many.
    pub count: usize,
}

/// Entries that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntriesFound {
    /// The list.
    pub list: List,
    /// What stands there.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<usize>,
    /// Whether an authorised contact has to agree to changes.
    pub is_controlled: bool,
}

/// An entry of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// As it is written.
    pub number: String,
    /// Why it is there.
    pub reason: Option<String>,
    /// The case it came from.
    pub case: Option<String>,
    /// Since when.
    pub added: Option<String>,
    /// Its last day.
    pub expires: Option<String>,
}

/// A number comes onto a list, or leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListChange {
    /// Whose.
    pub customer: String,
    /// Its name.
    pub list: String,
    /// A number, prefix, range or wildcard.
    pub entry: String,
    /// Whether it leaves.
    pub is_removal: bool,
    /// Its last day; `None` for ever.
    pub expires: Option<String>,
    /// Why.
    pub reason: String,
    /// Who does it.
    pub by: String,
    /// Whether a contact of the customer is to be asked first.
    pub is_proposal: bool,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// It holds.
    Done(String),
    /// It was not made.
    Refused {
        /// Why.
        why: String,
        /// Whether it could be proposed instead.
        may_propose: bool,
    },
    /// Those who may authorise are asked.
    Proposed {
        /// The case.
        case: String,
        /// What comes next.
        said: String,
    },
}

/// A list that is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub url: String,
    /// When somebody looked last.
    pub seen: Option<String>,
    /// When it changed last.
    pub changed: Option<String>,
    /// Why the last look failed.
    pub failed: Option<String>,
    /// Since when something is aside, and why.
    pub aside: Option<(String, String)>,
}

/// What a feed has aside comes into force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedAccepted {
    /// Its name.
    pub name: String,
    /// Who says so.
    pub by: String,
    /// Why.
    pub why: String,
}

/// A policy in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whose.
    pub customer: String,
    /// Its version: the hash that verdicts carry.
    pub version: String,
    /// The change that installed it; `None` when it comes from a file.
    pub number: Option<u64>,
    /// `enforce`, `shadow` or `off`.
    pub mode: &'static str,
    /// Rules, thresholds, lists, `expect` cases.
    pub parts: [usize; 4],
    /// Whether an authorised contact has to agree to changes.
    pub is_controlled: bool,
}

/// The text of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyWanted {
    /// Whose.
    pub customer: String,
    /// A numbered version; `None` is what is in force.
    pub number: Option<u64>,
}

/// A policy as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyText {
    /// What is said of it in tables.
    pub policy: Policy,
    /// Its text.
    pub text: String,
    /// What sets it apart from the one in force: lines with a space, `+` or `-` before them.
    pub difference: Vec<String>,
    /// Changes of it, the latest first.
    pub versions: Vec<Version>,
}

/// A change of policies as it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// From 1.
    pub number: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Which way.
    pub how: &'static str,
    /// What, in words.
    pub what: String,
    /// Who answers for it.
    pub by: String,
    /// Why.
    pub why: String,
    /// Whether it can be looked at.
    pub is_kept: bool,
}

/// A text that somebody writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyDraft {
    /// Whose policy it is to be.
    pub customer: String,
    /// The text.
    pub text: String,
}

/// What is to be said about a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Mistakes, doubts and remarks.
    pub diagnostics: Vec<Diagnostic>,
    /// How many `expect` cases there are, and how many came out otherwise.
    pub expects: (usize, usize),
    /// What was proven.
    pub proofs: Vec<String>,
    /// Its version, when it could be installed.
    pub version: Option<String>,
    /// What sets it apart from the one in force.
    pub difference: Vec<String>,
}

/// Something that is wrong, or may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostic {
    /// `error`, `warning` or `info`.
    pub level: &'static str,
    /// Its name in the manual.
    pub code: &'static str,
    /// In words.
    pub message: String,
    /// What helps.
    pub help: Option<String>,
    /// The file, where it is not the policy itself.
    pub file: Option<String>,
    /// Where, from 1.
    pub line: usize,
    /// Where, from 1.
    pub column: usize,
}

/// A text, and calls to try it on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// The text.
    pub draft: PolicyDraft,
    /// Calls of the last days.
    pub days: u32,
}

/// What a text would have done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tried {
    /// Calls that were judged.
    pub calls: u64,
    /// From when to when, in words.
    pub period: String,
    /// Calls with another verdict.
    pub changed: u64,
    /// Callers, and people called, whom that touches.
    pub people: (u64, u64),
    /// From what, to what, by which rule, calls, of them longer than a minute.
    pub changes: Vec<(String, String, String, u64, u64)>,
    /// Protected numbers that would be refused.
    pub protected: usize,
    /// Refused calls that closed cases tell of: rightly, wrongly; of the text, and of the policy in force.
    pub precision: Option<[(u64, u64); 2]>,
    /// Some changed calls: when, who, whom, and what becomes of it.
    pub examples: Vec<[String; 4]>,
    /// What was not looked at, in words.
    pub limits: Vec<String>,
}

/// How often rules decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Calls and other requests that were looked at.
    pub calls: u64,
    /// Each rule in the order of the policy: its name, its mode, calls that it decided, of them refused.
    pub rules: Vec<(String, &'static str, u64, u64)>,
    /// What was not looked at, in words.
    pub limits: Vec<String>,
}

impl Hits {
    pub(crate) fn has_gone(&self) -> bool {
        self.rules.iter().any(|(_, mode, ..)| *mode == "gone")
    }
}

/// A text is to come into force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Install {
    /// The text.
    pub draft: PolicyDraft,
    /// The version in force when it was begun: nobody undoes what they have not seen.
    pub base: String,
    /// Who does it.
    pub by: String,
    /// Why.
    pub why: String,
    /// Whether a contact of the customer is to be asked first.
    pub is_proposal: bool,
}

/// An earlier version is to hold again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollBack {
    /// What that change made of policies holds; `None` undoes the last.
    pub to: Option<u64>,
    /// Who does it.
    pub by: String,
    /// Why.
    pub why: String,
}

/// A threshold of a policy in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Threshold {
    /// Whose.
    pub customer: String,
    /// What it is called in records.
    pub name: String,
    /// What it counts, and its limits, in words.
    pub counts: String,
    /// The window.
    pub window: String,
    /// `enforce`, `shadow` or `off`.
    pub mode: &'static str,
    /// Its limits.
    pub warning: Option<String>,
    /// Its limits.
    pub critical: Option<String>,
    /// Calls of the last seven days that it decided.
    pub hits: u64,
    /// The last of them.
    pub last: Option<Timestamp>,
}

/// Values of a threshold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsualWanted {
    /// Whose.
    pub customer: String,
    /// What it is called in records.
    pub name: String,
}

/// What is usual for a threshold, and what was, hour by hour.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usual {
    /// What it counts.
    pub counts: String,
    /// The last days, an hour each.
    pub hours: Vec<UsualHour>,
    /// The limit now, of a warning where it has one.
    pub limit: Option<f64>,
    /// The limit of a critical alert now, where that is another one.
    pub critical: Option<f64>,
    /// Why nothing is known of what is usual.
    pub why_not: Option<String>,
    /// Limits that could be: name, limit, alerts a week.
    pub offers: Vec<(String, String, f64)>,
}

/// An hour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UsualHour {
    /// Its beginning.
    pub at: Timestamp,
    /// The highest value.
    pub value: Option<f64>,
    /// What is usual: 5 % are below, half are, 95 % are.
    pub usual: Option<[f64; 3]>,
}
