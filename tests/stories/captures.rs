//! Every shared capture, read by the binary and held against what its manifest says of it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{ringwall, shared, stdout};

/// What the manifest counts otherwise than we do, with the reason. A difference is allowed only where we are right.
const REVIEWED: &[(&str, &str, &str)] = &[
    (BRUTE_FORCE, "sip_messages", PACKETCABLE),
    (BRUTE_FORCE, "by_method", PACKETCABLE),
    (BRUTE_FORCE, "by_status", PACKETCABLE),
    (FUZZED, "sip_messages", DAMAGED),
    (FUZZED, "calls", DAMAGED),
    (FUZZED, "by_method", DAMAGED),
    (FUZZED, "by_status", DAMAGED),
];

const BRUTE_FORCE: &str = "captures/sip-attacks/SIP-Bruteforce-Single-IP.pcap";
const PACKETCABLE: &str =
    "three REGISTER and their 401 run over port 1293, which tshark takes for PacketCable";
const FUZZED: &str = "captures/ndpi/fuzz-2006-06-26-2594.pcap";
const DAMAGED: &str = "thirteen messages have damaged start lines (`INVITEKsip:…`, `SIP/x.0`) or lying UDP lengths; a caller must \
    not get past the firewall by them, so they are read, as far as they go, with all the 52 that tshark reads";

#[test]
fn every_capture_counts_as_the_manifest_says() {
    let Some(shared) = shared() else { return };
    let manifest = std::fs::read_to_string(shared.join("captures/MANIFEST.md")).unwrap();
    let rows: Vec<Row> = manifest.lines().filter_map(Row::parse).collect();
    assert!(rows.len() > 60, "only {} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let output =
            ringwall([Path::new("replay"), Path::new("--json"), &shared.join("captures").join(&row.file)]);
        if row.format == "netmon2" {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains("Network Monitor"), "{said}");
            continue;
        }
        assert!(output.status.success(), "{}: {}", row.file, String::from_utf8_lossy(&output.stderr));
        let summary: Value = serde_json::from_str(&stdout(&output)).unwrap();
        for (what, expected, found) in row.differences(&summary) {
            let reviewed = REVIEWED.iter().any(|(file, field, _)| *file == row.file && *field == what);
            if !reviewed {
                wrong.push(format!("{}: {what} should be {expected}, is {found}", row.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn hep_captures_give_the_messages_inside() {
    let Some(shared) = shared() else { return };
    // Two of the eight packets of hep.pcap carry no SIP: one is a log line (type 100), one RTCP as JSON (type 5).
    for (file, messages) in [("hep/hep.pcap", 6), ("hep/hep3_compressed.pcap.pcapng", 21)] {
        let output =
            ringwall([Path::new("replay"), Path::new("--json"), &shared.join("captures").join(file)]);
        let summary: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(summary["sip_messages"], messages, "{file}");
    }
}

struct Row {
    file: String,
    format: String,
    counts: BTreeMap<&'static str, u64>,
    requests: BTreeMap<String, u64>,
    responses: BTreeMap<String, u64>,
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [file, _, format, _, packets, messages, _, invites, answered, content] = cells[..] else {
            return None;
        };
        let number = |cell: &str| cell.parse::<u64>().ok();
        let counts = BTreeMap::from([
            ("frames", number(packets)?),
            ("sip_messages", number(messages)?),
            ("calls", number(invites)?),
            ("answered", number(answered)?),
        ]);
        Some(Self {
            file: file.to_owned(),
            format: format.split('/').nth(1)?.to_owned(),
            counts,
            requests: tally(content, "req:"),
            responses: tally(content, "resp:"),
        })
    }

    fn differences(&self, summary: &Value) -> Vec<(&'static str, String, String)> {
        let mut differences = Vec::new();
        for (&field, &expected) in &self.counts {
            if summary[field] != expected {
                differences.push((field, expected.to_string(), summary[field].to_string()));
            }
        }
        for (field, expected) in [("by_method", &self.requests), ("by_status", &self.responses)] {
            let found: BTreeMap<String, u64> = serde_json::from_value(summary[field].clone()).unwrap();
            let same = expected.iter().all(|(name, count)| found.get(name) == Some(count));
            if !same || found.values().sum::<u64>() != expected.values().sum::<u64>() {
                differences.push((field, format!("{expected:?}"), format!("{found:?}")));
            }
        }
        differences
    }
}

/// Reads `req: INVITE 1, ACK 1; resp: 100 1` out of the last cell.
fn tally(content: &str, label: &str) -> BTreeMap<String, u64> {
    let Some((_, rest)) = content.split_once(label) else { return BTreeMap::new() };
    rest.split(';')
        .next()
        .unwrap_or_default()
        .split(',')
        .filter_map(|pair| {
            let (name, count) = pair.trim().rsplit_once(' ')?;
            Some((name.to_owned(), count.parse().ok()?))
        })
        .collect()
}
