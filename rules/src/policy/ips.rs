//! Thresholds on calling patterns: read and checked here, counted by the engine.

use std::fmt;

use crate::policy::{AlertLevel, Condition, Limit, Mode, Response, Span};
use crate::time::Timestamp;
use crate::verdict::Action;

/// One `[[ips]]` table.
///
/// One that names a shipped detection (`detection`) holds what it changes of it, and beside that what is changed
/// (`shipped`); any other has `count`, `within_micros` and a limit or baseline, which the reader has checked.
#[derive(Clone, Debug)]
pub struct IpsRule {
    /// Its name, or the shipped detection's.
    pub name: String,
    /// The shipped detection it tunes.
    pub detection: Option<&'static str>,
    /// The detection's own thresholds, read for this customer. Empty while it is off or lacks what it needs.
    pub shipped: Vec<Self>,
    /// Which calls count: all of these must hold.
    pub when: Vec<Condition>,
    /// Which calls count: none of these may hold.
    pub unless: Vec<Condition>,
    /// What is counted.
    pub count: Option<Count>,
    /// By which key; empty counts all calls together. `None` leaves the detection's.
    pub per: Option<Vec<Key>>,
    /// Length of the sliding window, (now − within, now], one second to 31 days.
    pub within_micros: Option<i64>,
    /// Breached from here, in units of `count` (minutes for `minutes`, seconds for `mean duration`).
    pub warning: Option<f64>,
    /// Badly breached from here.
    pub critical: Option<f64>,
    /// A limit learned from earlier weeks instead of a fixed one.
    pub baseline: Option<Baseline>,
    /// Fewest calls in the denominator before a ratio counts.
    pub at_least: Option<u32>,
    /// How long a breach must last before it acts.
    pub hold_micros: Option<i64>,
    /// Re-arms below this share of the limit, over 0 up to 1.
    pub clear: Option<f64>,
    /// Shortest time between two alerts of one key.
    pub cool_down_micros: Option<i64>,
    /// What a breach of the warning limit does.
    pub warning_action: Option<BreachAction>,
    /// What a breach of the critical limit does.
    pub critical_action: Option<BreachAction>,
    /// Counts only calls that ended so; empty counts all.
    pub outcome: Vec<Outcome>,
    /// Further conditions on the same key and window, all needed.
    pub also: Vec<Also>,
    /// What a block holds against instead of the key: the contributing callers by this part.
    pub block_key: Option<Key>,
    /// A block holds only against calls that fit all of these.
    pub block_when: Vec<Condition>,
    /// What is a short call or a single ring.
    pub shorter_than_micros: Option<i64>,
    /// Furthest distance of neighbours in a run of numbers.
    pub gap: Option<u32>,
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
    /// Where it stands in the file.
    pub span: Span,
}

impl IpsRule {
    /// What it says over the variant `shipped` of its detection. Limits, window and what else belongs to one way of
    /// counting go to the `first` variant alone. A dimension it names stands instead of the same one of `shipped`.
    pub(crate) fn over(&self, shipped: &Self, first: bool) -> Self {
        let own = |value: Option<f64>| value.filter(|_| first);
        let baseline = self.baseline.filter(|_| first);
        let limit = |value: Option<f64>, below: Option<f64>| match baseline {
            Some(_) => None,
            None => own(value).or(below),
        };
        let list = |own: &Vec<Condition>, below: &Vec<Condition>| over_by_dimension(own, below);
        Self {
            name: self.name.clone(),
            detection: self.detection,
            shipped: Vec::new(),
            when: list(&self.when, &shipped.when),
            unless: list(&self.unless, &shipped.unless),
            count: shipped.count,
            per: self.per.clone().filter(|_| first).or_else(|| shipped.per.clone()),
            within_micros: self.within_micros.filter(|_| first).or(shipped.within_micros),
            warning: limit(self.warning, shipped.warning),
            critical: limit(self.critical, shipped.critical),
            baseline: baseline.or(shipped.baseline),
            at_least: self.at_least.filter(|_| first).or(shipped.at_least),
            hold_micros: self.hold_micros.or(shipped.hold_micros),
            clear: self.clear.or(shipped.clear),
            cool_down_micros: self.cool_down_micros.or(shipped.cool_down_micros),
            warning_action: self.warning_action.clone().or_else(|| shipped.warning_action.clone()),
            critical_action: self.critical_action.clone().or_else(|| shipped.critical_action.clone()),
            outcome: own_or(&self.outcome, &shipped.outcome, first),
            also: own_or(&self.also, &shipped.also, first),
            block_key: self.block_key.or(shipped.block_key),
            block_when: own_or(&self.block_when, &shipped.block_when, true),
            shorter_than_micros: self.shorter_than_micros.filter(|_| first).or(shipped.shorter_than_micros),
            gap: self.gap.filter(|_| first).or(shipped.gap),
            mode: self.mode,
            alert: self.alert.or(shipped.alert),
            case: self.case || shipped.case,
            expires: self.expires,
            owner: self.owner.clone(),
            reason: self.reason.clone().or_else(|| shipped.reason.clone()),
            span: self.span.clone(),
        }
    }
}

