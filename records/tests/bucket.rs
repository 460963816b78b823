//! Call records in a bucket, against a server that speaks S3: whole, in the way, slow, busy, gone.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it is a test"
)]

mod moto;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use ringwall_records::invented::Invented;
use ringwall_records::io::{Error, Intake, Keep, Part, Place, Remote, Store, Wanted, Writer};
use ringwall_records::{Batch, Call, Columns};
use rules::Timestamp;

use self::moto::{Moto, Proxy, Scratch, Weather};

const ALWAYS: std::ops::Range<Timestamp> = Timestamp(i64::MIN)..Timestamp(i64::MAX);
const MINUTE: i64 = 60_000_000;

fn invented(seed: u64, rows: u64) -> Vec<Call> {
    let invented = Invented { seed, rows_per_day: rows, zone: TimeZone::UTC, columns: Columns::ALL };
    let mut all = Vec::new();
    invented.day(date(2026, 3, 11), usize::MAX, |batch: Batch| {
        all.extend((0..batch.len()).map(|row| batch.call(row)));
    });
    all
}

/// Call number `n` of a spool: one of its own.
fn event(all: &[Call], number: u64) -> Call {
    let like = &all[number as usize % all.len()];
    Call { call_id: Some(format!("event-{number}")), customer: Some("acme".to_owned()), ..like.clone() }
}

/// Writes what a spool has behind the position of `writer`, up to `last`, `at_once` calls together.
fn pour(writer: &mut Writer, all: &[Call], (last, at_once): (u64, u64), now: i64) -> Result<(), Error> {
    while writer.position() < last {
        let mut intake = Intake::default();
        let end = last.min(writer.position() + at_once);
        (writer.position() + 1..=end).for_each(|number| intake.take(&event(all, number), &TimeZone::UTC));
        intake.write(writer, now, end)?;
    }
    Ok(())
}

/// Numbers of all calls that are there, each once.
fn numbers(place: &Place) -> BTreeSet<u64> {
    let store = Store::open(place).unwrap();
    let verified = store.verify();
    assert!(verified.wrong.is_empty(), "{:?}", verified.wrong);
    let mut numbers = BTreeSet::new();
    for customer in store.customers() {
        for rows in store.scan(customer, ALWAYS, Columns::ALL) {
            let rows = rows.unwrap();
            for row in 0..rows.len() {
                let number = rows.call_id.get(row).unwrap().rsplit_once('-').unwrap().1.parse().unwrap();
                assert!(numbers.insert(number), "{number} is there twice");
            }
        }
    }
    numbers
}

fn up_to(last: u64) -> BTreeSet<u64> {
    (1..=last).collect()
}

#[test]
fn rows_of_a_bucket_are_those_that_were_written_and_what_is_not_needed_goes() {
    let scratch = Scratch::new("whole");
    let Some(moto) = Moto::start(&scratch) else { return };
    let place = Place::bucket(&moto.remote(&scratch, "ring/wall"), &scratch.path().join("one")).unwrap();
    let all = invented(7, 300);
    let mut writer = Writer::open(&place, 0).unwrap();
    let odd = "../Ä & \"b\" %2F+";
    let mut expected: Vec<Call> = all.iter().take(100).cloned().collect();
    let mut batch = Batch::new(Columns::ALL);
    expected.iter().for_each(|call| batch.push(call));
    let part = Part { customer: Some(odd.to_owned()), day: date(2026, 3, 10), rows: batch };
    writer.append(vec![part], 0, (0, 0)).unwrap();
    pour(&mut writer, &all, (300, 20), 0).unwrap();
    assert_eq!(moto.files("ring/wall/").iter().filter(|name| name.ends_with(".parquet")).count(), 16);
    // The name of a customer is what it is wherever it stands.
    let store = Store::open(&place).unwrap();
    let found: Vec<Call> = store
        .scan(Some(odd), ALWAYS, Columns::ALL)
        .flat_map(|rows| {
            let rows = rows.unwrap();
            (0..rows.len()).map(|row| rows.call(row)).collect::<Vec<_>>()
        })
        .collect();
    expected.sort_by_key(|call| call.start);
    assert_eq!(found, expected);
    // One caller by his filter, as in a folder.
    let caller = expected[0].caller.number;
    let before = moto.requests();
    let wanted = Wanted { caller: Some(caller), called: None };
    let rows: usize =
        store.find(Some(odd), ALWAYS, Columns::NONE, wanted).map(|rows| rows.unwrap().len()).sum();
    assert_eq!(moto.requests() - before, 1, "a small file comes with what it says of itself");
    assert_eq!(rows, expected.iter().filter(|call| call.caller.number == caller).count());
    // Days that are over become one file each; others lie there for ten minutes.
    writer.compact(|_| Date::MAX, 0, u64::MAX).unwrap();
    assert_eq!(writer.store().entries().filter(|it| it.customer.as_deref() == Some("acme")).count(), 1);
    writer.sweep(11 * MINUTE).unwrap();
    assert_eq!(moto.files("ring/wall/customer").len(), writer.store().entries().count());
    // The numbers of those two are not those of a spool.
    let number = event(&all, 5).caller.number;
    assert!(writer.erase(Some("acme"), number, 12 * MINUTE).unwrap() > 0);
    // Details go, and then days.
    let keep = Keep { rows_since: Some(date(2026, 3, 11)), details_since: Some(date(2026, 3, 12)) };
    let forgotten = writer.forget(|_| keep, 13 * MINUTE).unwrap();
    assert_eq!((forgotten.rows, forgotten.details), (100, 300));
    let store = writer.store();
    let wanted = Wanted { caller: Some(event(&all, 6).caller.number), called: None };
    assert!(
        store.find(Some("acme"), ALWAYS, Columns::NONE, wanted).map(|it| it.unwrap().len()).sum::<usize>()
            > 0
    );
    assert!(store.verify().wrong.is_empty());
    writer.sweep(30 * MINUTE).unwrap();
    assert_eq!(moto.files("ring/wall/customer").len(), 1);
    // A prefix is a store of its own, and what lies beside it is left alone.
    let other = Place::bucket(&moto.remote(&scratch, ""), &scratch.path().join("two")).unwrap();
    Writer::open(&other, 0).unwrap();
    assert_eq!(moto.files("ring/wall/customer").len(), 1);
}

