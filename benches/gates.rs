//! Drivers of the instruction gates: `gates NAME MESSAGES` does the work of one gate on so many messages and
//! nothing else that grows with their number. Limits and names stand in `benches/gates.tsv`.

use std::fs::File;
use std::hint::black_box;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use engine::sip::{Header, Message};
use generator::{Day, Settings};

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
        ("reader-invite", Some(messages)) => (0..messages).for_each(|_| read_invite(black_box(INVITE))),
        ("reader-response", Some(messages)) => (0..messages).for_each(|_| follow(black_box(RESPONSE))),
        _ => {
            eprintln!("usage: gates NAME MESSAGES");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Reads a capture of a busy day, follows its calls and judges them by the policy of `ringwall demo`.
fn replay(messages: usize) {
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
    let mut engine = Engine::new(Arc::new(PolicySet::new(vec![policy()])));
    let (mut merge, mut assembler, mut summary) =
        (Merge::open([&capture]), Assembler::default(), Summary::default());
    while let Some(frame) = merge.next_frame() {
        assembler.assemble(frame, &mut |packet| {
            summary.see(&engine.handle(&packet));
            while let Some(attempt) = engine.poll_ended() {
                black_box(attempt);
            }
        });
    }
    assert_eq!(summary.sip_messages, messages as u64);
}

fn policy() -> Policy {
    let numbers: Vec<String> = LISTED_CALLERS.iter().map(|number| format!("+{number}")).collect();
    let list = format!("number\n{}\n", numbers.join("\n"));
    let files = MemoryFiles::new().with("harassment.csv", list);
    let text = include_str!("../fixtures/demo/acme.toml");
    let reading = rules::policy::read("acme.toml", text, &files, Timestamp::default());
    Policy::new(reading.policy.expect("the demo's policy has no mistake"))
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
