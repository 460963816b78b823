//! Limits that are multiples of what is usual at that hour.

use std::path::Path;

use serde_json::Value;

use crate::support::messages::Dialog;
use crate::support::packets::{Capture, Path as Route};
use crate::support::{Scratch, ringwall, stdout};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]

[[ips]]
name = "busy hour"
when = { direction = "inbound" }
count = "attempts"
within = "1h"
baseline = { times = 3, hours_of_week = true, samples = 4, floor = 2 }
"#;

/// Ten calls within a minute on Wednesday the 14th at 15:00 UTC, ten in the morning in Chicago: hour 58 of the week.
fn day() -> Vec<u8> {
    let mut capture = Capture::new();
    for number in 0..10 {
        let call_id: &'static str = format!("call-{number}@example.com").leak();
        let invite = Dialog { call_id, ..Dialog::default() }.opening("INVITE", 1, "1", "");
        capture.wait(5_000_000).udp(Route::default(), &invite);
    }
    capture.into_bytes()
}

fn replay(scratch: &Scratch, table: &str) -> std::process::Output {
    let (policy, capture) = (scratch.write("acme.toml", POLICY), scratch.write("day.pcap", day()));
    let table = scratch.write("usual.jsonl", table);
    let words: [&Path; 8] = [
        "replay".as_ref(),
        "--policy".as_ref(),
        &policy,
        "--usual".as_ref(),
        &table,
        "--alerts".as_ref(),
        "-".as_ref(),
        &capture,
    ];
    ringwall(words)
}

fn line(threshold: &str, hour: u8, value: f64, samples: u32) -> String {
    format!(
        "{{\"customer\":\"Acme\",\"threshold\":\"{threshold}\",\"hour_of_week\":{hour},\"value\":{value},\"samples\":{samples}}}\n"
    )
}

fn alerts(scratch: &Scratch, table: &str) -> Vec<Value> {
    let output = replay(scratch, table);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_limit_is_a_multiple_of_what_is_usual_at_that_hour() {
    let scratch = Scratch::new("usual");
    let told = alerts(&scratch, &(line("busy hour", 57, 1.0, 8) + line("busy hour", 58, 2.5, 8).as_str()));
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["count"], &told[0]["limit"]), (&Value::from(8), &Value::from(7.5)));
    assert_eq!(told[0]["baseline"], 2.5);
    // Too few samples, or another hour: nothing is known yet, and nothing rings. Never below the floor.
    assert_eq!(alerts(&scratch, &line("busy hour", 58, 2.5, 3)).len(), 0);
    assert_eq!(alerts(&scratch, &line("busy hour", 59, 0.1, 8)).len(), 0);
    assert_eq!(alerts(&scratch, &line("busy hour", 58, 0.0, 8))[0]["limit"], 2);
}

#[test]
fn a_table_that_means_nothing_is_refused_with_its_line() {
    let scratch = Scratch::new("usual-bad");
    for (bad, why) in [
        (line("quiet hour", 1, 1.0, 8), "has no threshold \"quiet hour\""),
        (line("busy hour", 168, 1.0, 8), "no hour 168"),
        (line("busy hour", 1, -1.0, 8), "-1 is no usual value"),
        ("{\n".to_owned(), "EOF"),
    ] {
        let output = replay(&scratch, &(line("busy hour", 0, 1.0, 8) + bad.as_str()));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("usual.jsonl, line 2: ") && said.contains(why), "{said}");
    }
}
