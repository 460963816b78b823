//! Drivers of the instruction gates: `gates NAME MESSAGES` does the work of one gate on so many messages and
//! nothing else that grows with their number. Limits and names stand in `benches/gates.tsv`.

#[path = "../stir/tests/support/mod.rs"]
mod signing;
mod usual_thresholds;

use std::fs::File;
use std::hint::black_box;
use std::io::BufWriter;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use collector::{Assembler, Merge};
use engine::sip::{Header, Message};
use engine::{Attempt, Engine, Packet};
use generator::{Day, LISTED_CALLERS, Settings};
use reporter::{CallLine, Summary};
use rules::matching::Scratch;
use rules::policy::{MemoryFiles, PolicySet};
use rules::subject::{Attestation, CallType, Direction, Identity, Method, Origin, Party, Subject, Transport};
use rules::{Flags, Number, Policy, Timestamp};

use usual_thresholds::{ends, thresholds, write_invite, write_refusal};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, messages) = match words.as_slice() {
        [name, messages] => (*name, messages.parse().ok()),
        // `cargo bench` runs every bench with this flag; a gate has a count and no time.
        ["--bench", ..] => return ExitCode::SUCCESS,
        _ => ("", None),
    };
    match (name, messages) {
        ("generate", Some(messages)) => generate(messages),
        ("write", Some(messages)) => write(messages),
        ("replay", Some(messages)) => replay(messages, firewall_rules()),
        ("replay-detections", Some(messages)) => replay(messages, DEMO),
        ("judge-100-rules", Some(messages)) => judge(100, messages),
        ("judge-10000-rules", Some(messages)) => judge(10_000, messages),
        ("attempt-0-thresholds", Some(calls)) => attempts(0, calls),
        ("attempt-20-thresholds", Some(calls)) => attempts(20, calls),
        ("attempt-100-thresholds", Some(calls)) => attempts(100, calls),
        ("attempt-signed", Some(calls)) => signed_attempts(calls),
        ("record-write", Some(calls)) => write_records(calls),
        ("record-read", Some(calls)) => read_records(calls),
        ("reader-invite", Some(messages)) => (0..messages).for_each(|_| read_invite(black_box(INVITE))),
        ("reader-response", Some(messages)) => (0..messages).for_each(|_| follow(black_box(RESPONSE))),
        _ => {
            eprintln!("usage: gates NAME MESSAGES");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Reads a capture of a busy day, follows its calls and judges them by this policy.
fn replay(messages: usize, policy_text: &str) {
    let capture = capture(messages);
    if !capture.exists() {
        // callgrind does not count what a child does.
        let child = std::env::current_exe()
            .map(|gates| Command::new(gates).args(["write", &messages.to_string()]).status());
        assert!(
            child.is_ok_and(|child| child.is_ok_and(|status| status.success())),
            "the capture can be written"
        );
    }
    let mut engine = Engine::new(Arc::new(PolicySet::new(vec![policy(policy_text)])));
    engine.leave_out_others();
    let (mut merge, mut assembler, mut summary) =
        (Merge::open([&capture]), Assembler::default(), Summary::default());
    while let Some(frame) = merge.next_frame() {
        assembler.assemble(frame, &mut |packet| {
            summary.see(&engine.handle(&packet));
            while let Some(attempt) = engine.poll_ended() {
                black_box(attempt);
            }
            while let Some(breach) = engine.poll_breach() {
                black_box(breach);
            }
        });
    }
    assert_eq!(summary.sip_messages, messages as u64);
}

/// Takes calls of ten thousand callers, each an INVITE and its refusal, under `count` thresholds that none of them
/// reaches.
fn attempts(count: usize, calls: usize) {
    let text = thresholds(count, "m", 30_000);
    let reading = rules::policy::read("acme.toml", &text, &MemoryFiles::new(), Timestamp::default());
    let policy = Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics.first())));
    let mut engine = Engine::new(Arc::new(PolicySet::new(vec![policy])));
    engine.leave_out_others();
    let (outside, inside) = ends();
    let mut payload = Vec::new();
    for call in 0..calls as u64 {
        let caller = 3_125_550_000 + call * 7_919 % 10_000;
        for (write, source, destination) in [
            (write_invite as fn(&mut Vec<u8>, u64, u64, u64), outside, inside),
            (write_refusal, inside, outside),
        ] {
            write(&mut payload, call, caller, 50);
            let at = Timestamp(1_791_979_200_000_000 + call as i64 * 200_000);
            let (transport, payload) = (Transport::Udp, payload.as_slice());
            engine.handle(&Packet { at, source, destination, transport, payload, flags: Flags::NONE });
            while engine.poll_ended().is_some() {}
        }
    }
    assert!(engine.poll_breach().is_none(), "no limit is reached");
}

