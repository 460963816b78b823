//! The customer's own pages. Whatever is shown or changed is reached through [`Store::customer`](cases::io::store::Store::customer)
//! of who looks: an address with somebody else's number in it leads nowhere.

pub(crate) mod ask;
pub(crate) mod audit;
pub(crate) mod authorise;
pub(crate) mod blocks;
pub(crate) mod home;
pub(crate) mod people;
pub(crate) mod reports;
pub(crate) mod requests;
pub(crate) mod told;
pub(crate) mod unadopted;

use axum::response::Response;
use cases::account::Right;
use cases::case::Kind;
use cases::flow::{Flow, Reason, State};
use cases::intake::Directory;
use cases::io::store::{Done, OfCustomer};
use cases::{Case, CaseNumber};
use jiff::tz::TimeZone;
use rules::Timestamp;

use crate::access::Viewer;
use crate::book::Book;
use crate::failure::Failure;
use crate::question::Asked;
use crate::shell::{self, Shell};
use crate::text::Moment;
use crate::{Service, case};

/// What these pages ask of the service beyond cases.
pub struct Questions {
    /// How numbers of customers are read, and which of them cannot be blocked.
    pub directory: Asked<(), Directory>,
    /// What is in force for a customer, by its name.
    pub in_force: Asked<String, InForce>,
}

/// What stops calls of a customer now.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// Its lists, by name.
    pub lists: Vec<ListInForce>,
    /// What its thresholds have set.
    pub blocks: Vec<BlockInForce>,
}

/// A list of a policy in force.
#[derive(Clone, Debug, Default)]
pub struct ListInForce {
    /// Its name.
    pub name: String,
    /// Whether calls are refused by it.
    pub refuses: bool,
    /// Whether a call from a number on it is refused for that alone.
    pub refuses_callers: bool,
    /// How many entries hold.
    pub count: u64,
    /// The latest of them, as many as a page shows.
    pub entries: Vec<Entry>,
}

/// An entry of a list.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// A number, prefix, range or wildcard, as it was written.
    pub number: String,
    /// Why it is there.
    pub reason: String,
    /// The last day on which it counts; `None` for ever.
    pub expires: Option<String>,
}

/// What a threshold has set.
#[derive(Clone, Debug, Default)]
pub struct BlockInForce {
    /// What it is called by.
    pub id: String,
    /// Against whom it holds, in words.
    pub key: String,
    /// The threshold.
    pub rule: String,
    /// `block`, `divert`, `tag` or `limit`.
    pub action: String,
    /// Until when.
    pub until: Timestamp,
    /// Attempts that it was held against.
    pub hits: u64,
}

/// Where somebody of a customer is: their store, their zone, who they are.
pub(crate) struct Place<'a> {
    pub(crate) book: &'a Book,
    pub(crate) store: OfCustomer<'a>,
    pub(crate) customer: &'a str,
    /// Their name in the registration: in whose name they act, as in mail and by links.
    pub(crate) contact: &'a str,
    pub(crate) zone: &'a TimeZone,
    pub(crate) now: Timestamp,
}

impl<'a> Place<'a> {
    pub(crate) async fn of(service: &'a Service, viewer: &'a Viewer) -> Result<Self, Failure> {
        let (customer, contact) = viewer.customer().zip(viewer.contact()).ok_or(Failure::NotFound)?;
        let book = service.book()?;
        let store = book.store().await?.customer(customer);
        let zone = book.calendar(customer).zone();
        Ok(Self { book, store, customer, contact, zone, now: (service.now)() })
    }

    /// That the contact does something now.
    pub(crate) const fn done(&self) -> Done<'_> {
        self.book.done(self.contact, self.now)
    }

    pub(crate) fn moment(&self, at: Timestamp) -> Moment {
        Moment::new(at, self.zone)
    }

    /// One of their cases, by the number in an address.
    pub(crate) async fn case(&self, number: &str) -> Result<Case, Failure> {
        let number: CaseNumber = case::parse(number)?;
        self.store.case(number).await?.filter(is_theirs_to_see).ok_or(Failure::NotFound)
    }
}

/// What a stranger wrote in the customer's name is for the desk, until somebody makes it theirs (T-4).
pub(crate) fn is_theirs_to_see(case: &Case) -> bool {
    !State::NOT_OF_CUSTOMERS.contains(&case.state)
}

/// Whether `viewer` has `right`; for pages that everybody of the customer sees, and not everybody acts on.
pub(crate) fn needs(viewer: &Viewer, right: Right) -> Result<(), Failure> {
    if viewer.may(right) {
        return Ok(());
    }
    let what = match right {
        Right::Ask => "ask the desk for changes and reports: that takes the role requester",
        Right::Authorise => "authorise: that takes the role authoriser",
        _ => "do that",
    };
    let why = format!(
        "{} may not {what}. Contacts and roles says who has it, and who can change that.",
        viewer.name()
    );
    Err(Failure::Forbidden(why))
}

