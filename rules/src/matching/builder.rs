//! Turns rules into a [`RuleIndex`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::HashMap;
use ipnet::IpNet;

use crate::number_set::{NumberSet, Segment};
use crate::policy::{
    Condition, FirewallRule, List, ListContent, ListId, Mode, NetworkTerm, NumberTerm, RuleId, TextField,
    TextTerm, TimeTerm,
};

use super::index::{NetworkSlot, NumberList, NumberSlot, Pair, RuleIndex, TextSlot, WordSlots};
use super::networks::{NetworkTable, canonical};
use super::parties::Group;
use super::rows::RowsBuilder;
use super::segments::SegmentMap;
use super::slot::{Slot, counts_any, slot_of};
use super::texts::Texts;

impl RuleIndex {
    /// The index of `rules`, and behind them of what thresholds count and block, whose conditions speak of `lists`.
    pub(crate) fn new(rules: &[&FirewallRule], thresholds: &Pseudo, lists: &[List]) -> Self {
        let mut builder = Builder::default();
        builder.lists_of.resize_with(rules.len(), Box::default);
        // Rules with conditions on the same dimensions stand together, so that a dimension that does not
        // hold rules out whole words.
        let mut order: Vec<(Vec<u16>, u32)> = (rules.iter().zip(0..))
            .filter(|(rule, _)| rule.mode != Mode::Off)
            .map(|(rule, id)| (builder.signature(rule), id))
            .collect();
        order.sort();
        builder.active = (0..order.len() as u32).collect();
        builder.order = order.into_iter().map(|(_, id)| RuleId(id)).collect();
        for (id, place) in builder.order.clone().into_iter().zip(0..) {
            if let Some(rule) = rules.get(id.0 as usize) {
                let lists_in = builder.add_rule(rule, place);
                if let Some(lists_of) = builder.lists_of.get_mut(id.0 as usize) {
                    *lists_of = lists_in.into();
                }
            }
        }
        builder.rule_words = builder.order.len().div_ceil(64);
        let mut words = builder.rule_words;
        for pseudo in [&thresholds.counting, &thresholds.blocking] {
            for (rule, place) in pseudo.iter().zip(64 * words as u32..) {
                if rule.mode != Mode::Off {
                    builder.active.push(place);
                    builder.add_rule(rule, place);
                }
            }
            words += pseudo.len().div_ceil(64);
        }
        builder.places = 64 * words;
        builder.finish(lists)
    }
}

/// What says which calls thresholds count, and which of those their blocks hold against: rules that only match.
#[derive(Debug, Default)]
pub(crate) struct Pseudo {
    /// One of each threshold, in their order.
    pub(crate) counting: Vec<FirewallRule>,
    /// The same; empty where no threshold has conditions of its own for blocks.
    pub(crate) blocking: Vec<FirewallRule>,
}

/// The rules that one value satisfies, and those that it excepts.
#[derive(Clone, Debug, Default)]
struct Uses {
    when: Vec<u32>,
    unless: Vec<u32>,
}

impl Uses {
    fn add(&mut self, rule: u32, unless: bool) {
        let rules = if unless { &mut self.unless } else { &mut self.when };
        if rules.last() != Some(&rule) {
            rules.push(rule);
        }
    }

    fn union<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut union = Self::default();
        for uses in all {
            union.when.extend(&uses.when);
            union.unless.extend(&uses.unless);
        }
        for rules in [&mut union.when, &mut union.unless] {
            rules.sort_unstable();
            rules.dedup();
        }
        union
    }

    fn pair(&self, rows: &mut RowsBuilder) -> Pair {
        Pair { when: rows.row(&self.when), unless: rows.row(&self.unless) }
    }
}

