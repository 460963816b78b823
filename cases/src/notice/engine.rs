//! Takes facts and time, and decides who is told of what.

use std::collections::{BTreeMap, BTreeSet};

use rules::Timestamp;
use sha2::{Digest, Sha256};

use crate::io::store::Office;
use crate::notice::budget::Budget;
use crate::notice::group::{Acknowledged, Group, Outcome, Position, Stage};
use crate::notice::settings::{Route, Settings, Urgency};
use crate::notice::{Awake, Fact, Happening, Preferences, Silence};
use crate::{Registration, Service};

mod step;
#[cfg(test)]
pub(super) mod tests;

pub(super) use step::channel_of;

/// What the engine goes by.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// People, rotas, chains, routes.
    pub settings: &'a Settings,
    /// Calendars.
    pub service: &'a Service,
    /// Contacts, by customer.
    pub people: &'a BTreeMap<String, Registration>,
    /// Those that may count.
    pub silences: &'a [Silence],
    /// Who is up, by name; those whose time is over count no more.
    pub awake: &'a BTreeMap<String, Awake>,
    /// What contacts chose.
    pub preferences: &'a Preferences,
    /// Who the desk is towards customers; nobody where it writes no mail.
    pub office: Option<&'a Office>,
}

/// What outlives a restart, piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    groups: BTreeMap<String, Group>,
    /// Open cases that keep others quiet.
    sources: BTreeMap<String, Fact>,
    budgets: BTreeMap<String, Budget>,
    changed: BTreeSet<(Piece, String)>,
}

impl Memory {
    /// What belongs together and is not over.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }
}

/// A piece of it as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What names it.
    pub name: String,
    /// JSON; `None` when it is forgotten.
    pub body: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Group,
    Source,
    Budget,
}

/// Decides who is told of what.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    memory: Memory,
}

impl Engine {
    /// Goes on from what was kept.
    pub const fn new(memory: Memory) -> Self {
        Self { memory }
    }

    /// What changed since it was last asked.
    ///
    /// # Errors
    /// It cannot be written as JSON, which plain data always can.
    pub fn poll_changes(&mut self) -> Result<Vec<Stored>, serde_json::Error> {
        self.memory.poll_changes()
    }

