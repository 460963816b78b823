//! Single conditions of a rule against a subject, one term and one value at a time.

use std::net::IpAddr;

use regex::bytes::Regex;

use crate::matching::{LocalTime, canonical, is_neighbour};
use crate::number::Number;
use crate::policy::compiled::entry_of;
use crate::policy::{
    Condition, List, ListContent, ListId, NetworkField, NetworkTerm, NumberField, NumberTerm, Policy, Term,
    TextField, TextTerm,
};
use crate::subject::{Attestation, CallType, Direction, Identity, Method, Party, Subject, Transport};
use crate::verdict::ListHit;

/// A value that fits a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The value, for people.
    pub value: String,
    /// The term, as the file writes it.
    pub term: String,
}

/// A subject under one policy.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a, 's> {
    pub(super) policy: &'a Policy,
    pub(super) subject: &'a Subject<'s>,
    /// Entries that are taken as not being on their lists.
    pub(super) without: &'a [ListHit],
}

impl<'a, 's> Facts<'a, 's> {
    pub(super) fn new(policy: &'a Policy, subject: &'a Subject<'s>) -> Self {
        Self { policy, subject, without: &[] }
    }
}

impl Facts<'_, '_> {
    /// The first value, by terms and then by values, that makes `condition` hold. `any` says whether every
    /// identity counts or asserted ones alone.
    pub(super) fn fit(&self, condition: &Condition, any: bool) -> Option<Fit> {
        match condition {
            Condition::Numbers(field, terms) => first_fit(terms, |term| self.number_fit(*field, term, any)),
            Condition::Text(field, terms) => first_fit(terms, |term| {
                let texts = self.texts(field);
                texts.into_iter().find(|text| self.text_fits(text, term)).map(|text| show_text(&text))
            }),
            Condition::Networks(field, terms) => first_fit(terms, |term| {
                let mut addresses = self.addresses(*field).into_iter();
                addresses.find(|address| self.network_fits(*address, term)).map(|a| a.to_string())
            }),
            Condition::Time(terms) => {
                let local = self.local_time();
                first_fit(terms, |term| local.fits(term, &self.policy.text.hours).then(|| local.to_string()))
            }
            Condition::Flag(flags) => {
                let flag = self.subject.flags.intersection(*flags).iter().next()?;
                Some(Fit { value: flag.name().to_owned(), term: flag.name().to_owned() })
            }
            _ => {
                let (bits, value) = self.word(condition)?;
                let word = Self::words(condition).into_iter().nth(value)?;
                (bits >> value & 1 == 1).then(|| Fit { value: word.to_owned(), term: word.to_owned() })
            }
        }
    }

    /// The entry of the first list of `condition` that one of its values is on.
    pub(super) fn list_hit(&self, condition: &Condition, any: bool) -> Option<ListHit> {
        let hit = |list: ListId, entry: Option<u32>| entry.map(|entry| ListHit { list: list.0, entry });
        match condition {
            Condition::Numbers(field, terms) => terms.iter().find_map(|term| match term.value {
                NumberTerm::List(list) => {
                    let parties = self.parties(*field, any);
                    let mut numbers = parties.into_iter().filter_map(Party::number);
                    numbers.find_map(|number| hit(list, entry_of(self.list(list)?, number, self.subject.at)))
                }
                _ => None,
            }),
            Condition::Text(field, terms) => terms.iter().find_map(|term| match term.value {
                TextTerm::List(list) => {
                    let mut texts = self.texts(field).into_iter();
                    texts.find_map(|text| hit(list, text_rows(self.list(list)?, &text).next()))
                }
                _ => None,
            }),
            Condition::Networks(field, terms) => terms.iter().find_map(|term| match term.value {
                NetworkTerm::List(list) => {
                    let mut addresses = self.addresses(*field).into_iter();
                    addresses.find_map(|address| hit(list, network_rows(self.list(list)?, address).next()))
                }
                _ => None,
            }),
            _ => None,
        }
    }