fn own_or<T: Clone>(own: &[T], below: &[T], applies: bool) -> Vec<T> {
    if applies && !own.is_empty() { own.to_vec() } else { below.to_vec() }
}

fn over_by_dimension(own: &[Condition], below: &[Condition]) -> Vec<Condition> {
    let kept = below.iter().filter(|shipped| !own.iter().any(|named| named.is_about_the_same(shipped)));
    own.iter().chain(kept).cloned().collect()
}

/// What a breached threshold does. It always ends by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct BreachAction {
    /// What is done to the calls.
    pub deed: Deed,
    /// For how long, in microseconds. 0 for what is done once.
    pub for_micros: i64,
}

/// What is done to calls of a breached key.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Nothing but the alert.
    Alert,
    /// They are refused; `None` is the customer's threshold response.
    Block(Option<Response>),
    /// They go to this address.
    Divert(String),
    /// They are marked.
    Tag(String),
    /// No more than this many pass.
    Limit(Limit),
    /// Those that are up are ended, once.
    Terminate,
}

impl Deed {
    /// The verdict that calls of the key get; `None` where they pass as they are.
    pub fn action(&self) -> Option<Action> {
        match self {
            Self::Alert => None,
            Self::Block(_) => Some(Action::Block),
            Self::Divert(_) => Some(Action::Divert),
            Self::Tag(_) => Some(Action::Tag),
            Self::Limit(_) => Some(Action::Limit),
            Self::Terminate => Some(Action::Terminate),
        }
    }
}

/// A limit learned from the same hours of earlier weeks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// Breached at this many times the usual value.
    pub times: f64,
    /// Whether each hour of the week has a usual value of its own.
    pub hours_of_week: bool,
    /// Fewest earlier values before it speaks.
    pub samples: u32,
    /// Never breached below this value.
    pub floor: f64,
}

/// A further condition of a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Also {
    /// What is counted.
    pub count: Count,
    /// Fewest calls in the denominator.
    pub at_least: u32,
    /// Holds above this value.
    pub above: Option<f64>,
    /// Holds below this value.
    pub below: Option<f64>,
}

/// Declares an enum whose variants have fixed words in policy files.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in policy files.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value that `word` names.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }
    };
}

words! {
    /// What a threshold counts, per key and window. `policy.md` has the formulas.
    Count {
        /// Calls begun.
        Attempts "attempts",
        /// 2xx.
        Answered "answered",
        /// 4xx to 6xx but for 401, 407, 487 and those answered by a repeat.
        Failed "failed",
        /// 486 and 600.
        Busy "busy",
        /// 487.
        Cancelled "cancelled",
        /// 404, 410, 484, 604.
        NotFound "not found",
        /// Different called numbers.
        DistinctCalled "distinct called",
        /// Different callers.
        DistinctCaller "distinct caller",
        /// Different countries called.
        DistinctCountry "distinct country",
        /// Minutes inside the window, of calls still up too.
        Minutes "minutes",
        /// Price of those minutes.
        Cost "cost",
        /// Calls up now.
        Concurrent "concurrent",
        /// Answered and shorter than `shorter_than`.
        ShortCalls "short calls",
        /// Cancelled by the caller within `shorter_than` of the first ring.
        OneRing "one ring",
        /// Answered by attempts (E.425).
        AnswerRatio "answer ratio",
        /// Short by answered.
        ShortRatio "short ratio",
        /// Seconds from 2xx to BYE.
        MeanDuration "mean duration",
        /// SEER (RFC 6076).
        EffectiveRatio "effective ratio",
        /// Network effectiveness ratio (E.425).
        NetworkEffectiveness "NER",
        /// Longest run of neighbouring called numbers.
        SequentialCalled "sequential called",
        /// Different callers that look like the called number.
        NeighbourCallers "neighbour callers",
        /// Calls of one caller to one called number.
        Repeats "repeats",
        /// Refused or abandoned registrations.
        RegistrationsFailed "registrations failed",
        /// Different users whose registrations failed.
        UsersFailed "users failed",
        /// Different users tried that do not exist.
        Probes "probes",
    }
}

