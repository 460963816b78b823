//! The ways a case may go: from an alert, or from what a customer asks.
//!
//! Nothing gets to [`State::Implementing`] without an [`Authority`], and only [`Change::authorise`](crate::Change) makes one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::change::Authority;

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// An alert made it; nobody has looked.
    Open,
    /// A named analyst has it.
    Triage,
    /// The customer was told of a critical threshold violation.
    Notified,
    /// Reports are run, calls are read.
    Investigating,
    /// What was found is written down.
    Findings,
    /// The sender may be somebody else: nothing is answered.
    Quarantine,
    /// Nobody we know asked; a registered contact may adopt it.
    Unverified,
    /// A registered contact asked; nobody has looked.
    New,
    /// A named analyst has told the requester so.
    Acknowledged,
    /// The requester was asked for what is missing.
    NeedsInfo,
    /// A change is drafted.
    Proposed,
    /// A report is being made.
    Producing,
    /// The customer's authorisers were asked.
    AwaitingAuthorisation,
    /// The policy engine installs the change.
    Implementing,
    /// A test call is to prove the effect.
    Verifying,
    /// The effect is proven; the customer is told.
    Done,
    /// The customer was told what was found.
    Informed,
    /// Over.
    Closed,
    /// Thrown away unread after 30 days in quarantine.
    Dropped,
}

/// Which of the two ways a case goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// It began with an alert.
    Alert,
    /// A customer asked for something, or reported something.
    Request,
}

/// What may happen to a case.
#[derive(Clone, Debug)]
pub enum Signal {
    /// A named analyst takes it, and for a request tells the requester.
    Take,
    /// A provider has taken the first notice to the customer.
    Notify,
    /// Somebody looks into it.
    Investigate,
    /// What was found is complete.
    Find,
    /// A change is drafted, and what it would do is known.
    Propose,
    /// The authorisers were asked.
    AskAuthorisation,
    /// The customer wants the change to be another.
    AskChanges,
    /// Enough authorisers said yes to exactly this change, or a standing authorisation covers it.
    Authorise(Box<Authority>),
    /// The policy engine has installed it.
    Install,
    /// A test call shows what was promised.
    Prove,
    /// The test call shows something else: the change was taken back.
    RollBack,
    /// The customer was told what was found, and nothing needs to change.
    Inform,
    /// Something is missing.
    AskInfo,
    /// The requester said what was missing.
    Answer,
    /// A report is asked for.
    Produce,
    /// The report reached its readers.
    Deliver,
    /// An analyst and the contact say that the sender is who it seems.
    Release,
    /// A registered contact makes the request its own.
    Adopt,
    /// It ends, for a reason.
    Close(Reason),
    /// The same happens again, or the requester writes again.
    Reopen,
    /// Thirty days in quarantine.
    Drop,
}

/// Why a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// What was asked is done, or what was found is told.
    Resolved,
    /// The rule was wrong.
    FalsePositive,
    /// It happens, and may.
    Benign,
    /// Another case has it.
    Duplicate,
    /// The customer lives with it.
    AcceptedRisk,
    /// The customer said no.
    Refused,
    /// Nobody with the right said yes in time.
    NotAuthorised,
    /// The requester never said what was missing.
    NoAnswer,
}

/// A step that a case may not take from where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Illegal {
    /// Where it stands.
    pub from: State,
    /// What was tried.
    pub tried: String,
    /// What may be done instead.
    pub legal: Vec<String>,
}

impl State {
    /// Where a case stands that strangers opened in a customer's name: it is the desk's until somebody makes it theirs (T-4).
    pub const NOT_OF_CUSTOMERS: [Self; 3] = [Self::Quarantine, Self::Unverified, Self::Dropped];

    /// Where a case of `flow` stands after `signal`.
    ///
    /// # Errors
    /// The step is not on the way; the error lists those that are.
    pub fn after(self, flow: Flow, signal: &Signal) -> Result<Self, Illegal> {
        self.next(flow, signal).ok_or_else(|| Illegal {
            from: self,
            tried: signal.words(),
            legal: self.legal(flow),
        })
    }

    /// What may happen next, in the words of [`Signal::words`].
    pub fn legal(self, flow: Flow) -> Vec<String> {
        let signals = Signal::every().into_iter().filter(|signal| self.next(flow, signal).is_some());
        let mut legal: Vec<String> = signals.map(|signal| signal.words()).collect();
        // Without an authority at hand the step cannot be tried, but it can be named.
        if self.may_be_authorised(flow) {
            legal.push("authorise".to_owned());
        }
        legal
    }

