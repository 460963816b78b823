//! A case: what somebody works on until it is over.

use std::collections::BTreeMap;

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::{Change, LeftOut, Line, is_one_number};
use crate::clock::{Clock, ClockKind, Standing};
use crate::explanation::wall_time;
use crate::flow::{Flow, Illegal, Reason, Signal, State};
use crate::intake::Category;
use crate::limits::{SPARK_HOURS_MAX, STORM_RULES_MAX, TITLE_CHARACTERS_MAX};
use crate::{Alert, CaseNumber, Due, Informal, Service};

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A rule or threshold raised an alert.
    Alert,
    /// A number shall be blocked.
    Block,
    /// A number shall no longer be blocked.
    Unblock,
    /// A report is asked for.
    Report,
    /// Rules shall change.
    PolicyChange,
    /// Limits shall change.
    ThresholdChange,
    /// A customer tells of an incident.
    ReportedIncident,
    /// A customer asks.
    Question,
    /// A message left at the phone desk.
    Phone,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// Somebody should look.
    Warning,
    /// A critical threshold violation.
    Critical,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What people call it by.
    pub number: CaseNumber,
    /// Whose it is.
    pub customer: String,
    /// What it is about now.
    pub kind: Kind,
    /// What it was about before, and until when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds_before: Vec<(Timestamp, Kind)>,
    /// Which way it goes.
    pub flow: Flow,
    /// Where it stands.
    pub state: State,
    /// One line.
    pub title: String,
    /// How much it matters; the highest that its alerts had.
    pub severity: Severity,
    /// Whether a contact asked for it as "High Priority": it stands first until somebody rates it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_high_priority: bool,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it came in.
    pub opened: Timestamp,
    /// What is counted. A case that was opened again has further ones.
    pub clocks: Vec<Clock>,
    /// What is counted without a promise.
    #[serde(default, skip_serializing_if = "Informal::is_empty")]
    pub informal: Informal,
    /// By which alerts join it; `None` for what a person opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Alerts in it.
    pub alerts: u64,
    /// The first and the last thing that its alerts tell of.
    pub first: Timestamp,
    /// See `first`.
    pub last: Timestamp,
    /// From when the rule of its alerts held back what they tell of; `None` where it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contained: Option<Timestamp>,
    /// Alerts an hour, the latest last: hours since 1970 and how many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spark: Vec<(i64, u32)>,
    /// In the case of a storm how many alerts there are of each rule; of rules beyond the bound, under `others` (D-5).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_rule: BTreeMap<String, u64>,
    /// Why it ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closure: Option<Closure>,
    /// What was found: the text that the customer is told from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<String>,
    /// The hash of the change that is proposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// What its asker wants a change to be about, as they asked in the portal or by mail; nothing for alerts.
    #[serde(default, skip_serializing_if = "Wanted::is_empty")]
    pub wanted: Wanted,
    /// Other cases, and how they belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(CaseNumber, Relation)>,
    /// Counts writes: who writes says which one was read, so that nobody's work is overwritten.
    pub version: u64,
}

/// What a contact wants a change to be about. Without a number there is nothing to fill in, and nothing of it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Numbers that were read and checked, as E.164.
    pub numbers: Vec<String>,
    /// What kind of nuisance they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Why, in the contact's words on one line; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

/// Why, when and with which words a case ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// When.
    pub at: Timestamp,
    /// Who ended it.
    pub by: String,
    /// Why.
    pub reason: Reason,
    /// At least a sentence.
    pub text: String,
    /// What shall become of the rule after a false positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Feedback>,
}

/// What shall become of a rule that was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feedback {
    /// Its limits shall change.
    Tune,
    /// What raised it shall be left out; the same alert is counted from now on, and opens nothing.
    Exception,
    /// It stays as it is.
    Accept,
}

/// How two cases belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The same happened before.
    RecursAfter,
    /// This one was joined into the other.
    MergedInto,
    /// The other was joined into this one.
    Merged,
    /// This one was taken out of the other.
    SplitFrom,
    /// Somebody says so.
    RelatesTo,
}

/// Why something could not be done with a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not on the way.
    Illegal(Illegal),
    /// Something has to be said first.
    Wanting(&'static str),
}

