//! What the prover tells the author of a policy, story by story.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod proof_support;

use std::time::Duration;

use proof_support::*;
use ringwall_rules::matching::{NumberTableBuilder, RangeTable};
use ringwall_rules::number_set::Segment;
use ringwall_rules::policy::{
    Code, Condition, Diagnostic, FirewallRule, HoursId, IpsRule, Level, Limit, ListContent, ListId,
    MemoryFiles, Mode, NetworkField, NetworkTerm, NumberField, NumberTerm, PolicyText, Response, RuleAction,
    RuleId, TextField, TimeTerm, WeekSet, read,
};
use ringwall_rules::proof::{Answer, CanMatch, Cause, Prover, Question};
use ringwall_rules::{Number, NumberSet, Party, Timestamp};

fn now() -> Timestamp {
    at("2026-11-22T12:00")
}

fn emergency_numbers() -> NumberSet {
    sets(&["911", "112"])
}

fn prove(policy: &PolicyText) -> Vec<Diagnostic> {
    Prover::new(policy, &emergency_numbers(), now()).findings()
}

/// Each expected finding is its code, the rule it is about, and a part of what it says.
fn check(rules: Vec<FirewallRule>, expected: &[(Code, usize, &str)]) {
    check_policy(&policy(rules), expected);
}

fn check_policy(policy: &PolicyText, expected: &[(Code, usize, &str)]) {
    let findings = prove(policy);
    let said: Vec<String> =
        findings.iter().map(|finding| format!("{:?} {}", finding.code, finding.message)).collect();
    assert_eq!(findings.len(), expected.len(), "{said:#?}");
    for (finding, (code, rule, part)) in findings.iter().zip(expected) {
        assert_eq!((finding.code, &finding.span), (*code, &policy.firewall[*rule].span), "{said:#?}");
        assert!(finding.message.contains(part), "{part:?} is not in {:?}", finding.message);
        assert_eq!(finding.file, "acme.toml");
    }
}

fn ask(policy: &PolicyText, called: &str) -> Answer {
    let question = Question { called: set(called), services: false, name: called.to_owned() };
    let answer = Prover::new(policy, &emergency_numbers(), now()).who_can_block(&question);
    for power in &answer.powers {
        assert!(reaches(policy, power.rule.0 as usize, &power.witness.subject()), "{}", power.witness);
        assert_eq!(power.witness.direction, power.direction);
    }
    answer
}

#[test]
fn a_narrow_block_behind_a_wide_one_is_shadowed() {
    check(
        vec![
            rule("abroad", [called("+44*")], [], block()),
            rule("london", [direction("outbound"), called("+4420*")], [], block()),
        ],
        &[(
            Code::ShadowedRule,
            1,
            "\"abroad\" before it takes every call it matches; for example an outbound call to +4420",
        )],
    );
}

#[test]
fn two_halves_shadow_the_whole() {
    check(
        vec![
            rule("in", [direction("inbound"), caller("+44*")], [], block()),
            rule("unrelated", [caller("+33*")], [], block()),
            rule("not in", [Condition::Direction(0b110), caller("+44*")], [], block()),
            rule("all", [caller("+4420*")], [], block()),
        ],
        &[(Code::ShadowedRule, 3, "\"in\", \"not in\" before it together take every call")],
    );
}

#[test]
fn rules_that_act_differently_on_the_same_calls_contradict() {
    let when = || vec![direction("inbound"), called("+12105550100")];
    check(
        vec![rule("let in", when(), [], RuleAction::Allow), rule("keep out", when(), [], block())],
        &[(Code::ContradictoryRule, 1, "\"let in\" before it matches the same calls and allows them")],
    );
    check(
        vec![rule("one", when(), [], block()), rule("two", when(), [], block())],
        &[(Code::DuplicateRule, 1, "matches the same calls as \"one\"")],
    );
    check(
        vec![
            rule("one", when(), [], block()),
            rule("two", when(), [], RuleAction::Block(Response::Code(486))),
        ],
        &[(Code::ShadowedRule, 1, "\"one\" before it takes every call")],
    );
}