#[derive(Debug, Default)]
struct Builder {
    /// Places of rules: those of thresholds begin with a word of their own.
    places: usize,
    rule_words: usize,
    active: Vec<u32>,
    /// The rule at each place.
    order: Vec<RuleId>,
    /// Rules with a condition on each slot.
    constrained: BTreeMap<u16, Vec<u32>>,
    headers: Vec<String>,
    /// Distinct sets of numbers.
    sets: BTreeMap<Vec<Segment>, u32>,
    set_uses: [HashMap<u32, Uses>; Slot::NUMBERS],
    number_lists: [BTreeMap<ListId, Uses>; Slot::NUMBERS],
    anonymous: [Uses; Slot::NUMBERS],
    invalid: [Uses; Slot::NUMBERS],
    emergency: [Uses; Slot::NUMBERS],
    neighbour: [Uses; Slot::NUMBERS],
    texts: BTreeMap<(u16, TextField), BTreeMap<TextKey, Uses>>,
    networks: [HashMap<IpNet, Uses>; 2],
    network_lists: [BTreeMap<ListId, Uses>; 2],
    /// By slot and bit.
    words: HashMap<(u16, u32), Uses>,
    times: Vec<(TimeTerm, Uses)>,
    lists_of: Vec<Box<[(Slot, ListId)]>>,
}

/// A text term that can be told from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum TextKey {
    Literal(String),
    Regex(String),
    List(ListId),
}

impl Builder {
    /// The slots that `when` of `rule` has conditions on.
    fn signature(&mut self, rule: &FirewallRule) -> Vec<u16> {
        let any = counts_any(&rule.action, false);
        let headers = &mut self.headers;
        let slot = |condition| slot_of(condition, any, &mut |name| number_of_header(headers, name)).0;
        let mut slots: Vec<u16> = rule.when.iter().map(slot).collect();
        slots.sort_unstable();
        slots
    }

    /// Adds `rule` at `place`. Returns the lists in its `when`.
    fn add_rule(&mut self, rule: &FirewallRule, place: u32) -> Vec<(Slot, ListId)> {
        let mut lists = Vec::new();
        for (conditions, unless) in [(&rule.when, false), (&rule.unless, true)] {
            let any = counts_any(&rule.action, unless);
            for condition in conditions {
                let headers = &mut self.headers;
                let slot = slot_of(condition, any, &mut |name| number_of_header(headers, name));
                if !unless {
                    self.constrained.entry(slot.0).or_default().push(place);
                    lists.extend(lists_in(condition).map(|list| (slot, list)));
                }
                self.add_condition(condition, slot, place, unless);
            }
        }
        lists
    }

    fn add_condition(&mut self, condition: &Condition, slot: Slot, rule: u32, unless: bool) {
        match condition {
            Condition::Numbers(_, terms) => {
                for term in terms {
                    self.add_number_term(&term.value, slot.index(), rule, unless);
                }
            }
            Condition::Text(field, terms) => {
                let known = self.texts.entry((slot.0, field.clone())).or_default();
                for term in terms {
                    known.entry(TextKey::of(&term.value)).or_default().add(rule, unless);
                }
            }
            Condition::Networks(_, terms) => {
                let place = usize::from(slot == Slot::Trunk);
                for term in terms {
                    let uses = match &term.value {
                        NetworkTerm::Network(network) => self
                            .networks
                            .get_mut(place)
                            .map(|networks| networks.entry(canonical(*network)).or_default()),
                        NetworkTerm::List(list) => {
                            self.network_lists.get_mut(place).map(|lists| lists.entry(*list).or_default())
                        }
                    };
                    uses.into_iter().for_each(|uses| uses.add(rule, unless));
                }
            }
            Condition::Time(terms) => {
                for term in terms {
                    self.time_uses(&term.value).add(rule, unless);
                }
            }
            Condition::Direction(bits) | Condition::Transport(bits) => {
                self.add_bits(slot, u64::from(*bits), rule, unless);
            }
            Condition::CallType(bits) | Condition::Attestation(bits) => {
                self.add_bits(slot, u64::from(*bits), rule, unless);
            }
            Condition::Method(bits) => self.add_bits(slot, u64::from(*bits), rule, unless),
            Condition::IdentityMismatch(differ) => {
                self.add_bits(slot, 1 << u8::from(*differ), rule, unless);
            }
            Condition::Flag(flags) => self.add_bits(slot, flags.bits(), rule, unless),
        }
    }