impl Case {
    /// Does `signal` at `now`, in the name of `who`: the state, the owner, and every clock that it stops, holds or begins.
    ///
    /// # Errors
    /// The step is not on the way from here; nothing has changed.
    pub fn step(
        &mut self,
        signal: &Signal,
        who: &str,
        service: &Service,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let after = self.state.after(self.flow, signal).map_err(Refused::Illegal)?;
        let before = std::mem::replace(&mut self.state, after);
        let stops: &[ClockKind] = match signal {
            // Whoever looks into it has it, whether they said so before or not.
            Signal::Take | Signal::Investigate => &[ClockKind::Acknowledge],
            Signal::Notify => &[ClockKind::Notify],
            // Verified, and the customer told: the notice that says so is what `Prove` waits for.
            Signal::Prove | Signal::Deliver | Signal::Inform => {
                &[ClockKind::Acknowledge, ClockKind::Complete, ClockKind::Notify]
            }
            Signal::Close(_) => &[ClockKind::Acknowledge, ClockKind::Complete, ClockKind::Notify],
            _ => &[],
        };
        for clock in self.clocks.iter_mut().filter(|clock| stops.contains(&clock.kind)) {
            clock.stop(now);
        }
        // What a customer does, or time, makes nobody of the desk the one who works on it.
        let is_of_desk = !matches!(
            signal,
            Signal::Notify
                | Signal::Adopt
                | Signal::Release
                | Signal::Answer
                | Signal::Drop
                | Signal::Close(Reason::NotAuthorised | Reason::NoAnswer)
        );
        if matches!(signal, Signal::Take) || (self.owner.is_none() && is_of_desk) {
            self.owner = Some(who.to_owned());
        }
        self.wait(before, after, service, now);
        if matches!(signal, Signal::Adopt | Signal::Release) {
            self.begin_clock(ClockKind::Complete, service, now);
        }
        if matches!(signal, Signal::Reopen) {
            self.closure = None;
            self.owner = None;
            self.begin_cycle(service, now);
        }
        Ok(())
    }

