//! Metrics of calls over a handful of calls, by hand.

use std::collections::BTreeSet;

use cases::Service;
use jiff::tz::TimeZone;
use records::{Batch, Call, Columns, Party, PartyKind};
use rules::{Action, Attestation, Direction, Number, NumberSet, Timestamp};

use super::*;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

/// Sunday 1 November 2026 in Chicago: 25 hours.
fn day() -> Period {
    let zone = TimeZone::get("America/Chicago").unwrap();
    Period::of_days(&zone, "2026-11-01".parse().unwrap(), "2026-11-02".parse().unwrap()).unwrap()
}

fn context() -> Context {
    Context::of_zone(TimeZone::get("America/Chicago").unwrap())
}

/// An inbound call that passed, `minutes` after midnight.
fn call(minutes: i64, caller: u64, called: u64) -> Call {
    let party = |number| Party { kind: PartyKind::Number, number, text: String::new() };
    Call {
        start: Timestamp(day().from.0 + minutes * MINUTE),
        kind: "call".to_owned(),
        customer: None,
        direction: Some(Direction::Inbound),
        caller: party(caller),
        called: party(called),
        source: "192.0.2.1".to_owned(),
        verdict: Action::Allow,
        would: None,
        rule: None,
        action_status: None,
        status: None,
        rang_after: None,
        answered_after: None,
        ended_after: None,
        hung_up: None,
        attestation: None,
        flags: String::new(),
        call_type: "voice".to_owned(),
        policy: Some("v1".to_owned()),
        call_id: None,
        display_name: None,
        user_agent: None,
        reason: None,
        more: String::new(),
    }
}

fn talked(call: Call, ring: i64, talk: i64) -> Call {
    let answered = Some(ring * SECOND);
    let ended = Some((ring + talk) * SECOND);
    Call { rang_after: Some(SECOND), answered_after: answered, ended_after: ended, status: Some(200), ..call }
}

fn blocked(call: Call) -> Call {
    Call { verdict: Action::Block, rule: Some("list".to_owned()), ended_after: Some(SECOND / 10), ..call }
}

fn abroad(call: Call) -> Call {
    Call { direction: Some(Direction::Outbound), ..call }
}

fn answers(context: &Context, calls: &[Call]) -> Answers {
    let mut batch = Batch::new(Columns::ALL);
    calls.iter().for_each(|call| batch.push(call));
    let mut figures = Figures::default();
    figures.take(&Reader::new(context).read(&batch));
    figures.answers(context, &day())
}

#[test]
fn of_no_calls_nothing_is_divided() {
    let mut context = context();
    context.trunks.push(Trunk {
        name: "t".to_owned(),
        site: String::new(),
        networks: Vec::new(),
        channels: Some(10),
    });
    let answers = answers(&context, &[]);
    assert_eq!((answers.attempts.total, answers.attempts.hours.len()), (0, 25));
    assert_eq!((answers.outcomes.rate.value(), answers.unwanted.share.value()), (None, None));
    assert_eq!((answers.catch.interval, answers.wrong_blocks.interval), (None, None));
    assert_eq!((answers.pressure.highest, answers.pressure.minutes_high), (Some(0.0), 0));
    let load = &answers.concurrency.trunks["t"];
    assert_eq!((load.most, load.headroom, load.blocking_p95), (0, Some(1.0), Some(0.0)));
    assert_eq!((answers.quality.acd_seconds, answers.quality.pdd_median_seconds), (None, None));
    assert_eq!((answers.time_saved.low, answers.time_saved.high), (0.0, 0.0));
    assert!(answers.callers.top.is_empty() && answers.toll_fraud.prefixes.is_empty());
}

