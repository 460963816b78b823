//! Stories of the order of judgement: guard, rules, shadow mode, limits, several customers.
#![allow(clippy::unwrap_used, reason = "no product code")]

mod matching_support;

use std::net::IpAddr;

use matching_support::*;
use ringwall_rules::matching::Scratch;
use ringwall_rules::number_set::NumberSet;
use ringwall_rules::policy::*;
use ringwall_rules::subject::*;
use ringwall_rules::verdict::{ListHit, Reason, Verdict};
use ringwall_rules::{Action, Timestamp};

fn policy(lists: Vec<List>, firewall: Vec<FirewallRule>) -> Policy {
    Policy::new(policy_text(lists, firewall))
}

fn judge(policy: &Policy, call: &Call) -> Verdict {
    let (mut limits, mut scratch) = (policy.limits(), Scratch::default());
    let verdict = policy.judge(&call.subject(), &mut limits, &mut scratch);
    assert_eq!(policy.explain(&call.subject(), &policy.limits()).verdict, verdict);
    verdict
}

fn outbound(from: &str, to: &str) -> Call {
    Call { direction: Direction::Outbound, source: "10.20.0.9:5060".parse().unwrap(), ..Call::new(from, to) }
}

#[test]
fn a_rule_that_blocks_everything_blocks_no_emergency_call() {
    let policy = policy(Vec::new(), vec![rule("everything", Vec::new(), block())]);
    for (call, reason) in [
        (outbound("+12105550101", "911"), Reason::Emergency),
        (outbound("+12105550101", "112"), Reason::Emergency),
        (Call { called: vec![Party::EmergencyService], ..Call::new("+1", "+1") }, Reason::Emergency),
        (Call { priority: true, ..Call::new("+13125550123", "+12105550101") }, Reason::Priority),
        (Call { callback: true, ..Call::new("+13125550123", "+12105550101") }, Reason::EmergencyCallback),
    ] {
        let verdict = judge(&policy, &call);
        assert_eq!((verdict.action, verdict.reason), (Action::Allow, reason), "{call:?}");
    }
}

#[test]
fn the_guard_is_no_way_round_a_block() {
    let policy = policy(Vec::new(), vec![rule("everything", Vec::new(), block())]);
    let dialled_premium = Call {
        called: vec![Party::Number(number("+19005550100")), Party::Number(number("911"))],
        ..outbound("+12105550101", "911")
    };
    for call in [Call::new("+13125550123", "911"), outbound("+12105550101", "+252911"), dialled_premium] {
        assert_eq!(judge(&policy, &call).action, Action::Block, "{call:?}");
    }
}

#[test]
fn a_listed_caller_does_not_get_through_by_calling_back() {
    let list = numbers_list("harassment", &[number("+13125550166")], &[]);
    let policy = policy(vec![list], vec![rule("harassment", vec![on_list(NumberField::Caller, 0)], block())]);
    let back = |from: &str| Call { callback: true, ..Call::new(from, "+12105550101") };
    assert_eq!(judge(&policy, &back("+13125550166")).action, Action::Block);
    assert_eq!(judge(&policy, &back("+13125550167")).reason, Reason::EmergencyCallback);
}

#[test]
fn a_block_names_its_rule_its_answer_and_the_entry() {
    let list = numbers_list(
        "harassment",
        &[number("+13125550166"), number("+13125550167")],
        &[NumberSet::prefix(number("+88123"))],
    );
    let mut block = rule("harassment", vec![on_list(NumberField::Caller, 0)], block());
    block.alert = AlertLevel::Warning;
    let policy = policy(vec![list], vec![block]);
    for (from, entry) in [("+13125550167", 1), ("+881234567", 2)] {
        let verdict = judge(&policy, &Call::new(from, "+12105550101"));
        assert_eq!(verdict.action, Action::Block);
        assert_eq!(verdict.rule, Some(RuleId(0)));
        assert_eq!(verdict.response, Some(Response::Code(603)));
        assert_eq!(verdict.entry, Some(ListHit { list: 0, entry }));
        assert_eq!(verdict.alert, AlertLevel::Warning);
    }
    assert_eq!(judge(&policy, &Call::new("+13125550168", "+12105550101")).reason, Reason::Default);
}

