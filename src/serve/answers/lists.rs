//! Lists of policies in force: what is on them, and changes of them by the same door as `ringwall list`.

use std::ops::ControlFlow;

use console::known::{EntriesFound, EntriesWanted, Entry, Feed, FeedAccepted, List, ListChange, Made};
use rules::policy::edit::Addition;
use rules::policy::{self, ChangeControl, ListContent, Policy};

use super::blocks::asked;
use super::known::Around;
use super::proposals::{self, Proposal};
use crate::authorise::{additions, removals};
use crate::changes::{self, Change, Staging, Tally, Wanted, Wish};
use crate::control::Asked;
use crate::drafting;
use crate::feeds::Feeds;
use crate::policies;
use crate::versions::Versions;

/// All of them.
pub(super) fn all(around: &Around) -> Result<Vec<List>, String> {
    let set = around.policies()?;
    let of = |policy| Policy::text(policy).lists.iter().map(|list| shown(around, policy, list));
    Ok(set.policies().iter().flat_map(of).collect())
}

fn shown(around: &Around, policy: &Policy, list: &policy::List) -> List {
    let (kind, entries) = match &list.content {
        ListContent::Numbers { exact, ranges } => ("numbers", exact.len() + ranges.len()),
        ListContent::Texts(texts) => ("texts", texts.len()),
        ListContent::Networks(networks) => ("networks", networks.len()),
    };
    let is_it = |customer: &Option<String>| customer.as_deref().is_none_or(|it| it == policy.name());
    let feed = around.config.feed.iter().find(|feed| feed.list == list.name && is_it(&feed.customer));
    List {
        customer: policy.name().to_owned(),
        name: list.name.clone(),
        kind,
        entries,
        files: list.files().map(str::to_owned).collect(),
        refuses: list.refuses,
        feed: feed.map(|feed| feed.name.clone()),
    }
}

/// Lists by which calls of a number are refused, those first that no feed fills.
pub(super) fn for_blocks(around: &Around, policy: &Policy) -> Vec<String> {
    let lists = policy.text().lists.iter();
    let fits = |list: &&policy::List| list.refuses && matches!(list.content, ListContent::Numbers { .. });
    let mut found: Vec<List> = lists.filter(fits).map(|list| shown(around, policy, list)).collect();
    found.sort_by_key(|list| list.feed.is_some());
    found.into_iter().map(|list| list.name).collect()
}

/// Some entries of one of them.
pub(super) fn entries(around: &Around, wanted: EntriesWanted) -> Result<EntriesFound, String> {
    around.policy(&wanted.customer, |policy| {
        let text = policy.text();
        let list = text.lists.iter().find(|list| list.name == wanted.list);
        let list = list.ok_or_else(|| format!("{} has no list {}.", wanted.customer, wanted.list))?;
        let mut found = EntriesFound {
            list: shown(around, policy, list),
            is_controlled: text.customer.change_control == ChangeControl::Approved,
            ..EntriesFound::default()
        };
        let count = wanted.count.clamp(1, ENTRIES_MAX);
        let mut take = Taking { wanted: &wanted, count, place: 0, found: &mut found };
        match &list.content {
            ListContent::Numbers { .. } => {
                let _ = list.listed(text).try_for_each(|listed| {
                    let entry = listed.entry;
                    take.take(Entry {
                        number: entry.number,
                        reason: entry.reason.or(entry.category),
                        case: entry.case,
                        added: entry.added,
                        expires: entry.expires,
                    })
                });
            }
            ListContent::Texts(texts) => {
                let _ = texts.iter().try_for_each(|text| take.plain(text.clone()));
            }
            ListContent::Networks(networks) => {
                let _ = networks.iter().try_for_each(|network| take.plain(network.to_string()));
            }
        }
        Ok(found)
    })
}

/// Entries of a page as they come.
struct Taking<'a> {
    wanted: &'a EntriesWanted,
    count: usize,
    /// Entries that fit so far.
    place: usize,
    found: &'a mut EntriesFound,
}

impl Taking<'_> {
    fn plain(&mut self, number: String) -> ControlFlow<()> {
        self.take(Entry { number, ..Entry::default() })
    }

    fn take(&mut self, entry: Entry) -> ControlFlow<()> {
        if !fits(&entry, self.wanted.text.trim()) {
            return ControlFlow::Continue(());
        }
        self.place += 1;
        if self.place <= self.wanted.after {
            return ControlFlow::Continue(());
        }
        if self.found.entries.len() >= self.count {
            self.found.next = Some(self.wanted.after + self.count);
            return ControlFlow::Break(());
        }
        self.found.entries.push(entry);
        ControlFlow::Continue(())
    }
}

/// Whether `text` is in an entry; of numbers only their digits count.
fn fits(entry: &Entry, text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let wanted = text.to_lowercase();
    let has = |field: &Option<String>| field.as_ref().is_some_and(|it| it.to_lowercase().contains(&wanted));
    let of_text = digits(text);
    entry.number.to_lowercase().contains(&wanted)
        || (of_text.len() > 2 && digits(&entry.number).contains(&of_text))
        || has(&entry.reason)
        || has(&entry.case)
}

