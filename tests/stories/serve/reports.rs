//! Reports that run by themselves, with real services, a real mail server and both databases.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use cases::io::store::{Done, Office, Store};
use cases::letter::DeskAddress;
use cases::schedule::{Format, Schedule, Span, When, Which};
use rules::Timestamp;
use serde_json::Value;

use super::desk_faults::postgres;
use super::mail::Mailbox;
use super::{POLICY, Service, http, within};
use crate::support::{ringwall, stdout};

const CONTACTS: &str = r#"
[[customer]]
customer = "Acme"
domains = ["acme.example.com"]

[[customer.contact]]
name = "Ann"
addresses = ["ann@acme.example.com"]
roles = ["requester", "report-recipient"]

[[customer.contact]]
name = "Bob"
addresses = ["bob@acme.example.com"]
roles = ["authorizer"]
"#;

/// Keys of a service whose mail goes to `mailbox`.
fn keys(mailbox: &Mailbox, more: &str) -> String {
    format!(
        "[mail]\nlisten = [\"127.0.0.1:0\"]\nprotocol = \"smtp\"\naddresses = [\"case@desk.example.com\"]\n\
         authserv_id = \"mx.desk.example.com\"\nportal = \"https://desk.example.com\"\nsmarthost = \"{}\"\n\
         smarthost_tls = \"none\"\n[reports]\nlease_seconds = 3\n{more}",
        mailbox.address
    )
}

fn ran(service: &Service, words: &[&str]) -> Output {
    let config = service.scratch.path().join("ringwall.toml");
    ringwall([words, &["--config", config.to_str().unwrap()]].concat())
}