#[test]
fn a_long_file_comes_in_parts_and_one_that_is_not_finished_goes() {
    let scratch = Scratch::new("parts");
    let Some(moto) = Moto::start(&scratch) else { return };
    let proxy = Proxy::start(moto.port());
    let remote = Remote { endpoint: proxy.endpoint(), ..moto.remote(&scratch, "long") };
    let place = Place::bucket(&remote, &scratch.path().join("one")).unwrap();
    let mut writer = Writer::open(&place, 0).unwrap();
    let like = &invented(1, 100)[0];
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let mut batch = Batch::new(Columns::ALL);
    for at in 0..1_100 {
        // Six bits of chance in each letter.
        let letter = || {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'0' + (noise >> 58) as u8)
        };
        let more = std::iter::repeat_with(letter).take(24_000).collect();
        batch.push(&Call { start: Timestamp(like.start.0 + at), more, ..like.clone() });
    }
    let part = || Part { customer: Some("acme".to_owned()), day: date(2026, 3, 11), rows: batch.clone() };
    // It dies while the second part is on its way.
    proxy.set(Weather::DieAfterPart);
    assert!(writer.append(vec![part()], 0, (1, 0)).is_err());
    assert_eq!(
        Store::open(Place::bucket(&moto.remote(&scratch, "long"), scratch.path()).unwrap())
            .unwrap()
            .entries()
            .count(),
        0
    );
    drop(writer);
    proxy.set(Weather::Fair);
    let mut writer = Writer::open(&place, 0).unwrap();
    assert_eq!(moto.uploads(), 0, "what was begun is given up");
    writer.append(vec![part()], 0, (1, 0)).unwrap();
    let bytes = writer.store().entries().next().unwrap().bytes;
    assert!(bytes > 17 << 20, "{bytes} bytes are more than one part");
    assert!(writer.store().verify().wrong.is_empty());
    assert_eq!(moto.uploads(), 0);
}