    /// All of them, in the order of a case's life.
    pub const EVERY: [Self; 19] = [
        Self::Open,
        Self::Triage,
        Self::Notified,
        Self::Investigating,
        Self::Findings,
        Self::Quarantine,
        Self::Unverified,
        Self::New,
        Self::Acknowledged,
        Self::NeedsInfo,
        Self::Proposed,
        Self::Producing,
        Self::AwaitingAuthorisation,
        Self::Implementing,
        Self::Verifying,
        Self::Done,
        Self::Informed,
        Self::Closed,
        Self::Dropped,
    ];

    /// Whether nothing more is to be done.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Dropped)
    }

    /// Whether we wait for the customer.
    pub const fn waits_for_customer(self) -> bool {
        matches!(self, Self::NeedsInfo | Self::AwaitingAuthorisation)
    }

    /// The word that is stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Triage => "triage",
            Self::Notified => "notified",
            Self::Investigating => "investigating",
            Self::Findings => "findings",
            Self::Quarantine => "quarantine",
            Self::Unverified => "unverified",
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::NeedsInfo => "needs-info",
            Self::Proposed => "proposed",
            Self::Producing => "producing",
            Self::AwaitingAuthorisation => "awaiting-authorisation",
            Self::Implementing => "implementing",
            Self::Verifying => "verifying",
            Self::Done => "done",
            Self::Informed => "informed",
            Self::Closed => "closed",
            Self::Dropped => "dropped",
        }
    }

    fn may_be_authorised(self, flow: Flow) -> bool {
        match flow {
            Flow::Alert => matches!(self, Self::AwaitingAuthorisation | Self::Investigating),
            Flow::Request => matches!(self, Self::AwaitingAuthorisation),
        }
    }

    fn next(self, flow: Flow, signal: &Signal) -> Option<Self> {
        // A standing authorisation spares the asking, never the authority (Z-6).
        if let Signal::Authorise(authority) = signal {
            let is_asked = self == Self::AwaitingAuthorisation;
            let may = self.may_be_authorised(flow) && (is_asked || authority.is_standing());
            return may.then_some(Self::Implementing);
        }
        self.next_for_both(signal).or_else(|| match flow {
            Flow::Alert => self.next_of_alert(signal),
            Flow::Request => self.next_of_request(signal),
        })
    }

    fn next_for_both(self, signal: &Signal) -> Option<Self> {
        Some(match (self, signal) {
            (Self::AwaitingAuthorisation, Signal::Close(Reason::Refused | Reason::NotAuthorised)) => {
                Self::Closed
            }
            (Self::Implementing, Signal::Install) => Self::Verifying,
            // Taken back, it is not in force, and what was approved may be tried again only by asking again when it changes.
            (Self::Implementing | Self::Verifying, Signal::RollBack) => Self::AwaitingAuthorisation,
            _ => return None,
        })
    }

    fn next_of_alert(self, signal: &Signal) -> Option<Self> {
        Some(match (self, signal) {
            // Whom an automatic notice has reached before anybody looked is still nobody's.
            (Self::Open | Self::Notified, Signal::Take) => Self::Triage,
            // An automatic notice does not wait for a person (E-, best effort).
            (Self::Open | Self::Triage, Signal::Notify) => Self::Notified,
            (Self::Open | Self::Triage | Self::Notified, Signal::Investigate) => Self::Investigating,
            (
                Self::Open | Self::Triage | Self::Notified | Self::Investigating,
                Signal::Close(
                    Reason::FalsePositive | Reason::Benign | Reason::Duplicate | Reason::AcceptedRisk,
                ),
            ) => Self::Closed,
            (Self::Investigating, Signal::Find) => Self::Findings,
            (Self::Findings, Signal::Propose) => Self::Proposed,
            (Self::Findings, Signal::Inform) => Self::Informed,
            (Self::Proposed, Signal::AskAuthorisation) => Self::AwaitingAuthorisation,
            (Self::AwaitingAuthorisation | Self::Proposed, Signal::AskChanges) => Self::Findings,
            (Self::Verifying, Signal::Prove) => Self::Informed,
            (Self::Informed, Signal::Close(Reason::Resolved)) => Self::Closed,
            (Self::Closed, Signal::Reopen) => Self::Open,
            _ => return None,
        })
    }

    fn next_of_request(self, signal: &Signal) -> Option<Self> {
        Some(match (self, signal) {
            (Self::Quarantine, Signal::Release) => Self::New,
            (Self::Quarantine, Signal::Drop) => Self::Dropped,
            (Self::Unverified, Signal::Adopt) => Self::New,
            (Self::Unverified, Signal::Close(Reason::NotAuthorised)) => Self::Closed,
            (Self::New, Signal::Take) => Self::Acknowledged,
            (Self::Acknowledged, Signal::AskInfo) => Self::NeedsInfo,
            (Self::NeedsInfo, Signal::Answer) => Self::Acknowledged,
            (Self::NeedsInfo, Signal::Close(Reason::NoAnswer)) => Self::Closed,
            (Self::Acknowledged, Signal::Investigate) => Self::Investigating,
            (Self::Acknowledged | Self::Investigating, Signal::Propose) => Self::Proposed,
            (Self::Acknowledged, Signal::Produce) => Self::Producing,
            (Self::Producing, Signal::Deliver) => Self::Done,
            (Self::Acknowledged | Self::Investigating, Signal::Inform) => Self::Informed,
            (Self::Acknowledged | Self::Investigating, Signal::Close(Reason::Duplicate)) => Self::Closed,
            (Self::Proposed, Signal::AskAuthorisation) => Self::AwaitingAuthorisation,
            (Self::AwaitingAuthorisation | Self::Proposed, Signal::AskChanges) => Self::Acknowledged,
            (Self::Verifying, Signal::Prove) => Self::Done,
            (Self::Done | Self::Informed, Signal::Close(Reason::Resolved)) => Self::Closed,
            (Self::Closed, Signal::Reopen) => Self::Acknowledged,
            _ => return None,
        })
    }
}

