//! Writers and readers that are processes of their own, killed at any moment; folders and disks of the system.
#![allow(clippy::disallowed_methods, reason = "processes live in real time")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a test")]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ringwall_spool::{Error, Event, Kind, Lane, Reader, Settings, Spool};

/// Kills in every run; `cargo xtask soak kills` tries ten thousand.
const KILLS: usize = 100;

fn settings(consumers: &[&str]) -> Settings {
    Settings {
        segment_bytes: 32 << 10,
        bytes_max: 1 << 30,
        reserve_bytes: 32 << 10,
        signalling_bytes_max: 1 << 30,
        signalling_micros_max: i64::MAX,
        consumers: consumers.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// A folder that is gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ringwall-spool-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// This test binary, in another role.
fn role(name: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("RINGWALL_SPOOL_FOLDER", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

fn folder() -> PathBuf {
    std::env::var_os("RINGWALL_SPOOL_FOLDER").map(PathBuf::from).expect("run by another test")
}

/// Writes until it is killed: batches of all kinds. What was acknowledged goes into the ledger, on disk, afterwards.
#[test]
#[ignore = "a role of a_hundred_kills"]
fn writer() {
    let folder = folder();
    let (mut spool, found) = Spool::open(&folder.join("spool"), settings(&["reader"])).unwrap();
    assert_eq!(found.damages, []);
    let mut ledger = OpenOptions::new().create(true).append(true).open(folder.join("ledger")).unwrap();
    let run = std::process::id();
    println!("open");
    for batch in 0u64.. {
        let kinds = [Kind::CALL, Kind::CALL, Kind::ALERT, Kind::SIGNALLING, Kind(77)];
        let payloads: Vec<(Kind, String)> = (0..1 + batch % 7)
            .map(|at| {
                (
                    kinds[((batch + at) % 5) as usize],
                    format!("{run}-{batch}-{at} {}", "x".repeat((batch * 37 % 900) as usize)),
                )
            })
            .collect();
        let events: Vec<Event<'_>> = payloads
            .iter()
            .map(|(kind, payload)| Event {
                kind: *kind,
                at_micros: batch as i64,
                payload: payload.as_bytes(),
            })
            .collect();
        let appended = spool.append(&events);
        assert!(appended.refused.is_empty());
        let committed = spool.commit().unwrap();
        assert_eq!(committed, appended.last_sequence);
        let mut lines = String::new();
        for (lane, numbers) in appended.taken {
            let of_lane = payloads.iter().filter(|(kind, _)| kind.lane() == lane);
            for (sequence, (_, payload)) in numbers.zip(of_lane) {
                lines.push_str(&format!("{sequence} {}\n", payload.split(' ').next().unwrap()));
            }
        }
        ledger.write_all(lines.as_bytes()).unwrap();
        ledger.sync_data().unwrap();
        if batch % 40 == 0 {
            spool.tend(batch as i64).unwrap();
        }
    }
}

/// Reads until it is killed, and keeps what it has read together with how far it is: exactly once.
#[test]
#[ignore = "a role of a_hundred_kills"]
fn reader() {
    let folder = folder();
    let mut reader = Reader::open(&folder.join("spool"), "reader").unwrap();
    let path = folder.join("read");
    let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let kept = reader.note().try_into().map_or(0, u64::from_le_bytes);
    file.set_len(kept).unwrap();
    println!("open");
    let mut length = kept;
    loop {
        let mut lines = String::new();
        while let Some(record) = reader.next().unwrap() {
            let payload = String::from_utf8(record.payload).unwrap();
            lines.push_str(&format!("{} {}\n", record.sequence, payload.split(' ').next().unwrap()));
            if lines.len() > 4_000 {
                break;
            }
        }
        assert_eq!(reader.poll_damage(), None);
        if lines.is_empty() {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        file.write_all(lines.as_bytes()).unwrap();
        file.sync_data().unwrap();
        length += lines.len() as u64;
        reader.acknowledge_with(reader.passed(), length.to_le_bytes().to_vec()).unwrap();
    }
}

/// Numbers and what stood under them, of the whole lines of a file.
fn ledger(path: &Path) -> BTreeMap<u64, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut lines = BTreeMap::new();
    for line in whole.lines() {
        let (sequence, payload) = line.split_once(' ').unwrap();
        let former = lines.insert(sequence.parse().unwrap(), payload.to_owned());
        assert_eq!(former, None, "{} has {sequence} twice", path.display());
    }
    lines
}

#[test]
fn a_hundred_kills_lose_nothing_acknowledged_and_double_nothing() {
    let kills = std::env::var("RINGWALL_KILLS").map_or(KILLS, |count| count.parse().unwrap());
    let scratch = Scratch::new("kills");
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..kills {
        let mut children = [role("writer", &scratch.0), role("reader", &scratch.0)];
        for child in &mut children {
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(lines.by_ref().any(|line| line.unwrap().ends_with("open")));
        }
        for child in &mut children {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            std::thread::sleep(Duration::from_micros(chance % 25_000));
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let (spool, found) = Spool::open(&scratch.0.join("spool"), settings(&["reader"])).unwrap();
    assert_eq!(found.damages, []);
    // What remains is read to its end, from where the reader had come.
    let mut rest = Reader::open(&scratch.0.join("spool"), "reader").unwrap();
    let kept = rest.note().try_into().map_or(0, u64::from_le_bytes);
    File::options().write(true).open(scratch.0.join("read")).unwrap().set_len(kept).unwrap();
    let mut read = ledger(&scratch.0.join("read"));
    while let Some(record) = rest.next().unwrap() {
        let payload = String::from_utf8(record.payload).unwrap();
        let former = read.insert(record.sequence, payload.split(' ').next().unwrap().to_owned());
        assert_eq!(former, None, "{} was read twice", record.sequence);
    }
    let acknowledged = ledger(&scratch.0.join("ledger"));
    assert!(acknowledged.len() > kills, "{} acknowledged", acknowledged.len());
    for (sequence, payload) in &acknowledged {
        assert_eq!(read.get(sequence), Some(payload), "{sequence} was acknowledged");
    }
    // Numbers have no gap, and nothing stands under two of them.
    assert_eq!(read.keys().copied().collect::<Vec<_>>(), (1..=spool.committed()).collect::<Vec<_>>());
    let distinct: std::collections::BTreeSet<_> = read.values().collect();
    assert_eq!(distinct.len(), read.len());
    println!(
        "{kills} kills of a writer and a reader: {} acknowledged, {} read, each once",
        acknowledged.len(),
        read.len()
    );
}

#[test]
fn two_writers_are_refused_and_the_second_takes_over_when_the_first_is_gone() {
    let scratch = Scratch::new("two");
    let (first, _) = Spool::open(&scratch.0, settings(&[])).unwrap();
    assert!(matches!(Spool::open(&scratch.0, settings(&[])), Err(Error::InUse(_))));
    drop(first);
    Spool::open(&scratch.0, settings(&[])).unwrap();
    assert!(matches!(Spool::open(&scratch.0, settings(&["../x"])), Err(Error::Name(_))));
}

#[test]
fn what_all_who_are_registered_have_read_is_forgotten_and_others_hold_nothing() {
    let scratch = Scratch::new("consumers");
    let (mut spool, _) = Spool::open(&scratch.0, settings(&["cases", "records"])).unwrap();
    let payload = [7; 1_000];
    for _ in 0..200 {
        spool.append(&[Event { kind: Kind::ALERT, at_micros: 1, payload: &payload }]);
    }
    spool.commit().unwrap();
    let files = || {
        fs::read_dir(&scratch.0)
            .unwrap()
            .filter(|it| it.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".segment"))
            .count()
    };
    let before = files();
    assert!(before >= 6);
    let mut readers = ["cases", "records", "stranger"].map(|name| Reader::open(&scratch.0, name).unwrap());
    let [cases, records, stranger] = &mut readers;
    let first = stranger.next().unwrap().unwrap();
    assert_eq!((first.sequence, &first.payload[..]), (1, &payload[..]));
    while cases.next().unwrap().is_some() {}
    cases.acknowledge(cases.passed()).unwrap();
    spool.tend(2).unwrap();
    assert_eq!(files(), before, "records has not read anything");
    records.only(&[Kind::CALL]);
    assert_eq!(records.next().unwrap(), None);
    assert_eq!(records.passed(), 200);
    records.acknowledge(200).unwrap();
    spool.tend(3).unwrap();
    assert_eq!(files(), 1);
    // Whoever comes from before goes on with what is there, and knows how much is not.
    let mut count = 0;
    while stranger.next().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count + stranger.missing(), 199);
    assert_eq!(cases.acknowledged(), 200);
    let again = Reader::open(&scratch.0, "cases").unwrap();
    assert_eq!(again.passed(), 200);
}

/// A disk of two mebibytes, gone with the test.
struct Tiny(Scratch);

impl Tiny {
    fn mount(name: &str) -> Option<Self> {
        let scratch = Scratch::new(name);
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&scratch.0).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(scratch));
        }
        assert!(std::env::var_os("CI").is_none(), "in CI a disk can be mounted");
        println!("SKIPPED: a disk that is full, because nothing may be mounted here");
        None
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0.0).status();
    }
}