#[test]
fn of_two_writers_one_is_refused_or_loses() {
    let scratch = Scratch::new("two");
    let Some(moto) = Moto::start(&scratch) else { return };
    let remote = moto.remote(&scratch, "shared");
    let place = |name: &str| Place::bucket(&remote, &scratch.path().join(name)).unwrap();
    let (here, there) = (place("here"), place("there"));
    let all = invented(3, 100);
    let mut first = Writer::open(&here, 0).unwrap();
    pour(&mut first, &all, (50, 25), 0).unwrap();
    let refused = Writer::open(&there, MINUTE);
    assert!(matches!(refused, Err(Error::Taken(_))), "{refused:?}");
    println!("{}", refused.unwrap_err());
    // Whoever writes says so in time; whoever was not heard for long has lost its turn.
    first.hold(4 * MINUTE).unwrap();
    assert!(matches!(Writer::open(&there, 6 * MINUTE), Err(Error::Taken(_))));
    let mut second = Writer::open(&there, 10 * MINUTE).unwrap();
    let late = first.append(Vec::new(), 10 * MINUTE, (51, 0));
    assert!(matches!(late, Err(Error::Taken(_))), "{late:?}");
    // Its spool is another one: nothing of it is in a file yet.
    assert_eq!((second.position(), Store::open(&there).unwrap().position()), (0, 0));
    let other = |number| Call { call_id: Some(format!("there-{}", 1_000 + number)), ..event(&all, number) };
    let mut intake = Intake::default();
    (1..=30).for_each(|number| intake.take(&other(number), &TimeZone::UTC));
    intake.write(&mut second, 10 * MINUTE, 30).unwrap();
    // Files that it does not know are not its own to remove.
    let late = first.sweep(10 * MINUTE);
    assert!(matches!(late, Err(Error::Taken(_))), "{late:?}");
    second.release(11 * MINUTE).unwrap();
    // The first goes on where its own spool was.
    drop(first);
    let mut first = Writer::open(&here, 11 * MINUTE).unwrap();
    assert_eq!(first.position(), 50);
    pour(&mut first, &all, (70, 25), 11 * MINUTE).unwrap();
    let expected: BTreeSet<u64> = (1..=70).chain(1_001..=1_030).collect();
    assert_eq!(numbers(&here), expected);
    assert_eq!(Store::open(&there).unwrap().position(), 30);
    // On one machine there is a lock, and whoever was killed there goes on at once.
    assert!(matches!(Writer::open(&here, 11 * MINUTE), Err(Error::Taken(_))));
    drop(first);
    Writer::open(&here, 11 * MINUTE).unwrap();
}

#[test]
fn writers_that_begin_at_the_same_moment_write_one_after_the_other() {
    let scratch = Scratch::new("race");
    let Some(moto) = Moto::start(&scratch) else { return };
    let remote = moto.remote(&scratch, "race");
    let all = invented(3, 100);
    std::thread::scope(|scope| {
        for at in 0..4_u64 {
            let (remote, all, scratch) = (&remote, &all, &scratch);
            scope.spawn(move || {
                let place = Place::bucket(remote, &scratch.path().join(format!("{at}"))).unwrap();
                let mut left: u64 = 5;
                let begin = Instant::now();
                while left > 0 {
                    assert!(begin.elapsed() < Duration::from_secs(60), "they take the turn from each other");
                    let Ok(mut writer) = Writer::open(&place, 0) else {
                        std::thread::sleep(Duration::from_millis(10));
                        continue;
                    };
                    // Whatever became of the last one, the position tells.
                    left = 5 - writer.position();
                    while left > 0 {
                        let number = at * 100 + writer.position() + 1;
                        let mut intake = Intake::default();
                        intake.take(&event(all, number), &TimeZone::UTC);
                        let position = writer.position() + 1;
                        if intake.write(&mut writer, 0, position).is_err() {
                            break;
                        }
                        left -= 1;
                    }
                    let _ = writer.release(0);
                }
            });
        }
    });
    let expected: BTreeSet<u64> =
        (0..4).flat_map(|at| (1..=5).map(move |number| at * 100 + number)).collect();
    assert_eq!(numbers(&Place::bucket(&remote, scratch.path()).unwrap()), expected);
}

#[test]
fn a_server_that_is_busy_slow_or_loses_answers_has_each_call_once() {
    let scratch = Scratch::new("weather");
    let Some(moto) = Moto::start(&scratch) else { return };
    let proxy = Proxy::start(moto.port());
    let remote = Remote { endpoint: proxy.endpoint(), ..moto.remote(&scratch, "weather") };
    let place = Place::bucket(&remote, &scratch.path().join("one")).unwrap();
    let all = invented(5, 100);
    let mut last = 0;
    for weather in [Weather::SlowDown, Weather::Slow, Weather::LoseAnswers, Weather::Fair] {
        proxy.set(weather);
        last += 120;
        let begin = Instant::now();
        let mut failures = 0;
        while begin.elapsed() < Duration::from_secs(60) {
            let done = Writer::open(&place, 0).and_then(|mut writer| {
                pour(&mut writer, &all, (last, 30), 0)?;
                writer.compact(|_| Date::MAX, 0, u64::MAX)?;
                writer.sweep(0)
            });
            match done {
                Ok(_) => break,
                Err(error) => {
                    println!("{weather:?}: {error}");
                    failures += 1;
                }
            }
        }
        println!("{weather:?}: {failures} failures in {:?}", begin.elapsed());
        // Busy and slow is nothing that anybody hears of.
        assert!(failures == 0 || weather == Weather::LoseAnswers);
        assert_eq!(numbers(&place), up_to(last));
    }
}

