//! A generated day is what its truth says, and a foreign reader sees the same.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ringwall_generator::{
    Attack, Customer, Datagram, Day, Direction, LISTED_CALLERS, Settings, Truth, capture, pcap,
};

fn day(seed: u64, calls_per_hour: f64) -> Day {
    Day::new(Settings { seed, calls_per_hour, ..Settings::default() })
}

/// The value of a header, by its long or compact name.
fn header<'a>(message: &'a [u8], names: [&str; 2]) -> &'a str {
    let text = std::str::from_utf8(message).unwrap();
    text.split("\r\n")
        .find_map(|line| line.split_once(": ").filter(|(name, _)| names.contains(name)))
        .map(|(_, value)| value)
        .unwrap_or_else(|| panic!("no {} in {text}", names[0]))
}

fn call_id(datagram: &Datagram) -> &str {
    header(&datagram.payload, ["Call-ID", "i"])
}

#[test]
fn the_same_seed_gives_the_same_day_and_another_seed_another() {
    let take = |seed| day(seed, 20.0).take(2_000).collect::<Vec<_>>();
    assert_eq!(take(5), take(5));
    assert_ne!(take(5), take(6));
}

#[test]
fn datagrams_come_in_order_of_time_and_are_those_of_the_truth() {
    let mut day = day(3, 60.0);
    let truth = day.truth();
    let mut counts = HashMap::new();
    let mut last = i64::MIN;
    for datagram in &mut day {
        assert!(datagram.at_micros >= last);
        last = datagram.at_micros;
        *counts.entry(call_id(&datagram).to_owned()).or_insert(0) += 1;
    }
    let expected: HashMap<String, usize> =
        truth.iter().map(|truth| (truth.call_id.clone(), truth.datagrams)).collect();
    assert_eq!(expected.len(), truth.len(), "two exchanges share a Call-ID");
    assert_eq!(counts, expected);
}

#[test]
fn truth_says_what_the_datagrams_show() {
    let mut day = day(4, 60.0);
    let truth = day.truth();
    let mut dialogs: HashMap<String, Vec<Datagram>> = HashMap::new();
    for datagram in &mut day {
        dialogs.entry(call_id(&datagram).to_owned()).or_default().push(datagram);
    }
    for call in truth.iter().filter(|truth| truth.is_call()) {
        let seen = &dialogs[&call.call_id];
        let first = &seen[0];
        assert!(first.payload.starts_with(b"INVITE "));
        let sent = seen.iter().any(|datagram| datagram.source == call.source);
        let torn = call.label.word() == "teardown-spoofing";
        assert!(sent && torn != (first.source == call.source), "{call:?}");
        let accepted = seen.iter().find(|datagram| {
            datagram.payload.starts_with(b"SIP/2.0 200")
                && header(&datagram.payload, ["CSeq", "CSeq"]).ends_with("INVITE")
        });
        let byes = || seen.iter().filter(|datagram| datagram.payload.starts_with(b"BYE "));
        let of_party = byes().find(|bye| [first.source, first.destination].contains(&bye.source));
        let bye = of_party.or_else(|| byes().next());
        let duration = accepted.zip(bye).map(|(from, to)| (to.at_micros - from.at_micros) as f64 / 1e6);
        assert_eq!(call.duration_seconds, duration, "{call:?}");
        assert_eq!(call.answered(), call.status == Some(200), "{call:?}");
    }
}

#[test]
fn every_response_answers_a_request_and_every_repeat_is_the_same_bytes() {
    let mut open: HashMap<(String, String, String), Vec<u8>> = HashMap::new();
    let mut repeats = 0;
    for datagram in day(9, 120.0) {
        let message = &datagram.payload;
        let branch = header(message, ["Via", "v"]).split(";branch=").nth(1).unwrap();
        let branch = branch.split(';').next().unwrap().to_owned();
        let key = (call_id(&datagram).to_owned(), branch, header(message, ["CSeq", "CSeq"]).to_owned());
        if message.starts_with(b"SIP/2.0 ") {
            let request = open.get(&key).unwrap_or_else(|| panic!("nobody asked for {key:?}"));
            assert_eq!(header(message, ["From", "f"]), header(request, ["From", "f"]));
            let (asked, answered) = (header(request, ["To", "t"]), header(message, ["To", "t"]));
            assert!(answered.starts_with(asked), "{answered} answers {asked}");
            assert!(answered.contains(";tag=") != message.starts_with(b"SIP/2.0 100"), "{answered}");
        } else if let Some(first) = open.insert(key, message.clone()) {
            assert_eq!(first, *message);
            repeats += 1;
        }
    }
    assert!(repeats > 5, "{repeats}");
}

#[test]
fn content_length_is_the_length_of_the_body() {
    let mut sizes = BTreeMap::new();
    for datagram in day(8, 60.0) {
        let text = std::str::from_utf8(&datagram.payload).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(header(&datagram.payload, ["Content-Length", "l"]), body.len().to_string());
        if text.starts_with("INVITE ") {
            *sizes.entry(datagram.payload.len() / 100 * 100).or_insert(0) += 1;
        }
    }
    let share = |low, high| sizes.range(low..high).map(|(_, count)| count).sum::<usize>();
    assert!(share(800, 1_100) > 500, "INVITEs of telephones: {sizes:?}");
    assert!(share(1_300, 1_500) > 400, "INVITEs of carriers: {sizes:?}");
    assert_eq!(share(1_500, 70_000), 0, "INVITEs too long for a datagram: {sizes:?}");
}

