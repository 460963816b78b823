//! Months of invented calls, by a seed, and what they are judged by: as values, and as the script reads them.

use std::collections::BTreeSet;

use cases::Service;
use jiff::tz::TimeZone;
use records::{Batch, Call, Columns, HungUp, Party, PartyKind};
use ringwall_reporter::metrics::{
    Campaign, Context, Entry, Judged, Label, Period, Rate, RuleName, Share, Trunk,
};
use rules::{Action, Attestation, Direction, Number, NumberSet, Timestamp};
use serde_json::{Value, json};

/// splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

const OWN: &str = "1210555";
const SUSPECT: [(&str, &[&str]); 2] =
    [("do-not-originate", &["12025550100"]), ("unallocated", &["1200", "999"])];
const NATIONAL: &str = "1";

fn set(prefixes: &[&str]) -> NumberSet {
    let sets =
        prefixes.iter().map(|prefix| NumberSet::prefix(Number::international(prefix.as_bytes()).unwrap()));
    sets.fold(NumberSet::EMPTY, |all, more| all.union(&more))
}

pub(crate) fn context(zone: &str, first: &str, after: &str, seed: u64) -> (Context, Value, Period) {
    let mut random = Random(seed ^ 0xc0ffee);
    let mut context = Context::of_zone(TimeZone::get(zone).unwrap());
    let period = Period::of_days(&context.zone, first.parse().unwrap(), after.parse().unwrap()).unwrap();
    let length = (period.to.0 - period.from.0) as u64;
    let mut at = || Timestamp(period.from.0 + random.below(length) as i64);
    let trunk = |name: &str, site: &str, network: &str, channels| Trunk {
        name: name.to_owned(),
        site: site.to_owned(),
        networks: vec![network.parse().unwrap()],
        channels,
    };
    context.trunks = vec![
        trunk("carrier", "San Antonio", "192.0.2.0/28", Some(30)),
        trunk("backup", "Austin", "192.0.2.16/28", Some(4)),
        trunk("fax", "", "198.51.100.0/24", None),
    ];
    context.own = set(&[OWN]);
    context.suspect = SUSPECT.iter().map(|(name, prefixes)| ((*name).to_owned(), set(prefixes))).collect();
    let rate = |prefix: &str, per_minute, is_risk| Rate {
        prefix: prefix.to_owned(),
        name: format!("to {prefix}"),
        per_minute,
        is_risk,
    };
    context.rates = vec![
        rate("88", 3.1, true),
        rate("882", 7.35, true),
        rate("44", 0.021, false),
        rate("252", 0.9, true),
    ];
    context.national = Some(set(&[NATIONAL]));
    let hours = format!(
        "[calendar.desk]\ntz = \"{zone}\"\nweek = {{ mon = [\"08:00-17:00\"], tue = [\"08:00-12:00\", \"13:00-17:30\"], \
         wed = [\"08:00-17:00\"], fri = [\"08:00-24:00\"] }}\nclosed = [\"2026-03-09\", \"2026-11-04\"]\n"
    );
    context.hours = Some(Service::parse(&hours).unwrap().calendar().clone());
    for place in 0..12 {
        let (one, other) = (at(), at());
        context.labels.push(Label {
            caller: (place != 3).then_some(caller(place * 3)),
            rule: (place % 4 == 3).then(|| "quiet-please".to_owned()),
            from: one.min(other),
            to: one.max(other),
            judged: if place % 2 == 0 { Judged::Unwanted } else { Judged::Wanted },
            case: format!("RW-{place}"),
        });
    }
    for place in 0..3u64 {
        let mut moments = [at(), at(), at()];
        moments.sort_unstable();
        context.campaigns.push(Campaign {
            case: format!("RW-10{place}"),
            callers: BTreeSet::from([caller(place), caller(place + 1), caller(place + 20)]),
            first: moments[0],
            last: moments[2],
            contained: (place != 2).then_some(moments[1]),
        });
        context.expiring.push(Entry {
            number: caller(place + 5),
            list: "blocked".to_owned(),
            expires: "2026-12-31".to_owned(),
            since: moments[0],
        });
    }
    let rule = |name: &str, shadowed_by: Option<&str>| RuleName {
        name: name.to_owned(),
        shadowed_by: shadowed_by.map(str::to_owned),
    };
    context.rules = vec![rule("never", None), rule("quiet-please", None), rule("late", Some("quiet-please"))];
    context.reviewed_passed = Some(Share::new(3, 100));
    context.reviewed_blocked = Some(Share::new(1, 20));
    let suspect: serde_json::Map<String, Value> =
        SUSPECT.iter().map(|(name, prefixes)| ((*name).to_owned(), json!(prefixes))).collect();
    let week = json!([[[480, 1020]], [[480, 720], [780, 1050]], [[480, 1020]], [], [[480, 1440]], [], []]);
    let told = json!({
        "zone": zone,
        "period": period,
        "trunks": context.trunks,
        "own": [OWN],
        "suspect": suspect,
        "rates": context.rates,
        "national": [NATIONAL],
        "hours": { "zone": zone, "week": week, "closed": ["2026-03-09", "2026-11-04"] },
        "labels": context.labels,
        "campaigns": context.campaigns,
        "expiring": context.expiring,
        "rules": context.rules,
        "reviewed_passed": context.reviewed_passed,
        "reviewed_blocked": context.reviewed_blocked,
    });
    (context, told, period)
}