#[test]
fn a_server_that_is_killed_loses_nothing_that_was_acknowledged_and_is_taken_up() {
    let scratch = Scratch::new("killed");
    let Some(mut moto) = Moto::start(&scratch) else { return };
    let proxy = Proxy::start(moto.port());
    let remote = Remote { endpoint: proxy.endpoint(), ..moto.remote(&scratch, "killed") };
    let place = Place::bucket(&remote, &scratch.path().join("one")).unwrap();
    let all = invented(5, 100);
    let mut writer = Writer::open(&place, 0).unwrap();
    pour(&mut writer, &all, (100, 20), 0).unwrap();
    // The server forgets with its process: what it has is kept for it.
    let kept = moto.keep();
    moto.kill();
    let begin = Instant::now();
    let failed = pour(&mut writer, &all, (150, 50), 0).unwrap_err();
    assert!(matches!(failed, Error::Place(..)), "{failed:?}");
    assert!(failed.to_string().starts_with("s3://records/killed/"), "{failed}");
    drop(writer);
    assert!(Writer::open(&place, 0).is_err() && Store::open(&place).is_err());
    assert!(begin.elapsed() < Duration::from_secs(20), "nobody is kept long");
    moto.again(&kept);
    proxy.send_to(moto.port());
    let mut writer = Writer::open(&place, 0).unwrap();
    assert_eq!(writer.position(), 100);
    pour(&mut writer, &all, (150, 50), 0).unwrap();
    drop(writer);
    assert_eq!(numbers(&place), up_to(150));
}

#[test]
fn what_a_server_cannot_do_is_said() {
    let scratch = Scratch::new("cannot");
    let Some(moto) = Moto::start(&scratch) else { return };
    let proxy = Proxy::start(moto.port());
    let said = |remote: &Remote| {
        let place = Place::bucket(remote, &scratch.path().join("one")).unwrap();
        let error = Writer::open(&place, 0).map(drop).unwrap_err().to_string();
        println!("{error}");
        assert!(!error.contains("secret"), "{error}");
        error
    };
    let remote = Remote { endpoint: proxy.endpoint(), ..moto.remote(&scratch, "cannot") };
    proxy.set(Weather::IgnoreConditions);
    assert!(said(&remote).contains("does not keep to If-None-Match"));
    proxy.set(Weather::Fair);
    assert!(said(&Remote { bucket: "nobody".to_owned(), ..remote.clone() }).contains("NoSuchBucket"));
    let none = scratch.path().join("none");
    assert!(said(&Remote { credentials_file: Some(none.clone()), ..remote.clone() }).contains("none"));
    std::fs::write(&none, "aws_access_key_id = secret-id\n").unwrap();
    assert!(said(&Remote { credentials_file: Some(none), ..remote.clone() }).contains("holds no access key"));
    for (wrong, what) in [
        (Remote { endpoint: "ftp://host".to_owned(), ..remote.clone() }, "no address of HTTP"),
        (Remote { endpoint: "https://id:secret@host".to_owned(), ..remote.clone() }, "credentials_file"),
        (Remote { endpoint: "https://host/bucket".to_owned(), ..remote.clone() }, "more than a server"),
        (Remote { bucket: "a b".to_owned(), ..remote.clone() }, "no name of a bucket"),
        (Remote { prefix: "a/../b".to_owned(), ..remote.clone() }, "prefix"),
        (Remote { region: String::new(), ..remote }, "no region"),
    ] {
        let error = Place::bucket(&wrong, scratch.path()).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

/// Signs requests again as AWS's own library does.
const SIGN: &str = r#"
import json, sys
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
auth = S3SigV4Auth(Credentials("id", "secret"), "s3", "us-east-1")
for head in json.load(sys.stdin):
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    parts = dict(part.split("=", 1) for part in headers["authorization"].split(" ", 1)[1].split(","))
    signed = {name: headers[name] for name in parts["SignedHeaders"].split(";")}
    request = AWSRequest(method=method, url="http://" + headers["host"] + target, headers=signed)
    request.context["timestamp"] = headers["x-amz-date"]
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert signature == parts["Signature"], head
    print(method, target)
"#;

#[test]
fn requests_are_signed_as_another_library_signs_them() {
    let scratch = Scratch::new("signed");
    let Some(moto) = Moto::start(&scratch) else { return };
    let proxy = Proxy::start(moto.port());
    let remote = Remote { endpoint: proxy.endpoint(), ..moto.remote(&scratch, "signed/for=all") };
    let place = Place::bucket(&remote, &scratch.path().join("one")).unwrap();
    let all = invented(5, 100);
    let mut writer = Writer::open(&place, 0).unwrap();
    pour(&mut writer, &all, (60, 20), 0).unwrap();
    let mut batch = Batch::new(Columns::ALL);
    all.iter().for_each(|call| batch.push(call));
    let part =
        Part { customer: Some("../\u{c4} & \"b\" %2F+~".to_owned()), day: date(2026, 3, 10), rows: batch };
    writer.append(vec![part], 0, (60, 0)).unwrap();
    writer.compact(|_| Date::MAX, 0, u64::MAX).unwrap();
    writer.sweep(11 * MINUTE).unwrap();
    let heads = proxy.heads();
    assert!(heads.len() > 15, "{} requests", heads.len());
    let mut python = Command::new(moto::program("python3"))
        .args(["-c", SIGN])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(python.stdin.take().unwrap(), &heads).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), heads.len());
    assert!(["GET", "PUT", "DELETE"].iter().all(|method| said.contains(method)), "{said}");
}

