//! How long each format takes for a report of forty pages: `cargo run --release -p ringwall-reporter --example forty_pages`.
//! With a folder as its argument it leaves the files there; `forty.printed.json` is what `ringwall-typeset` reads.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement, by hand"
)]
#![allow(clippy::indexing_slicing, reason = "the sample is ours")]

#[path = "../tests/document/sample.rs"]
mod sample;

use std::path::PathBuf;
use std::time::Instant;

use ringwall_reporter::document::{Block, Document};

fn main() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let document = forty();
    let keep = |name: &str, bytes: &[u8]| {
        if let Some(folder) = &folder {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    };
    let time = |name: &str, write: &dyn Fn() -> Vec<u8>| {
        let begin = Instant::now();
        let bytes = write();
        println!(
            "{name}: {} bytes in {:.1} ms, {} kB at most",
            bytes.len(),
            begin.elapsed().as_secs_f64() * 1e3,
            peak()
        );
        keep(name, &bytes);
    };
    time("forty.json", &|| document.to_json().into_bytes());
    time("forty.csv", &|| document.to_csv().into_iter().flat_map(|(_, text)| text.into_bytes()).collect());
    time("forty.html", &|| document.to_html().into_bytes());
    time("forty.printed.json", &|| document.to_printed().into_bytes());
    time("forty.xlsx", &|| document.to_xlsx().unwrap());
}

/// The sample eight times, its longest table with 120 rows each time.
fn forty() -> Document {
    let mut document = sample::weekly(&|text| text.to_owned());
    for section in &mut document.sections {
        for block in &mut section.blocks {
            if let Block::Table(table) = block
                && table.name == "top-callers"
            {
                table.rows = table.rows.iter().cycle().take(120).cloned().collect();
            }
        }
    }
    let sections = document.sections.clone();
    document.sections = sections.iter().cycle().take(sections.len() * 8).cloned().collect();
    document.seal()
}

/// The most memory that this process ever had, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
