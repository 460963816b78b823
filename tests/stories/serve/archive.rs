//! The store of call records of a running service: kills, a full disk, days, and people who are taken out.

use std::collections::BTreeSet;
use std::path::Path;

use records::Columns;
use records::io::Store;
use rules::Timestamp;
use serde_json::Value;
use spool::{Kind, Reader};

use super::cases::HELD;
use super::spool::Tiny;
use super::{Call, POLICY, Phone, Service, status, within};
use crate::support::{Scratch, ringwall, stdout};

/// Kills in every run; a thousand with `cargo xtask soak records-kills`.
const KILLS: usize = 6;

/// Written every second, so that kills meet it at all it does.
pub(super) fn quick() -> String {
    format!("[records]\nstore_seconds = 1\ncopy = false\n[cases]\non = false\n{HELD}")
}

/// Rows of the store under `data`, as lines, in order of time, after each file was found whole.
pub(super) fn stored(data: &Path) -> Vec<Value> {
    let store = Store::open(&data.join("records")).unwrap();
    let verified = store.verify();
    assert!(verified.wrong.is_empty(), "{:?}", verified.wrong);
    let always = Timestamp(i64::MIN)..Timestamp(i64::MAX);
    let mut all = Vec::new();
    for customer in store.customers() {
        for rows in store.scan(customer, always.clone(), Columns::ALL) {
            let rows = rows.unwrap();
            for row in 0..rows.len() {
                let call = records::Call { customer: customer.map(str::to_owned), ..rows.call(row) };
                all.push(call.to_json());
            }
        }
    }
    assert_eq!(all.len() as u64, verified.rows);
    all
}

/// Call records that the spool holds, each once.
fn spooled(data: &Path) -> Vec<Value> {
    let mut reader = Reader::open(&data.join("spool"), "outside").unwrap();
    reader.only(&[Kind::CALL]);
    std::iter::from_fn(|| reader.next().unwrap())
        .map(|record| serde_json::from_slice(&record.payload).unwrap())
        .collect()
}

