//! Policies that change under load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::{Call, Phone, Service, fresh, header, status, within};
use crate::support::{ringwall, stdout};

/// A policy that blocks calls to one number, with a code of its own.
fn policy(blocked: &str, code: u16) -> String {
    format!(
        "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\n\
         [[firewall]]\nname = \"to {blocked}\"\nwhen = {{ called = \"{blocked}\" }}\naction = {{ block = {code} }}\n"
    )
}

const ONE: &str = "+12105550101";
const OTHER: &str = "+12105550102";

#[test]
fn each_call_is_judged_by_one_version_whole_and_none_is_lost() {
    let policies = [policy(ONE, 486), policy(OTHER, 480)];
    let service = Service::start("serve-reload", &policies[0], "");
    let versions: Vec<String> = policies
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let path = service.scratch.write(&format!("version-{index}.toml"), text);
            let said = stdout(&ringwall([
                "explain",
                "--json",
                "--caller",
                "1",
                "--called",
                "2",
                "--policy",
                path.to_str().unwrap(),
            ]));
            serde_json::from_str::<Value>(&said).unwrap()["policy_version"].as_str().unwrap().to_owned()
        })
        .collect();
    // A thousand with `cargo xtask soak reloads`.
    let rounds = std::env::var("RINGWALL_RELOADS").map_or(20, |count| count.parse().unwrap());
    let ended = AtomicBool::new(false);
    let (asked, reloads) = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..2)
            .map(|caller| {
                let (ended, server) = (&ended, service.udp());
                scope.spawn(move || {
                    let phone = Phone::new(server);
                    let mut asked = Vec::new();
                    while !ended.load(Ordering::Relaxed) {
                        let called = if asked.len() % 2 == 0 { ONE } else { OTHER };
                        let call_id = format!("{caller}-{}", asked.len());
                        let said = phone.ask(
                            &Call { call_id: &call_id, ..Call::new("+13035550142", called) }.by(phone.port()),
                        );
                        assert_eq!(
                            header(&said, "Call-ID"),
                            Some(call_id.as_str()),
                            "one answer for each call, in turn"
                        );
                        asked.push((call_id, called, status(&said)));
                    }
                    asked
                })
            })
            .collect();
        let mut reloads = 0;
        for round in 1..=rounds {
            service.scratch.write("acme.toml", &policies[round % 2]);
            service.signal("-HUP");
            let taken = || service.metric("ringwall_reloads_total{kind=\"taken\"}");
            within(10, || (taken() > reloads).then_some(()))
                .unwrap_or_else(|| panic!("{}", service.errors()));
            reloads = taken();
        }
        ended.store(true, Ordering::Relaxed);
        let asked: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
        (asked, reloads)
    });
    assert!(reloads >= rounds as u64 && asked.len() > 200, "{reloads} reloads, {} calls", asked.len());
    let lines = service.lines("calls.jsonl", asked.len());
    let lines: BTreeMap<&str, &Value> =
        lines.iter().map(|line| (line["call_id"].as_str().unwrap(), line)).collect();
    assert_eq!(lines.len(), asked.len());
    let mut seen = BTreeSet::new();
    for (call_id, called, status) in &asked {
        let line = lines[call_id.as_str()];
        let version = versions.iter().position(|version| line["policy_version"] == version.as_str()).unwrap();
        let expected = match (version, *called) {
            (0, ONE) => 486,
            (1, OTHER) => 480,
            _ => 302,
        };
        assert_eq!(*status, expected, "{line}");
        assert_eq!(line["verdict"], if expected == 302 { "allow" } else { "block" }, "{line}");
        seen.insert(version);
    }
    assert_eq!(seen.len(), 2, "both versions judged");
}

#[test]
fn a_file_that_changes_is_taken_up_by_itself_and_a_broken_one_is_not() {
    let service = Service::start("serve-watch", &policy(ONE, 486), "");
    let phone = Phone::new(service.udp());
    let answer = |called: &str| {
        let call_id = fresh();
        status(&phone.ask(&Call { call_id: &call_id, ..Call::new("+13035550142", called) }.by(phone.port())))
    };
    assert_eq!((answer(ONE), answer(OTHER)), (486, 302));
    service.scratch.write("acme.toml", policy(OTHER, 480));
    within(10, || (answer(OTHER) == 480).then_some(())).expect("the change is not taken up");
    assert_eq!(answer(ONE), 302);
    service.scratch.write("acme.toml", policy(OTHER, 480).replace("called =", "caled ="));
    within(10, || (service.metric("ringwall_reloads_total{kind=\"refused\"}") == 1).then_some(())).unwrap();
    let errors = service.errors();
    assert!(
        errors.contains("caled") && errors.contains("acme.toml:8") && errors.contains("stay in force"),
        "{errors}"
    );
    assert_eq!((answer(ONE), answer(OTHER)), (302, 480));
}

#[test]
fn a_retransmission_after_a_reload_gets_the_answer_from_before() {
    let service = Service::start("serve-reload-repeat", &policy(ONE, 486), "");
    let phone = Phone::new(service.udp());
    let invite = Call { call_id: "before", ..Call::new("+13035550142", ONE) }.by(phone.port());
    let first = phone.ask(&invite);
    service.scratch.write("acme.toml", policy(OTHER, 480));
    service.signal("-HUP");
    within(10, || (service.metric("ringwall_reloads_total{kind=\"taken\"}") == 1).then_some(())).unwrap();
    assert_eq!(phone.ask(&invite), first);
    assert_eq!(
        status(&phone.ask(&Call { call_id: "after", ..Call::new("+13035550142", ONE) }.by(phone.port()))),
        302
    );
}
