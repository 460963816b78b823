//! The desk behind a running service: alerts become cases, people work on them, and nothing is lost or counted twice.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use spool::{Kind, Reader};

use super::{Call, Phone, Service, status, within};
use crate::support::{Scratch, ringwall, stdout};

pub(super) const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
trunks = ["192.0.2.0/24"]
response = { list = 603, threshold = 480 }

[[firewall]]
name = "unwanted"
when = { caller = "+1 303 555 01xx" }
action = { block = 486 }
alert = "warning"

[[ips]]
name = "keeps calling"
when = { direction = "inbound" }
count = "attempts"
per = ["caller"]
within = "10m"
warning = 2
critical = 3
action = { critical = { block = "1h" } }
"#;

/// The desk of the service in `data`.
pub(super) struct Terminal<'a> {
    pub(super) data: &'a Path,
}

impl Terminal<'_> {
    pub(super) fn case(&self, words: &[&str]) -> Output {
        let data = self.data.to_str().unwrap();
        ringwall([&["case"], words, &["--data", data]].concat())
    }

    /// What an act prints; it must be done.
    pub(super) fn done(&self, words: &[&str]) -> String {
        let output = self.case(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        stdout(&output)
    }

    pub(super) fn list(&self, words: &[&str]) -> Vec<Value> {
        let output = self.case(&[&["list", "--json", "--count", "500"], words].concat());
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Alerts in all cases, open or not.
    pub(super) fn counted(&self) -> u64 {
        let cases = self.list(&[]).into_iter().chain(self.list(&["--over"]));
        cases.map(|case| case["alerts"].as_u64().unwrap()).sum()
    }
}

pub(super) fn call(service: &Service, caller: &str, call_id: &str) -> u16 {
    let phone = Phone::new(service.udp());
    status(&phone.ask(&Call { call_id, ..Call::new(caller, "+12105550150") }.by(phone.port())))
}

/// The spool forgets what everybody has read, each second: somebody who reads nothing keeps it from that, so that it can be counted.
pub(super) const HELD: &str = "[spool]\nconsumers = [\"outside\"]\n";

/// Alerts that the spool of a stopped service holds.
pub(super) fn spooled(data: &Path) -> u64 {
    let mut reader = Reader::open(&data.join("spool"), "outside").unwrap();
    reader.only(&[Kind::ALERT]);
    let mut ids = std::collections::BTreeSet::new();
    while let Some(record) = reader.next().unwrap() {
        let alert: Value = serde_json::from_slice(&record.payload).unwrap();
        ids.insert(alert["id"].as_str().unwrap().to_owned());
    }
    ids.len() as u64
}

#[test]
fn an_alert_becomes_a_case_that_somebody_takes_and_closes() {
    let service = Service::start("serve-cases", POLICY, "");
    let data = service.data();
    let desk = Terminal { data: &data };
    let statuses: Vec<_> = (0..3).map(|at| call(&service, "+14155550142", &format!("case-{at}"))).collect();
    assert_eq!(statuses, [302, 302, 480]);
    let case = within(10, || desk.list(&[]).into_iter().find(|case| case["alerts"] == 2)).unwrap();
    assert_eq!((&case["state"], &case["severity"]), (&"open".into(), &"critical".into()));
    assert_eq!(case["title"], "keeps calling: caller +14155550142");
    let number = case["number"].as_str().unwrap();
    assert!(desk.done(&["list", "--customer", "Acme"]).contains(number));
    let nobody = desk.case(&["list", "--customer", "acme"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("did you mean Acme?"), "{nobody:?}");
    let clocks: Vec<_> =
        case["clocks"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(clocks, ["acknowledge", "notify"]);
    // A step that is not on the way, and a number that is mistyped.
    let early = desk.case(&["step", number, "inform", "--by", "anna"]);
    assert_eq!(early.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&early.stderr).contains("it can take"), "{early:?}");
    assert_eq!(desk.case(&["show", "RW-100001-8"]).status.code(), Some(2));
    assert_eq!(desk.done(&["take", number, "--by", "anna"]), format!("{number} is triage, anna\n"));
    desk.done(&["step", number, "investigate", "--by", "anna"]);
    desk.done(&["note", number, "a dialler that \u{1b}[31mlost its mind", "--by", "anna"]);
    let vague = desk.case(&["close", number, "no", "--reason", "benign", "--by", "anna"]);
    assert!(String::from_utf8_lossy(&vague.stderr).contains("a sentence"));
    let wrong =
        ["close", number, "the school of our own numbers", "--reason", "false-positive", "--by", "anna"];
    assert!(String::from_utf8_lossy(&desk.case(&wrong).stderr).contains("tune, exception or accept"));
    desk.done(&[&wrong[..], &["--feedback", "tune"]].concat());
    let shown = desk.done(&["show", number]);
    for expected in
        ["anna note: a dialler that \u{fffd}[31mlost", "closed, opened ", "acknowledge met", "next: reopen"]
    {
        assert!(shown.contains(expected), "no {expected:?} in {shown}");
    }
    assert!(desk.list(&[]).is_empty());
    // The clocks are a statement that holds.
    let clocks = desk.done(&["list", "--over", "--clocks"]);
    let statement = service.data().join("statement.csv");
    std::fs::write(&statement, clocks).unwrap();
    let checked = ringwall(["sla", "check", statement.to_str().unwrap()]);
    assert_eq!(stdout(&checked), "2 clocks, 0 differ\n");
    let audit = ringwall(["audit", "verify", "--data", data.to_str().unwrap()]);
    assert_eq!(
        (stdout(&audit).as_str(), audit.status.code()),
        ("(desk): 1 entries are as they were written\nAcme: 5 entries are as they were written\n", Some(0))
    );
    // Whoever cuts the end of a chain off the database, and says in it that it ends there, is found out.
    let scratch = service.stop();
    let data = scratch.path().join("data");
    let cut = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1],timeout=20)\n\
        c.execute(\"DELETE FROM audit WHERE customer='Acme' AND sequence>3\")\n\
        c.execute(\"UPDATE audit_heads SET sequence=3,hash=(SELECT json_extract(body,'$.hash') FROM audit \
        WHERE customer='Acme' AND sequence=3) WHERE customer='Acme'\")\nassert c.total_changes==3\nc.commit()\n";
    let done = std::process::Command::new("python3").args(["-c", cut]).arg(data.join("cases.db")).status();
    assert!(done.unwrap().success());
    let audit = ringwall(["audit", "verify", "--data", data.to_str().unwrap()]);
    assert_eq!(
        (stdout(&audit).as_str(), audit.status.code()),
        ("(desk): 1 entries are as they were written\nAcme: entry 4: it is missing\n", Some(1))
    );
    std::fs::remove_dir_all(data.join("audit")).unwrap();
    let audit = ringwall(["audit", "verify", "--data", data.to_str().unwrap()]);
    assert!(audit.status.success(), "without what was kept nobody can tell: {}", stdout(&audit));
}

#[test]
fn kills_leave_every_alert_in_exactly_one_case() {
    let kills = std::env::var("RINGWALL_KILLS").map_or(4, |count| count.parse().unwrap());
    let mut service = Service::start("serve-cases-kills", POLICY, HELD);
    for kill in 0..kills {
        for at in 0..10 + kill * 7 % 11 {
            call(&service, &format!("+130355501{:02}", (kill * 13 + at) % 100), &format!("kill-{kill}-{at}"));
        }
        // The first ones come through; later a kill may come before any alert is on disk.
        if kill == 0 {
            within(10, || (service.metric("ringwall_cases_alerts_total") > 0).then_some(())).unwrap();
        }
        service = Service::resume(service.kill(), HELD);
    }
    let scratch = service.stop();
    let data = scratch.path().join("data");
    let (told, counted) = (spooled(&data), Terminal { data: &data }.counted());
    assert!(told > 0, "{told} alerts in the spool, {counted} in cases, {kills} kills");
    assert_eq!(counted, told, "alerts in cases and in the spool");
    let audit = ringwall(["audit", "verify", "--data", data.to_str().unwrap()]);
    assert!(audit.status.success(), "{}", stdout(&audit));
}

#[test]
fn without_its_database_calls_are_judged_and_alerts_wait() {
    let scratch = Scratch::new("serve-cases-gone");
    scratch.write("acme.toml", POLICY);
    // Not a folder: no database can be made in it.
    let blocked = scratch.write("elsewhere", "");
    let place = blocked.join("cases.db");
    let keys = format!("[cases]\ndatabase = \"{}\"\n", place.display());
    let service = Service::resume(scratch, &keys);
    for at in 0..5 {
        assert_eq!(call(&service, &format!("+1303555012{at}"), &format!("gone-{at}")), 486);
    }
    within(10, || (service.metric("ringwall_cases_failures_total") > 0).then_some(())).unwrap();
    assert_eq!(service.errors().matches("alerts wait in the spool").count(), 1, "{}", service.errors());
    std::fs::remove_file(&blocked).unwrap();
    std::fs::create_dir(&blocked).unwrap();
    within(15, || (service.metric("ringwall_cases_alerts_total") >= 6).then_some(())).unwrap();
    let (data, config) = (service.data(), service.data().with_file_name("ringwall.toml"));
    let listed = ringwall(["case", "list", "--json", "--config", config.to_str().unwrap()]);
    // One of them is the service's own: that its cases could not be reached.
    assert_eq!(stdout(&listed).lines().count(), 6, "{}", String::from_utf8_lossy(&listed.stderr));
    assert_eq!(stdout(&listed).matches("\"title\":\"cases-unreachable\"").count(), 1);
    // What is in cases is nobody's to wait for any more.
    assert!(!data.join("cases.db").exists());
    service.stop();
}
