//! What becomes of files over days: they are made into one, lose details, go; and nobody is fooled by what lies beside them.

use std::fs;
use std::path::Path;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use super::folder::WRITING;
use super::tests::{ALWAYS, Scratch, all};
use super::*;
use crate::invented::Invented;
use crate::{Batch, Call, Column, Columns};

const DAY: Date = date(2026, 3, 11);

fn invented(seed: u64, rows: u64) -> Batch {
    let invented = Invented { seed, rows_per_day: rows, zone: TimeZone::UTC, columns: Columns::ALL };
    let mut all = Batch::new(Columns::ALL);
    invented.day(DAY, usize::MAX, |batch| all = batch);
    all
}

fn part(customer: &str, day: Date, rows: Batch) -> Part {
    Part { customer: Some(customer.to_owned()), day, rows }
}

/// Twenty parts that overlap, of one day.
fn twenty(folder: &Path) -> (Writer, Vec<Call>) {
    let mut writer = Writer::open(folder, 0).unwrap();
    let mut calls = Vec::new();
    for seed in 0..20 {
        let rows = invented(seed, 50 + seed * 13);
        calls.extend((0..rows.len()).map(|row| rows.call(row)));
        writer.append(vec![part("acme", DAY, rows)], 0, (seed + 1, 0)).unwrap();
    }
    calls.sort_by_key(|call| call.start);
    (writer, calls)
}

fn files(folder: &Path) -> Vec<String> {
    let listed = Place::folder(folder).list("", None).unwrap();
    listed.into_iter().filter(|name| name.starts_with("customer=")).collect()
}

const HOUR: i64 = 3_600_000_000;

#[test]
fn files_of_a_day_become_few_while_it_goes_on_and_one_when_it_is_over() {
    let scratch = Scratch::new("compact");
    let (mut writer, calls) = twenty(scratch.path());
    assert_eq!(all(&writer.store(), Some("acme")), calls);
    let before = writer.store();
    writer.compact(|_| DAY, 0, u64::MAX).unwrap();
    let count = writer.store().entries().count();
    assert!((1..20).contains(&count), "{count} files of a day that goes on");
    writer.compact(|_| date(2026, 3, 12), 0, u64::MAX).unwrap();
    assert_eq!(writer.store().entries().count(), 1);
    assert_eq!(all(&writer.store(), Some("acme")), calls);
    assert_eq!(writer.store().position(), 20);
    // Who began before goes on to the end, until it has had its time.
    assert_eq!(all(&before, Some("acme")), calls);
    assert!(files(scratch.path()).len() > 20);
    writer.sweep(HOUR).unwrap();
    assert_eq!(files(scratch.path()).len(), 1);
    let gone = before.scan(Some("acme"), ALWAYS, Columns::ALL).find_map(Result::err);
    assert!(matches!(gone, Some(Error::Replaced(_))), "{gone:?}");
    // A call that ends late merges.
    writer.append(vec![part("acme", DAY, invented(77, 30))], HOUR, (21, 0)).unwrap();
    assert!(writer.compact(|_| date(2026, 3, 12), HOUR, u64::MAX).unwrap() > 0);
    assert_eq!(writer.compact(|_| date(2026, 3, 12), HOUR, u64::MAX).unwrap(), 0);
    assert!(writer.store().verify().wrong.is_empty());
}

