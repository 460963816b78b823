//! Thresholds counted a second time from the written calls.

use std::path::PathBuf;

use generator::{Day, LISTED_CALLERS, Settings, pcap};
use serde_json::Value;

use crate::support::{Scratch, ringwall, stdout};

/// A generated day, and a policy of its customer with every shipped detection.
fn day(scratch: &Scratch, settings: Settings) -> (PathBuf, PathBuf) {
    let listed: String = LISTED_CALLERS.iter().map(|caller| format!("+{caller}\n")).collect();
    scratch.write("harassment.csv", format!("number\n{listed}"));
    let mut capture = Vec::new();
    pcap::write(&mut Day::new(settings), &mut capture).unwrap();
    let policy = include_str!("../../fixtures/demo/acme.toml");
    (scratch.write("acme.toml", policy), scratch.write("day.pcap", capture))
}

#[test]
fn a_generated_day_with_every_shipped_detection_is_counted_alike_from_its_lines() {
    for (seed, mode) in [(1, "enforce"), (2, "shadow"), (3, "shadow"), (4, "enforce")] {
        let scratch = Scratch::new("reconcile");
        let (policy, capture) = day(&scratch, Settings { seed, calls_per_hour: 60.0, ..Settings::default() });
        let flags = ["replay", "--json", "--reconcile", "--mode", mode, "--policy"].map(PathBuf::from);
        let output = ringwall(flags.into_iter().chain([policy, capture]));
        let summary: Value = serde_json::from_str(stdout(&output).trim()).unwrap();
        let reconciled = &summary["reconciliation"];
        assert_eq!(output.status.code(), Some(0), "seed {seed}: {reconciled:#}");
        assert_eq!(reconciled["agree"], Value::from(true));
        assert!(reconciled["alerts_agreed"].as_u64().unwrap() > 20, "{reconciled:#}");
        assert!(reconciled["thresholds_recounted"].as_u64().unwrap() > 50, "{reconciled:#}");
    }
}

#[test]
fn a_replay_says_the_same_every_time() {
    let scratch = Scratch::new("same");
    let (policy, capture) = day(&scratch, Settings { seed: 3, calls_per_hour: 60.0, ..Settings::default() });
    let alerts = |name: &str| {
        let alerts = scratch.path().join(name);
        let flags = ["replay", "--mode", "shadow", "--policy"].map(PathBuf::from);
        let output = ringwall(flags.into_iter().chain([
            policy.clone(),
            "--alerts".into(),
            alerts.clone(),
            capture.clone(),
        ]));
        assert!(output.status.success());
        let mut lines: Vec<String> =
            std::fs::read_to_string(alerts).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let first = alerts("first.jsonl");
    assert!(first.len() > 100, "{}", first.len());
    for _ in 0..3 {
        assert_eq!(alerts("again.jsonl"), first);
    }
}