#[test]
fn m1_to_m3_attempts_are_blocked_redirected_passed_or_failed() {
    let other = |kind: &str| Call { kind: kind.to_owned(), ..call(5, 1, 2) };
    let with = |verdict| Call { verdict, ..call(10, 1, 2) };
    let calls = [
        other("options"),
        other("invite"),
        with(Action::Allow),
        with(Action::Tag),
        with(Action::Terminate),
        with(Action::Divert),
        with(Action::Limit),
        with(Action::Block),
        Call { policy: None, ..with(Action::Allow) },
        // An allow that is said as 302 passed.
        Call { action_status: Some(302), ..with(Action::Allow) },
    ];
    let mut context = context();
    context.labels.push(Label {
        caller: Some(1),
        rule: None,
        from: day().from,
        to: Timestamp(day().from.0 + 10 * MINUTE + 1),
        judged: Judged::Unwanted,
        case: "RW-1".to_owned(),
    });
    let answers = answers(&context, &calls);
    let outcomes = Outcomes { blocked: 2, redirected: 1, passed: 4, failed: 1 };
    assert_eq!((answers.outcomes.attempts, answers.outcomes.outcomes), (8, outcomes));
    assert_eq!(answers.outcomes.rate, Share::new(2, 8));
    assert_eq!(answers.unwanted.share, Share::new(6, 8));
    // Sunday, from midnight to one.
    assert_eq!((answers.unwanted.of_week[6][0], answers.attempts.hours[0].unwanted), (6, 6));
    assert_eq!(answers.catch.upper_bound, Share::new(2, 6));
    // Of fewer than thirty the interval is told: 2 of 6 is 9.7 to 70.0 %.
    let interval = answers.catch.interval.unwrap();
    assert_eq!(
        (format!("{:.3}", interval.low), format!("{:.3}", interval.high)),
        ("0.097".to_owned(), "0.700".to_owned())
    );
}

#[test]
fn m4_m5_what_cases_take_back_was_wrong_and_reviews_tell_what_labels_miss() {
    let mut context = context();
    let label = |caller, rule: Option<&str>, judged| Label {
        caller,
        rule: rule.map(str::to_owned),
        from: day().from,
        to: day().to,
        judged,
        case: "RW-1".to_owned(),
    };
    context.labels = vec![label(Some(7), None, Judged::Wanted), label(None, Some("other"), Judged::Wanted)];
    context.reviewed_passed = Some(Share::new(5, 100));
    context.reviewed_blocked = Some(Share::new(1, 100));
    let other = Call { rule: Some("other".to_owned()), ..blocked(call(3, 9, 2)) };
    let mut calls = vec![blocked(call(1, 7, 2)), blocked(call(2, 8, 2)), other, blocked(call(4, 10, 2))];
    // A label of wanted calls says nothing of passed ones.
    calls.extend((0..40).map(|minute| call(5 + minute, 7, 2)));
    let answers = answers(&context, &calls);
    assert_eq!(answers.wrong_blocks.lower_bound, Share::new(2, 4));
    assert_eq!(answers.wrong_blocks.sampled, Some(Share::new(1, 100)));
    assert_eq!(answers.catch.upper_bound, Share::new(2, 2));
    // Two caught, and a twentieth of forty passed is two more.
    assert_eq!(answers.catch.sampled, Some(0.5));
}

#[test]
fn m6_days_and_short_calls_weigh() {
    let mut context = context();
    context.campaigns.push(Campaign {
        case: "RW-2".to_owned(),
        callers: BTreeSet::from([5]),
        first: day().from,
        last: day().to,
        contained: Some(Timestamp(day().from.0 + 15 * MINUTE)),
    });
    let calls = [
        talked(call(10, 5, 2), 2, 5),
        talked(call(20, 5, 2), 2, 6),
        blocked(call(30, 5, 2)),
        talked(call(40, 6, 2), 2, 100),
        talked(call(50, 6, 2), 2, 100),
        // The next day, after midnight on the wall.
        call(25 * 60, 6, 2),
    ];
    let answers = answers(&context, &calls);
    let told: Vec<_> =
        answers.callers.top.iter().map(|it| (it.number, it.calls, it.days, it.index)).collect();
    assert_eq!(told, [(6, 3, 2, 6.0), (5, 3, 1, 4.0)]);
    assert_eq!(
        (answers.callers.top[1].short, &answers.callers.top[1].cases),
        (Share::new(1, 3), &vec!["RW-2".to_owned()])
    );
    // M8: one before the block held, one after it, one blocked.
    let through = answers.let_through.cases["RW-2"];
    assert_eq!((through.passed_before, through.passed_after, through.blocked), (1, 1, 1));
}