#[test]
fn an_exception_behind_the_block_comes_too_late() {
    let rules = vec![
        rule("abroad", [direction("outbound"), called("+44*")], [], block()),
        rule("our London office", [direction("outbound"), called("+442079460100")], [], RuleAction::Allow),
    ];
    check(
        rules,
        &[(Code::ContradictoryRule, 1, "\"abroad\" before it takes every one of its calls and blocks them")],
    );
}

#[test]
fn an_allow_trusts_fewer_callers_than_a_block() {
    // The block still takes callers whose number nobody vouches for, and the author is told so.
    check(
        vec![
            rule("friend", [caller("+12105550100")], [], RuleAction::Allow),
            rule("foe", [caller("+12105550100")], [], block()),
        ],
        &[(
            Code::ContradictoryRule,
            1,
            "only calls whose identity no trusted peer asserts still reach it, for example a call from +12105550100",
        )],
    );
    check(
        vec![
            rule("foe", [caller("+12105550100")], [], block()),
            rule("friend", [caller("+12105550100")], [], RuleAction::Allow),
        ],
        &[(Code::ContradictoryRule, 1, "\"foe\" before it takes every one of its calls")],
    );
}

#[test]
fn a_rule_that_no_call_fits_is_dead() {
    check(
        vec![rule("swallowed", [called("+4420*")], [called("+44*")], block())],
        &[(Code::DeadRule, 0, "its `unless` takes away every call its `when` asks for")],
    );
    check(
        vec![rule("empty", [numbers(NumberField::Called, [NumberTerm::Set(NumberSet::EMPTY)])], [], block())],
        &[(Code::DeadRule, 0, "its `when` asks for what no call has")],
    );
    check(
        vec![rule(
            "quoted",
            [user_agent([literal("sipvicious")])],
            [user_agent([literal("VICIOUS")])],
            block(),
        )],
        &[(Code::DeadRule, 0, "its `unless` takes away")],
    );
    // Anybody may write a number into From, so the exception of a block counts asserted callers alone.
    check(vec![rule("spoofed", [caller("+1*")], [caller("+1*")], block())], &[]);
}

#[test]
fn rules_that_sleep_are_told_in_a_low_voice() {
    let mut policy = policy(vec![
        FirewallRule { mode: Mode::Off, ..rule("off", [caller("+1*")], [], block()) },
        FirewallRule { expires: Some(at("2026-11-22T11:59")), ..rule("gone", [caller("+1*")], [], block()) },
        rule("awake", [caller("+1210*")], [], block()),
    ]);
    // The reader says `expired-rule` of the other.
    check_policy(&policy, &[(Code::DeadRule, 0, "its mode is off")]);
    assert!(prove(&policy).iter().all(|finding| finding.level == Level::Info));
    policy.customer.mode = Mode::Off;
    policy.firewall.iter_mut().for_each(|rule| rule.mode = Mode::Off);
    check_policy(&policy, &[]);
}

#[test]
fn a_rule_shadows_only_what_it_outlives() {
    let until = |text| Some(at(text));
    let wide = rule("wide", [caller("+44*")], [], block());
    let narrow = rule("narrow", [caller("+4420*")], [], block());
    let short = FirewallRule { expires: until("2026-12-01T00:00"), ..wide };
    check(vec![short.clone(), narrow.clone()], &[]);
    check(
        vec![short, FirewallRule { expires: until("2026-11-30T00:00"), ..narrow }],
        &[(Code::ShadowedRule, 1, "\"wide\"")],
    );
}

#[test]
fn a_rule_on_trial_shadows_nothing_unless_the_whole_policy_is_on_trial() {
    let mut policy = policy(vec![
        FirewallRule { mode: Mode::Shadow, ..rule("trial", [caller("+44*")], [], block()) },
        rule("narrow", [caller("+4420*")], [], block()),
        FirewallRule { mode: Mode::Shadow, ..rule("late", [caller("+4420*")], [], RuleAction::Log) },
    ]);
    check_policy(&policy, &[(Code::ShadowedRule, 2, "\"narrow\"")]);
    policy.customer.mode = Mode::Shadow;
    policy.firewall.iter_mut().for_each(|rule| rule.mode = Mode::Shadow);
    check_policy(&policy, &[(Code::ShadowedRule, 1, "\"trial\""), (Code::ShadowedRule, 2, "\"trial\"")]);
}