impl Count {
    /// Whether it is a quotient, which means nothing over a few calls.
    pub const fn is_ratio(self) -> bool {
        matches!(
            self,
            Self::AnswerRatio
                | Self::ShortRatio
                | Self::MeanDuration
                | Self::EffectiveRatio
                | Self::NetworkEffectiveness
        )
    }

    /// Whether it lies between 0 and 1.
    pub const fn is_share(self) -> bool {
        self.is_ratio() && !matches!(self, Self::MeanDuration)
    }

    /// What a value of it is called: `42 different called numbers`, `1 attempt`, `0.7 short of the answered calls`.
    pub fn noun_of(self, value: f64) -> &'static str {
        if value == 1.0 { self.single() } else { self.noun() }
    }

    /// The same of any number: what a limit is set on.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Answered => "answered calls",
            Self::Failed => "failed calls",
            Self::Busy => "busy calls",
            Self::Cancelled => "cancelled calls",
            Self::NotFound => "calls to numbers that do not exist",
            Self::DistinctCalled => "different called numbers",
            Self::DistinctCaller => "different callers",
            Self::DistinctCountry => "different countries called",
            Self::Minutes => "minutes",
            Self::Cost => "cost",
            Self::Concurrent => "calls at once",
            Self::ShortCalls => "short calls",
            Self::OneRing => "calls of a single ring",
            Self::AnswerRatio => "answered of all calls",
            Self::ShortRatio => "short of the answered calls",
            Self::MeanDuration => "seconds of mean duration",
            Self::EffectiveRatio => "effective of all calls",
            Self::NetworkEffectiveness => "let through by the network of all calls",
            Self::SequentialCalled => "called numbers in a row",
            Self::NeighbourCallers => "callers that look like the called number",
            Self::Repeats => "calls of one caller to one number",
            Self::RegistrationsFailed => "failed registrations",
            Self::UsersFailed => "different users whose registrations failed",
            Self::Probes => "different users tried that do not exist",
        }
    }

    const fn single(self) -> &'static str {
        match self {
            Self::Attempts => "attempt",
            Self::Answered => "answered call",
            Self::Failed => "failed call",
            Self::Busy => "busy call",
            Self::Cancelled => "cancelled call",
            Self::NotFound => "call to a number that does not exist",
            Self::DistinctCalled => "called number",
            Self::DistinctCaller => "caller",
            Self::DistinctCountry => "country called",
            Self::Minutes => "minute",
            Self::Concurrent => "call at once",
            Self::ShortCalls => "short call",
            Self::OneRing => "call of a single ring",
            Self::MeanDuration => "second of mean duration",
            Self::SequentialCalled => "called number in a row",
            Self::NeighbourCallers => "caller that looks like the called number",
            Self::Repeats => "call of one caller to one number",
            Self::RegistrationsFailed => "failed registration",
            Self::UsersFailed => "user whose registrations failed",
            Self::Probes => "user tried that does not exist",
            // Shares and money are said the same way whatever they are.
            Self::Cost
            | Self::AnswerRatio
            | Self::ShortRatio
            | Self::EffectiveRatio
            | Self::NetworkEffectiveness => self.noun(),
        }
    }

    /// Whether it counts calls from their beginning, so that `outcome` can choose those that ended so.
    pub const fn takes_outcome(self) -> bool {
        matches!(
            self,
            Self::Attempts
                | Self::Repeats
                | Self::DistinctCalled
                | Self::DistinctCaller
                | Self::DistinctCountry
                | Self::SequentialCalled
                | Self::NeighbourCallers
        )
    }

    /// Whether calls of one key with the part `key` are all the same to it.
    pub const fn is_held_by(self, key: Key) -> bool {
        matches!(
            (self, key),
            (Self::DistinctCaller, Key::Caller)
                | (Self::DistinctCalled | Self::SequentialCalled, Key::Called)
                | (Self::DistinctCountry, Key::Called | Key::CalledCountry)
        )
    }

    /// Whether `shorter_than` means something for it.
    pub const fn has_short(self) -> bool {
        matches!(self, Self::ShortCalls | Self::ShortRatio | Self::OneRing)
    }
}

