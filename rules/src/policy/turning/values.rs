//! Values that a fact of a call could have instead: somebody in every part that the policy tells apart, plain ones first.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::Change;
use super::fact::Fact;
use super::points;
use crate::flag::{Flag, Flags};
use crate::matching::{NumberTable, canonical};
use crate::number::Number;
use crate::number_set::NumberSet;
use crate::policy::{
    Condition, List, ListContent, ListId, NetworkTerm, NumberTerm, Policy, TextField, TextTerm, TimeTerm,
};
use crate::proof::matching_text;
use crate::subject::{Attestation, CallType, Direction, Method, Party, Subject, Transport};
use crate::time::Timestamp;

/// Where values come from: the policy, the call as it is, and the conditions that matter.
pub(super) struct Values<'a, 's> {
    pub(super) policy: &'a Policy,
    pub(super) subject: &'a Subject<'s>,
    pub(super) lowest: &'a Lowest,
}

/// The lowest numbers on each list of a policy, looked for once: a list may be long, and has its numbers in another order
/// each time it is read.
pub(super) struct Lowest(Vec<OnceCell<Vec<Number>>>);

impl Lowest {
    pub(super) fn new(policy: &Policy) -> Self {
        Self(vec![OnceCell::new(); policy.text.lists.len()])
    }

    /// At most [`ENTRIES_MAX`] numbers of `exact`, which are those of `list`.
    fn of(&self, list: ListId, exact: &NumberTable) -> &[Number] {
        let find = || {
            let mut lowest = BTreeSet::new();
            for (number, _) in exact.iter() {
                lowest.insert(number);
                if lowest.len() > ENTRIES_MAX {
                    lowest.pop_last();
                }
            }
            lowest.into_iter().collect()
        };
        self.0.get(list.0 as usize).map_or(&[], |found| found.get_or_init(find))
    }
}

