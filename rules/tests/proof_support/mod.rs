//! A policy built by hand, and a matcher so plain that it can be checked by reading it.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::net::IpAddr;

use jiff::tz::TimeZone;
use ringwall_rules::plan::{Bare, DialPlan};
use ringwall_rules::policy::{
    AlertLevel, ChangeControl, Condition, Customer, FirewallRule, Hours, List, ListContent, Mode,
    NetworkField, NetworkTerm, NumberField, NumberTerm, PolicyText, Rates, Response, RuleAction, Term,
    TextField, TextTerm, TimeTerm, WeekSet,
};
use ringwall_rules::{Identity, Number, NumberSet, Party, Subject, Timestamp};

pub(crate) fn policy(firewall: Vec<FirewallRule>) -> PolicyText {
    PolicyText {
        file: "acme.toml".into(),
        source: String::new(),
        version: String::new(),
        customer: Customer {
            name: "Acme".into(),
            dial_plan: DialPlan::new("US", Bare::National, None, &[], &[]).unwrap(),
            time_zone: TimeZone::get("America/Chicago").unwrap(),
            numbers: NumberSet::EMPTY,
            trunks: Vec::new(),
            trusted: Vec::new(),
            protected: NumberSet::EMPTY,
            list_response: Response::Code(603),
            threshold_response: Response::Code(603),
            redress: None,
            location: None,
            mode: Mode::Enforce,
            change_control: ChangeControl::File,
            rates: Rates::default(),
            do_not_originate: None,
            callback_seconds: 7200,
            silence_micros: None,
            back_to_back: Vec::new(),
            leg_header: None,
        },
        hours: Vec::new(),
        lists: Vec::new(),
        firewall: firewall
            .into_iter()
            .enumerate()
            .map(|(index, rule)| FirewallRule { span: index * 100..index * 100 + 50, ..rule })
            .collect(),
        ips: Vec::new(),
        expects: Vec::new(),
    }
}

pub(crate) fn rule(
    name: &str,
    when: impl Into<Vec<Condition>>,
    unless: impl Into<Vec<Condition>>,
    action: RuleAction,
) -> FirewallRule {
    FirewallRule {
        name: name.into(),
        when: when.into(),
        unless: unless.into(),
        action,
        mode: Mode::Enforce,
        alert: AlertLevel::None,
        case: false,
        expires: None,
        owner: None,
        reason: None,
        span: 0..0,
    }
}

pub(crate) fn block() -> RuleAction {
    RuleAction::Block(Response::Code(603))
}

pub(crate) fn number(text: &str) -> Number {
    match text.strip_prefix('+') {
        Some(digits) => Number::international(digits.as_bytes()).unwrap(),
        None => Number::local(text.as_bytes()).unwrap(),
    }
}

/// `+12105550100`, `911`, `+44*`, `+12105550100 - +12105550199`.
pub(crate) fn set(text: &str) -> NumberSet {
    if let Some(prefix) = text.strip_suffix('*') {
        NumberSet::prefix(number(prefix))
    } else if let Some((first, last)) = text.split_once(" - ") {
        NumberSet::range(number(first), number(last))
    } else {
        NumberSet::exact(number(text))
    }
}

pub(crate) fn sets(texts: &[&str]) -> NumberSet {
    texts.iter().fold(NumberSet::EMPTY, |all, text| all.union(&set(text)))
}

pub(crate) fn term<T>(value: T) -> Term<T> {
    Term { value, text: String::new(), span: 0..0 }
}

pub(crate) fn numbers(field: NumberField, terms: impl IntoIterator<Item = NumberTerm>) -> Condition {
    Condition::Numbers(field, terms.into_iter().map(term).collect())
}

pub(crate) fn caller(text: &str) -> Condition {
    numbers(NumberField::Caller, [NumberTerm::Set(set(text))])
}

pub(crate) fn called(text: &str) -> Condition {
    numbers(NumberField::Called, [NumberTerm::Set(set(text))])
}

