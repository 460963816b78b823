//! All rules of a policy, turned round: from what a subject holds to the rules that match.

use std::net::IpAddr;
use std::ops::ControlFlow;

use crate::policy::{Hours, List, ListId, RuleId, TextField, TimeTerm};
use crate::subject::Subject;
use crate::verdict::ListHit;

use super::clock::Clock;
use super::networks::NetworkTable;
use super::rows::{Row, Rows};
use super::scratch::{EntryHit, Scratch};
use super::segments::SegmentMap;
use super::slot::Slot;
use super::texts::Texts;

/// For every dimension, which rules a value satisfies.
///
/// A subject's value in one dimension names sets of rules whose condition there holds; the rules that match
/// are those that are in such a set, or have no condition, in every dimension, less those with an exception
/// that holds. The work grows with the values of the subject, not with the number of rules.
#[derive(Debug)]
pub(crate) struct RuleIndex {
    /// Tells this index from every other one in texts remembered across policies.
    pub(super) owner: u64,
    /// Sets of places; see `order`.
    pub(super) rows: Rows,
    /// The rule at each place.
    pub(super) order: Vec<RuleId>,
    /// Words of places that rules have; those behind are of thresholds.
    pub(super) rule_words: usize,
    /// Rules that are not off.
    pub(super) active: Row,
    /// Slots that some rule has a condition on, and the rules that have none there.
    pub(super) free: Vec<(Slot, Row)>,
    pub(super) slots: usize,
    /// The class of every number that any rule names itself, not through a list.
    pub(super) classes: SegmentMap,
    pub(super) numbers: [NumberSlot; Slot::NUMBERS],
    /// Lists that are asked about callers, forwarders and called numbers.
    pub(super) number_lists: [Vec<NumberList>; 3],
    /// Whether any rule asks for neighbours.
    pub(super) has_neighbours: bool,
    pub(super) texts: Vec<TextSlot>,
    pub(super) networks: [NetworkSlot; 2],
    /// Networks of lists that any rule uses, by list.
    pub(super) network_lists: Vec<NetworkTable>,
    pub(super) words: WordSlots,
    pub(super) times: Vec<(TimeTerm, Pair)>,
    /// Lists in `when` of each rule, in order.
    pub(super) lists_of: Vec<Box<[(Slot, ListId)]>>,
}

/// Rules whose condition holds, and rules whose exception does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) when: Row,
    pub(crate) unless: Row,
}

impl Pair {
    pub(super) const NONE: Self = Self { when: Row::EMPTY, unless: Row::EMPTY };
}

#[derive(Debug, Default)]
pub(super) struct NumberSlot {
    pub(super) by_class: Vec<Pair>,
    /// By group, in the order of the group's lists.
    pub(super) by_list: [Vec<Pair>; 3],
    pub(super) anonymous: Pair,
    pub(super) invalid: Pair,
    pub(super) emergency: Pair,
    pub(super) neighbour: Pair,
}

/// A list of numbers that some rule asks about.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberList {
    pub(super) id: ListId,
    /// Whether any of its entries ends by itself.
    pub(super) expires: bool,
}

#[derive(Debug)]
pub(super) struct TextSlot {
    pub(super) slot: Slot,
    pub(super) field: TextField,
    pub(super) texts: Texts,
    /// By term.
    pub(super) terms: Vec<(Pair, Option<ListId>)>,
}

#[derive(Debug, Default)]
pub(super) struct NetworkSlot {
    /// The innermost network.
    pub(super) table: NetworkTable,
    pub(super) by_network: Vec<Pair>,
    pub(super) by_list: Vec<(ListId, Pair)>,
}

/// Dimensions with few values, by value.
#[derive(Debug, Default)]
pub(super) struct WordSlots {
    pub(super) direction: [Pair; 3],
    pub(super) transport: [Pair; 6],
    pub(super) method: [Pair; 16],
    pub(super) call_type: [Pair; 4],
    pub(super) attestation: [Pair; 5],
    pub(super) mismatch: [Pair; 2],
    pub(super) flags: Vec<(u64, Pair)>,
}

