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

impl Diagnostic {
    /// A finding of the level that is usual for `code`, without help.
    pub fn new(code: Code, file: &str, span: Span, message: String) -> Self {
        Self { code, level: code.level(), message, help: None, file: file.to_owned(), span, related: None }
    }

    /// Adds what would be right.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a second place and why it matters.
    pub fn related(&mut self, span: Span, note: impl Into<String>) -> &mut Self {
        self.related = Some((span, note.into()));
        self
    }
}

impl Level {
    /// The word in front of a message and in records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Declares the codes once: variant, public name, usual level, meaning.
macro_rules! codes {
    ($($variant:ident $name:literal $level:ident $meaning:literal;)+) => {
        /// Stable names of everything that can be wrong with a policy. Names are public: scripts and the
        /// manual use them, so that one is never renamed and never means something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)+
        }

        impl Code {
            /// Every code there is, in the order of the manual.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The public name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it means, in one sentence.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }

            /// How serious it usually is.
            pub const fn level(self) -> Level {
                match self { $(Self::$variant => Level::$level),+ }
            }
        }
    };
}

codes! {
    Syntax "syntax" Error "The text is no TOML.";
    NotUtf8 "not-utf8" Error "The file holds bytes that are not UTF-8.";
    FileTooLarge "file-too-large" Error "The policy file is larger than a policy may be.";
    DuplicateKey "duplicate-key" Error "A key or table stands twice.";
    UnknownKey "unknown-key" Error "The key means nothing here.";
    MissingKey "missing-key" Error "A key that must be there is missing.";
    WrongType "wrong-type" Error "The value is of another type than the key takes.";
    UnknownWord "unknown-word" Error "The value is none of the words the key knows.";
    OutOfBounds "out-of-bounds" Error "The number is smaller or larger than the key allows.";
    ConflictingKeys "conflicting-keys" Error "Two keys contradict each other.";
    PointlessKey "pointless-key" Warning "The key has no effect beside the others.";
    BadName "bad-name" Error "The name is empty or holds characters no name may hold.";
    DuplicateName "duplicate-name" Error "Two rules bear one name.";
    TooManyRules "too-many-rules" Error "There are more rules than a policy may hold.";

    BadRegion "bad-region" Error "The region is no ISO 3166 code with a number plan.";
    BadDialPlan "bad-dial-plan" Error "Area, access codes or extensions cannot be dialled.";
    BadTimeZone "bad-time-zone" Error "The time zone is not in the IANA database.";
    NoNumbers "no-numbers" Warning "The customer has no numbers, so nothing tells inbound from outbound.";
    NoTrunks "no-trunks" Warning "Something needs to know the customer's own side, but there are no trunks.";
    TooWide "too-wide" Warning "A network of the customer's or of trusted peers holds strangers.";
    EmergencyAsOwn "emergency-as-own" Warning "An emergency number stands among the customer's own.";
    MissingRedress "missing-redress" Warning "603+ is used, but blocked callers are not told where to complain.";
    MissingRates "missing-rates" Error "Cost is counted without prices.";
    BadRate "bad-rate" Error "A row of the file of prices cannot be read.";

    BadNumber "bad-number" Error "The text is no number, range, prefix, wildcard or word.";
    BadRange "bad-range" Error "The ends of a range are not of one length, or the wrong way round.";
    BadWildcard "bad-wildcard" Error "A wildcard stands for too many separate ranges.";
    BadLength "bad-length" Error "A length is not from 1 to 15 digits.";
    UnknownCountry "unknown-country" Error "The country has no number plan.";
    BadNetwork "bad-network" Error "The text is no IP address or network.";
    BadUri "bad-uri" Error "The text is no address of the kind wanted here.";
    BadRegex "bad-regex" Error "The regular expression cannot be read, or would be too large.";
    BadHeader "bad-header" Error "The text is no header name.";
    UnlikelyText "unlikely-text" Warning "The text is looked for as it stands, and is hardly meant so.";
    KnownHeader "known-header" Warning "The header is a dimension of its own, which reads it better.";
    MatchesEverything "matches-everything" Warning "The condition is true of every call.";
    EmptyCondition "empty-condition" Error "A dimension has no values, so it could never hold.";

    UnknownList "unknown-list" Error "No list bears this name.";
    WrongListKind "wrong-list-kind" Error "The list holds another kind of things than this dimension takes.";
    MissingAt "missing-at" Error "A list is named without its at sign.";
    UnusedList "unused-list" Warning "No rule uses the list.";
    EmptyList "empty-list" Warning "The list holds nothing.";
    UnreadableFile "unreadable-file" Error "A file the policy names cannot be read.";
    TooManyEntries "too-many-entries" Error "The list holds more entries than a list may.";
    NoHeader "no-header" Warning "A list file has no header line that names its columns.";
    BadEntry "bad-entry" Warning "Entries of a list cannot be read and are left out.";
    DuplicateEntry "duplicate-entry" Warning "Entries of a list stand twice.";
    ExpiredEntry "expired-entry" Info "Entries of a list are past their date and are left out.";
    EmergencyOnList "emergency-on-list" Error "A list that blocks holds an emergency number.";
    OwnNumberOnList "own-number-on-list" Error "A list that blocks holds a number of the customer.";
    ProtectedOnList "protected-on-list" Error "A list that blocks holds a protected number.";

    UnknownHours "unknown-hours" Error "No hours bear this name.";
    UnusedHours "unused-hours" Warning "No rule uses the hours.";
    OverlappingHours "overlapping-hours" Warning "Two times of the same hours overlap.";
    BadTime "bad-time" Error "The text is no time of the week.";
    BadDate "bad-date" Error "The text is no date or moment.";
    BadDuration "bad-duration" Error "The text is no duration.";

    BadResponse "bad-response" Error "The answer to a blocked call is no refusal.";
    OverloadResponse "overload-response" Warning "The answer to a blocked call is what peers use for overload, so they may try elsewhere.";
    BadLimit "bad-limit" Error "The limit is incomplete, or lets no call through.";
    BlocksEverything "blocks-everything" Warning "A rule without conditions refuses every call.";
    UntrustedAllow "untrusted-allow" Warning "A rule allows by caller, but no peer is trusted to say who calls.";
    ExpiredRule "expired-rule" Warning "The rule is past its date and does nothing.";

    UnknownDetection "unknown-detection" Error "No shipped detection bears this name.";
    MissingNeed "missing-need" Warning "A shipped detection does not know what it needs, so it finds nothing.";
    BadWindow "bad-window" Error "The window is not from one second to 31 days.";
    MissingLimit "missing-limit" Error "A threshold has neither a limit nor a baseline.";
    SwappedLimits "swapped-limits" Error "The critical limit is not above the warning limit.";
    MissingMinimum "missing-minimum" Warning "A ratio does not say from how many calls on it means something.";
    CutsOffVictim "cuts-off-victim" Error "A block would cut off those who are called, not those who call.";
    NoExpiry "no-expiry" Error "An action of a threshold does not say how long it lasts.";

    BadExpect "bad-expect" Error "The expected call cannot be made.";
    UnknownRule "unknown-rule" Error "The expectation names a rule that is not there.";

    ShadowedRule "shadowed-rule" Warning "Every call that the rule fits is decided by earlier rules.";
    DuplicateRule "duplicate-rule" Warning "Two rules fit the same calls and do the same.";
    ContradictoryRule "contradictory-rule" Warning "Two rules fit the same calls and do the opposite.";
    DeadRule "dead-rule" Warning "No call can fit the rule.";
    BlocksEmergency "blocks-emergency" Warning "The rule would refuse emergency calls if the guard did not stand before it.";
    UndecidedRegex "undecided-regex" Info "Whether the rule can ever decide depends on a regular expression.";
    FailedExpect "failed-expect" Error "An expected verdict is not the one the policy gives.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Code {
    /// The code with the public name `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_kebab_case() {
        for &code in Code::ALL {
            assert_eq!(Code::from_name(code.name()), Some(code));
            assert!(
                code.name()
                    .bytes()
                    .all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
            );
            assert!(code.description().ends_with('.'));
        }
    }
}
