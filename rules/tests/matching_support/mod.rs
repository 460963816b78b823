//! Policies and subjects for the tests of matching: written out, or thrown by dice.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "no product code")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use jiff::tz::TimeZone;
use ringwall_rules::matching::{NumberTableBuilder, RangeTable};
use ringwall_rules::number_set::NumberSet;
use ringwall_rules::plan::{Bare, DialPlan};
use ringwall_rules::policy::*;
use ringwall_rules::subject::*;
use ringwall_rules::{Flag, Flags, Number, Timestamp};

/// 2026-10-14T12:00:00Z, a Wednesday.
pub const NOON: i64 = 1_791_979_200;

/// `+…` is international, else local.
pub fn number(text: &str) -> Number {
    match text.strip_prefix('+') {
        Some(digits) => Number::international(digits.as_bytes()).unwrap(),
        None => Number::local(text.as_bytes()).unwrap(),
    }
}

pub fn term<T>(value: T, text: &str) -> Term<T> {
    Term { value, text: text.to_owned(), span: 0..0 }
}

pub fn rule(name: &str, when: Vec<Condition>, action: RuleAction) -> FirewallRule {
    FirewallRule {
        name: name.to_owned(),
        when,
        unless: Vec::new(),
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

pub fn block() -> RuleAction {
    RuleAction::Block(Response::Code(603))
}

/// The caller is on list `list`.
pub fn on_list(field: NumberField, list: u32) -> Condition {
    Condition::Numbers(field, vec![term(NumberTerm::List(ListId(list)), "@list")])
}

pub fn prefix(field: NumberField, text: &str) -> Condition {
    Condition::Numbers(field, vec![term(NumberTerm::Set(NumberSet::prefix(number(text))), text)])
}

pub fn numbers_list(name: &str, exact: &[Number], ranges: &[NumberSet]) -> List {
    let mut builder = NumberTableBuilder::default();
    for (number, row) in exact.iter().zip(0..) {
        builder.insert(*number, row);
    }
    let rows = ranges.iter().zip(exact.len() as u32..);
    let ranges = rows.flat_map(|(set, row)| set.segments().iter().map(move |segment| (*segment, row)));
    let content = ListContent::Numbers { exact: builder.finish(), ranges: RangeTable::new(ranges.collect()) };
    List::new(name, content, 0..0)
}

pub fn texts_list(name: &str, texts: &[&str]) -> List {
    let texts = texts.iter().map(|text| text.to_string()).collect();
    List::new(name, ListContent::Texts(texts), 0..0)
}

pub fn networks_list(name: &str, networks: &[&str]) -> List {
    let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
    List::new(name, ListContent::Networks(networks), 0..0)
}

/// How somebody in `region` dials, with 9 for an outside line.
pub fn dial_plan(region: &str) -> DialPlan {
    DialPlan::new(region, Bare::National, Some("210"), &["9".to_owned()], &[]).unwrap()
}

/// Acme of Texas, with `lists` and `firewall`.
pub fn policy_text(lists: Vec<List>, firewall: Vec<FirewallRule>) -> PolicyText {
    let mut weekdays = WeekSet::EMPTY;
    (0..5).for_each(|day| weekdays.add(day, 8 * 60, 17 * 60));
    PolicyText {
        file: "acme.toml".to_owned(),
        source: String::new(),
        version: "0".repeat(64),
        customer: Customer {
            name: "Acme".to_owned(),
            dial_plan: dial_plan("US"),
            time_zone: TimeZone::get("America/Chicago").unwrap(),
            numbers: NumberSet::range(number("+12105550100"), number("+12105550199")),
            trunks: vec!["10.20.0.0/16".parse().unwrap()],
            trusted: vec!["198.51.100.0/24".parse().unwrap()],
            protected: NumberSet::EMPTY,
            list_response: Response::Code(603),
            threshold_response: Response::NetworkBlocked,
            redress: None,
            location: None,
            mode: Mode::Enforce,
            change_control: ChangeControl::File,
            rates: Rates::default(),
            do_not_originate: None,
            callback_seconds: 7_200,
            silence_micros: None,
            back_to_back: Vec::new(),
            leg_header: None,
        },
        hours: vec![Hours {
            name: "business".to_owned(),
            week: weekdays,
            closed: vec![jiff::civil::date(2026, 11, 26)],
        }],
        lists,
        firewall,
        ips: Vec::new(),
        expects: Vec::new(),
    }
}

/// Everything a [`Subject`] borrows.
#[derive(Clone, Debug)]
pub struct Call {
    pub at: Timestamp,
    pub method: Method,
    pub direction: Direction,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub transport: Transport,
    pub callers: Vec<Identity>,
    pub forwarders: Vec<Identity>,
    pub called: Vec<Party>,
    pub restricted: bool,
    pub display_name: String,
    pub user_agent: String,
    pub hosts: [String; 2],
    pub call_type: CallType,
    pub attestation: Option<Attestation>,
    pub signer: String,
    pub identity_mismatch: bool,
    pub priority: bool,
    pub callback: bool,
    pub repeat: bool,
    pub flags: Flags,
    pub headers: NamedHeaders,
}

/// Headers by lower-case name.
#[derive(Clone, Debug, Default)]
pub struct NamedHeaders(pub Vec<(&'static str, String)>);

impl Headers for NamedHeaders {
    fn any_value(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let mut values = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.any(|(_, value)| visit(value.as_bytes()))
    }
}

pub fn identity(party: Party, origin: Origin, asserted: bool) -> Identity {
    Identity { party, origin, asserted }
}

impl Call {
    /// An inbound call at noon from `from` to `to`.
    pub fn new(from: &str, to: &str) -> Self {
        Self {
            at: Timestamp::from_seconds(NOON),
            method: Method::Invite,
            direction: Direction::Inbound,
            source: "192.0.2.7:5060".parse().unwrap(),
            destination: "10.20.0.1:5060".parse().unwrap(),
            transport: Transport::Udp,
            callers: vec![identity(Party::Number(number(from)), Origin::From, false)],
            forwarders: Vec::new(),
            called: vec![Party::Number(number(to))],
            restricted: false,
            display_name: String::new(),
            user_agent: "Cisco-SIPGateway/IOS-15.4".to_owned(),
            hosts: ["carrier.example".to_owned(), "acme.example".to_owned()],
            call_type: CallType::Voice,
            attestation: Some(Attestation::None),
            signer: String::new(),
            identity_mismatch: false,
            priority: false,
            callback: false,
            repeat: false,
            flags: Flags::NONE,
            headers: NamedHeaders::default(),
        }
    }

    pub fn subject(&self) -> Subject<'_> {
        Subject {
            at: self.at,
            method: self.method,
            direction: self.direction,
            source: self.source,
            destination: self.destination,
            transport: self.transport,
            callers: &self.callers,
            forwarders: &self.forwarders,
            called: &self.called,
            dialled: (0, 1),
            restricted: self.restricted,
            display_name: self.display_name.as_bytes(),
            user_agent: self.user_agent.as_bytes(),
            hosts: [self.hosts[0].as_bytes(), self.hosts[1].as_bytes()],
            call_type: self.call_type,
            attestation: self.attestation,
            signer: self.signer.as_bytes(),
            identity_mismatch: self.identity_mismatch,
            priority: self.priority,
            callback: self.callback,
            repeat: self.repeat,
            flags: self.flags,
            headers: &self.headers,
        }
    }
}

/// Numbers that look random and repeat (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

/// A policy of random rules over every dimension, in a world small enough that they meet.
pub struct World {
    pub policy: Policy,
}

const TEXTS: &[&str] = &["sip", "vicious", "SIPVicious", "cli", "acme", "a", "", "friendly-scanner", "ext"];
const HEADERS: &[&str] = &["x-tenant", "p-charge-info", "subject"];
const NETWORKS: &[&str] = &[
    "10.20.0.0/16",
    "10.20.3.0/24",
    "10.20.3.4/32",
    "192.0.2.0/24",
    "192.0.2.128/25",
    "::ffff:192.0.2.0/120",
    "2001:db8::/32",
    "0.0.0.0/0",
];
const ADDRESSES: &[&str] = &[
    "10.20.3.4:5060",
    "10.20.9.9:5060",
    "192.0.2.7:5060",
    "192.0.2.200:5061",
    "[::ffff:192.0.2.9]:5060",
    "[2001:db8::1]:5060",
    "203.0.113.5:5060",
];

impl World {
    pub fn new(dice: &mut Dice, rules: usize) -> Self {
        let list = |dice: &mut Dice, name: &str| {
            let exact: Vec<_> = (0..dice.below(20)).map(|_| any_number(dice)).collect();
            let ranges: Vec<_> = (0..dice.below(4)).map(|_| any_set(dice)).collect();
            numbers_list(name, &exact, &ranges)
        };
        let lists = vec![
            list(dice, "one"),
            list(dice, "two"),
            list(dice, "three"),
            texts_list("scanners", &["sipvicious", "cli", "friendly-scanner"]),
            texts_list("words", &["VICIOUS", "ext"]),
            networks_list("carriers", &["192.0.2.0/24", "192.0.2.0/26", "2001:db8::/48"]),
            networks_list("own", &["10.20.0.0/15", "10.20.3.4/32"]),
        ];
        let firewall = (0..rules).map(|index| any_rule(dice, index, rules)).collect();
        let mut text = policy_text(lists, firewall);
        text.ips = (0..dice.below(6)).map(|index| any_threshold(dice, index as usize)).collect();
        if dice.one_in(20) {
            text.customer.mode = Mode::Off;
        }
        Self { policy: Policy::new(text) }
    }

    pub fn subject(&self, dice: &mut Dice, step: i64) -> Call {
        let origins = [Origin::From, Origin::Asserted, Origin::RemoteParty];
        let mut call = Call::new("+1", "+1");
        call.at =
            Timestamp::from_seconds(NOON + step * 137 + dice.below(9 * 86_400) as i64 * dice.below(2) as i64);
        call.method = *dice.pick(Method::ALL);
        call.direction = *dice.pick(Direction::ALL);
        call.transport = *dice.pick(Transport::ALL);
        call.source = dice.pick(ADDRESSES).parse().unwrap();
        call.destination = dice.pick(ADDRESSES).parse().unwrap();
        let identities = |dice: &mut Dice, most: u64| -> Vec<Identity> {
            let count = dice.below(most + 1);
            (0..count).map(|_| identity(any_party(dice), *dice.pick(&origins), dice.one_in(2))).collect()
        };
        call.callers = identities(dice, 3);
        call.forwarders = identities(dice, 2);
        call.called = (0..=dice.below(2)).map(|_| any_party(dice)).collect();
        call.restricted = dice.one_in(6);
        let text = |dice: &mut Dice| format!("{}{}/1.0", dice.pick(TEXTS), dice.pick(TEXTS));
        call.display_name = text(dice);
        call.user_agent = text(dice);
        call.hosts = [text(dice), text(dice)];
        call.signer = text(dice);
        call.call_type = *dice.pick(CallType::ALL);
        call.attestation = Some(*dice.pick(Attestation::ALL)).filter(|_| !dice.one_in(6));
        call.identity_mismatch = dice.one_in(2);
        call.priority = dice.one_in(50);
        call.callback = dice.one_in(20);
        call.repeat = dice.one_in(8);
        call.flags = (0..dice.below(4)).map(|_| *dice.pick(&Flag::ALL[..5])).collect();
        call.headers.0 = (0..dice.below(4)).map(|_| (*dice.pick(HEADERS), text(dice))).collect();
        call
    }
}

/// Few digits, so that chance makes equal numbers, prefixes and neighbours.
fn any_number(dice: &mut Dice) -> Number {
    match dice.below(12) {
        0 => number(dice.pick::<&str>(&["911", "112", "9911", "101", "102"])),
        1..4 => number(&format!("+1210555010{}", dice.below(10))),
        4 => number(&format!("+1210556{:04}", dice.below(3))),
        5 => number(&format!("+44207946000{}", dice.below(4))),
        _ => number(&format!("+{}{}", dice.below(4) + 1, dice.below(300))),
    }
}

fn any_set(dice: &mut Dice) -> NumberSet {
    let one = any_number(dice);
    match dice.below(7) {
        0 => NumberSet::exact(one),
        1 | 2 => NumberSet::prefix(one),
        3 => NumberSet::range(one.min(any_number(dice)), one),
        4 => NumberSet::all_international().with_lengths(1 << (dice.below(4) + 2)),
        5 => NumberSet::prefix(number(&format!("+{}", dice.below(4) + 1)))
            .difference(&NumberSet::prefix(any_number(dice))),
        _ => NumberSet::exact(one).union(&NumberSet::exact(any_number(dice))),
    }
}

fn any_party(dice: &mut Dice) -> Party {
    match dice.below(16) {
        0 => Party::Anonymous,
        1 => Party::Invalid,
        2 => Party::Name,
        3 => Party::Absent,
        4 if dice.one_in(4) => Party::EmergencyService,
        _ => Party::Number(any_number(dice)),
    }
}

fn any_rule(dice: &mut Dice, index: usize, rules: usize) -> FirewallRule {
    let action = match dice.below(24) {
        0 => RuleAction::Allow,
        1 => RuleAction::BypassIps,
        2..7 => {
            RuleAction::Block(*dice.pick(&[Response::Code(486), Response::NetworkBlocked, Response::Drop]))
        }
        7 => RuleAction::Divert("sip:desk@acme.example".to_owned()),
        8..14 => RuleAction::Tag("odd".to_owned()),
        14 | 15 => RuleAction::Terminate,
        16 | 17 => RuleAction::Log,
        18..21 => RuleAction::Limit(Limit::Rate {
            calls: dice.below(4) as u32,
            per_micros: (dice.below(900) as i64 + 1) * 1_000_000,
        }),
        _ => RuleAction::Limit(Limit::Concurrent(dice.below(4) as u32)),
    };
    // Among many rules most are narrow, so that some call gets past them to the last words.
    let conditions = if rules > 50 { dice.below(3) + 3 } else { dice.below(4) };
    let mut rule = rule(&format!("rule {index}"), clause(dice, conditions), action);
    let exceptions = if dice.one_in(3) { dice.below(3) } else { 0 };
    rule.unless = clause(dice, exceptions);
    rule.mode =
        *dice.pick(&[Mode::Off, Mode::Shadow, Mode::Enforce, Mode::Enforce, Mode::Enforce, Mode::Enforce]);
    rule.alert = *dice.pick(&[AlertLevel::None, AlertLevel::Info, AlertLevel::Warning, AlertLevel::Critical]);
    rule.expires = dice.one_in(6).then(|| Timestamp::from_seconds(NOON + dice.below(40_000) as i64));
    rule
}

fn any_threshold(dice: &mut Dice, index: usize) -> IpsRule {
    let rule = any_rule(dice, index, 0);
    let (when, block_when) = (clause(dice, 2), clause(dice, 1));
    IpsRule {
        mode: rule.mode,
        expires: rule.expires,
        unless: rule.unless,
        block_when,
        ..threshold(&rule.name, when)
    }
}

/// A threshold on attempts of one caller that blocks for an hour.
pub fn threshold(name: &str, when: Vec<Condition>) -> IpsRule {
    let action = ips::BreachAction { deed: ips::Deed::Block(None), for_micros: 3_600_000_000 };
    IpsRule {
        name: name.to_owned(),
        detection: None,
        shipped: Vec::new(),
        when,
        unless: Vec::new(),
        count: Some(ips::Count::Attempts),
        per: Some(vec![ips::Key::Caller]),
        within_micros: Some(600_000_000),
        warning: Some(5.0),
        critical: Some(10.0),
        baseline: None,
        at_least: None,
        hold_micros: None,
        clear: None,
        cool_down_micros: None,
        warning_action: None,
        critical_action: Some(action),
        outcome: Vec::new(),
        also: Vec::new(),
        block_key: None,
        block_when: Vec::new(),
        shorter_than_micros: None,
        gap: None,
        mode: Mode::Enforce,
        alert: None,
        case: false,
        expires: None,
        owner: None,
        reason: None,
        span: 0..0,
    }
}

fn clause(dice: &mut Dice, conditions: u64) -> Vec<Condition> {
    let mut clause: Vec<Condition> = Vec::new();
    for _ in 0..conditions {
        let condition = any_condition(dice);
        if !clause.iter().any(|known| dimension(known) == dimension(&condition)) {
            clause.push(condition);
        }
    }
    clause
}

/// A clause names a dimension at most once.
fn dimension(condition: &Condition) -> String {
    match condition {
        Condition::Numbers(field, _) => format!("{field:?}"),
        Condition::Text(field, _) => format!("{field:?}"),
        Condition::Networks(field, _) => format!("{field:?}"),
        other => format!("{:?}", std::mem::discriminant(other)),
    }
}

fn any_condition(dice: &mut Dice) -> Condition {
    match dice.below(18) {
        0 => Condition::Direction(dice.below(8) as u8),
        1..8 => {
            use NumberField::*;
            let field = *dice.pick(&[Caller, Caller, Called, Called, Identity, ForwardedBy]);
            Condition::Numbers(field, terms(dice, any_number_term))
        }
        8 | 9 => {
            use TextField::*;
            let header = Header(dice.pick(HEADERS).to_string());
            let field = dice.pick(&[DisplayName, UserAgent, Host, Signer, header]).clone();
            Condition::Text(field, terms(dice, any_text_term))
        }
        10 | 11 => {
            let field = *dice.pick(&[NetworkField::Source, NetworkField::Trunk]);
            Condition::Networks(field, terms(dice, any_network_term))
        }
        12 => Condition::Transport(dice.below(64) as u8),
        13 => Condition::Method(dice.below(1 << 15) as u16),
        14 => Condition::CallType(dice.below(16) as u8),
        15 => Condition::Attestation(dice.below(32) as u8),
        16 => Condition::Time(terms(dice, any_time_term)),
        _ if dice.one_in(2) => Condition::IdentityMismatch(dice.one_in(2)),
        _ => Condition::Flag((0..dice.below(3)).map(|_| *dice.pick(&Flag::ALL[..5])).collect()),
    }
}

fn terms<T: std::fmt::Debug>(dice: &mut Dice, one: fn(&mut Dice) -> T) -> Vec<Term<T>> {
    let count = dice.below(4);
    let values = (0..count).map(|_| one(dice));
    values
        .map(|value| {
            let text = format!("{value:?}");
            term(value, &text)
        })
        .collect()
}

fn any_number_term(dice: &mut Dice) -> NumberTerm {
    match dice.below(12) {
        0..4 => NumberTerm::List(ListId(dice.below(3) as u32)),
        4 => NumberTerm::Anonymous,
        5 => NumberTerm::Invalid(any_set(dice)),
        6 => NumberTerm::Neighbour,
        7 => NumberTerm::Emergency(NumberSet::exact(number("911"))),
        _ => NumberTerm::Set(any_set(dice)),
    }
}

fn any_text_term(dice: &mut Dice) -> TextTerm {
    match dice.below(4) {
        0 => TextTerm::Regex(dice.pick(&["^sip", "(?i)CLI", "x{2}", "[0-9]$"]).to_string()),
        1 => TextTerm::List(ListId(dice.below(2) as u32 + 3)),
        _ => TextTerm::Literal(dice.pick(TEXTS).to_string()),
    }
}

fn any_network_term(dice: &mut Dice) -> NetworkTerm {
    match dice.below(3) {
        0 => NetworkTerm::List(ListId(dice.below(2) as u32 + 5)),
        _ => NetworkTerm::Network(dice.pick(NETWORKS).parse().unwrap()),
    }
}

fn any_time_term(dice: &mut Dice) -> TimeTerm {
    match dice.below(3) {
        0 => TimeTerm::Inside(HoursId(0)),
        1 => TimeTerm::Outside(HoursId(0)),
        _ => {
            let mut week = WeekSet::EMPTY;
            week.add(dice.below(7) as usize, dice.below(24) as usize * 60, dice.below(24) as usize * 60);
            TimeTerm::Weekly(Box::new(week))
        }
    }
}

/// The address `a.b.c.d` of `value`.
pub fn address(value: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(value))
}
