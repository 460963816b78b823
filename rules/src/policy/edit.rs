//! Changes of a list of numbers where it is written: in its list file, or in the policy itself.

mod inline;
mod rows;

use ahash::{AHashMap, AHashSet};

use crate::number_set::NumberSet;
use crate::policy::list::ListFile;
use crate::policy::reader::{emergency, ending};
use crate::policy::{List, ListContent, Pattern, PolicyText};
use crate::time::Timestamp;

/// An entry that somebody wants on a list.
#[derive(Clone, Debug, Default)]
pub struct Addition {
    /// Where it came from: a line, or the how-manyeth it is; for messages.
    pub line: u64,
    /// The number, prefix, range or wildcard as somebody wrote it.
    pub number: String,
    /// Why it is there.
    pub reason: Option<String>,
    /// Its last day or moment.
    pub expires: Option<String>,
}

/// What became of a change.
#[derive(Debug, Default)]
pub struct Edited {
    /// The files that are others now: by the name that the policy has for them, `None` for the policy itself.
    pub files: Vec<(Option<String>, Vec<u8>)>,
    /// Entries that were added, or taken away.
    pub done: u64,
    /// Entries that were there before, or were not there to be taken away.
    pub needless: u64,
    /// Entries that are gone because others were put in their place.
    pub gone: u64,
    /// Entries that were refused.
    pub refused: u64,
    /// The first that was refused because it holds what may not be blocked.
    pub guarded: Option<(u64, String)>,
    /// Why, for the first [`REFUSALS_MAX`] of them, by their line.
    pub refusals: Vec<(u64, String)>,
}

/// Refusals that are told one by one.
pub const REFUSALS_MAX: usize = 1_000;

impl Edited {
    fn refuse(&mut self, line: u64, why: String) {
        self.refused += 1;
        if self.refusals.len() < REFUSALS_MAX {
            self.refusals.push((line, why));
        }
    }
}

/// The list of numbers `name` of `policy`.
///
/// # Errors
/// A sentence that says why it cannot be changed.
pub fn list_of<'a>(policy: &'a PolicyText, name: &str) -> Result<&'a List, String> {
    let customer = &policy.customer.name;
    let Some(list) = policy.lists.iter().find(|list| list.name == name) else {
        let names: Vec<&str> = policy.lists.iter().map(|list| list.name.as_str()).collect();
        let known =
            if names.is_empty() { "has no lists".to_owned() } else { format!("has {}", names.join(", ")) };
        return Err(format!("{customer} has no list {name:?}; the policy {known}"));
    };
    match list.content {
        ListContent::Numbers { .. } => Ok(list),
        ListContent::Texts(_) | ListContent::Networks(_) => Err(format!(
            "the list {name:?} of {customer} holds no numbers; it is changed in the policy itself"
        )),
    }
}

/// Adds `additions` to the list `name`, as entries of the day `today`. An entry that cannot be read, has ended at
/// `now`, or holds what may not be blocked, is refused alone; one that the list holds already, for at least as long, is
/// not written again. A list that stands in the policy itself, where there is no place for a reason or a date, gets a file,
/// `NAME.csv`, for entries that have one.
///
/// # Errors
/// A sentence that says why the list cannot be changed at all.
pub fn add(
    policy: &PolicyText,
    name: &str,
    additions: impl IntoIterator<Item = Addition>,
    (today, now): (&str, Timestamp),
) -> Result<Edited, String> {
    let list = list_of(policy, name)?;
    let mut edited = Edited::default();
    let mut sieve = Sieve::new(policy, list, now);
    let mut place = match list.source.files.last() {
        Some(file) => Place::File(file, rows::Rows::new(file)),
        None => Place::Policy(Vec::new(), rows::Rows::empty()),
    };
    for addition in additions {
        match sieve.take(&addition) {
            Taken::New(number) => {
                match &mut place {
                    Place::File(_, rows) => rows.push(&number, &addition, today),
                    Place::Policy(numbers, _)
                        if addition.reason.is_none()
                            && addition.expires.is_none()
                            && !list.source.inline.is_empty() =>
                    {
                        numbers.push(number);
                    }
                    Place::Policy(_, rows) => rows.push(&number, &addition, today),
                }
                edited.done += 1;
            }
            Taken::Known => edited.needless += 1,
            Taken::Refused(why) => edited.refuse(addition.line, format!("{}: {why}", addition.number)),
            Taken::Guarded(why) => {
                let why = format!("{}: {why}", addition.number);
                edited.guarded.get_or_insert_with(|| (addition.line, why.clone()));
                edited.refuse(addition.line, why);
            }
        }
    }
    if edited.done > 0 {
        match place {
            Place::File(file, rows) => edited.files.push((Some(file.path.clone()), rows.finish(file))),
            Place::Policy(numbers, rows) => {
                let mut text = policy.source.clone();
                if !numbers.is_empty() {
                    text = inline::with(policy, list, &numbers)?;
                }
                if rows.count() > 0 {
                    let name = new_file(policy, name)?;
                    text = inline::with_file(text, list, &name)?;
                    // Before the policy that reads it.
                    edited.files.push((Some(name), rows.alone()));
                }
                edited.files.push((None, text.into_bytes()));
            }
        }
    }
    Ok(edited)
}

