//! Sets of parties as a rule names them: kept as references to whole sets and lists, so that a list of ten
//! million numbers is never unfolded.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::matching::{NumberTable, is_neighbour};
use crate::number::{DIGITS_MAX, Number, power_of_ten};
use crate::number_set::{LOCAL_OFFSET, NumberSet, Segment};
use crate::policy::{ListContent, ListId, NumberTerm, PolicyText, Term};
use crate::subject::Party;

/// Withheld numbers belong to the set.
pub(super) const ANONYMOUS: u8 = 1;
/// What cannot be a number belongs to the set.
pub(super) const INVALID: u8 = 2;
/// Emergency services by URN belong to the set.
pub(super) const EMERGENCY: u8 = 4;
/// Numbers that look like the called one belong to the set.
pub(super) const NEIGHBOUR: u8 = 8;

/// The parties that fit one number condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Parties {
    /// Which [`Atoms`], in order, each once.
    pub(super) atoms: Vec<u32>,
    /// Bits such as [`ANONYMOUS`].
    pub(super) words: u8,
}

impl Parties {
    /// Adds all of `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.words |= other.words;
        self.atoms.extend(&other.atoms);
        self.atoms.sort_unstable();
        self.atoms.dedup();
    }
}

/// Every distinct set of numbers of a policy, each once.
pub(super) struct Atoms<'a> {
    policy: &'a PolicyText,
    atoms: Vec<Atom<'a>>,
    lists: HashMap<ListId, u32>,
    by_print: HashMap<u64, Vec<u32>>,
    escapes: RefCell<HashMap<(u32, Vec<u32>), Escape>>,
}

/// Numbers that belong to one set and to none of some others.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Escape {
    /// There are none: proven.
    None,
    /// Some of them.
    Some(Vec<Number>),
    /// The search would have taken too long.
    Unknown,
}

enum Atom<'a> {
    Set(Cow<'a, NumberSet>),
    List { exact: &'a NumberTable, ranges: NumberSet },
}

impl<'a> Atoms<'a> {
    pub(super) fn new(policy: &'a PolicyText) -> Self {
        Self {
            policy,
            atoms: Vec::new(),
            lists: HashMap::new(),
            by_print: HashMap::new(),
            escapes: RefCell::default(),
        }
    }

    /// The parties that fit any of `terms`.
    pub(super) fn read(&mut self, terms: &'a [Term<NumberTerm>]) -> Parties {
        let mut parties = Parties::default();
        for term in terms {
            let (set, word) = match &term.value {
                NumberTerm::Set(set) => (Some(set), 0),
                NumberTerm::Invalid(set) => (Some(set), INVALID),
                NumberTerm::Emergency(set) => (Some(set), EMERGENCY),
                NumberTerm::Anonymous => (None, ANONYMOUS),
                NumberTerm::Neighbour => (None, NEIGHBOUR),
                NumberTerm::List(list) => {
                    parties.atoms.extend(self.list(*list));
                    (None, 0)
                }
            };
            parties.words |= word;
            parties.atoms.extend(set.and_then(|set| self.set(Cow::Borrowed(set))));
        }
        parties.atoms.sort_unstable();
        parties.atoms.dedup();
        parties
    }

    /// Remembers `set`; `None` when it is empty.
    pub(super) fn set(&mut self, set: Cow<'a, NumberSet>) -> Option<u32> {
        if set.is_empty() {
            return None;
        }
        let same_print = self.by_print.entry(print(&set)).or_default();
        let known = same_print.iter().copied().find(|&id| {
            matches!(self.atoms.get(id as usize), Some(Atom::Set(other)) if other.segments() == set.segments())
        });
        if known.is_none() {
            same_print.push(self.atoms.len() as u32);
            self.atoms.push(Atom::Set(set));
        }
        known.or_else(|| self.atoms.len().checked_sub(1).map(|id| id as u32))
    }

    fn list(&mut self, list: ListId) -> Option<u32> {
        if let Some(&known) = self.lists.get(&list) {
            return Some(known);
        }
        let content = self.policy.lists.get(list.0 as usize).map(|list| &list.content);
        let Some(ListContent::Numbers { exact, ranges }) = content else { return None };
        let ranges = ranges.to_set();
        let id = if exact.len() <= UNFOLDED_MAX {
            let segments = exact.iter().flat_map(|(number, _)| NumberSet::exact(number).segments().to_vec());
            self.set(Cow::Owned(ranges.union(&NumberSet::from_segments(segments.collect()))))?
        } else {
            self.atoms.push(Atom::List { exact, ranges });
            self.atoms.len() as u32 - 1
        };
        self.lists.insert(list, id);
        Some(id)
    }

    /// Whether `party` fits; `others` are the numbers on the other side of the call.
    pub(super) fn fits(
        &self,
        parties: &Parties,
        party: Party,
        mut others: impl Iterator<Item = Number>,
    ) -> bool {
        let word = |bit| parties.words & bit != 0;
        match party {
            Party::Number(number) => {
                self.any_holds(&parties.atoms, number)
                    || word(NEIGHBOUR) && others.any(|other| is_neighbour(number, other))
            }
            Party::EmergencyService => word(EMERGENCY),
            Party::Anonymous => word(ANONYMOUS),
            Party::Invalid => word(INVALID),
            Party::Name | Party::Absent => false,
        }
    }

    /// Whether any of `atoms` holds `number`.
    pub(super) fn any_holds(&self, atoms: &[u32], number: Number) -> bool {
        atoms.iter().any(|&atom| match self.atoms.get(atom as usize) {
            Some(Atom::Set(set)) => set.contains(number),
            Some(Atom::List { exact, ranges }) => exact.row(number).is_some() || ranges.contains(number),
            None => false,
        })
    }

    /// Numbers of `atom` that are in none of `avoided`.
    pub(super) fn escape(&self, atom: u32, avoided: &[u32]) -> Escape {
        if avoided.contains(&atom) {
            return Escape::None;
        }
        let quick: Vec<Number> =
            self.samples(atom).into_iter().filter(|&number| !self.any_holds(avoided, number)).collect();
        if !quick.is_empty() {
            return Escape::Some(quick);
        }
        let key = (atom, avoided.to_vec());
        if let Some(known) = self.escapes.borrow().get(&key) {
            return known.clone();
        }
        let found = self.search(atom, avoided);
        self.escapes.borrow_mut().insert(key, found.clone());
        found
    }

    /// Decides by algebra and, where lists come in, by one pass over a list.
    fn search(&self, atom: u32, avoided: &[u32]) -> Escape {
        let mut rest = match self.atoms.get(atom as usize) {
            Some(Atom::Set(set)) => set.clone().into_owned(),
            Some(Atom::List { exact, ranges }) => {
                let listed = exact.iter().map(|(number, _)| number);
                if let Some(free) = { listed }.find(|&number| !self.any_holds(avoided, number)) {
                    return Escape::Some(vec![free]);
                }
                ranges.clone()
            }
            None => return Escape::None,
        };
        let mut tables = 0;
        for &other in avoided {
            rest = match self.atoms.get(other as usize) {
                Some(Atom::Set(set)) => rest.difference(set),
                Some(Atom::List { exact, ranges }) => {
                    tables += exact.len();
                    rest.difference(ranges)
                }
                None => rest,
            };
        }
        if rest.is_empty() {
            return Escape::None;
        }
        if tables == 0 {
            return Escape::Some(samples_of(&rest));
        }
        // Among more numbers than the lists hold, one must be free of them.
        let free = numbers(&rest).take(tables + 1).take(ENTRIES_LOOKED_AT_MAX);
        match { free }.find(|&number| !self.any_holds(avoided, number)) {
            Some(number) => Escape::Some(vec![number]),
            None if tables < ENTRIES_LOOKED_AT_MAX => Escape::None,
            None => Escape::Unknown,
        }
    }

    fn samples(&self, atom: u32) -> Vec<Number> {
        match self.atoms.get(atom as usize) {
            Some(Atom::Set(set)) => samples_of(set),
            Some(Atom::List { exact, .. }) => exact.iter().take(4).map(|(number, _)| number).collect(),
            None => Vec::new(),
        }
    }
}

/// Every number of `set`, segment by segment, the usual lengths first.
pub(super) fn numbers(set: &NumberSet) -> impl Iterator<Item = Number> + '_ {
    set.segments().iter().flat_map(|segment| {
        lengths_by_habit(segment).flat_map(move |length| {
            let first = ordinal(segment.low, length, true);
            let last = ordinal(segment.high, length, false);
            (first..=last).map(move |ordinal| number_at(ordinal, length, segment.low >= LOCAL_OFFSET))
        })
    })
}

