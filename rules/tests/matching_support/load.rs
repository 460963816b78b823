//! Large lists, long policies and many calls, for benches.
#![allow(dead_code, unreachable_pub, reason = "each bench uses its part")]

use ringwall_rules::Number;
use ringwall_rules::matching::{NumberTable, NumberTableBuilder, RangeTable};
use ringwall_rules::number_set::NumberSet;
use ringwall_rules::policy::*;
use ringwall_rules::subject::*;

use super::matching_support::*;

/// `count` values below `end`, the same each time.
pub fn shuffled(end: u64, count: usize) -> impl Iterator<Item = u64> {
    let mut dice = Dice::new(99);
    (0..count).map(move |_| dice.below(end))
}

/// Numbers of ten national digits, spread over +1; half of them by index are listed.
pub fn nth_number(index: u64) -> Number {
    Number::international(format!("1{}", 2_000_000_000 + index * 397 % 8_000_000_000).as_bytes()).unwrap()
}

/// Some number of twelve digits, anywhere.
pub fn any_number(seed: u64) -> Number {
    let digits = 100_000_000_000 + seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 900_000_000_000;
    Number::international(digits.to_string().as_bytes()).unwrap()
}

pub fn number_table(count: u64) -> NumberTable {
    let mut builder = NumberTableBuilder::with_capacity(count as usize);
    (0..count).for_each(|index| builder.insert(nth_number(index * 2), index as u32));
    builder.finish()
}

/// `count` prefixes of six to nine digits.
pub fn range_table(count: u64) -> RangeTable {
    let mut dice = Dice::new(5);
    let mut ranges = Vec::with_capacity(count as usize);
    for row in 0..count as u32 {
        let length = dice.below(4) + 6;
        let digits = 10u64.pow(length as u32 - 1) + dice.below(9 * 10u64.pow(length as u32 - 1));
        let prefix = NumberSet::prefix(Number::international(digits.to_string().as_bytes()).unwrap());
        ranges.extend(prefix.segments().iter().map(|segment| (*segment, row)));
    }
    RangeTable::new(ranges)
}

/// `rules` rules over all dimensions, of which no call of [`calls`] meets one that ends the search, on a
/// list of `numbers` numbers and `prefixes` prefixes.
pub fn policy(rules: u64, numbers: u64, prefixes: u64) -> Policy {
    let content = ListContent::Numbers { exact: number_table(numbers), ranges: range_table(prefixes) };
    let lists = vec![
        List::new("harassment", content, 0..0),
        texts_list("scanners", &["friendly-scanner", "sipvicious", "sipcli", "pplsip"]),
        networks_list("bad", &["203.0.113.0/24", "198.18.0.0/15", "2001:db8:bad::/48"]),
    ];
    let mut dice = Dice::new(11);
    let firewall = (0..rules).map(|index| load_rule(&mut dice, index)).collect();
    Policy::new(policy_text(lists, firewall))
}

fn load_rule(dice: &mut Dice, index: u64) -> FirewallRule {
    let inbound = Condition::Direction(1 << Direction::Inbound as u8);
    let own = |dice: &mut Dice| prefix(NumberField::Called, &format!("+1210777{:04}", dice.below(10_000)));
    let when = match index % 10 {
        0 => vec![inbound, on_list(NumberField::Caller, 0)],
        1 => vec![
            inbound,
            Condition::Text(TextField::UserAgent, vec![term(TextTerm::List(ListId(1)), "@scanners")]),
        ],
        2 => vec![
            inbound,
            Condition::Networks(NetworkField::Source, vec![term(NetworkTerm::List(ListId(2)), "@bad")]),
        ],
        3 => {
            let text = format!("agent-{index}/");
            vec![Condition::Text(TextField::UserAgent, vec![term(TextTerm::Literal(text.clone()), &text)])]
        }
        4 => vec![own(dice), Condition::Time(vec![term(TimeTerm::Outside(HoursId(0)), "outside business")])],
        5 => vec![Condition::Direction(1 << Direction::Outbound as u8), prefix(NumberField::Called, "+88")],
        6 => vec![prefix(NumberField::Identity, &format!("+4479{:05}", dice.below(100_000))), inbound],
        7 => vec![Condition::Attestation(1 << Attestation::Failed as u8), own(dice)],
        8 => vec![prefix(NumberField::Caller, &format!("+1{}", 200 + dice.below(800))), own(dice)],
        _ => vec![Condition::Method(1 << Method::Message as u16), inbound],
    };
    rule(&format!("rule {index}"), when, block())
}

/// Inbound calls of which no number is listed, with From and P-Asserted-Identity and a few user agents.
pub fn calls() -> Vec<Call> {
    let from = shuffled(3_000_000_000, 4_096).map(|index| nth_number(index * 2 + 1));
    let agents =
        ["Cisco-SIPGateway/IOS-15.4", "FreeSWITCH-mod_sofia/1.10.7", "Asterisk PBX 18.9", "Yealink T46S"];
    let call = |(place, from): (usize, Number)| {
        let mut call = Call::new("+1", "+12105550101");
        call.callers = vec![
            identity(Party::Number(from), Origin::From, false),
            identity(Party::Number(nth_number(from.value() % 1_000_000 * 2 + 1)), Origin::Asserted, true),
        ];
        call.user_agent = agents[place % agents.len()].to_owned();
        call
    };
    from.enumerate().map(call).collect()
}
