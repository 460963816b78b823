//! Policies and lists that change under load.

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
    // Whoever waits because the machine is busy is to be judged all the same.
    let service = Service::start("serve-reload", &policies[0], "overload_after_milliseconds = 30000\n");
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

/// The memory that a process takes, in KiB: now, or at most since it was last asked to forget.
fn memory(service: &Service, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_large_list_is_swapped_while_calls_are_judged() {
    // Ten million with `cargo xtask soak lists`.
    let entries: u64 = std::env::var("RINGWALL_LIST_ENTRIES").map_or(50_000, |count| count.parse().unwrap());
    let rounds = std::env::var("RINGWALL_LIST_SWAPS").map_or(4, |count| count.parse().unwrap());
    let policy = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\n\
         [[firewall]]\nname = \"bad\"\nwhen = { caller = \"@bad\" }\naction = { block = 486 }\n[lists.bad]\nnumbers_file = \"bad.csv\"\n";
    let own = ["+13035550101", "+13035550102"];
    let scratch = crate::support::Scratch::new("serve-reload-list");
    scratch.write("acme.toml", policy);
    let lists = own.map(|own| {
        let mut text = format!("number\n{own}\n");
        for number in 0..entries {
            text.push_str(&format!("+1{}{:07}\n", 404 + number / 8_000_000, 2_000_000 + number % 8_000_000));
        }
        text
    });
    let put = |scratch: &crate::support::Scratch, list: &str| {
        let beside = scratch.write("bad.new", list);
        std::fs::rename(beside, scratch.path().join("bad.csv")).unwrap();
    };
    put(&scratch, &lists[0]);
    // Whoever waits because the machine is busy is to be judged all the same.
    let service = Service::resume(scratch, "overload_after_milliseconds = 30000\n");
    let versions: Vec<String> = {
        let version = || {
            let output =
                ringwall(["policy", "versions", "--json", "--data", service.data().to_str().unwrap()]);
            let line: Value = serde_json::from_str(stdout(&output).lines().next().unwrap()).unwrap();
            line["policies"][0]["version"].as_str().unwrap().to_owned()
        };
        let first = version();
        put(&service.scratch, &lists[1]);
        service.signal("-HUP");
        let second = within(120, || Some(version()).filter(|second| *second != first))
            .expect("the list is not taken up");
        vec![first, second]
    };
    let steady = memory(&service, "VmRSS");
    std::fs::write(format!("/proc/{}/clear_refs", service.child.id()), "5").unwrap();
    let ended = AtomicBool::new(false);
    let mut took = Vec::new();
    let asked: Vec<_> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..2)
            .map(|thread| {
                let (ended, server) = (&ended, service.udp());
                scope.spawn(move || {
                    let phone = Phone::new(server);
                    let mut asked = Vec::new();
                    while !ended.load(Ordering::Relaxed) {
                        let caller = own[asked.len() % 2];
                        let call_id = format!("{thread}-{}", asked.len());
                        let begin = super::now();
                        let said =
                            phone.ask(&Call { call_id: &call_id, ..Call::new(caller, ONE) }.by(phone.port()));
                        assert_eq!(
                            header(&said, "Call-ID"),
                            Some(call_id.as_str()),
                            "one answer for each call, in turn"
                        );
                        asked.push((call_id, caller, status(&said), begin.elapsed()));
                        std::thread::sleep(std::time::Duration::from_millis(1));
                    }
                    asked
                })
            })
            .collect();
        let mut reloads = service.metric("ringwall_reloads_total{kind=\"taken\"}");
        for round in 0..rounds {
            let begin = super::now();
            put(&service.scratch, &lists[round % 2]);
            service.signal("-HUP");
            let taken = || service.metric("ringwall_reloads_total{kind=\"taken\"}");
            within(120, || (taken() > reloads).then_some(()))
                .unwrap_or_else(|| panic!("{}", service.errors()));
            reloads = taken();
            took.push(begin.elapsed());
        }
        ended.store(true, Ordering::Relaxed);
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    let peak = memory(&service, "VmHWM");
    let path = service.data().join("calls.jsonl");
    let written = || std::fs::read(&path).unwrap().iter().filter(|byte| **byte == b'\n').count();
    within(60, || (written() >= asked.len()).then_some(()))
        .unwrap_or_else(|| panic!("{} of {} lines", written(), asked.len()));
    let lines = super::lines(&path);
    let lines: BTreeMap<&str, &Value> =
        lines.iter().map(|line| (line["call_id"].as_str().unwrap(), line)).collect();
    assert_eq!(lines.len(), asked.len(), "none is lost");
    let mut seen = BTreeSet::new();
    for (call_id, caller, status, _) in &asked {
        let line = lines[call_id.as_str()];
        let version = versions.iter().position(|version| line["policy_version"] == version.as_str()).unwrap();
        assert_eq!(*status, if own[version] == *caller { 486 } else { 302 }, "{line}");
        seen.insert(version);
    }
    assert_eq!(seen.len(), 2, "both versions judged");
    let mut waited: Vec<_> = asked.iter().map(|(.., waited)| *waited).collect();
    waited.sort_unstable();
    println!(
        "{entries} numbers, {rounds} swaps while {} calls were judged: a swap {:.1?} at most, a call p50 {:.0?}, p99 {:.1?}, max {:.1?}; \
         memory {} MiB before, {} MiB at most ({:.2} times)",
        asked.len(),
        took.iter().max().unwrap(),
        waited[waited.len() / 2],
        waited[waited.len() * 99 / 100],
        waited.last().unwrap(),
        steady >> 10,
        peak >> 10,
        peak as f64 / steady as f64,
    );
    assert!(peak as f64 <= 2.2 * steady as f64, "{peak} KiB at most, {steady} KiB before");
}