    /// Whether a blocked caller opened it: nobody of the customer's asked for anything, and the desk looks at it.
    pub fn is_appeal(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.starts_with(APPEAL_KEY))
    }

    /// Ends it, for `closure`.
    ///
    /// # Errors
    /// A sentence is wanting, or what shall become of the rule after a false positive, or it cannot end so from here.
    pub fn close(&mut self, closure: Closure, service: &Service) -> Result<(), Refused> {
        if closure.text.trim().len() < SENTENCE_MIN {
            return Err(Refused::Wanting("closing needs a sentence that says what was found"));
        }
        if closure.reason == Reason::FalsePositive && self.flow == Flow::Alert && closure.feedback.is_none() {
            return Err(Refused::Wanting(
                "a false positive needs what shall become of the rule: tune, exception or accept",
            ));
        }
        self.step(&Signal::Close(closure.reason), &closure.by.clone(), service, closure.at)?;
        self.closure = Some(closure);
        Ok(())
    }

    /// Whether enough is known of what a contact wants blocked: the kind of nuisance (B-9), and for fraud why (B-10). What was
    /// not asked for in time an analyst says instead, as the reason of each entry.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn check_wanted(&self, change: &Change) -> Result<(), Refused> {
        let mut added = change.lines.iter().filter_map(|line| match line {
            Line::Add { reason, .. } => Some(reason),
            Line::Remove { .. } | Line::Text { .. } => None,
        });
        if self.kind != Kind::Block || self.wanted.is_empty() || added.all(|reason| !reason.trim().is_empty())
        {
            return Ok(());
        }
        match self.wanted.category {
            None => Err(Refused::Wanting("the request names no category: ask for it, or give a reason")),
            Some(Category::Fraud) if self.wanted.reason.is_empty() => Err(Refused::Wanting(
                "a block for fraud needs its business case: ask for it, or give a reason",
            )),
            Some(_) => Ok(()),
        }
    }

    /// The clocks of what came in at `start`: acknowledgement, and completion of what a customer asked for.
    pub fn begin_cycle(&mut self, service: &Service, start: Timestamp) {
        self.begin_clock(ClockKind::Acknowledge, service, start);
        // What nobody we know asked for has no promise yet: it begins when a contact adopts it (N-2).
        if self.flow == Flow::Request && !matches!(self.state, State::Quarantine | State::Unverified) {
            self.begin_clock(ClockKind::Complete, service, start);
        }
    }

    /// Begins a clock, unless one of its kind runs.
    pub fn begin_clock(&mut self, kind: ClockKind, service: &Service, start: Timestamp) {
        if self.clocks.iter().any(|clock| clock.kind == kind && clock.stopped.is_none()) {
            return;
        }
        let term = service.terms().of(kind);
        self.clocks.extend(Clock::start(kind, term, service.calendar_of(&self.customer), start));
    }

    /// Recomputes the due times of clocks that run, where the hours of the desk or what it promises are others now (S-6). What
    /// became of them, in words; nothing where all stay.
    pub fn recompute(&mut self, service: &Service, why: &str, now: Timestamp) -> String {
        let (calendar, pauses) = (service.calendar_of(&self.customer), service.terms().pause_on_customer);
        let mut words = Vec::new();
        for clock in &mut self.clocks {
            let before = clock.due;
            if clock.recompute(service.terms().of(clock.kind), calendar, (why, pauses), now) {
                let told = |due: Due| {
                    format!("{} / {}", wall_time(calendar, due.target), wall_time(calendar, due.contract))
                };
                let (kind, was, is) = (clock.kind.name(), told(before), told(clock.due));
                words.push(format!("{kind} was due {was}, is due {is}"));
            }
        }
        if words.is_empty() { String::new() } else { format!("{why}: {}", words.join("; ")) }
    }

    /// What is due next: the earliest target of a clock that runs.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.clocks.iter().filter(|clock| clock.stopped.is_none()).map(|clock| clock.due.target).min()
    }

    /// Whether it stands before what is due earlier: it is critical or of high priority, and something of it is due. A flood of
    /// lesser cases hides none of these.
    pub fn stands_first(&self) -> bool {
        (self.severity == Severity::Critical || self.is_high_priority) && self.next_due().is_some()
    }

    /// When the first limit of the contract is over: of the clocks that run.
    pub fn next_contract(&self) -> Option<Timestamp> {
        self.clocks.iter().filter(|clock| clock.stopped.is_none()).map(|clock| clock.due.contract).min()
    }

    /// The rule that raised it, or the label of its threshold; empty for what a person opened.
    pub fn rule(&self) -> &str {
        self.key.as_deref().and_then(|key| key.split('|').next()).unwrap_or_default()
    }

    /// How its worst clock stands.
    pub fn standing(&self, service: &Service, now: Timestamp) -> Option<Standing> {
        let pauses = service.terms().pause_on_customer;
        self.clocks.iter().map(|clock| clock.standing(pauses, now)).max()
    }

    /// Makes it about something else. What it was about is kept (C-2).
    pub fn change_kind(&mut self, kind: Kind, now: Timestamp) {
        if kind != self.kind {
            self.kinds_before.push((now, std::mem::replace(&mut self.kind, kind)));
        }
    }

    /// A case, `number`, in which the desk goes on with what an authoriser did not want of this one: with its owner, its clocks
    /// that run, and what a new proposal is filled in with.
    pub(crate) fn return_lines(
        &mut self,
        number: CaseNumber,
        left_out: &LeftOut,
        service: &Service,
        now: Timestamp,
    ) -> Self {
        let mut wanted = Wanted { numbers: Vec::new(), ..self.wanted.clone() };
        for line in &left_out.lines {
            if let Line::Add { entry, reason, .. } = line
                && is_one_number(entry)
            {
                wanted.numbers.push(entry.clone());
                wanted.reason.clone_from(reason);
            }
        }
        let mut rest = Self {
            number,
            kinds_before: Vec::new(),
            title: title(&format!("not wanted of {}: {}", self.number, self.title)),
            clocks: self.clocks.iter().filter(|clock| clock.stopped.is_none()).cloned().collect(),
            // No alert joins it.
            key: None,
            alerts: 0,
            contained: None,
            spark: Vec::new(),
            by_rule: BTreeMap::new(),
            change: None,
            wanted,
            links: vec![(self.number, Relation::SplitFrom)],
            version: 0,
            ..self.clone()
        };
        // It waits for nobody: the desk goes on.
        if let Ok(state) = rest.state.after(rest.flow, &Signal::AskChanges) {
            let before = std::mem::replace(&mut rest.state, state);
            rest.wait(before, state, service, now);
        }
        self.links.push((number, Relation::RelatesTo));
        rest
    }

    /// Counts `count` alerts of `rule` in the case of a storm.
    pub(crate) fn count_rule(&mut self, rule: &str, count: u64) {
        let is_known = self.by_rule.contains_key(rule) || self.by_rule.len() < STORM_RULES_MAX;
        let rule = if is_known { rule } else { "others" };
        *self.by_rule.entry(rule.to_owned()).or_default() += count;
    }

    /// Counts `count` alerts of `rule` no more, in the case of a storm.
    pub(crate) fn uncount_rule(&mut self, rule: &str, count: u64) {
        if let Some(counted) = self.by_rule.get_mut(rule) {
            *counted = counted.saturating_sub(count);
        }
    }

    /// Counts `count` alerts in an hour of its sparkline no more.
    pub(crate) fn untick(&mut self, hour: i64, count: u32) {
        if let Some((_, counted)) = self.spark.iter_mut().find(|(of, _)| *of == hour) {
            *counted = counted.saturating_sub(count);
        }
    }

    /// The case that it was joined into.
    pub(crate) fn merged_into(&self) -> Option<CaseNumber> {
        self.links.iter().find(|(_, relation)| *relation == Relation::MergedInto).map(|(number, _)| *number)
    }

    /// What `alert` tells of is what it is about: from when to when, and from when it was held back.
    pub(crate) fn span(&mut self, alert: &Alert) {
        self.first = self.first.min(alert.first);
        self.last = self.last.max(alert.last);
        self.contained = self.contained.into_iter().chain(alert.contained()).min();
    }

    /// Counts `count` alerts in an hour of its sparkline.
    pub(crate) fn tick(&mut self, hour: i64, count: u32) {
        match self.spark.binary_search_by_key(&hour, |(hour, _)| *hour) {
            Ok(at) => {
                if let Some((_, counted)) = self.spark.get_mut(at) {
                    *counted = counted.saturating_add(count);
                }
            }
            Err(at) => self.spark.insert(at, (hour, count)),
        }
        if self.spark.len() > SPARK_HOURS_MAX {
            self.spark.remove(0);
        }
    }

    fn wait(&mut self, before: State, after: State, service: &Service, now: Timestamp) {
        let pauses = service.terms().pause_on_customer;
        let calendar = service.calendar_of(&self.customer);
        for clock in &mut self.clocks {
            match (before.waits_for_customer(), after.waits_for_customer()) {
                (false, true) => clock.begin_wait(now),
                (true, false) if pauses => clock.resume(calendar, now),
                (true, false) => clock.end_wait(now),
                _ => {}
            }
        }
    }
}

