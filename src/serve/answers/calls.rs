//! Recorded calls that somebody searches: those of the store by day, and those that are not written there yet.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;

use cases::pack::sha256;
use console::known::{CallRow, CallSearch, CallsFound};
use records::io::{Store, Wanted};
use records::{Batch, Call, Column, Columns, Party};
use rules::policy::read_numbers;
use rules::{Action, Number, NumberSet, Policy, Timestamp};
use spool::{Kind, Reader};

use super::known::Around;
use crate::serve::{RECORDS, SPOOL};

/// The latest calls that fit.
pub(super) fn search(around: &Around, wanted: CallSearch) -> Result<CallsFound, String> {
    let set = around.policies()?;
    let policy = set.policies().iter().find(|policy| policy.name() == wanted.customer);
    let sieve = Sieve::new(&wanted, policy);
    let count = wanted.count.clamp(1, COUNT_MAX);
    let mut found = CallsFound::default();
    let mut calls = Vec::new();
    // A bucket that does not answer takes nothing from what is in the spool.
    let shelf = Shelf::open(around.data()).unwrap_or_else(|why| {
        found.unread = Some(why);
        Shelf { data: around.data(), store: None }
    });
    shelf.unwritten(&mut found.limits, |call| {
        found.looked_at += 1;
        if call.customer.as_deref() == Some(wanted.customer.as_str())
            && (wanted.from..wanted.to).contains(&call.start)
            && sieve.takes(&call)
        {
            calls.push(row(&call));
        }
    })?;
    // Before this moment nothing was looked at.
    let mut reached = wanted.to;
    let days = shelf.days(&wanted.customer, wanted.from..wanted.to);
    let mut left = days.len();
    for day in days.iter().rev() {
        if calls.iter().filter(|call| call.start >= reached).count() > count {
            break;
        }
        if found.looked_at > ROWS_MAX {
            found.limits.push(format!(
                "Calls before {} were not looked at: say more about what you look for.",
                reporter::rfc3339(reached)
            ));
            break;
        }
        let during = day.first.max(wanted.from)..day.last.plus_micros(1).min(wanted.to);
        let begin = during.start;
        match shelf.of_day(&wanted.customer, during, &sieve, count, &mut found.looked_at) {
            Ok(of_day) => calls.extend(of_day),
            Err(why) => {
                found.unread = Some(why);
                break;
            }
        }
        reached = begin;
        left -= 1;
    }
    if left == 0 || found.unread.is_some() {
        reached = wanted.from;
    }
    calls.retain(|call| call.start >= reached);
    calls.sort_by(|one, other| (other.start, &other.id).cmp(&(one.start, &one.id)));
    // A call may be in the store and in the spool for a moment.
    calls.dedup_by(|one, other| one.id == other.id);
    let last = calls.get(count - 1).filter(|_| calls.len() > count);
    let cut = last.map(|call| call.start);
    if let Some(cut) = cut {
        // Calls of one moment stay together, so that the next page begins before it.
        calls.retain(|call| call.start >= cut);
        calls.truncate(count + SAME_MAX);
        found.more = calls.last().map(|last| last.start);
    } else if left > 0 && found.unread.is_none() {
        found.more = Some(reached);
    }
    found.calls = calls;
    Ok(found)
}

/// The store of records, if there is one, and the spool with what comes after it.
pub(super) struct Shelf<'a> {
    data: &'a Path,
    store: Option<Store>,
}

impl<'a> Shelf<'a> {
    pub(super) fn open(data: &'a Path) -> Result<Self, String> {
        let folder = data.join(RECORDS);
        let store = if folder.is_dir() {
            Some(Store::open(&folder).map_err(|error| error.to_string())?)
        } else {
            None
        };
        Ok(Self { data, store })
    }

