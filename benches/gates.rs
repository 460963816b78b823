//! Drivers of the instruction gates: `gates NAME MESSAGES` does the work of one gate on so many messages and
//! nothing else that grows with their number. Limits and names stand in `benches/gates.tsv`.

use std::hint::black_box;
use std::process::ExitCode;

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
        _ => {
            eprintln!("usage: gates NAME MESSAGES");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
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
