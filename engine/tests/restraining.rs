//! What a breach sets lasts as long as it says, is set anew only by what passed since, and each breach is told.
#![allow(clippy::unwrap_used, reason = "a test says by its panic what is wrong")]

use std::net::SocketAddr;
use std::sync::Arc;

use ringwall_engine::{Engine, Packet};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Action, Flags, Policy, Timestamp, Transport};

/// Calls of one caller at these seconds, which nobody answers: which were refused, and when alerts of which level came.
fn run(threshold: &str, seconds: &[i64]) -> (Vec<i64>, Vec<(i64, bool)>) {
    let text = format!(
        "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 01xx\"]\n\
         trunks = [\"192.0.2.0/24\"]\n[[ips]]\nname = \"t\"\nper = [\"caller\"]\n{threshold}\n"
    );
    let reading = rules::policy::read("acme.toml", &text, &MemoryFiles::new(), Timestamp::default());
    let policy = reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
    let mut engine = Engine::new(Arc::new(PolicySet::new(vec![Policy::new(policy)])));
    let start = 1_791_979_200;
    let mut refused = Vec::new();
    let mut alerts = Vec::new();
    for second in seconds {
        let text = format!(
            "INVITE sip:+12105550142@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{second}\r\n\
             From: <sip:+12125550143@198.51.100.7>;tag=a\r\nTo: <sip:+12105550142@192.0.2.10>\r\nCall-ID: {second}\r\n\
             CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        let handled = engine.handle(&Packet {
            at: Timestamp::from_seconds(start + second),
            source: SocketAddr::from(([198, 51, 100, 7], 5060)),
            destination: SocketAddr::from(([192, 0, 2, 10], 5060)),
            transport: Transport::Udp,
            payload: text.as_bytes(),
            flags: Flags::NONE,
        });
        if handled.decision == Some(Action::Block) {
            refused.push(*second);
        }
        while let Some(breach) = engine.poll_breach() {
            alerts.push((breach.at.0 / 1_000_000 - start, breach.critical));
        }
    }
    (refused, alerts)
}

#[test]
fn attempts_that_a_block_refuses_do_not_prolong_it() {
    let threshold = "count = \"attempts\"\nwithin = \"20s\"\nwarning = 3\ncool_down = \"1s\"\naction = { warning = { block = \"60s\" } }";
    let (refused, alerts) = run(threshold, &[0, 1, 2, 50, 55, 58, 63, 70, 100]);
    assert_eq!(refused, [2, 50, 55, 58]);
    assert_eq!(alerts, [(2, false), (58, false)], "that they go on is told");
    // As many as the limit pass, and the last of them is refused again.
    assert_eq!(run(threshold, &[0, 1, 2, 50, 55, 58, 63, 70, 75]).0, [2, 50, 55, 58, 75]);
}

#[test]
fn a_block_that_ended_is_set_anew_only_by_what_passed_since() {
    let threshold =
        "count = \"attempts\"\nwithin = \"1h\"\nwarning = 3\naction = { warning = { block = \"30s\" } }";
    let (refused, _) = run(threshold, &[0, 1, 2, 40, 80, 120, 160, 200, 240]);
    assert_eq!(refused, [2, 120, 240]);
}

#[test]
fn a_call_that_is_refused_is_not_up_and_the_next_breach_is_told() {
    let threshold = "count = \"concurrent\"\nwithin = \"1h\"\nwarning = 2\ncool_down = \"1s\"\naction = { warning = { block = \"30s\" } }";
    let (refused, alerts) = run(threshold, &[0, 20, 61, 122]);
    assert_eq!(refused, [20, 61, 122]);
    assert_eq!(alerts, [(20, false), (61, false), (122, false)]);
}

#[test]
fn a_warning_that_has_lasted_is_told_though_the_critical_limit_is_reached_meanwhile() {
    let threshold = "count = \"attempts\"\nwithin = \"1h\"\nwarning = 2\ncritical = 3\nhold = \"10s\"";
    let (_, alerts) = run(threshold, &[0, 1, 8, 60]);
    assert_eq!(alerts, [(11, false), (18, true)]);
}
