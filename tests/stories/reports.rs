//! Reports over the calls of a generated day: what they say is what the lines of its replay say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use generator::{Day, LISTED_CALLERS, Settings, pcap};
use serde_json::Value;

use crate::support::{Scratch, ringwall, stdout};

/// A day of a customer, judged by its policy: the folder of a service with its records, the policy, and the lines of its calls.
struct Kept {
    scratch: Scratch,
    config: PathBuf,
    lines: Vec<Value>,
    day: String,
}

impl Kept {
    fn new() -> Self {
        let scratch = Scratch::new("reports");
        let listed: String = LISTED_CALLERS.iter().map(|caller| format!("+{caller}\n")).collect();
        scratch.write("harassment.csv", format!("number\n{listed}"));
        let policy = scratch.write("acme.toml", include_str!("../../fixtures/demo/acme.toml"));
        let mut capture = Vec::new();
        let settings = Settings { seed: 77, calls_per_hour: 60.0, ..Settings::default() };
        pcap::write(&mut Day::new(settings), &mut capture).unwrap();
        let capture = scratch.write("day.pcap", capture);
        let (calls, data) = (scratch.path().join("calls.jsonl"), scratch.path().join("data"));
        let arguments: Vec<PathBuf> = vec![
            "replay".into(),
            "--policy".into(),
            policy,
            "--calls".into(),
            calls.clone(),
            "--records".into(),
            data.join("records"),
            capture,
        ];
        let output = ringwall(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = std::fs::read_to_string(calls).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let starts = lines.iter().map(|line| line["start"].as_str().unwrap());
        let config = format!("policy = [\"acme.toml\"]\ndata = {:?}\n", data.display().to_string());
        let day = starts.min().unwrap()[..10].to_owned();
        Self { config: scratch.write("ringwall.toml", config), scratch, lines, day }
    }

    /// A report over two days, so that the customer's zone does not matter.
    fn report(&self, name: &str, more: &[&str]) -> Output {
        let (from, behind) = (&self.day, self.behind());
        let config = self.config.to_str().unwrap();
        let mut arguments = vec![
            "report",
            name,
            "--customer",
            "Acme Insurance",
            "--from",
            from,
            "--to",
            &behind,
            "--config",
            config,
        ];
        arguments.extend(more);
        ringwall(arguments)
    }

    fn behind(&self) -> String {
        let day: jiff::civil::Date = self.day.parse().unwrap();
        day.tomorrow().unwrap().to_string()
    }

    fn calls(&self) -> impl Iterator<Item = &Value> {
        self.lines.iter().filter(|line| line["kind"] == "call" && line["customer"] == "Acme Insurance")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }
}

fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(output)
}

fn headline(document: &Value, label: &str) -> Value {
    let sections = document["sections"].as_array().unwrap();
    let blocks = sections.iter().flat_map(|section| section["blocks"].as_array().unwrap());
    let figures = blocks
        .filter(|block| block["block"] == "headline")
        .flat_map(|block| block["holds"]["figures"].as_array().unwrap());
    figures.into_iter().find(|figure| figure["label"] == label).unwrap()["value"].clone()
}

#[test]
fn a_weekly_report_says_what_the_lines_of_the_calls_say() {
    let kept = Kept::new();
    let text = ok(&kept.report("weekly-operations", &["--format", "json"]));
    let document: Value = serde_json::from_str(&text).unwrap();
    let all = kept.calls().count();
    let blocked =
        kept.calls().filter(|line| line["verdict"] == "block" || line["verdict"] == "limit").count();
    assert!(all > 500 && blocked > 20, "{all} {blocked}");
    assert_eq!(headline(&document, "Calls"), serde_json::json!({ "is": "count", "of": all }));
    let share = headline(&document, "Blocked");
    assert_eq!(
        (share["of"]["part"].as_u64(), share["of"]["whole"].as_u64()),
        (Some(blocked as u64), Some(all as u64))
    );
    // Nobody kept when the service ran: the reader is told that nothing is known to be complete.
    assert!(document["stamp"]["coverage"]["complete_hours"] == 0, "{text}");
    // The same is the same, but for the moment at which it was made.
    let again: Value =
        serde_json::from_str(&ok(&kept.report("weekly-operations", &["--format", "json"]))).unwrap();
    assert_eq!(again["sections"], document["sections"]);
}

