//! The policy language: text in, a policy that cannot be wrong out, with every mistake named at its line.

pub mod customer;
pub mod detection;
pub mod diagnostic;
pub mod difference;
pub mod edit;
pub mod expect;
pub mod files;
pub mod hours;
pub mod ips;
pub mod list;
pub mod listed;
pub mod rates;
pub mod rule;
pub mod text;
pub mod threshold;
pub mod turning;

mod asked;
mod compiled;
mod judge;
mod judge_explanation;
mod judge_facts;
mod judge_guard;
mod judge_limits;
mod judge_thresholds;
pub(crate) mod reader;
mod render;
mod set;

pub use compiled::Policy;
pub use customer::{ChangeControl, Customer, Redress};
pub use detection::{Detection, Need};
pub use diagnostic::{Code, Diagnostic, Level, Span};
pub use expect::{Expect, ExpectedCall};
pub use files::{Files, MemoryFiles};
pub use hours::{Hours, HoursId, WeekSet};
pub use ips::IpsRule;
pub use judge_explanation::{Clause, Explanation, Finding, RuleFinding, RuleState, ThresholdFinding};
pub use judge_facts::Fit;
pub use judge_limits::Limits;
pub use judge_thresholds::InForce;
pub use list::{EntryText, List, ListContent, ListId, ListSource};
pub use listed::Listed;
pub use rates::{Rate, Rates};
pub use reader::{NoPattern, Pattern, Reading, nearest, read, read_bytes, read_numbers};
pub use rule::{
    AlertLevel, Condition, FirewallRule, Limit, Mode, NetworkField, NetworkTerm, NumberField, NumberTerm,
    Response, RuleAction, RuleId, Term, TextField, TextTerm, TimeTerm,
};
pub use set::{PolicySet, strictest};
pub use text::PolicyText;
pub use threshold::{Threshold, ThresholdId};
pub use turning::{Change, Extent, Search, Told, Turning, Way};
