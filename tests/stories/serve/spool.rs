//! Records on disk: what is kept through kills and on a full disk, and what people find in calls.jsonl.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spool::{Kind, Reader, Signal};

use super::life::{COUNTING, calls};
use super::{Call, POLICY, Phone, Service, lines, status, within};
use crate::support::Scratch;

/// Kills in every run; a thousand with `cargo xtask soak service-kills`.
const KILLS: usize = 5;

/// Reads on, and notes what stands under each number.
fn read_on(reader: &mut Reader, seen: &mut BTreeMap<u64, (Kind, Value)>) {
    while let Some(record) = reader.next().unwrap() {
        let value: Value = serde_json::from_slice(&record.payload).unwrap();
        assert!(seen.insert(record.sequence, (record.kind, value)).is_none(), "{} twice", record.sequence);
    }
    assert_eq!(reader.poll_damage(), None);
}

fn call_ids<'a>(lines: impl Iterator<Item = &'a Value>) -> Vec<&'a str> {
    lines.map(|line| line["call_id"].as_str().unwrap()).collect()
}

#[test]
fn kills_under_load_take_back_nothing_that_was_read_and_double_no_line() {
    let kills = std::env::var("RINGWALL_SERVICE_KILLS").map_or(KILLS, |count| count.parse().unwrap());
    let mut service = Service::start("serve-kills", POLICY, "");
    let folder = service.data().join("spool");
    let mut reader = Reader::open(&folder, "outside").unwrap();
    reader.only(&[Kind::CALL, Kind::ALERT]);
    let mut seen = BTreeMap::new();
    let mut asked = 0;
    for kill in 0..kills {
        let phone = Phone::new(service.udp());
        for at in 0..150 + kill * 37 % 100 {
            let caller = ["+13035550142", "+13035550105"][at % 2];
            let call_id = format!("kill-{kill}-{at}");
            let said =
                phone.ask(&Call { call_id: &call_id, ..Call::new(caller, "+12105550150") }.by(phone.port()));
            assert_eq!(status(&said), [302, 486][at % 2]);
            asked += 1;
            if at % 10 == 0 {
                read_on(&mut reader, &mut seen);
            }
        }
        service = Service::resume(service.kill(), "");
    }
    read_on(&mut reader, &mut seen);
    let scratch = service.stop();
    // A reader that was not there finds the same under the same numbers, and nothing else.
    let mut all = BTreeMap::new();
    let mut later = Reader::open(&folder, "later").unwrap();
    later.only(&[Kind::CALL, Kind::ALERT]);
    read_on(&mut later, &mut all);
    assert_eq!(all, seen);
    let recorded: Vec<&Value> =
        all.values().filter(|(kind, _)| *kind == Kind::CALL).map(|(_, value)| value).collect();
    let ids = call_ids(recorded.iter().copied());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "a call is recorded twice");
    // A kill costs what came while the disk was last waited for: on a busy machine that is a while.
    assert!(ids.len() > asked / 2, "{} of {asked} calls are recorded", ids.len());
    let copied = lines(&scratch.path().join("data/calls.jsonl"));
    assert_eq!(call_ids(copied.iter()), ids, "calls.jsonl holds what the spool holds, in order");
    println!(
        "{kills} kills: {} of {asked} calls recorded, each once, in the spool and in calls.jsonl",
        ids.len()
    );
}

#[test]
fn calls_jsonl_may_be_moved_away_and_begins_anew() {
    let service = Service::start("serve-moved", POLICY, "");
    let phone = Phone::new(service.udp());
    let ask = |call_id: &str| {
        phone.ask(&Call { call_id, ..Call::new("+13035550142", "+12105550150") }.by(phone.port()));
    };
    ask("first");
    service.lines("calls.jsonl", 1);
    let data = service.data();
    std::fs::rename(data.join("calls.jsonl"), data.join("calls.1.jsonl")).unwrap();
    ask("second");
    service.lines("calls.jsonl", 1);
    let scratch = service.stop();
    // What a crash left half written goes, and comes again from the spool.
    let path = scratch.path().join("data/calls.jsonl");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], b"{\"call_id\":\"ha"].concat()).unwrap();
    let service = Service::resume(scratch, "");
    let phone = Phone::new(service.udp());
    phone.ask(&Call { call_id: "third", ..Call::new("+13035550142", "+12105550150") }.by(phone.port()));
    assert_eq!(call_ids(service.lines("calls.jsonl", 2).iter()), ["second", "third"]);
    assert_eq!(call_ids(lines(&service.data().join("calls.1.jsonl")).iter()), ["first"]);
}

/// A disk of two mebibytes, gone with the test.
pub(super) struct Tiny<'a>(&'a Path);

