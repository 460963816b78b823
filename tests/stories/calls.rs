//! Calls as a capture shows them: what belongs together, who rang how long, who hung up.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::messages::Dialog;
use crate::support::packets::{Capture, Path};
use crate::support::{Scratch, call_lines, ringwall, stdout};

const SECOND: u64 = 1_000_000;

fn there() -> Path {
    Path::default()
}

fn back() -> Path {
    let there = Path::default();
    Path { from: there.to, to: there.from }
}

/// The call lines of what `play` sends.
fn lines(name: &str, play: impl FnOnce(&mut Capture)) -> Vec<Value> {
    let scratch = Scratch::new(name);
    let mut capture = Capture::new();
    play(&mut capture);
    call_lines(None, &scratch.write("story.pcap", capture.into_bytes()))
}

#[test]
fn an_answered_call_is_one_line_with_its_times() {
    let call = Dialog::default();
    let lines = lines("answered", |capture| {
        capture
            .udp(there(), &call.opening("INVITE", 1, "1", ""))
            .udp(back(), &call.response("100 Trying", "INVITE", 1, "1"));
        capture.wait(SECOND).udp(back(), &call.response("180 Ringing", "INVITE", 1, "1"));
        capture.wait(4 * SECOND).udp(back(), &call.response("200 OK", "INVITE", 1, "1"));
        capture.udp(there(), &call.by_caller("ACK", 1, "2"));
        capture.wait(60 * SECOND).udp(back(), &call.by_called("BYE", 1, "3"));
    });
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!(
        (&line["kind"], &line["status"], &line["answered"]),
        (&"call".into(), &200.into(), &true.into())
    );
    assert_eq!(line["ring_seconds"].as_f64().unwrap().round(), 4.0);
    assert_eq!(line["duration_seconds"].as_f64().unwrap().round(), 60.0);
    assert_eq!((&line["hung_up"], &line["caller"]), (&"called".into(), &"+13035550142".into()));
}