impl Values<'_, '_> {
    /// Other values of `fact` that `conditions` may tell apart, at most [`VALUES_MAX`].
    pub(super) fn of(&self, fact: &Fact, conditions: &[&Condition]) -> Vec<Change> {
        let subject = self.subject;
        let asserted = || subject.callers.iter().chain(subject.forwarders).map(|identity| identity.asserted);
        let mut values: Vec<Change> = match fact {
            Fact::Caller => self.parties(first_number(subject), conditions).map(Change::Caller).collect(),
            Fact::Called => {
                let called = subject.called.iter().find_map(|party| party.number());
                self.parties(called, conditions).map(Change::Called).collect()
            }
            Fact::Forwarder => {
                let known = subject.forwarders.iter().find_map(|forwarder| forwarder.party.number());
                let parties = self.parties(known, conditions).map(|party| Change::Forwarder(Some(party)));
                let nobody = (!subject.forwarders.is_empty()).then_some(Change::Forwarder(None));
                nobody.into_iter().chain(parties).collect()
            }
            Fact::Withheld => vec![Change::Withheld(!subject.restricted)],
            Fact::Vouched => [true, false]
                .into_iter()
                .filter(|vouched| asserted().any(|is| is != *vouched))
                .map(Change::Vouched)
                .collect(),
            Fact::Source => {
                let own = subject.source.ip().to_canonical();
                let others = self.addresses(conditions).filter(|address| *address != own);
                others.map(Change::Source).collect()
            }
            Fact::Destination => {
                let own = subject.destination.ip().to_canonical();
                let others = self.addresses(conditions).filter(|address| *address != own);
                others.map(Change::Destination).collect()
            }
            Fact::Direction => others(Direction::ALL, &subject.direction).map(Change::Direction).collect(),
            Fact::Transport => others(Transport::ALL, &subject.transport).map(Change::Transport).collect(),
            Fact::Method => others(Method::ALL, &subject.method).map(Change::Method).collect(),
            Fact::CallType => others(CallType::ALL, &subject.call_type).map(Change::CallType).collect(),
            Fact::Attestation => {
                let all = Attestation::ALL.iter().copied().map(Some).chain([None]);
                all.filter(|value| *value != subject.attestation).map(Change::Attestation).collect()
            }
            Fact::Mismatch => vec![Change::Mismatch(!subject.identity_mismatch)],
            Fact::Flags => self.flags(conditions),
            Fact::Text(field) => {
                let texts = self.texts(conditions).into_iter();
                texts.map(|text| Change::Text(field.clone(), text)).collect()
            }
            Fact::Time => self.moments(conditions).into_iter().map(Change::At).collect(),
            Fact::Room => Vec::new(),
        };
        let mut distinct: Vec<Change> = Vec::new();
        for value in values.drain(..) {
            if distinct.len() < VALUES_MAX && !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        distinct
    }

    /// Ordinary parties that few rules speak of, then those that `conditions` do. Numbers like `like` come first.
    fn parties(&self, like: Option<Number>, conditions: &[&Condition]) -> impl Iterator<Item = Party> {
        let plain = PLAIN_NUMBERS.iter().filter_map(|digits| Number::international(digits.as_bytes()));
        let mut numbers: Vec<Number> = like.into_iter().flat_map(points::beside).take(BESIDE_MAX).collect();
        numbers.extend(plain);
        let plain_parties = numbers.len();
        let mut words = vec![Party::Name];
        for condition in conditions {
            match condition {
                Condition::Numbers(_, terms) => {
                    for term in terms {
                        self.number_term(&term.value, like, &mut numbers, &mut words);
                    }
                }
                // Whether it is the customer's own number tells the direction.
                Condition::Direction(_) => {
                    numbers.extend(points::around(&self.policy.text.customer.numbers, like));
                }
                _ => {}
            }
        }
        let asked = numbers.split_off(plain_parties.min(numbers.len()));
        let [plain, asked] = [numbers, asked].map(|numbers| numbers.into_iter().map(Party::Number));
        plain.chain(words).chain(asked)
    }

    fn number_term(
        &self,
        term: &NumberTerm,
        like: Option<Number>,
        numbers: &mut Vec<Number>,
        words: &mut Vec<Party>,
    ) {
        match term {
            NumberTerm::Set(set) => numbers.extend(points::around(set, like)),
            NumberTerm::List(list) => numbers.extend(self.listed(*list, like)),
            NumberTerm::Anonymous => words.push(Party::Anonymous),
            NumberTerm::Invalid(set) => {
                words.push(Party::Invalid);
                numbers.extend(points::around(set, like));
            }
            NumberTerm::Neighbour => {
                let callers = self.subject.callers.iter().map(|caller| caller.party);
                let both = callers.chain(self.subject.called.iter().copied()).filter_map(Party::number);
                numbers.extend(both.flat_map(|number| points::beside(number).take(2)));
            }
            // Nothing that is refused or let pass is told to have called for help instead.
            NumberTerm::Emergency(_) => {}
        }
    }

    /// Some numbers on a list, and some beside them.
    fn listed(&self, list: ListId, like: Option<Number>) -> Vec<Number> {
        let Some(ListContent::Numbers { exact, ranges }) = self.list(list).map(|list| &list.content) else {
            return Vec::new();
        };
        let mut numbers = self.lowest.of(list, exact).to_vec();
        let edges: Vec<Number> =
            numbers.iter().flat_map(|number| points::around(&NumberSet::exact(*number), like)).collect();
        numbers.extend(edges);
        if ranges.len() <= RANGES_MAX {
            numbers.extend(points::around(&ranges.to_set(), like));
        }
        numbers
    }

    fn addresses(&self, conditions: &[&Condition]) -> impl Iterator<Item = IpAddr> {
        let customer = &self.policy.text.customer;
        let mut networks: Vec<IpNet> = Vec::new();
        for condition in conditions {
            match condition {
                Condition::Networks(_, terms) => {
                    for term in terms {
                        match &term.value {
                            NetworkTerm::Network(network) => networks.push(*network),
                            NetworkTerm::List(list) => {
                                if let Some(ListContent::Networks(listed)) =
                                    self.list(*list).map(|list| &list.content)
                                {
                                    networks.extend(listed.iter().take(ENTRIES_MAX));
                                }
                            }
                        }
                    }
                }
                Condition::Direction(_) => networks.extend(&customer.trunks),
                // An address tells whose word counts, too.
                _ => networks.extend(customer.trusted.iter().chain(&customer.trunks)),
            }
        }
        let asked = networks.into_iter().flat_map(|network| edges(canonical(network)));
        PLAIN_ADDRESSES.into_iter().chain(asked)
    }

    /// Texts that hold none of the patterns, each pattern alone, and beside what is there; `None` is a header left out.
    fn texts(&self, conditions: &[&Condition]) -> Vec<Option<Vec<u8>>> {
        let mut texts = vec![Some(b"-".to_vec()), None, Some(Vec::new())];
        for condition in conditions {
            let Condition::Text(field, terms) = condition else { continue };
            if !matches!(field, TextField::Header(_)) {
                texts.retain(Option::is_some);
            }
            for term in terms {
                match &term.value {
                    TextTerm::Literal(literal) => texts.push(Some(literal.clone().into_bytes())),
                    TextTerm::Regex(pattern) => texts.extend(matching_text(pattern).map(Some)),
                    TextTerm::List(list) => {
                        if let Some(ListContent::Texts(listed)) = self.list(*list).map(|list| &list.content) {
                            let listed = listed.iter().take(ENTRIES_MAX);
                            texts.extend(listed.map(|text| Some(text.clone().into_bytes())));
                        }
                    }
                }
            }
        }
        texts
    }

    /// One flag more, or none of those asked for.
    fn flags(&self, conditions: &[&Condition]) -> Vec<Change> {
        let own = self.subject.flags;
        let asked = conditions.iter().filter_map(|condition| match condition {
            Condition::Flag(flags) => Some(*flags),
            _ => None,
        });
        let asked: Flags = asked.flat_map(|flags| flags.iter().collect::<Vec<Flag>>()).collect();
        let without: Flags = own.iter().filter(|flag| !asked.contains(*flag)).collect();
        let more = asked.iter().filter(|flag| !own.contains(*flag)).map(|flag| own.union(Flags::of(flag)));
        [without].into_iter().filter(|flags| *flags != own).chain(more).map(Change::Flags).collect()
    }

    /// The next moment of every kind that `conditions` tell apart: within a week, and on closed days.
    fn moments(&self, conditions: &[&Condition]) -> Vec<Timestamp> {
        let mut terms: Vec<&TimeTerm> = Vec::new();
        for condition in conditions {
            let Condition::Time(of_it) = condition else { continue };
            let of_it = of_it.iter().map(|term| &term.value);
            terms.extend(
                of_it
                    .filter(|term| !terms.iter().any(|known| std::ptr::eq(*known, *term)))
                    .collect::<Vec<_>>(),
            );
        }
        terms.truncate(TIME_TERMS_MAX);
        let hours = &self.policy.text.hours;
        let kind = |at: Timestamp| -> u64 {
            let local = self.policy.clock.local(at);
            let fits = terms.iter().zip(0..).map(|(term, bit)| u64::from(local.fits(term, hours)) << bit);
            fits.fold(0, |bits, bit| bits | bit)
        };
        let at = self.subject.at;
        let minutes = (1..=7 * 24 * 60).map(|minute| at.plus_micros(minute * 60_000_000));
        let zone = &self.policy.text.customer.time_zone;
        let closed = hours.iter().flat_map(|hours| hours.closed.iter()).take(ENTRIES_MAX).flat_map(|date| {
            [0, 9, 12, 18].into_iter().filter_map(|hour| {
                let moment = date.at(hour, 0, 0, 0).to_zoned(zone.clone()).ok()?;
                Some(Timestamp(moment.timestamp().as_microsecond()))
            })
        });
        let mut known = vec![kind(at)];
        let mut found = Vec::new();
        for moment in minutes.chain(closed) {
            let kind = kind(moment);
            if !known.contains(&kind) {
                known.push(kind);
                found.push(moment);
            }
        }
        found
    }

    fn list(&self, id: ListId) -> Option<&List> {
        self.policy.text.lists.get(id.0 as usize)
    }
}

fn first_number(subject: &Subject<'_>) -> Option<Number> {
    subject.callers.iter().find_map(|caller| caller.party.number())
}

fn others<'a, T: Copy + PartialEq>(all: &'a [T], own: &'a T) -> impl Iterator<Item = T> + 'a {
    all.iter().copied().filter(move |value| value != own)
}

/// An address in `network` and the first behind it.
fn edges(network: IpNet) -> impl Iterator<Item = IpAddr> {
    let inside = network.hosts().next();
    let behind = match network.broadcast() {
        IpAddr::V4(last) => u32::from(last).checked_add(1).map(|next| Ipv4Addr::from(next).into()),
        IpAddr::V6(last) => u128::from(last).checked_add(1).map(|next| Ipv6Addr::from(next).into()),
    };
    [inside, behind].into_iter().flatten()
}

/// Fictional numbers of some countries.
const PLAIN_NUMBERS: [&str; 5] =
    ["12025550143", "442079460123", "33199000123", "61491570006", "493023125123"];
/// Addresses of documentation (RFC 5737, RFC 3849).
const PLAIN_ADDRESSES: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 77)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 77)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x77)),
];
/// Values of one fact.
const VALUES_MAX: usize = 256;
const BESIDE_MAX: usize = 12;
const ENTRIES_MAX: usize = 8;
/// Ranges of a list that are looked through.
const RANGES_MAX: usize = 1024;
const TIME_TERMS_MAX: usize = 64;