    fn add_number_term(&mut self, term: &NumberTerm, slot: usize, rule: u32, unless: bool) {
        let special = match term {
            NumberTerm::Set(_) => None,
            NumberTerm::List(list) => {
                self.number_lists.get_mut(slot).map(|lists| lists.entry(*list).or_default())
            }
            NumberTerm::Anonymous => self.anonymous.get_mut(slot),
            NumberTerm::Invalid(_) => self.invalid.get_mut(slot),
            NumberTerm::Neighbour => self.neighbour.get_mut(slot),
            NumberTerm::Emergency(_) => self.emergency.get_mut(slot),
        };
        special.into_iter().for_each(|uses| uses.add(rule, unless));
        if let NumberTerm::Set(set) | NumberTerm::Invalid(set) | NumberTerm::Emergency(set) = term {
            let id = self.set_id(set);
            if let Some(uses) = self.set_uses.get_mut(slot) {
                uses.entry(id).or_default().add(rule, unless);
            }
        }
    }

    fn set_id(&mut self, set: &NumberSet) -> u32 {
        if let Some(id) = self.sets.get(set.segments()) {
            return *id;
        }
        let id = self.sets.len() as u32;
        self.sets.insert(set.segments().to_vec(), id);
        id
    }

    fn time_uses(&mut self, term: &TimeTerm) -> &mut Uses {
        let known = self.times.iter().position(|(other, _)| same_time(other, term));
        let index = known.unwrap_or_else(|| {
            self.times.push((term.clone(), Uses::default()));
            self.times.len() - 1
        });
        #[allow(clippy::indexing_slicing, reason = "the index was just found or made")]
        &mut self.times[index].1
    }

    fn add_bits(&mut self, slot: Slot, bits: u64, rule: u32, unless: bool) {
        for bit in (0..64).filter(|bit| bits >> bit & 1 == 1) {
            self.words.entry((slot.0, bit)).or_default().add(rule, unless);
        }
    }

    fn finish(self, lists: &[List]) -> RuleIndex {
        let mut rows = RowsBuilder::new(self.places);
        let free = self.constrained.iter().map(|(slot, rules)| {
            let free: Vec<u32> = without(&self.active, rules);
            (Slot(*slot), rows.row(&free))
        });
        let free = free.collect();
        let (classes, members) = self.number_classes();
        let number_lists = Group::ALL.map(|group| {
            let mut all: Vec<ListId> = (group.all_slots().iter())
                .filter_map(|slot| self.number_lists.get(slot.index()))
                .flat_map(|lists| lists.keys().copied())
                .collect();
            all.sort_unstable();
            all.dedup();
            all
        });
        let numbers: [NumberSlot; Slot::NUMBERS] =
            std::array::from_fn(|slot| self.number_slot(slot, &members, &number_lists, &mut rows));
        let texts = self.text_slots(lists, &mut rows);
        let networks = [0, 1].map(|place| self.network_slot(place, &mut rows));
        let used = |list: u32| self.network_lists.iter().any(|lists| lists.contains_key(&ListId(list)));
        let network_lists = lists.iter().zip(0..).map(|(list, id)| match &list.content {
            ListContent::Networks(networks) if used(id) => {
                NetworkTable::new(networks.iter().copied().zip(0..))
            }
            _ => NetworkTable::default(),
        });
        RuleIndex {
            owner: OWNERS.fetch_add(1, Ordering::Relaxed),
            active: rows.row(&self.active),
            free,
            slots: usize::from(Slot::HEADERS) + self.headers.len(),
            classes,
            has_neighbours: numbers.iter().any(|slot| slot.neighbour != Pair::default()),
            numbers,
            number_lists: number_lists.map(|ids| {
                let has_expiring = |id: ListId| lists.get(id.0 as usize).is_some_and(List::has_expiring);
                ids.into_iter().map(|id| NumberList { id, expires: has_expiring(id) }).collect()
            }),
            texts,
            networks,
            network_lists: network_lists.collect(),
            words: self.word_slots(&mut rows),
            times: self.times.iter().map(|(term, uses)| (term.clone(), uses.pair(&mut rows))).collect(),
            lists_of: self.lists_of,
            order: self.order,
            rule_words: self.rule_words,
            rows: rows.finish(),
        }
    }

