//! Captures and single messages whose callers are signed for, checked with what lies on disk.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::messages::Dialog;
use crate::support::packets::{Capture, Path};
use crate::support::signing::{Authority, Holder, Said, Signer};
use crate::support::{Scratch, ringwall, stdout};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]

[[firewall]]
name = "false signature"
when = { attestation = "failed" }
action = "block"

[[firewall]]
name = "a carrier that signs for anybody"
when = { signer = "careless" }
action = "block"

[[ips]]
name = "calls by signer"
count = "attempts"
per = ["signer"]
within = "10m"
warning = 2
"#;

const X5U: &str = "https://certificates.example.com/shaken/carrier.pem";
/// When captures of stories begin.
const NOW: i64 = 1_791_990_000;
const SAID: Said<'_> = Said { level: "B", orig: "13035550142", dest: "12105550100", iat: NOW };

/// A folder with a policy, an anchor, and certificates where they were fetched to.
struct World {
    scratch: Scratch,
    policy: PathBuf,
    anchor: PathBuf,
    carrier: Signer,
    careless: Signer,
}

impl World {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let root = Authority::new("Root");
        let carrier = root.issue(&Holder::default());
        let careless = root.issue(&Holder { name: "SHAKEN Careless", ..Holder::default() });
        scratch.write("fetched/certificates.example.com/shaken/carrier.pem", &carrier.pem);
        scratch.write("fetched/careless.example.com:8443/c.pem", &careless.pem);
        Self {
            policy: scratch.write("acme.toml", POLICY),
            anchor: scratch.write("anchors.pem", &root.pem),
            scratch,
            carrier,
            careless,
        }
    }

    fn run(&self, arguments: &[&str], files: &[&std::path::Path]) -> String {
        let mut all: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
        all.extend(["--policy".into(), self.policy.clone(), "--anchors".into(), self.anchor.clone()]);
        all.extend(["--certificates".into(), self.scratch.path().join("fetched")]);
        all.extend(files.iter().map(|file| (*file).to_owned()));
        let output = ringwall(all);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        stdout(&output)
    }
}

fn invite(call_id: &'static str, identity: &str) -> Vec<u8> {
    let dialog = Dialog { call_id, ..Dialog::default() };
    let extra = if identity.is_empty() { String::new() } else { format!("Identity: {identity}\r\n") };
    dialog.opening("INVITE", 1, call_id, &extra)
}

#[test]
fn a_capture_tells_what_every_signature_is_worth() {
    let world = World::new("signed-capture");
    let stranger = Authority::new("Root").issue(&Holder::default());
    let careless = "https://careless.example.com:8443/c.pem";
    let nowhere = "https://nowhere.example.com/c.pem";
    let other = Said { orig: "13035550143", ..SAID };
    let late = Said { iat: NOW - 61, ..SAID };
    let calls = [
        ("fine", world.carrier.shaken(X5U, SAID), "allow", "B", "TN-Validation-Passed", ""),
        ("careless", world.careless.shaken(careless, SAID), "block", "B", "TN-Validation-Passed", ""),
        ("forged", stranger.shaken(X5U, SAID), "block", "failed", "TN-Validation-Failed", "signature"),
        ("stolen", world.carrier.shaken(X5U, other), "block", "failed", "TN-Validation-Failed", "caller"),
        ("late", world.carrier.shaken(X5U, late), "block", "failed", "TN-Validation-Failed", "stale"),
        ("unknown", world.carrier.shaken(nowhere, SAID), "allow", "", "No-TN-Validation", "awaited"),
        ("unsigned", String::new(), "allow", "none", "", ""),
        (
            "again",
            world.carrier.shaken(X5U, Said { iat: NOW + 1, ..SAID }),
            "allow",
            "B",
            "TN-Validation-Passed",
            "",
        ),
    ];
    let mut capture = Capture::new();
    for (name, identity, ..) in &calls {
        capture.udp(Path::default(), &invite(name, identity));
    }
    let capture = world.scratch.write("calls.pcap", capture.into_bytes());
    let lines: Vec<Value> = world
        .run(&["replay", "--calls", "-", "--reconcile"], &[&capture])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), calls.len());
    for (line, (name, _, verdict, attestation, verstat, reason)) in lines.iter().zip(&calls) {
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let said = ["call_id", "verdict", "attestation", "verstat", "verstat_reason"].map(text);
        assert_eq!(said, [*name, *verdict, *attestation, *verstat, *reason], "{line}");
    }
    assert_eq!(lines[0]["signer"], "709J, SHAKEN 709J, Example Carrier");
    assert_eq!(lines[2].get("signer"), None, "who did not sign is not named");
    let flags = |at: usize| lines[at]["flags"].to_string();
    assert!(flags(2).contains("invalid-passport") && flags(4).contains("stale-passport"), "{lines:?}");

    // The second call that one signer signed is told, as a threshold by signer wants it.
    let alerts = world.run(&["replay", "--alerts", "-"], &[&capture]);
    let alert: Value = serde_json::from_str(alerts.lines().next().unwrap()).unwrap();
    assert_eq!(alerts.lines().count(), 1, "{alerts}");
    assert_eq!(alert["key"]["signer"], "709J, SHAKEN 709J, Example Carrier");
}

#[test]
fn without_anchors_nothing_is_verified() {
    let world = World::new("unanchored");
    let mut capture = Capture::new();
    capture.udp(Path::default(), &invite("fine", &world.carrier.shaken(X5U, SAID)));
    let capture = world.scratch.write("calls.pcap", capture.into_bytes());
    let line = &crate::support::call_lines(Some(&world.policy), &capture)[0];
    assert_eq!((&line["attestation"], line.get("verstat")), (&Value::Null, None));
}

#[test]
fn explain_says_why_a_signature_is_not_believed() {
    let world = World::new("explain-signed");
    let explain = |name: &str, identity: &str, at: &str| {
        let file = world.scratch.write(name, invite("one", identity));
        world.run(&["explain", "--at", at], &["--message".as_ref(), file.as_path()])
    };
    let identity = world.carrier.shaken(X5U, SAID);
    let said = explain("fine.sip", &identity, "2026-10-14T15:00:30Z");
    assert!(said.contains("TN-Validation-Passed, passed: Somebody who may speak"), "{said}");
    assert!(said.contains("709J, SHAKEN 709J, Example Carrier"), "{said}");
    let said = explain("late.sip", &identity, "2026-10-14T15:01:30Z");
    assert!(said.contains("TN-Validation-Failed (403), stale: It was signed too long before"), "{said}");
    assert!(said.contains("block 603"), "{said}");
}

#[test]
fn what_is_no_anchor_is_named() {
    let scratch = Scratch::new("no-anchor");
    let file = scratch.write("anchor.pem", "nothing");
    let output = ringwall(["replay", "--anchors", file.to_str().unwrap(), "nothing.pcap"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("anchor.pem: holds no certificate"), "{said}");
}