#[test]
fn a_limit_lets_calls_through_until_it_is_exceeded() {
    let limit = RuleAction::Limit(Limit::Concurrent(30));
    check(
        vec![rule("limit", [caller("+44*")], [], limit), rule("narrow", [caller("+4420*")], [], block())],
        &[],
    );
}

#[test]
fn a_tag_behind_the_same_tag_is_a_duplicate() {
    let tag = || RuleAction::Tag("odd".into());
    check(
        vec![rule("one", [caller("+44*")], [], tag()), rule("two", [caller("+44*")], [], tag())],
        &[(Code::DuplicateRule, 1, "\"one\"")],
    );
}

#[test]
fn hours_and_closed_days_are_told_apart_to_the_minute() {
    let mut week = WeekSet::EMPTY;
    (0..7).for_each(|day| week.add(day, 0, 1440));
    let inside = || time([TimeTerm::Inside(HoursId(0))]);
    let all_week = || time((0..7).map(|day| weekly(day, 0, 1440)));
    let rules = || {
        vec![
            rule("open", [inside()], [], RuleAction::Allow),
            rule("any time", [all_week()], [], RuleAction::Divert("sip:desk@example.com".into())),
        ]
    };
    // Open all week: nothing is left for the second rule, unless a day is closed.
    let mut never_closed = policy(rules());
    never_closed.hours.push(hours("always", week.clone(), &[]));
    check_policy(&never_closed, &[(Code::ContradictoryRule, 1, "\"open\" before it matches the same calls")]);
    let mut closed = policy(rules());
    closed.hours.push(hours("always", week, &["2026-12-25"]));
    check_policy(&closed, &[]);
    let emergency = emergency_numbers();
    let CanMatch::Yes(call) = Prover::new(&closed, &emergency, now()).can_match(RuleId(1)) else {
        panic!("Christmas is left");
    };
    assert_eq!(call.to_string(), "a call on 2026-12-25 00:00");
    assert_eq!(call.at, at("2026-12-25T00:00"));
}

#[test]
fn a_witness_speaks_of_a_minute_that_the_clock_shows() {
    // 2:30 on a Sunday: in spring that minute is left out once.
    let policy = policy(vec![rule("night", [time([weekly(6, 150, 151)])], [], block())]);
    let emergency = NumberSet::EMPTY;
    let prover = Prover::new(&policy, &emergency, at("2027-03-13T12:00"));
    let CanMatch::Yes(call) = prover.can_match(RuleId(0)) else { panic!("a minute a week") };
    assert_eq!((call.at, call.time.as_str()), (at("2027-03-21T02:30"), "Sun 02:30"));
}

#[test]
fn expressions_are_decided_where_a_sample_shows_it_and_named_where_not() {
    let re = |text: &str| [ringwall_rules::policy::TextTerm::Regex(text.into())];
    // The same expression is the same set, whatever it means.
    check(
        vec![
            rule("scanner", [user_agent(re("^friendly.*$"))], [], block()),
            rule("again", [user_agent(re("^friendly.*$")), caller("+44*")], [], block()),
        ],
        &[(Code::ShadowedRule, 1, "\"scanner\"")],
    );
    // A sample of the one does not match the other: both are reached.
    check(
        vec![
            rule("a", [user_agent(re("^sip[0-9]+$"))], [], block()),
            rule("b", [user_agent(re("^pplsip"))], [], block()),
        ],
        &[],
    );
    // Whatever matches the second matches the first, but nobody proves it.
    check(
        vec![
            rule("a", [user_agent(re("sip"))], [], block()),
            rule("b", [user_agent(re("pplsip"))], [], block()),
        ],
        &[(Code::UndecidedRegex, 1, "hangs on the expression")],
    );
    // Nor where the one part of a rule contradicts the other.
    check(
        vec![rule("never", [user_agent(re("^a$"))], [user_agent([literal("a")])], block())],
        &[(Code::UndecidedRegex, 0, "whether any call reaches rule \"never\" is not decided")],
    );
}

