//! The policy language: text in, a policy that cannot be wrong out, with every mistake named at its line.

pub mod diagnostic;
pub mod hours;
pub mod list;
pub mod rule;

mod compiled;

pub use compiled::Policy;
pub use diagnostic::{Code, Diagnostic, Level, Span};
pub use hours::{Hours, HoursId, WeekSet};
pub use list::{List, ListContent, ListId};
pub use rule::{
    AlertLevel, Condition, FirewallRule, Limit, Mode, NetworkField, NetworkTerm, NumberField, NumberTerm,
    Response, RuleAction, RuleId, Term, TextField, TextTerm, TimeTerm,
};