/// Calls with signatures of a signer that is known, each another one: checking one that does not fit is as much work as one
/// that does.
fn signed_attempts(calls: usize) {
    const X5U: &str = "https://certificates.example.com/c.pem";
    let root = signing::Authority::new("Root");
    let signer = root.issue(&signing::Holder::default());
    let mut anchors = stir::Anchors::default();
    assert_eq!(anchors.add(root.pem.as_bytes()), Ok(1), "one authority is believed");
    let begin = Timestamp(1_791_990_000_000_000);
    let settings = stir::Settings { checks_each_second: u32::MAX, ..stir::Settings::default() };
    let mut verifier = stir::Verifier::new(Arc::new(anchors), settings);
    verifier.learn(X5U, signer.pem.as_bytes(), begin);
    let mut engine = Engine::new(Arc::new(PolicySet::new(Vec::new())));
    engine.leave_out_others();
    engine.verify_with(verifier);
    let iat = begin.0 / 1_000_000;
    let said = signing::Said { level: "A", orig: "13125550142", dest: "12105550150", iat };
    let identity = signer.shaken(X5U, said);
    let (head, behind) = identity.split_once(';').unwrap_or_default();
    let (text, _) = head.rsplit_once('.').unwrap_or_default();
    let (outside, inside) = ends();
    for call in 0..calls {
        let mut signature = [1; 64];
        if let Some(first) = signature.first_chunk_mut() {
            *first = (call as u64).to_be_bytes();
        }
        let signature = signing::encode(&signature);
        let payload = format!(
            "INVITE sip:+12105550150@gateway.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{call}\r\n\
             From: <sip:+13125550142@caller.example.com>;tag={call}\r\nTo: <sip:+12105550150@called.example.com>\r\n\
             Call-ID: {call}\r\nCSeq: 1 INVITE\r\nIdentity: {text}.{signature};{behind}\r\nContent-Length: 0\r\n\r\n"
        );
        let (transport, payload) = (Transport::Udp, payload.as_bytes());
        let at = begin.plus_micros(call as i64 * 1_000);
        engine.handle(&Packet {
            at,
            source: outside,
            destination: inside,
            transport,
            payload,
            flags: Flags::NONE,
        });
        while engine.poll_ended().is_some() {}
    }
    let wanted = stir::Outcome::Failed(stir::Fault::Signature);
    let counts = engine.verifier().map(|verifier| verifier.counts().collect::<Vec<_>>()).unwrap_or_default();
    let checked = counts.iter().find(|(outcome, _)| *outcome == wanted).map_or(0, |(_, count)| *count);
    assert_eq!(checked, calls as u64, "each was checked");
}

/// Words one refused call again and again, as the service does for the file of calls.
fn write_records(calls: usize) {
    let mut line = Vec::new();
    with_refused_call(|attempt, policies| {
        for _ in 0..calls {
            line.clear();
            for view in &attempt.views {
                reporter::put(&mut line, &CallLine::new(attempt, view, policies)).expect("it is an object");
            }
            black_box(&line);
        }
    });
}

/// Reads the record of that call again and again, as whoever stores it does.
fn read_records(calls: usize) {
    let mut line = Vec::new();
    with_refused_call(|attempt, policies| {
        for view in &attempt.views {
            reporter::put(&mut line, &CallLine::new(attempt, view, policies)).expect("it is an object");
        }
    });
    for _ in 0..calls {
        black_box(records::Call::of_line(black_box(&line))).expect("it is the record of a call");
    }
}

/// A call of the carrier that a listed number makes, answered by the service itself.
fn with_refused_call(use_it: impl FnOnce(&Attempt, &PolicySet)) {
    const POLICY: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"America/Chicago\"\n\
         numbers = [\"+1 202 555 0100\"]\n[lists.harassment]\nnumbers_file = \"harassment.csv\"\n\
         [[firewall]]\nname = \"listed callers\"\nwhen = { caller = \"@harassment\" }\naction = \"block\"\n";
    let policies = Arc::new(PolicySet::new(vec![listing(POLICY, "number\n+12025550143\n".to_owned())]));
    let mut engine = Engine::new(Arc::clone(&policies));
    engine.answer_at_once();
    let at = Timestamp(1_791_979_200_123_456);
    let (source, destination) = ends();
    let (transport, payload) = (Transport::Udp, INVITE);
    let handled = engine.handle(&Packet { at, source, destination, transport, payload, flags: Flags::NONE });
    let place = handled.attempt.expect("an INVITE opens an attempt");
    engine.conclude(place, 603, at);
    let attempt = engine.attempt(place).expect("it is remembered");
    assert!(attempt.views.iter().any(|view| view.verdict.is_some_and(|verdict| !verdict.goes_on())));
    use_it(attempt, &policies);
}

/// The policy of `ringwall demo`.
const DEMO: &str = include_str!("../fixtures/demo/acme.toml");

/// The demo's policy without its detections.
fn firewall_rules() -> &'static str {
    DEMO.split_once("\n[[ips]]").map_or(DEMO, |(rules, _)| rules)
}

fn policy(text: &str) -> Policy {
    let numbers: Vec<String> = LISTED_CALLERS.iter().map(|number| format!("+{number}")).collect();
    listing(text, format!("number\n{}\n", numbers.join("\n")))
}

/// The policy `text` beside a file `harassment.csv` that holds `list`.
fn listing(text: &str, list: String) -> Policy {
    let files = MemoryFiles::new().with("harassment.csv", list);
    let reading = rules::policy::read("acme.toml", text, &files, Timestamp::default());
    Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics.first())))
}

