//! Who was blocked complains by the token in the answer; and the copy of the status page that outlives the service.

use std::fs;

use serde_json::Value;

use super::{Call, POLICY, Phone, Service, http, http_form, within};
use crate::support::{ringwall, stdout};

fn policy() -> String {
    POLICY.replace("https://desk.example/r", "https://desk.example/appeal/{token}")
}

/// What stands behind `/appeal/` in an answer.
fn token(said: &str) -> String {
    let (_, rest) = said.split_once("/appeal/").unwrap_or_else(|| panic!("no token in {said}"));
    rest.chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[test]
fn a_blocked_call_is_found_by_its_token_also_after_a_restart_and_opens_one_case() {
    let service = Service::start("redress", &policy(), "");
    let phone = Phone::new(service.udp());
    let blocked = phone.ask(
        &Call { call_id: "blocked-1@caller", ..Call::new("+13035550101", "+12105550150") }.by(phone.port()),
    );
    let extra = "Feature-Caps: *;+sip.608\r\n";
    let rejected = phone.ask(
        &Call { extra, call_id: "blocked-2@caller", ..Call::new("+13035550102", "+12105550151") }
            .by(phone.port()),
    );
    let (first, second) = (token(&blocked), token(&rejected));
    assert!(first != second && first.len() == 17, "{blocked}{rejected}");
    assert!(!blocked.contains("{token}") && !blocked.contains("token}"));
    let service = Service::resume(service.stop(), "");
    let address = service.address("http://");
    let look = |token: &str| http(address, "GET", &format!("/appeal/{token}"), "");
    let page = within(20, || Some(look(&first)).filter(|(status, _)| *status == 200));
    let (_, page) = page.unwrap_or_else(|| panic!("{:?} {}", look(&first), service.errors()));
    assert!(page.contains("+13035550101") && page.contains("+12105550150"), "{page}");
    assert!(!page.contains("Acme") && !page.contains("analytics"), "nothing of the customer: {page}");
    let mut other = first.clone().into_bytes();
    other[9] = if other[9] == b'2' { b'3' } else { b'2' };
    assert_eq!(look(std::str::from_utf8(&other).unwrap()).0, 404);
    let way = format!("/appeal/{first}");
    let (status, said) = http_form(address, &way, "text=I+am+the+doctor%2C+%3Cb%3Eplease");
    assert_eq!(status, 200, "{said}");
    let (_, again) = http_form(address, &way, "text=once+more+and+once+more");
    let number = |page: &str| {
        let at = page.find("RW-").unwrap_or_else(|| panic!("{page}"));
        page[at..].chars().take_while(|it| it.is_ascii_alphanumeric() || *it == '-').collect::<String>()
    };
    assert_eq!(number(&said), number(&again));
    let config = service.scratch.path().join("ringwall.toml");
    let shown = ringwall(["case", "show", &number(&said), "--config", config.to_str().unwrap()]);
    let shown = stdout(&shown);
    for expected in ["unverified", "unblock", "rule: analytics", "+13035550101", "doctor", "blocked-1@caller"]
    {
        assert!(shown.contains(expected), "no {expected} in {shown}");
    }
    assert!(!shown.contains("once more"), "{shown}");
}

#[test]
fn a_copy_of_the_status_page_is_written_signed_and_stays() {
    let service = Service::start("status-export", POLICY, "[status]\nexport = \"public\"\n");
    let folder = service.scratch.path().join("public");
    let is_whole = || {
        ["status.html", "status.html.sig", "status.json", "status.json.sig"]
            .iter()
            .all(|name| folder.join(name).exists())
    };
    assert!(within(20, || is_whole().then_some(())).is_some(), "{}", service.errors());
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let json: Value = serde_json::from_slice(&read("status.json")).unwrap();
    for key in ["page", "status", "components", "incidents", "scheduled_maintenances"] {
        assert!(json.get(key).is_some(), "no {key} in {json}");
    }
    assert!(
        json["components"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["id"] == "redirect" && it["status"] == "operational"),
        "{json}"
    );
    let key = fs::read_to_string(service.data().join("desk.pub")).unwrap();
    let key = cases::change::Verifier::parse(&key).unwrap();
    for name in ["status.html", "status.json"] {
        let signature = String::from_utf8(read(&format!("{name}.sig"))).unwrap();
        assert!(key.is_of("ringwall status 1", &read(name), signature.trim()), "{name}");
        assert!(!key.is_of("ringwall status 1", b"another", signature.trim()));
        assert!(read(name).len() < 30_000);
    }
    let (status, page) = http(service.address("http://"), "GET", "/status", "");
    assert!(status == 200 && page.contains("Answering calls"), "{page}");
    let scratch = service.stop();
    assert!(scratch.path().join("public/status.html").exists());
}