fn ids(lines: &[Value]) -> Vec<&str> {
    let mut ids: Vec<&str> = lines.iter().map(|line| line["call_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// The same line without what a row leaves out: nulls and empty lists beyond its columns.
fn plain(line: &Value) -> Value {
    records::Call::from_json(line.to_string().as_bytes()).unwrap().to_json()
}

#[test]
fn kills_leave_every_call_in_exactly_one_file() {
    let kills = std::env::var("RINGWALL_RECORDS_KILLS").map_or(KILLS, |count| count.parse().unwrap());
    let mut service = Service::start("serve-records-kills", POLICY, &quick());
    let mut asked = 0;
    for kill in 0..kills {
        let phone = Phone::new(service.udp());
        // A kill meets the thread while it waits, while it writes, and while it makes files into one.
        for at in 0..20 + kill * 37 % 200 {
            let call_id = format!("kill-{kill}-{at}");
            let caller = ["+13035550142", "+13035550105"][at % 2];
            let call = Call { call_id: &call_id, ..Call::new(caller, "+12105550150") };
            assert_eq!(status(&phone.ask(&call.by(phone.port()))), [302, 486][at % 2]);
            asked += 1;
        }
        std::thread::sleep(std::time::Duration::from_millis((kill as u64 * 131) % 1_300));
        service = Service::resume(service.kill(), &quick());
    }
    let data = service.data();
    let scratch = service.stop();
    let (kept, stored) = (spooled(&data), stored(&data));
    assert_eq!(ids(&stored), ids(&kept), "the store holds what the spool holds");
    let distinct: BTreeSet<&str> = ids(&stored).into_iter().collect();
    assert_eq!(distinct.len(), stored.len(), "a call is there twice");
    assert!(stored.len() > asked / 2, "{} of {asked} calls", stored.len());
    // Not one file more than those that count and those that are about to go.
    let listed = ringwall([
        "records".as_ref(),
        "verify".as_ref(),
        "--json".as_ref(),
        "--data".as_ref(),
        data.as_os_str(),
    ]);
    assert!(listed.status.success());
    let verified: Value = serde_json::from_str(&stdout(&listed)).unwrap();
    assert_eq!(verified["rows"], stored.len());
    println!("{kills} kills: {} of {asked} calls are stored, each once", stored.len());
    drop(scratch);
}

#[test]
fn rows_say_what_lines_said_and_a_person_can_be_taken_out_while_the_service_runs() {
    let service = Service::start("serve-records", POLICY, &quick());
    let phone = Phone::new(service.udp());
    let callers = ["+13035550142", "+13035550105", "anonymous"];
    for (at, caller) in callers.iter().cycle().take(30).enumerate() {
        let call_id = format!("row-{at}");
        phone.ask(&Call { call_id: &call_id, ..Call::new(caller, "+12105550150") }.by(phone.port()));
    }
    let rows = || service.metric("ringwall_records_total{kind=\"stored\"}");
    within(15, || (rows() == 30).then_some(()))
        .unwrap_or_else(|| panic!("{} rows: {}", rows(), service.errors()));
    let data = service.data();
    let by_id = |lines: Vec<Value>| {
        let mut lines = lines;
        lines.sort_by(|one, other| one["call_id"].as_str().cmp(&other["call_id"].as_str()));
        lines
    };
    let expected: Vec<Value> = by_id(spooled(&data)).iter().map(plain).collect();
    assert_eq!(by_id(stored(&data)), expected);

    let number = "+1 303 555 0105";
    let erase = ["records", "erase", "--customer", "Acme", "--json", "--number", number, "--data"];
    let erased = ringwall(erase.iter().map(AsRef::as_ref).chain([data.as_os_str()]));
    assert!(erased.status.success(), "{}", String::from_utf8_lossy(&erased.stderr));
    let told: Value = serde_json::from_str(&stdout(&erased)).unwrap();
    assert_eq!(told["rows"], 10);
    let left = stored(&data);
    assert_eq!(left.len(), 30, "the calls still count");
    assert!(!left.iter().any(|line| line.to_string().contains("3035550105")), "{left:?}");
    let withheld =
        left.iter().filter(|line| line["verdict"] == "block" && line["caller_kind"] == "anonymous");
    assert_eq!(withheld.count(), 10);
    // In no file, not even in one that counts no more.
    let folder = data.join("records");
    for file in walk(&folder) {
        let bytes = std::fs::read(&file).unwrap();
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!holds(b"3035550105") && !holds(&13_035_550_105_i64.to_le_bytes()), "{}", file.display());
    }
    // The service goes on.
    phone.ask(&Call { call_id: "later", ..Call::new("+13035550142", "+12105550150") }.by(phone.port()));
    within(15, || (stored(&data).len() == 31).then_some(()))
        .unwrap_or_else(|| panic!("{}", service.errors()));
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(walk(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

#[test]
fn on_a_full_disk_records_wait_in_the_spool_and_come_in_when_there_is_room() {
    let place = Scratch::new("serve-records-full");
    let disk = place.path().join("disk");
    let Some(_tiny) = Tiny::mount(&disk) else { return };
    let scratch = Scratch::new("serve-records-full-data");
    scratch.write("acme.toml", POLICY);
    // Only the store is on the small disk.
    std::fs::create_dir_all(scratch.path().join("data")).unwrap();
    std::os::unix::fs::symlink(&disk, scratch.path().join("data/records")).unwrap();
    let service = Service::resume(scratch, &quick());
    let phone = Phone::new(service.udp());
    let mut at = 0;
    let mut ask = |count: usize| {
        for _ in 0..count {
            let call_id = format!("full-{at}");
            at += 1;
            let call = Call { call_id: &call_id, ..Call::new("+13035550142", "+12105550150") };
            assert_eq!(status(&phone.ask(&call.by(phone.port()))), 302);
        }
    };
    let rows = || service.metric("ringwall_records_total{kind=\"stored\"}");
    ask(40);
    within(15, || (rows() == 40).then_some(())).unwrap_or_else(|| panic!("{}", service.errors()));
    let other = disk.join("other");
    assert!(std::fs::write(&other, vec![1; 2 << 20]).is_err(), "a disk of two mebibytes is full now");
    ask(200);
    let failed = || service.metric("ringwall_records_failures_total");
    within(15, || (failed() > 1).then_some(())).unwrap_or_else(|| panic!("{}", service.errors()));
    assert_eq!(service.errors().matches("call records wait in the spool").count(), 1, "{}", service.errors());
    std::fs::remove_file(&other).unwrap();
    within(20, || (rows() == 240).then_some(())).unwrap_or_else(|| panic!("{} {}", rows(), service.errors()));
    let data = service.data();
    let scratch = service.stop();
    let found = stored(&data);
    assert_eq!(ids(&found), ids(&spooled(&data)));
    assert_eq!(found.len(), 240);
    drop(scratch);
}
