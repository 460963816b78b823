//! Commands that ask a running service.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};

use serde_json::Value;

use super::life::{COUNTING, calls};
use super::{Service, lines};
use crate::support::{ringwall, stdout};

fn block(service: &Service, words: &[&str]) -> Output {
    ringwall(["block"].iter().chain(words).chain(&["--data", service.data().to_str().unwrap()]))
}

fn listed(service: &Service) -> Vec<Value> {
    let output = block(service, &["list", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_wrong_block_is_lifted_while_calls_come_and_stays_lifted_over_a_power_cut() {
    let service = Service::start("control-lift", COUNTING, "");
    assert_eq!(stdout(&block(&service, &["list"])), "nothing is in force\n");
    assert_eq!(calls(&service, "one", 4), [302, 302, 480, 480]);
    let blocks = listed(&service);
    assert_eq!(blocks.len(), 1);
    assert_eq!((&blocks[0]["key"]["caller"], &blocks[0]["hits"]), (&"+13035550142".into(), &2.into()));
    let id = blocks[0]["id"].as_str().unwrap();
    let lifted = block(&service, &["lift", id, "--by", "anna", "--why", "the clinic"]);
    assert!(stdout(&lifted).contains("lifted"), "{lifted:?}");
    // It was acknowledged, so it holds whatever comes next.
    let scratch = service.kill();
    let account = lines(&scratch.path().join("data/blocks.jsonl"));
    assert_eq!((&account[0]["by"], &account[0]["block"]["id"]), (&"anna".into(), &id.into()));
    let service = Service::resume(scratch, "");
    assert_eq!(calls(&service, "two", 2), [302, 302]);
    assert_eq!(listed(&service)[0]["lifted"], true);
}

#[test]
fn a_block_is_made_to_last_longer_and_an_unknown_one_is_named() {
    let service = Service::start("control-extend", COUNTING, "");
    calls(&service, "one", 3);
    let before = listed(&service);
    let id = before[0]["id"].as_str().unwrap();
    let extended = block(&service, &["extend", id, "--by-time", "2h", "--by", "anna", "--why", "report 17"]);
    assert!(extended.status.success(), "{extended:?}");
    assert!(listed(&service)[0]["until"].as_str() > before[0]["until"].as_str());
    let wrong = block(&service, &["lift", "00000000", "--by", "anna", "--why", "a slip"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("no block 00000000 is in force"), "{wrong:?}");
    assert_eq!(lines(&service.data().join("blocks.jsonl")).len(), 1, "nobody answers for what was not done");
}

#[test]
fn no_two_services_work_in_one_folder_and_a_stale_socket_is_taken_away() {
    let service = Service::start("control-twice", COUNTING, "");
    let config = service.scratch.path().join("ringwall.toml");
    let second = Command::new(crate::support::binary()).args(["serve", "--config"]).arg(&config).output();
    let second = second.unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("another ringwall serve works in"),
        "{second:?}"
    );
    let scratch = service.kill();
    assert!(scratch.path().join("data/control.socket").exists(), "a power cut leaves it");
    let scratch = Service::resume(scratch, "").stop();
    assert!(!scratch.path().join("data/control.socket").exists(), "an orderly end does not");
    let output = ringwall(["block", "list", "--data", scratch.path().join("data").to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no service works in"), "{output:?}");
}

#[test]
fn nonsense_on_the_socket_is_told_so_and_harms_nobody() {
    let service = Service::start("control-nonsense", COUNTING, "");
    let ask = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(service.data().join("control.socket")).unwrap();
        // A service that has heard enough need not read the rest.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut said = String::new();
        let _ = stream.read_to_string(&mut said);
        said
    };
    for bytes in [&b"\n"[..], b"{", b"\xff\xfe\n", b"{\"blow_up\":1}\n", &[b'['; 1 << 20]] {
        let said = ask(bytes);
        assert!(said.is_empty() || said.contains("this cannot be asked"), "{said}");
    }
    let silent: Vec<UnixStream> =
        (0..15).map(|_| UnixStream::connect(service.data().join("control.socket")).unwrap()).collect();
    assert_eq!(calls(&service, "one", 4), [302, 302, 480, 480]);
    assert_eq!(listed(&service).len(), 1);
    drop(silent);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(service.data().join("control.socket")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600, "nobody else may ask");
}
