//! The desk when things fail: processes killed, a full disk, a database that is gone for a while.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::cases::{HELD, POLICY, Terminal, call, spooled};
use super::spool::Tiny;
use super::{Service, within};
use crate::support::{Scratch, ringwall, stdout};

#[path = "../../../cases/src/io/store/tests/postgres.rs"]
#[allow(dead_code, reason = "the tests of the store use more of it")]
pub(super) mod postgres;

/// Kills in every run; a thousand with `cargo xtask soak desk-kills`.
const KILLS: usize = 6;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Somebody at a terminal who writes one note after the other, until told to stop; some commands are killed. Returns the notes
/// that were acknowledged.
fn work(data: &Path, number: &str, round: usize, stop: &AtomicBool) -> Vec<String> {
    let mut dice = Dice(round as u64 + 99);
    let mut acknowledged = Vec::new();
    for at in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let text = format!("note {round}-{at}");
        let mut child = Command::new(crate::support::binary())
            .args(["case", "note", number, &text, "--by", "anna", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if dice.below(3) == 0 {
            std::thread::sleep(Duration::from_micros(dice.below(40_000)));
            let _ = child.kill();
        }
        let output = child.wait_with_output().unwrap();
        // What it had said before it died counts.
        if String::from_utf8_lossy(&output.stdout).starts_with(number) {
            acknowledged.push(text);
        }
    }
    acknowledged
}

#[test]
fn kills_of_service_and_terminal_lose_and_double_nothing_of_the_desk() {
    let kills = std::env::var("RINGWALL_DESK_KILLS").map_or(KILLS, |count| count.parse().unwrap());
    let mut service = Service::start("serve-desk-kills", POLICY, HELD);
    let mut dice = Dice(7);
    call(&service, "+13035550100", "desk-first");
    let data = service.data();
    let case = within(10, || Terminal { data: &data }.list(&[]).into_iter().next()).unwrap();
    let number = case["number"].as_str().unwrap().to_owned();
    let mut acknowledged = Vec::new();
    for kill in 0..kills {
        let data = service.data();
        let stop = AtomicBool::new(false);
        let told = std::thread::scope(|scope| {
            let working = scope.spawn(|| work(&data, &number, kill, &stop));
            for at in 0..5 + dice.below(10) {
                let caller = format!("+130355501{:02}", (kill as u64 * 13 + at) % 100);
                call(&service, &caller, &format!("desk-{kill}-{at}"));
            }
            std::thread::sleep(Duration::from_millis(dice.below(300)));
            let scratch = service.kill();
            stop.store(true, Ordering::Relaxed);
            (working.join().unwrap(), scratch)
        });
        acknowledged.extend(told.0);
        service = Service::resume(told.1, HELD);
    }
    let scratch = service.stop();
    let data = scratch.path().join("data");
    let shown = Terminal { data: &data }.done(&["show", &number, "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let mut stored: BTreeMap<&str, u32> = BTreeMap::new();
    for event in shown["events"].as_array().unwrap().iter().filter(|event| event["what"] == "note") {
        *stored.entry(event["text"].as_str().unwrap()).or_default() += 1;
    }
    for text in &acknowledged {
        assert!(stored.contains_key(text.as_str()), "{text} was acknowledged and is gone");
    }
    assert!(stored.values().all(|times| *times == 1), "{stored:?}");
    assert!(acknowledged.len() > kills, "{} acknowledged", acknowledged.len());
    let counted = Terminal { data: &data }.counted();
    assert_eq!(counted, spooled(&data), "alerts in cases and in the spool");
    let audit = ringwall(["audit", "verify", "--data", data.to_str().unwrap()]);
    assert!(audit.status.success(), "{}", stdout(&audit));
    println!(
        "{kills} kills: {} notes acknowledged, {} stored, {counted} alerts in cases, each once",
        acknowledged.len(),
        stored.len()
    );
}

#[test]
fn on_a_full_disk_calls_are_judged_acts_are_refused_in_words_and_then_it_goes_on() {
    let place = Scratch::new("serve-desk-full");
    let disk = place.path().join("disk");
    let Some(_tiny) = Tiny::mount(&disk) else { return };
    let keys = format!("[cases]\ndatabase = \"{}\"\n", disk.join("cases.db").display());
    let service = Service::start("serve-desk-full", POLICY, &keys);
    assert_eq!(call(&service, "+13035550100", "full-first"), 486);
    let config = service.data().with_file_name("ringwall.toml");
    let case =
        |words: &[&str]| ringwall([&["case"], words, &["--config", config.to_str().unwrap()]].concat());
    let listed = || -> Vec<Value> {
        let output = case(&["list", "--json", "--count", "500"]);
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let number = within(10, || Some(listed().first()?["number"].as_str()?.to_owned())).unwrap();
    let note = |text: &str| case(&["note", &number, text, "--by", "anna"]);
    assert!(note("before the disk was full").status.success());
    // Every byte that is left.
    let filler = disk.join("filler");
    let dd =
        Command::new("dd").args(["if=/dev/zero", "bs=1k"]).arg(format!("of={}", filler.display())).output();
    assert!(String::from_utf8_lossy(&dd.unwrap().stderr).contains("No space left"));
    let long = "x".repeat(100_000);
    let refused = note(&long);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("the disk of the database of cases is full: nothing of it was kept"), "{said}");
    for at in 0..40 {
        assert_eq!(call(&service, &format!("+130355501{:02}", at + 1), &format!("full-{at}")), 486);
    }
    within(10, || (service.metric("ringwall_cases_failures_total") > 0).then_some(())).unwrap();
    assert!(service.errors().contains("alerts wait in the spool: the disk"), "{}", service.errors());
    std::fs::remove_file(&filler).unwrap();
    // One of them is the service's own, that its cases could not be reached.
    within(20, || (listed().len() >= 42).then_some(())).unwrap();
    let own: Vec<_> = listed().into_iter().filter(|case| case["customer"] == "").collect();
    assert_eq!((own.len(), &own[0]["title"]), (1, &"cases-unreachable".into()));
    assert!(note("after there was room again").status.success());
    let shown = stdout(&case(&["show", &number]));
    assert!(shown.contains("before the disk was full") && shown.contains("after there was room"), "{shown}");
    assert!(!shown.contains("xxxx"), "what was refused is not there");
    let audit = ringwall(["audit", "verify", "--config", config.to_str().unwrap()]);
    assert!(audit.status.success(), "{}", stdout(&audit));
    service.stop();
}

#[test]
fn while_postgresql_is_gone_calls_are_judged_and_one_alert_says_so() {
    let Some(server) = postgres::Own::start() else { return };
    let keys = format!("[cases]\ndatabase = \"{}\"\n", server.place());
    let service = Service::start("serve-desk-postgres", POLICY, &keys);
    let config = service.data().with_file_name("ringwall.toml");
    let listed = || -> Vec<Value> {
        let config = config.to_str().unwrap();
        let output = ringwall(["case", "list", "--json", "--count", "500", "--config", config]);
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    for at in 0..5 {
        assert_eq!(call(&service, &format!("+1303555010{at}"), &format!("pg-{at}")), 486);
    }
    within(10, || (listed().len() == 5).then_some(())).unwrap();
    let server = server.kill();
    for at in 5..9 {
        assert_eq!(call(&service, &format!("+1303555010{at}"), &format!("pg-{at}")), 486);
    }
    within(15, || (service.metric("ringwall_cases_failures_total") > 1).then_some(())).unwrap();
    assert_eq!(service.errors().matches("alerts wait in the spool").count(), 1, "{}", service.errors());
    let _server = server.again();
    within(20, || (listed().len() >= 10).then_some(())).unwrap();
    let all = listed();
    assert_eq!(all.len(), 10);
    let own: Vec<_> = all.iter().filter(|case| case["customer"] == "").collect();
    assert_eq!((own.len(), &own[0]["title"]), (1, &"cases-unreachable".into()));
    assert_eq!(own[0]["alerts"], 1);
    service.stop();
}