#[test]
fn literals_are_decided_exactly() {
    check(
        vec![
            rule("sip", [user_agent([literal("sip")])], [], block()),
            rule("tools", [user_agent([literal("pplSIP"), literal("SipVicious")])], [], block()),
            rule("others", [user_agent([literal("sipcli"), literal("friendly")])], [], block()),
        ],
        &[(Code::ShadowedRule, 1, "\"sip\"")],
    );
    let list_rule =
        Condition::Text(TextField::UserAgent, vec![term(ringwall_rules::policy::TextTerm::List(ListId(0)))]);
    let mut policy = policy(vec![
        rule("list", [list_rule], [], block()),
        rule("listed", [user_agent([literal("my sipcli 2")])], [], block()),
        rule("free", [user_agent([literal("polycom")])], [], block()),
    ]);
    policy.lists.push(list("scanners", ListContent::Texts(vec!["SIPCLI".into(), "pplsip".into()])));
    check_policy(&policy, &[(Code::ShadowedRule, 1, "\"list\"")]);
}

#[test]
fn neighbours_are_followed_from_one_side_to_the_other() {
    let near = || numbers(NumberField::Caller, [NumberTerm::Neighbour]);
    check(
        vec![
            rule("near", [near()], [], block()),
            rule("near and ours", [near(), called("+1210555*")], [], block()),
            rule("abroad", [caller("+44*"), called("+1210555*")], [], block()),
        ],
        &[(Code::ShadowedRule, 1, "\"near\"")],
    );
    let policy = policy(vec![rule("near", [near(), called("+1210555*")], [], block())]);
    let emergency = NumberSet::EMPTY;
    let CanMatch::Yes(call) = Prover::new(&policy, &emergency, now()).can_match(RuleId(0)) else { panic!() };
    assert!(reaches(&policy, 0, &call.subject()), "{call}");
}

#[test]
fn addresses_are_intervals() {
    let net = |field, text: &str| {
        Condition::Networks(field, vec![term(NetworkTerm::Network(text.parse().unwrap()))])
    };
    check(
        vec![
            rule("low half", [net(NetworkField::Source, "10.0.0.0/9")], [], block()),
            rule("high half", [net(NetworkField::Source, "10.128.0.0/9")], [], block()),
            rule("ten", [net(NetworkField::Source, "10.1.0.0/8")], [], block()),
            rule("either end", [net(NetworkField::Trunk, "10.0.0.0/8")], [], block()),
        ],
        &[(Code::ShadowedRule, 2, "\"low half\", \"high half\"")],
    );
}

#[test]
fn ten_rules_over_a_long_list_do_not_unfold_it() {
    let mut table = NumberTableBuilder::default();
    for index in 0..200_000u64 {
        let digits = (12_100_000_000 + index * 7).to_string();
        table.insert(Number::international(digits.as_bytes()).unwrap(), index as u32);
    }
    let segments: Vec<(Segment, u32)> = set("+88*").segments().iter().map(|segment| (*segment, 7)).collect();
    let exact = table.finish();
    let listed = |field| numbers(field, [NumberTerm::List(ListId(0))]);
    let mut rules = vec![rule("all of +1210", [called("+1210*")], [], block())];
    rules.extend(
        (0..10).map(|index| rule(&format!("list {index}"), [listed(NumberField::Called)], [], block())),
    );
    rules.push(rule("one of them", [called("+12100000007")], [], RuleAction::Log));
    rules.push(rule("satellite", [called("+8816*")], [], block()));
    let mut policy = policy(rules);
    policy.lists.push(list("harassment", ListContent::Numbers { exact, ranges: RangeTable::new(segments) }));
    let mut expected = vec![];
    expected.extend((2..11).map(|index| (Code::DuplicateRule, index, "\"list 0\"")));
    expected.push((Code::ShadowedRule, 11, "\"all of +1210\""));
    expected.push((Code::ShadowedRule, 12, "\"list 0\""));
    check_policy(&policy, &expected);
}

#[test]
fn a_list_that_fills_a_range_shadows_it() {
    let mut table = NumberTableBuilder::default();
    for index in 0..1000u64 {
        table.insert(Number::international((12_105_550_000 + index).to_string().as_bytes()).unwrap(), 0);
    }
    let exact = table.finish();
    let mut policy = policy(vec![
        rule("list", [numbers(NumberField::Called, [NumberTerm::List(ListId(0))])], [], block()),
        rule("range", [called("+12105550000 - +12105550999")], [], block()),
        rule("one more", [called("+12105550000 - +12105551000")], [], block()),
    ]);
    policy.lists.push(list("long", ListContent::Numbers { exact, ranges: RangeTable::default() }));
    check_policy(&policy, &[(Code::DuplicateRule, 1, "\"list\"")]);
    let emergency = NumberSet::EMPTY;
    let CanMatch::Yes(call) = Prover::new(&policy, &emergency, now()).can_match(RuleId(2)) else { panic!() };
    assert_eq!(call.called, [Party::Number(number("+12105551000"))]);
}