#[test]
fn only_an_asserted_identity_opens_a_door_and_any_identity_closes_one() {
    let list = numbers_list("friends", &[number("+13125550100")], &[]);
    let allow = rule("friends", vec![on_list(NumberField::Caller, 0)], RuleAction::Allow);
    let mut all = rule("all others", vec![prefix(NumberField::Caller, "+1")], block());
    all.unless = vec![on_list(NumberField::Caller, 0)];
    for firewall in [vec![allow, rule("rest", Vec::new(), block())], vec![all]] {
        let policy = policy(vec![list.clone()], firewall);
        let spoofed = Call::new("+13125550100", "+12105550101");
        assert_eq!(judge(&policy, &spoofed).action, Action::Block);
        let mut vouched = spoofed;
        vouched.callers[0].asserted = true;
        assert_eq!(judge(&policy, &vouched).action, Action::Allow);
    }
}

#[test]
fn a_shadow_rule_says_what_it_would_have_done_and_changes_nothing() {
    let mut shadow = rule("on trial", vec![prefix(NumberField::Caller, "+1312")], block());
    shadow.mode = Mode::Shadow;
    shadow.alert = AlertLevel::Critical;
    let tag = rule("mark", vec![prefix(NumberField::Caller, "+1")], RuleAction::Tag("us".to_owned()));
    let policy = policy(Vec::new(), vec![shadow, tag]);
    let verdict = judge(&policy, &Call::new("+13125550100", "+12105550101"));
    assert_eq!((verdict.action, verdict.rule), (Action::Tag, Some(RuleId(1))));
    assert_eq!((verdict.would, verdict.would_rule), (Some(Action::Block), Some(RuleId(0))));
    assert_eq!(verdict.alert, AlertLevel::None);
}

#[test]
fn a_rule_that_has_expired_sleeps() {
    let mut old = rule("for a week", Vec::new(), block());
    old.expires = Some(Timestamp::from_seconds(NOON));
    let policy = policy(Vec::new(), vec![old]);
    let mut call = Call::new("+13125550100", "+12105550101");
    assert_eq!(judge(&policy, &call).action, Action::Allow);
    call.at = Timestamp(call.at.0 - 1);
    assert_eq!(judge(&policy, &call).action, Action::Block);
}

#[test]
fn the_calls_of_a_limit_pass_and_the_next_does_not() {
    let limit = |limit| vec![rule("burst", Vec::new(), RuleAction::Limit(limit))];
    let (call, mut scratch) = (Call::new("+13125550100", "+12105550101"), Scratch::default());
    let rate = policy(Vec::new(), limit(Limit::Rate { calls: 2, per_micros: 1_000_000 }));
    let mut limits = rate.limits();
    let actions = [0, 1, 2, 999_999, 1_000_000, 1_000_001].map(|micros| {
        let later = Call { at: call.at.plus_micros(micros), ..call.clone() };
        rate.judge(&later.subject(), &mut limits, &mut scratch).action
    });
    let expected = [false, false, true, true, false, false];
    assert_eq!(actions.map(|action| action == Action::Limit), expected);

    let gauge = policy(Vec::new(), limit(Limit::Concurrent(1)));
    let mut limits = gauge.limits();
    let first = gauge.judge(&call.subject(), &mut limits, &mut scratch);
    assert_eq!(gauge.judge(&call.subject(), &mut limits, &mut scratch).action, Action::Limit);
    first.held.iter().for_each(|rule| limits.ended(rule));
    assert_eq!(gauge.judge(&call.subject(), &mut limits, &mut scratch).action, Action::Allow);
}

#[test]
fn a_repeat_after_a_challenge_takes_no_second_place_and_is_not_refused_for_its_own() {
    let rate = Limit::Rate { calls: 1, per_micros: 60_000_000 };
    for (limit, of_none) in
        [(Limit::Concurrent(1), Limit::Concurrent(0)), (rate, Limit::Rate { calls: 0, per_micros: 1 })]
    {
        let limited = |limit| policy(Vec::new(), vec![rule("few", Vec::new(), RuleAction::Limit(limit))]);
        let (policy, mut scratch) = (limited(limit), Scratch::default());
        let mut limits = policy.limits();
        let call = Call::new("+13125550100", "+12105550101");
        let repeat = Call { repeat: true, at: call.at.plus_micros(50_000), ..call.clone() };
        let first = policy.judge(&call.subject(), &mut limits, &mut scratch);
        for _ in 0..2 {
            assert_eq!(policy.explain(&repeat.subject(), &limits).verdict.action, Action::Allow);
            let again = policy.judge(&repeat.subject(), &mut limits, &mut scratch);
            assert_eq!((again.action, again.held.is_empty()), (Action::Allow, true), "{limit:?}");
            assert_eq!(limits.count(RuleId(0), repeat.at), 1);
        }
        let other = Call { at: repeat.at, ..call.clone() };
        assert_eq!(policy.judge(&other.subject(), &mut limits, &mut scratch).action, Action::Limit);
        first.held.iter().for_each(|rule| limits.ended(rule));
        assert_eq!(limits.count(RuleId(0), repeat.at.plus_micros(60_000_000)), 0);
        assert_eq!(judge(&limited(of_none), &repeat).action, Action::Limit);
    }
}