#[test]
fn a_disk_of_two_mebibytes_that_is_full_loses_no_alert_and_goes_on_by_itself() {
    let Some(tiny) = Tiny::mount("full") else { return };
    let folder = tiny.0.0.join("spool");
    let (mut spool, _) = Spool::open(&folder, settings(&["reader"])).unwrap();
    let (call, alert) = (vec![b'c'; 700], vec![b'a'; 400]);
    let (mut calls, mut alerts, mut refused) = (0, 0, 0);
    for at in 0..4_000 {
        let (kind, payload) = if at % 10 == 0 { (Kind::ALERT, &alert) } else { (Kind::CALL, &call) };
        let appended = spool.append(&[Event { kind, at_micros: at, payload }]);
        match appended.refused.first() {
            None if kind == Kind::ALERT => alerts += 1,
            None => calls += 1,
            Some(because) => {
                assert!(because.error.is_full() && because.lane == Lane::Calls, "{}", because.error);
                refused += 1;
            }
        }
        if at % 50 == 0 {
            spool.commit().unwrap();
        }
        // Somebody else's file fills it further, and goes again.
        if at == 1_000 {
            fs::write(tiny.0.0.join("other"), vec![1; 700 << 10]).unwrap();
        }
    }
    spool.commit().unwrap();
    assert!(refused > 100 && alerts == 400, "{refused} refused, {alerts} alerts");
    fs::remove_file(tiny.0.0.join("other")).unwrap();
    let appended = spool.append(&[Event { kind: Kind::CALL, at_micros: 0, payload: &call }]);
    assert!(appended.refused.is_empty());
    spool.commit().unwrap();
    let given_up = spool.take_given_up(Lane::Calls);
    let mut reader = Reader::open(&folder, "reader").unwrap();
    let mut seen = BTreeMap::new();
    while let Some(record) = reader.next().unwrap() {
        assert!([&call, &alert].contains(&&record.payload), "half an event was read");
        *seen.entry(record.kind).or_insert(0) += 1;
    }
    assert_eq!(reader.damaged(), 0);
    assert_eq!((seen[&Kind::ALERT], seen[&Kind::CALL] + given_up), (400, calls + 1));
}

#[test]
fn a_commit_of_many_waits_once() {
    // On one disk: many events each with a wait of its own, and as many with one wait together.
    let scratch = Scratch::new("group");
    let (mut spool, _) =
        Spool::open(&scratch.0, Settings { segment_bytes: 8 << 20, ..settings(&[]) }).unwrap();
    let payload = [7; 600];
    let mut time = |group: usize| {
        let begin = Instant::now();
        for at in 0..1_024 {
            spool.append(&[Event { kind: Kind::CALL, at_micros: 1, payload: &payload }]);
            if (at + 1) % group == 0 {
                spool.commit().unwrap();
            }
        }
        begin.elapsed()
    };
    let (each, together) = (time(1), time(1_024));
    println!("1024 events: {each:?} with a commit each, {together:?} with one for all");
    assert!(together < each);
}