#[test]
fn no_rule_can_block_an_emergency_call() {
    let mut policy = policy(vec![
        rule("short numbers", [direction("outbound"), called("9*")], [], block()),
        rule(
            "after hours",
            [Condition::Direction(0b110)],
            [],
            RuleAction::Divert("sip:desk@example.com".into()),
        ),
        rule("foreign", [direction("outbound"), called("+44*")], [], block()),
        rule("callers", [direction("inbound"), caller("+44*")], [], block()),
    ]);
    check_policy(
        &policy,
        &[
            (
                Code::BlocksEmergency,
                0,
                "would block emergency calls, did the guard not come first; for example an outbound call to 911",
            ),
            (Code::ShadowedRule, 2, "\"after hours\""),
        ],
    );
    let levels: Vec<Level> = prove(&policy).iter().map(|finding| finding.level).collect();
    assert_eq!(levels, [Level::Warning, Level::Warning]);
    let emergency = emergency_numbers();
    let proof = Prover::new(&policy, &emergency, now()).emergency("911 or 112");
    assert_eq!(
        proof.sentence,
        "no rule can block 911 or 112 outbound or internal: the guard comes before every rule; \
         2 rules match such calls and are overridden: \"short numbers\", \"after hours\". \
         no rule can block 911 or 112 inbound: not for any caller, time, trunk or header"
    );
    policy.firewall.truncate(0);
    let proof = Prover::new(&policy, &emergency, now()).emergency("911 or 112");
    assert_eq!(
        proof.sentence,
        "no rule can block 911 or 112 outbound or internal: the guard comes before every rule; \
         and no rule matches such a call. \
         no rule can block 911 or 112 inbound: not for any caller, time, trunk or header"
    );
}

#[test]
fn who_can_block_a_number_is_answered_for_every_call_there_is() {
    let mut policy = policy(vec![
        rule("office", [called("+12105550100")], [caller("+12105550199")], RuleAction::Allow),
        rule("listed", [direction("inbound"), caller("+44*")], [], block()),
        rule("any", [called("+1210555*")], [], RuleAction::Limit(Limit::Concurrent(3))),
        FirewallRule { mode: Mode::Shadow, ..rule("trial", [called("+1210*")], [], block()) },
    ]);
    // The office is let through whatever comes, except from +12105550199; that exception needs no assertion.
    let answer = ask(&policy, "+12105550100");
    let powers: Vec<(u32, &str)> =
        answer.powers.iter().map(|power| (power.rule.0, power.direction.word())).collect();
    assert_eq!(
        powers,
        [
            (1, "inbound"),
            (2, "inbound"),
            (2, "outbound"),
            (2, "internal"),
            (3, "inbound"),
            (3, "outbound"),
            (3, "internal")
        ]
    );
    assert!(
        answer
            .sentence
            .starts_with("2 rules can block +12105550100 in any direction: \"listed\", \"any\"; for example")
    );
    assert!(
        answer.sentence.contains("one rule would, were they not only reporting, block"),
        "{}",
        answer.sentence
    );
    policy.firewall.truncate(2);
    let answer = ask(&policy, "+13125550100");
    assert_eq!(answer.powers.len(), 1);
    policy.firewall[1].when.push(called("+1312555*"));
    assert_eq!(ask(&policy, "+1312*").powers.len(), 1);
    assert_eq!(
        ask(&policy, "+14155550100").sentence,
        "no rule can block +14155550100 in any direction: not for any caller, time, trunk or header"
    );
    policy.ips = threshold();
    assert!(
        ask(&policy, "+14155550100")
            .sentence
            .ends_with("thresholds may block on top, once they are breached")
    );
}

