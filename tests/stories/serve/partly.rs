//! An authoriser wants some of a change: that is made and proven, and the rest is not.

use std::path::Path;

use cases::Outgoing;
use cases::io::store::Store;
use cases::outgoing::Content;

use super::authorised::{Desk, POLICY, call, last_event, links, send, start, value_of};
use crate::support::totp;

const NUMBERS: [&str; 3] = ["+13035550142", "+13035550143", "+13035550144"];
/// Nobody takes the mail here: what it says is in the database.
const MAIL: &str = "[mail]\naddresses = [\"case@desk.example.com\"]\nportal = \"https://desk.example.com/\"\n\
                    smarthost = \"127.0.0.1:9\"\nsmarthost_tls = \"none\"\n";

fn wish() -> Vec<&'static str> {
    let mut words = vec!["--list", "harassment", "--reason", "threats"];
    NUMBERS.into_iter().for_each(|number| words.extend(["--block", number]));
    words
}

/// Mails of a case whose ids name `key`.
fn letters(data: &Path, number: &str, key: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sent = runtime.block_on(async {
        let store = Store::open(data.join("cases.db").to_str().unwrap()).await.unwrap();
        let sent = store.desk().outgoing(number.parse().unwrap()).await.unwrap();
        store.close().await;
        sent
    });
    let text = |outgoing: Outgoing| match outgoing.content {
        Content::Notice { text, .. } if outgoing.id.contains(key) => Some(text),
        _ => None,
    };
    sent.into_iter().filter_map(text).collect()
}

#[test]
fn z4_some_of_a_change_is_made_and_the_rest_is_told_of() {
    let service = start("partly", POLICY, MAIL);
    let desk = Desk::new(&service.scratch);
    // In a terminal: the second is refused.
    let number = desk.open("block");
    let hash = desk.asked(&number, &wish());
    let approve = |more: &[&str]| {
        let code = totp::code(&desk.ann);
        let words = ["case", "approve", &number, "--as", "Ann", "--change", &hash, "--code", &code];
        desk.run(&[&words[..], more].concat())
    };
    let said = |output: std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said(approve(&["--only", "+13035550199", "--because", "only this one"])).contains("no such entry")
    );
    let all: Vec<&str> = NUMBERS.into_iter().flat_map(|number| ["--only", number]).collect();
    assert!(
        said(approve(&[&all[..], &["--because", "all of them"]].concat())).contains("every line is wanted")
    );
    assert!(said(approve(&["--only", NUMBERS[0]])).contains("--because"));
    let two =
        ["--only", NUMBERS[0], "--only", NUMBERS[2], "--because", "the other is our own answering service"];
    let approved = approve(&two);
    assert!(approved.status.success(), "{}", said(approved));
    let case = desk.becomes(&number, "verifying");
    assert_eq!(NUMBERS.map(|caller| call(&service, caller)), [603, 302, 603]);
    assert_ne!(case["case"]["change"], hash.as_str());
    let shown = desk.done(&["case", "show", &number]);
    assert!(shown.contains("Refused, and not changed") && shown.contains("answering service"), "{shown}");
    let done = letters(&service.data(), &number, "/done/");
    assert_eq!(done.len(), 2, "Ann, who asks and authorises, and Bob: {done:?}");
    for expected in [
        &format!("Refused, and not changed:\n- put {}", NUMBERS[1]),
        "Ann says: the other is our own answering service",
    ] {
        assert!(done[0].contains(expected), "no {expected:?} in {}", done[0]);
    }
    assert!(last_event(&case, "install").contains(NUMBERS[0]));

    // By the link of a mail: the one that is left goes back to the desk.
    let number = desk.open("block");
    let more =
        ["--list", "harassment", "--block", NUMBERS[1], "--block", "+13035550155", "--reason", "threats"];
    let hash = desk.asked(&number, &more);
    let links = links(&service.data(), &number);
    let bob = links.iter().find(|(to, _)| to.starts_with("bob")).unwrap().1.as_str();
    let (_, page) = send(&service, bob, &[("code", &totp::code(&desk.bob))]);
    assert!(page.contains("Yes to some of it") && page.contains("name=\"line\" value=\"1\""), "{page}");
    let session = value_of(&page, "session");
    let form = |line: &'static str| {
        let whole = [("session", session.as_str()), ("change", hash.as_str()), ("decision", "some")];
        let choice = [("line", line), ("rest", "returned"), ("reason", "we have to ask first who that is")];
        [&whole[..], &choice].concat()
    };
    let (_, page) = send(&service, bob, &form("7"));
    assert!(page.contains("no such line"), "{page}");
    let (_, page) = send(&service, bob, &form("1"));
    assert!(page.contains("You have said yes"), "{page}");
    let case = desk.becomes(&number, "verifying");
    assert_eq!([NUMBERS[1], "+13035550155"].map(|caller| call(&service, caller)), [302, 603]);
    let back = case["case"]["links"].as_array().unwrap().iter().find(|link| link[1] == "relates-to").unwrap();
    let back = desk.case(back[0].as_str().unwrap());
    assert_eq!(back["case"]["state"], "acknowledged");
    assert_eq!(back["case"]["owner"], case["case"]["owner"]);
    assert_eq!(back["case"]["wanted"]["numbers"][0], NUMBERS[1]);
    let done = letters(&service.data(), &number, "/done/");
    let expected = format!("Back at the desk as case {}", back["case"]["number"].as_str().unwrap());
    assert!(done[0].contains(&expected), "no {expected:?} in {}", done[0]);
    let data = service.data();
    let _kept = service.stop();
    assert!(crate::support::ringwall(["audit", "verify", "--data", data.to_str().unwrap()]).status.success());
}