#[test]
fn every_kind_of_traffic_and_of_message_occurs() {
    let customer = Customer { own_mobiles: true, ..Customer::default() };
    let settings =
        Settings { seed: 2, customer, calls_per_hour: 300.0, confounder_days: 1.0, ..Settings::default() };
    let mut day = Day::new(settings);
    let labels: BTreeSet<&str> = day.truth().iter().map(|truth| truth.label.word()).collect();
    let benign = "conference emergency fax forwarded from-abroad inbound internal international keep-alive message \
                  moved neighbour outbound own-mobile registration subscription toll-free voicemail";
    for label in benign.split_whitespace().chain(Attack::ALL.iter().map(|attack| attack.word())) {
        assert!(labels.contains(label), "{label} is missing");
    }
    let mut seen = BTreeSet::new();
    for datagram in &mut day {
        let text = std::str::from_utf8(&datagram.payload).unwrap();
        let mut words = text.split(' ');
        let first = words.next().unwrap();
        seen.insert(if first == "SIP/2.0" { words.next().unwrap().to_owned() } else { first.to_owned() });
    }
    let expected = "100 180 183 200 202 302 401 403 404 407 480 486 487 503 603 \
                    ACK BYE CANCEL INVITE MESSAGE NOTIFY OPTIONS PRACK REFER REGISTER SUBSCRIBE UPDATE";
    for word in expected.split_whitespace() {
        assert!(seen.contains(word), "{word} is missing");
    }
}

#[test]
fn attacks_come_only_when_asked_for_and_at_their_hours() {
    let none = Day::new(Settings { attacks: Vec::new(), ..Settings::default() }).truth();
    assert!(none.iter().all(|truth| !truth.label.is_attack()));

    let settings =
        Settings { calls_per_hour: 0.0, attacks: vec![Attack::AfterHoursOutbound], ..Settings::default() };
    let start = settings.start_micros;
    let fraud: Vec<Truth> =
        Day::new(settings).truth().into_iter().filter(|truth| truth.label.is_attack()).collect();
    assert!(fraud.len() >= 12);
    for call in &fraud {
        let hour = (call.start_micros - start) / 3_600_000_000;
        assert!(!(8..21).contains(&hour) && call.direction == Direction::Outbound, "{call:?}");
    }
}

#[test]
fn listed_callers_hide_their_numbers_in_writing_but_not_in_the_truth() {
    let attacks = vec![Attack::ListedCaller];
    let settings = Settings { calls_per_hour: 0.0, attacks, confounders: Vec::new(), ..Settings::default() };
    let day = Day::new(settings);
    let calls: HashMap<String, String> = day
        .truth()
        .into_iter()
        .filter(|truth| truth.label.is_attack())
        .map(|truth| (truth.call_id, truth.caller))
        .collect();
    let listed: BTreeSet<String> = LISTED_CALLERS.iter().map(|number| format!("+{number}")).collect();
    assert_eq!(calls.values().cloned().collect::<BTreeSet<_>>(), listed);
    let hidden = day
        .filter(|datagram| datagram.payload.starts_with(b"INVITE "))
        .filter(|datagram| {
            let caller = &calls[call_id(datagram)];
            !header(&datagram.payload, ["From", "f"]).contains(caller.as_str())
        })
        .count();
    assert!(hidden > calls.len() / 2, "{hidden} of {}", calls.len());
}

#[test]
fn a_capture_has_exactly_as_many_messages_as_asked_for() {
    for messages in [0, 1, 5_000] {
        let mut file = Vec::new();
        capture::write(messages, 1, &mut file).unwrap();
        let mut rest = &file[24..];
        let mut frames = 0;
        let mut last = (0, 0);
        while let Some((head, tail)) = rest.split_first_chunk::<16>() {
            let word = |index: usize| u32::from_le_bytes(head[index..index + 4].try_into().unwrap());
            assert!((word(0), word(4)) >= last);
            last = (word(0), word(4));
            rest = &tail[word(8) as usize..];
            frames += 1;
        }
        assert_eq!(frames, messages);
    }
}

#[test]
fn tshark_reads_the_capture_and_counts_the_same_calls() {
    if Command::new("tshark").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        assert!(std::env::var_os("CI").is_none(), "tshark is not installed");
        println!("SKIPPED: tshark is not installed, so no foreign reader has seen the capture");
        return;
    }
    let mut day = day(11, 40.0);
    let truth = day.truth();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("generated-day.pcap");
    let frames =
        pcap::write(&mut day, std::io::BufWriter::new(std::fs::File::create(&path).unwrap())).unwrap();
    let output = Command::new("tshark")
        .args(["-r", path.to_str().unwrap(), "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"])
        .args(["-T", "fields", "-e", "sip.Call-ID", "-e", "ip.checksum.status", "-e", "udp.checksum.status"])
        .args(["-e", "_ws.malformed", "-e", "_ws.expert.message"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut calls = BTreeSet::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        calls.insert(fields.next().unwrap().split(',').next().unwrap());
        assert_eq!([fields.next(), fields.next()], [Some("1"); 2], "checksums: {line}");
        let malformed = fields.next().is_some_and(|mark| !mark.is_empty());
        assert!(!malformed || fields.next().is_some_and(|why| why.contains(NO_SEPARATORS)), "{line}");
    }
    assert_eq!(text.lines().count() as u64, frames);
    assert_eq!(calls, truth.iter().map(|truth| truth.call_id.as_str()).collect());
}

/// tshark's complaint about `tel:+1-210-555-0100`, which RFC 3966 §3 allows.
const NO_SEPARATORS: &str = "Country Code contains non-decimal digits";
