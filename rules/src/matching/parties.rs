//! The numbers of a subject, each looked up once: what rules name themselves, and lists.

use crate::number::Number;
use crate::policy::{List, ListContent};
use crate::subject::{Identity, Party, Subject};
use crate::time::Timestamp;
use crate::verdict::ListHit;

use super::index::{NumberList, NumberSlot, Pair, RuleIndex};
use super::is_neighbour;
use super::rows::Row;
use super::scratch::Scratch;
use super::slot::Slot;
use super::table::Probe;

/// Values that come from one part of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Callers,
    Forwarders,
    Called,
}

/// One distinct value of a group.
#[derive(Clone, Copy, Debug)]
struct Seen {
    party: Party,
    /// Its place among callers and forwarders, or among called numbers.
    order: usize,
    /// The first place where somebody vouches for it.
    asserted: Option<usize>,
}

impl RuleIndex {
    pub(super) fn gather_numbers(&self, subject: &Subject<'_>, lists: &[List], scratch: &mut Scratch) {
        self.touch_lists(subject, lists, scratch);
        let mut next_probe = 0;
        for group in Group::ALL {
            group.each(subject, |seen| {
                let slots = group.slots(seen.asserted.is_some());
                match seen.party {
                    Party::Number(number) => {
                        let class = self.classes.value(number) as usize;
                        if class != 0 {
                            self.hold_numbers(slots, scratch, |slot| {
                                slot.by_class.get(class).copied().unwrap_or(Pair::NONE)
                            });
                        }
                        for (place, list) in self.lists_of_group(group).iter().enumerate() {
                            let probe = scratch.probes.get(next_probe);
                            next_probe += 1;
                            if let Some(entry) = list.row(lists, probe, number, subject.at) {
                                self.hold_list(
                                    group,
                                    place,
                                    ListHit { list: list.id.0, entry },
                                    &seen,
                                    scratch,
                                );
                            }
                        }
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

    /// Asks for the memory of all look-ups in lists of exact numbers before the first one waits for it.
    fn touch_lists(&self, subject: &Subject<'_>, lists: &[List], scratch: &mut Scratch) {
        scratch.probes.clear();
        for group in Group::ALL {
            let of_group = self.lists_of_group(group);
            if of_group.is_empty() {
                continue;
            }
            group.each(subject, |seen| {
                let Some(number) = seen.party.number() else { return };
                for list in of_group {
                    scratch.probes.push(list.touched(lists, number));
                }
            });
        }
    }

    fn lists_of_group(&self, group: Group) -> &[NumberList] {
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

    /// Holds the rules that ask for the list at `place` of `group`.
    fn hold_list(&self, group: Group, place: usize, hit: ListHit, seen: &Seen, scratch: &mut Scratch) {
        for slot in group.slots(seen.asserted.is_some()) {
            let pairs = self.numbers.get(slot.index()).and_then(|slot| slot.by_list.get(group as usize));
            let pair = pairs.and_then(|pairs| pairs.get(place)).copied().unwrap_or(Pair::NONE);
            scratch.hold(*slot, pair);
            if pair.when != Row::EMPTY {
                let order = if slot.is_asserted() { seen.asserted } else { None };
                scratch.hit(*slot, order.unwrap_or(seen.order), hit);
            }
        }
    }
}

impl NumberList {
    fn touched(self, lists: &[List], number: Number) -> Option<Probe> {
        let ListContent::Numbers { exact, .. } = &lists.get(self.id.0 as usize)?.content else { return None };
        if exact.is_empty() {
            return None;
        }
        let probe = exact.probe(number);
        exact.touch(&probe);
        Some(probe)
    }

    /// The lowest row of `number` that holds at `at`. Of overlapping ranges the table finds the one that lasts
    /// longest, so that none that still holds is hidden.
    fn row(
        self,
        lists: &[List],
        probe: Option<&Option<Probe>>,
        number: Number,
        at: Timestamp,
    ) -> Option<u32> {
        let list = lists.get(self.id.0 as usize)?;
        let ListContent::Numbers { exact, ranges } = &list.content else { return None };
        let exact = probe.and_then(Option::as_ref).and_then(|probe| exact.find(probe));
        let found = [exact, ranges.row(number)].into_iter().flatten();
        found.filter(|row| !self.expires || list.holds(*row, at)).min()
    }
}

impl Group {
    pub(super) const ALL: [Self; 3] = [Self::Callers, Self::Forwarders, Self::Called];

    /// Every distinct value: From and P-Asserted-Identity mostly say the same.
    #[inline]
    fn each(self, subject: &Subject<'_>, mut visit: impl FnMut(Seen)) {
        let (identities, before) = match self {
            Self::Callers => (subject.callers, 0),
            Self::Forwarders => (subject.forwarders, subject.callers.len()),
            Self::Called => {
                for (order, party) in subject.called.iter().enumerate() {
                    if !subject.called.iter().take(order).any(|known| known == party) {
                        visit(Seen { party: *party, order, asserted: None });
                    }
                }
                return;
            }
        };
        for (place, Identity { party, .. }) in identities.iter().enumerate() {
            if !identities.iter().take(place).any(|known| known.party == *party) {
                let vouched = |other: &Identity| other.asserted && other.party == *party;
                let asserted = identities.iter().position(vouched).map(|place| before + place);
                visit(Seen { party: *party, order: before + place, asserted });
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
