//! Real attacks in the shared captures are named by the policy that `ringwall init` recommends, and real days are not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Scratch, ringwall, shared, stdout};

/// Captures of attacks, and the detections that must name them; others may not.
const NAMED: &[(&str, &[&str])] = &[
    ("sip-attacks/SIP-Bruteforce-Single-IP.pcap", &["registration-cracking"]),
    ("sip-attacks/BadUserAgent-sipvicious.pcap", &["scanner"]),
    ("goffinet/Forensic_challenge_4.pcap", &["scanner"]),
    ("sipnab/metasploit-sip-invite-spoof.pcap", &["scanner"]),
    // A load test: a thousand calls to one user within a minute are what a flood is.
    ("sipnab/sipp-branch-scenario.pcapng", &["telephony-denial-of-service"]),
];

#[test]
fn real_attacks_are_named_and_quiet_captures_stay_silent() {
    let Some(shared) = shared() else { return };
    let scratch = Scratch::new("attacks");
    let policy = scratch.write("policy.toml", recommended());
    let mut seen = 0;
    for capture in captures(&shared.join("captures/captures")) {
        let named = detections(&policy, &capture);
        let attack = NAMED.iter().find(|(file, _)| capture.ends_with(file));
        let expected: BTreeSet<String> =
            attack.iter().flat_map(|(_, names)| names.iter().map(|name| (*name).to_owned())).collect();
        assert_eq!(named, expected, "{}", capture.display());
        seen += usize::from(attack.is_some());
    }
    assert_eq!(seen, NAMED.len());
}

/// What `ringwall init` prints for a customer none of whose numbers occur, without trunks: all traffic comes from outside.
fn recommended() -> String {
    let output =
        ringwall(["init", "--name", "Example Lab", "--numbers", "+1 210 555 0100 - +1 210 555 0199"]);
    stdout(&output)
}

/// The shipped detections that raise an alert for `capture`.
fn detections(policy: &Path, capture: &Path) -> BTreeSet<String> {
    let output = ringwall([
        "replay".as_ref(),
        "--policy".as_ref(),
        policy,
        "--alerts".as_ref(),
        "-".as_ref(),
        capture,
    ]);
    assert!(
        output.status.code().is_some_and(|code| code != 1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    stdout(&output)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|alert| alert["rule"].as_str().map(str::to_owned))
        .filter(|rule| rules::policy::Detection::named(rule).is_some())
        .collect()
}

/// Every capture below `folder`.
fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(captures(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}