    /// The class of every number, and the sets that make each class; class 0 is in none.
    fn number_classes(&self) -> (SegmentMap, Vec<Vec<u32>>) {
        let segments: Vec<(Segment, u32)> =
            self.sets.iter().flat_map(|(set, id)| set.iter().map(move |segment| (*segment, *id))).collect();
        let mut members: Vec<Vec<u32>> = vec![Vec::new()];
        let mut known: HashMap<Vec<u32>, u32> = HashMap::default();
        let map = SegmentMap::new(&segments, |holders| {
            let sets: Vec<u32> = holders.collect();
            *known.entry(sets).or_insert_with_key(|sets| {
                members.push(sets.clone());
                members.len() as u32 - 1
            })
        });
        (map, members)
    }

    fn number_slot(
        &self,
        slot: usize,
        members: &[Vec<u32>],
        number_lists: &[Vec<ListId>; 3],
        rows: &mut RowsBuilder,
    ) -> NumberSlot {
        let mut special =
            |uses: &[Uses; Slot::NUMBERS]| uses.get(slot).map(|uses| uses.pair(rows)).unwrap_or_default();
        let (anonymous, invalid) = (special(&self.anonymous), special(&self.invalid));
        let (emergency, neighbour) = (special(&self.emergency), special(&self.neighbour));
        let mut by_class = Vec::new();
        if let Some(uses) = self.set_uses.get(slot).filter(|uses| !uses.is_empty()) {
            let class = |sets: &Vec<u32>| Uses::union(sets.iter().filter_map(|set| uses.get(set)));
            by_class = members.iter().map(|sets| class(sets).pair(rows)).collect();
        }
        let mut by_list: [Vec<Pair>; 3] = Default::default();
        if let Some(uses) = self.number_lists.get(slot) {
            for (lists, pairs) in number_lists.iter().zip(&mut by_list) {
                let pair = |list: &ListId| uses.get(list).map(|uses| uses.pair(rows)).unwrap_or_default();
                *pairs = lists.iter().map(pair).collect();
            }
        }
        NumberSlot { by_class, by_list, anonymous, invalid, emergency, neighbour }
    }

    fn text_slots(&self, lists: &[List], rows: &mut RowsBuilder) -> Vec<TextSlot> {
        let slot = |((slot, field), known): (&(u16, TextField), &BTreeMap<TextKey, Uses>)| {
            let terms: Vec<TextTerm> = known.keys().map(TextKey::term).collect();
            TextSlot {
                slot: Slot(*slot),
                field: field.clone(),
                texts: Texts::new(&terms, lists),
                terms: known.iter().map(|(key, uses)| (uses.pair(rows), key.list())).collect(),
            }
        };
        self.texts.iter().map(slot).collect()
    }