pub(crate) fn direction(word: &str) -> Condition {
    Condition::Direction(1 << ringwall_rules::Direction::from_word(word).unwrap() as u8)
}

pub(crate) fn user_agent(terms: impl IntoIterator<Item = TextTerm>) -> Condition {
    Condition::Text(TextField::UserAgent, terms.into_iter().map(term).collect())
}

pub(crate) fn literal(text: &str) -> TextTerm {
    TextTerm::Literal(text.into())
}

pub(crate) fn weekly(weekday: usize, from: usize, to: usize) -> TimeTerm {
    let mut week = WeekSet::EMPTY;
    week.add(weekday, from, to);
    TimeTerm::Weekly(Box::new(week))
}

pub(crate) fn time(terms: impl IntoIterator<Item = TimeTerm>) -> Condition {
    Condition::Time(terms.into_iter().map(term).collect())
}

pub(crate) fn hours(name: &str, week: WeekSet, closed: &[&str]) -> Hours {
    Hours { name: name.into(), week, closed: closed.iter().map(|date| date.parse().unwrap()).collect() }
}

pub(crate) fn list(name: &str, content: ListContent) -> List {
    List::new(name, content, 0..0)
}

/// The moment `text`, civil time in Chicago.
pub(crate) fn at(text: &str) -> Timestamp {
    let civil: jiff::civil::DateTime = text.parse().unwrap();
    let zoned = civil.to_zoned(TimeZone::get("America/Chicago").unwrap()).unwrap();
    Timestamp(zoned.timestamp().as_microsecond())
}

/// Whether `rule` matches `subject`, by the words of the policy language and nothing else.
pub(crate) fn matches(policy: &PolicyText, rule: &FirewallRule, subject: &Subject<'_>) -> bool {
    let opens = matches!(rule.action, RuleAction::Allow | RuleAction::BypassIps);
    let closes = matches!(rule.action, RuleAction::Block(_) | RuleAction::Divert(_) | RuleAction::Limit(_));
    rule.mode != Mode::Off
        && rule.expires.is_none_or(|expires| subject.at < expires)
        && rule.when.iter().all(|condition| holds(policy, condition, subject, opens))
        && !rule.unless.iter().any(|condition| holds(policy, condition, subject, closes))
}

/// Whether `rule` ends the search whenever it matches.
pub(crate) fn ends(rule: &FirewallRule) -> bool {
    rule.mode == Mode::Enforce
        && matches!(
            rule.action,
            RuleAction::Allow | RuleAction::BypassIps | RuleAction::Block(_) | RuleAction::Divert(_)
        )
}

/// Whether `subject` comes as far as rule number `index` and is matched by it.
pub(crate) fn reaches(policy: &PolicyText, index: usize, subject: &Subject<'_>) -> bool {
    matches(policy, &policy.firewall[index], subject)
        && !policy.firewall[..index].iter().any(|rule| ends(rule) && matches(policy, rule, subject))
}

