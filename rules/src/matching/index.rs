//! All rules of a policy, turned round: from what a subject holds to the rules that match.

use std::net::IpAddr;
use std::ops::ControlFlow;

use crate::number::Number;
use crate::policy::{Hours, List, ListContent, ListId, RuleId, TextField, TimeTerm};
use crate::subject::{Identity, Party, Subject};
use crate::verdict::ListHit;

use super::clock::Clock;
use super::is_neighbour;
use super::networks::NetworkTable;
use super::rows::{Row, Rows};
use super::scratch::Scratch;
use super::segments::SegmentMap;
use super::slot::Slot;
use super::table::NumberTable;
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
    /// Rules that are not off.
    pub(super) active: Row,
    /// Slots that some rule has a condition on, and the rules that have none there.
    pub(super) free: Vec<(Slot, Row)>,
    pub(super) slots: usize,
    /// The class of every number that any rule names itself, not through a list.
    pub(super) classes: SegmentMap,
    pub(super) numbers: [NumberSlot; Slot::NUMBERS],
    /// Lists that are asked about callers, forwarders and called numbers.
    pub(super) number_lists: [Vec<ListId>; 3],
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
    const NONE: Self = Self { when: Row::EMPTY, unless: Row::EMPTY };
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
        scratch.matched.clear();
        for summary in 0..self.rows.summary_words() {
            let mut candidates = self.candidates(summary, scratch);
            while candidates != 0 {
                let word = summary * 64 + candidates.trailing_zeros() as usize;
                candidates &= candidates - 1;
                let mut rules = self.matching(word, scratch);
                while rules != 0 {
                    let place = word * 64 + rules.trailing_zeros() as usize;
                    rules &= rules - 1;
                    scratch.matched.extend(self.order.get(place));
                }
            }
        }
        scratch.matched.sort_unstable();
        for rule in &scratch.matched {
            if visit(*rule).is_break() {
                return;
            }
        }
    }

    /// The entry of the first list in the rule's `when` that was hit.
    pub(crate) fn entry(&self, rule: RuleId, scratch: &Scratch) -> Option<ListHit> {
        let lists = self.lists_of.get(rule.0 as usize)?;
        lists.iter().find_map(|(slot, list)| {
            let mut hits = scratch.entries.iter();
            hits.find(|(hit_slot, hit)| hit_slot == slot && hit.list == list.0).map(|(_, hit)| *hit)
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

    /// The rules of one word that match.
    #[inline]
    fn matching(&self, word: usize, scratch: &Scratch) -> u64 {
        let mut rules = self.rows.word(self.active, word);
        for (slot, free) in &self.free {
            let held = scratch.when.get(slot.index()).map_or(&[][..], Vec::as_slice);
            let held = held.iter().fold(0, |all, row| all | self.rows.word(*row, word));
            rules &= held | self.rows.word(*free, word);
            if rules == 0 {
                return 0;
            }
        }
        scratch.unless.iter().fold(rules, |rules, row| rules & !self.rows.word(*row, word))
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

    fn gather_numbers(&self, subject: &Subject<'_>, lists: &[List], scratch: &mut Scratch) {
        let groups = [Group::Callers, Group::Forwarders, Group::Called];
        scratch.probes.clear();
        for group in groups {
            let exact = || self.lists_of_group(group).iter().filter_map(|list| exact(lists, *list));
            group.each(subject, |party, _| {
                let Some(number) = party.number() else { return };
                for table in exact() {
                    let probe = table.probe(number);
                    table.touch(&probe);
                    scratch.probes.push(probe);
                }
            });
        }
        let mut next_probe = 0;
        for group in groups {
            group.each(subject, |party, asserted| {
                let slots = group.slots(asserted);
                match party {
                    Party::Number(number) => {
                        let class = self.classes.value(number) as usize;
                        if class != 0 {
                            self.hold_numbers(slots, scratch, |slot| {
                                slot.by_class.get(class).copied().unwrap_or(Pair::NONE)
                            });
                        }
                        self.gather_lists(group, slots, number, lists, &mut next_probe, scratch);
                        if self.has_neighbours && group.has_neighbour(subject, number) {
                            self.hold_numbers(slots, scratch, |slot| slot.neighbour);
                        }
                    }
                    Party::EmergencyService => self.hold_numbers(slots, scratch, |slot| slot.emergency),
                    Party::Anonymous => self.hold_numbers(slots, scratch, |slot| slot.anonymous),
                    Party::Invalid => self.hold_numbers(slots, scratch, |slot| slot.invalid),
                    Party::Name | Party::Absent => {}
                }
            });
        }
        if subject.restricted {
            // Who asks for privacy withholds the number; as a key to an exception it counts only beside an
            // identity that somebody vouches for.
            let vouched = subject.callers.iter().any(|caller| caller.asserted);
            self.hold_numbers(Group::Callers.slots(vouched), scratch, |slot| slot.anonymous);
        }
    }

    fn lists_of_group(&self, group: Group) -> &[ListId] {
        self.number_lists.get(group as usize).map_or(&[], Vec::as_slice)
    }

    #[inline]
    fn hold_numbers(&self, slots: &[Slot], scratch: &mut Scratch, pair: impl Fn(&NumberSlot) -> Pair) {
        for slot in slots {
            if let Some(number_slot) = self.numbers.get(slot.index()) {
                scratch.hold(*slot, pair(number_slot));
            }
        }
    }

    fn gather_lists(
        &self,
        group: Group,
        slots: &[Slot],
        number: Number,
        lists: &[List],
        next_probe: &mut usize,
        scratch: &mut Scratch,
    ) {
        for (place, list) in self.lists_of_group(group).iter().enumerate() {
            let Some(ListContent::Numbers { exact, ranges }) = lists.get(list.0 as usize).map(|l| &l.content)
            else {
                continue;
            };
            let exact = scratch.probes.get(*next_probe).and_then(|probe| exact.find(probe));
            *next_probe += 1;
            let range = ranges.row(number);
            let Some(entry) = lowest(exact, range) else { continue };
            for slot in slots {
                let pairs = self.numbers.get(slot.index()).and_then(|slot| slot.by_list.get(group as usize));
                let pair = pairs.and_then(|pairs| pairs.get(place)).copied().unwrap_or(Pair::NONE);
                scratch.hold(*slot, pair);
                if pair.when != Row::EMPTY {
                    scratch.entries.push((*slot, ListHit { list: list.0, entry }));
                }
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
                scratch.entries.push((slot, ListHit { list: list.0, entry }));
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
                scratch.entries.push((slot.slot, ListHit { list: list.0, entry: found.entry }));
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
    #[inline]
    fn hold(&mut self, slot: Slot, pair: Pair) {
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

/// Values that come from one part of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Callers,
    Forwarders,
    Called,
}

impl Group {
    /// Every distinct value and whether it is asserted.
    #[inline]
    fn each(self, subject: &Subject<'_>, mut visit: impl FnMut(Party, bool)) {
        let identities = match self {
            Self::Callers => subject.callers,
            Self::Forwarders => subject.forwarders,
            Self::Called => return subject.called.iter().for_each(|&party| visit(party, true)),
        };
        for (index, identity) in identities.iter().enumerate() {
            let says_nothing_new =
                |known: &Identity| known.party == identity.party && known.asserted >= identity.asserted;
            if !identities.iter().take(index).any(says_nothing_new) {
                visit(identity.party, identity.asserted);
            }
        }
    }

    /// The slots whose conditions look at any value of the group.
    pub(super) fn all_slots(self) -> &'static [Slot] {
        self.slots(true)
    }

    /// The slots whose conditions look at a value of the group.
    fn slots(self, asserted: bool) -> &'static [Slot] {
        match (self, asserted) {
            (Self::Callers, false) => &[Slot::Caller, Slot::Identity],
            (Self::Callers, true) => {
                &[Slot::Caller, Slot::Identity, Slot::CallerAsserted, Slot::IdentityAsserted]
            }
            (Self::Forwarders, false) => &[Slot::Forwarder, Slot::Identity],
            (Self::Forwarders, true) => {
                &[Slot::Forwarder, Slot::Identity, Slot::ForwarderAsserted, Slot::IdentityAsserted]
            }
            (Self::Called, _) => &[Slot::Called],
        }
    }

    /// Whether `number` is a neighbour of the other side of the call.
    fn has_neighbour(self, subject: &Subject<'_>, number: Number) -> bool {
        let near = |party: &Party| party.number().is_some_and(|other| is_neighbour(number, other));
        match self {
            Self::Called => subject.callers.iter().any(|caller| near(&caller.party)),
            Self::Callers | Self::Forwarders => subject.called.iter().any(near),
        }
    }
}

fn exact(lists: &[List], id: ListId) -> Option<&NumberTable> {
    match &lists.get(id.0 as usize)?.content {
        ListContent::Numbers { exact, .. } => Some(exact),
        ListContent::Texts(_) | ListContent::Networks(_) => None,
    }
}

/// The lower of two rows.
fn lowest(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    a.into_iter().chain(b).min()
}