    /// Groups, for whoever explains.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.memory.groups.values()
    }

    /// Whether something is due at `now`.
    pub fn is_due(&self, world: World<'_>, now: Timestamp) -> bool {
        let budgets = self.memory.budgets.values();
        self.memory.groups.values().any(|group| is_due(group, world, now))
            || budgets.into_iter().any(|budget| budget.digest.is_some_and(|at| at <= now))
    }

    /// Takes something that happened.
    pub fn handle(&mut self, fact: &Fact, world: World<'_>, now: Timestamp, outcome: &mut Outcome) {
        self.remember_source(fact, world);
        match fact.event {
            Happening::Acknowledged | Happening::Progress => self.handle_work(fact, now, outcome),
            Happening::Closed => self.handle_close(fact, now, outcome),
            _ => {}
        }
        if !fact.event.is_routed() {
            return;
        }
        let routes = world.settings.routes_of(fact);
        if routes.is_empty() {
            outcome.tell(now, fact, "route", "no route takes it: it is only recorded".to_owned());
        }
        for (_, route) in routes {
            let goes_on = if route.goes_on { ", and further routes are looked at" } else { "" };
            if route.urgency == Urgency::Record {
                outcome.tell(now, fact, "route", format!("{}: only recorded{goes_on}", route.name));
                continue;
            }
            outcome.tell(now, fact, "route", format!("{}: chain {}{goes_on}", route.name, route.chain));
            self.collect(fact, route, now, outcome);
        }
    }

    /// Does what is due at `now`.
    pub fn advance(&mut self, world: World<'_>, now: Timestamp, outcome: &mut Outcome) {
        let due: Vec<String> =
            self.memory.groups.values().filter(|it| is_due(it, world, now)).map(|it| it.id.clone()).collect();
        for id in due {
            let Some(mut group) = self.memory.groups.remove(&id) else { continue };
            self.advance_group(&mut group, world, now, outcome);
            self.memory.changed.insert((Piece::Group, id.clone()));
            if !group.is_over() {
                self.memory.groups.insert(id, group);
            }
        }
        self.send_digests(world, now, outcome);
    }

    fn remember_source(&mut self, fact: &Fact, world: World<'_>) {
        let Some(case) = fact.case.map(|case| case.to_string()) else { return };
        if fact.event == Happening::Closed {
            if self.memory.sources.remove(&case).is_some() {
                self.memory.changed.insert((Piece::Source, case));
            }
            return;
        }
        let is_source = world.settings.inhibitions.iter().any(|it| it.source.fits_labels(fact));
        if fact.event.is_alarm()
            && is_source
            && self.memory.sources.insert(case.clone(), fact.clone()).is_none()
        {
            self.memory.changed.insert((Piece::Source, case));
        }
    }

    /// Somebody has it, or goes on with it.
    fn handle_work(&mut self, fact: &Fact, now: Timestamp, outcome: &mut Outcome) {
        let Some(case) = fact.case else { return };
        for group in self.memory.groups.values_mut().filter(|it| it.is_alarm && it.open.contains(&case)) {
            self.memory.changed.insert((Piece::Group, group.id.clone()));
            let is_new = fact.event == Happening::Acknowledged && group.acknowledged.is_none();
            if fact.event == Happening::Acknowledged {
                group.taken.insert(case);
            }
            if let Some(acknowledged) = &mut group.acknowledged {
                acknowledged.since = acknowledged.since.max(fact.at);
            } else if is_new {
                // One of several cases is not all of them.
                let left = group.open.difference(&group.taken).count();
                if left > 0 {
                    let text =
                        format!("{} has {case}; {left} more of {} wait for somebody", fact.who, group.route);
                    outcome.tell(now, fact, "acknowledge", text);
                    continue;
                }
                group.acknowledged = Some(Acknowledged { by: fact.who.clone(), since: fact.at });
                let text = format!("{} has it: {} calls nobody further", fact.who, group.chain);
                outcome.tell(now, fact, "acknowledge", text);
            }
        }
    }

    /// A case is over: nobody is called for it any more.
    fn handle_close(&mut self, fact: &Fact, now: Timestamp, outcome: &mut Outcome) {
        let Some(case) = fact.case else { return };
        for group in self.memory.groups.values_mut().filter(|it| it.is_alarm && it.open.contains(&case)) {
            self.memory.changed.insert((Piece::Group, group.id.clone()));
            group.open.remove(&case);
            group.taken.remove(&case);
            for left in group.pending.extract_if(.., |it| it.case == Some(case)) {
                outcome.tell(now, &left, "group", "over before anybody was told".to_owned());
            }
            if group.open.is_empty() {
                (group.position, group.left_out) = (None, None);
            }
        }
        let is_over = |group: &Group| group.is_over();
        self.memory.groups.retain(|_, group| !is_over(group));
    }

    fn collect(&mut self, fact: &Fact, route: &Route, now: Timestamp, outcome: &mut Outcome) {
        let class = if fact.event.is_alarm() { "alarm" } else { fact.event.name() };
        let values: Vec<_> = match route.group_by.is_empty() {
            true => vec![fact.case.map_or_else(|| fact.id.clone(), |case| case.to_string())],
            false => route.group_by.iter().map(|name| fact.label(name).unwrap_or_default()).collect(),
        };
        let id = hash(&[&[route.name.as_str(), class, fact.customer.as_str()], &*strs(&values)].concat());
        let group =
            self.memory.groups.entry(id.clone()).or_insert_with(|| Group::new(id.clone(), route, fact));
        let is_worse = fact.severity > group.severity;
        let at = group.take(fact, route, now);
        let text =
            format!("with {}, told in {} s", values.join(", "), at.micros_since(now).max(0) / 1_000_000);
        outcome.tell(now, fact, "group", text);
        if is_worse && let Some(acknowledged) = group.acknowledged.take() {
            group.taken.clear();
            let text =
                format!("it is {} now: that {} has it counts no more", fact.severity.name(), acknowledged.by);
            outcome.tell(now, fact, "acknowledge", text);
        }
        self.memory.changed.insert((Piece::Group, id));
    }

    fn advance_group(&mut self, group: &mut Group, world: World<'_>, now: Timestamp, outcome: &mut Outcome) {
        if group.acknowledged.as_ref().is_some_and(|it| now.micros_since(it.since) >= EXPIRY_MICROS) {
            let by = group.acknowledged.take().map(|it| it.by).unwrap_or_default();
            group.taken.clear();
            outcome.tell_all(
                now,
                &group.told,
                "acknowledge",
                &format!("{by} did nothing for 30 minutes: it goes on"),
            );
            let step = group.left_out.take().unwrap_or_default();
            if group.position.is_none() && !group.told.is_empty() {
                begin_round(group, step, now);
                group.is_news = false;
            }
        }
        if group.flush.is_some_and(|at| at <= now) {
            self.flush(group, world, now, outcome);
        } else if repeat_at(group, world).is_some_and(|at| at <= now) {
            outcome.tell_all(now, &group.told, "group", "nobody has it: told again");
            begin_round(group, 0, now);
            group.is_news = false;
            group.flushed = Some(now);
        }
        // A step that waits for nothing may follow another; no chain is longer than this.
        for _ in 0..STEPS_AT_ONCE_MAX {
            let Some(position) = group.position.filter(|position| position.at <= now) else { break };
            self.take_step(group, position, world, now, outcome);
        }
    }

    /// Tells what was collected, but for what is inhibited or silenced.
    fn flush(&self, group: &mut Group, world: World<'_>, now: Timestamp, outcome: &mut Outcome) {
        group.flush = None;
        let mut told = Vec::new();
        for fact in std::mem::take(&mut group.pending) {
            if let Some(text) = self.inhibited(&fact, world) {
                outcome.tell(now, &fact, "inhibit", text);
            } else if let Some(silence) = world.silences.iter().find(|silence| silence.covers(&fact, now)) {
                outcome.tell(now, &fact, "silence", format!("kept quiet by {}", silence.words()));
            } else {
                told.push(fact);
            }
        }
        if told.is_empty() {
            return;
        }
        let text = format!(
            "{} told together, by chain {}",
            count(told.len() as u64 + group.more, "thing"),
            group.chain
        );
        outcome.tell_all(now, &told, "group", &text);
        group.more = 0;
        group.told = told;
        group.flushed = Some(now);
        group.left_out = None;
        group.is_news = true;
        begin_round(group, 0, now);
    }

    /// Why an open case keeps `fact` quiet, if one does (D-7).
    fn inhibited(&self, fact: &Fact, world: World<'_>) -> Option<String> {
        for rule in world.settings.inhibitions.iter().filter(|rule| rule.target.fits_labels(fact)) {
            let is_equal = |source: &Fact| {
                rule.equal
                    .iter()
                    .all(|name| source.label(name).is_some() && source.label(name) == fact.label(name))
            };
            let source = self.memory.sources.values().find(|source| {
                source.case != fact.case && rule.source.fits_labels(source) && is_equal(source)
            });
            if let Some(case) = source.and_then(|source| source.case) {
                return Some(format!("{}: kept quiet while {case} is open", rule.name));
            }
        }
        None
    }
}

