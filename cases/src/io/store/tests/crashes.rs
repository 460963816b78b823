//! A process that dies in the middle of writing: what it had acknowledged is there, once, and nothing is there in part.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// Where a transaction may be cut off.
const POINTS: [&str; 8] =
    ["begun", "alert", "case", "event", "audit", "position", "before-commit", "after-commit"];
pub(super) const POINT: &str = "RINGWALL_CRASH_POINT";
pub(super) const PLACE: &str = "RINGWALL_CRASH_PLACE";

/// Ends the process, without any word or clean-up, when it comes to the point that it was told for the so-manieth time.
pub(in super::super) fn crash_at(point: &str) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Ok(told) = std::env::var(POINT) else { return };
    let (name, times) = told.split_once(':').unwrap();
    if name == point && COUNT.fetch_add(1, Ordering::Relaxed) + 1 == times.parse::<u32>().unwrap() {
        let killed = Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
        panic!("not dead: {killed:?}");
    }
}

/// Does acts one after the other, and says each that was acknowledged.
#[test]
#[ignore = "a role of s_kill_9_at_every_point"]
fn acts() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&std::env::var(PLACE).unwrap()).await.unwrap();
        let service = Service::sample();
        let say = |what: String| {
            let mut out = io::stdout().lock();
            writeln!(out, "ACK {what}").unwrap();
            out.flush().unwrap();
        };
        let mut storm = Storm::default();
        let base = store.spool_position().await.unwrap();
        for at in 0..6 {
            let now = done(&service, i64::try_from(base).unwrap() + at);
            let sequence = base + u64::try_from(at).unwrap() + 1;
            let alert = alert(&format!("alert-{sequence}"), "Acme", "+12105550142", "warning", 0);
            store.desk().take_alerts(&[alert], sequence, &mut storm, now).await.unwrap();
            say(format!("alert-{sequence}"));
            let cases = list(&store).await;
            let number = cases[0].number;
            let text = format!("note-{sequence}");
            store.desk().note(number, &text, Visible::Desk, now).await.unwrap();
            say(text);
        }
    });
}

#[test]
fn s_kill_9_at_every_point_of_a_transaction_loses_and_doubles_nothing() {
    let path = std::env::temp_dir().join(format!("ringwall-crashes-{}.db", std::process::id()));
    let _cleared = Cleared(&path);
    let mut acknowledged = Vec::new();
    let mut deaths = 0;
    for times in [1, 2, 5] {
        for point in POINTS {
            let (told, died) = run(&path, &format!("{point}:{times}"));
            acknowledged.extend(told);
            deaths += u32::from(died);
        }
    }
    assert!(deaths >= 20, "{deaths} deaths");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(path.to_str().unwrap()).await.unwrap();
        let cases = list(&store).await;
        assert_eq!(cases.len(), 1);
        let events = store.desk().events(cases[0].number).await.unwrap();
        let alerts = store.desk().alerts(cases[0].number, 10_000).await.unwrap();
        let mut stored: BTreeMap<String, u32> = BTreeMap::new();
        for text in events.iter().filter(|event| event.what == "note").map(|event| event.text.clone()) {
            *stored.entry(text).or_default() += 1;
        }
        for alert in &alerts {
            let alert: Alert = serde_json::from_str(alert).unwrap();
            *stored.entry(alert.id).or_default() += 1;
        }
        for told in &acknowledged {
            assert!(stored.contains_key(told), "{told} was acknowledged and is gone");
        }
        // A note that was never acknowledged may be there: its text names the position, which then is another.
        assert!(stored.iter().filter(|(text, _)| text.starts_with("alert")).all(|(_, times)| *times == 1));
        assert_eq!(cases[0].alerts, alerts.len() as u64, "the case counts what it has");
        assert_eq!(
            cases[0].version,
            events.len() as u64 + alerts.len() as u64 - 1,
            "each write counted once"
        );
        let mut verifier = Verifier::default();
        let audit = store.audit("Acme", 0, 10_000).await.unwrap();
        audit.iter().for_each(|entry| verifier.take(entry).unwrap());
        assert_eq!(audit.len(), events.len(), "each event has its entry");
        println!("{deaths} deaths, {} acknowledged, {} stored", acknowledged.len(), stored.len());
        store.close().await;
    });
}

/// What a process acknowledged that dies at `point`, and whether it did.
fn run(path: &Path, point: &str) -> (Vec<String>, bool) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "io::store::tests::crashes::acts", "--ignored", "--nocapture"])
        .env(POINT, point)
        .env(PLACE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.filter_map(|line| Some(line.split_once("ACK ")?.1.to_owned())).collect();
    (told, !child.wait().unwrap().success())
}

pub(super) struct Cleared<'a>(pub(super) &'a Path);

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{ending}", self.0.display()));
        }
    }
}
