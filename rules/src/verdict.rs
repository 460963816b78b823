//! What a policy decided about one attempt, and by what.

use std::fmt;

use crate::policy::{AlertLevel, Response, RuleId, ThresholdId};

/// What happens to the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
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
    /// How much it stands in the way of the attempt; of several verdicts the strictest holds.
    pub const fn strictness(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Tag => 1,
            Self::Terminate => 2,
            Self::Divert => 3,
            Self::Limit => 4,
            Self::Block => 5,
        }
    }

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Reason {
    /// The emergency guard: the called number is an emergency number.
    Emergency,
    /// The attempt carries a priority that outranks policy (RFC 4412).
    Priority,
    /// It calls back somebody who has just called an emergency number.
    EmergencyCallback,
    /// A firewall rule.
    Rule,
    /// The action of a breached threshold.
    Threshold,
    /// No rule matched.
    Default,
    /// The policy's mode is `off`.
    Off,
}

/// The list entry that made a rule match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ListHit {
    /// Index into the policy's lists.
    pub list: u32,
    /// Row of the entry in its source: see [`crate::policy::Policy::entry`].
    pub entry: u32,
}

/// A breached threshold: what was measured and how much would have been too much.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measure {
    /// The threshold.
    pub threshold: ThresholdId,
    /// Whether the critical limit was reached, not only the warning limit.
    pub critical: bool,
    /// The value that breached it, in units of its `count`.
    pub value: f64,
    /// The limit in force then: fixed, or learned.
    pub limit: f64,
}

/// The decision about one attempt by one customer's policy.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Verdict {
    /// What happens. In shadow mode always `Allow`.
    pub action: Action,
    /// What would have happened in enforce mode, when that differs because of shadow mode.
    pub would: Option<Action>,
    /// The rule that decided, or the terminate or tag rule when nothing else did.
    pub rule: Option<RuleId>,
    /// The rule that `would` have decided.
    pub would_rule: Option<RuleId>,
    /// The first tag rule that acted, whatever decided.
    pub tag: Option<RuleId>,
    /// The first terminate rule that acted: the call, if it is up, is to be ended.
    pub terminate: Option<RuleId>,
    /// Rules that acted besides the one that decided: tags, logs, terminations.
    pub acted: ActedRules,
    /// Concurrent limits that count this call until [`crate::policy::Limits::ended`] is told of its end.
    pub held: ActedRules,
    /// Which step decided.
    pub reason: Reason,
    /// How a refusal is said; `None` when nothing is refused.
    pub response: Option<Response>,
    /// The threshold that decided, when `reason` says so; else the one that `would` have.
    pub threshold: Option<Measure>,
    /// The list entry that made `rule` match (without one, `would_rule`), if a list did.
    pub entry: Option<ListHit>,
    /// The highest alert level any rule that acted asks for.
    pub alert: AlertLevel,
    /// Whether blocks set by breached thresholds are skipped.
    pub bypass_ips: bool,
}

/// A few rules, in file order. What does not fit is left off.
#[derive(Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ActedRules {
    rules: [u32; Self::MAX],
    length: u8,
}

impl ActedRules {
    /// How many it can hold.
    pub const MAX: usize = 8;

    /// Adds `rule`; false when there is no room.
    pub fn push(&mut self, rule: RuleId) -> bool {
        let free = self.rules.get_mut(usize::from(self.length));
        let has_room = free.is_some();
        if let Some(free) = free {
            *free = rule.0;
            self.length += 1;
        }
        has_room
    }

    /// Adds `rule` at its place in file order, unless it is there or there is no room.
    pub(crate) fn insert(&mut self, rule: RuleId) {
        if self.iter().any(|known| known == rule) || !self.push(rule) {
            return;
        }
        let used = usize::from(self.length);
        if let Some(rules) = self.rules.get_mut(..used) {
            rules.sort_unstable();
        }
    }

    /// The rules, in file order.
    pub fn iter(&self) -> impl Iterator<Item = RuleId> + '_ {
        self.rules.iter().take(usize::from(self.length)).map(|&rule| RuleId(rule))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether there is room for one more.
    pub fn has_room(&self) -> bool {
        usize::from(self.length) < Self::MAX
    }
}

impl fmt::Debug for ActedRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Verdict {
    /// Whether the attempt is refused.
    pub fn is_refusal(&self) -> bool {
        matches!(self.action, Action::Block | Action::Limit)
    }

    /// Whether the attempt goes on to where it was going.
    pub fn goes_on(&self) -> bool {
        !matches!(self.action, Action::Block | Action::Limit | Action::Divert)
    }

    /// A breached threshold outdoes what the rules decided. What they did besides stays.
    pub(crate) fn decide_by_threshold(&mut self, action: Action, measure: Measure) {
        if let Some(rule) = self.rule.take()
            && (Some(rule) == self.tag || Some(rule) == self.terminate)
        {
            self.acted.insert(rule);
        }
        self.action = action;
        self.reason = Reason::Threshold;
        self.threshold = Some(measure);
        self.response = None;
        self.entry = None;
    }

    /// The attempt goes on, for `reason`, and no rule had a say.
    pub const fn allowed(reason: Reason) -> Self {
        let none = ActedRules { rules: [0; ActedRules::MAX], length: 0 };
        Self {
            action: Action::Allow,
            would: None,
            rule: None,
            would_rule: None,
            tag: None,
            terminate: None,
            acted: none,
            held: none,
            reason,
            response: None,
            threshold: None,
            entry: None,
            alert: AlertLevel::None,
            bypass_ips: false,
        }
    }
}
