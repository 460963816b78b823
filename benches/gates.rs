//! Drivers of the instruction gates: `gates NAME MESSAGES` does the work of one gate on so many messages and
//! nothing else that grows with their number. Limits and names stand in `benches/gates.tsv`.

use std::fs::File;
use std::hint::black_box;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use collector::{Assembler, Merge};
use engine::Engine;
use generator::{Day, LISTED_CALLERS, Settings};
use reporter::Summary;
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Policy, Timestamp};

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
        ("replay", Some(messages)) => replay(messages),
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