impl Signal {
    /// The verb that is stored, shown and typed.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Notify => "notify",
            Self::Investigate => "investigate",
            Self::Find => "find",
            Self::Propose => "propose",
            Self::AskAuthorisation => "ask-authorisation",
            Self::AskChanges => "ask-changes",
            Self::Authorise(_) => "authorise",
            Self::Install => "install",
            Self::Prove => "prove",
            Self::RollBack => "roll-back",
            Self::Inform => "inform",
            Self::AskInfo => "ask-info",
            Self::Answer => "answer",
            Self::Produce => "produce",
            Self::Deliver => "deliver",
            Self::Release => "release",
            Self::Adopt => "adopt",
            Self::Close(_) => "close",
            Self::Reopen => "reopen",
            Self::Drop => "drop",
        }
    }

    /// Its name, and for an end why: `close as benign`.
    pub fn words(&self) -> String {
        match self {
            Self::Close(reason) => format!("{} as {}", self.name(), reason.name()),
            _ => self.name().to_owned(),
        }
    }

    /// Every signal that needs no authority, each reason to close among them.
    pub fn every() -> Vec<Self> {
        let mut all = vec![
            Self::Take,
            Self::Notify,
            Self::Investigate,
            Self::Find,
            Self::Propose,
            Self::AskAuthorisation,
            Self::AskChanges,
            Self::Install,
            Self::Prove,
            Self::RollBack,
            Self::Inform,
            Self::AskInfo,
            Self::Answer,
            Self::Produce,
            Self::Deliver,
            Self::Release,
            Self::Adopt,
            Self::Reopen,
            Self::Drop,
        ];
        all.extend(Reason::EVERY.map(Self::Close));
        all
    }
}

impl Reason {
    /// All of them.
    pub const EVERY: [Self; 8] = [
        Self::Resolved,
        Self::FalsePositive,
        Self::Benign,
        Self::Duplicate,
        Self::AcceptedRisk,
        Self::Refused,
        Self::NotAuthorised,
        Self::NoAnswer,
    ];

    /// The word that is stored, shown and typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::FalsePositive => "false-positive",
            Self::Benign => "benign",
            Self::Duplicate => "duplicate",
            Self::AcceptedRisk => "accepted-risk",
            Self::Refused => "refused",
            Self::NotAuthorised => "not-authorised",
            Self::NoAnswer => "no-answer",
        }
    }

    /// The reason of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|it| it.name() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let legal = if self.legal.is_empty() { "nothing more".to_owned() } else { self.legal.join(", ") };
        write!(f, "a case that is {} cannot {}: it can {legal}", self.from, self.tried)
    }
}

impl std::error::Error for Illegal {}
