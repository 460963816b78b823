//! Many rows, column by column.

use rules::{Action, Attestation, Direction, Timestamp};

use crate::call::{Call, HungUp, Party, PartyKind};
use crate::column::{Column, Columns};
use crate::texts::Texts;
use crate::words::Words;

/// Rows of one customer in order of their start. A column that was not asked for is empty; every other one has
/// [`Batch::len`] entries.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Which columns are there.
    pub columns: Columns,
    rows: usize,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub start: Vec<i64>,
    /// `call`, or a method in lower case.
    pub kind: Words,
    /// Which way it went.
    pub direction: Vec<Option<Direction>>,
    /// Digits of the caller's number; 0 where it is none.
    pub caller: Vec<u64>,
    /// What the caller is.
    pub caller_kind: Vec<PartyKind>,
    /// What was written, where the caller is no number.
    pub caller_text: Words,
    /// Digits of the called number; 0 where it is none.
    pub called: Vec<u64>,
    /// What the called is.
    pub called_kind: Vec<PartyKind>,
    /// What was written, where the called is no number.
    pub called_text: Words,
    /// Address of the sender.
    pub source: Words,
    /// What happened.
    pub verdict: Vec<Action>,
    /// What would have happened.
    pub would: Vec<Option<Action>>,
    /// What decided.
    pub rule: Words,
    /// What we would answer; 0 for nothing.
    pub action_status: Vec<u16>,
    /// The final response; 0 for none.
    pub status: Vec<u16>,
    /// Microseconds from the start; [`Batch::NEVER`] where it never rang.
    pub rang_after: Vec<i64>,
    /// Microseconds from the start; [`Batch::NEVER`] where it was not answered.
    pub answered_after: Vec<i64>,
    /// Microseconds from the start; [`Batch::NEVER`] where no end was seen.
    pub ended_after: Vec<i64>,
    /// Who hung up.
    pub hung_up: Vec<Option<HungUp>>,
    /// How far the number is vouched for.
    pub attestation: Vec<Option<Attestation>>,
    /// Words with a space between.
    pub flags: Words,
    /// voice, fax, video or other.
    pub call_type: Words,
    /// Version of the policy.
    pub policy: Words,
    /// The Call-ID.
    pub call_id: Texts,
    /// Display name of From.
    pub display_name: Words,
    /// User-Agent.
    pub user_agent: Words,
    /// Why, in words.
    pub reason: Words,
    /// All else, as a JSON object.
    pub more: Texts,
}

impl Batch {
    /// What a column of microseconds says where the thing never happened.
    pub const NEVER: i64 = i64::MIN;

    /// No rows yet, of `columns`.
    pub fn new(columns: Columns) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Says that each column has got `count` more rows: for who fills columns one by one.
    pub fn grow(&mut self, count: usize) {
        self.rows += count;
    }

    pub(crate) fn set_len(&mut self, rows: usize) {
        self.rows = rows;
    }

    /// One more row; what `call` has beyond the columns is left out.
    pub fn push<Text: AsRef<str>>(&mut self, call: &Call<Text>) {
        let never = |after: Option<i64>| after.unwrap_or(Self::NEVER);
        for column in Column::ALL.iter().copied().filter(|column| self.columns.has(*column)) {
            match column {
                Column::Start => self.start.push(call.start.0),
                Column::Kind => self.kind.push(Some(call.kind.as_ref())),
                Column::Direction => self.direction.push(call.direction),
                Column::Caller => self.caller.push(call.caller.number),
                Column::CallerText => {
                    self.caller_kind.push(call.caller.kind);
                    self.caller_text.push(some(call.caller.text.as_ref()));
                }
                Column::Called => self.called.push(call.called.number),
                Column::CalledText => {
                    self.called_kind.push(call.called.kind);
                    self.called_text.push(some(call.called.text.as_ref()));
                }
                Column::Source => self.source.push(Some(call.source.as_ref())),
                Column::Verdict => self.verdict.push(call.verdict),
                Column::Would => self.would.push(call.would),
                Column::Rule => self.rule.push(optional(&call.rule)),
                Column::ActionStatus => self.action_status.push(call.action_status.unwrap_or_default()),
                Column::Status => self.status.push(call.status.unwrap_or_default()),
                Column::RangAfter => self.rang_after.push(never(call.rang_after)),
                Column::AnsweredAfter => self.answered_after.push(never(call.answered_after)),
                Column::EndedAfter => self.ended_after.push(never(call.ended_after)),
                Column::HungUp => self.hung_up.push(call.hung_up),
                Column::Attestation => self.attestation.push(call.attestation),
                Column::Flags => self.flags.push(some(call.flags.as_ref())),
                Column::CallType => self.call_type.push(Some(call.call_type.as_ref())),
                Column::Policy => self.policy.push(optional(&call.policy)),
                Column::CallId => self.call_id.push(optional(&call.call_id)),
                Column::DisplayName => self.display_name.push(optional(&call.display_name)),
                Column::UserAgent => self.user_agent.push(optional(&call.user_agent)),
                Column::Reason => self.reason.push(optional(&call.reason)),
                Column::More => self.more.push(some(call.more.as_ref())),
            }
        }
        self.rows += 1;
    }

    /// The call in `row`, as far as its columns are there: what is not is nothing, or empty. Whose it is stands elsewhere.
    pub fn call(&self, row: usize) -> Call {
        let word = |words: &Words| words.get(row).map(str::to_owned);
        let after = |column: &[i64]| column.get(row).copied().filter(|after| *after != Self::NEVER);
        let status = |column: &[u16]| column.get(row).copied().filter(|status| *status != 0);
        let party = |number: &[u64], kind: &[PartyKind], text: &Words| {
            let number = number.get(row).copied().unwrap_or_default();
            let known = if number == 0 { PartyKind::None } else { PartyKind::Number };
            let kind = kind.get(row).copied().unwrap_or(known);
            Party { kind, number, text: text.get(row).unwrap_or_default().to_owned() }
        };
        Call {
            start: Timestamp(self.start.get(row).copied().unwrap_or_default()),
            kind: word(&self.kind).unwrap_or_default(),
            customer: None,
            direction: self.direction.get(row).copied().flatten(),
            caller: party(&self.caller, &self.caller_kind, &self.caller_text),
            called: party(&self.called, &self.called_kind, &self.called_text),
            source: word(&self.source).unwrap_or_default(),
            verdict: self.verdict.get(row).copied().unwrap_or(Action::Allow),
            would: self.would.get(row).copied().flatten(),
            rule: word(&self.rule),
            action_status: status(&self.action_status),
            status: status(&self.status),
            rang_after: after(&self.rang_after),
            answered_after: after(&self.answered_after),
            ended_after: after(&self.ended_after),
            hung_up: self.hung_up.get(row).copied().flatten(),
            attestation: self.attestation.get(row).copied().flatten(),
            flags: word(&self.flags).unwrap_or_default(),
            call_type: word(&self.call_type).unwrap_or_default(),
            policy: word(&self.policy),
            call_id: self.call_id.get(row).map(str::to_owned),
            display_name: word(&self.display_name),
            user_agent: word(&self.user_agent),
            reason: word(&self.reason),
            more: self.more.get(row).unwrap_or_default().to_owned(),
        }
    }
}

fn optional<Text: AsRef<str>>(text: &Option<Text>) -> Option<&str> {
    text.as_ref().map(AsRef::as_ref)
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