/// Judges calls that no rule refuses, by `count` rules on a list of ten thousand numbers and a thousand prefixes.
fn judge(count: u32, messages: usize) {
    let policy = long_policy(count);
    let (mut limits, mut scratch) = (policy.limits(), Scratch::default());
    let source = SocketAddr::from(([192, 0, 2, 7], 5060));
    let called = [Party::Number(national(2_105_550_100))];
    for message in 0..messages as u64 {
        // Odd numbers are not listed.
        let party = Party::Number(national(3_125_550_000 + (message % 9_000) * 2 + 1));
        let callers = [(Origin::From, false), (Origin::Asserted, true)].map(|(origin, asserted)| Identity {
            party,
            origin,
            asserted,
        });
        let subject = Subject {
            at: Timestamp::from_seconds(1_791_979_200 + message as i64),
            method: Method::Invite,
            direction: Direction::Inbound,
            source,
            destination: SocketAddr::from(([10, 20, 0, 1], 5060)),
            transport: Transport::Udp,
            callers: &callers,
            forwarders: &[],
            called: &called,
            dialled: (0, 1),
            restricted: false,
            display_name: b"Alice",
            user_agent: b"FreeSWITCH-mod_sofia/1.10.7",
            hosts: [b"carrier.example", b"acme.example"],
            call_type: CallType::Voice,
            attestation: Some(Attestation::None),
            signer: b"",
            identity_mismatch: false,
            priority: false,
            callback: false,
            repeat: false,
            flags: Flags::NONE,
            headers: &(),
        };
        let verdict = policy.judge(&subject, &mut limits, &mut scratch);
        assert_eq!(black_box(verdict).action, rules::Action::Allow);
    }
}

fn long_policy(count: u32) -> Policy {
    let exact = (0..10_000).map(|index| format!("{}\n", national(3_125_550_000 + index * 2)));
    let prefixes = (0..1_000).map(|index| format!("+{}*\n", 440_000 + index * 7));
    let list: String = std::iter::once("number\n".to_owned()).chain(exact).chain(prefixes).collect();
    let mut text = String::from(
        "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"America/Chicago\"\n\
         numbers = [\"+1 210 555 01xx\"]\ntrunks = [\"10.20.0.0/16\"]\n\
         [lists.harassment]\nnumbers_file = \"harassment.csv\"\n",
    );
    for index in 0..count {
        let when = match index % 5 {
            0 => "direction = \"inbound\", caller = \"@harassment\"".to_owned(),
            1 => format!("user_agent = \"agent-{index}/\""),
            2 => format!("direction = \"outbound\", called = \"+88{index:05}*\""),
            3 => format!("caller = \"+4479{index:05}*\", called = \"+1210555{:04}\"", index % 10_000),
            _ => format!("method = \"MESSAGE\", source = \"198.18.{}.{}\"", index / 256, index % 256),
        };
        text += &format!("[[firewall]]\nname = \"rule {index}\"\nwhen = {{ {when} }}\naction = \"block\"\n");
    }
    listing(&text, list)
}

/// +1 and ten digits.
fn national(digits: u64) -> Number {
    Number::international(format!("1{digits}").as_bytes()).expect("eleven digits are a number")
}

/// Writes the capture that [`replay`] reads.
fn write(messages: usize) {
    let file = File::create(capture(messages)).expect("there is room for a capture");
    generator::capture::write(messages as u64, 1, BufWriter::new(file)).expect("there is room for a capture");
}

fn capture(messages: usize) -> PathBuf {
    std::env::temp_dir().join(format!("ringwall-gate-{messages}.pcap"))
}

/// Writes the messages of a busy day.
fn generate(messages: usize) {
    let mut day = Day::new(Settings { calls_per_hour: 400.0, ..Settings::default() });
    let mut payload = Vec::new();
    for _ in 0..messages {
        black_box(day.poll_datagram(&mut payload));
        black_box(&payload);
    }
}

/// Reads a request that opens a call, all that a policy asks of it, and its defects.
fn read_invite(bytes: &[u8]) {
    let message = Message::read(bytes);
    black_box(message.method());
    black_box(message.request_uri());
    black_box(message.from());
    black_box(message.to());
    black_box(message.address(Header::AssertedIdentity));
    black_box(message.call_id());
    black_box(message.cseq());
    black_box(message.branch());
    black_box(message.user_agent());
    black_box(message.address(Header::Contact));
    black_box(message.call_type());
    black_box(message.defects());
}

/// Reads a response and what tells which call it belongs to.
fn follow(bytes: &[u8]) {
    let message = Message::read(bytes);
    black_box(message.status());
    black_box(message.cseq());
    black_box(message.cseq_method());
    black_box(message.call_id());
    black_box(message.branch());
    black_box(message.from_tag());
    black_box(message.to_tag());
    black_box(message.flags());
}

const INVITE: &[u8] = include_bytes!("../fixtures/torture/carrier-invite.sip");
const RESPONSE: &[u8] = include_bytes!("../fixtures/torture/carrier-ok.sip");