#[test]
fn every_report_is_written_in_every_format() {
    let kept = Kept::new();
    let caller = busiest(&kept);
    let reports = [
        "weekly-operations",
        "monthly-management",
        "fraud-exposure",
        "identity",
        "rule-hygiene",
        "service-review",
        "dossier",
        "ad-hoc",
    ];
    for report in reports {
        let number: &[&str] = if report == "dossier" { &["--number", &caller] } else { &[] };
        for format in ["html", "csv", "xlsx", "json"] {
            let out = kept.file(&format!("{report}.{format}"));
            let out = out.to_str().unwrap();
            ok(&kept.report(report, &[&["--format", format, "--out", out], number].concat()));
            let path = Path::new(out);
            if path.is_dir() {
                assert!(std::fs::read_dir(path).unwrap().count() > 1, "{report} {format}");
                continue;
            }
            let bytes = std::fs::read(path).unwrap();
            let is_right = match format {
                "html" => {
                    bytes.starts_with(b"<!doctype html>") && !bytes.windows(7).any(|part| part == b"<script")
                }
                "xlsx" => bytes.starts_with(b"PK\x03\x04"),
                "json" => serde_json::from_slice::<Value>(&bytes).is_ok(),
                _ => !bytes.is_empty(),
            };
            assert!(is_right, "{report} {format}");
        }
    }
}

#[test]
fn a_dossier_has_every_call_of_one_caller_and_of_nobody_else() {
    let kept = Kept::new();
    let caller = busiest(&kept);
    let text = ok(&kept.report("dossier", &["--number", &caller, "--format", "json"]));
    let document: Value = serde_json::from_str(&text).unwrap();
    let sections = document["sections"].as_array().unwrap();
    let blocks = sections.iter().flat_map(|section| section["blocks"].as_array().unwrap());
    let table =
        blocks.filter(|block| block["block"] == "table").find(|block| block["holds"]["name"] == "calls");
    let rows = table.unwrap()["holds"]["rows"].as_array().unwrap();
    let wanted = kept.calls().filter(|line| line["caller"] == caller.as_str());
    let mut wanted: Vec<&str> = wanted.map(|line| line["call_id"].as_str().unwrap()).collect();
    let mut found: Vec<&str> = rows.iter().map(|row| row[9]["value"]["of"].as_str().unwrap()).collect();
    wanted.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, wanted);
    let refused = kept.report("dossier", &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--number"));
}

#[test]
fn who_is_erased_from_records_is_in_no_report_and_in_no_summary() {
    let kept = Kept::new();
    let caller = busiest(&kept);
    let weekly = || ok(&kept.report("weekly-operations", &["--format", "json"]));
    assert!(weekly().contains(&caller));
    let summaries = kept.file("data/summaries");
    assert!(std::fs::read_dir(&summaries).unwrap().count() > 0, "days that are over have summaries");
    let data = kept.file("data");
    let data = data.to_str().unwrap();
    let arguments = ["records", "erase", "--customer", "Acme Insurance", "--number", &caller, "--data", data];
    ok(&ringwall(arguments));
    assert_eq!(std::fs::read_dir(&summaries).unwrap().count(), 0);
    assert!(!weekly().contains(&caller));
}

#[test]
fn what_cannot_be_made_is_said() {
    let kept = Kept::new();
    let unknown = kept.report("moon-phase", &[]);
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(said.contains("moon-phase") && said.contains("weekly-operations"), "{said}");
    let number = kept.report("ad-hoc", &["--number", "911"]);
    assert_eq!(number.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&number.stderr).contains("such as +12105550142"));
    // As people write it it is the same number.
    let caller = busiest(&kept);
    let spaced = format!("{} {}", &caller[..2], &caller[2..]);
    assert!(ok(&kept.report("dossier", &["--number", &spaced, "--format", "json"])).contains(&caller));
}

/// The number that called most.
fn busiest(kept: &Kept) -> String {
    let mut callers: BTreeMap<&str, usize> = BTreeMap::new();
    for line in kept.calls().filter(|line| line["caller_kind"] == "number") {
        *callers.entry(line["caller"].as_str().unwrap()).or_default() += 1;
    }
    let most =
        callers.into_iter().filter(|(caller, _)| caller.starts_with('+')).max_by_key(|(_, calls)| *calls);
    most.unwrap().0.to_owned()
}