/// A number comes onto a list, or leaves it: at once, or once the customer has agreed.
pub(super) fn change(around: &Around, change: ListChange) -> Result<Made, String> {
    let entry = change.entry.trim().to_owned();
    if entry.is_empty() {
        return Err("Say which number.".to_owned());
    }
    let is_controlled = around.policy(&change.customer, |policy| {
        Ok(policy.text().customer.change_control == ChangeControl::Approved)
    })?;
    let expires = change.expires.clone().filter(|it| !it.trim().is_empty());
    let reason = change.reason.trim().to_owned();
    if !change.is_removal && expires.is_none() && reason.is_empty() {
        return Err("What stays for ever needs a reason.".to_owned());
    }
    if change.is_proposal {
        let lines = if change.is_removal {
            removals(&change.list, std::slice::from_ref(&entry))
        } else {
            additions(&change.list, std::slice::from_ref(&entry), expires, &reason)
        };
        let verb = if change.is_removal { "Unblock" } else { "Block" };
        let proposal = Proposal {
            customer: change.customer,
            kind: if change.is_removal { cases::case::Kind::Unblock } else { cases::case::Kind::Block },
            title: format!("{verb} {entry} ({})", change.list),
            note: reason,
            wish: drafting::Wish::Lines(lines),
            by: change.by,
        };
        return proposals::propose(around, proposal);
    }
    let said = match &expires {
        _ if change.is_removal => format!("{entry} is off the list {}.", change.list),
        Some(day) => format!("{entry} is on the list {} until {day}.", change.list),
        None => format!("{entry} is on the list {}.", change.list),
    };
    let versions = Versions::of(around.data());
    let mut staging = Staging::new(&versions).map_err(|failure| failure.to_string())?;
    let addition = Addition {
        line: 1,
        number: entry,
        reason: Some(reason.clone()).filter(|it| !it.is_empty()),
        expires,
    };
    staging.push(&addition).map_err(|error| error.to_string())?;
    let entries = staging.finish(&versions).map_err(|failure| failure.to_string())?;
    let wish = if change.is_removal { Wish::Remove } else { Wish::Add };
    let list = changes::ListChange {
        list: change.list.clone(),
        customer: Some(change.customer.clone()),
        wish,
        entries,
        limits: None,
    };
    let made = make(around, Change::List(list), (change.by, reason), is_controlled)?;
    // The page tells of this one number; what else there is to it stands among the versions.
    Ok(if matches!(&made, Made::Done(text) if text != ALREADY) { Made::Done(said) } else { made })
}

/// Has the service make `change`.
pub(super) fn make(
    around: &Around,
    change: Change,
    (by, why): (String, String),
    is_controlled: bool,
) -> Result<Made, String> {
    let wanted = Wanted { change, by, why, permits: Vec::new() };
    let told = match asked(around.data(), &Asked::Change(Box::new(wanted))) {
        Ok(told) => told,
        Err(why) => return Ok(Made::Refused { why, may_propose: is_controlled }),
    };
    let told = told.into_iter().next().ok_or("The service did not say what it did.")?;
    let tally = told.value.get("tally").cloned().and_then(|it| serde_json::from_value::<Tally>(it).ok());
    if let Some((_, why)) = tally.as_ref().and_then(|tally| tally.refusals.first()) {
        return Ok(Made::Refused { why: why.clone(), may_propose: false });
    }
    if tally.is_some_and(|tally| tally.done + tally.gone == 0) {
        return Ok(Made::Done(ALREADY.to_owned()));
    }
    Ok(Made::Done(told.text))
}

/// Lists that are fetched.
pub(super) fn feeds(around: &Around) -> Result<Vec<Feed>, String> {
    let feeds = Feeds::of(around.data());
    let names = around.config.feed.iter().map(|feed| feed.name.clone());
    Ok(names
        .map(|name| {
            let known = feeds.known(&name);
            Feed {
                url: known.url,
                seen: known.seen,
                changed: known.changed,
                failed: known.failed,
                aside: known.aside.map(|aside| (aside.at, aside.why)),
                name,
            }
        })
        .collect())
}

/// Puts in force what a feed has aside.
pub(super) fn accept(around: &Around, accepted: FeedAccepted) -> Result<String, String> {
    let FeedAccepted { name, by, why } = accepted;
    let said = |failure: crate::outcome::Failure| failure.to_string();
    if !around.config.feed.iter().any(|feed| feed.name == name) {
        return Err(format!("There is no feed {name}."));
    }
    let (feeds, versions) = (Feeds::of(around.data()), Versions::of(around.data()));
    let change = feeds.accepted(&name, &versions).map_err(said)?;
    match make(around, Change::List(change), (by, why), false)? {
        Made::Done(text) => {
            let mut known = feeds.known(&name);
            known.changed = Some(reporter::rfc3339(policies::now()));
            known.aside = None;
            feeds.keep(&name, &known).map_err(said)?;
            feeds.forget(&name);
            Ok(text)
        }
        Made::Refused { why, .. } => Err(why),
        Made::Proposed { said, .. } => Ok(said),
    }
}

const ALREADY: &str = "That is so already: nothing had to be changed.";

/// Entries of one page.
const ENTRIES_MAX: usize = 500;