impl<'a> Tiny<'a> {
    pub(super) fn mount(at: &'a Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(at).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at));
        }
        assert!(std::env::var_os("CI").is_none(), "in CI a disk can be mounted");
        println!("SKIPPED: a service on a full disk, because nothing may be mounted here");
        None
    }
}

impl Drop for Tiny<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn on_a_full_disk_calls_are_judged_and_records_go_on_by_themselves_when_there_is_room() {
    let place = Scratch::new("serve-full-disk");
    let disk = place.path().join("disk");
    let Some(_tiny) = Tiny::mount(&disk) else { return };
    let scratch = Scratch::new("serve-full");
    scratch.write(
        "acme.toml",
        POLICY.replace("action = { block = 486 }", "action = { block = 486 }\nalert = \"warning\""),
    );
    let config = format!(
        "policy = [\"acme.toml\"]\ndata = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n[redirect]\nudp = [\"127.0.0.1:0\"]\ntcp = []\n\
         [[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"sip:192.0.2.77:5070\"\n\
         [records]\ncopy = false\n[cases]\non = false\n[spool]\nsegment_kilobytes = 64\nmegabytes_max = 1\n",
        disk.join("data").display()
    );
    let service = Service::with_config(scratch, &config);
    let phone = Phone::new(service.udp());
    let mut at = 0;
    let mut ask = |caller: &str| {
        let call_id = format!("full-{at}");
        at += 1;
        status(&phone.ask(&Call { call_id: &call_id, ..Call::new(caller, "+12105550150") }.by(phone.port())))
    };
    // Somebody else takes all but a little.
    let other = disk.join("other");
    let taken = std::fs::write(&other, vec![1; 2 << 20]);
    assert!(taken.is_err(), "a disk of two mebibytes is full now");
    let refused = || service.metric("ringwall_news_dropped_total{kind=\"call\"}");
    for _ in 0..20 {
        for _ in 0..50 {
            assert_eq!(ask("+13035550142"), 302);
        }
        assert_eq!(ask("+13035550105"), 486);
    }
    within(10, || (refused() > 0).then_some(())).expect("nothing was left out on a full disk");
    let said = |words: &str| service.errors().matches(words).count();
    assert_eq!(said("records cannot be written"), 1, "{}", service.errors());
    std::fs::remove_file(&other).unwrap();
    let written = || service.metric("ringwall_spool_events_total{kind=\"call\"}");
    let before = written();
    within(10, || {
        assert_eq!(ask("+13035550142"), 302);
        (written() > before && said("records are written again") == 1).then_some(())
    })
    .unwrap_or_else(|| panic!("{}", service.errors()));
    let folder = disk.join("data/spool");
    let (calls, dropped) = (written(), service.metric("ringwall_news_dropped_total{kind=\"alert\"}"));
    service.stop();
    let mut all = BTreeMap::new();
    let mut reader = Reader::open(&folder, "later").unwrap();
    reader.only(&[Kind::CALL, Kind::ALERT]);
    read_on(&mut reader, &mut all);
    let alerts: Vec<&Value> =
        all.values().filter(|(kind, _)| *kind == Kind::ALERT).map(|(_, value)| value).collect();
    let of_rule = |rule: &str| alerts.iter().filter(|alert| alert["rule"] == rule).count();
    assert_eq!((of_rule("disk-full"), of_rule("busy") > 0, dropped), (1, true, 0), "{alerts:?}");
    let kept = all.values().filter(|(kind, _)| *kind == Kind::CALL).count() as u64;
    assert!(kept >= calls, "{kept} of {calls}: what was taken is there");
}