impl Memory {
    /// What was kept.
    ///
    /// # Errors
    /// A piece cannot be read.
    pub fn read(rows: impl IntoIterator<Item = (String, String)>) -> Result<Self, serde_json::Error> {
        let mut memory = Self::default();
        for (name, body) in rows {
            let Some((piece, rest)) = name.split_once('/') else { continue };
            match piece {
                "group" => drop(memory.groups.insert(rest.to_owned(), serde_json::from_str(&body)?)),
                "source" => drop(memory.sources.insert(rest.to_owned(), serde_json::from_str(&body)?)),
                "budget" => drop(memory.budgets.insert(rest.to_owned(), serde_json::from_str(&body)?)),
                _ => {}
            }
        }
        Ok(memory)
    }

    fn poll_changes(&mut self) -> Result<Vec<Stored>, serde_json::Error> {
        let mut stored = Vec::new();
        for (piece, name) in std::mem::take(&mut self.changed) {
            let (word, body) = match piece {
                Piece::Group => ("group", self.groups.get(&name).map(serde_json::to_string)),
                Piece::Source => ("source", self.sources.get(&name).map(serde_json::to_string)),
                Piece::Budget => ("budget", self.budgets.get(&name).map(serde_json::to_string)),
            };
            stored.push(Stored { name: format!("{word}/{name}"), body: body.transpose()? });
        }
        Ok(stored)
    }
}

fn begin_round(group: &mut Group, step: usize, now: Timestamp) {
    group.round += 1;
    group.awake.clear();
    group.position = Some(Position { step, repeat: 0, at: now, stage: Stage::Arrived });
}

fn is_due(group: &Group, world: World<'_>, now: Timestamp) -> bool {
    let expires = group.acknowledged.as_ref().map(|it| it.since.plus_micros(EXPIRY_MICROS));
    let all = [group.flush, group.position.map(|it| it.at), expires, repeat_at(group, world)];
    all.into_iter().flatten().any(|at| at <= now) || group.is_over()
}

/// When an alarm that nobody has is told again.
fn repeat_at(group: &Group, world: World<'_>) -> Option<Timestamp> {
    let is_quiet = group.position.is_none() && group.flush.is_none() && group.acknowledged.is_none();
    if !group.is_alarm || !is_quiet || group.told.is_empty() || group.open.is_empty() {
        return None;
    }
    let route = world.settings.routes.iter().find(|route| route.name == group.route)?;
    (route.repeat_micros > 0).then(|| group.flushed.map(|at| at.plus_micros(route.repeat_micros)))?
}

/// 24 hexadecimal digits over `parts`.
pub(super) fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

fn strs(values: &[String]) -> Vec<&str> {
    values.iter().map(String::as_str).collect()
}

/// `1 thing`, `2 things`.
pub(super) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// After so long without a change of its state that somebody has a case counts no more (E-4).
const EXPIRY_MICROS: i64 = 30 * 60 * 1_000_000;
const STEPS_AT_ONCE_MAX: usize = 64;