/// One threshold, as its author writes it.
fn threshold() -> Vec<IpsRule> {
    let text = r#"
        [customer]
        name = "Acme"
        region = "US"
        time_zone = "America/Chicago"
        numbers = ["+1 210 555 0100"]
        [[ips]]
        name = "one caller, many numbers"
        count = "attempts"
        per = ["caller"]
        within = "10m"
        warning = 15
    "#;
    let reading = read("acme.toml", text, &MemoryFiles::new(), now());
    reading.policy.map(|policy| policy.ips).unwrap_or_else(|| panic!("{:#?}", reading.diagnostics))
}

#[test]
fn what_is_not_decided_is_said() {
    let re = ringwall_rules::policy::TextTerm::Regex("^x$".into());
    let policy = policy(vec![rule("odd", [user_agent([re])], [user_agent([literal("x")])], block())]);
    let answer = ask(&policy, "+12105550100");
    assert_eq!(answer.undecided, [(RuleId(0), Cause::Expression("^x$".into()))]);
    assert_eq!(
        answer.sentence,
        "no rule that could be decided can block +12105550100 in any direction. \
         not decided: \"odd\" (it hangs on the expression `^x$`)"
    );
}

#[test]
fn many_rules_that_tile_a_square_shadow_the_whole() {
    let mut rules = Vec::new();
    for row in 20..40 {
        for column in 20..40 {
            let tile = [caller(&format!("+{row}*")), called(&format!("+{column}*"))];
            rules.push(rule(&format!("tile {row} {column}"), tile, [], block()));
        }
    }
    let both = |last: &str| {
        let sides = [NumberField::Caller, NumberField::Called];
        sides.map(|side| numbers(side, [NumberTerm::Set(sets(&["+2*", last]))])).to_vec()
    };
    // A prefix holds itself: "+2" and "+3" are numbers that no tile takes.
    for (name, side) in [("short caller", NumberField::Caller), ("short called", NumberField::Called)] {
        let short = numbers(side, [NumberTerm::Set(sets(&["+2", "+3"]))]);
        rules.push(rule(name, [short], [], block()));
    }
    rules.push(rule("square", both("+3*"), [], block()));
    rules.push(rule("a little more", both("+4*"), [], block()));
    let policy = policy(rules);
    check_policy(&policy, &[(Code::ShadowedRule, 402, "and 398 more before it together take every call")]);
}

/// A policy as large customers have it: callers by prefix, called ranges by hour, scanners, peers.
fn large_policy(count: usize) -> PolicyText {
    let rules = (0..count)
        .map(|index| {
            let name = format!("rule {index}");
            let area = format!("+1{:03}*", 200 + index % 700);
            match index % 6 {
                0 => rule(&name, [direction("inbound"), caller(&area)], [caller("+12105550100")], block()),
                1 => rule(
                    &name,
                    [direction("outbound"), called(&format!("+{}*", 30 + index % 60))],
                    [],
                    block(),
                ),
                2 => rule(
                    &name,
                    [called(&area), time([weekly(index % 7, index % 600, 1000)])],
                    [],
                    RuleAction::Divert("sip:desk@example.com".into()),
                ),
                3 => rule(&name, [user_agent([literal(&format!("scanner{index}"))])], [], block()),
                4 => {
                    let network = format!("10.{}.0.0/16", index % 200).parse().unwrap();
                    let source = vec![term(NetworkTerm::Network(network))];
                    rule(&name, [Condition::Networks(NetworkField::Source, source)], [caller(&area)], block())
                }
                _ => rule(&name, [direction("inbound"), called(&area), caller("+1*")], [], RuleAction::Allow),
            }
        })
        .collect();
    policy(rules)
}

#[test]
fn large_policies_are_proven_in_no_time() {
    for (count, limit) in [(100, Duration::from_millis(50)), (1000, Duration::from_secs(2))] {
        let policy = large_policy(count);
        #[allow(clippy::disallowed_methods, reason = "the test is about how long it takes")]
        let started = std::time::Instant::now();
        let findings = prove(&policy);
        let took = started.elapsed();
        println!("{count} rules: {took:?}, {} findings", findings.len());
        // Debug builds and loaded machines get ten times as long.
        assert!(took < limit * 10, "{count} rules took {took:?}");
        assert!(!findings.iter().any(|finding| finding.code == Code::UndecidedRegex));
        assert!(!findings.is_empty());
    }
}