#[test]
fn days_go_and_details_go_before_them_and_all_else_stays() {
    let scratch = Scratch::new("forget");
    let mut writer = Writer::open(scratch.path(), 0).unwrap();
    let days = [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)];
    for (at, day) in days.into_iter().enumerate() {
        writer
            .append(
                vec![part("acme", day, invented(at as u64, 400)), part("other", day, invented(9, 300))],
                0,
                (0, 0),
            )
            .unwrap();
    }
    let keep = |customer: Option<&str>| match customer {
        Some("acme") => Keep { rows_since: Some(days[1]), details_since: Some(days[2]) },
        _ => Keep::default(),
    };
    let before = all(&writer.store(), Some("acme"));
    let rows = |day| {
        writer
            .store()
            .entries()
            .filter(|it| it.customer.as_deref() == Some("acme") && it.day == day)
            .map(|it| it.rows)
            .sum::<u64>()
    };
    let (gone, lighter) = (rows(days[0]), rows(days[1]));
    let forgotten = writer.forget(keep, 0).unwrap();
    assert_eq!(forgotten, Forgotten { rows: gone, details: lighter });
    assert_eq!(writer.forget(keep, 0).unwrap(), Forgotten::default());
    let store = writer.store();
    assert!(store.verify().wrong.is_empty());
    assert_eq!(store.days(Some("other"), ALWAYS).len(), 3);
    let after = all(&store, Some("acme"));
    assert_eq!(after.len() as u64, before.len() as u64 - gone);
    assert!(
        after.iter().filter(|call| call.call_id.is_none() && call.more.is_empty()).count() as u64 == lighter
    );
    let mut expected: Vec<Call> = before.clone();
    // Days were invented at one moment: what tells them apart is which file they are in.
    let kept: std::collections::HashSet<String> =
        after.iter().filter_map(|call| call.call_id.clone()).collect();
    expected.retain(|call| kept.contains(call.call_id.as_ref().unwrap()));
    let whole: Vec<Call> = after.iter().filter(|call| call.call_id.is_some()).cloned().collect();
    assert_eq!(whole, expected);
    let light = after.iter().find(|call| call.call_id.is_none()).unwrap();
    let same = before.iter().find(|call| {
        let plain = Call {
            call_id: None,
            display_name: None,
            user_agent: None,
            reason: None,
            more: String::new(),
            ..(*call).clone()
        };
        plain == *light
    });
    assert!(same.is_some(), "{light:?}");
    // A wanted caller is still found by the filter that was copied.
    let wanted = Wanted { caller: Some(light.caller.number), called: None };
    let found = store.find(Some("acme"), ALWAYS, Columns::of(&[Column::Status]), wanted);
    assert!(found.map(|rows| rows.unwrap().len()).sum::<usize>() > 0);
    // A day without details that is made into one file with others has none afterwards.
    writer.append(vec![part("acme", days[1], invented(5, 50))], 0, (0, 0)).unwrap();
    writer.compact(|_| Date::MAX, 0, u64::MAX).unwrap();
    assert!(
        writer
            .store()
            .entries()
            .filter(|it| it.day == days[1] && it.customer.as_deref() == Some("acme"))
            .all(|it| !it.details)
    );
}

#[test]
fn a_person_is_taken_out_and_the_calls_still_count() {
    let scratch = Scratch::new("erase");
    let (mut writer, calls) = twenty(scratch.path());
    let person = calls.iter().find(|call| call.verdict == rules::Action::Block).unwrap().caller.number;
    let of = |call: &Call| call.caller.number == person || call.called.number == person;
    let rows = calls.iter().filter(|call| of(call)).count() as u64;
    assert_eq!(writer.erase(Some("acme"), person, 0).unwrap(), rows);
    assert_eq!(writer.erase(Some("acme"), person, 0).unwrap(), 0);
    let left = all(&writer.store(), Some("acme"));
    assert_eq!(left.len(), calls.len());
    for (before, after) in calls.iter().zip(&left) {
        assert_eq!((before.start, before.verdict, before.status), (after.start, after.verdict, after.status));
        if of(before) {
            assert_eq!((after.caller.number, after.more.as_str(), &after.call_id), (0, "", &None));
        } else {
            assert_eq!(before, after);
        }
    }
    for file in files(scratch.path()) {
        let bytes = fs::read(scratch.path().join(file)).unwrap();
        assert!(!bytes.windows(8).any(|window| window == person.to_le_bytes()));
    }
}

#[test]
fn what_was_left_unfinished_goes_and_what_is_not_ours_stays() {
    let scratch = Scratch::new("sweep");
    let (writer, calls) = twenty(scratch.path());
    let counted = files(scratch.path());
    drop(writer);
    let folder = scratch.path().join("customer=acme/day=2026-03-11");
    let orphan = folder.join("00000009-000001.parquet");
    let begun = folder.join(format!("00000009-000002.parquet{WRITING}"));
    let foreign = [
        folder.join("notes.parquet"),
        folder.join("report.xlsx"),
        scratch.path().join("customer=acme/list.txt"),
    ];
    for path in [&orphan, &begun].into_iter().chain(&foreign) {
        fs::write(path, b"PAR1 and nothing more").unwrap();
    }
    fs::write(scratch.path().join("log/notes.json"), b"{").unwrap();
    // A reader asks only for what counts.
    assert_eq!(all(&Store::open(scratch.path()).unwrap(), Some("acme")), calls);
    let writer = Writer::open(scratch.path(), 0).unwrap();
    assert!(!orphan.exists() && !begun.exists());
    assert!(foreign.iter().all(|path| path.exists()));
    assert_eq!(all(&writer.store(), Some("acme")), calls);
    assert!(counted.iter().all(|name| scratch.path().join(name).exists()));
}