/// `text` as one line that fits into a list: control characters become spaces, and it is cut with a mark.
pub fn title(text: &str) -> String {
    let clean = text.chars().map(|it| if it.is_control() { ' ' } else { it });
    let mut title: String = clean.take(TITLE_CHARACTERS_MAX).collect();
    if text.chars().nth(TITLE_CHARACTERS_MAX).is_some() {
        title.pop();
        title.push('…');
    }
    title
}

impl Kind {
    /// All of them.
    pub const EVERY: [Self; 9] = [
        Self::Alert,
        Self::Block,
        Self::Unblock,
        Self::Report,
        Self::PolicyChange,
        Self::ThresholdChange,
        Self::ReportedIncident,
        Self::Question,
        Self::Phone,
    ];

    /// The word that is stored, shown and typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::Report => "report",
            Self::PolicyChange => "policy-change",
            Self::ThresholdChange => "threshold-change",
            Self::ReportedIncident => "reported-incident",
            Self::Question => "question",
            Self::Phone => "phone",
        }
    }

    /// Which way a new one goes.
    pub const fn flow(self) -> Flow {
        if matches!(self, Self::Alert) { Flow::Alert } else { Flow::Request }
    }
}

impl Severity {
    /// All of them, the least first.
    pub const EVERY: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The word that is stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Illegal(illegal) => illegal.fmt(f),
            Self::Wanting(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Refused {}

/// Whose a case is that belongs to no customer yet: somebody wrote whom nobody knows.
pub const UNASSIGNED: &str = "unassigned";
/// Shorter is no sentence.
const SENTENCE_MIN: usize = 8;

/// How the key of a blocked caller's case begins; the token of the call follows.
pub(crate) const APPEAL_KEY: &str = "appeal:";