/// Makes `additions` all that is on the list `name`, which must have a list file of its own; an entry that was there
/// before keeps the day since when. Otherwise as [`add`].
///
/// # Errors
/// A sentence that says why the list cannot be changed at all.
pub fn replace(
    policy: &PolicyText,
    name: &str,
    additions: impl IntoIterator<Item = Addition>,
    (today, now): (&str, Timestamp),
) -> Result<Edited, String> {
    let list = list_of(policy, name)?;
    let ([file], []) = (&list.source.files[..], &list.source.inline[..]) else {
        return Err(format!(
            "the list {name:?} is not one list file alone, so nothing can be put in its place"
        ));
    };
    let mut edited = Edited::default();
    let mut former = Former::new(policy, list);
    let mut sieve = Sieve::new(policy, list, now);
    sieve.is_blind = true;
    let mut rows = rows::Rows::default();
    for addition in additions {
        match sieve.take(&addition) {
            Taken::New(number) => {
                let since = former.since(policy, list, &addition.number);
                rows.push(&number, &addition, since.as_deref().unwrap_or(today));
            }
            Taken::Known => {}
            Taken::Refused(why) => edited.refuse(addition.line, format!("{}: {why}", addition.number)),
            Taken::Guarded(why) => {
                let why = format!("{}: {why}", addition.number);
                edited.guarded.get_or_insert_with(|| (addition.line, why.clone()));
                edited.refuse(addition.line, why);
            }
        }
    }
    let kept = (former.kept.len() + former.kept_sets.len()) as u64;
    (edited.done, edited.needless, edited.gone) = (rows.count() - kept, kept, former.count - kept);
    if edited.done + edited.gone > 0 {
        edited.files.push((Some(file.path.clone()), rows.alone()));
    }
    Ok(edited)
}

/// What was on a list that is replaced.
#[derive(Default)]
struct Former {
    count: u64,
    /// Prefixes, ranges and wildcards, with the day since when.
    sets: AHashMap<Vec<u64>, Option<String>>,
    /// What is on it again.
    kept: AHashSet<u64>,
    kept_sets: AHashSet<Vec<u64>>,
}

impl Former {
    fn new(policy: &PolicyText, list: &List) -> Self {
        let ListContent::Numbers { exact, ranges } = &list.content else {
            return Self::default();
        };
        let mut sets = AHashMap::new();
        if !ranges.is_empty() {
            let wide = list.listed(policy).filter(|listed| matches!(listed.pattern, Pattern::Set(_)));
            sets.extend(wide.map(|listed| (identity(&listed.pattern), listed.entry.added)));
        }
        Self { count: (exact.len() + sets.len()) as u64, sets, ..Self::default() }
    }

    /// The day since when `number` is on the list, if it is.
    fn since(&mut self, policy: &PolicyText, list: &List, number: &str) -> Option<String> {
        let pattern = Pattern::parse(number, &policy.customer.dial_plan).ok()?;
        let ListContent::Numbers { exact, .. } = &list.content else { return None };
        match &pattern {
            Pattern::Exact(number) => {
                let row = exact.row(*number)?;
                self.kept.insert(number.key());
                list.entry_text(row, &policy.source).and_then(|entry| entry.added)
            }
            Pattern::Set(_) => {
                let key = identity(&pattern);
                let added = self.sets.get(&key)?.clone();
                self.kept_sets.insert(key);
                added
            }
        }
    }
}

