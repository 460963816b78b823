//! What `check` says about a policy: coded, located, all at once.

use std::fmt;
use std::ops::Range;

/// Bytes of the policy file.
pub type Span = Range<usize>;

/// How serious a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Probably not meant; the policy can be installed.
    Warning,
    /// The policy cannot be installed.
    Error,
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: Code,
    /// How serious it is.
    pub level: Level,
    /// What was found, lower case, no full stop.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The file it is about: the policy itself, or a list file beside it.
    pub file: String,
    /// Where in that file, in bytes.
    pub span: Span,
    /// A second place of the policy file it refers to, with a note: the rule that shadows this one.
    pub related: Option<(Span, String)>,
}

/// Stable names of everything that can be wrong with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The text is no TOML.
    Syntax,
    /// Earlier rules take every call that this one matches.
    ShadowedRule,
    /// An earlier rule matches the same calls and does the same.
    DuplicateRule,
    /// An earlier rule matches the same calls, or all of these, and does the opposite.
    ContradictoryRule,
    /// No call can match it.
    DeadRule,
    /// It would block emergency calls, did the guard not come first.
    BlocksEmergency,
    /// The prover could not decide about it: a regular expression, or too many cases.
    UndecidedRegex,
}
