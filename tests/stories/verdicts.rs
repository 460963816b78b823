//! What policies decide, from the packet to the line of the record.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::messages::Dialog;
use crate::support::packets::{Capture, Path};
use crate::support::{Scratch, call_lines, ringwall, stdout};

const CUSTOMER: &str = r#"
[customer]
name         = "Acme"
region       = "US"
area         = "210"
time_zone    = "America/Chicago"
numbers      = ["+1 210 555 0100 - +1 210 555 0199"]
trunks       = ["192.0.2.0/24"]
trusted      = ["198.51.100.0/24"]
access_codes = ["9"]
"#;

fn from_inside() -> Path {
    Path { from: "192.0.2.10:5060".parse().unwrap(), to: "198.51.100.1:5060".parse().unwrap() }
}

fn from_carrier() -> Path {
    Path { from: "198.51.100.1:5060".parse().unwrap(), to: "192.0.2.10:5060".parse().unwrap() }
}

fn from_stranger() -> Path {
    Path { from: "203.0.113.7:5060".parse().unwrap(), to: "192.0.2.10:5060".parse().unwrap() }
}

fn call(from: &'static str, to: &'static str) -> Dialog {
    Dialog { from, to, ..Dialog::default() }
}

/// The first line of one INVITE under `rules`.
fn judged(rules: &str, path: Path, call: &Dialog, extra: &str) -> Value {
    let scratch = Scratch::new("judged");
    let mut capture = Capture::new();
    capture.udp(path, &call.opening("INVITE", 1, "1", extra));
    let policy = scratch.write("policy.toml", format!("{CUSTOMER}{rules}"));
    call_lines(Some(&policy), &scratch.write("story.pcap", capture.into_bytes())).remove(0)
}

const BLOCK_ALL: &str = "[[firewall]]\nname = \"all\"\nwhen = { method = \"INVITE\" }\naction = \"block\"\n";

#[test]
fn emergency_calls_pass_whatever_the_rules_say() {
    for dialled in ["911", "9911", "112", "+1911", "1911", "9%31%31", "911;user=phone"] {
        let line = judged(BLOCK_ALL, from_inside(), &call("+12105550142", dialled), "");
        assert_eq!(line["verdict"], "allow", "{dialled}: {line}");
        assert!(line["reason"].as_str().unwrap().contains("emergency"), "{line}");
    }
    for dialled in ["911;phone-context=+252", "+252911", "9110", "+12529110911", "urn:911"] {
        let line = judged(BLOCK_ALL, from_inside(), &call("+12105550142", dialled), "");
        assert_eq!(line["verdict"], "block", "{dialled} is no emergency call: {line}");
    }
}

#[test]
fn who_called_911_can_be_called_back() {
    let scratch = Scratch::new("callback");
    let mut capture = Capture::new();
    let back = Dialog { call_id: "back@example.com", ..call("+13035550142", "+12105550142") };
    let other = Dialog { call_id: "other@example.com", ..call("+13035550142", "+12105550143") };
    capture.udp(from_inside(), &call("+12105550142", "911").opening("INVITE", 1, "1", ""));
    capture.wait(3_600_000_000).udp(from_carrier(), &back.opening("INVITE", 1, "2", ""));
    capture.udp(from_carrier(), &other.opening("INVITE", 1, "3", ""));
    let policy = scratch.write("policy.toml", format!("{CUSTOMER}{BLOCK_ALL}"));
    let lines = call_lines(Some(&policy), &scratch.write("story.pcap", capture.into_bytes()));
    let verdicts: Vec<&Value> = lines.iter().map(|line| &line["verdict"]).collect();
    assert_eq!(verdicts, ["allow", "allow", "block"]);

    let shorter = format!("{CUSTOMER}emergency_callback = \"30m\"\n{BLOCK_ALL}");
    let lines = call_lines(Some(&scratch.write("shorter.toml", shorter)), &scratch.path().join("story.pcap"));
    let verdicts: Vec<&Value> = lines.iter().map(|line| &line["verdict"]).collect();
    assert_eq!(verdicts, ["allow", "block", "block"], "an hour is over what this customer grants");
}

#[test]
fn a_borrowed_identity_opens_no_door_and_closes_one() {
    let rules = "[lists.vip]\nnumbers = [\"+1 303 555 0142\"]\n\
        [[firewall]]\nname = \"vip\"\nwhen = { direction = \"inbound\", caller = \"@vip\" }\naction = \"allow\"\n\
        [[firewall]]\nname = \"rest\"\nwhen = { direction = \"inbound\" }\naction = \"block\"\n";
    let vip = "P-Asserted-Identity: <sip:+13035550142@carrier.example.com>\r\n";
    let stranger = call("+14045550177", "+12105550100");
    assert_eq!(judged(rules, from_carrier(), &stranger, vip)["rule"], "vip");
    assert_eq!(judged(rules, from_stranger(), &stranger, vip)["rule"], "rest", "a stranger asserts nothing");
    assert_eq!(
        judged(rules, from_carrier(), &call("+13035550142", "+12105550100"), "")["rule"],
        "rest",
        "nor does From"
    );

    let block =
        "[[firewall]]\nname = \"listed\"\nwhen = { caller = \"+1 303 555 0142\" }\naction = \"block\"\n";
    for extra in [
        vip,
        "Remote-Party-ID: <sip:+13035550142@x>;party=calling\r\n",
        "p-asserted-identity : \"a, <sip:x>\" <tel:+1-303-555-0142>\r\n",
    ] {
        assert_eq!(judged(block, from_stranger(), &stranger, extra)["verdict"], "block", "{extra}");
    }
}