/// Asks ClickHouse's engine for calls by verdict in files of a bucket.
const CLICKHOUSE: &str = r#"
import json, sys
import chdb
files = " UNION ALL ".join("SELECT verdict FROM s3('%s', 'id', 'secret', 'Parquet')" % url for url in sys.argv[1:])
print(json.dumps(json.loads(chdb.query("SELECT verdict, toInt32(count()) FROM (%s) GROUP BY verdict" % files, "JSONCompact").bytes())["data"]))
"#;

#[test]
fn another_engine_reads_the_same_bucket() {
    let scratch = Scratch::new("chdb");
    let Some(moto) = Moto::start(&scratch) else { return };
    let python = || Command::new(moto::program("python3"));
    if !python().args(["-c", "import chdb"]).output().is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "in CI there is chdb");
        println!("SKIPPED: another engine on a bucket, because chdb is not installed");
        return;
    }
    let remote = moto.remote(&scratch, "asked");
    let place = Place::bucket(&remote, &scratch.path().join("one")).unwrap();
    let mut writer = Writer::open(&place, 0).unwrap();
    let all = invented(5, 3_000);
    pour(&mut writer, &all, (2_000, 700), 0).unwrap();
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    for rows in writer.store().scan(Some("acme"), ALWAYS, Columns::ALL) {
        rows.unwrap()
            .verdict
            .iter()
            .for_each(|verdict| *expected.entry(verdict.word().to_owned()).or_default() += 1);
    }
    assert!(expected.len() > 1 && expected.values().sum::<usize>() == 2_000);
    let store = writer.store();
    let urls = store.entries().map(|entry| format!("{}/records/asked/{}", remote.endpoint, entry.file));
    let output = python().args(["-c", CLICKHOUSE]).args(urls).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Vec<(String, usize)> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told.into_iter().collect::<BTreeMap<_, _>>(), expected);
}

#[test]
fn whoever_opens_a_folder_finds_the_bucket_that_its_service_writes() {
    let scratch = Scratch::new("settle");
    let Some(moto) = Moto::start(&scratch) else { return };
    let folder: &Path = &scratch.path().join("records");
    let all = invented(9, 50);
    // What was in the folder is copied into the bucket as it is, and the service goes on.
    let mut writer = Writer::open(folder, 0).unwrap();
    pour(&mut writer, &all, (40, 20), 0).unwrap();
    drop(writer);
    moto.copy(folder, "moved");
    let remote = moto.remote(&scratch, "moved");
    assert!(Place::settle(folder, Some(&remote)).unwrap(), "it holds records of before");
    assert_eq!(Store::open(folder).unwrap().position(), 40);
    let mut writer = Writer::open(folder, 0).unwrap();
    assert_eq!(writer.position(), 40);
    pour(&mut writer, &all, (60, 20), 0).unwrap();
    drop(writer);
    assert_eq!(numbers(&Place::folder(folder)), up_to(60));
    let store = Store::open(folder).unwrap();
    let file = store.entries().next().unwrap().file.clone();
    assert_eq!(store.place().say(&file), format!("s3://records/moved/{file}"));
    // What reads it again and again reads only what is new.
    let before = moto.requests();
    assert_eq!(Store::open(folder).unwrap().entries().count(), store.entries().count());
    assert_eq!(moto.requests() - before, 1);
    // And back.
    assert!(!Place::settle(folder, None).unwrap());
    assert_eq!(numbers(&Place::folder(folder)), up_to(40));
}
