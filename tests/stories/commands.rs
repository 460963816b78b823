//! The commands as a newcomer tries them.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Scratch, ringwall, stdout};

fn run(arguments: &[&str]) -> std::process::Output {
    ringwall(arguments.iter().map(PathBuf::from))
}

#[test]
fn what_init_recommends_passes_check() {
    let scratch = Scratch::new("init");
    let plain = ["init", "--name", "Example \"Ltd\"", "--numbers", "+1 210 555 0100 - +1 210 555 0199"];
    let full = [
        &plain[..],
        &["--trunk", "192.0.2.0/24", "--hours", "Mon-Fri 08:00-17:00", "--time-zone", "America/Chicago"],
    ]
    .concat();
    let german =
        ["init", "--name", "Beispiel", "--region", "DE", "--numbers", "+49 30 23125 0 - +49 30 23125 9"];
    for arguments in [&plain[..], &full, &german] {
        let output = run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let policy = scratch.write("policy.toml", &output.stdout);
        let checked = run(&["check", policy.to_str().unwrap()]);
        assert_eq!(checked.status.code(), Some(0), "{}\n{}", stdout(&output), stdout(&checked));
        assert!(stdout(&checked).contains("0 errors"), "{}", stdout(&checked));
        for silent in ["missing-need", "`own-number-spoofing`"] {
            assert!(!stdout(&checked).contains(silent), "{}", stdout(&checked));
        }
    }
}

#[test]
fn init_recommends_every_detection_and_says_what_those_need_that_sleep() {
    let plain = ["init", "--name", "Example", "--numbers", "+1 210 555 0100 - +1 210 555 0199"];
    let full = [&plain[..], &["--trunk", "192.0.2.0/24", "--hours", "Mon-Fri 08:00-17:00"]].concat();
    let asleep = |text: &str, name: &str| {
        let (_, table) = text.split_once(&format!("use = \"{name}\"\n")).unwrap_or_else(|| panic!("{name}"));
        table.starts_with("mode = \"off\"")
    };
    let (bare, told) = (stdout(&run(&plain)), stdout(&run(&full)));
    for name in rules::policy::detection::DETECTIONS {
        let never = ["do-not-originate", "voicemail-break-in"].contains(name);
        assert_eq!(asleep(&told, name), never, "{name}");
        let of_site = ["own-number-spoofing", "after-hours-outbound"].contains(name);
        assert_eq!(asleep(&bare, name), never || of_site, "{name}");
    }
    assert!(bare.contains("# needs [hours.business]"), "{bare}");
    let trusting = stdout(&run(&[&plain[..], &["--trusted", "198.51.100.0/24"]].concat()));
    assert!(trusting.contains("\ntrusted = [\"198.51.100.0/24\"]\n"), "{trusting}");
}

#[test]
fn explain_tells_which_thresholds_would_count_the_call() {
    let scratch = Scratch::new("explain-thresholds");
    let output = run(&["init", "--name", "Example", "--numbers", "+1 210 555 0100 - +1 210 555 0199"]);
    let policy = scratch.write("policy.toml", &output.stdout);
    let policy = policy.to_str().unwrap();
    let question =
        ["explain", "--policy", policy, "--caller", "+1 303 555 0142", "--called", "+1 210 555 0100"];
    let said = stdout(&run(&question));
    let wanted = "harassment: calls of one caller to one number per caller and called within 1h";
    assert!(said.contains(wanted) && said.contains("(block for"), "{said}");
    for other in ["registration-cracking", "do-not-originate", "international-revenue-share-fraud"] {
        assert!(!said.contains(other), "{other}:\n{said}");
    }
    let json: Value = serde_json::from_str(&stdout(&run(&[&question[..], &["--json"]].concat()))).unwrap();
    let counting = json["thresholds"].as_array().unwrap();
    assert!(counting.iter().any(|one| one["threshold"] == "wangiri" && one["critical"] == 6.0), "{json}");
}