    pub(super) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Hands out calls of all customers that are in the spool and not in the store yet.
    pub(super) fn unwritten(
        &self,
        limits: &mut Vec<String>,
        mut take: impl FnMut(Call),
    ) -> Result<(), String> {
        let mut reader = Reader::open(&self.data.join(SPOOL), "console").map_err(|it| it.to_string())?;
        reader.only(&[Kind::CALL]);
        reader.seek(self.store.as_ref().map_or(0, Store::position));
        for _ in 0..UNWRITTEN_MAX {
            let Some(record) = reader.next().map_err(|it| it.to_string())? else { return Ok(()) };
            if let Ok(call) = Call::from_json(&record.payload) {
                take(call);
            }
        }
        limits.push(format!("Of calls that are not in the store yet, {UNWRITTEN_MAX} were looked at."));
        Ok(())
    }

    fn days(&self, customer: &str, during: Range<Timestamp>) -> Vec<records::io::Day> {
        self.store.as_ref().map(|store| store.days(Some(customer), during)).unwrap_or_default()
    }

    /// The last calls of a stretch that fit, and somewhat more than `count` of them.
    fn of_day(
        &self,
        customer: &str,
        during: Range<Timestamp>,
        sieve: &Sieve,
        count: usize,
        looked_at: &mut u64,
    ) -> Result<VecDeque<CallRow>, String> {
        let mut found = VecDeque::new();
        let Some(store) = &self.store else { return Ok(found) };
        for batch in store.find(Some(customer), during, COLUMNS, sieve.wanted) {
            let batch = batch.map_err(|error| error.to_string())?;
            *looked_at += batch.len() as u64;
            let fits = sieve.rows(&batch);
            for place in (0..batch.len()).filter(|place| fits.get(*place) == Some(&true)) {
                found.push_back(row(&batch.call(place)));
                if found.len() > count + SAME_MAX {
                    found.pop_front();
                }
            }
        }
        Ok(found)
    }
}

/// What fits.
pub(super) struct Sieve {
    wanted: Wanted,
    caller: Option<Who>,
    called: Option<Who>,
    direction: String,
    verdict: String,
    rule: String,
    answered: Option<bool>,
    only_calls: bool,
}

/// Somebody who is searched.
enum Who {
    /// One of these numbers.
    Numbers(NumberSet),
    /// Somebody with this in the name, in lower case.
    Text(String),
}

impl Who {
    /// `text` as a person writes it who serves the customer of `policy`.
    fn parse(text: &str, policy: Option<&Policy>) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let set = policy.and_then(|policy| read_numbers(text, policy.dial_plan()).ok());
        let set = set.or_else(|| {
            let digits: String = text.strip_prefix('+')?.chars().filter(char::is_ascii_digit).collect();
            let number = Number::international(digits.as_bytes())?;
            Some(if text.ends_with('*') { NumberSet::prefix(number) } else { NumberSet::exact(number) })
        });
        Some(set.map_or_else(|| Self::Text(text.to_lowercase()), Self::Numbers))
    }

    fn is(&self, party: &Party) -> bool {
        match self {
            Self::Numbers(set) => {
                let number = Number::international(party.number.to_string().as_bytes());
                party.number != 0 && number.is_some_and(|number| set.contains(number))
            }
            Self::Text(text) => {
                party.kind.word() == text || party.text.to_lowercase().contains(text.as_str())
            }
        }
    }

    /// The one number that it is.
    fn number(&self) -> Option<u64> {
        match self {
            Self::Numbers(set) if set.count() == 1 => set.witness().map(Number::value),
            _ => None,
        }
    }
}

impl Sieve {
    fn new(wanted: &CallSearch, policy: Option<&Policy>) -> Self {
        let (caller, called) = (Who::parse(&wanted.caller, policy), Who::parse(&wanted.called, policy));
        let number = |who: &Option<Who>| who.as_ref().and_then(Who::number);
        Self {
            wanted: Wanted { caller: number(&caller), called: number(&called) },
            caller,
            called,
            direction: wanted.direction.clone(),
            verdict: wanted.verdict.clone(),
            rule: wanted.rule.trim().to_lowercase(),
            answered: wanted.answered,
            only_calls: wanted.only_calls,
        }
    }

