//! Cases, and what belongs to them, as programs see them.

use cases::case::{Feedback, Kind, Relation, Severity};
use cases::flow::{Flow, Reason, State};
use cases::io::store::{Event, Visible};
use cases::{Case, Clock, ClockKind};
use reporter::rfc3339;
use rules::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::words;
use crate::book::Book;

/// A case.
#[derive(Serialize, ToSchema)]
#[schema(as = Case)]
pub(crate) struct CaseShown {
    /// What people call it by.
    #[schema(example = "RW-100001-9")]
    number: String,
    /// Whose it is.
    customer: String,
    /// What it is about.
    #[schema(schema_with = words::kind)]
    kind: Kind,
    /// Which way it goes.
    #[schema(schema_with = words::flow)]
    flow: Flow,
    /// Where it stands, such as `open` or `awaiting-authorisation`.
    #[schema(value_type = String)]
    state: State,
    /// One line. Strangers may have written it.
    title: String,
    /// How much it matters.
    #[schema(schema_with = words::severity)]
    severity: Severity,
    /// Whether a contact asked for it as "High Priority": it stands first until somebody rates it.
    high_priority: bool,
    /// Who works on it; the desk only is told.
    owner: Option<String>,
    /// When it came in.
    #[schema(format = DateTime)]
    opened: String,
    /// The first thing that its alerts tell of.
    #[schema(format = DateTime)]
    first: String,
    /// The last one.
    #[schema(format = DateTime)]
    last: String,
    /// Alerts in it.
    alerts: u64,
    /// What is counted.
    clocks: Vec<ClockShown>,
    /// The earliest target of a clock that runs.
    #[schema(format = DateTime)]
    next_due: Option<String>,
    /// Why it ended, if it did.
    closure: Option<ClosureShown>,
    /// By when the customer should hear of it again, which nobody promised; the desk only is told.
    #[schema(format = DateTime)]
    update_due: Option<String>,
    /// When authorisers who are silent are reminded next, the escalation contact hears of it, or it ends; the desk only is told.
    #[schema(format = DateTime)]
    authorisation_due: Option<String>,
    /// What was found; the desk only is told.
    findings: Option<String>,
    /// The hash of the change that is proposed.
    change: Option<String>,
    /// Other cases that have to do with it.
    links: Vec<LinkShown>,
    /// What may be done next: steps, and reasons to close as `close: …`. The desk only is told.
    steps: Vec<String>,
    /// Counts writes; it is the ETag.
    version: u64,
}

/// A clock of a case.
#[derive(Serialize, ToSchema)]
#[schema(as = Clock)]
struct ClockShown {
    /// What it counts.
    #[schema(schema_with = words::clock)]
    kind: ClockKind,
    /// Since when.
    #[schema(format = DateTime)]
    start: String,
    /// What the desk aims at.
    #[schema(format = DateTime)]
    target: String,
    /// What was agreed with the customer.
    #[schema(format = DateTime)]
    contract: String,
    /// When it was met.
    #[schema(format = DateTime)]
    stopped: Option<String>,
    /// `met`, `runs`, `paused`, `late` or `breached`.
    standing: &'static str,
}

/// Why a case ended.
#[derive(Serialize, ToSchema)]
#[schema(as = Closure)]
struct ClosureShown {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Why.
    #[schema(schema_with = words::reason)]
    reason: Reason,
    /// Who ended it; the desk only is told, as of what follows.
    by: Option<String>,
    /// With which words.
    text: Option<String>,
    /// What shall become of the rule.
    #[schema(value_type = Option<String>)]
    feedback: Option<Feedback>,
}

/// Another case.
#[derive(Serialize, ToSchema)]
#[schema(as = CaseLink)]
struct LinkShown {
    /// Which.
    number: String,
    /// How it belongs to this one.
    #[schema(schema_with = words::relation)]
    relation: Relation,
}

/// Something in the history of a case.
#[derive(Serialize, ToSchema)]
#[schema(as = HistoryEntry)]
pub(crate) struct EventShown {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who.
    who: String,
    /// What: a verb.
    what: String,
    /// In words; may be empty.
    text: String,
    /// Who may see it.
    #[schema(schema_with = words::visible)]
    visible: Visible,
    /// By what it is taken back (`undo`), if it is something that can be: for 30 days. The desk only is told.
    act: Option<u64>,
}

impl CaseShown {
    /// `case` for who of the desk looks, or for its customer, who is not told what the desk says to itself.
    pub(crate) fn new(book: &Book, case: &Case, is_for_desk: bool, now: Timestamp) -> Self {
        let for_desk = |text: &str| is_for_desk.then(|| text.to_owned());
        let calendar = book.calendar(&case.customer);
        let reminders = case.informal.reminders(calendar);
        let authorisation = reminders.and_then(|it| it.moments().into_iter().flatten().find(|at| *at > now));
        Self {
            number: case.number.to_string(),
            customer: case.customer.clone(),
            kind: case.kind,
            flow: case.flow,
            state: case.state,
            title: case.title.clone(),
            severity: case.severity,
            high_priority: case.is_high_priority,
            owner: case.owner.as_deref().and_then(for_desk),
            opened: rfc3339(case.opened),
            first: rfc3339(case.first),
            last: rfc3339(case.last),
            alerts: case.alerts,
            clocks: case.clocks.iter().map(|clock| ClockShown::new(book, clock, now)).collect(),
            next_due: case.next_due().map(rfc3339),
            update_due: case.informal.update_due(calendar).filter(|_| is_for_desk).map(rfc3339),
            authorisation_due: authorisation.filter(|_| is_for_desk).map(rfc3339),
            closure: case.closure.as_ref().map(|closure| ClosureShown {
                at: rfc3339(closure.at),
                reason: closure.reason,
                by: for_desk(&closure.by),
                text: for_desk(&closure.text),
                feedback: closure.feedback.filter(|_| is_for_desk),
            }),
            findings: case.findings.as_deref().and_then(for_desk),
            change: case.change.clone(),
            links: case.links.iter().map(|(number, relation)| LinkShown::new(*number, *relation)).collect(),
            steps: if is_for_desk { case.state.legal(case.flow) } else { Vec::new() },
            version: case.version,
        }
    }

    /// Its tag.
    pub(crate) fn tag(&self) -> String {
        format!("\"{}\"", self.version)
    }

    /// Where it is.
    pub(crate) fn place(&self) -> String {
        format!("/v1/cases/{}", self.number)
    }
}

impl ClockShown {
    fn new(book: &Book, clock: &Clock, now: Timestamp) -> Self {
        use cases::clock::Standing;
        let standing = match clock.standing(book.service().terms().pause_on_customer, now) {
            Standing::Met => "met",
            Standing::Runs => "runs",
            Standing::Paused => "paused",
            Standing::Late => "late",
            Standing::Breached => "breached",
        };
        Self {
            kind: clock.kind,
            start: rfc3339(clock.start),
            target: rfc3339(clock.due.target),
            contract: rfc3339(clock.due.contract),
            stopped: clock.stopped.map(rfc3339),
            standing,
        }
    }
}

impl LinkShown {
    fn new(number: cases::CaseNumber, relation: Relation) -> Self {
        Self { number: number.to_string(), relation }
    }
}

impl EventShown {
    pub(crate) fn new(event: Event, is_for_desk: bool) -> Self {
        let Event { at, who, what, text, visible, act } = event;
        Self { at: rfc3339(at), who, what, text, visible, act: act.filter(|_| is_for_desk) }
    }
}