#[test]
fn a_call_that_a_later_rule_blocks_holds_no_place_among_calls_that_are_up() {
    let limit = rule("trunk", Vec::new(), RuleAction::Limit(Limit::Concurrent(1)));
    let policy = policy(Vec::new(), vec![limit, rule("rest", Vec::new(), block())]);
    let (mut limits, mut scratch) = (policy.limits(), Scratch::default());
    let call = Call::new("+13125550100", "+12105550101");
    for _ in 0..3 {
        let verdict = policy.judge(&call.subject(), &mut limits, &mut scratch);
        assert_eq!((verdict.action, verdict.held.is_empty()), (Action::Block, true));
    }
}

#[test]
fn direction_follows_trunks_and_without_them_numbers() {
    let with_trunks = policy(Vec::new(), Vec::new());
    let mut text = policy_text(Vec::new(), Vec::new());
    text.customer.trunks.clear();
    let without = Policy::new(text);
    let (own, other) = ("+12105550101", "+13125550100");
    let (inside, outside) = ("10.20.1.1", "192.0.2.7");
    use Direction::{Inbound, Internal, Outbound};
    for (source, called, caller, by_trunks, by_numbers) in [
        (inside, own, own, Internal, Inbound),
        (inside, other, own, Outbound, Outbound),
        (outside, own, other, Inbound, Inbound),
        (outside, other, own, Inbound, Outbound),
        (outside, other, other, Inbound, Inbound),
    ] {
        let called = [Party::Number(number(called))];
        let callers = [identity(Party::Number(number(caller)), Origin::From, false)];
        let source: IpAddr = source.parse().unwrap();
        assert_eq!(with_trunks.direction(source, &called, &callers), by_trunks);
        assert_eq!(without.direction(source, &called, &callers), by_numbers);
    }
}

#[test]
fn each_customer_whose_number_or_trunk_takes_part_judges() {
    let mut dice = Dice::new(7);
    let policies: Vec<Policy> = (0..300u32)
        .map(|customer| {
            let mut text = policy_text(Vec::new(), Vec::new());
            let first = u64::from(customer % 200) * 10;
            let own = |offset: u64| number(&format!("+1210556{:04}", first + offset));
            text.customer.numbers = NumberSet::range(own(0), own(12));
            text.customer.trunks = match customer % 3 {
                0 => Vec::new(),
                1 => vec![format!("10.{}.0.0/16", customer % 100).parse().unwrap()],
                _ => vec![format!("10.{}.{}.0/24", customer % 100, customer % 7).parse().unwrap()],
            };
            text.customer.dial_plan = dial_plan(if customer % 5 == 0 { "GB" } else { "US" });
            Policy::new(text)
        })
        .collect();
    let set = PolicySet::new(policies);
    assert_eq!(set.plans().len(), 2);
    for _ in 0..2_000 {
        let any = |dice: &mut Dice| Party::Number(number(&format!("+1210556{:04}", dice.below(3_000))));
        let (called, caller) = ([any(&mut dice)], [identity(any(&mut dice), Origin::From, false)]);
        let source = address(0x0a00_0000 | dice.below(1 << 24) as u32);
        let destination = address(0x0a00_0000 | dice.below(1 << 24) as u32);
        for plan in 0..2 {
            let found: Vec<usize> = set.touched(plan, source, destination, &called, &caller).collect();
            let expected: Vec<usize> = (0..set.policies().len())
                .filter(|&index| set.plan_of(index) == Some(plan))
                .filter(|&index| set.policies()[index].touches(source, destination, &called, &caller))
                .collect();
            assert_eq!(found, expected);
            let mut listed = vec![7];
            set.find_touched(plan, (source, destination), &called, &caller, &mut listed);
            assert!(listed.iter().map(|&index| index as usize).eq(expected));
        }
    }
}