impl RuleIndex {
    /// Looks up everything `subject` holds. After this, [`search`](Self::search) finds the rules.
    pub(crate) fn gather(
        &self,
        subject: &Subject<'_>,
        lists: &[List],
        hours: &[Hours],
        clock: &Clock,
        scratch: &mut Scratch,
    ) {
        scratch.clear(self.slots);
        self.gather_words(subject, scratch);
        self.gather_numbers(subject, lists, scratch);
        self.gather_networks(subject, scratch);
        self.gather_texts(subject, scratch);
        if !self.times.is_empty() {
            self.gather_times(subject, hours, clock, scratch);
        }
    }

    /// Hands every rule that matches what was gathered to `visit`, in file order, until it breaks.
    pub(crate) fn search(&self, scratch: &mut Scratch, mut visit: impl FnMut(RuleId) -> ControlFlow<()>) {
        self.match_all(scratch);
        for rule in &scratch.matched {
            if visit(*rule).is_break() {
                return;
            }
        }
    }

    /// Finds every rule that matches what was gathered, and what of thresholds does.
    pub(crate) fn match_all(&self, scratch: &mut Scratch) {
        scratch.matched.clear();
        scratch.matched_of_thresholds.clear();
        for word in 0..self.rows.dense_words() {
            let rules = self.matching(scratch, |row| self.rows.dense_word(row, word));
            self.add_matched(word, rules, scratch);
        }
        let summaries = if self.rows.dense_words() > 0 { 0 } else { self.rows.summary_words() };
        for summary in 0..summaries {
            let mut candidates = self.candidates(summary, scratch);
            while candidates != 0 {
                let word = summary * 64 + candidates.trailing_zeros() as usize;
                candidates &= candidates - 1;
                let rules = self.matching(scratch, |row| self.rows.word(row, word));
                self.add_matched(word, rules, scratch);
            }
        }
        if scratch.matched.len() > 1 {
            scratch.matched.sort_unstable();
        }
    }

    #[inline]
    fn add_matched(&self, word: usize, mut rules: u64, scratch: &mut Scratch) {
        if let Some(word) = word.checked_sub(self.rule_words) {
            // Words come in order; those that a summary leaves out hold nothing.
            scratch.matched_of_thresholds.resize(word, 0);
            scratch.matched_of_thresholds.push(rules);
            return;
        }
        while rules != 0 {
            let place = word * 64 + rules.trailing_zeros() as usize;
            rules &= rules - 1;
            scratch.matched.extend(self.order.get(place));
        }
    }

    /// The entry of the first list in the rule's `when` that was hit.
    pub(crate) fn entry(&self, rule: RuleId, scratch: &Scratch) -> Option<ListHit> {
        let lists = self.lists_of.get(rule.0 as usize)?;
        lists.iter().find_map(|(slot, list)| {
            let hits = scratch.entries.iter().filter(|entry| entry.slot == *slot && entry.hit.list == list.0);
            hits.min_by_key(|entry| entry.order).map(|entry| entry.hit)
        })
    }

    /// Memory it takes beside the lists, in bytes, without its text automata.
    pub(crate) fn bytes(&self) -> usize {
        let by_class: usize = self.numbers.iter().map(|slot| slot.by_class.capacity()).sum();
        self.rows.bytes()
            + self.classes.bytes()
            + by_class * size_of::<Pair>()
            + self.network_lists.iter().map(NetworkTable::bytes).sum::<usize>()
    }

    /// Words that may hold a matching rule.
    #[inline]
    fn candidates(&self, summary: usize, scratch: &Scratch) -> u64 {
        let mut candidates = self.rows.summary(self.active, summary);
        for (slot, free) in &self.free {
            let held = scratch.when.get(slot.index()).map_or(&[][..], Vec::as_slice);
            let held = held.iter().fold(0, |all, row| all | self.rows.summary(*row, summary));
            candidates &= held | self.rows.summary(*free, summary);
        }
        candidates
    }

    /// The rules of one word that match; `word` gives that word of a set.
    #[inline(always)]
    fn matching(&self, scratch: &Scratch, word: impl Fn(Row) -> u64) -> u64 {
        let mut rules = word(self.active);
        for (slot, free) in &self.free {
            let held = scratch.when.get(slot.index()).map_or(&[][..], Vec::as_slice);
            let held = held.iter().fold(0, |all, row| all | word(*row));
            rules &= held | word(*free);
            if rules == 0 {
                return 0;
            }
        }
        scratch.unless.iter().fold(rules, |rules, row| rules & !word(*row))
    }