#[test]
fn init_refuses_calls_that_show_an_own_number_and_no_telephone_that_registers_with_one() {
    let scratch = Scratch::new("init-own-number");
    let args = ["init", "--name", "Example", "--numbers", "+1 210 555 0100 - +1 210 555 0199"];
    let args = [&args[..], &["--trunk", "192.0.2.0/24"]].concat();
    let policy = scratch.write("policy.toml", &run(&args).stdout);
    for (method, is_refused) in [("INVITE", true), ("MESSAGE", true), ("REGISTER", false)] {
        let message = format!(
            "{method} sip:+12105550100@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n\
             From: <sip:+12105550101@example.com>;tag=a\r\nTo: <sip:+12105550101@example.com>\r\nCall-ID: a\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let message = scratch.write("message.sip", message.as_bytes());
        let (policy, message) = (policy.to_str().unwrap(), message.to_str().unwrap());
        let asked =
            ["explain", "--policy", policy, "--message", message, "--source", "203.0.113.77", "--json"];
        let told: Value = serde_json::from_str(&stdout(&run(&asked))).unwrap();
        assert_eq!(told["verdict"] == "block", is_refused, "{method}: {told}");
    }
}

#[test]
fn init_says_what_is_wrong_with_an_answer() {
    let output = run(&["init", "--name", "x", "--numbers", "not a number"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a number"));
}

#[test]
fn init_makes_nothing_that_check_refuses_and_says_of_which_country_numbers_are() {
    let short = run(&["init", "--name", "x", "--numbers", "911"]);
    assert_eq!((short.status.code(), stdout(&short)), (Some(2), String::new()));
    let british = ["init", "--name", "x", "--numbers", "+44 161 496 0000 - +44 161 496 0099"];
    for (region, is_said) in [(&[][..], true), (&["--region", "GB"], false)] {
        let output = run(&[&british[..], region].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("--region GB") == is_said, "{region:?}: {said}");
    }
    // A list that is empty yet is no mistake to correct.
    let scratch = Scratch::new("init-empty");
    let plain = run(&["init", "--name", "x", "--numbers", "+1 210 555 0100"]);
    assert_eq!(String::from_utf8_lossy(&plain.stderr), "");
    let policy = scratch.write("policy.toml", plain.stdout);
    let said = stdout(&run(&["check", policy.to_str().unwrap()]));
    assert!(said.contains("`@harassment` is empty: it fits calls once something stands there"), "{said}");
    assert!(!said.contains("correct or remove it"), "{said}");
}

#[test]
fn check_names_every_mistake_and_ends_with_one() {
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/policies/thirty-mistakes.toml");
    let output = run(&["check", "--json", policy]);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let mut codes: Vec<&str> =
        found["diagnostics"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!((count, codes.len()), (30, 30));
}

#[test]
fn an_expectation_that_fails_is_an_error_at_its_line() {
    let scratch = Scratch::new("expect");
    let policy = scratch.write(
        "policy.toml",
        "[customer]\nname = \"x\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+12105550100\"]\n\n[[expect]]\ncall = { from = \"+13035550142\", to = \"+12105550100\" }\nverdict = \"block\"\n",
    );
    let output = run(&["check", policy.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output);
    assert!(said.contains("failed-expect") && said.contains(":7:"), "{said}");
}

#[test]
fn check_says_what_a_mount_cannot_see() {
    let scratch = Scratch::new("check-mount");
    let initial = run(&["init", "--name", "Acme", "--numbers", "+1 210 555 0100 - +1 210 555 0199"]);
    let policy = scratch.write("acme.toml", stdout(&initial));
    let policy = policy.to_str().unwrap();
    let output = run(&["check", "--mount", "capture", policy]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("mount: calls are only watched here"), "{}", stdout(&output));
    assert!(stdout(&output).contains("is seen twice here"), "{}", stdout(&output));
    let output = run(&["check", "--mount", "proxy", "--json", policy]);
    let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(said["mount"], serde_json::json!([]));
    let output = run(&["check", "--mount", "redirect", policy]);
    assert!(stdout(&output).contains("which are not seen here"), "{}", stdout(&output));
    assert_eq!(run(&["check", "--mount", "pigeon", policy]).status.code(), Some(2));
}

#[test]
fn check_answers_who_can_block_a_number() {
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo/acme.toml");
    let scratch = Scratch::new("who");
    scratch.write("harassment.csv", "number\n+12125550166\n");
    let copy = scratch.write("acme.toml", std::fs::read(policy).unwrap());
    let output = run(&["check", "--who-can-block", "+1 900 555*", copy.to_str().unwrap()]);
    let said = stdout(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("no rule can block 911"), "{said}");
    assert!(said.contains("premium or satellite number"), "{said}");
}

#[test]
fn explain_tells_facts_rules_and_what_would_turn_the_verdict() {
    let scratch = Scratch::new("explain");
    scratch.write("harassment.csv", "number,category,added\n+12125550166,Harassing,2026-10-01\n");
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo/acme.toml");
    let copy = scratch.write("acme.toml", std::fs::read(policy).unwrap());
    let copy = copy.to_str().unwrap();
    let question = ["explain", "--policy", copy, "--caller", "001 (212) 555.0166", "--called", "5550150"];
    let said = stdout(&run(&question));
    for expected in
        ["+12125550166", "harassing caller", "harassment.csv:2", "would be allow if", "rlibphonenumber"]
    {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    let json: Value = serde_json::from_str(&stdout(&run(&[&question[..], &["--json"]].concat()))).unwrap();
    assert_eq!(
        (&json["verdict"], &json["rule"], &json["action_status"]),
        (&"block".into(), &"harassing caller".into(), &603.into())
    );
    assert_eq!(json["rules"].as_array().unwrap().len(), 6);
    let ways = json["turning"]["call"]["ways"].as_array().unwrap();
    let by_caller = ways.iter().find(|way| way["changes"][0]["fact"] == "caller").unwrap();
    let other = by_caller["changes"][0]["to"].as_str().unwrap();
    let made = run(&["explain", "--policy", copy, "--caller", other, "--called", "5550150", "--json"]);
    let made: Value = serde_json::from_str(&stdout(&made)).unwrap();
    assert_eq!((&made["verdict"], &by_caller["verdict"]), (&"allow".into(), &"allow".into()), "{by_caller}");
    for told in [
        "the call's caller were not @harassment",
        "the policy's rule \"harassing caller\" were off",
        "were removed",
    ] {
        assert!(said.contains(told), "{told}:\n{said}");
    }
    let emergency =
        ["explain", "--policy", copy, "--caller", "+12105550150", "--called", "911", "--source", "192.0.2.9"];
    let said = stdout(&run(&emergency));
    assert!(said.contains("cannot be turned: an emergency call passes"), "{said}");
}

#[test]
fn demo_writes_over_nothing_that_no_demo_left() {
    let scratch = Scratch::new("demo-stranger");
    let policy = scratch.write("acme.toml", "mine");
    let output = run(&["demo", "--day", "--data", scratch.path().to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("another folder"), "{output:?}");
    assert_eq!(std::fs::read_to_string(policy).unwrap(), "mine");
}

#[test]
fn explain_says_of_a_refusal_that_it_would_be_silence() {
    let scratch = Scratch::new("explain-drop");
    let initial = stdout(&run(&["init", "--name", "Acme", "--numbers", "+1 210 555 0100 - +1 210 555 0199"]));
    let listed = initial.replacen("\nnumbers = []", "\nnumbers = [\"+12125550166\"]", 1);
    assert_ne!(initial, listed);
    let policy = scratch.write("acme.toml", listed);
    let policy = policy.to_str().unwrap();
    let said = stdout(&run(&[
        "explain",
        "--policy",
        policy,
        "--caller",
        "+12125550166",
        "--called",
        "+12105550150",
    ]));
    assert!(said.contains("block 603: "), "{said}");
    assert!(said.contains("would be block drop if the call's user_agent were @scanners"), "{said}");
}

#[test]
fn demo_finds_nearly_every_attack_and_stops_hardly_anything_honest() {
    let scratch = Scratch::new("demo");
    let data = scratch.path().to_str().unwrap();
    let output = run(&["demo", "--day", "--json", "--data", data]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let labels = told["labels"].as_object().unwrap();
    let (attacks, honest): (Vec<_>, Vec<_>) = labels.iter().partition(|(_, tally)| tally["attack"] == true);
    let of = |tallies: &[(&String, &Value)], what: &str| -> u64 {
        tallies.iter().map(|(_, tally)| tally[what].as_u64().unwrap()).sum()
    };
    for (label, tally) in &attacks {
        if matches!(label.as_str(), "listed-caller" | "own-number-spoofing") {
            assert_eq!(tally["attempts"], tally["stopped"], "{label}");
        }
    }
    let found = attacks.iter().filter(|(_, tally)| tally["alerts"] != serde_json::json!({})).count();
    assert!(attacks.len() >= 26 && found + 4 >= attacks.len(), "{found} of {} attacks rang", attacks.len());
    assert!(3 * of(&attacks, "stopped") >= of(&attacks, "attempts"));
    assert!(1000 * of(&honest, "stopped") <= of(&honest, "attempts"));
}

#[test]
fn hostile_text_is_inert_in_every_output() {
    use crate::support::messages::Dialog;
    use crate::support::packets::{Capture, Path};
    let scratch = Scratch::new("hostile");
    let mut capture = Capture::new();
    let hostile = "User-Agent: \x1b[31m\u{202e}\u{2028}<script>\r\nSubject: x\r\n";
    capture.udp(Path::default(), &Dialog::default().opening("INVITE", 1, "1", hostile));
    let file = scratch.write("hostile.pcap", capture.into_bytes());
    let output = run(&["replay", "--calls", "-", file.to_str().unwrap()]);
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 1);
    assert!(!text.contains(['\x1b', '\u{202e}', '\u{2028}']), "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["user_agent"], "\x1b[31m\u{202e}\u{2028}<script>");
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in ["demo", "init", "check", "replay", "explain"] {
        let said = stdout(&run(&[command, "--help"]));
        assert!(said.contains("Example:"), "{command}: {said}");
    }
    assert_eq!(run(&["replay"]).status.code(), Some(2));
}

#[test]
fn replay_never_writes_over_what_it_reads() {
    let scratch = Scratch::new("overwrite");
    let capture = crate::support::packets::Capture::new().into_bytes();
    let file = scratch.write("monday.pcap", &capture);
    let policy =
        scratch.write("policy.toml", stdout(&run(&["init", "--name", "x", "--numbers", "+1 210 555 0100"])));
    let (symbolic, hard) = (scratch.path().join("symbolic.pcap"), scratch.path().join("hard.pcap"));
    std::os::unix::fs::symlink("monday.pcap", &symbolic).unwrap();
    std::fs::hard_link(&file, &hard).unwrap();
    let roundabout = scratch.path().join("../").join(scratch.path().file_name().unwrap()).join("monday.pcap");
    for option in ["--calls", "--alerts", "--snapshot"] {
        for output in [&file, &symbolic, &hard, &roundabout, &policy] {
            let arguments = ["replay", "--policy"].map(PathBuf::from).into_iter().chain([
                policy.clone(),
                option.into(),
                output.clone(),
                file.clone(),
            ]);
            let ended = ringwall(arguments);
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(2), "{option} {}: {said}", output.display());
            assert!(said.contains("would overwrite"), "{said}");
            assert_eq!(std::fs::read(&file).unwrap(), capture, "{option} {}", output.display());
        }
    }
    let both = scratch.path().join("both.jsonl");
    let ended = ringwall([
        "replay".as_ref(),
        "--calls".as_ref(),
        both.as_os_str(),
        "--alerts".as_ref(),
        both.as_os_str(),
        file.as_os_str(),
    ]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("--calls and --alerts would both write"));
    assert!(!both.exists(), "nothing was opened for writing");
    let ended = ringwall([
        "replay".as_ref(),
        "--calls".as_ref(),
        both.as_os_str(),
        "--alerts".as_ref(),
        "/dev/null".as_ref(),
        file.as_os_str(),
    ]);
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn replay_says_what_its_capture_lost() {
    let scratch = Scratch::new("losses");
    let block = |kind: u32, body: &[u8]| {
        let length = u32::try_from(12 + body.len()).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, body, &length].concat()
    };
    let numbers =
        |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let statistics = [
        numbers(&[0, 0, 0]),
        vec![5, 0, 8, 0],
        7_u64.to_le_bytes().to_vec(),
        vec![7, 0, 8, 0],
        5_u64.to_le_bytes().to_vec(),
    ];
    let file = [
        block(0x0a0d_0d0a, &[numbers(&[0x1a2b_3c4d, 1]), vec![0xff; 8]].concat()),
        block(1, &numbers(&[1, 0])),
        block(6, &[numbers(&[0, 0, 1_000_000, 4, 1_500]), b"abcd".to_vec()].concat()),
        block(5, &statistics.concat()),
    ];
    let file = scratch.write("lossy.pcapng", file.concat());
    let file = file.to_str().unwrap();
    let said = stdout(&run(&["replay", file]));
    let lost =
        "12  packets were lost before they were captured (7 by the interface, 5 by the system, 0 noted";
    assert!(said.contains(lost), "{said}");
    assert!(said.contains("1  frames were cut short by a snap length"), "{said}");
    let json: Value = serde_json::from_str(&stdout(&run(&["replay", "--json", file]))).unwrap();
    assert_eq!((&json["dropped"]["packets"], &json["frames_cut"]), (&12.into(), &1.into()), "{json}");
    let whole = scratch.write("whole.pcap", crate::support::packets::Capture::new().into_bytes());
    let said = stdout(&run(&["replay", whole.to_str().unwrap()]));
    assert!(!said.contains("lost") && !said.contains("snap length"), "{said}");
}

#[test]
fn explain_refuses_what_is_no_sip_message() {
    let scratch = Scratch::new("explain-refuses");
    let init = run(&["init", "--name", "x", "--numbers", "+1 210 555 0100"]);
    let policy = scratch.write("policy.toml", &init.stdout);
    let policy = policy.to_str().unwrap();
    let capture = crate::support::packets::Capture::new().into_bytes();
    for (content, wanted) in [
        (&b""[..], "is empty"),
        (&capture, "is a capture"),
        (b"Dear desk, please look at this call.\n", "holds no SIP message"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0", "holds no SIP message"),
        (b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "holds no SIP message"),
    ] {
        let file = scratch.write("message.sip", content);
        let ended = run(&["explain", "--policy", policy, "--message", file.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{wanted}: {said}");
        assert!(said.contains("message.sip") && said.contains(wanted), "{said}");
        assert!(ended.stdout.is_empty(), "{}", stdout(&ended));
    }
    let broken = "INVITE sip:+12105550100@example.com\nFrom: <sip:+13035550142@example.com>\nCall-ID: a\n\n";
    let file = scratch.write("message.sip", broken);
    let ended = run(&["explain", "--policy", policy, "--message", file.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(0), "a broken message is explained all the same");
    let said = stdout(&ended);
    assert!(said.contains("answer 400 Bad Request (RFC 3261 §21.4.1)"), "{said}");
}
