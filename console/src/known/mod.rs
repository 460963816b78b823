//! What the service knows beyond cases: calls, blocks, lists, policies, thresholds, and how it does.

pub(crate) mod blocks;
pub(crate) mod board;
pub(crate) mod call;
pub(crate) mod calls;
mod ladder;
pub(crate) mod lists;
mod of_calls;
pub(crate) mod policies;
mod question;
pub(crate) mod studio;
#[cfg(test)]
mod tests;
pub(crate) mod thresholds;

use axum::response::Response;
use jiff::tz::TimeZone;

pub use of_calls::{
    CallNamed, CallRow, CallSearch, CallWanted, CallsFound, JudgeWanted, Judgement, Listed, Message, OneCall,
};
pub use question::{
    Block, BlockChange, Checked, Diagnostic, EntriesFound, EntriesWanted, Entry, Feed, FeedAccepted, Hits,
    Install, Known, List, ListChange, Made, Policy, PolicyDraft, PolicyText, PolicyWanted, RollBack,
    Threshold, Trial, Tried, Usual, UsualHour, UsualWanted, Version,
};

use crate::Service;
use crate::access::told_at;
use crate::failure::Failure;
use crate::question::{Customer, ask};
use crate::text::url_part;

/// Whose policies are in force, by name.
async fn customers(service: &Service) -> Result<Vec<Customer>, Failure> {
    let mut customers = ask(&service.questions.customers, ()).await?;
    customers.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(customers)
}

/// The zone in which times of `customer` are told.
fn zone(customers: &[Customer], customer: &str) -> TimeZone {
    let found = customers.iter().find(|it| it.name == customer);
    found.and_then(|it| TimeZone::get(&it.zone).ok()).unwrap_or(TimeZone::UTC)
}

/// A moment of RFC 3339, as records of changes have it; as it is, where it is none.
fn moment(text: &str) -> Option<crate::text::Moment> {
    let at = text.parse::<jiff::Timestamp>().ok()?;
    Some(crate::text::Moment::new(rules::Timestamp(at.as_microsecond()), &TimeZone::UTC))
}

/// How many entries of what a list has.
pub(crate) fn entries(list: &List) -> String {
    reporter::counted(list.entries as u64, list.kind.trim_end_matches('s'))
}

/// An address with these fields behind it; those that are empty are left out.
fn place(path: &str, fields: &[(&str, &str)]) -> String {
    let mut place = path.to_owned();
    let mut mark = '?';
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        place.push_str(&format!("{mark}{name}={}", url_part(value)));
        mark = '&';
    }
    place
}

/// What was `found`; where that was refused and there `is_none` of it, there is no such page.
fn or_nothing<A>(found: Result<A, Failure>, is_none: bool) -> Result<A, Failure> {
    match found {
        Err(Failure::Refused(_)) if is_none => Err(Failure::NotFound),
        found => found,
    }
}

/// Whether no policy of `customer` is in force.
async fn is_nobody(service: &Service, customer: &str) -> Result<bool, Failure> {
    Ok(customers(service).await?.iter().all(|known| known.name != customer))
}

/// Where somebody goes who wanted a change: back to `place` when it holds, to the case when others have to agree.
fn after(made: Made, back: &str) -> Result<Response, Failure> {
    match made {
        Made::Done(said) => Ok(told_at(back, &said)),
        Made::Proposed { case, said } => Ok(told_at(&format!("/case/{}", url_part(&case)), &said)),
        Made::Refused { why, may_propose: true } => Err(Failure::Refused(format!(
            "{why}\nSend it again with “Ask the customer” ticked, and those who may authorise it are asked."
        ))),
        Made::Refused { why, may_propose: false } => Err(Failure::Refused(why)),
    }
}