fn holds(policy: &PolicyText, condition: &Condition, subject: &Subject<'_>, asserted: bool) -> bool {
    match condition {
        Condition::Direction(bits) => bits >> subject.direction as u8 & 1 == 1,
        Condition::Transport(bits) => bits >> subject.transport as u8 & 1 == 1,
        Condition::Method(bits) => bits >> subject.method as u8 & 1 == 1,
        Condition::CallType(bits) => bits >> subject.call_type as u8 & 1 == 1,
        Condition::Attestation(bits) => {
            subject.attestation.is_some_and(|attestation| bits >> attestation as u8 & 1 == 1)
        }
        Condition::IdentityMismatch(wanted) => subject.identity_mismatch == *wanted,
        Condition::Flag(flags) => !subject.flags.intersection(*flags).is_empty(),
        Condition::Numbers(field, terms) => {
            let trusted = |identity: &&Identity| identity.asserted || !asserted;
            let callers = subject.callers.iter().filter(trusted).map(|identity| identity.party);
            let forwarders = subject.forwarders.iter().filter(trusted).map(|identity| identity.party);
            let parties: Vec<Party> = match field {
                NumberField::Caller => callers.collect(),
                NumberField::ForwardedBy => forwarders.collect(),
                NumberField::Identity => callers.chain(forwarders).collect(),
                NumberField::Called => subject.called.to_vec(),
            };
            parties.iter().any(|&party| terms.iter().any(|term| fits(policy, &term.value, party, subject)))
        }
        Condition::Text(field, terms) => {
            let fits = |text: &[u8]| terms.iter().any(|term| text_fits(policy, &term.value, text));
            match field {
                TextField::DisplayName => fits(subject.display_name),
                TextField::UserAgent => fits(subject.user_agent),
                TextField::Signer => fits(subject.signer),
                TextField::Host => subject.hosts.iter().any(|host| fits(host)),
                TextField::Header(name) => subject.headers.any_value(name, &mut |value| fits(value)),
            }
        }
        Condition::Networks(field, terms) => {
            let lies = |address: IpAddr| {
                terms.iter().any(|term| match &term.value {
                    NetworkTerm::Network(network) => network.contains(&address),
                    NetworkTerm::List(list) => match &policy.lists[list.0 as usize].content {
                        ListContent::Networks(networks) => networks.iter().any(|net| net.contains(&address)),
                        _ => false,
                    },
                })
            };
            lies(subject.source.ip()) || *field == NetworkField::Trunk && lies(subject.destination.ip())
        }
        Condition::Time(terms) => {
            let moment = jiff::Timestamp::from_microsecond(subject.at.0)
                .unwrap()
                .to_zoned(policy.customer.time_zone.clone());
            let minute = moment.hour() as usize * 60 + moment.minute() as usize;
            let weekday = moment.weekday().to_monday_zero_offset() as usize;
            let open = |id: ringwall_rules::policy::HoursId| {
                policy.hours[id.0 as usize].is_open(moment.date(), minute)
            };
            terms.iter().any(|term| match &term.value {
                TimeTerm::Inside(id) => open(*id),
                TimeTerm::Outside(id) => !open(*id),
                TimeTerm::Weekly(week) => week.contains(weekday * 1440 + minute),
            })
        }
    }
}

fn fits(policy: &PolicyText, term: &NumberTerm, party: Party, subject: &Subject<'_>) -> bool {
    let within = |set: &NumberSet| party.number().is_some_and(|number| set.contains(number));
    match term {
        NumberTerm::Set(set) => within(set),
        NumberTerm::List(list) => match (&policy.lists[list.0 as usize].content, party.number()) {
            (ListContent::Numbers { exact, ranges }, Some(number)) => {
                exact.row(number).is_some() || ranges.row(number).is_some()
            }
            _ => false,
        },
        NumberTerm::Anonymous => party == Party::Anonymous,
        NumberTerm::Invalid(set) => party == Party::Invalid || within(set),
        NumberTerm::Emergency(set) => party == Party::EmergencyService || within(set),
        NumberTerm::Neighbour => party.number().is_some_and(|number| {
            subject.called.iter().filter_map(|called| called.number()).any(|called| {
                let (number, called) = (number.to_string(), called.to_string());
                let shared = if number.starts_with("+1") { 8 } else { number.len() - 4 };
                number.len() == called.len() && number[..shared] == called[..shared]
            })
        }),
    }
}

fn text_fits(policy: &PolicyText, term: &TextTerm, text: &[u8]) -> bool {
    let has = |part: &str| {
        let (text, part) = (text.to_ascii_lowercase(), part.to_ascii_lowercase());
        part.is_empty() || text.windows(part.len()).any(|window| window == part.as_bytes())
    };
    match term {
        TextTerm::Literal(part) => has(part),
        TextTerm::Regex(pattern) => regex::bytes::Regex::new(pattern).unwrap().is_match(text),
        TextTerm::List(list) => match &policy.lists[list.0 as usize].content {
            ListContent::Texts(texts) => texts.iter().any(|part| has(part)),
            _ => false,
        },
    }
}