#[test]
fn only_one_writes_and_it_makes_room_when_it_is_asked() {
    let scratch = Scratch::new("lock");
    let writer = Writer::open(scratch.path(), 0).unwrap();
    assert!(matches!(Writer::open(scratch.path(), 0), Err(Error::Taken(_))));
    assert!(!Writer::is_wanted(scratch.path()));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| Writer::open_in_turn(scratch.path(), 0).map(drop));
        while !Writer::is_wanted(scratch.path()) {
            std::thread::yield_now();
        }
        drop(writer);
        other.join().unwrap().unwrap();
    });
    Writer::open(scratch.path(), 0).unwrap();
}

#[test]
fn the_log_stays_short_and_a_damaged_one_is_said() {
    let scratch = Scratch::new("log");
    let mut writer = Writer::open(scratch.path(), 0).unwrap();
    for position in 0..300 {
        let rows =
            if position % 50 == 0 { vec![part("acme", DAY, invented(position, 30))] } else { Vec::new() };
        writer.append(rows, 0, (position, 1)).unwrap();
    }
    let log = || fs::read_dir(scratch.path().join("log")).unwrap().count();
    assert!(log() < 140, "{} files", log());
    let store = Store::open(scratch.path()).unwrap();
    assert_eq!((store.position(), store.aside()), (299, 300));
    assert_eq!(all(&store, Some("acme")), all(&writer.store(), Some("acme")));
    let mut names: Vec<_> =
        fs::read_dir(scratch.path().join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let last = names.last().unwrap();
    let whole = fs::read(last).unwrap();
    fs::write(last, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(Store::open(scratch.path()), Err(Error::Manifest(..))));
    // One is missing between others.
    fs::write(last, &whole).unwrap();
    fs::remove_file(&names[names.len() - 2]).unwrap();
    assert!(Store::open(scratch.path()).is_err());
}

#[test]
fn a_writer_whose_place_was_taken_writes_nothing_more() {
    let scratch = Scratch::new("fence");
    let mut writer = Writer::open(scratch.path(), 0).unwrap();
    // As on storage without locks: another one began after it.
    let mut other = manifest::Manifest::read(&writer.place).unwrap();
    other.commit(&writer.place, manifest::Change::default()).unwrap();
    let refused = writer.append(vec![part("acme", DAY, invented(1, 30))], 0, (5, 0));
    assert!(matches!(refused, Err(Error::Taken(_))), "{refused:?}");
    let store = Store::open(scratch.path()).unwrap();
    assert_eq!((store.position(), store.entries().count()), (0, 0));
}

#[test]
fn several_threads_give_what_one_gives() {
    let scratch = Scratch::new("fold");
    let (writer, calls) = twenty(scratch.path());
    let mut writer = writer;
    for day in 12..16 {
        writer.append(vec![part("acme", date(2026, 3, day), shifted(day))], 0, (0, 0)).unwrap();
    }
    let store = writer.store();
    let columns = Columns::of(&[Column::Start, Column::Caller]);
    let take = |rows: &mut Vec<(i64, u64)>, batch: &Batch| {
        rows.extend(batch.start.iter().copied().zip(batch.caller.iter().copied()));
    };
    let folded = store.fold(Some("acme"), ALWAYS, (columns, Wanted::default()), 3, (Vec::new, take)).unwrap();
    assert!(folded.len() > 3);
    let mut one = Vec::new();
    store.scan(Some("acme"), ALWAYS, columns).for_each(|batch| take(&mut one, &batch.unwrap()));
    assert_eq!(folded.concat(), one);
    assert!(one.len() > calls.len() && one.is_sorted_by_key(|(start, _)| *start));
}

fn shifted(day: i8) -> Batch {
    let mut rows = invented(day.unsigned_abs().into(), 500);
    rows.start.iter_mut().for_each(|start| *start += i64::from(day - 11) * 24 * HOUR);
    rows
}
