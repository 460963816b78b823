//! What belongs together is told together: collected, told along a chain, told again, until somebody has it.

use std::collections::BTreeSet;

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::case::Severity;
use crate::notice::settings::{Route, Urgency};
use crate::notice::{Fact, Happening};
use crate::{CaseNumber, Outgoing};

/// Facts of one route that belong together, and how far they have been told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// What names it.
    pub id: String,
    /// The route's name.
    pub route: String,
    /// The chain's name.
    pub chain: String,
    /// How urgent it is.
    pub urgency: Urgency,
    /// Whose.
    pub customer: String,
    /// Whether somebody has to have it before it is quiet.
    pub is_alarm: bool,
    /// What is not told yet.
    pub pending: Vec<Fact>,
    /// Facts past those in `pending` and `told` that are only counted.
    pub more: u64,
    /// When it is told.
    pub flush: Option<Timestamp>,
    /// When it was last told.
    pub flushed: Option<Timestamp>,
    /// What the round tells that is under way, or was last.
    pub told: Vec<Fact>,
    /// Counts rounds.
    pub round: u32,
    /// Who was awake when the round told them, and was not rung.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub awake: BTreeSet<String>,
    /// Whether the round tells something new; one that only tells it again is not for customers.
    pub is_news: bool,
    /// Where the round stands; `None` when it is through.
    pub position: Option<Position>,
    /// The first step that was left out because somebody has it.
    pub left_out: Option<usize>,
    /// Cases in it that are not over.
    pub open: BTreeSet<CaseNumber>,
    /// Those of them that somebody has.
    pub taken: BTreeSet<CaseNumber>,
    /// Who has it.
    pub acknowledged: Option<Acknowledged>,
    /// The highest that it had.
    pub severity: Severity,
}

/// Where a round stands in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The step that comes next.
    pub step: usize,
    /// How often it was taken already.
    pub repeat: u32,
    /// When it comes.
    pub at: Timestamp,
    /// What is left to do before it is taken.
    pub stage: Stage,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Its wait has not begun.
    Arrived,
    /// Its wait is over, or it is repeated.
    Waited,
    /// It waits for a calendar to open; whoever is told at any hour has been told.
    Held,
}

/// Somebody has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// When they last did something.
    pub since: Timestamp,
}

/// What the engine wants done and written down.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What goes out, and why.
    pub outgoing: Vec<(Outgoing, Ledger)>,
    /// What was decided.
    pub tellings: Vec<Telling>,
}

/// Why something goes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The id of what goes out.
    pub id: String,
    /// Who gets it, by name.
    pub who: String,
    /// Which step of which chain, in words.
    pub why: String,
    /// What it tells of.
    pub cases: Vec<CaseNumber>,
    /// Those of them whose customer was told of a critical violation once it is accepted.
    pub promises: Vec<CaseNumber>,
}

/// Something that was decided about a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// When.
    pub at: Timestamp,
    /// About which fact.
    pub fact: String,
    /// About which case.
    pub case: Option<CaseNumber>,
    /// Where on the way: route, group, inhibit, silence, chain, limit, acknowledge.
    pub stage: String,
    /// What, and why.
    pub text: String,
}

impl Group {
    pub(super) fn new(id: String, route: &Route, fact: &Fact) -> Self {
        Self {
            id,
            route: route.name.clone(),
            chain: route.chain.clone(),
            urgency: route.urgency,
            customer: fact.customer.clone(),
            is_alarm: fact.event.is_alarm(),
            pending: Vec::new(),
            more: 0,
            flush: None,
            flushed: None,
            told: Vec::new(),
            round: 0,
            awake: BTreeSet::new(),
            is_news: false,
            position: None,
            left_out: None,
            open: BTreeSet::new(),
            taken: BTreeSet::new(),
            acknowledged: None,
            severity: Severity::Info,
        }
    }

    /// Takes a further fact; when it will be told.
    pub(super) fn take(&mut self, fact: &Fact, route: &Route, now: Timestamp) -> Timestamp {
        if fact.event.is_alarm() {
            self.open.extend(fact.case);
        }
        // What is worse than before, or a promise to the customer, does not wait for the next interval.
        let is_worse = fact.severity > self.severity || fact.event == Happening::Violation;
        self.severity = self.severity.max(fact.severity);
        let soonest = now.plus_micros(route.wait_micros);
        let at = match self.flushed {
            Some(flushed) if !is_worse => soonest.max(flushed.plus_micros(route.interval_micros)),
            _ => soonest,
        };
        if self.pending.len() < FACTS_MAX {
            self.pending.push(fact.clone());
        } else {
            self.more += 1;
        }
        let at = self.flush.map_or(at, |before| before.min(at));
        self.flush = Some(at);
        at
    }

    /// Whether nothing is left to do for it.
    pub(super) fn is_over(&self) -> bool {
        self.pending.is_empty() && self.position.is_none() && (!self.is_alarm || self.open.is_empty())
    }
}

impl Outcome {
    /// Writes down what was decided about `fact`.
    pub(super) fn tell(&mut self, at: Timestamp, fact: &Fact, stage: &str, text: String) {
        let (fact, case) = (fact.id.clone(), fact.case);
        self.tellings.push(Telling { at, fact, case, stage: stage.to_owned(), text });
    }

    /// The same for all of `facts`, but only once for each case.
    pub(super) fn tell_all(&mut self, at: Timestamp, facts: &[Fact], stage: &str, text: &str) {
        let mut cases = BTreeSet::new();
        for fact in facts.iter().filter(|fact| cases.insert(fact.case)) {
            self.tell(at, fact, stage, text.to_owned());
        }
    }
}

/// Facts that a group holds; what is more is counted.
const FACTS_MAX: usize = 50;
