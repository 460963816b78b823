//! A recount from call lines agrees with the engine, and finds what was falsified.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::net::SocketAddr;
use std::sync::Arc;

use engine::{Engine, Packet};
use proptest::prelude::*;
use ringwall_reporter::{Alert, Amount, CallLine, Reconciliation, Recount};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Flags, Policy, Timestamp, Transport};

const SECOND: i64 = 1_000_000;
const START: i64 = 1_791_979_200 * SECOND;

fn policies(thresholds: &str) -> Arc<PolicySet> {
    let text = format!(
        "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 01xx\"]\n\
         trunks = [\"10.20.0.0/16\"]\n{thresholds}"
    );
    let reading = rules::policy::read("acme.toml", &text, &MemoryFiles::new(), Timestamp::default());
    let policy = reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
    Arc::new(PolicySet::new(vec![Policy::new(policy)]))
}

/// One call: when, from and to whom, after how long which final response, and how long it lasts.
type Call = (i64, u32, u32, (i64, u16), Option<i64>);

/// Stands for a called side that has no number.
const NAME: u32 = 999;

/// From here on it has dialled what is no number.
const DIALLED: u32 = 1000;

fn messages(calls: &[Call]) -> Vec<(i64, bool, String)> {
    let mut all = Vec::new();
    for (id, (start, caller, called, (after, status), talk)) in calls.iter().enumerate() {
        let user = match *called {
            NAME => "alice".to_owned(),
            DIALLED.. => format!("011999999{called}"),
            _ => format!("+12105550{called:03}"),
        };
        let uri = format!("sip:{user}@10.20.0.1");
        let message = |line: &str, method: &str, tag: &str| {
            format!(
                "{line}\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK{id}{method}\r\n\
                 From: <sip:+12125550{caller:03}@192.0.2.7>;tag=a{id}\r\nTo: <{uri}>{tag}\r\nCall-ID: call-{id}\r\n\
                 CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
        };
        let last = start + after;
        all.push((*start, true, message(&format!("INVITE {uri} SIP/2.0"), "INVITE", "")));
        all.push((last, false, message(&format!("SIP/2.0 {status} X"), "INVITE", ";tag=b")));
        if let Some(talk) = talk {
            all.push((last + talk, true, message(&format!("BYE {uri} SIP/2.0"), "BYE", ";tag=b")));
        }
    }
    all.sort_by_key(|(at, _, _)| *at);
    all
}

/// Runs `calls` through the engine and recounts its lines; `falsify` may change what it says.
fn recount(thresholds: &str, calls: &[Call], falsify: impl Fn(&mut Vec<Alert>)) -> Reconciliation {
    recount_stamped(thresholds, calls, |at, place| at * SECOND + place, falsify)
}

/// The same, where the message that comes at this second and in this place bears the stamp that `stamp` says.
fn recount_stamped(
    thresholds: &str,
    calls: &[Call],
    stamp: impl Fn(i64, i64) -> i64,
    falsify: impl Fn(&mut Vec<Alert>),
) -> Reconciliation {
    let policies = policies(thresholds);
    let mut engine = Engine::new(Arc::clone(&policies));
    let mut recount = Recount::new(Arc::clone(&policies));
    let mut alerts = Vec::new();
    let (outside, inside) =
        (SocketAddr::from(([192, 0, 2, 7], 5060)), SocketAddr::from(([10, 20, 0, 1], 5060)));
    let mut last = Timestamp::default();
    for ((at, by_caller, text), place) in messages(calls).into_iter().zip(0..) {
        let (source, destination) = if by_caller { (outside, inside) } else { (inside, outside) };
        let at = Timestamp(START + stamp(at, place));
        let (transport, payload) = (Transport::Udp, text.as_bytes());
        let handled =
            engine.handle(&Packet { at, source, destination, transport, payload, flags: Flags::NONE });
        if at <= last {
            let call_id = text.split_once("Call-ID: ").unwrap().1.split_once('\r').unwrap().0;
            recount.see_message(call_id, &handled, at, engine.counted_until());
        }
        last = last.max(at);
        while let Some(attempt) = engine.poll_ended() {
            attempt.views.iter().for_each(|view| recount.see_line(&CallLine::new(attempt, view, &policies)));
        }
        while let Some(breach) = engine.poll_breach() {
            alerts.extend(Alert::of_breach(&breach, &policies));
        }
    }
    engine.finish();
    while let Some(attempt) = engine.poll_ended() {
        attempt.views.iter().for_each(|view| recount.see_line(&CallLine::new(attempt, view, &policies)));
    }
    falsify(&mut alerts);
    alerts.iter().for_each(|alert| recount.see_alert(alert));
    recount.finish(last)
}

const ATTEMPTS: &str = "[[ips]]\nname = \"many\"\ncount = \"distinct called\"\nper = [\"caller\"]\nwithin = \"60s\"\nwarning = 3\n";

fn dialler() -> Vec<Call> {
    (0..8).map(|place| (place * 5, 101, 110 + place as u32, (2, 486), None)).collect()
}

#[test]
fn a_breach_that_both_sides_count_agrees() {
    let reconciled = recount(ATTEMPTS, &dialler(), |_| ());
    assert!(reconciled.agree, "{reconciled}");
    assert_eq!((reconciled.alerts_agreed, reconciled.calls_counted), (1, 8));
}

#[test]
fn a_falsified_count_is_found_and_named() {
    let reconciled = recount(ATTEMPTS, &dialler(), |alerts| alerts[0].count = Amount(2.0));
    assert!(!reconciled.agree);
    let [engine] = &reconciled.only_engine[..] else { panic!("{reconciled}") };
    assert_eq!((engine.threshold.as_str(), engine.key.as_str()), ("many", "caller=+12125550101"));
    assert_eq!((engine.count, reconciled.only_recount[0].count), (Amount(2.0), Amount(3.0)));
    let said = reconciled.to_string();
    assert!(said.contains("only the engine: 2026-10-14T12:00:10.000004Z many of Acme, warning, 2"), "{said}");
}

#[test]
fn an_alert_that_is_missing_or_late_is_found() {
    assert_eq!(recount(ATTEMPTS, &dialler(), Vec::clear).only_recount.len(), 1);
    let late = |alerts: &mut Vec<Alert>| alerts[0].at = "2026-10-14T12:00:11.000000Z".to_owned();
    let reconciled = recount(ATTEMPTS, &dialler(), late);
    assert_eq!((reconciled.only_engine.len(), reconciled.only_recount.len()), (1, 1));
}

#[test]
fn what_lines_cannot_tell_is_named() {
    let rule = "[[ips]]\nname = \"asks who calls\"\nwhen = { flag = \"challenge-in-dialog\" }\ncount = \"attempts\"\n\
                per = [\"source\"]\nwithin = \"1h\"\ncritical = 1\n";
    let reconciled = recount(rule, &dialler(), |_| ());
    assert_eq!(reconciled.left_out[0].threshold, "asks who calls");
}

#[test]
fn minutes_that_grow_while_nothing_happens_reach_both_limits_on_time() {
    let rule = "[[ips]]\nname = \"talk\"\ncount = \"minutes\"\nper = [\"caller\"]\nwithin = \"1h\"\nwarning = 5\n\
                critical = 20\n";
    let mut calls: Vec<Call> = vec![(0, 101, 110, (2, 200), Some(1_800))];
    // Somebody else is heard now and then, so that time goes on.
    calls.extend((0..30).map(|minute| (minute * 60 + 7, 105, 120, (1, 486), None)));
    let reconciled = recount(rule, &calls, |_| ());
    assert!(reconciled.agree, "{reconciled}");
    assert_eq!(reconciled.alerts_agreed, 2);
}

#[test]
fn who_is_no_neighbour_is_not_counted_as_one_at_the_end_of_a_call_either() {
    let rule = "[[ips]]\nname = \"next door\"\ncount = \"neighbour callers\"\noutcome = [\"busy\"]\nper = [\"called\"]\n\
                within = \"1h\"\nwarning = 2\n";
    let calls: Vec<Call> = (0..5).map(|place| (place * 5, 101 + place as u32, 110, (2, 486), None)).collect();
    let reconciled = recount(rule, &calls, |_| ());
    assert!(reconciled.agree, "{reconciled}");
    assert_eq!(reconciled.alerts_agreed, 0, "area code 212 is not next door to 210");
}

#[test]
fn a_call_to_a_name_is_an_attempt_even_where_numbers_in_a_row_are_counted() {
    let rules = "[[ips]]\nname = \"row\"\ncount = \"sequential called\"\nper = [\"caller\"]\nwithin = \"1h\"\nwarning = 5\n\
                 [[ips]]\nname = \"many\"\ncount = \"attempts\"\nper = [\"caller\"]\nwithin = \"1h\"\nwarning = 3\n";
    let calls: Vec<Call> = (0..4).map(|place| (place * 5, 101, NAME, (2, 404), None)).collect();
    let reconciled = recount(rules, &calls, |_| ());
    assert!(reconciled.agree, "{reconciled}");
    assert_eq!(reconciled.alerts_agreed, 1);
}

#[test]
fn what_is_dialled_and_is_no_number_is_counted_as_it_was_dialled() {
    let rules = "[[ips]]\nname = \"probes\"\ncount = \"probes\"\nper = [\"source\"]\nwithin = \"1h\"\nwarning = 4\n\
                 [[ips]]\nname = \"called\"\ncount = \"distinct called\"\nper = [\"caller\"]\nwithin = \"1h\"\nwarning = 4\n\
                 [[ips]]\nname = \"one\"\ncount = \"attempts\"\nper = [\"called\"]\nwithin = \"1h\"\nwarning = 2\n";
    let calls: Vec<Call> =
        (0..5).map(|place| (place * 5, 101, DIALLED + place as u32, (2, 404), None)).collect();
    let reconciled = recount(rules, &calls, |_| ());
    assert!(reconciled.agree, "{reconciled}");
    assert_eq!(reconciled.alerts_agreed, 2, "none is called twice");
}

/// Thresholds that ask several counters, some of which share what they count.
const SEVERAL: &str = r#"
[[ips]]
name = "run"
count = "sequential called"
also = [{ count = "minutes", below = 6 }]
per = ["caller"]
within = "1h"
warning = 6
[[ips]]
name = "one number only"
count = "attempts"
per = ["caller"]
within = "1d"
also = [{ count = "distinct called", below = 2 }]
warning = 4
[[ips]]
name = "short on the whole"
count = "attempts"
per = ["called"]
within = "5m"
also = [{ count = "mean duration", below = 8, at_least = 2 }, { count = "distinct caller", above = 1 }]
warning = 3
critical = 5
[[ips]]
name = "many who are busy"
count = "distinct caller"
per = ["called"]
within = "5m"
also = [{ count = "busy", above = 1 }, { count = "attempts", below = 9 }]
warning = 2
[[ips]]
name = "short calls of one"
count = "attempts"
outcome = ["short"]
shorter_than = "8s"
per = ["caller"]
within = "5m"
also = [{ count = "mean duration", below = 10, at_least = 2 }]
warning = 2
"#;

#[test]
fn a_threshold_is_judged_when_all_its_counters_have_counted_the_call() {
    // The tenth call is to a second number: no threshold on one number only is reached by it.
    let calls: Vec<Call> =
        (0..4).map(|place| (place * 10, 101, 110 + (place / 3) as u32, (2, 200), Some(3))).collect();
    let reconciled = recount(SEVERAL, &calls, |_| ());
    assert!(reconciled.agree && reconciled.alerts_agreed == 1, "{reconciled}");
}

/// What ends calls knows which are up; a share that rises because an old call leaves its window is no breach for that.
const ENDING: &str = r#"
[[ips]]
name = "short ones"
count = "short ratio"
shorter_than = "6s"
within = "2m"
warning = 0.5
at_least = 2
action = { warning = "terminate" }
[[ips]]
name = "few that answer"
count = "answer ratio"
per = ["called"]
within = "3m"
warning = 0.6
at_least = 2
action = { warning = "terminate" }
"#;

/// What looks at calls that are up.
const UP: &str = r#"
[[ips]]
name = "at once"
count = "concurrent"
within = "1m"
per = ["caller"]
warning = 2
cool_down = "1s"
[[ips]]
name = "talk"
count = "minutes"
per = ["called"]
within = "2m"
warning = 0.4
cool_down = "1s"
[[ips]]
name = "given up"
count = "failed"
per = ["caller"]
within = "1m"
warning = 2
"#;

fn call() -> impl Strategy<Value = Call> {
    let ends = prop_oneof![
        (1i64..12).prop_map(|talk| ((2, 200), Some(talk))),
        Just(((2, 486), None)),
        Just(((1, 404), None))
    ];
    (0i64..900, 101u32..104, 110u32..112, ends)
        .prop_map(|(start, caller, called, (response, talk))| (start, caller, called, response, talk))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn random_calls_are_counted_as_the_recount_says(
        calls in prop::collection::vec(call(), 1..40),
    ) {
        let mut calls = calls;
        calls.sort_by_key(|call| call.0);
        for thresholds in [SEVERAL, ENDING, UP] {
            let reconciled = recount(thresholds, &calls, |_| ());
            prop_assert!(reconciled.agree, "{reconciled}");
        }
    }

    #[test]
    fn messages_that_are_late_or_share_their_stamp_are_recounted_as_they_counted(
        calls in prop::collection::vec(call(), 1..40),
        late in prop::collection::vec(0i64..900_000, 1..20),
    ) {
        let mut calls = calls;
        calls.sort_by_key(|call| call.0);
        let lateness = |place: i64| late[place as usize % late.len()];
        for thresholds in [SEVERAL, ENDING, UP] {
            let by_seconds = recount_stamped(thresholds, &calls, |at, _| at * SECOND, |_| ());
            prop_assert!(by_seconds.agree, "of one second: {by_seconds}");
            let late = |at, place| at * SECOND + place - lateness(place);
            let late = recount_stamped(thresholds, &calls, late, |_| ());
            prop_assert!(late.agree, "late: {late}");
        }
    }
}
