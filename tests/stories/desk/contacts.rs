//! Who belongs to a customer: one person drafts it, another confirms it, and mail is judged by it from then on.

use std::process::Output;

use serde_json::Value;

use super::mail::{CONTACTS, Desk};
use crate::support::{ringwall, stdout};

impl Desk {
    fn contact(&self, words: &[&str]) -> Output {
        let data = self.data();
        ringwall([&["contact"], words, &["--data", data.to_str().unwrap()]].concat())
    }

    fn listed(&self) -> Vec<Value> {
        let listed = stdout(&self.contact(&["list", "--json"]));
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn two_people_change_who_belongs_to_a_customer() {
    let desk = Desk::new("contacts").with_database();
    let file = desk.contacts.to_str().unwrap();
    let drafted = stdout(&desk.contact(&["import", file, "--by", "anna"]));
    for expected in
        ["Acme: draft ", " by anna\n", "  + domain acme.example.com\n", "  + Ann <ann@acme.example.com>: "]
    {
        assert!(drafted.contains(expected), "no {expected:?} in {drafted}");
    }
    let hash = drafted.split_whitespace().nth(2).unwrap();
    assert_eq!(hash.len(), 64);
    // Nothing holds before a second person has said so.
    assert!(desk.listed().is_empty());
    assert!(stdout(&desk.contact(&["drafts"])).contains(hash));
    let own = desk.contact(&["confirm", &hash[..12], "--by", "anna"]);
    assert_eq!(own.status.code(), Some(2));
    assert!(said(&own).contains("another person has to confirm"), "{}", said(&own));
    assert!(said(&desk.contact(&["confirm", "3fa2", "--by", "ben"])).contains("no one draft begins"));
    let confirmed = stdout(&desk.contact(&["confirm", &hash[..12], "--by", "ben"]));
    assert!(confirmed.starts_with("Acme: this holds from now on\n"), "{confirmed}");
    assert_eq!(desk.listed()[0]["people"].as_array().unwrap().len(), 2);
    assert_eq!(stdout(&desk.contact(&["drafts"])), "");
    assert_eq!(stdout(&desk.contact(&["import", file, "--by", "anna"])), "Acme: nothing changes\n");

    // By name, with more about people; who leaves has a date.
    let more = "[[customer]]\ncustomer = \"Acme\"\ndomains = [\"acme.example.com\"]\n\
        [[customer.contact]]\nname = \"Ann\"\naddresses = [\"ann@acme.example.com\"]\nphones = [\"+12105550101\"]\n\
        roles = [\"requester\"]\nvalid_until = \"2026-11-01T00:00:00Z\"\nzone = \"America/Denver\"\n\
        [[customer.standing]]\nname = \"robocallers\"\nlists = [\"robocallers\"]\nentries_max = 1\ndays_max = 30\n\
        expires = \"2027-01-01T00:00:00Z\"\n";
    let changed = desk.scratch.write("more.toml", more);
    let drafted = stdout(&desk.contact(&["import", changed.to_str().unwrap(), "--by", "anna"]));
    for expected in [
        "  - Ray <",
        "  + Ann <ann@acme.example.com>, +12105550101: requester, until 2026-11-01",
        "+ standing",
    ] {
        assert!(drafted.contains(expected), "no {expected:?} in {drafted}");
    }
    desk.contact(&["confirm", drafted.split_whitespace().nth(2).unwrap(), "--by", "ben"]);
    // A file that does not speak of it takes back no standing authorisation.
    let drafted = stdout(&desk.contact(&["import", file, "--by", "anna"]));
    assert!(!drafted.contains("standing"), "{drafted}");
    for (wrong, expected) in [
        (more.replace("+12105550101", "210-555-0101"), "is no number such as"),
        (more.replace("\"ann@", "\"ann@x.example, y@"), "no plain mail address"),
        (more.replace("customer = \"Acme\"\n", ""), "needs `customer`"),
        (more.replace("2026-11-01T", "soon"), "is no moment"),
        (more.replace("requester", "boss"), "unknown variant `boss`"),
    ] {
        let path = desk.scratch.write("wrong.toml", wrong);
        let refused = desk.contact(&["import", path.to_str().unwrap(), "--by", "anna"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(said(&refused).contains(expected), "no {expected:?} in {}", said(&refused));
    }
    let data = desk.data();
    let audit = ringwall(["audit", "verify", "--data", data.to_str().unwrap()]);
    assert!(stdout(&audit).contains("Acme: 5 entries are as they were written"), "{}", stdout(&audit));
}

#[test]
fn an_invitation_says_which_address_it_assumes() {
    let desk = Desk::new("contacts-invite").with_database();
    let (data, config) = (desk.data(), desk.scratch.path().join("named.toml"));
    let invite = |place: &[&str]| {
        ringwall([&["account", "invite", "anna", "--role", "analyst", "--by", "root"], place].concat())
    };
    let assumed = invite(&["--data", data.to_str().unwrap()]);
    assert!(stdout(&assumed).contains(" at http://127.0.0.1:8080/welcome/"), "{}", stdout(&assumed));
    assert!(said(&assumed).contains("http://127.0.0.1:8080 is assumed"), "{}", said(&assumed));
    std::fs::write(&config, format!("data = {data:?}\n[http]\nlisten = \"127.0.0.1:8089\"\n")).unwrap();
    let named = invite(&["--config", config.to_str().unwrap()]);
    assert!(stdout(&named).contains(" at http://127.0.0.1:8089/welcome/"), "{}", stdout(&named));
    assert_eq!(said(&named), "");
}

#[test]
fn mail_is_judged_by_who_is_registered() {
    let desk = Desk::new("contacts-mail").with_database();
    let config = desk.scratch.path().join("ringwall.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let keys = "[mail]\naddresses = [\"case@desk.example.com\"]\nauthserv_id = \"mx.desk.example.com\"\n";
    std::fs::write(&config, format!("{text}{keys}")).unwrap();
    let mail = "Authentication-Results: mx.desk.example.com; dmarc=pass header.from=acme.example.com\r\n\
        From: Ann <ann@acme.example.com>\r\nTo: case@desk.example.com\r\nSubject: x\r\n\r\nblock 303-555-0142\r\n";
    let mail = desk.scratch.write("request.eml", mail);
    let read = || {
        let place = ["--config", config.to_str().unwrap()];
        stdout(&ringwall([&["case", "mail", mail.to_str().unwrap()], &place[..]].concat()))
    };
    let text = read();
    assert!(text.contains("from ann@acme.example.com: T2\n") && text.contains("customer none\n"), "{text}");
    assert!(CONTACTS.contains("ann@acme.example.com"));
    let drafted = stdout(&desk.contact(&["import", desk.contacts.to_str().unwrap(), "--by", "anna"]));
    desk.contact(&["confirm", drafted.split_whitespace().nth(2).unwrap(), "--by", "ben"]);
    let text = read();
    assert!(text.contains("from ann@acme.example.com: T3\n") && text.contains("customer Acme\n"), "{text}");
    // Region and protected numbers are the policy's.
    assert!(text.contains("is +13035550142: "), "{text}");
}