/// A few numbers from both ends of a few segments, as people would write them.
fn samples_of(set: &NumberSet) -> Vec<Number> {
    let segments = set.segments();
    let step = segments.len().div_ceil(4).max(1);
    let mut found = Vec::with_capacity(8);
    for segment in segments.iter().step_by(step) {
        let local = segment.low >= LOCAL_OFFSET;
        let Some(length) = lengths_by_habit(segment).next() else { continue };
        let (first, last) = (ordinal(segment.low, length, true), ordinal(segment.high, length, false));
        found.push(number_at(first, length, local));
        if last > first {
            found.push(number_at(last, length, local));
        }
    }
    found
}

fn lengths_by_habit(segment: &Segment) -> impl Iterator<Item = usize> + use<> {
    let segment = *segment;
    HABIT.into_iter().filter(move |&length| {
        segment.lengths >> length & 1 == 1
            && ordinal(segment.low, length, true) <= ordinal(segment.high, length, false)
    })
}

/// The digits of the number of `length` digits at `position`, or the next one up or down.
fn ordinal(position: u64, length: usize, up: bool) -> u64 {
    let position = if position >= LOCAL_OFFSET { position - LOCAL_OFFSET } else { position };
    let step = power_of_ten(DIGITS_MAX - length);
    if up { position.div_ceil(step) } else { position / step }
}

fn number_at(ordinal: u64, length: usize, local: bool) -> Number {
    Number::from_parts(ordinal * power_of_ten(DIGITS_MAX - length), length, local)
}

/// A hash over some segments of `set`: equal for equal sets, cheap for large ones.
fn print(set: &NumberSet) -> u64 {
    let segments = set.segments();
    let mut hasher = DefaultHasher::new();
    segments.len().hash(&mut hasher);
    for segment in segments.iter().step_by(segments.len().div_ceil(64).max(1)).chain(segments.last()) {
        (segment.low, segment.high, segment.lengths).hash(&mut hasher);
    }
    hasher.finish()
}

/// Lists up to this many exact numbers are treated as sets.
const UNFOLDED_MAX: usize = 256;
/// Entries of lists that one question may look at.
const ENTRIES_LOOKED_AT_MAX: usize = 64 << 20;
/// Lengths of numbers, the usual ones first: witnesses are for people.
const HABIT: [usize; DIGITS_MAX] = [11, 12, 10, 13, 9, 8, 7, 4, 3, 6, 5, 14, 15, 2, 1];