    fn network_slot(&self, place: usize, rows: &mut RowsBuilder) -> NetworkSlot {
        let mut slot = NetworkSlot::default();
        if let Some(known) = self.networks.get(place) {
            let mut numbered = Vec::new();
            for (network, id) in known.keys().zip(0..) {
                let around = std::iter::successors(Some(*network), IpNet::supernet);
                let uses = Uses::union(around.filter_map(|network| known.get(&network)));
                slot.by_network.push(uses.pair(rows));
                numbered.push((*network, id));
            }
            slot.table = NetworkTable::innermost(numbered);
        }
        if let Some(known) = self.network_lists.get(place) {
            slot.by_list = known.iter().map(|(list, uses)| (*list, uses.pair(rows))).collect();
        }
        slot
    }

    fn word_slots(&self, rows: &mut RowsBuilder) -> WordSlots {
        let mut pair = |slot: Slot, bit: usize| {
            let uses = self.words.get(&(slot.0, bit as u32));
            uses.map(|uses| uses.pair(rows)).unwrap_or_default()
        };
        let mut slots = WordSlots {
            direction: std::array::from_fn(|bit| pair(Slot::Direction, bit)),
            transport: std::array::from_fn(|bit| pair(Slot::Transport, bit)),
            method: std::array::from_fn(|bit| pair(Slot::Method, bit)),
            call_type: std::array::from_fn(|bit| pair(Slot::CallType, bit)),
            attestation: std::array::from_fn(|bit| pair(Slot::Attestation, bit)),
            mismatch: std::array::from_fn(|bit| pair(Slot::Mismatch, bit)),
            flags: Vec::new(),
        };
        let flags = (0..64).map(|bit| (1u64 << bit, pair(Slot::Flag, bit)));
        slots.flags = flags.filter(|(_, pair)| *pair != Pair::default()).collect();
        slots
    }
}

impl TextKey {
    fn of(term: &TextTerm) -> Self {
        match term {
            TextTerm::Literal(text) => Self::Literal(text.to_ascii_lowercase()),
            TextTerm::Regex(text) => Self::Regex(text.clone()),
            TextTerm::List(list) => Self::List(*list),
        }
    }

    fn term(&self) -> TextTerm {
        match self {
            Self::Literal(text) => TextTerm::Literal(text.clone()),
            Self::Regex(text) => TextTerm::Regex(text.clone()),
            Self::List(list) => TextTerm::List(*list),
        }
    }

    fn list(&self) -> Option<ListId> {
        if let Self::List(list) = self { Some(*list) } else { None }
    }
}

/// The lists that `condition` names, in order.
fn lists_in(condition: &Condition) -> impl Iterator<Item = ListId> {
    let lists: Vec<ListId> = match condition {
        Condition::Numbers(_, terms) => terms
            .iter()
            .filter_map(|term| if let NumberTerm::List(list) = term.value { Some(list) } else { None })
            .collect(),
        Condition::Text(_, terms) => terms
            .iter()
            .filter_map(|term| if let TextTerm::List(list) = term.value { Some(list) } else { None })
            .collect(),
        Condition::Networks(_, terms) => terms
            .iter()
            .filter_map(|term| if let NetworkTerm::List(list) = term.value { Some(list) } else { None })
            .collect(),
        _ => Vec::new(),
    };
    lists.into_iter()
}

fn number_of_header(headers: &mut Vec<String>, name: &str) -> u16 {
    let known = headers.iter().position(|header| header == name);
    known.unwrap_or_else(|| {
        headers.push(name.to_owned());
        headers.len() - 1
    }) as u16
}

fn same_time(a: &TimeTerm, b: &TimeTerm) -> bool {
    match (a, b) {
        (TimeTerm::Inside(a), TimeTerm::Inside(b)) | (TimeTerm::Outside(a), TimeTerm::Outside(b)) => a == b,
        (TimeTerm::Weekly(a), TimeTerm::Weekly(b)) => a == b,
        _ => false,
    }
}

/// What is in `all` and not in `some`, both sorted.
fn without(all: &[u32], some: &[u32]) -> Vec<u32> {
    all.iter().copied().filter(|rule| some.binary_search(rule).is_err()).collect()
}

static OWNERS: AtomicU64 = AtomicU64::new(1);
