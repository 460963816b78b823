//! `ringwall demo --day`: a day of traffic with attacks in it, inspected, with the truth beside every verdict.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use generator::{Day, LISTED_CALLERS, Label, Settings, Truth, pcap};

use super::Arguments;
use crate::outcome::{Failure, Outcome};
use crate::policies;
use crate::replay::{Replay, Told};

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let files = write_files(arguments)?;
    let mut replay = Replay::new(policies::load(std::slice::from_ref(&files.policy), None)?);
    let mut found: HashMap<String, Found> = HashMap::new();
    let mut alerts = Vec::new();
    let notes = replay.run(std::slice::from_ref(&files.capture), &mut |told| {
        match told {
            Told::Call { line, .. } => {
                let stopped = matches!(line.verdict, "block" | "divert" | "limit");
                let entry = found.entry(line.call_id.as_deref().unwrap_or_default().to_owned()).or_default();
                entry.stopped |= stopped;
                if let Some(rule) = line.rule.filter(|_| stopped) {
                    rule.clone_into(&mut entry.rule);
                }
            }
            Told::Alert(alert) => alerts.push((alert.rule.clone(), alert.calls.clone())),
            Told::Unordered { .. } => {}
        }
        Ok(())
    })?;
    debug_assert!(notes.is_empty(), "a capture of our own reads without complaint");
    let tallies = tally(&files.truth, &found, &alerts);
    let mut out = std::io::stdout().lock();
    let written = if arguments.json {
        print_json(&mut out, &replay, &tallies)
    } else {
        print(&mut out, &files, &replay, &tallies)
    };
    written.map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

/// What the demo wrote.
struct Files {
    capture: PathBuf,
    policy: PathBuf,
    truth: Vec<Truth>,
    datagrams: u64,
}

/// What became of one Call-ID.
#[derive(Default)]
struct Found {
    stopped: bool,
    rule: String,
}

/// What became of all attempts with one label.
#[derive(Default)]
struct Tally {
    attack: bool,
    attempts: u64,
    stopped: u64,
    rules: BTreeMap<String, u64>,
    /// Alerts about it, by rule.
    alerts: BTreeMap<String, u64>,
}

fn write_files(arguments: &Arguments) -> Result<Files, Failure> {
    let folder = &arguments.data;
    fs::create_dir_all(folder).map_err(Failure::file(folder))?;
    let write = |name: &str, content: &str| -> Result<PathBuf, Failure> {
        let path = folder.join(name);
        if fs::read(&path).is_ok_and(|found| found != content.as_bytes()) {
            let path = path.display();
            return Err(Failure::Usage(format!(
                "{path} is not as a demo leaves it: give another folder with --data"
            )));
        }
        fs::write(&path, content).map_err(Failure::file(&path))?;
        Ok(path)
    };
    let mut list = "number,category,reason\n".to_owned();
    for caller in LISTED_CALLERS {
        list.push_str(&format!("+{caller},Harassing,keeps calling and threatens our agents\n"));
    }
    write("harassment.csv", &list)?;
    let policy = write("acme.toml", include_str!("../../fixtures/demo/acme.toml"))?;
    let mut day = Day::new(Settings {
        seed: arguments.seed,
        calls_per_hour: arguments.calls_per_hour.unwrap_or(CALLS_PER_HOUR),
        ..Settings::default()
    });
    let truth = day.truth();
    let capture = folder.join("day.pcap");
    let file = File::create(&capture).map_err(Failure::file(&capture))?;
    let datagrams = pcap::write(&mut day, BufWriter::new(file)).map_err(Failure::file(&capture))?;
    Ok(Files { capture, policy, truth, datagrams })
}

/// Tallies what became of the exchanges of each label, and the alerts that name more calls of it than of any other.
fn tally(
    truth: &[Truth],
    found: &HashMap<String, Found>,
    alerts: &[(String, Vec<String>)],
) -> BTreeMap<&'static str, Tally> {
    let mut tallies: BTreeMap<&'static str, Tally> = BTreeMap::new();
    for exchange in truth {
        let tally = tallies.entry(exchange.label.word()).or_default();
        tally.attack = matches!(exchange.label, Label::Attack(_));
        tally.attempts += 1;
        if let Some(found) = found.get(&exchange.call_id).filter(|found| found.stopped) {
            tally.stopped += 1;
            *tally.rules.entry(found.rule.clone()).or_default() += 1;
        }
    }
    let labels: HashMap<&str, &'static str> =
        truth.iter().map(|exchange| (exchange.call_id.as_str(), exchange.label.word())).collect();
    for (rule, calls) in alerts {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for label in calls.iter().filter_map(|call| labels.get(call.as_str())) {
            *counts.entry(label).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count).map(|(label, _)| label);
        if let Some(tally) = most.and_then(|label| tallies.get_mut(label)) {
            *tally.alerts.entry(rule.clone()).or_default() += 1;
        }
    }
    tallies
}

fn print(
    out: &mut impl Write,
    files: &Files,
    replay: &Replay,
    tallies: &BTreeMap<&'static str, Tally>,
) -> std::io::Result<()> {
    writeln!(
        out,
        "A day of Acme Insurance: {} datagrams in {}, judged by {}.\n",
        files.datagrams,
        shown(&files.capture),
        shown(&files.policy)
    )?;
    writeln!(out, "{}\n", replay.summary())?;
    for (title, attack) in [("honest traffic", false), ("attacks", true)] {
        writeln!(out, "{title:<33}{:>9}{:>9}   alerts", "attempts", "stopped")?;
        for (label, tally) in tallies.iter().filter(|(_, tally)| tally.attack == attack) {
            let alerts: Vec<String> =
                tally.alerts.iter().map(|(rule, count)| format!("{count} {rule}")).collect();
            let line =
                format!("  {label:<31}{:>9}{:>9}   {}", tally.attempts, tally.stopped, alerts.join(", "));
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "The capture goes on as if nobody had been refused. Most detections only raise the alarm: see docs/detections.md.\n\n\
         Look closer:\n  ringwall check {policy}\n  ringwall replay --policy {policy} --calls - {capture} | less\n  \
         ringwall replay --policy {policy} --alerts - {capture} | less\n  \
         ringwall explain --policy {policy} --caller '+1 (212) 555.0166' --called +12105550150",
        policy = shown(&files.policy),
        capture = shown(&files.capture)
    )
}

fn print_json(
    out: &mut impl Write,
    replay: &Replay,
    tallies: &BTreeMap<&'static str, Tally>,
) -> std::io::Result<()> {
    let labels: serde_json::Map<String, serde_json::Value> = tallies
        .iter()
        .map(|(label, tally)| {
            let value = serde_json::json!({
                "attack": tally.attack, "attempts": tally.attempts, "stopped": tally.stopped, "rules": tally.rules,
                "alerts": tally.alerts,
            });
            ((*label).to_owned(), value)
        })
        .collect();
    reporter::to_line(out, &serde_json::json!({ "summary": replay.summary(), "labels": labels }))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

const CALLS_PER_HOUR: f64 = 200.0;