    /// All values that `condition` looks at, for people.
    pub(super) fn values(&self, condition: &Condition, any: bool) -> Vec<String> {
        match condition {
            Condition::Numbers(field, _) => self.parties(*field, any).into_iter().map(show_party).collect(),
            Condition::Text(field, _) => self.texts(field).iter().map(|text| show_text(text)).collect(),
            Condition::Networks(field, _) => {
                self.addresses(*field).iter().map(|address| address.to_string()).collect()
            }
            Condition::Time(_) => vec![self.local_time().to_string()],
            Condition::Flag(_) => self.subject.flags.iter().map(|flag| flag.name().to_owned()).collect(),
            _ => {
                let value =
                    self.word(condition).and_then(|(_, value)| Self::words(condition).get(value).copied());
                value.map(str::to_owned).into_iter().collect()
            }
        }
    }

    /// All terms of `condition`, as policy files write them.
    pub(super) fn terms(condition: &Condition) -> Vec<String> {
        fn written<T>(terms: &[Term<T>]) -> Vec<String> {
            terms.iter().map(|term| term.text.clone()).collect()
        }
        let bits = match condition {
            Condition::Numbers(_, terms) => return written(terms),
            Condition::Text(_, terms) => return written(terms),
            Condition::Networks(_, terms) => return written(terms),
            Condition::Time(terms) => return written(terms),
            Condition::Flag(flags) => return flags.iter().map(|flag| flag.name().to_owned()).collect(),
            Condition::Direction(bits)
            | Condition::Transport(bits)
            | Condition::CallType(bits)
            | Condition::Attestation(bits) => u32::from(*bits),
            Condition::Method(bits) => u32::from(*bits),
            Condition::IdentityMismatch(differ) => 1 << u8::from(*differ),
        };
        let words = Self::words(condition).into_iter().enumerate();
        words.filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, word)| word.to_owned()).collect()
    }

    /// The dimension of `condition`, as policy files name it.
    pub(super) fn dimension(condition: &Condition) -> String {
        let name = match condition {
            Condition::Direction(_) => "direction",
            Condition::Numbers(NumberField::Caller, _) => "caller",
            Condition::Numbers(NumberField::Called, _) => "called",
            Condition::Numbers(NumberField::Identity, _) => "identity",
            Condition::Numbers(NumberField::ForwardedBy, _) => "forwarded_by",
            Condition::Text(TextField::DisplayName, _) => "display_name",
            Condition::Text(TextField::UserAgent, _) => "user_agent",
            Condition::Text(TextField::Host, _) => "host",
            Condition::Text(TextField::Signer, _) => "signer",
            Condition::Text(TextField::Header(name), _) => return format!("header.{name}"),
            Condition::Networks(NetworkField::Source, _) => "source",
            Condition::Networks(NetworkField::Trunk, _) => "trunk",
            Condition::Transport(_) => "transport",
            Condition::Method(_) => "method",
            Condition::CallType(_) => "call_type",
            Condition::Attestation(_) => "attestation",
            Condition::Time(_) => "time",
            Condition::IdentityMismatch(_) => "identity_mismatch",
            Condition::Flag(_) => "flag",
        };
        name.to_owned()
    }

    /// The time in the customer's zone, asked of the zone itself.
    fn local_time(&self) -> LocalTime {
        let at = jiff::Timestamp::from_second(self.subject.at.0.div_euclid(1_000_000)).unwrap_or_default();
        let civil = self.policy.text.customer.time_zone.to_datetime(at);
        LocalTime { date: civil.date(), minute: civil.hour() as usize * 60 + civil.minute() as usize }
    }

    /// Bits of the condition and the place of the subject's value among [`words`](Self::words).
    fn word(&self, condition: &Condition) -> Option<(u32, usize)> {
        let subject = self.subject;
        Some(match condition {
            Condition::Direction(bits) => (u32::from(*bits), subject.direction as usize),
            Condition::Transport(bits) => (u32::from(*bits), subject.transport as usize),
            Condition::Method(bits) => (u32::from(*bits), subject.method as usize),
            Condition::CallType(bits) => (u32::from(*bits), subject.call_type as usize),
            Condition::Attestation(bits) => (u32::from(*bits), subject.attestation? as usize),
            Condition::IdentityMismatch(differ) => {
                (1 << u8::from(*differ), usize::from(subject.identity_mismatch))
            }
            _ => return None,
        })
    }

    /// All words of a dimension, in order of their bits.
    fn words(condition: &Condition) -> Vec<&'static str> {
        match condition {
            Condition::Direction(_) => Direction::ALL.iter().map(|value| value.word()).collect(),
            Condition::Transport(_) => Transport::ALL.iter().map(|value| value.word()).collect(),
            Condition::Method(_) => Method::ALL.iter().map(|value| value.word()).collect(),
            Condition::CallType(_) => CallType::ALL.iter().map(|value| value.word()).collect(),
            Condition::Attestation(_) => Attestation::ALL.iter().map(|value| value.word()).collect(),
            Condition::IdentityMismatch(_) => vec!["false", "true"],
            _ => Vec::new(),
        }
    }

    fn number_fit(&self, field: NumberField, term: &NumberTerm, any: bool) -> Option<String> {
        let parties = self.parties(field, any);
        let restricted = matches!(term, NumberTerm::Anonymous) && self.is_withheld(field, any);
        let fits = |party: &Party| match (term, *party) {
            (NumberTerm::Set(set), Party::Number(number)) => set.contains(number),
            (NumberTerm::List(list), Party::Number(number)) => self.is_listed(*list, number),
            (NumberTerm::Anonymous, party) => party == Party::Anonymous,
            (NumberTerm::Invalid(set), Party::Number(number)) => set.contains(number),
            (NumberTerm::Invalid(_), party) => party == Party::Invalid,
            (NumberTerm::Emergency(set), Party::Number(number)) => set.contains(number),
            (NumberTerm::Emergency(_), party) => party == Party::EmergencyService,
            (NumberTerm::Neighbour, Party::Number(number)) => {
                self.other_side(field).iter().any(|other| is_neighbour(number, *other))
            }
            (NumberTerm::Set(_) | NumberTerm::List(_) | NumberTerm::Neighbour, _) => false,
        };
        let value = parties.into_iter().find(fits).map(show_party);
        value.or_else(|| restricted.then(|| "withheld".to_owned()))
    }

    /// Whether the caller asked for privacy, and that counts for `field`.
    fn is_withheld(&self, field: NumberField, any: bool) -> bool {
        let callers = matches!(field, NumberField::Caller | NumberField::Identity);
        let vouched = any || self.subject.callers.iter().any(|caller| caller.asserted);
        callers && vouched && self.subject.restricted
    }

    /// Numbers that a neighbour would be a neighbour of.
    fn other_side(&self, field: NumberField) -> Vec<Number> {
        let other = match field {
            NumberField::Called => NumberField::Caller,
            NumberField::Caller | NumberField::Identity | NumberField::ForwardedBy => NumberField::Called,
        };
        self.parties(other, true).into_iter().filter_map(Party::number).collect()
    }

    fn parties(&self, field: NumberField, any: bool) -> Vec<Party> {
        let counting = |identities: &[Identity]| -> Vec<Party> {
            identities.iter().filter(|id| any || id.asserted).map(|id| id.party).collect()
        };
        match field {
            NumberField::Caller => counting(self.subject.callers),
            NumberField::ForwardedBy => counting(self.subject.forwarders),
            NumberField::Identity => {
                [counting(self.subject.callers), counting(self.subject.forwarders)].concat()
            }
            NumberField::Called => self.subject.called.to_vec(),
        }
    }

    fn texts(&self, field: &TextField) -> Vec<Vec<u8>> {
        let subject = self.subject;
        match field {
            TextField::DisplayName => vec![subject.display_name.to_vec()],
            TextField::UserAgent => vec![subject.user_agent.to_vec()],
            TextField::Signer => vec![subject.signer.to_vec()],
            TextField::Host => subject.hosts.iter().map(|host| host.to_vec()).collect(),
            TextField::Header(name) => {
                let mut values = Vec::new();
                subject.headers.any_value(name, &mut |value| {
                    values.push(value.to_vec());
                    false
                });
                values
            }
        }
    }

    fn text_fits(&self, text: &[u8], term: &TextTerm) -> bool {
        match term {
            TextTerm::Literal(literal) => contains(text, literal),
            TextTerm::Regex(pattern) => Regex::new(pattern).is_ok_and(|regex| regex.is_match(text)),
            TextTerm::List(list) => self.is_listed_text(*list, text),
        }
    }

    fn addresses(&self, field: NetworkField) -> Vec<IpAddr> {
        let ends = [self.subject.source.ip().to_canonical(), self.subject.destination.ip().to_canonical()];
        match field {
            NetworkField::Source => ends.into_iter().take(1).collect(),
            NetworkField::Trunk => ends.to_vec(),
        }
    }

    fn network_fits(&self, address: IpAddr, term: &NetworkTerm) -> bool {
        match term {
            NetworkTerm::Network(network) => canonical(*network).contains(&address),
            NetworkTerm::List(list) => self.is_listed_address(*list, address),
        }
    }

    fn is_listed(&self, id: ListId, number: Number) -> bool {
        let Some(list) = self.list(id) else { return false };
        let Some(row) = entry_of(list, number, self.subject.at) else { return false };
        !self.is_left_out(id, row) || list.holds_besides(row, number, &self.policy.text)
    }

    fn is_listed_text(&self, id: ListId, text: &[u8]) -> bool {
        self.list(id).is_some_and(|list| text_rows(list, text).any(|row| !self.is_left_out(id, row)))
    }

    fn is_listed_address(&self, id: ListId, address: IpAddr) -> bool {
        self.list(id).is_some_and(|list| network_rows(list, address).any(|row| !self.is_left_out(id, row)))
    }

    fn is_left_out(&self, list: ListId, row: u32) -> bool {
        self.without.iter().any(|hit| (hit.list, hit.entry) == (list.0, row))
    }

    fn list(&self, id: ListId) -> Option<&List> {
        self.policy.text.lists.get(id.0 as usize)
    }
}

