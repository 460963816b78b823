//! Blocks that thresholds set: over a restart, listed, lifted, extended.

use std::path::{Path, PathBuf};

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
trunks = ["192.0.2.0/24"]
response = { list = 603, threshold = 480 }

[[ips]]
name = "keeps calling"
when = { direction = "inbound" }
count = "attempts"
per = ["caller"]
within = "10m"
warning = 2
critical = 3
action = { critical = { block = "1h" } }
"#;

/// A folder with a policy, in which one replay goes on where another ended.
struct Desk {
    scratch: Scratch,
    policy: PathBuf,
    state: PathBuf,
    calls: u32,
    capture: Capture,
}

impl Desk {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let policy = scratch.write("acme.toml", POLICY);
        let state = policy.with_file_name("counters.state");
        Self { scratch, policy, state, calls: 0, capture: Capture::new() }
    }

    fn data(&self) -> &Path {
        self.state.parent().unwrap()
    }

    /// Lets seconds pass.
    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.capture.wait(seconds * 1_000_000);
        self
    }

    /// One caller calls `times` times, a second apart. Returns the verdicts of a replay that goes on where the last one ended.
    fn calls(&mut self, times: u32) -> Vec<String> {
        let from =
            Route { from: "203.0.113.7:5060".parse().unwrap(), to: "192.0.2.10:5060".parse().unwrap() };
        for _ in 0..times {
            self.calls += 1;
            let call_id: &'static str = format!("call-{}@example.com", self.calls).leak();
            let call = Dialog { call_id, from: "+13035550142", to: "+12105550150", ..Dialog::default() };
            self.wait(1);
            self.capture.udp(from, &call.opening("INVITE", 1, "1", ""));
            let back = Route { from: from.to, to: from.from };
            self.capture.udp(back, &call.response("486 Busy Here", "INVITE", 1, "1"));
        }
        // Some later packet, so that all that is refused has been told.
        self.capture.wait(40_000_000);
        self.capture
            .udp(from, b"OPTIONS sip:ping@example.com SIP/2.0\r\nCall-ID: ping\r\nCSeq: 1 OPTIONS\r\n\r\n");
        let whole = std::mem::replace(&mut self.capture, Capture::new());
        let bytes = whole.into_bytes();
        let file = self.scratch.write("calls.pcap", bytes);
        let mut arguments: Vec<std::ffi::OsString> =
            vec!["replay".into(), "--policy".into(), (&self.policy).into()];
        if self.state.exists() {
            arguments.extend(["--restore".into(), (&self.state).into()]);
        }
        arguments.extend([
            "--snapshot".into(),
            (&self.state).into(),
            "--calls".into(),
            "-".into(),
            file.into(),
        ]);
        let output = ringwall(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = stdout(&output);
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["kind"] == "call")
            .map(|line| line["verdict"].as_str().unwrap().to_owned())
            .collect()
    }

    fn block(&self, task: &[&str], more: &[&str]) -> String {
        let mut arguments: Vec<std::ffi::OsString> = vec!["block".into()];
        arguments.extend(task.iter().map(Into::into));
        arguments.extend(["--data".into(), self.data().into(), "--policy".into(), (&self.policy).into()]);
        arguments.extend(more.iter().map(Into::into));
        let output = ringwall(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        stdout(&output)
    }

    fn listed(&self) -> Vec<Value> {
        let text = self.block(&["list"], &["--json"]);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

const ACCOUNT: [&str; 4] = ["--by", "anna", "--why", "the clinic, confirmed by telephone"];

#[test]
fn a_block_outlives_a_restart_and_ends_by_itself() {
    let mut desk = Desk::new("block-restart");
    assert_eq!(desk.calls(2), ["allow", "allow"]);
    assert!(desk.listed().is_empty());
    let mut desk = Desk { capture: later(60), ..desk };
    assert_eq!(desk.calls(2), ["block", "block"], "the third call reaches the limit");
    let blocks = desk.listed();
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0]["key"]["caller"], "+13035550142");
    assert_eq!((&blocks[0]["rule"], &blocks[0]["hits"]), (&"keeps calling".into(), &2.into()));
    let mut desk = Desk { capture: later(600), ..desk };
    assert_eq!(desk.calls(1), ["block"]);
    let mut desk = Desk { capture: later(3_800), ..desk };
    assert_eq!(desk.calls(1), ["allow"], "an hour is over");
    assert!(desk.listed().is_empty());
}

#[test]
fn a_block_is_lifted_for_as_long_as_it_would_have_held() {
    let mut desk = Desk::new("block-lift");
    assert_eq!(desk.calls(3), ["allow", "allow", "block"]);
    let id = desk.listed()[0]["id"].as_str().unwrap().to_owned();
    assert!(desk.block(&["lift", &id], &ACCOUNT).contains("lifted"));
    let mut desk = Desk { capture: later(60), ..desk };
    assert_eq!(desk.calls(4), ["allow"; 4], "not set again while it would have held");
    let account = std::fs::read_to_string(desk.data().join("blocks.jsonl")).unwrap();
    let account: Value = serde_json::from_str(account.lines().next().unwrap()).unwrap();
    assert_eq!((&account["by"], &account["change"]), (&"anna".into(), &"lift".into()));
    assert_eq!(account["block"]["id"], id.as_str());
}

#[test]
fn a_block_is_extended_and_an_unknown_one_is_named() {
    let mut desk = Desk::new("block-extend");
    desk.calls(3);
    let id = desk.listed()[0]["id"].as_str().unwrap().to_owned();
    desk.block(&["lift", &id], &ACCOUNT);
    let extended = desk.block(&["extend", &id, "--by-time", "2h"], &ACCOUNT);
    assert!(!extended.contains("lifted"), "in force again: {extended}");
    let mut desk = Desk { capture: later(7_200), ..desk };
    assert_eq!(desk.calls(1), ["block"]);
    let wrong = ringwall(
        [
            "block",
            "lift",
            "00000000",
            "--data",
            desk.data().to_str().unwrap(),
            "--policy",
            desk.policy.to_str().unwrap(),
        ]
        .into_iter()
        .chain(ACCOUNT)
        .map(PathBuf::from),
    );
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("no block 00000000"), "{wrong:?}");
}

#[test]
fn a_damaged_state_is_refused_and_left_alone() {
    let mut desk = Desk::new("block-damaged");
    desk.calls(3);
    let mut bytes = std::fs::read(&desk.state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&desk.state, &bytes).unwrap();
    let arguments =
        ["block", "list", "--data", desk.data().to_str().unwrap(), "--policy", desk.policy.to_str().unwrap()];
    let output = ringwall(arguments.map(PathBuf::from));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("checksum"), "{output:?}");
    assert_eq!(std::fs::read(&desk.state).unwrap(), bytes);
}

/// A capture that begins so many seconds after the first one.
fn later(seconds: u64) -> Capture {
    let mut capture = Capture::new();
    capture.wait(seconds * 1_000_000);
    capture
}