#[test]
fn m9_m10_channels_are_taken_second_by_second() {
    let mut context = context();
    let networks = vec!["192.0.2.0/24".parse().unwrap()];
    context.trunks.push(Trunk { name: "t".to_owned(), site: String::new(), networks, channels: Some(4) });
    context.labels.push(Label {
        caller: Some(5),
        rule: None,
        from: day().from,
        to: day().to,
        judged: Judged::Unwanted,
        case: String::new(),
    });
    let up = |minutes, caller, lasts| Call { ended_after: Some(lasts * MINUTE), ..call(minutes, caller, 2) };
    let calls = [up(60, 5, 6), up(61, 6, 60), up(62, 5, 1), blocked(call(63, 9, 2))];
    let answers = answers(&context, &calls);
    let load = &answers.concurrency.trunks["t"];
    // One o'clock in summer time is six in UTC: 06:00 to 06:06 and 06:01 to 07:01 and a minute.
    assert_eq!((load.most, load.headroom), (3, Some(0.25)));
    assert_eq!(load.at, Some(Timestamp(day().from.0 + 60 * MINUTE)));
    // Of 25 hours the 24th: the hour after the busiest, of which one call takes a minute.
    assert_eq!(load.erlangs_p95, 1.0 / 60.0);
    // Two of four channels at the worst, and more than a fifth in two bins of five minutes.
    assert_eq!((answers.pressure.highest, answers.pressure.minutes_high), (Some(0.5), 10));
}

#[test]
fn m11_m12_callers_are_vouched_for_or_cannot_be() {
    let mut context = context();
    let set = |prefix: &str| NumberSet::prefix(Number::international(prefix.as_bytes()).unwrap());
    context.own = set("1210555");
    context.suspect = vec![("unallocated".to_owned(), set("999"))];
    let from = |caller, attestation| Call { attestation, ..call(1, caller, 2) };
    let mut invalid = from(0, None);
    invalid.caller = Party { kind: PartyKind::Invalid, number: 0, text: "00".to_owned() };
    let calls = [
        from(12_105_550_100, Some(Attestation::Full)),
        from(12_105_550_100, Some(Attestation::Partial)),
        blocked(from(9_995_550_100, Some(Attestation::Failed))),
        invalid,
        abroad(from(12_105_550_100, None)),
    ];
    let answers = answers(&context, &calls);
    let impossible = answers.impossible_callers;
    assert_eq!((impossible.invalid, impossible.own_number), (Share::new(1, 4), Share::new(1, 4)));
    assert_eq!(impossible.suspect["unallocated"], Share::new(1, 4));
    let kinds: Vec<_> = answers
        .attestations
        .kinds
        .iter()
        .map(|it| (it.attestation, it.share.part, it.unwanted.part))
        .collect();
    assert_eq!(
        kinds,
        [("A", 1, 0), ("B", 1, 0), ("C", 0, 0), ("none", 0, 0), ("failed", 1, 1), ("unknown", 1, 0)]
    );
}