#[test]
fn a_policy_alone_judges_every_call_and_the_strictest_verdict_holds() {
    let set = PolicySet::new(vec![policy(Vec::new(), Vec::new())]);
    let nobody: IpAddr = "203.0.113.1".parse().unwrap();
    assert_eq!(set.touched(0, nobody, nobody, &[], &[]).collect::<Vec<_>>(), [0]);
    let mut found = vec![7];
    set.find_touched(0, (nobody, nobody), &[], &[], &mut found);
    assert_eq!(found, [0]);
    set.find_touched(1, (nobody, nobody), &[], &[], &mut found);
    assert_eq!(found, []);
    let verdict = |action| Verdict { action, ..Verdict::allowed(Reason::Rule) };
    let verdicts = [Action::Tag, Action::Block, Action::Terminate, Action::Block].map(verdict);
    assert_eq!(strictest(&verdicts), Some((1, &verdicts[1])));
    assert_eq!(strictest([]), None);
}

#[test]
fn an_entry_that_has_expired_stands_no_more_and_hides_none_that_holds() {
    let list = "number,category,reason,case,added,expires\n\
        +13125550101,robocall,,,,2026-10-15\n\
        +13125550102,robocall,,,,\n\
        +882*,robocall,,,,2026-10-20\n\
        +88231*,robocall,,,,2026-10-15\n\
        +88232*,robocall,,,,\n\
        +88312345,robocall,,,,2026-10-15\n\
        +883*,robocall,,,,2026-10-20\n";
    let text = r#"
        [customer]
        name = "Acme"
        region = "US"
        time_zone = "America/Chicago"
        numbers = ["+1 210 555 01xx"]
        trunks = ["10.20.0.0/16"]
        [lists.harassment]
        numbers_file = "harassment.csv"
        [[firewall]]
        name = "harassment"
        when = { caller = "@harassment" }
        action = "block"
        "#;
    let files = MemoryFiles::new().with("harassment.csv", list);
    let reading = read("acme.toml", text, &files, Timestamp::from_seconds(NOON));
    let policy = Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)));
    let line = |from: &str, days: i64| {
        let at = Timestamp::from_seconds(NOON + days * 86_400);
        let verdict = judge(&policy, &Call { at, ..Call::new(from, "+12105550101") });
        let back = judge(&policy, &Call { at, callback: true, ..Call::new(from, "+12105550101") });
        assert_eq!(back.reason == Reason::EmergencyCallback, verdict.entry.is_none(), "{from} {days}");
        verdict.entry.map(|hit| policy.entry(hit).unwrap().1.line)
    };
    for (from, first_days, tenth_day) in [
        ("+13125550101", Some(2), None),
        ("+13125550102", Some(3), Some(3)),
        ("+882991234", Some(4), None),
        ("+882311234", Some(4), None),
        ("+882321234", Some(6), Some(6)),
        ("+88312345", Some(8), None),
    ] {
        assert_eq!((line(from, 0), line(from, 10)), (first_days, tenth_day), "{from}");
        // Three days later the short-lived entries are gone; the wider range still holds where there is one.
        let third = if from == "+13125550101" { None } else { first_days };
        assert_eq!(line(from, 3), third, "{from}");
    }
}

#[test]
fn an_ipv4_address_is_the_same_when_ipv6_maps_it() {
    let mut text = policy_text(vec![networks_list("bad", &["::ffff:203.0.113.0/120"])], Vec::new());
    text.customer.trunks = vec!["::ffff:10.20.0.0/112".parse().unwrap()];
    text.customer.trusted.push("192.0.2.0/24".parse().unwrap());
    for (plain, mapped) in [
        ("10.20.3.4", "::ffff:10.20.3.4"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("203.0.113.5", "::ffff:203.0.113.5"),
        ("198.18.0.1", "::ffff:198.18.0.1"),
    ] {
        for address in [plain, mapped] {
            let (place, customer) = (address.parse::<IpAddr>().unwrap(), &text.customer);
            assert_eq!(customer.is_own_side(place), plain.starts_with("10.20."), "{address}");
            assert_eq!(customer.trusts(place), plain.starts_with("192.0.2."), "{address}");
            let bad =
                Condition::Networks(NetworkField::Source, vec![term(NetworkTerm::List(ListId(0)), "@bad")]);
            let policy = policy(text.lists.clone(), vec![rule("bad", vec![bad], block())]);
            let call = Call {
                source: std::net::SocketAddr::new(place, 5060),
                ..Call::new("+13125550100", "+12105550101")
            };
            assert_eq!(judge(&policy, &call).action == Action::Block, plain.starts_with("203."), "{address}");
        }
    }
}
