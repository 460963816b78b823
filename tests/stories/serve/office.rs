//! The office of the desk with a real service: a report is ordered on a page and fetched, a trial arrives at a real mail server,
//! and a changed entry of the audit is found.

use std::process::Command;

use cases::account::{Invitation, Role, Session, Side, hash_of};
use cases::io::store::{Done, Store};
use rules::Timestamp;
use sha2::{Digest as _, Sha256};

use super::mail::Mailbox;
use super::{POLICY, Service, http_as, within};
use crate::support::{ringwall, stdout};

const CONTACTS: &str = r#"
[[customer]]
customer = "Acme"
domains = ["acme.example.com"]

[[customer.contact]]
name = "Ann"
addresses = ["ann@acme.example.com"]
roles = ["requester"]
"#;

const SECRET: &str = "the cookie of anna";

/// A service whose mail goes to `mailbox`, with Ann registered and an administrator logged in.
fn office(name: &str, mailbox: &Mailbox) -> Service {
    let keys = format!(
        "[mail]\naddresses = [\"case@desk.example.com\"]\nsmarthost = \"{}\"\nsmarthost_tls = \"none\"\n",
        mailbox.address
    );
    let service = Service::start(name, POLICY, &keys);
    let file = service.scratch.write("contacts.toml", CONTACTS);
    let drafted = run(&service, &["contact", "import", file.to_str().unwrap(), "--by", "carl"]);
    run(&service, &["contact", "confirm", drafted.split_whitespace().nth(2).unwrap(), "--by", "ben"]);
    run(
        &service,
        &["case", "open", "--customer", "Acme", "--kind", "question", "who calls?", "--by", "carl"],
    );
    let now = Timestamp(jiff::Timestamp::now().as_microsecond());
    let place = service.data().join("cases.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(place.to_str().unwrap()).await.unwrap();
        let hours = cases::Service::sample();
        let done = Done { who: "ringwall", now, service: &hours };
        let expires = now.plus_micros(60_000_000);
        let side = Side::Desk(Role::Admin);
        let invitation = Invitation { hash: hash_of("once"), login: "anna".to_owned(), side, expires };
        store.desk().invite(&invitation, done).await.unwrap();
        store.desk().accept("once", "$argon2id$".to_owned(), done).await.unwrap();
        let session = Session {
            hash: hash_of(SECRET),
            login: "anna".to_owned(),
            began: now,
            seen: now,
            factor: None,
            is_half: false,
            address: "127.0.0.1".to_owned(),
        };
        store.desk().put_session(&session).await.unwrap();
        store.close().await;
    });
    service
}

fn run(service: &Service, words: &[&str]) -> String {
    let config = service.scratch.path().join("ringwall.toml");
    let output = ringwall([words, &["--config", config.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

/// What a page of the office says.
fn page(service: &Service, path: &str) -> (u16, String) {
    http_as(SECRET, (service.address("http://"), "GET", path), "")
}

fn send(service: &Service, path: &str, fields: &str) -> (u16, String) {
    let digest = Sha256::new().chain_update("ringwall form ").chain_update(SECRET).finalize();
    let token: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    http_as(SECRET, (service.address("http://"), "POST", path), &format!("csrf={token}&{fields}"))
}

#[test]
fn a_report_that_is_ordered_on_a_page_is_made_and_fetched() {
    let mailbox = Mailbox::new();
    let service = office("serve-office-report", &mailbox);
    let (status, first) = page(&service, "/reports");
    assert!(status == 200 && first.contains("Every clock of every case"), "{first}");
    let fields = "report=sla-statement&customer=Acme&from=2026-01-01&to=2099-12-31&format=csv";
    assert_eq!(send(&service, "/reports/order", fields).0, 303);
    let made = within(40, || {
        let (_, text) = page(&service, "/reports");
        let place = text.split("href=\"/reports/file?").nth(1)?.split('"').next()?;
        Some(place.replace("&amp;", "&").replace("&#38;", "&"))
    });
    let made = made.unwrap_or_else(|| panic!("{}\n{}", page(&service, "/reports").1, service.errors()));
    let (status, csv) = page(&service, &format!("/reports/file?{made}"));
    assert_eq!(status, 200, "{csv}");
    // It is what a terminal makes, and a checker of its own finds nothing wrong.
    let file = service.scratch.write("statement.csv", &csv);
    let checked = stdout(&ringwall(["sla", "check", file.to_str().unwrap()]));
    assert!(checked.ends_with("clocks, 0 differ\n") && !checked.starts_with("0 "), "{checked}");
    assert!(mailbox.all().is_empty(), "it went to nobody");
    service.stop();
}

#[test]
fn a_trial_arrives_and_an_entry_of_the_audit_that_was_changed_is_found() {
    let mailbox = Mailbox::new();
    let service = office("serve-office-trial", &mailbox);
    let (status, text) = send(&service, "/channels/test", "way=mail%20ann%40acme.example.com");
    assert!(status == 200 && text.contains("The other side took it"), "{text}");
    let mails = mailbox.all();
    let mail = String::from_utf8(mails[0].bytes.clone()).unwrap();
    assert_eq!(mails.len(), 1);
    assert!(
        mail.contains("Subject: Trial of a channel") && mail.contains("To: <ann@acme.example.com>"),
        "{mail}"
    );
    // One that the server does not take is said so, with its words.
    let (_, text) = send(&service, "/channels/test", "way=mail%20nobody%40acme.example.com");
    assert!(text.contains("known here"), "{text}");

    let (status, text) = send(&service, "/audit/verify", "");
    assert!(
        status == 200
            && text.contains("entries are as they were written")
            && !text.contains("changed</span>"),
        "{text}"
    );
    let change = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1],timeout=20)\n\
        c.execute(\"UPDATE audit SET body=REPLACE(body,'\\\"actor\\\":\\\"carl\\\"','\\\"actor\\\":\\\"eve\\\"') \
        WHERE customer='Acme' AND sequence=1\")\nassert c.total_changes==1\nc.commit()\n";
    let changed = Command::new("python3").args(["-c", change]).arg(service.data().join("cases.db")).status();
    assert!(changed.unwrap().success());
    let (_, text) = send(&service, "/audit/verify", "");
    assert!(text.contains("changed</span> <strong>Acme</strong>: entry 1: "), "{text}");
    service.stop();
}