#[test]
fn a_call_that_an_agent_passes_on_counts_once_and_both_its_legs_are_told() {
    const POLICY: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\n\
        numbers = [\"+1 210 555 0100\"]\n[[ips]]\nname = \"again and again\"\ncount = \"attempts\"\n\
        per = [\"caller\"]\nwithin = \"1h\"\nwarning = 3\n";
    const SESSION: &str =
        "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\r\n";
    let scratch = Scratch::new("legs");
    let (agent, phone) = (there().to, "10.0.0.44:5060".parse().unwrap());
    let mut capture = Capture::new();
    let (onwards, homewards) = (Path { from: agent, to: phone }, Path { from: phone, to: agent });
    for (one, other) in [("a1", "b1"), ("a2", "b2")] {
        let call = Dialog { call_id: one, ..Dialog::default() };
        let leg = Dialog { call_id: other, from_tag: "x", to_tag: "y", ..Dialog::default() };
        capture.udp(there(), &call.opening("INVITE", 1, one, SESSION));
        capture.udp(onwards, &leg.opening("INVITE", 1, other, SESSION));
        capture.wait(SECOND).udp(homewards, &leg.response("200 OK", "INVITE", 1, other));
        capture.udp(back(), &call.response("200 OK", "INVITE", 1, one));
        capture.wait(9 * SECOND).udp(there(), &call.by_caller("BYE", 2, "3"));
        capture.udp(onwards, &leg.by_caller("BYE", 2, "4"));
    }
    let (policy, capture) =
        (scratch.write("acme.toml", POLICY), scratch.write("legs.pcap", capture.into_bytes()));
    let lines = call_lines(Some(&policy), &capture);
    let told: Vec<String> = lines
        .iter()
        .map(|line| {
            let [id, kind, of, counted] =
                ["call_id", "kind", "leg_of", "counted"].map(|name| line[name].clone());
            format!("{id} {kind} {of} {}", counted.as_array().map_or(0, Vec::len)).replace('"', "")
        })
        .collect();
    assert_eq!(told, ["a1 call null 1", "b1 leg a1 0", "a2 call null 1", "b2 leg a2 0"]);
    assert!(lines.iter().all(|line| line["duration_seconds"].as_f64().unwrap().round() == 9.0), "{lines:#?}");
    let flags = ["replay", "--json", "--reconcile", "--policy"].map(PathBuf::from);
    let output = ringwall(flags.into_iter().chain([policy, capture]));
    let summary: Value = serde_json::from_str(stdout(&output).trim()).unwrap();
    assert_eq!(
        (&summary["alerts"], &summary["reconciliation"]["agree"], &summary["verdicts"]["allow"]),
        (&0.into(), &true.into(), &2.into()),
        "{summary:#}"
    );
}

#[test]
fn retransmissions_and_the_repeat_after_a_challenge_are_the_same_attempt() {
    let call = Dialog::default();
    let lines = lines("challenge", |capture| {
        let invite = call.opening("INVITE", 1, "1", "");
        capture.udp(there(), &invite).wait(500_000).udp(there(), &invite);
        capture.udp(back(), &call.response("407 Proxy Authentication Required", "INVITE", 1, "1"));
        capture.udp(there(), &call.opening("ACK", 1, "1", ""));
        capture.udp(there(), &call.opening("INVITE", 2, "2", "Proxy-Authorization: Digest x\r\n"));
        capture.udp(back(), &call.response("486 Busy Here", "INVITE", 2, "2"));
        capture.udp(there(), &call.opening("ACK", 2, "2", ""));
    });
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!((&line["status"], &line["answered"]), (&486.into(), &false.into()));
}

#[test]
fn a_cancelled_call_was_hung_up_by_its_caller() {
    let call = Dialog::default();
    let lines = lines("cancel", |capture| {
        capture.udp(there(), &call.opening("INVITE", 1, "1", ""));
        capture.udp(back(), &call.response("180 Ringing", "INVITE", 1, "1"));
        capture.wait(3 * SECOND).udp(there(), &call.opening("CANCEL", 1, "1", ""));
        capture.udp(back(), &call.response("200 OK", "CANCEL", 1, "1"));
        capture.udp(back(), &call.response("487 Request Terminated", "INVITE", 1, "1"));
        capture.udp(there(), &call.opening("ACK", 1, "1", ""));
    });
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!((&line["status"], &line["hung_up"]), (&487.into(), &"caller".into()));
    assert_eq!(line["ring_seconds"].as_f64().unwrap().round(), 3.0);
}

#[test]
fn forks_and_re_invites_of_both_sides_open_nothing_new() {
    let call = Dialog::default();
    let fork = Dialog { to_tag: "c", ..Dialog::default() };
    let lines = lines("forks", |capture| {
        capture.udp(there(), &call.opening("INVITE", 1, "1", ""));
        capture.udp(back(), &call.response("180 Ringing", "INVITE", 1, "1"));
        capture.udp(back(), &fork.response("183 Session Progress", "INVITE", 1, "1"));
        capture.udp(back(), &fork.response("200 OK", "INVITE", 1, "1"));
        capture.udp(there(), &fork.by_caller("ACK", 1, "2"));
        capture.udp(there(), &fork.by_caller("INVITE", 2, "3"));
        capture.udp(back(), &fork.response("488 Not Acceptable Here", "INVITE", 2, "3"));
        capture.udp(back(), &fork.by_called("INVITE", 7, "4"));
        capture.wait(SECOND).udp(there(), &fork.by_caller("BYE", 3, "5"));
        capture.wait(SECOND).udp(there(), &fork.by_caller("BYE", 3, "5"));
    });
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!(
        (&line["status"], &line["hung_up"], &line["flags"]),
        (&200.into(), &"caller".into(), &Value::Array(vec![]))
    );
}

#[test]
fn requests_outside_a_dialog_have_lines_of_their_own() {
    let call = Dialog::default();
    let lines = lines("outside", |capture| {
        let options = call.opening("OPTIONS", 9, "1", "");
        capture.udp(there(), &options).wait(500_000).udp(there(), &options);
        capture.udp(back(), &call.response("200 OK", "OPTIONS", 9, "1"));
        capture.udp(there(), &call.opening("REFER", 10, "2", "Refer-To: <tel:+19005550100>\r\n"));
    });
    let kinds: Vec<&Value> = lines.iter().map(|line| &line["kind"]).collect();
    assert_eq!(kinds, ["options", "refer"]);
    assert_eq!((&lines[0]["status"], &lines[1]["called_also"][0]), (&200.into(), &"+19005550100".into()));
}

#[test]
fn an_invite_that_pretends_to_belong_to_a_dialog_is_judged() {
    let call = Dialog::default();
    let scratch = Scratch::new("pretends");
    let policy = scratch.write(
        "policy.toml",
        "[customer]\nname = \"C\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100\"]\n\
         [[firewall]]\nname = \"listed\"\nwhen = { caller = \"+13035550142\" }\naction = \"block\"\n",
    );
    let mut capture = Capture::new();
    capture.udp(there(), &call.by_caller("INVITE", 1, "1"));
    let lines = call_lines(Some(&policy), &scratch.write("story.pcap", capture.into_bytes()));
    assert_eq!((&lines[0]["verdict"], &lines[0]["rule"]), (&"block".into(), &"listed".into()));
    assert_eq!(lines[0]["flags"][0], "unknown-dialog");
}

#[test]
fn several_files_are_one_run_in_order_of_time() {
    let call = Dialog::default();
    let scratch = Scratch::new("merge");
    let (mut ours, mut theirs) = (Capture::new(), Capture::new());
    ours.udp(there(), &call.opening("INVITE", 1, "1", ""));
    theirs.wait(SECOND).udp(back(), &call.response("200 OK", "INVITE", 1, "1"));
    ours.wait(10 * SECOND).udp(there(), &call.by_caller("BYE", 2, "2"));
    let (ours, theirs) =
        (scratch.write("ours.pcap", ours.into_bytes()), scratch.write("theirs.pcap", theirs.into_bytes()));
    let output = ringwall([
        std::ffi::OsStr::new("replay"),
        "--calls".as_ref(),
        "-".as_ref(),
        theirs.as_ref(),
        ours.as_ref(),
    ]);
    let line: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(line["duration_seconds"].as_f64().unwrap().round(), 9.0);
    assert!(String::from_utf8_lossy(&output.stderr).contains("1  calls, 1 answered"));
}

#[test]
fn a_file_that_is_no_capture_is_named_and_the_others_are_read() {
    let scratch = Scratch::new("refused");
    let mut capture = Capture::new();
    capture.udp(there(), &Dialog::default().opening("INVITE", 1, "1", ""));
    let good = scratch.write("good.pcap", capture.into_bytes());
    let bad = scratch.write("notes.txt", "these are notes about a call\n");
    let output = ringwall([std::ffi::OsStr::new("replay"), "--json".as_ref(), bad.as_ref(), good.as_ref()]);
    assert_eq!(output.status.code(), Some(2));
    let summary: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(summary["calls"], 1);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("notes.txt") && said.contains("text"), "{said}");
}

#[test]
fn a_capture_cut_in_the_middle_is_read_as_far_as_it_goes() {
    let scratch = Scratch::new("cut");
    let mut capture = Capture::new();
    let invite = Dialog::default().opening("INVITE", 1, "1", "");
    capture.udp(there(), &invite).udp(there(), &invite);
    let mut bytes = capture.into_bytes();
    bytes.truncate(bytes.len() - 100);
    let output = ringwall([
        std::ffi::OsStr::new("replay"),
        "--json".as_ref(),
        scratch.write("cut.pcap", bytes).as_ref(),
    ]);
    let summary: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((output.status.code(), &summary["by_method"]["INVITE"]), (Some(0), &1.into()));
    assert!(!output.stderr.is_empty());
}