    fn gather_words(&self, subject: &Subject<'_>, scratch: &mut Scratch) {
        let words = &self.words;
        let mut hold = |slot, pairs: &[Pair], value: usize| {
            scratch.hold(slot, pairs.get(value).copied().unwrap_or(Pair::NONE));
        };
        hold(Slot::Direction, &words.direction, subject.direction as usize);
        hold(Slot::Transport, &words.transport, subject.transport as usize);
        hold(Slot::Method, &words.method, subject.method as usize);
        hold(Slot::CallType, &words.call_type, subject.call_type as usize);
        hold(Slot::Mismatch, &words.mismatch, usize::from(subject.identity_mismatch));
        if let Some(attestation) = subject.attestation {
            hold(Slot::Attestation, &words.attestation, attestation as usize);
        }
        for (bit, pair) in &words.flags {
            if subject.flags.bits() & bit != 0 {
                scratch.hold(Slot::Flag, *pair);
            }
        }
    }

    fn gather_networks(&self, subject: &Subject<'_>, scratch: &mut Scratch) {
        let [source, trunk] = &self.networks;
        self.gather_network(source, Slot::Source, subject.source.ip(), scratch);
        self.gather_network(trunk, Slot::Trunk, subject.source.ip(), scratch);
        self.gather_network(trunk, Slot::Trunk, subject.destination.ip(), scratch);
    }

    fn gather_network(&self, networks: &NetworkSlot, slot: Slot, address: IpAddr, scratch: &mut Scratch) {
        let innermost = networks.table.value(address);
        if let Some(pair) = innermost.and_then(|network| networks.by_network.get(network as usize)) {
            scratch.hold(slot, *pair);
        }
        for (list, pair) in &networks.by_list {
            let table = self.network_lists.get(list.0 as usize);
            if let Some(entry) = table.and_then(|table| table.value(address)) {
                scratch.hold(slot, *pair);
                scratch.hit(slot, 0, ListHit { list: list.0, entry });
            }
        }
    }

    fn gather_texts(&self, subject: &Subject<'_>, scratch: &mut Scratch) {
        for slot in &self.texts {
            match &slot.field {
                TextField::DisplayName => self.gather_text(slot, subject.display_name, false, scratch),
                TextField::UserAgent => self.gather_text(slot, subject.user_agent, true, scratch),
                TextField::Signer => self.gather_text(slot, subject.signer, true, scratch),
                TextField::Host => {
                    for host in subject.hosts {
                        self.gather_text(slot, host, true, scratch);
                    }
                }
                TextField::Header(name) => {
                    subject.headers.any_value(name, &mut |value| {
                        self.gather_text(slot, value, false, scratch);
                        false
                    });
                }
            }
        }
    }

    /// `often` says that the same few texts come again and again.
    fn gather_text(&self, slot: &TextSlot, text: &[u8], often: bool, scratch: &mut Scratch) {
        let Scratch { found, texts, .. } = scratch;
        if often {
            slot.texts.find_cached(text, (self.owner, slot.slot.0), texts, found);
        } else {
            slot.texts.find(text, found);
        }
        for index in 0..scratch.found.len() {
            let Some(found) = scratch.found.get(index).copied() else { continue };
            let Some((pair, list)) = slot.terms.get(found.term as usize) else { continue };
            scratch.hold(slot.slot, *pair);
            if let Some(list) = list {
                scratch.hit(slot.slot, 0, ListHit { list: list.0, entry: found.entry });
            }
        }
    }

    fn gather_times(&self, subject: &Subject<'_>, hours: &[Hours], clock: &Clock, scratch: &mut Scratch) {
        let local = clock.local(subject.at);
        for (term, pair) in &self.times {
            if local.fits(term, hours) {
                scratch.hold(Slot::Time, *pair);
            }
        }
    }
}

impl Scratch {
    /// Remembers that a list was hit by the value at place `order` of those the slot looks at.
    pub(super) fn hit(&mut self, slot: Slot, order: usize, hit: ListHit) {
        self.entries.push(EntryHit { slot, order, hit });
    }

    #[inline]
    pub(super) fn hold(&mut self, slot: Slot, pair: Pair) {
        if pair.when != Row::EMPTY
            && let Some(rows) = self.when.get_mut(slot.index())
        {
            rows.push(pair.when);
        }
        if pair.unless != Row::EMPTY {
            self.unless.push(pair.unless);
        }
    }
}