/// Takes the entries that `numbers` name, each with its line, off the list `name`: an entry is meant by what it stands
/// for, however it is written. A number that only a wider entry holds is refused, with that entry.
///
/// # Errors
/// A sentence that says why the list cannot be changed at all.
pub fn remove(
    policy: &PolicyText,
    name: &str,
    numbers: impl IntoIterator<Item = (u64, String)>,
) -> Result<Edited, String> {
    let list = list_of(policy, name)?;
    let dial = &policy.customer.dial_plan;
    let mut edited = Edited::default();
    let mut wanted: AHashMap<Vec<u64>, (u64, String, bool)> = AHashMap::new();
    for (line, number) in numbers {
        match Pattern::parse(&number, dial) {
            Ok(pattern) => {
                wanted.entry(identity(&pattern)).or_insert((line, number, false));
            }
            Err(why) => edited.refuse(line, format!("{number}: {}", why.message)),
        }
    }
    let mut gone: Vec<crate::policy::Listed> = Vec::new();
    for listed in list.listed(policy) {
        if let Some((_, _, found)) = wanted.get_mut(&identity(&listed.pattern)) {
            *found = true;
            gone.push(listed);
        }
    }
    let mut missing: Vec<(Vec<u64>, (u64, String, bool))> =
        wanted.into_iter().filter(|(_, (_, _, found))| !found).collect();
    missing.sort_by_key(|(_, (line, ..))| *line);
    for (_, (line, number, _)) in missing {
        let holder = Pattern::parse(&number, dial).ok().and_then(|pattern| holder(policy, list, &pattern));
        match holder {
            Some(entry) => {
                edited.refuse(line, format!("{number}: is held by the entry {entry}, not by one of its own"))
            }
            None => edited.needless += 1,
        }
    }
    edited.done = gone.len() as u64;
    for file in &list.source.files {
        let spans = gone.iter().filter(|it| it.entry.file.as_ref() == Some(&file.path));
        let spans: Vec<_> = spans.map(|listed| listed.span.clone()).collect();
        if !spans.is_empty() {
            edited.files.push((Some(file.path.clone()), rows::without(&file.bytes, &spans)));
        }
    }
    let spans: Vec<_> = gone.iter().filter(|it| it.entry.file.is_none()).map(|it| it.span.clone()).collect();
    if !spans.is_empty() {
        edited.files.push((None, inline::without(policy, list, &spans)?.into_bytes()));
    }
    Ok(edited)
}

enum Place<'a> {
    File(&'a ListFile, rows::Rows),
    Policy(Vec<String>, rows::Rows),
}

/// What a list file beside `policy` is called that is not there yet.
fn new_file(policy: &PolicyText, list: &str) -> Result<String, String> {
    let name = format!("{list}.csv");
    let is_plain = list.chars().all(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '_'));
    let is_taken = policy.lists.iter().flat_map(|list| &list.source.files).any(|file| file.path == name);
    if is_plain && !is_taken {
        return Ok(name);
    }
    Err(format!(
        "the list {list:?} needs a file of its own for a reason or a date: name one with `numbers_file`"
    ))
}

/// What a pattern stands for, as something to compare.
fn identity(pattern: &Pattern) -> Vec<u64> {
    match pattern {
        Pattern::Exact(number) => vec![number.key()],
        Pattern::Set(set) => {
            set.segments().iter().flat_map(|it| [it.low, it.high, u64::from(it.lengths)]).collect()
        }
    }
}

/// The range of `list` that holds the number `pattern`, as it is written.
fn holder(policy: &PolicyText, list: &List, pattern: &Pattern) -> Option<String> {
    let (ListContent::Numbers { ranges, .. }, Pattern::Exact(number)) = (&list.content, pattern) else {
        return None;
    };
    let entry = list.entry_text(ranges.row(*number)?, &policy.source)?;
    Some(entry.number)
}

enum Taken {
    /// It is to be written, so.
    New(String),
    Known,
    Refused(String),
    /// It holds what may not be blocked.
    Guarded(String),
}

