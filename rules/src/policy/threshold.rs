//! Thresholds with every value known: what the engine counts by.

use std::borrow::Cow;

use crate::flag::Flags;
use crate::policy::ips::{Also, Baseline, BreachAction, Count, Key, Outcome};
use crate::policy::{AlertLevel, Condition, IpsRule, Mode};
use crate::subject::Method;
use crate::time::Timestamp;

/// A threshold's place among those of its policy, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ThresholdId(pub u32);

/// One threshold, complete: what the policy says, with the shipped detection's values under it and defaults
/// filled in.
#[derive(Clone, Debug)]
pub struct Threshold {
    /// Its name. Variants of one detection share it, and report under it.
    pub name: String,
    /// Its place among the variants of its detection, from 0.
    pub variant: u32,
    /// The shipped detection it comes from.
    pub detection: Option<&'static str>,
    /// Which calls count: all of these must hold.
    pub when: Vec<Condition>,
    /// Which calls count: none of these may hold.
    pub unless: Vec<Condition>,
    /// A block holds only against calls that fit all of these; empty fits every call that counts.
    pub block_when: Vec<Condition>,
    /// What is counted.
    pub count: Count,
    /// By which key; empty counts all calls together.
    pub per: Vec<Key>,
    /// Length of the sliding window, (now − within, now], one second to 31 days.
    pub within_micros: i64,
    /// Breached from here, in units of `count` (minutes for `minutes`, seconds for `mean duration`).
    pub warning: Option<f64>,
    /// Badly breached from here; above `warning`.
    pub critical: Option<f64>,
    /// A limit learned from earlier weeks instead of a fixed one.
    pub baseline: Option<Baseline>,
    /// Fewest calls in the denominator before a ratio counts; 1 for what is no ratio.
    pub at_least: u32,
    /// How long a breach must last before it acts; 0 acts at once.
    pub hold_micros: i64,
    /// Re-arms below this share of the limit, over 0 up to 1.
    pub clear: f64,
    /// Shortest time between two alerts of one key.
    pub cool_down_micros: i64,
    /// What a breach of the warning limit does beside the alert.
    pub warning_action: Option<BreachAction>,
    /// What a breach of the critical limit does beside the alert.
    pub critical_action: Option<BreachAction>,
    /// Counts only calls that ended so; empty counts all.
    pub outcome: Vec<Outcome>,
    /// Further conditions on the same key and window, all needed.
    pub also: Vec<Also>,
    /// What a block holds against instead of the key: the contributing callers by this part.
    pub block_key: Option<Key>,
    /// What is a short call or a single ring, in microseconds.
    pub shorter_than_micros: i64,
    /// Furthest distance of neighbours in a run of numbers.
    pub gap: u32,
    /// Whether it acts, only reports, or sleeps. Already the stricter of its own and the customer's.
    pub mode: Mode,
    /// How loudly it reports; `None` follows the level.
    pub alert: Option<AlertLevel>,
    /// Whether a breach opens a case.
    pub case: bool,
    /// When it stops acting by itself.
    pub expires: Option<Timestamp>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// Which requests it counts: bit *n* for the *n*-th of [`Method::ALL`].
    pub methods: u16,
    /// The flags of [`Flags::EVENTS`] that its `when` names: it counts such events.
    pub flags: Flags,
}

impl Threshold {
    /// The thresholds that `rule` stands for: one, or as many as the shipped detection has variants. None of a
    /// rule that could not be read whole.
    pub(crate) fn all_of(rule: &IpsRule) -> Vec<Self> {
        if rule.detection.is_none() {
            return Self::of(rule).into_iter().collect();
        }
        let variants = rule.shipped.iter().enumerate();
        let of = |(place, shipped): (usize, &IpsRule)| {
            Some(Self { variant: place as u32, ..Self::of(&rule.over(shipped, place == 0))? })
        };
        variants.filter_map(of).collect()
    }

    fn of(rule: &IpsRule) -> Option<Self> {
        let count = rule.count?;
        let counts = || std::iter::once(count).chain(rule.also.iter().map(|also| also.count));
        let rings = counts().any(|count| count == Count::OneRing);
        let fewest = if count.is_ratio() { RATIO_CALLS_MIN } else { 1 };
        Some(Self {
            name: rule.name.clone(),
            variant: 0,
            detection: rule.detection,
            when: rule.when.clone(),
            unless: rule.unless.clone(),
            block_when: rule.block_when.clone(),
            count,
            per: rule.per.clone().unwrap_or_default(),
            within_micros: rule.within_micros?,
            warning: rule.warning,
            critical: rule.critical,
            baseline: rule.baseline,
            at_least: rule.at_least.unwrap_or(fewest),
            hold_micros: rule.hold_micros.unwrap_or(0),
            clear: rule.clear.unwrap_or(CLEAR),
            cool_down_micros: rule.cool_down_micros.unwrap_or(COOL_DOWN_MICROS),
            warning_action: rule.warning_action.clone(),
            critical_action: rule.critical_action.clone(),
            outcome: rule.outcome.clone(),
            also: rule.also.clone(),
            block_key: rule.block_key,
            shorter_than_micros: rule.shorter_than_micros.unwrap_or(if rings {
                ONE_RING_MICROS
            } else {
                SHORT_CALL_MICROS
            }),
            gap: rule.gap.unwrap_or(1),
            mode: rule.mode,
            alert: rule.alert,
            case: rule.case,
            expires: rule.expires,
            owner: rule.owner.clone(),
            reason: rule.reason.clone(),
            methods: methods(&rule.when, count),
            flags: events(&rule.when),
        })
    }

    /// Its name, with its number among the variants of its detection: `wangiri`, `wangiri#2`.
    pub fn label(&self) -> Cow<'_, str> {
        match self.variant {
            0 => Cow::Borrowed(&self.name),
            place => Cow::Owned(format!("{}#{}", self.name, place + 1)),
        }
    }

    /// Whether it is neither off nor expired at `at`.
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.mode != Mode::Off && self.expires.is_none_or(|end| at < end)
    }

    /// What a breach does beside the alert.
    pub fn action(&self, critical: bool) -> Option<&BreachAction> {
        if critical { self.critical_action.as_ref() } else { self.warning_action.as_ref() }
    }

    /// Whether it counts requests of `method`.
    pub fn counts(&self, method: Method) -> bool {
        self.methods >> method as u16 & 1 == 1
    }
}

/// The requests that `when` names, else those that `count` is about.
fn methods(when: &[Condition], count: Count) -> u16 {
    let named = when.iter().find_map(|condition| match condition {
        Condition::Method(bits) => Some(*bits),
        _ => None,
    });
    let bit = |method: Method| 1 << method as u16;
    named.unwrap_or_else(|| match count {
        Count::RegistrationsFailed | Count::UsersFailed => bit(Method::Register),
        Count::Probes => bit(Method::Options) | bit(Method::Register) | bit(Method::Invite),
        _ => bit(Method::Invite),
    })
}

/// The events that `when` names.
fn events(when: &[Condition]) -> Flags {
    let named = when.iter().find_map(|condition| match condition {
        Condition::Flag(flags) => Some(flags.intersection(Flags::EVENTS)),
        _ => None,
    });
    named.unwrap_or(Flags::NONE)
}

/// Calls before a ratio counts, where a policy names no other number.
pub const RATIO_CALLS_MIN: u32 = 20;
const CLEAR: f64 = 0.8;
const COOL_DOWN_MICROS: i64 = 30 * 60 * 1_000_000;
const SHORT_CALL_MICROS: i64 = 6_000_000;
const ONE_RING_MICROS: i64 = 5_000_000;