    /// Which rows of `batch` may fit by what is cheap to see, and do by the rest.
    fn rows(&self, batch: &Batch) -> Vec<bool> {
        let rules = batch.rule.which(|rule| self.is_rule(rule));
        let kinds = batch.kind.which(|kind| self.is_kind(kind.unwrap_or_default()));
        let is = |by_code: &[bool], code: &u32| by_code.get(*code as usize).copied().unwrap_or_default();
        let codes = batch.rule.codes().iter().zip(batch.kind.codes());
        let mut fits: Vec<bool> = codes.map(|(rule, kind)| is(&rules, rule) && is(&kinds, kind)).collect();
        for (place, fits) in fits.iter_mut().enumerate().filter(|(_, fits)| **fits) {
            let verdict = batch.verdict.get(place).copied().unwrap_or(Action::Allow);
            let would = batch.would.get(place).copied().flatten();
            *fits = self.is_verdict(verdict, would) && (self.is_open() || self.takes(&batch.call(place)));
        }
        fits
    }

    /// Whether nothing but verdict and rule is asked for.
    fn is_open(&self) -> bool {
        self.caller.is_none() && self.called.is_none() && self.direction.is_empty() && self.answered.is_none()
    }

    fn is_rule(&self, rule: Option<&str>) -> bool {
        self.rule.is_empty() || rule.is_some_and(|rule| rule.to_lowercase().contains(&self.rule))
    }

    fn is_kind(&self, kind: &str) -> bool {
        !self.only_calls || kind == CALL
    }

    fn is_verdict(&self, verdict: Action, would: Option<Action>) -> bool {
        match self.verdict.as_str() {
            "" => true,
            "shadow" => would.is_some_and(|would| would != verdict),
            word => verdict.word() == word,
        }
    }

    fn takes(&self, call: &Call) -> bool {
        let is = |who: &Option<Who>, party: &Party| who.as_ref().is_none_or(|who| who.is(party));
        is(&self.caller, &call.caller)
            && is(&self.called, &call.called)
            && (self.direction.is_empty() || call.direction.is_some_and(|it| it.word() == self.direction))
            && self.is_verdict(call.verdict, call.would)
            && self.answered.is_none_or(|answered| answered == call.answered_after.is_some())
            && self.is_rule(call.rule.as_deref())
            && self.is_kind(&call.kind)
    }
}

/// What pages call a call: its start, and a part of a hash of its Call-ID, which strangers choose.
pub(super) fn id(call: &Call) -> String {
    let hash = sha256(call.call_id.as_deref().unwrap_or_default().as_bytes());
    format!("{}-{}", call.start.0, hash.get(..8).unwrap_or_default())
}

/// `call` as a line of a table.
pub(super) fn row(call: &Call) -> CallRow {
    CallRow {
        id: id(call),
        start: call.start,
        kind: call.kind.clone(),
        direction: call.direction.map(|it| it.word().to_owned()).unwrap_or_default(),
        caller: told(&call.caller),
        called: told(&call.called),
        verdict: call.verdict.word().to_owned(),
        would: call.would.map(|would| would.word().to_owned()),
        rule: call.rule.clone(),
        status: call.status,
        talked: call.talk_micros().and_then(|micros| u64::try_from(micros / 1_000_000).ok()),
        is_answered: call.answered_after.is_some(),
    }
}

/// A party as a table shows it: what is no number says what it is.
fn told(party: &Party) -> String {
    let text = party.to_string();
    let text = if text.is_empty() { party.kind.word().to_owned() } else { text };
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

const COLUMNS: Columns = Columns::of(&[
    Column::Start,
    Column::Kind,
    Column::Direction,
    Column::Caller,
    Column::CallerText,
    Column::Called,
    Column::CalledText,
    Column::Verdict,
    Column::Would,
    Column::Rule,
    Column::Status,
    Column::AnsweredAfter,
    Column::EndedAfter,
    Column::CallId,
]);
/// The kind of a record that is a call.
const CALL: &str = "call";
/// Calls of one page.
const COUNT_MAX: usize = 200;
/// Calls of one moment that a page may have beyond that.
const SAME_MAX: usize = 200;
/// Rows that one search looks at, before it ends with the day that it is in.
const ROWS_MAX: u64 = 3_000_000;
/// Calls that are in no file yet of which one search looks at so many.
pub(super) const UNWRITTEN_MAX: usize = 300_000;
/// Characters of a name in a table.
const TEXT_MAX: usize = 80;