/// Tells what is new on a list.
struct Sieve<'a> {
    policy: &'a PolicyText,
    list: &'a List,
    now: Timestamp,
    /// Whether what is on the list does not count.
    is_blind: bool,
    /// Ranges of the list, if none of them ends.
    ranges: NumberSet,
    guarded: [(&'static str, NumberSet); 3],
    /// What was taken already: for good, and for a while.
    taken: AHashSet<u64>,
    taken_sets: AHashSet<Vec<u64>>,
    ending: AHashMap<Vec<u64>, Timestamp>,
}

impl<'a> Sieve<'a> {
    fn new(policy: &'a PolicyText, list: &'a List, now: Timestamp) -> Self {
        let lasting = list.source.ranges.iter().all(|(_, expires)| expires.is_none());
        let ranges = match &list.content {
            ListContent::Numbers { ranges, .. } if lasting => ranges.to_set(),
            _ => NumberSet::EMPTY,
        };
        let customer = &policy.customer;
        let guarded = if list.refuses {
            [
                ("an emergency number", emergency(&customer.dial_plan).clone()),
                ("a number of the customer", customer.numbers.clone()),
                ("a protected number", customer.protected.clone()),
            ]
        } else {
            [""; 3].map(|what| (what, NumberSet::EMPTY))
        };
        let (taken, taken_sets, ending) = (AHashSet::new(), AHashSet::new(), AHashMap::new());
        Self { policy, list, now, is_blind: false, ranges, guarded, taken, taken_sets, ending }
    }

    fn take(&mut self, addition: &Addition) -> Taken {
        let pattern = match Pattern::parse(&addition.number, &self.policy.customer.dial_plan) {
            Ok(pattern) => pattern,
            Err(why) => return Taken::Refused(format!("{}; {}", why.message, why.help)),
        };
        let expires = match &addition.expires {
            None => None,
            Some(text) => match ending(text, &self.policy.customer.time_zone) {
                Some(end) if end <= self.now => return Taken::Refused(format!("it ended on {text}")),
                Some(end) => Some(end),
                None => return Taken::Refused(format!("{text:?} is no date; write 2026-12-31")),
            },
        };
        if let Some(why) = self.guards(&pattern) {
            return Taken::Guarded(why);
        }
        if self.is_listed(&pattern, expires) || self.is_taken(&pattern, expires) {
            return Taken::Known;
        }
        Taken::New(match &pattern {
            Pattern::Exact(number) => number.to_string(),
            Pattern::Set(_) => addition.number.trim().to_owned(),
        })
    }

    fn guards(&self, pattern: &Pattern) -> Option<String> {
        if !self.list.refuses {
            return None;
        }
        self.guarded.iter().find_map(|(what, set)| match pattern {
            Pattern::Exact(number) => {
                set.contains(*number).then(|| format!("is {what}, and calls are refused by this list"))
            }
            Pattern::Set(wide) => {
                let held = wide.intersection(set).witness()?;
                Some(format!("holds {held}, {what}, and calls are refused by this list"))
            }
        })
    }

    fn is_listed(&self, pattern: &Pattern, expires: Option<Timestamp>) -> bool {
        let ListContent::Numbers { exact, ranges } = &self.list.content else { return false };
        match pattern {
            _ if self.is_blind => false,
            Pattern::Exact(number) => {
                let rows = exact.row(*number).into_iter().chain(ranges.row(*number));
                rows.map(|row| self.list.expires(row)).any(|held| lasts(held, expires))
            }
            Pattern::Set(set) => set.is_subset(&self.ranges),
        }
    }

    /// Whether the same came before; else it is noted.
    fn is_taken(&mut self, pattern: &Pattern, expires: Option<Timestamp>) -> bool {
        let is_lasting = match pattern {
            Pattern::Exact(number) => self.taken.contains(&number.key()),
            Pattern::Set(_) => self.taken_sets.contains(&identity(pattern)),
        };
        if is_lasting {
            return true;
        }
        match (expires, pattern) {
            (None, Pattern::Exact(number)) => !self.taken.insert(number.key()),
            (None, Pattern::Set(_)) => !self.taken_sets.insert(identity(pattern)),
            (Some(end), _) => {
                let held = self.ending.entry(identity(pattern)).or_insert(Timestamp(i64::MIN));
                let is_taken = *held >= end;
                *held = (*held).max(end);
                is_taken
            }
        }
    }
}

/// Whether what ends at `held` holds at least as long as what ends at `wanted`.
fn lasts(held: Option<Timestamp>, wanted: Option<Timestamp>) -> bool {
    match (held, wanted) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(held), Some(wanted)) => held >= wanted,
    }
}

#[cfg(test)]
mod tests;