fn first_fit<T>(terms: &[Term<T>], value: impl Fn(&T) -> Option<String>) -> Option<Fit> {
    terms.iter().find_map(|term| Some(Fit { value: value(&term.value)?, term: term.text.clone() }))
}

fn text_rows(list: &List, text: &[u8]) -> impl Iterator<Item = u32> {
    let literals = match &list.content {
        ListContent::Texts(literals) => literals.as_slice(),
        _ => &[],
    };
    literals.iter().zip(0..).filter(|(literal, _)| contains(text, literal)).map(|(_, row)| row)
}

fn network_rows(list: &List, address: IpAddr) -> impl Iterator<Item = u32> {
    let networks = match &list.content {
        ListContent::Networks(networks) => networks.as_slice(),
        _ => &[],
    };
    let holding =
        networks.iter().zip(0..).filter(move |(network, _)| canonical(**network).contains(&address));
    holding.map(|(_, row)| row)
}

/// Whether `text` contains `literal`, in any case.
fn contains(text: &[u8], literal: &str) -> bool {
    let literal = literal.as_bytes();
    literal.is_empty() || text.windows(literal.len()).any(|window| window.eq_ignore_ascii_case(literal))
}

fn show_party(party: Party) -> String {
    match party {
        Party::Number(number) => number.to_string(),
        Party::EmergencyService => "emergency service".to_owned(),
        Party::Anonymous => "anonymous".to_owned(),
        Party::Invalid => "invalid".to_owned(),
        Party::Name => "a name".to_owned(),
        Party::Absent => "none".to_owned(),
    }
}

fn show_text(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