#[test]
fn direction_follows_the_source_and_not_what_the_caller_claims() {
    let line = judged("", from_stranger(), &call("+12105550142", "+14045550177"), "");
    assert_eq!(line["direction"], "inbound");
    assert_eq!(judged("", from_inside(), &call("1", "+12105550100"), "")["direction"], "internal");
    assert_eq!(judged("", from_inside(), &call("1", "94045550177"), "")["direction"], "outbound");
}

#[test]
fn shadow_reports_what_it_would_do() {
    let scratch = Scratch::new("shadow");
    let mut capture = Capture::new();
    capture.udp(from_stranger(), &call("+13035550142", "+12105550100").opening("INVITE", 1, "1", ""));
    let capture = scratch.write("story.pcap", capture.into_bytes());
    let policy = scratch.write("policy.toml", format!("{CUSTOMER}{BLOCK_ALL}"));
    let output = ringwall(
        ["replay", "--mode", "shadow", "--calls", "-", "--policy"]
            .iter()
            .map(PathBuf::from)
            .chain([policy, capture]),
    );
    let line: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&line["verdict"], &line["would"], &line["rule"]),
        (&"allow".into(), &"block".into(), &"all".into())
    );
}

#[test]
fn several_customers_judge_what_touches_them() {
    let scratch = Scratch::new("several");
    let other = CUSTOMER
        .replace("Acme", "Other")
        .replace("210 555", "303 555")
        .replace("192.0.2", "203.0.113")
        .replace("\"210\"", "\"303\"");
    let (one, two) =
        (scratch.write("one.toml", format!("{CUSTOMER}{BLOCK_ALL}")), scratch.write("two.toml", other));
    let mut capture = Capture::new();
    let between = call("+13035550142", "+12105550100");
    let nobody = Dialog { call_id: "nobody@example.com", ..call("+14045550177", "+14045550178") };
    let path = Path { from: "198.18.0.1:5060".parse().unwrap(), to: "198.18.0.2:5060".parse().unwrap() };
    capture
        .udp(path, &between.opening("INVITE", 1, "1", ""))
        .udp(path, &nobody.opening("INVITE", 1, "2", ""));
    let arguments = ["replay", "--calls", "-", "--policy"].iter().map(PathBuf::from);
    let files = [one, "--policy".into(), two, scratch.write("story.pcap", capture.into_bytes())];
    let output = ringwall(arguments.chain(files));
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<[&Value; 2]> = lines.iter().map(|line| [&line["customer"], &line["verdict"]]).collect();
    assert_eq!(
        seen,
        [
            [&Value::from("Acme"), &"block".into()],
            [&"Other".into(), &"allow".into()],
            [&Value::Null, &"allow".into()]
        ]
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("allow 2, block 1"));
}

#[test]
fn alerts_fold_the_calls_of_one_caller() {
    let scratch = Scratch::new("alerts");
    let mut capture = Capture::new();
    for call_id in ["a@example.com", "b@example.com", "c@example.com"] {
        capture.wait(60_000_000);
        capture.udp(
            from_stranger(),
            &Dialog { call_id, ..call("+13035550142", "+12105550100") }.opening("INVITE", 1, "1", ""),
        );
    }
    let rules = BLOCK_ALL.replace("action", "alert = \"critical\"\naction");
    let policy = scratch.write("policy.toml", format!("{CUSTOMER}{rules}"));
    let capture = scratch.write("story.pcap", capture.into_bytes());
    let run = || {
        let arguments = ["replay", "--alerts", "-", "--policy"].iter().map(PathBuf::from);
        stdout(&ringwall(arguments.chain([policy.clone(), capture.clone()])))
    };
    let alert: Value = serde_json::from_str(&run()).unwrap();
    assert_eq!(
        (&alert["count"], &alert["level"], &alert["key"]["caller"]),
        (&3.into(), &"critical".into(), &"+13035550142".into())
    );
    assert_eq!(alert["calls"].as_array().unwrap().len(), 3);
    assert_eq!(run(), run(), "the same replay gives the same");
}

#[test]
fn an_entry_stops_matching_when_it_expires() {
    let scratch = Scratch::new("expiry");
    scratch.write("list.csv", "number,expires\n+13035550142,2026-10-14T15:30:00Z\n");
    let rules = "[lists.l]\nnumbers_file = \"list.csv\"\n[[firewall]]\nname = \"l\"\nwhen = { caller = \"@l\" }\naction = \"block\"\n";
    let policy = scratch.write("policy.toml", format!("{CUSTOMER}{rules}"));
    let mut capture = Capture::new();
    let late = Dialog { call_id: "late@example.com", ..call("+13035550142", "+12105550100") };
    capture.udp(from_stranger(), &call("+13035550142", "+12105550100").opening("INVITE", 1, "1", ""));
    capture.wait(3_600_000_000).udp(from_stranger(), &late.opening("INVITE", 1, "2", ""));
    let lines = call_lines(Some(&policy), &scratch.write("story.pcap", capture.into_bytes()));
    assert_eq!([&lines[0]["verdict"], &lines[1]["verdict"]], ["block", "allow"]);
}
