//! Whoever writes the store is killed again and again: every call that it said was there is there, once.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it is a test"
)]

mod moto;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use ringwall_records::invented::Invented;
use ringwall_records::io::{Intake, Place, Store, Writer};
use ringwall_records::{Batch, Call, Columns};
use rules::Timestamp;

/// Kills in every run; a thousand with `cargo xtask soak store-kills`.
const KILLS: usize = 25;
const FOLDER: &str = "RINGWALL_RECORDS_FOLDER";

/// The events that a spool would hold: number `n` is a call of its own, the same in every run.
fn event(all: &[Call], number: u64) -> Call {
    let like = &all[number as usize % all.len()];
    let customer = ["acme", "other"][number as usize / 7 % 2].to_owned();
    Call { call_id: Some(format!("event-{number}")), customer: Some(customer), ..like.clone() }
}

fn calls() -> Vec<Call> {
    let day = jiff::civil::date(2026, 3, 11);
    let invented = Invented { seed: 3, rows_per_day: 500, zone: TimeZone::UTC, columns: Columns::ALL };
    let mut all = Vec::new();
    invented.day(day, usize::MAX, |batch: Batch| all.extend((0..batch.len()).map(|row| batch.call(row))));
    all
}

/// What is killed: it goes on where the store ends, and says after each write how far it is.
#[test]
fn writer_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let all = calls();
    let mut writer = Writer::open(Path::new(&folder), 0).unwrap();
    // A day in March, a zone with another day at night, calls that come too late: all are in it.
    let zone = TimeZone::get("America/Chicago").unwrap();
    let mut number = writer.position();
    for turn in 0_u64.. {
        let mut intake = Intake::default();
        for _ in 0..20 + turn * 31 % 90 {
            number += 1;
            intake.take(&event(&all, number), &zone);
        }
        intake.write(&mut writer, turn as i64, number).unwrap();
        println!("\nposition {number}");
        writer.compact(|_| Date::MIN, turn as i64, u64::MAX).unwrap();
        if turn % 5 == 4 {
            writer.compact(|_| Date::MAX, turn as i64, u64::MAX).unwrap();
            writer.sweep(turn as i64).unwrap();
        }
    }
}

/// Kills it again and again, and lets another one go on at the end. Returns how many files count then.
fn kill_often(folder: &Path) -> usize {
    let kills = std::env::var("RINGWALL_STORE_KILLS").map_or(KILLS, |count| count.parse().unwrap());
    let mut said = 0;
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_that_is_killed", "--nocapture", "--test-threads", "1"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // After so many writes, and a little: in the middle of whatever it does then.
        let mut left = 1 + kill % 7;
        while left > 0 {
            let line = lines.next().expect("it goes on until it is killed").unwrap();
            if let Some(position) = line.strip_prefix("position ") {
                said = position.parse().unwrap();
                left -= 1;
            }
        }
        std::thread::sleep(std::time::Duration::from_micros(kill as u64 * 7_919 % 40_000));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said last may still be in the pipe.
        for line in lines.map_while(Result::ok) {
            if let Some(position) = line.strip_prefix("position ") {
                said = position.parse().unwrap_or(said);
            }
        }
        check(folder, said);
    }
    // And whoever goes on finds all of it, and nothing that is of no use.
    let mut writer = Writer::open(folder, 0).unwrap();
    writer.compact(|_| Date::MAX, 0, u64::MAX).unwrap();
    writer.sweep(i64::MAX / 2).unwrap();
    drop(writer);
    let rows = check(folder, said);
    let counted = Store::open(folder).unwrap().entries().count();
    println!("{kills} kills: {rows} calls, each once, in {counted} files");
    counted
}

#[test]
fn kills_lose_and_double_nothing_and_leave_no_file_that_cannot_be_read() {
    let scratch = moto::Scratch::new("kills");
    let counted = kill_often(scratch.path());
    let mut lying = 0;
    let mut open = vec![scratch.path().to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                lying += usize::from(name.contains(".parquet"));
                assert!(!name.ends_with(".writing"), "{name}");
            }
        }
    }
    assert_eq!(lying, counted, "files that do not count are swept");
}

#[test]
fn kills_lose_and_double_nothing_in_a_bucket_either() {
    let scratch = moto::Scratch::new("kills-bucket");
    let Some(moto) = moto::Moto::start(&scratch) else { return };
    Place::settle(scratch.path(), Some(&moto.remote(&scratch, "killed"))).unwrap();
    let counted = kill_often(scratch.path());
    assert_eq!(moto.files("killed/customer").len(), counted, "files that do not count are swept");
    assert!(!scratch.path().join("log").exists());
}

/// Every event up to the store's position is in it once, and that is not before what was said. Returns how many.
fn check(folder: &Path, said: u64) -> u64 {
    let store = Store::open(folder).unwrap();
    assert!(store.position() >= said, "{} of {said}", store.position());
    let verified = store.verify();
    assert!(verified.wrong.is_empty(), "{:?}", verified.wrong);
    let always = Timestamp(i64::MIN)..Timestamp(i64::MAX);
    let mut seen = vec![0_u8; store.position() as usize + 1];
    for customer in store.customers() {
        for rows in store.scan(customer, always.clone(), Columns::ALL) {
            let rows = rows.unwrap();
            for row in 0..rows.len() {
                let id = rows.call_id.get(row).unwrap();
                let number: usize = id.strip_prefix("event-").unwrap().parse().unwrap();
                seen[number] += 1;
            }
        }
    }
    assert!(seen.iter().skip(1).all(|count| *count == 1), "a call is lost, or there twice");
    store.position()
}