#[test]
fn a_service_that_is_killed_on_a_full_disk_starts_on_it_again() {
    let place = Scratch::new("serve-full-start");
    let disk = place.path().join("disk");
    let Some(_tiny) = Tiny::mount(&disk) else { return };
    let scratch = Scratch::new("serve-full-again");
    scratch.write("acme.toml", POLICY);
    let config = format!(
        "policy = [\"acme.toml\"]\ndata = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n[redirect]\nudp = [\"127.0.0.1:0\"]\ntcp = []\n\
         [[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"sip:192.0.2.77:5070\"\n\
         [spool]\nsegment_kilobytes = 64\nmegabytes_max = 1\n",
        disk.join("data").display()
    );
    let mut service = Service::with_config(scratch, &config);
    let ask = |service: &Service, call_id: &str| {
        let phone = Phone::new(service.udp());
        let call = Call { call_id, ..Call::new("+13035550105", "+12105550150") };
        assert_eq!(status(&phone.ask(&call.by(phone.port()))), 486);
    };
    ask(&service, "before");
    let calls = disk.join("data/calls.jsonl");
    within(5, || (lines(&calls).len() == 1).then_some(())).expect("it is copied");
    let other = disk.join("other");
    assert!(std::fs::write(&other, vec![1; 2 << 20]).is_err(), "a disk of two mebibytes is full now");
    ask(&service, "full");
    service = Service::with_config(service.kill(), &config);
    ask(&service, "still full");
    std::fs::remove_file(&other).unwrap();
    ask(&service, "after");
    within(10, || lines(&calls).iter().any(|line| line["call_id"] == "after").then_some(()))
        .unwrap_or_else(|| panic!("{}", service.errors()));
    let copied = lines(&calls);
    let ids = call_ids(copied.iter());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

/// What is kept of signalling: Call-ID, whether we sent it, its first words, and both ends.
fn signals(folder: &Path) -> Vec<(String, bool, String, [String; 2])> {
    let mut reader = Reader::open(folder, "later").unwrap();
    reader.only(&[Kind::SIGNALLING]);
    std::iter::from_fn(|| reader.next().unwrap())
        .map(|record| {
            let signal = Signal::parse(&record.payload).unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let first = text(signal.message).lines().next().unwrap().to_owned();
            let ends = [signal.source.to_string(), signal.destination.to_string()];
            (text(signal.call_id), signal.is_ours, first, ends)
        })
        .collect()
}

#[test]
fn messages_of_refused_and_alarming_calls_are_kept_as_they_were_and_no_others() {
    let service = Service::start("serve-signalling", COUNTING, "");
    assert_eq!(calls(&service, "call", 4), [302, 302, 480, 480]);
    let phone = Phone::new(service.udp());
    let other = Call { call_id: "other", ..Call::new("+13035550199", "+12105550150") }.by(phone.port());
    assert_eq!(status(&phone.ask(&other)), 302);
    let (folder, here) = (service.data().join("spool"), service.udp().to_string());
    let scratch = service.stop();
    let kept = signals(&folder);
    // The second call reaches the warning and goes on; the third and fourth are refused.
    let expected = [("call-1", "SIP/2.0 302"), ("call-2", "SIP/2.0 480"), ("call-3", "SIP/2.0 480")];
    assert_eq!(kept.len(), 2 * expected.len(), "{kept:?}");
    for (pair, (call_id, answer)) in kept.chunks(2).zip(expected) {
        let [(came_id, false, asked, came), (went_id, true, said, went)] = pair else { panic!("{pair:?}") };
        assert_eq!((came_id.as_str(), went_id.as_str()), (call_id, call_id));
        assert!(asked.starts_with("INVITE sip:+12105550150@") && said.starts_with(answer), "{pair:?}");
        assert_eq!((&came[1], &went[0]), (&here, &here));
        assert_eq!(came[0], went[1]);
    }
    // Switched off nothing more is kept, and a call has its bounds.
    let service = Service::resume(scratch, "[spool]\nsignalling = false\n");
    assert_eq!(calls(&service, "off", 1), [480]);
    let scratch = service.stop();
    assert_eq!(signals(&folder).len(), kept.len());
    let service = Service::resume(scratch, "[spool]\nsignalling_messages_of_call_max = 3\n");
    let phone = Phone::new(service.udp());
    let again = Call { call_id: "again", ..Call::new("+13035550142", "+12105550150") }.by(phone.port());
    for _ in 0..5 {
        assert_eq!(status(&phone.ask(&again)), 480);
    }
    within(5, || (service.metric("ringwall_news_dropped_total{kind=\"signalling\"}") == 7).then_some(()))
        .unwrap();
    let _scratch = service.stop();
    assert_eq!(signals(&folder).len(), kept.len() + 3);
}

#[test]
fn a_refusal_of_the_proxy_is_kept_with_its_answer() {
    let service = Service::start(
        "serve-signalling-proxy",
        POLICY,
        "[proxy]\nudp = [\"127.0.0.1:0\"]\n[[proxy.next_hop]]\nname = \"inside\"\nto = [\"127.0.0.1:9\"]\nhealth_seconds = 0\n\
         [[proxy.peer]]\nname = \"outside\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"inside\"\n",
    );
    let (_, place) = service.ready.split_once("proxy udp:").unwrap();
    let phone = Phone::new(place.split_whitespace().next().unwrap().parse().unwrap());
    let refused = Call { call_id: "refused", ..Call::new("+13035550105", "+12105550150") };
    let said = loop {
        let said = phone.ask(&refused.by(phone.port()));
        if status(&said) != 100 {
            break said;
        }
    };
    assert_eq!(status(&said), 486);
    let folder = service.data().join("spool");
    let _scratch = service.stop();
    let kept = signals(&folder);
    let told: Vec<_> =
        kept.iter().map(|(call_id, is_ours, first, _)| (call_id.as_str(), *is_ours, &first[..10])).collect();
    assert_eq!(told, [("refused", false, "INVITE sip"), ("refused", true, "SIP/2.0 48")]);
}