#[test]
fn m13_m14_money_has_its_assumptions_beside_it() {
    let mut context = context();
    let rate = |prefix: &str, per_minute, is_risk| Rate {
        prefix: prefix.to_owned(),
        name: prefix.to_owned(),
        per_minute,
        is_risk,
    };
    context.rates = vec![rate("8", 9.0, false), rate("88", 2.0, true)];
    context.national = Some(NumberSet::prefix(Number::international(b"1").unwrap()));
    context.hours = Some(Service::sample().calendar().clone());
    let out = |minutes, called| abroad(call(minutes, 12_105_550_100, called));
    let calls = [
        talked(out(1, 882), 1, 60),
        talked(out(2, 882), 1, 120),
        talked(out(3, 882), 1, 240),
        blocked(out(4, 883)),
        talked(out(5, 812), 1, 60),
        talked(out(6, 442), 1, 30),
        talked(out(7, 1_202), 1, 60),
        // Monday at ten the desk is open.
        talked(out(35 * 60, 882), 1, 60),
    ];
    let answers = answers(&context, &calls);
    let fraud = &answers.toll_fraud;
    // Eight minutes at two; the middle of 60, 60, 120 and 240 s by nearest rank is 60 s. 60,000 ms have sixteen digits of which
    // eight are kept: 59.904 s.
    assert_eq!((fraud.exposed, fraud.prefixes[0].passed, fraud.prefixes[0].blocked), (16.0, 4, 1));
    assert_eq!(fraud.prefixes[0].median_seconds, Some(59.904));
    assert!((fraud.avoided - 1.996_8).abs() < 1e-12 && fraud.assumption.contains("would have been answered"));
    let after = &answers.after_hours;
    assert_eq!((after.attempts, after.minutes, after.minutes_without_rate), (6, 8.5, 0.5));
    // Seven minutes at two and one at nine.
    assert_eq!((after.cost, after.callers[0].caller.as_str()), (23.0, "+12105550100"));
}

#[test]
fn m15_m16_time_is_a_range_and_calls_are_answered_or_not() {
    let status = |minutes, status| Call { status: Some(status), ..call(minutes, 1, 2) };
    let calls = [
        talked(call(1, 1, 2), 11, 90),
        talked(call(2, 1, 2), 11, 190),
        talked(call(3, 1, 2), 11, 290),
        talked(call(4, 1, 2), 11, 390),
        status(5, 486),
        status(6, 503),
        blocked(call(7, 1, 2)),
        blocked(call(8, 1, 2)),
        Call { call_type: "fax".to_owned(), ..blocked(call(9, 1, 2)) },
    ];
    let answers = answers(&context(), &calls);
    // From the ring to the end 100, 200, 300 and 400 s: a quarter 100 (99.84 of eight digits), three quarters 300 (299.008).
    let saved = &answers.time_saved;
    assert_eq!(
        (saved.calls, saved.low, saved.high),
        (2, 2.0 * 99_840.0 / 3_600_000.0, 2.0 * 299_008.0 / 3_600_000.0)
    );
    let quality = answers.quality;
    assert_eq!((quality.asr, quality.asr_passed), (Share::new(4, 9), Share::new(4, 6)));
    assert_eq!((quality.ner, quality.ner_passed), (Share::new(5, 9), Share::new(5, 6)));
    assert_eq!((quality.acd_seconds, quality.pdd_median_seconds), (Some(240.0), Some(1.0)));
}

#[test]
fn m20_m22_rules_that_never_decide_and_blocks_that_end() {
    let mut context = context();
    let rule =
        |name: &str, by: Option<&str>| RuleName { name: name.to_owned(), shadowed_by: by.map(str::to_owned) };
    context.rules = vec![rule("list", None), rule("idle", None), rule("late", Some("list"))];
    let since = Timestamp(day().from.0 + 2 * MINUTE);
    context.expiring =
        vec![Entry { number: 5, list: "blocked".to_owned(), expires: "2026-11-30".to_owned(), since }];
    let calls = [blocked(call(1, 5, 2)), blocked(call(2, 5, 2)), blocked(call(3, 5, 2)), call(4, 6, 2)];
    let answers = answers(&context, &calls);
    assert_eq!(answers.rule_hits.idle, ["idle", "late"]);
    assert_eq!(answers.rule_hits.shadowed, [("late".to_owned(), "list".to_owned())]);
    assert_eq!(answers.rule_hits.hits, [("list".to_owned(), 3)]);
    assert_eq!((answers.expiring[0].attempts, answers.expiring[0].last), (2, Some(calls[2].start)));
}
