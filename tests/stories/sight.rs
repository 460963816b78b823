//! How well could be seen: trunks that fall silent, and what every alert says of the sensor.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::messages::Dialog;
use crate::support::packets::{Capture, Path as Route};
use crate::support::{Scratch, ringwall, stdout};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
trunks = ["192.0.2.0/24"]
trusted = ["198.51.100.0/24"]
silence = "10m"

[[ips]]
name = "keeps calling"
when = { direction = "inbound" }
count = "attempts"
per = ["caller"]
within = "1h"
warning = 3
"#;

const MINUTE: u64 = 60_000_000;

fn alerts(scratch: &Scratch, name: &str, capture: Capture, more: &[&Path]) -> Vec<Value> {
    let policy = scratch.write("acme.toml", POLICY);
    let capture = scratch.write(name, capture.into_bytes());
    let flags = ["replay".as_ref(), "--alerts".as_ref(), "-".as_ref(), "--policy".as_ref(), policy.as_path()];
    let output = ringwall(flags.iter().chain(more).chain([&capture.as_path()]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn from(source: &str) -> Route {
    let source: SocketAddrV4 = format!("{source}:5060").parse().unwrap();
    Route { from: source, ..Route::default() }
}

fn call(capture: &mut Capture, source: &str, number: u32) {
    let call_id: &'static str = format!("call-{number}@example.com").leak();
    capture.udp(from(source), &Dialog { call_id, ..Dialog::default() }.opening("INVITE", 1, "1", ""));
}

#[test]
fn a_trunk_that_says_nothing_any_more_is_told_once_until_it_is_heard_again() {
    let scratch = Scratch::new("silence");
    let mut capture = Capture::new();
    call(&mut capture, "192.0.2.7", 0);
    // The carrier goes on; the PBX does not, comes back after half an hour, and falls silent again.
    for minute in 1..=60 {
        capture.wait(MINUTE);
        capture.udp(from("198.51.100.9"), &Dialog::default().opening("OPTIONS", minute, "1", ""));
        if minute == 30 {
            call(&mut capture, "192.0.2.7", minute);
        }
    }
    let alerts = alerts(&scratch, "day.pcap", capture, &[]);
    let told: Vec<Value> =
        alerts.iter().map(|alert| json!([alert["rule"], alert["key"], alert["at"]])).collect();
    let silent = |at: &str| json!(["silent-trunk", { "trunk": "192.0.2.0/24" }, format!("2026-10-14T{at}Z")]);
    assert_eq!(told, [silent("15:10:00.000100"), silent("15:40:00.003200")]);
    let first = &alerts[0];
    assert_eq!(first["level"], "critical");
    assert_eq!((&first["count"], &first["limit"], &first["window"]), (&json!(10), &json!(10), &json!("10m")));
    assert_eq!(first["last"], "2026-10-14T15:00:00.000100Z");
    assert_ne!(first["id"], alerts[1]["id"]);
}

#[test]
fn silence_goes_on_over_a_restart() {
    let scratch = Scratch::new("silence-restart");
    let state: PathBuf = scratch.path().join("state");
    let mut before = Capture::new();
    call(&mut before, "192.0.2.7", 0);
    assert_eq!(alerts(&scratch, "before.pcap", before, &["--snapshot".as_ref(), &state]), [] as [Value; 0]);
    let mut after = Capture::new();
    after.wait(11 * MINUTE);
    call(&mut after, "203.0.113.1", 1);
    let told = alerts(&scratch, "after.pcap", after, &["--restore".as_ref(), &state]);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["at"], "2026-10-14T15:10:00.000100Z");
}

#[test]
fn every_alert_says_what_was_lost_and_whether_answers_are_seen() {
    let scratch = Scratch::new("sensor");
    let mut capture = Capture::new();
    // Of a datagram in two fragments the second never comes; then there are calls that nobody answers.
    let invite = Dialog::default().opening("INVITE", 1, "1", "");
    let mut fragments = Capture::new();
    fragments.udp_fragments(from("203.0.113.9"), &invite, invite.len() / 2, false);
    let mut fragments = fragments.into_bytes();
    fragments.truncate(24 + 16 + 20 + invite.len() / 16 * 8);
    let fragments = scratch.write("fragments.pcap", fragments);
    for number in 0..3 {
        capture.wait(15 * MINUTE);
        call(&mut capture, "203.0.113.7", number);
    }
    let told = alerts(&scratch, "calls.pcap", capture, &[&fragments]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["rule"], "keeps calling");
    assert_eq!(told[0]["sensor"]["lost"], 1);
    assert_eq!(told[0]["sensor"]["answers_seen"], 0);
}
