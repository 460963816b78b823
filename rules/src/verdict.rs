//! What a policy decided about one attempt, and by what.

use crate::policy::{AlertLevel, Response, RuleId};

/// What happens to the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Action {
    /// It goes on.
    Allow,
    /// It goes on, marked.
    Tag,
    /// It exceeded a limit and is refused.
    Limit,
    /// It goes somewhere else.
    Divert,
    /// It is refused.
    Block,
    /// A call that is up is ended.
    Terminate,
}

impl Action {
    /// The word in call records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Tag => "tag",
            Self::Limit => "limit",
            Self::Divert => "divert",
            Self::Block => "block",
            Self::Terminate => "terminate",
        }
    }
}

/// Which step of the order of judgement decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The emergency guard: the called number is an emergency number.
    Emergency,
    /// The attempt carries a priority that outranks policy (RFC 4412).
    Priority,
    /// It calls back somebody who has just called an emergency number.
    EmergencyCallback,
    /// A firewall rule.
    Rule,
    /// No rule matched.
    Default,
    /// The policy's mode is `off`.
    Off,
}

/// The list entry that made a rule match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListHit {
    /// Index into the policy's lists.
    pub list: u32,
    /// Row of the entry in its source: see [`crate::policy::Policy::entry`].
    pub entry: u32,
}

/// The decision about one attempt by one customer's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What happens. In shadow mode always `Allow`.
    pub action: Action,
    /// What would have happened in enforce mode, when that differs because of shadow mode.
    pub would: Option<Action>,
    /// The rule that decided, or the tag rule when nothing else did.
    pub rule: Option<RuleId>,
    /// Which step decided.
    pub reason: Reason,
    /// How a refusal is said; `None` when nothing is refused.
    pub response: Option<Response>,
    /// The list entry that made the rule match, if a list did.
    pub entry: Option<ListHit>,
    /// The highest alert level any rule that acted asks for.
    pub alert: AlertLevel,
    /// Whether blocks set by breached thresholds are skipped.
    pub bypass_ips: bool,
}