words! {
    /// How a call ended.
    Outcome {
        /// Answered and over before `shorter_than`.
        Short "short",
        /// Refused.
        Failed "failed",
        /// Busy.
        Busy "busy",
        /// Given up by the caller.
        Cancelled "cancelled",
        /// Answered.
        Answered "answered",
    }
}

/// One part of the key calls are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Who calls: the trusted P-Asserted-Identity, else From.
    Caller,
    /// The caller without its last digits.
    CallerBlock(u8),
    /// The caller's country.
    CallerCountry,
    /// Whom it goes to.
    Called,
    /// The called number without its last digits.
    CalledBlock(u8),
    /// The called number's country.
    CalledCountry,
    /// Who forwarded it.
    ForwardedBy,
    /// The address the packet came from.
    Source,
    /// Its network of this prefix length.
    SourceNet(u8),
    /// The customer's trunk it used.
    Trunk,
    /// User-Agent.
    UserAgent,
    /// Display name of From.
    DisplayName,
    /// Host of the From URI.
    Host,
    /// Who signed the PASSporT.
    Signer,
    /// What carried it.
    Transport,
    /// Which way it goes.
    Direction,
    /// What its session description offers.
    CallType,
    /// What is known of the caller's right to the number.
    Attestation,
}

impl Key {
    /// Names of all parts, as policy files write them; those with `:N` take a number.
    pub const WORDS: &'static [&'static str] = &[
        "caller",
        "caller_block:N",
        "caller_country",
        "called",
        "called_block:N",
        "called_country",
        "forwarded_by",
        "source",
        "source_net:N",
        "trunk",
        "user_agent",
        "display_name",
        "host",
        "signer",
        "transport",
        "direction",
        "call_type",
        "attestation",
    ];

    /// The part that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        if let Some((name, count)) = word.split_once(':') {
            let count: u8 = count.trim().parse().ok()?;
            return match name.trim() {
                "caller_block" if (1..=14).contains(&count) => Some(Self::CallerBlock(count)),
                "called_block" if (1..=14).contains(&count) => Some(Self::CalledBlock(count)),
                "source_net" if (1..=128).contains(&count) => Some(Self::SourceNet(count)),
                _ => None,
            };
        }
        Some(match word {
            "caller" => Self::Caller,
            "caller_country" => Self::CallerCountry,
            "called" => Self::Called,
            "called_country" => Self::CalledCountry,
            "forwarded_by" => Self::ForwardedBy,
            "source" => Self::Source,
            "trunk" => Self::Trunk,
            "user_agent" => Self::UserAgent,
            "display_name" => Self::DisplayName,
            "host" => Self::Host,
            "signer" => Self::Signer,
            "transport" => Self::Transport,
            "direction" => Self::Direction,
            "call_type" => Self::CallType,
            "attestation" => Self::Attestation,
            _ => return None,
        })
    }

    /// Whether it is a word that takes a number, and which.
    const fn digits(self) -> Option<u8> {
        match self {
            Self::CallerBlock(digits) | Self::CalledBlock(digits) | Self::SourceNet(digits) => Some(digits),
            _ => None,
        }
    }

    /// Whether it says who calls, so that a block by it does not cut off who is called.
    pub const fn is_caller_side(self) -> bool {
        matches!(
            self,
            Self::Caller
                | Self::CallerBlock(_)
                | Self::Source
                | Self::SourceNet(_)
                | Self::UserAgent
                | Self::Signer
        )
    }
}

impl fmt::Display for Key {
    /// As policy files write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_same = |word: &&str| Self::from_word(word) == Some(*self);
        match self.digits() {
            Some(digits) => {
                let with = |word: &str| word.replace('N', &digits.to_string());
                let mut words = Self::WORDS.iter().map(|word| with(word));
                f.write_str(&words.find(|word| is_same(&word.as_str())).unwrap_or_default())
            }
            None => f.write_str(Self::WORDS.iter().copied().find(is_same).unwrap_or_default()),
        }
    }
}

/// Longest window of a threshold, in microseconds.
pub const WINDOW_MICROS_MAX: i64 = 31 * 86_400 * 1_000_000;
/// Shortest window of a threshold, in microseconds.
pub const WINDOW_MICROS_MIN: i64 = 1_000_000;
