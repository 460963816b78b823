//! Due times: every vector of the specification through the binary, whatever the host thinks the time zone is.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Scratch, ringwall, shared, stdout};

const DUE: [&str; 5] = ["at", "ack_target", "ack_contract", "complete_target", "complete_contract"];

/// What `ringwall sla explain --json -` prints for `times`, on a host in `zone`.
fn explain(calendar: Option<&std::path::Path>, times: &str, zone: &str) -> Vec<Value> {
    let mut command = Command::new(crate::support::binary());
    command.args(["sla", "explain", "--json", "-"]).env("TZ", zone);
    if let Some(calendar) = calendar {
        command.arg("--calendar").arg(calendar);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(times.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_vector_on_hosts_all_over_the_world() {
    let Some(shared) = shared() else { return };
    let vectors: Value =
        serde_json::from_slice(&std::fs::read(shared.join("data/sla-vectors.json")).unwrap()).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 23);
    let times: String = vectors.iter().map(|it| format!("{}\n", it["received"].as_str().unwrap())).collect();
    for zone in ["UTC", "America/Chicago", "Asia/Kathmandu", "Pacific/Chatham"] {
        for calendar in [None, Some(shared.join("data/calendar.toml"))] {
            let lines = explain(calendar.as_deref(), &times, zone);
            assert_eq!(lines.len(), vectors.len());
            for (line, vector) in lines.iter().zip(vectors) {
                assert_eq!(line["at"], vector["received"]);
                for name in &DUE[1..] {
                    assert_eq!(line[name], vector[name], "{} {name} on a host in {zone}", vector["id"]);
                }
            }
        }
    }
}

#[test]
fn a_due_time_is_shown_with_all_that_was_counted() {
    let output = ringwall(["sla", "explain", "--at", "2026-11-25 16:30"]);
    assert!(output.status.success());
    let text = stdout(&output);
    assert!(text.starts_with("Wed 25 Nov 2026 16:30 CST: the desk is open (calendar central)\n"), "{text}");
    assert!(text.contains("acknowledge by Mon 30 Nov 2026 08:30 CST"), "{text}");
    assert!(text.contains("Thu 26 Nov to Fri 27 Nov  closed\n"), "{text}");
}

#[test]
fn a_time_that_comes_twice_is_asked_back() {
    let output =
        ringwall(["sla", "explain", "--at", "2026-11-01 01:30", "--at", "2026-11-02 10:00", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("comes twice"));
    // The others are answered all the same.
    assert_eq!(stdout(&output).lines().count(), 1);
}

#[test]
fn a_broken_calendar_is_refused_with_every_line() {
    let scratch = Scratch::new("calendar");
    let path =
        scratch.write("service.toml", "[calendar.one]\ntz = \"Mars/Olympus\"\nweek = { mon = [\"8-5\"] }\n");
    let path = path.to_str().unwrap();
    let output = ringwall(["sla", "explain", "--calendar", path, "--at", "2026-11-25 16:30"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("service.toml:2: ") && said.contains("service.toml:3: "), "{said}");
}

#[test]
fn a_statement_is_recomputed() {
    let scratch = Scratch::new("statement");
    let header = "case,customer,clock,start,stop,target,contract,in_time\n";
    let row = "RW-104233-3,,complete,2026-10-05T21:30:00Z,,2026-10-06T16:30:00Z,2026-10-06T22:00:00Z,\n";
    let right = scratch.write("right.csv", format!("{header}{row}"));
    let wrong = scratch.write("wrong.csv", format!("{header}{}", row.replace("16:30", "16:31")));
    let check = |path: &std::path::Path| ringwall(["sla", "check", path.to_str().unwrap()]);
    assert_eq!((check(&right).status.code(), check(&wrong).status.code()), (Some(0), Some(1)));
    assert!(stdout(&check(&wrong)).contains("line 2: RW-104233-3: target is 2026-10-06T16:31:00Z"));
    // Two things are wrong with one clock of two.
    let twice = row.replace("16:30", "16:31").replace("22:00", "22:01");
    let twice = scratch.write("twice.csv", format!("{header}{row}{twice}"));
    let said = stdout(&check(&twice));
    assert_eq!(said.matches("line 3: ").count(), 2, "{said}");
    assert!(said.ends_with("2 clocks, 1 differ\n"), "{said}");
}

#[test]
fn the_page_shows_what_is_printed() {
    let page = include_str!("../../../docs/service-hours.md");
    let (_, after) = page.split_once("```toml\n").unwrap();
    let (calendar, after) = after.split_once("```").unwrap();
    let (_, after) = after.split_once("--at '2026-10-30 16:30'\n").unwrap();
    let (shown, _) = after.split_once("```").unwrap();
    let scratch = Scratch::new("page");
    let path = scratch.write("service.toml", calendar);
    let output =
        ringwall(["sla", "explain", "--calendar", path.to_str().unwrap(), "--at", "2026-10-30 16:30"]);
    assert_eq!(stdout(&output), shown);
}