fn caller(place: u64) -> u64 {
    13_125_550_100 + place
}

fn number(number: u64) -> Party {
    Party { kind: PartyKind::Number, number, text: String::new() }
}

fn other(kind: PartyKind, text: &str) -> Party {
    Party { kind, number: 0, text: text.to_owned() }
}

pub(crate) fn invent(period: &Period, seed: u64, rows: usize) -> Vec<Call> {
    let mut random = Random(seed);
    let length = (period.to.0 - period.from.0) as u64;
    let mut calls: Vec<Call> =
        (0..rows).map(|_| one(period.from.0 + random.below(length) as i64, &mut random)).collect();
    calls.sort_by_key(|call| call.start);
    calls
}

fn one(start: i64, random: &mut Random) -> Call {
    let direction = *random.pick(&[
        Some(Direction::Inbound),
        Some(Direction::Inbound),
        Some(Direction::Outbound),
        Some(Direction::Internal),
        None,
    ]);
    let extension = 12_105_550_100 + random.below(80);
    let stranger = match random.below(20) {
        0 => other(PartyKind::Anonymous, "anonymous"),
        1 => other(PartyKind::Invalid, "0012"),
        2 => other(PartyKind::Name, "Zoë \"the\" caller"),
        3 => number(12_025_550_100),
        4 => number(12_005_550_100 + random.below(9)),
        5 => number(extension),
        6 => other(PartyKind::Number, "142"),
        _ => number(caller(random.below(60) * random.below(60) / 60)),
    };
    let abroad = [882_165_550_100, 8_815_550_100, 442_079_460_100, 252_615_550_100, 493_000_550_100];
    let destination = match random.below(4) {
        0 => number(15_125_550_100 + random.below(9)),
        1 => other(*random.pick(&[PartyKind::Emergency, PartyKind::Number]), "911"),
        _ => number(*random.pick(&abroad)),
    };
    let (caller, called) = match direction {
        Some(Direction::Outbound) => {
            let own =
                if random.chance(10) { other(PartyKind::Name, "front desk") } else { number(extension) };
            (own, destination)
        }
        Some(Direction::Internal) => (number(extension), number(12_105_550_100 + random.below(80))),
        _ => (stranger, number(extension)),
    };
    let verdict = *random.pick(&[
        Action::Allow,
        Action::Allow,
        Action::Allow,
        Action::Allow,
        Action::Tag,
        Action::Terminate,
        Action::Divert,
        Action::Limit,
        Action::Block,
        Action::Block,
    ]);
    let lasts = match random.below(30) {
        0 => 8 * 86_400_000_000,
        1 => random.below(200_000_000_000) as i64,
        2..10 => random.below(7_000_000) as i64,
        _ => random.below(900_000_000) as i64,
    };
    let rang = random.chance(80).then(|| random.below(4_000_000) as i64);
    let answered = random.chance(60).then(|| rang.unwrap_or_default() + random.below(20_000_000) as i64);
    let ended = random.chance(92).then(|| answered.or(rang).unwrap_or_default() + lasts);
    Call {
        start: Timestamp(start),
        kind: if random.chance(94) { "call" } else { "register" }.to_owned(),
        customer: Some("Acme, Inc.".to_owned()),
        direction,
        caller,
        called,
        source: format!("{}{}", random.pick(&["192.0.2.", "198.51.100.", "203.0.113."]), random.below(40)),
        verdict,
        would: None,
        rule: random.chance(70).then(|| (*random.pick(&["quiet-please", "late", "wangiri#2"])).to_owned()),
        action_status: None,
        status: random
            .chance(95)
            .then(|| *random.pick(&[200, 180, 403, 404, 408, 480, 486, 487, 503, 603, 608])),
        rang_after: rang,
        answered_after: answered,
        ended_after: ended,
        hung_up: random.chance(50).then_some(HungUp::Caller),
        attestation: *random.pick(&[
            Some(Attestation::Full),
            Some(Attestation::Partial),
            Some(Attestation::Gateway),
            Some(Attestation::None),
            Some(Attestation::Failed),
            None,
        ]),
        flags: String::new(),
        call_type: (*random.pick(&["voice", "voice", "fax", "video"])).to_owned(),
        policy: random.chance(97).then(|| (*random.pick(&["v1", "v2", "v3"])).to_owned()),
        call_id: None,
        display_name: None,
        user_agent: None,
        reason: None,
        more: String::new(),
    }
}

/// The calls in batches of any length.
pub(crate) fn batches(calls: &[Call], columns: Columns, random: &mut Random) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut rest = calls;
    while !rest.is_empty() {
        let (these, others) = rest.split_at(rest.len().min(1 + random.below(4_000) as usize));
        let mut batch = Batch::new(columns);
        these.iter().for_each(|call| batch.push(call));
        batches.push(batch);
        rest = others;
    }
    batches
}