/// What decides for the customer wants a session that showed the code of an app (T4).
pub(crate) fn needs_factor(viewer: &Viewer) -> Result<(), Failure> {
    if viewer.has_shown_factor() {
        return Ok(());
    }
    Err(Failure::Forbidden(
        "This wants the code of an authenticator app. Set one up under your name at the top (Account), then log in with it."
            .to_owned(),
    ))
}

/// A form that was not right, as a page with status 422.
pub(crate) fn not_yet(mut response: Response) -> Response {
    *response.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
    response
}

pub(crate) fn shell<'a>(service: &'a Service, viewer: &'a Viewer, title: &'a str) -> Shell<'a> {
    Shell::of(service, Some(viewer), title)
}

pub(crate) use shell::page;

/// One stage of a case on its way: what it is called, and whether it is behind, at hand or to come.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) class: &'static str,
}

/// The way of a case in the words of customers.
pub(crate) fn stages(case: &Case) -> Vec<Stage> {
    let (names, at): (&[&'static str], usize) = match case.flow {
        Flow::Alert => (
            &["noticed", "looked into", "told to you", "done"],
            match case.state {
                State::Open => 0,
                State::Triage | State::Investigating | State::Findings => 1,
                State::Closed | State::Done => 3,
                _ => 2,
            },
        ),
        Flow::Request if case.kind == Kind::Report => (
            &["asked", "taken up", "being made", "done"],
            match case.state {
                State::New => 0,
                State::Producing => 2,
                State::Done | State::Closed | State::Informed => 3,
                _ => 1,
            },
        ),
        Flow::Request if case.kind == Kind::Question => (
            &["asked", "taken up", "looked into", "answered"],
            match case.state {
                State::New => 0,
                State::Done | State::Closed | State::Informed => 3,
                State::Acknowledged | State::NeedsInfo => 1,
                _ => 2,
            },
        ),
        Flow::Request => (
            &["asked", "taken up", "change proposed", "authorised", "proven", "done"],
            match case.state {
                State::New => 0,
                State::Proposed | State::AwaitingAuthorisation => 2,
                State::Implementing => 3,
                State::Verifying => 4,
                State::Done | State::Closed | State::Informed => 5,
                _ => 1,
            },
        ),
    };
    if closed_without(case).is_some() {
        let (count, end) = if is_refusal(case) { (3, "refused") } else { (2, "closed without a change") };
        let past = names.iter().take(count).map(|name| Stage { name, class: "past" });
        return past.chain([Stage { name: end, class: "at" }]).collect();
    }
    let class = |place: usize| match place.cmp(&at) {
        std::cmp::Ordering::Less => "past",
        std::cmp::Ordering::Equal => "at",
        std::cmp::Ordering::Greater => "",
    };
    names.iter().enumerate().map(|(place, name)| Stage { name, class: class(place) }).collect()
}

/// Whether a case ended because nobody with the right said yes.
fn is_refusal(case: &Case) -> bool {
    case.closure
        .as_ref()
        .is_some_and(|closure| matches!(closure.reason, Reason::Refused | Reason::NotAuthorised))
}

/// How a case ended in which nothing of what was asked was done; `None` where it was, or is open.
pub(crate) fn closed_without(case: &Case) -> Option<&'static str> {
    let closure = case.closure.as_ref().filter(|_| case.state == State::Closed)?;
    Some(match closure.reason {
        Reason::Resolved => return None,
        Reason::Refused => "refused by you: nothing was changed",
        Reason::NotAuthorised => "nobody of you authorised it: nothing was changed",
        Reason::Duplicate => "closed: another case has it",
        Reason::NoAnswer => "closed: we never heard what we asked for",
        Reason::FalsePositive | Reason::Benign | Reason::AcceptedRisk => "closed: nothing had to be changed",
    })
}

/// Where a case stands, in a sentence for the customer.
pub(crate) fn standing(case: &Case) -> &'static str {
    match case.state {
        State::Closed => closed_without(case).unwrap_or("over"),
        State::Open | State::New => "nobody has taken it up yet",
        State::Triage | State::Investigating | State::Findings => "the desk looks into it",
        State::Notified => "you were told of it",
        State::Acknowledged => "the desk has it",
        State::NeedsInfo => "the desk waits for your answer",
        State::Proposed => "a change is drafted",
        State::Producing => "the report is being made",
        State::AwaitingAuthorisation => "one of your authorisers has to decide",
        State::Implementing => "the change is being made",
        State::Verifying => "test calls show whether it works",
        State::Done => "done",
        State::Informed => "you were told what was found",
        State::Quarantine | State::Unverified | State::Dropped => "not verified",
    }
}

/// What kinds are called towards customers.
pub(crate) const fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Alert => "alert",
        Kind::Block => "block",
        Kind::Unblock => "unblock",
        Kind::Report => "report",
        Kind::PolicyChange => "change of rules",
        Kind::ThresholdChange => "change of a threshold",
        Kind::ReportedIncident => "incident",
        Kind::Question => "question",
        Kind::Phone => "phone message",
    }
}

#[cfg(test)]
mod tests;