pub(super) fn run(service: &Service, words: &[&str]) -> String {
    let output = ran(service, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

fn register(service: &Service, contacts: &str) {
    let file = service.scratch.write("contacts.toml", contacts);
    let drafted = run(service, &["contact", "import", file.to_str().unwrap(), "--by", "anna"]);
    run(service, &["contact", "confirm", drafted.split_whitespace().nth(2).unwrap(), "--by", "ben"]);
}

fn open_case(service: &Service) {
    run(service, &["case", "open", "--customer", "Acme", "--kind", "question", "who calls?", "--by", "anna"]);
}

/// The runs that there are.
fn history(service: &Service) -> Vec<Value> {
    let lines = run(service, &["report", "schedule", "history", "--json"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn over(service: &Service) -> Vec<Value> {
    let is_over = |runs: &Vec<Value>| {
        !runs.is_empty()
            && runs.iter().all(|run| !["waiting", "running"].contains(&run["state"].as_str().unwrap()))
    };
    let found = within(40, || Some(history(service)).filter(is_over));
    found.unwrap_or_else(|| panic!("{:?}\n{}", history(service), service.errors()))
}

fn words(mailbox: &Mailbox, index: usize) -> String {
    let mail = mailbox.all()[index].bytes.clone();
    let text = String::from_utf8(mail).unwrap();
    text.replace("=\r\n", "").replace("=3D", "=")
}

/// A week that holds today.
fn add<'a>(to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["report", "schedule", "add", "sla-statement", "--customer", "Acme", "--format", "csv"];
    let rest = ["--when", "once", "--about", "2026-01-01..2099-12-31", "--to", to, "--by", "anna"];
    [&fixed[..], &rest[..], more].concat()
}

#[test]
fn of_two_services_on_one_database_one_makes_a_report_and_one_mail_goes_out() {
    let Some(server) = postgres::Own::start() else { return };
    let mailbox = Mailbox::new();
    let database = format!("[cases]\ndatabase = \"{}\"\n", server.place());
    let one = Service::start("serve-reports-one", POLICY, &keys(&mailbox, &database));
    let two = Service::start("serve-reports-two", POLICY, &keys(&mailbox, &database));
    register(&one, CONTACTS);
    open_case(&one);
    let added = run(&one, &add("ann@acme.example.com", &["--to", "bob@acme.example.com"]));
    assert!(added.contains("not to bob@acme.example.com, who is a contact without the role"), "{added}");
    let runs = over(&two);
    assert_eq!((runs.len(), &runs[0]["state"], &runs[0]["attempts"]), (1, &"done".into(), &1.into()));
    assert_eq!(runs[0]["sent_to"], serde_json::json!(["ann@acme.example.com"]));
    within(15, || (!mailbox.all().is_empty()).then_some(())).unwrap();
    // Long enough for another one, if it were to come.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(mailbox.all().len(), 1);
    let made = |service: &Service| service.metric("ringwall_reports_total{kind=\"made\"}");
    assert_eq!(made(&one) + made(&two), 1);
    // Either serves the link, and what it leads to is what was said.
    let text = words(&mailbox, 0);
    let secret = text.split("/report/").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let sha256 = runs[0]["files"][0]["sha256"].as_str().unwrap();
    assert!(text.contains(sha256), "{text}");
    let place = format!("/report/{secret}");
    let fetched = [&one, &two].map(|service| http(service.address("http://"), "GET", &place, ""));
    assert!(fetched[0].0 == 200 && fetched[0] == fetched[1], "{fetched:?}");
    let file = one.scratch.write("statement.csv", &fetched[0].1);
    let checked = stdout(&ringwall(["sla", "check", file.to_str().unwrap()]));
    assert!(checked.ends_with("clocks, 0 differ\n") && !checked.starts_with("0 "), "{checked}");
    // Who leaves has lost it.
    register(
        &one,
        &CONTACTS.replace("roles = [\"requester\", \"report-recipient\"]", "roles = [\"requester\"]"),
    );
    let (status, page) = http(two.address("http://"), "GET", &place, "");
    assert!(status == 404 && page.contains("<h1>This link leads nowhere</h1>"), "{status} {page}");
    one.stop();
    two.stop();
}

#[test]
fn a_run_whose_maker_died_is_made_by_another_when_the_lease_is_over() {
    let mailbox = Mailbox::new();
    let service = Service::start("serve-reports-lease", POLICY, &keys(&mailbox, "on = false\n"));
    register(&service, CONTACTS);
    open_case(&service);
    run(&service, &add("ann@acme.example.com", &[]));
    // Somebody takes it, and never comes back.
    let place = service.data().join("cases.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(take_and_die(&place));
    let scratch = service.stop();
    let begun = jiff::Timestamp::now();
    let config = std::fs::read_to_string(scratch.path().join("ringwall.toml")).unwrap();
    let service = Service::with_config(scratch, &config.replace("on = false\n", ""));
    let runs = over(&service);
    assert_eq!((&runs[0]["state"], &runs[0]["attempts"]), (&"done".into(), &2.into()));
    assert!(runs[0]["words"].to_string().contains("dead did not end it"), "{}", runs[0]["words"]);
    let ended = runs[0]["ended"].as_i64().unwrap();
    assert!(ended - begun.as_microsecond() >= 2_000_000, "its lease was not over");
    within(15, || (mailbox.all().len() == 1).then_some(())).unwrap();
    service.stop();
}

async fn schedule_unknown(place: &Path) {
    let store = Store::open(place.to_str().unwrap()).await.unwrap();
    let at = Timestamp(jiff::Timestamp::now().as_microsecond());
    let schedule = Schedule {
        id: String::new(),
        customer: "Acme".to_owned(),
        report: "no-such-report".to_owned(),
        format: Format::Html,
        when: When::Once,
        span: Span::Days(7),
        which: Which::default(),
        zone: "UTC".to_owned(),
        recipients: vec!["ann@acme.example.com".to_owned()],
        case: None,
        authorised: None,
        by: "anna".to_owned(),
        at,
    };
    let promised = cases::Service::sample();
    let done = Done { who: "anna", now: at, service: &promised };
    store.desk().add_schedule(&schedule.named(), done).await.unwrap();
    store.close().await;
}

async fn take_and_die(place: &Path) {
    let store = Store::open(place.to_str().unwrap()).await.unwrap();
    let now = Timestamp(jiff::Timestamp::now().as_microsecond());
    let promised = cases::Service::sample();
    let desk = DeskAddress { address: "case@desk.example.com".to_owned(), name: "Desk".to_owned() };
    let office = Office { desk, portal: String::new(), escalation: String::new(), sends: true };
    let done = Done { who: "ringwall", now, service: &promised };
    let taken = store.desk().take_run(("dead", 6_000_000), &office, done).await.unwrap();
    assert!(taken.is_some());
    store.close().await;
}

#[test]
fn what_fails_is_said_and_what_tells_of_a_person_is_erased() {
    let mailbox = Mailbox::new();
    let service = Service::start("serve-reports-fails", POLICY, &keys(&mailbox, ""));
    let attached = CONTACTS.replacen("domains", "report_attachments = true\ndomains", 1);
    register(&service, &attached);
    for (what, why) in [
        (&["no-such-report", "--customer", "Acme"][..], "no report is called no-such-report: "),
        (&["identity", "--customer", "Nobody"], "there is no customer Nobody"),
        (&["dossier", "--customer", "Acme"], "dossier is about one caller: --number says who"),
        (&["custody", "--customer", "Acme"], "custody is written as csv or json, not html"),
    ] {
        let rest = ["--when", "once", "--to", "ann@acme.example.com", "--by", "anna"];
        let output = ran(&service, &[&["report", "schedule", "add"], what, &rest].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(why), "{what:?}: {said}");
    }
    // A version that had one more report wrote it down.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(schedule_unknown(&service.data().join("cases.db")));
    let runs = over(&service);
    assert_eq!(runs[0]["state"], "failed");
    within(15, || (mailbox.all().len() == 1).then_some(())).unwrap();
    let text = words(&mailbox, 0);
    assert!(
        text.contains("could not be made") && text.contains("no report is called no-such-report"),
        "{text}"
    );
    assert_eq!(service.metric("ringwall_reports_total{kind=\"failed\"}"), 1);
    // One that comes with its mail, and names a person.
    run(&service, &["case", "open", "--customer", "Acme", "--kind", "question", "x", "--by", "+13035550142"]);
    let access = add("ann@acme.example.com", &[]);
    let access: Vec<_> =
        access.iter().map(|it| if *it == "sla-statement" { "custody" } else { it }).collect();
    run(&service, &access);
    within(20, || (mailbox.all().len() == 2).then_some(())).unwrap_or_else(|| panic!("{}", service.errors()));
    assert!(words(&mailbox, 1).contains("filename=\"custody-2026-01-01.csv\""), "{}", words(&mailbox, 1));
    let erase = |number: &str| {
        run(&service, &["report", "erase", "--customer", "Acme", "--number", number, "--by", "anna"])
    };
    assert_eq!(erase("+13035550999"), "0 files erased\n");
    assert!(erase("+13035550142").ends_with("1 files erased\n"));
    assert_eq!(erase("+13035550142"), "0 files erased\n");
    // Of nobody nothing is erased, and whoever asks is not to believe that it was.
    let nobody = ["report", "erase", "--customer", "acme", "--number", "+13035550142", "--by", "anna"];
    let nobody = ran(&service, &nobody);
    let said = String::from_utf8_lossy(&nobody.stderr);
    assert!(nobody.status.code() == Some(2) && said.contains("did you mean Acme?"), "{said}");
    service.stop();
}

#[test]
fn a_mail_that_asks_for_a_weekly_report_makes_a_schedule() {
    let mailbox = Mailbox::new();
    let service = Service::start("serve-reports-mail", POLICY, &keys(&mailbox, "on = false\n"));
    register(&service, CONTACTS);
    let mail = "From: Ann <ann@acme.example.com>\r\nTo: case@desk.example.com\r\nSubject: report\r\n\
        Message-ID: <r1@acme.example.com>\r\nDate: Mon, 5 Oct 2026 10:00:00 -0500\r\n\
        Authentication-Results: mx.desk.example.com; dmarc=pass header.from=acme.example.com\r\n\r\n\
        Please send us a report.\r\n\r\nNumber(s):\r\n303-555-0142\r\nInternal or External: external\r\n\
        Direction: inbound\r\nPeriod: last week\r\nRecurrence: weekly on Friday\r\nRecipients: ann@acme.example.com\r\n";
    super::mail::send(service.address("smtp:"), "ann@acme.example.com", "case@desk.example.com", mail)
        .unwrap();
    let listed = within(20, || {
        Some(run(&service, &["report", "schedule", "list", "--json"])).filter(|it| !it.is_empty())
    });
    let listed =
        listed.unwrap_or_else(|| panic!("{}\n{}", run(&service, &["case", "list"]), service.errors()));
    let schedule: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&schedule["when"], &schedule["span"], &schedule["report"], &schedule["zone"]),
        (&"weekly fri 07:00".into(), &"7 days".into(), &"ad-hoc".into(), &"America/Chicago".into())
    );
    assert_eq!(schedule["which"]["side"], "external");
    let shown = run(&service, &["case", "show", schedule["case"].as_str().unwrap()]);
    assert!(shown.contains(schedule["id"].as_str().unwrap()), "{shown}");
    // The same from the mail of its case is the same schedule.
    let again = ran(
        &service,
        &["report", "schedule", "add", "--case", schedule["case"].as_str().unwrap(), "--by", "anna"],
    );
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"), "{again:?}");
    service.stop();
}
