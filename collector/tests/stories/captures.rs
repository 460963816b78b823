//! The captures of others: every frame is read, and the SIP in them is what tshark finds.

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::collector::{Capture, Error};

use crate::build::Run;

/// Where our count of SIP messages differs from tshark's, and why.
const REVIEWED: &[(&str, u64, &str)] = &[
    (
        "SIP-Bruteforce-Single-IP.pcap",
        2_645,
        "frames 1974 to 1979 are SIP from port 1293, which tshark reads as PacketCable because of the port",
    ),
    (
        "fuzz-2006-06-26-2594.pcap",
        65,
        "13 messages with a damaged start line or a lying UDP length are data to tshark; all of its 52 are found",
    ),
];

/// The shared material; without it the story is left out, except in CI.
#[allow(clippy::print_stdout, reason = "the reader of a test run must see what was left out")]
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = env::var("RINGWALL_SHARED")
        .map_or_else(|_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let path = root.join(path);
    if path.exists() {
        return Some(path);
    }
    assert!(env::var("CI").is_err(), "{} is missing", path.display());
    println!("left out: {} is not here", path.display());
    None
}

struct Row {
    file: String,
    format: String,
    packets: u64,
    sip_messages: u64,
}

fn rows(manifest: &str) -> Vec<Row> {
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    manifest
        .lines()
        .filter(|line| line.starts_with("| captures/"))
        .map(cells)
        .map(|cells| Row {
            file: cells[1].clone(),
            format: cells[3].clone(),
            packets: cells[5].parse().unwrap(),
            sip_messages: cells[6].parse().unwrap(),
        })
        .collect()
}

#[test]
fn every_frame_and_every_sip_message_of_the_manifest_is_found() {
    let Some(root) = shared("captures") else { return };
    let rows = rows(&fs::read_to_string(root.join("MANIFEST.md")).unwrap());
    assert!(rows.len() >= 67, "only {} rows", rows.len());
    let mut differences = Vec::new();
    for row in rows.iter().filter(|row| !row.format.contains("netmon")) {
        let mut capture = Capture::open(root.join(&row.file)).unwrap();
        let run = Run::capture(&mut capture);
        assert_eq!(capture.frames(), row.packets, "{}", row.file);
        assert_eq!(capture.note(), None, "{}", row.file);
        let found = run.messages.len() as u64;
        assert_eq!(run.counters().messages, found);
        let reviewed = REVIEWED.iter().find(|(file, ..)| row.file.ends_with(file));
        if found != reviewed.map_or(row.sip_messages, |(_, count, _)| *count) {
            differences.push(format!(
                "{}: {found} instead of {} ({})",
                row.file,
                row.sip_messages,
                run.counters()
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_network_monitor_capture_is_refused_by_name() {
    let Some(path) = shared("captures/captures/sipnab/c07-sip-r2.cap") else { return };
    let error = Capture::open(&path).err().unwrap();
    assert!(matches!(error, Error::Refused { .. }));
    let text = error.to_string();
    assert!(text.contains("a Network Monitor 2 capture (GMBU)") && text.contains("editcap"), "{text}");
}

#[test]
fn hep_captures_give_the_messages_they_quote() {
    for (file, frames, messages, first) in [
        // Two of the eight quote log lines.
        ("captures/hep/hep.pcap", 8, 6, "192.168.1.1:5060"),
        ("captures/hep/hep3_compressed.pcap.pcapng", 21, 21, ""),
    ] {
        let Some(path) = shared(file) else { return };
        let mut capture = Capture::open(path).unwrap();
        let run = Run::capture(&mut capture);
        assert_eq!(capture.frames(), frames, "{file}");
        assert_eq!(run.counters().messages_hep, messages, "{file}: {}", run.counters());
        assert_eq!(run.messages.len() as u64, messages);
        assert!(run.messages[0].source.to_string().starts_with(first), "{:?}", run.messages[0].source);
    }
}
