//! The columns of a call record, and sets of them.

/// A column of call records. The name is that in files, and stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Column {
    /// The first message, microseconds since 1970-01-01T00:00:00Z. Rows are in this order.
    Start,
    /// `call`, or the method in lower case of another request or 3xx outside a dialog.
    Kind,
    /// Which way it went.
    Direction,
    /// The caller's number.
    Caller,
    /// What the caller is, and what was written where it is no number.
    CallerText,
    /// The called number.
    Called,
    /// What the called is, and what was written where it is no number.
    CalledText,
    /// Address of the sender, without its port.
    Source,
    /// What happened.
    Verdict,
    /// What would have happened in enforce mode.
    Would,
    /// The rule or threshold that decided.
    Rule,
    /// The SIP response that we would send.
    ActionStatus,
    /// The final response seen.
    Status,
    /// Microseconds from the start to the first ring.
    RangAfter,
    /// Microseconds from the start to the answer.
    AnsweredAfter,
    /// Microseconds from the start to the last refusal, or to the BYE of an answered call.
    EndedAfter,
    /// Who hung up.
    HungUp,
    /// How far the caller's number is vouched for.
    Attestation,
    /// What the reader had to repair, words with a space between.
    Flags,
    /// voice, fax, video or other.
    CallType,
    /// Version of the policy that judged.
    Policy,
    /// The Call-ID.
    CallId,
    /// Display name of From.
    DisplayName,
    /// User-Agent.
    UserAgent,
    /// The verdict's reason in words.
    Reason,
    /// All else that a line of `replay --calls` has, as that JSON object.
    More,
}

/// A set of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns(u32);

impl Column {
    /// All of them, in the order of files.
    pub const ALL: &'static [Self] = &[
        Self::Start,
        Self::Kind,
        Self::Direction,
        Self::Caller,
        Self::CallerText,
        Self::Called,
        Self::CalledText,
        Self::Source,
        Self::Verdict,
        Self::Would,
        Self::Rule,
        Self::ActionStatus,
        Self::Status,
        Self::RangAfter,
        Self::AnsweredAfter,
        Self::EndedAfter,
        Self::HungUp,
        Self::Attestation,
        Self::Flags,
        Self::CallType,
        Self::Policy,
        Self::CallId,
        Self::DisplayName,
        Self::UserAgent,
        Self::Reason,
        Self::More,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Kind => "kind",
            Self::Direction => "direction",
            Self::Caller => "caller",
            Self::CallerText => "caller_text",
            Self::Called => "called",
            Self::CalledText => "called_text",
            Self::Source => "source",
            Self::Verdict => "verdict",
            Self::Would => "would",
            Self::Rule => "rule",
            Self::ActionStatus => "action_status",
            Self::Status => "status",
            Self::RangAfter => "rang_after",
            Self::AnsweredAfter => "answered_after",
            Self::EndedAfter => "ended_after",
            Self::HungUp => "hung_up",
            Self::Attestation => "attestation",
            Self::Flags => "flags",
            Self::CallType => "call_type",
            Self::Policy => "policy",
            Self::CallId => "call_id",
            Self::DisplayName => "display_name",
            Self::UserAgent => "user_agent",
            Self::Reason => "reason",
            Self::More => "more",
        }
    }
}

impl Columns {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every one.
    pub const ALL: Self = Self::of(Column::ALL);

    /// These.
    pub const fn of(columns: &[Column]) -> Self {
        let mut bits = 0;
        let mut rest = columns;
        while let [first, others @ ..] = rest {
            bits |= 1 << *first as u32;
            rest = others;
        }
        Self(bits)
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These but for those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those that are in `other` as well.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `other` are among them.
    pub const fn has_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether `column` is among them.
    pub const fn has(self, column: Column) -> bool {
        self.0 & (1 << column as u32) != 0
    }
}
