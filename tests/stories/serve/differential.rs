//! The same messages through the redirect server, through the proxy, through `/v1/decide` and in a capture: one verdict, one
//! reason.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use engine::sip::Framer;
use engine::{Budget, Engine};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Policy, Timestamp};
use serde_json::{Value, json};

use super::{Call, Phone, Service, lines, status, within};
use crate::stories::evasion::{Row, policy};
use crate::support::{Scratch, call_lines, shared};

/// Rows that no socket of ours can carry as they are.
/// Hundreds of services are started, and none needs a database.
const NO_DESK: &str = "[cases]\non = false\n";

const LEFT_OUT: &[(&str, &str)] = &[("udp-frag-overlap", "the system puts fragments together, not we")];

#[test]
fn every_row_of_the_corpus_gets_the_same_verdict_on_every_mount() {
    let Some(shared) = shared() else { return };
    let corpus = std::fs::read_to_string(shared.join("data/evasion.tsv")).unwrap();
    let rows: Vec<Row<'_>> = corpus.lines().skip(1).filter_map(Row::parse).collect();
    let scratch = Scratch::new("differential");
    let (mut wrong, mut verdicts, mut refused) = (Vec::new(), BTreeMap::<String, u32>::new(), Vec::new());
    let mut passed_on = 0;
    for profile in ["us", "gb", "de", "ru", "jp", "au"] {
        let text = blocking(&policy(profile), &rows);
        let path = scratch.write(&format!("{profile}.toml"), &text);
        for row in rows.iter().filter(|row| row.profile() == profile) {
            if row.messages().iter().any(|(kind, ..)| LEFT_OUT.iter().any(|(left_out, _)| left_out == kind)) {
                continue;
            }
            let capture = scratch.write("row.pcap", row.capture());
            let expected: Vec<Value> = call_lines(Some(&path), &capture);
            wrong.extend(decided_otherwise(&text, row, &expected));
            passed_on += passed_otherwise(&text, row, &expected, &mut wrong);
            if row.messages().iter().any(|(.., message)| message.starts_with(b"SIP/2.0 ")) {
                // Responses are judged where they can be seen; nobody sends them to a redirect server.
                continue;
            }
            // A service of its own: rows share Call-IDs, and what is known of one would judge another.
            let service =
                Service::start("differential", &text, &format!("message_seconds_max = 1\n{NO_DESK}"));
            let answers = ask(&service, row);
            wrong.extend(told_otherwise(&text, row, &expected));
            if answers.contains(&Some(400)) {
                refused.push(row.id);
                continue;
            }
            let path = service.data().join("calls.jsonl");
            // What is missing then is told below, with all other differences.
            let _ = within(2, || (lines(&path).len() >= expected.len()).then_some(()));
            let records = lines(&path);
            for (expected, found) in expected.iter().zip(&records) {
                *verdicts.entry(expected["verdict"].as_str().unwrap().to_owned()).or_default() += 1;
                for field in ["kind", "verdict", "rule", "reason", "caller", "called", "action_status"] {
                    if expected[field] != found[field] {
                        wrong.push(format!(
                            "{}: {field} is {} in a capture, {} here",
                            row.id, expected[field], found[field]
                        ));
                    }
                }
            }
            let statuses = expected.iter().map(|line| line["action_status"].as_u64().unwrap_or(302) as u16);
            if expected.len() != records.len() || !statuses.map(Some).eq(answers.iter().copied()) {
                wrong.push(format!("{}: answered {answers:?}, a capture gives {expected:?}", row.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(passed_on > 100, "{passed_on}");
    assert!(verdicts["block"] > 100 && verdicts["allow"] > 10, "{verdicts:?}");
    // What is no request, or where its end is unknown, is refused before any policy (reliability: malformed is closed).
    assert!(refused.len() < 12, "{refused:?}");
}

/// `policy` with every number that the corpus hides on a list, callers and called.
pub(super) fn blocking(policy: &str, rows: &[Row<'_>]) -> String {
    let numbers = |key: &str| -> BTreeSet<String> {
        let parts =
            rows.iter().flat_map(|row| row.expected.split(';')).filter_map(|part| part.strip_prefix(key));
        let numbers = parts.flat_map(|value| value.split('|')).filter(|value| value.starts_with('+'));
        // The customer's own number may not stand on a list.
        numbers.filter(|number| *number != "+12025550100").map(str::to_owned).collect()
    };
    format!(
        "{policy}response = {{ list = 603, threshold = 480 }}\n[lists.callers]\nnumbers = {:?}\n[lists.called]\nnumbers = {:?}\n\
         [[firewall]]\nname = \"hidden caller\"\nwhen = {{ identity = \"@callers\" }}\naction = \"block\"\nreason = \"as listed\"\n\
         [[firewall]]\nname = \"hidden target\"\nwhen = {{ called = \"@called\" }}\naction = {{ block = 486 }}\n",
        numbers("caller=").iter().collect::<Vec<_>>(),
        numbers("called=").iter().collect::<Vec<_>>()
    )
}

/// Sends the messages of `row`; returns the status of each answer, in order. Silence leaves none.
fn ask(service: &Service, row: &Row<'_>) -> Vec<Option<u16>> {
    let phone = Phone::new(service.udp());
    let mut answers = Vec::new();
    for (kind, size, message) in row.messages() {
        if kind.starts_with("udp") {
            answers.extend(ask_one(&phone, &message));
        } else {
            let mut stream = TcpStream::connect(service.address("tcp:")).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
            for piece in message.chunks(if size == 0 { 1400 } else { size }) {
                if stream.write_all(piece).is_err() {
                    break;
                }
            }
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut text = Vec::new();
            let _ = stream.read_to_end(&mut text);
            let text = String::from_utf8_lossy(&text).into_owned();
            answers.extend(text.split_inclusive("\r\n\r\n").map(|said| Some(status(said))));
        }
    }
    answers
}

/// Sends the messages of `row`, all of them datagrams; returns the status of each answer.
fn ask_over_udp(phone: &Phone, row: &Row<'_>) -> Vec<Option<u16>> {
    row.messages().iter().flat_map(|(.., message)| ask_one(phone, message)).collect()
}

fn ask_one(phone: &Phone, message: &[u8]) -> Vec<Option<u16>> {
    // Whatever its Via says: it is asked to answer where it came from.
    let message = with_rport(message);
    phone.send(&message);
    let end = Call { method: "OPTIONS", call_id: "end", ..Call::new("1", "2") }.by(phone.port());
    // Without a user part they are meant for whoever they are sent to.
    let server = format!("OPTIONS sip:{} SIP/2.0", phone.server);
    phone.send(
        String::from_utf8_lossy(&end).replacen("OPTIONS sip:2@acme.example SIP/2.0", &server, 1).as_bytes(),
    );
    let mut answers = Vec::new();
    loop {
        let said = phone.receive();
        if said.contains("\r\nCall-ID: end\r\n") {
            return answers;
        }
        answers.push(Some(status(&said)));
    }
}

/// `message` whose top Via has `rport`.
pub(super) fn with_rport(message: &[u8]) -> Vec<u8> {
    let protocol = b"SIP/2.0/";
    let Some(via) = message.windows(protocol.len()).position(|found| found == protocol) else {
        return message.to_vec();
    };
    let end = message[via..].iter().position(|byte| b";,\r\n".contains(byte)).unwrap_or(message.len() - via);
    [&message[..via + end], b";rport", &message[via + end..]].concat()
}

/// What a sensor that hears the messages of `row` as HEP records otherwise than `expected`.
fn told_otherwise(text: &str, row: &Row<'_>, expected: &[Value]) -> Vec<String> {
    let service = Service::start("differential-hep", text, &format!("{}{NO_DESK}", super::agent::ON));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut sent = 0;
    for (kind, _, bytes) in row.messages() {
        let is_stream = kind.starts_with("tcp");
        let mut messages = Vec::new();
        if is_stream {
            // An agent cuts a stream into messages itself.
            Framer::new().push(&bytes, |frame| messages.push(frame.bytes.to_vec()));
        } else {
            messages.push(bytes);
        }
        for message in messages {
            let told = super::agent::Told::new(super::agent::micros() - 1_000_000 + sent, &message);
            let told = super::agent::Told { protocol: if is_stream { 6 } else { 17 }, ..told };
            socket.send_to(&told.packet(), super::agent::address(&service, "udp:")).unwrap();
            sent += 1;
        }
    }
    let heard = || service.metric("ringwall_hep_packets_total{kind=\"sip\"}") as i64;
    if within(5, || (heard() == sent).then_some(())).is_none() {
        return vec![format!("{}: {} of {sent} messages were heard", row.id, heard())];
    }
    let scratch = service.stop();
    let found = lines(&scratch.path().join("data/calls.jsonl"));
    let mut wrong = Vec::new();
    if found.len() != expected.len() {
        wrong.push(format!("{}: {} records over HEP, {} of a capture", row.id, found.len(), expected.len()));
    }
    for (found, expected) in found.iter().zip(expected) {
        let (Value::Object(found), Value::Object(expected)) = (found, expected) else { panic!("no record") };
        for (field, value) in
            expected.iter().filter(|(field, _)| *field != "start" && *field != "policy_version")
        {
            if found.get(field) != Some(value) {
                let found = found.get(field).unwrap_or(&Value::Null);
                wrong.push(format!("{}: {field} is {value} in a capture, {found} over HEP", row.id));
            }
        }
    }
    wrong
}

/// What `/v1/decide` says otherwise about the messages of `row` than `expected`.
fn decided_otherwise(text: &str, row: &Row<'_>, expected: &[Value]) -> Vec<String> {
    let messages = row.messages();
    if messages.len() != expected.len() {
        return Vec::new();
    }
    let service = Service::start("differential-decide", text, NO_DESK);
    let mut wrong = Vec::new();
    for ((.., message), expected) in messages.iter().zip(expected) {
        let (_, said) =
            service.decide(&json!({ "message_base64": base64(message), "source": "192.0.2.1:5060" }));
        for (field, of_line) in
            [("verdict", "verdict"), ("reason", "reason"), ("rule", "rule"), ("code", "action_status")]
        {
            if said[field] != expected[of_line] {
                wrong.push(format!(
                    "{}: decide says {field} {}, a capture {}",
                    row.id, said[field], expected[of_line]
                ));
            }
        }
    }
    wrong
}

/// Sends the messages of `row` through a proxy, if they are datagrams. Notes what is decided otherwise there than
/// `expected`; returns how many attempts were compared.
fn passed_otherwise(text: &str, row: &Row<'_>, expected: &[Value], wrong: &mut Vec<String>) -> usize {
    let messages = row.messages();
    if messages.iter().any(|(kind, _, message)| !kind.starts_with("udp") || message.starts_with(b"SIP/2.0 "))
    {
        return 0;
    }
    let inside = UdpSocket::bind("127.0.0.2:0").unwrap();
    let at = super::proxy::proxy(&[inside.local_addr().unwrap()], "in order", 0);
    let service = Service::start("differential-proxy", text, &format!("{at}{NO_DESK}"));
    let phone = Phone::new(super::proxy::entry(&service));
    let answers = ask_over_udp(&phone, row);
    // Refused before any policy: malformed, or over more hops than there are.
    if answers.iter().any(|answer| matches!(answer, Some(400 | 483))) {
        return 0;
    }
    let scratch = service.stop();
    inside.set_nonblocking(true).unwrap();
    let arrived = std::iter::from_fn(|| inside.recv_from(&mut [0; 65_536]).ok()).count();
    let found = attempts(text, &scratch);
    for (expected, found) in expected.iter().zip(&found) {
        for field in ["kind", "verdict", "rule", "reason", "caller", "called", "action_status"] {
            if expected[field] != found[field] {
                wrong.push(format!(
                    "{}: {field} is {} in a capture, {} through the proxy",
                    row.id, expected[field], found[field]
                ));
            }
        }
    }
    let refused = expected.iter().filter_map(|line| line["action_status"].as_u64());
    let refused: Vec<Option<u16>> = refused.map(|status| Some(status as u16)).collect();
    if expected.len() != found.len() || refused != answers || arrived + refused.len() != expected.len() {
        wrong.push(format!(
            "{}: the proxy answered {answers:?} and passed {arrived} on, a capture gives {expected:?}",
            row.id
        ));
    }
    found.len()
}

/// What a service that was stopped knows of attempts: those that are over, and those that were not yet.
fn attempts(text: &str, scratch: &Scratch) -> Vec<Value> {
    let mut known = lines(&scratch.path().join("data/calls.jsonl"));
    let reading = rules::policy::read("acme.toml", text, &MemoryFiles::new(), Timestamp::default());
    let policies = Arc::new(PolicySet::new(vec![Policy::new(reading.policy.unwrap())]));
    let state = std::fs::read(scratch.path().join("data/proxy.state")).unwrap();
    let mut engine = Engine::restore(Arc::clone(&policies), Budget::default(), &state).unwrap();
    engine.finish();
    while let Some(attempt) = engine.poll_ended() {
        for view in &attempt.views {
            known.push(serde_json::to_value(reporter::CallLine::new(attempt, view, &policies)).unwrap());
        }
    }
    known.sort_by_key(|line| line["start"].as_str().unwrap().to_owned());
    known
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits =
            chunk.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        let digits = (0..4).map(|place| {
            if place > chunk.len() { '=' } else { DIGITS[(bits >> (18 - 6 * place) & 63) as usize] as char }
        });
        digits.collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}
