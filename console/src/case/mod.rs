//! One case: its facts, what happened, and what can be done.

mod acts;
mod change;
mod mails;
mod timeline;

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query as Asked, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use cases::case::{Relation, Severity};
use cases::clock::{Clock, Standing};
use cases::flow::{Reason, Signal, State as Stand};
use cases::grouping::Grouping;
use cases::io::store::{Cursor, Desk, Observable};
use cases::{Case, CaseNumber, Explanation};
use rules::Timestamp;
use serde::Deserialize;

pub(crate) use self::acts::{
    adopt, assign, attach, close, detach, find, group, link, merge, message, note, rate, resend, split, step,
    take_back,
};
use self::change::Proposal;
pub(crate) use self::change::{
    REASON_CHARACTERS, Wanted, ask, propose, propose_lines, standing, today, told, until,
};
use self::mails::MailShown;
pub(crate) use self::mails::raw;
pub(crate) use self::timeline::{AlertShown, did, shown_text, who};
use self::timeline::{Entry, SentShown};
use crate::Service;
use crate::access::Viewer;
use crate::book::Book;
use crate::failure::Failure;
use crate::queue::{Due, Query, UndoShown, address};
use crate::shell::{self, Shell};
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "case.html")]
struct Page<'a> {
    shell: Shell<'a>,
    case: Case,
    due: Due,
    opened: Moment,
    clocks: Vec<ClockShown>,
    owed: Vec<Owed>,
    links: Vec<(&'static str, CaseNumber)>,
    /// People of the customer who may adopt a request.
    requesters: Vec<String>,
    contacts: Vec<(String, String)>,
    show: &'a str,
    entries: Vec<Entry>,
    alerts: Vec<AlertShown>,
    /// What they are about.
    observables: Vec<Observable>,
    mails: Vec<MailShown>,
    sent: Vec<SentShown>,
    proposal: Proposal,
    /// What may be done next, without what has a form of its own.
    /// What each is called, and what its button says.
    steps: Vec<(&'static str, String)>,
    can: Can,
    /// For which reasons it can be closed.
    reasons: Vec<&'static str>,
    severities: [&'static str; 3],
    /// The view that it is looked at in, and what stands before and after it there.
    view: String,
    place: String,
    before: Option<String>,
    after: Option<String>,
    undo: Option<UndoShown>,
}

/// What has a form of its own and may be done now.
#[derive(Clone, Copy, Debug, Default)]
struct Can {
    take: bool,
    ask_info: bool,
    find: bool,
    adopt: bool,
    work: bool,
    /// Cases were joined into it: what is like its alerts may join it as well.
    group: bool,
    ungroup: bool,
}

/// Where somebody comes from, and what they want to see.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct From {
    q: String,
    at: String,
    show: String,
}

/// A clock, and why it is due when it is due.
pub(crate) struct ClockShown {
    pub(crate) name: &'static str,
    pub(crate) class: &'static str,
    pub(crate) standing: &'static str,
    pub(crate) target: Moment,
    pub(crate) contract: Moment,
    /// Whether the target is what the contract says.
    pub(crate) is_one: bool,
    pub(crate) stopped: Option<Moment>,
    pub(crate) why: Vec<String>,
}

/// What is counted without a promise, as a page shows it.
pub(crate) struct Owed {
    pub(crate) name: &'static str,
    pub(crate) is_late: bool,
    /// What happens when.
    pub(crate) moments: Vec<(&'static str, Moment)>,
}

/// Where reports lead: to the case as whoever looks may see it.
pub(crate) async fn lead(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let store = service.book()?.store().await?;
    let place = match viewer.customer() {
        Some(customer) => {
            store.customer(customer).case(number).await?.ok_or(Failure::NotFound)?;
            "portal/request"
        }
        None => "case",
    };
    Ok(Redirect::to(&format!("/{place}/{number}")).into_response())
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Asked(from): Asked<From>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let case = desk.case(parse(&number)?).await?;
    let zone = book.calendar(&case.customer).zone();
    let now = (service.now)();
    let query = Query::read(&from.q, &viewer.who, now);
    let at = Cursor::parse(&from.at).unwrap_or_else(|| Cursor::of(&case));
    let [before, after] = desk
        .neighbours(&query.filter, at)
        .await?
        .map(|it| it.map(|(number, at)| format!("{}?q={}&at={at}", place(number), url_part(&from.q))));
    let registration = desk.registration(&case.customer).await?;
    let requesters = registration.with_role(cases::intake::Role::Requester, now);
    let requesters = requesters.map(|person| person.name.clone()).collect();
    let mails = mails::of(&service, &case).await?;
    let show =
        ["mail", "alerts", "changes", "notes"].into_iter().find(|it| *it == from.show).unwrap_or("all");
    let shell = Shell::of(&service, Some(&viewer), &number);
    Ok(shell::page(&Page {
        due: Due::of(book, &case, now),
        opened: Moment::new(case.opened, zone),
        clocks: {
            let shown = case.clocks.iter().map(|clock| ClockShown::new(book, &case, clock, now));
            let mut clocks: Vec<ClockShown> = shown.collect();
            // What still runs first; what is met is folded away.
            clocks.sort_by_key(|clock| clock.class == "met");
            clocks
        },
        owed: owed(book, &case, now),
        links: case
            .links
            .iter()
            .take(LINKS_SHOWN)
            .map(|(number, it)| (relation_words(*it), *number))
            .collect(),
        requesters,
        contacts: timeline::contacts(&registration, now),
        show,
        entries: {
            let undoable =
                if viewer.may_work() { desk.can_be_undone(case.number, now).await? } else { BTreeSet::new() };
            timeline::entries(desk.events(case.number).await?, show, &undoable, zone)
        },
        observables: desk.observables(case.number, OBSERVABLES_SHOWN).await?,
        alerts: timeline::alerts(&desk.alerts(case.number, ALERTS_SHOWN).await?, zone),
        sent: timeline::sent(&desk.outgoing(case.number).await?, &desk.ledger(case.number).await?, zone),
        proposal: change::of(&service, &viewer, &case, (&mails, &registration)).await?,
        mails,
        steps: steps(&case),
        can: Can::of(&case),
        reasons: reasons(&case),
        severities: Severity::EVERY.map(Severity::name),
        view: address(&from.q, ""),
        place: format!("{}?q={}&at={at}", place(case.number), url_part(&from.q)),
        before,
        after,
        undo: service.own.desk.undo_of_case(&viewer, &case, now),
        shell,
        case,
    }))
}

impl Can {
    fn of(case: &Case) -> Self {
        let may = |signal: &Signal| case.state.after(case.flow, signal).is_ok();
        let is_campaign = case.alerts > 1 && case.links.iter().any(|(_, it)| *it == Relation::Merged);
        let is_grouped = Grouping::of_case(case).is_some();
        Self {
            take: may(&Signal::Take),
            ask_info: may(&Signal::AskInfo),
            find: may(&Signal::Find),
            adopt: matches!(case.state, Stand::Unverified | Stand::Quarantine),
            work: !case.state.is_over(),
            group: is_campaign && !is_grouped && !case.state.is_over(),
            ungroup: is_grouped,
        }
    }
}

/// A case by the number in an address.
pub(crate) fn parse(number: &str) -> Result<CaseNumber, Failure> {
    number.parse().map_err(|_| Failure::NotFound)
}

pub(crate) fn place(number: CaseNumber) -> String {
    format!("/case/{number}")
}

async fn desk(service: &Service) -> Result<(&Book, Desk<'_>), Failure> {
    let book = service.book()?;
    Ok((book, book.store().await?.desk()))
}

/// Steps that need no more than words. Those of a change have pages of their own.
fn steps(case: &Case) -> Vec<(&'static str, String)> {
    let plain = Signal::every().into_iter().filter(|signal| {
        !matches!(
            signal,
            Signal::Take
                | Signal::AskInfo
                | Signal::Close(_)
                | Signal::Authorise(_)
                | Signal::Propose
                | Signal::AskAuthorisation
                | Signal::Install
                | Signal::Prove
                | Signal::RollBack
                | Signal::Find
                | Signal::Notify
                | Signal::Adopt
                | Signal::Release
                | Signal::Drop
        )
    });
    let can_be = plain.filter(|signal| case.state.after(case.flow, signal).is_ok());
    can_be.map(|signal| (signal.name(), spoken(signal.name()))).collect()
}

/// `roll-back` as `Roll back`.
fn spoken(name: &str) -> String {
    if name == Signal::AskChanges.name() {
        return "Withdraw for changes".to_owned();
    }
    let mut letters = name.chars().map(|it| if it == '-' { ' ' } else { it });
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn reasons(case: &Case) -> Vec<&'static str> {
    let fits = |reason: &&Reason| case.state.after(case.flow, &Signal::Close(**reason)).is_ok();
    Reason::EVERY.iter().filter(fits).map(|reason| reason.name()).collect()
}

impl ClockShown {
    pub(crate) fn new(book: &Book, case: &Case, clock: &Clock, now: Timestamp) -> Self {
        let calendar = book.calendar(&case.customer);
        let moment = |at| Moment::new(at, calendar.zone());
        let (class, standing) = match clock.standing(book.service().terms().pause_on_customer, now) {
            Standing::Met => ("met", "✓ met"),
            Standing::Runs => ("info", "○ runs"),
            Standing::Paused => ("", "‖ waits for the customer"),
            Standing::Late => ("late", "● late"),
            Standing::Breached => ("breached", "▲ breached"),
        };
        Self {
            name: clock.kind.name(),
            class,
            standing,
            target: moment(clock.due.target),
            contract: moment(clock.due.contract),
            is_one: clock.due.target == clock.due.contract,
            stopped: clock.stopped.map(moment),
            why: Explanation::new(calendar, clock.start, clock.due.target).lines(calendar),
        }
    }
}

/// The clocks that no contract knows.
fn owed(book: &Book, case: &Case, now: Timestamp) -> Vec<Owed> {
    let calendar = book.calendar(&case.customer);
    let moment = |at| Moment::new(at, calendar.zone());
    let mut owed = Vec::new();
    if let (Some(told), Some(due)) = (case.informal.told, case.informal.update_due(calendar)) {
        let moments = vec![("the customer was told last", moment(told)), ("hears more by", moment(due))];
        owed.push(Owed { name: "update", is_late: now > due, moments });
    }
    if let (Some(asked), Some(reminders)) = (case.informal.asked, case.informal.reminders(calendar)) {
        let words = ["are reminded", "again", "the escalation contact hears of it", "it ends"];
        let next = words.into_iter().zip(reminders.moments());
        let mut moments = vec![("authorisers were asked", moment(asked))];
        moments.extend(next.filter_map(|(words, at)| Some((words, moment(at?)))));
        owed.push(Owed { name: "authorisation", is_late: false, moments });
    }
    owed
}

pub(crate) const fn relation_words(relation: Relation) -> &'static str {
    match relation {
        Relation::RecursAfter => "the same as in",
        Relation::MergedInto => "joined into",
        Relation::Merged => "joined with",
        Relation::SplitFrom => "taken out of",
        Relation::RelatesTo => "see also",
    }
}

/// Cases that a case names.
const LINKS_SHOWN: usize = 50;
const ALERTS_SHOWN: u32 = 50;
const OBSERVABLES_SHOWN: usize = 20;
