//! Call records of captures in files that other engines read: the same answers from all.

use std::path::{Path, PathBuf};
use std::process::Command;

use records::io::Store;
use records::{Batch, Call, Columns};
use rules::Timestamp;
use serde_json::Value;

use crate::support::{Scratch, ringwall, shared, stdout};

const ALWAYS: std::ops::Range<Timestamp> = Timestamp(i64::MIN)..Timestamp(i64::MAX);

/// Captures whose calls become records.
fn captures(shared: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![shared.join("captures/captures")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => open.push(path),
                Some("pcap" | "pcapng" | "cap") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn rows(store: &Store) -> Vec<Call> {
    let mut calls = Vec::new();
    for customer in store.customers() {
        for rows in store.scan(customer, ALWAYS, Columns::ALL) {
            let rows: Batch = rows.unwrap();
            let named = |row| Call { customer: customer.map(str::to_owned), ..rows.call(row) };
            calls.extend((0..rows.len()).map(named));
        }
    }
    calls
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort_unstable();
    lines
}

#[test]
fn every_line_of_real_captures_is_a_row_that_says_the_same() {
    let Some(shared) = shared() else { return };
    let scratch = Scratch::new("records-captures");
    let mut seen = 0;
    for (at, capture) in captures(&shared).iter().enumerate() {
        let lines = scratch.path().join(format!("{at}.jsonl"));
        let folder = scratch.path().join(format!("{at}"));
        let output = ringwall([
            "replay".as_ref(),
            "--calls".as_ref(),
            lines.as_os_str(),
            "--records".as_ref(),
            folder.as_os_str(),
            capture.as_os_str(),
        ]);
        if !output.status.success() {
            continue;
        }
        let text = std::fs::read_to_string(&lines).unwrap();
        let expected =
            text.lines().map(|line| Call::from_json(line.as_bytes()).unwrap().to_json().to_string());
        let store = Store::open(&folder).unwrap();
        let found = rows(&store).into_iter().map(|call| call.to_json().to_string()).collect();
        assert_eq!(sorted(found), sorted(expected.collect()), "{}", capture.display());
        assert!(store.verify().wrong.is_empty());
        assert!(store.entries().all(|entry| {
            store.days(entry.customer.as_deref(), ALWAYS).iter().all(|day| day.files.len() == 1)
        }));
        seen += text.lines().count();
    }
    assert!(seen > 1_000, "{seen} calls");
    println!("{seen} calls of captures are rows that say the same");
}

/// Python with DuckDB and chdb, as `cargo xtask test` provides it.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let provided = root.join("target/python/bin/python3");
    let python = std::env::var_os("RINGWALL_PYTHON").map_or(provided, PathBuf::from);
    let has = Command::new(&python).args(["-c", "import duckdb, chdb"]).output();
    if has.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(std::env::var_os("CI").is_none(), "in CI there are duckdb and chdb");
    println!("SKIPPED: other engines on call records, because duckdb and chdb are not installed");
    None
}

/// The same questions in SQL; the files are those that count.
const QUESTIONS: &str = r#"
import json, sys
files = sys.argv[2:]
verdicts = "SELECT verdict, count(*) AS n FROM calls GROUP BY verdict ORDER BY verdict"
p90 = "SELECT count(*), sum(ended_after - answered_after) FROM calls WHERE answered_after IS NOT NULL AND ended_after IS NOT NULL"
joined = ("SELECT count(*) FROM (SELECT DISTINCT caller FROM calls WHERE verdict = 'block' AND caller IS NOT NULL) b "
          "JOIN calls c ON c.caller = b.caller")
span = "SELECT min(start), max(start) FROM calls"
if sys.argv[1] == "duckdb":
    import duckdb
    c = duckdb.connect()
    c.execute("SET TimeZone = 'UTC'")
    c.execute("CREATE VIEW calls AS SELECT * FROM read_parquet(%s, hive_partitioning = true)" % json.dumps(files).replace('"', "'"))
    ask = lambda q: c.execute(q).fetchall()
    span = "SELECT epoch_us(min(start)), epoch_us(max(start)) FROM calls"
    quantile = "SELECT quantile_disc(ended_after - answered_after, 0.9) FROM calls WHERE answered_after IS NOT NULL AND ended_after IS NOT NULL"
    who = "SELECT DISTINCT customer FROM calls"
else:
    from chdb import session
    s = session.Session()
    table = "file('%s', Parquet)"
    union = " UNION ALL ".join("SELECT * FROM " + table % f for f in files)
    s.query("CREATE DATABASE r"); s.query("CREATE VIEW r.calls AS " + union)
    def ask(q):
        out = s.query(q.replace("calls", "r.calls"), "JSONCompact").bytes()
        rows = json.loads(out)["data"]
        return [[int(v) if isinstance(v, str) and v.lstrip('-').isdigit() else v for v in row] for row in rows]
    span = "SELECT toUnixTimestamp64Micro(min(start)), toUnixTimestamp64Micro(max(start)) FROM calls"
    quantile = "SELECT quantileExactLow(0.9)(ended_after - answered_after) FROM calls WHERE answered_after IS NOT NULL AND ended_after IS NOT NULL"
    who = None
print(json.dumps({
    "verdicts": [list(r) for r in ask(verdicts)], "talk": [list(r) for r in ask(p90)],
    "joined": ask(joined)[0][0], "span": list(ask(span)[0]), "p90": ask(quantile)[0][0],
    "customers": sorted(str(r[0]) for r in ask(who)) if who else None,
}, default=int))
"#;

#[test]
fn other_engines_read_the_files_and_give_the_same_answers() {
    let Some(python) = python() else { return };
    let scratch = Scratch::new("records-engines");
    let folder = scratch.path().join("records");
    store(&folder);
    let store = Store::open(&folder).unwrap();
    let listed = ringwall([
        "records".as_ref(),
        "list".as_ref(),
        "--files".as_ref(),
        "--records".as_ref(),
        folder.as_os_str(),
    ]);
    let listed = stdout(&listed);
    let files: Vec<&str> = listed.lines().collect();
    assert_eq!(files.len(), store.entries().count());
    assert!(files.len() > 1);
    let expected = expected(&rows(&store));
    let script = scratch.write("questions.py", QUESTIONS);
    for engine in ["duckdb", "chdb"] {
        let output = Command::new(&python).arg(&script).arg(engine).args(&files).output().unwrap();
        assert!(output.status.success(), "{engine}: {}", String::from_utf8_lossy(&output.stderr));
        let mut found: Value = serde_json::from_slice(&output.stdout).unwrap();
        if engine == "chdb" {
            found["customers"] = expected["customers"].clone();
        }
        assert_eq!(found, expected, "{engine}");
    }
}

#[test]
fn a_folder_that_holds_no_records_is_not_said_to_be_whole() {
    let scratch = Scratch::new("records-none");
    scratch.write("some/letter.txt", "");
    for (name, task) in [("some", "verify"), ("missing", "verify"), ("some", "list")] {
        let folder = scratch.path().join(name);
        let output = ringwall(["records", task, "--records", folder.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(2) && said.contains("there are no call records"),
            "{name}: {said}"
        );
    }
    let folder = scratch.path().join("records");
    store(&folder);
    let verified = ringwall(["records", "verify", "--records", folder.to_str().unwrap()]);
    assert!(stdout(&verified).contains("are as they were written"), "{}", stdout(&verified));
}

#[test]
fn what_holds_no_records_of_the_customer_is_no_ground_to_try_a_policy_on() {
    let scratch = Scratch::new("records-ground");
    let folder = scratch.path().join("records");
    store(&folder);
    let init = |name| ringwall(["init", "--name", name, "--numbers", "+1 210 555 0100"]).stdout;
    let policy = scratch.write("acme.toml", init("acme"));
    let near = scratch.write("near.toml", init("Acme"));
    let (policy, near) = (policy.to_str().unwrap(), near.to_str().unwrap());
    let nobodys = Call { customer: None, ..rows(&Store::open(&folder).unwrap()).remove(0) };
    let nobodys = scratch.write("nobodys.jsonl", nobodys.to_json().to_string() + "\n");
    let empty = scratch.write("empty.jsonl", "");
    let (nobodys, empty) = (nobodys.to_str().unwrap(), empty.to_str().unwrap());
    let missing = scratch.path().join("missing");
    let (missing, kept) = (missing.to_str().unwrap(), folder.to_str().unwrap());
    for command in ["backtest", "baseline"] {
        for (words, why) in [
            (&["--policy", policy, "--calls", policy][..], "lines are none of this version"),
            (&["--policy", policy, "--calls", empty], "there are no call records"),
            (&["--policy", policy, "--calls", nobodys], "its call records are of no customer"),
            (&["--policy", policy, "--records", missing], "there is no folder"),
            (&["--policy", policy, "--data", missing], "there is no folder"),
            (
                &["--policy", policy, "--records", scratch.path().to_str().unwrap()],
                "there are no call records",
            ),
            (&["--policy", near, "--records", kept], "no call record is of Acme; did you mean acme?"),
        ] {
            let output = ringwall([&[command], words].concat());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code() == Some(2) && said.contains(why), "{command} {words:?}: {said}");
            assert_eq!(stdout(&output), "");
        }
        let output = ringwall([command, "--policy", policy, "--records", kept]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let turned =
        ["backtest", "--policy", policy, "--records", kept, "--from", "2026-03-09", "--to", "2026-03-07"];
    let turned = ringwall(turned);
    let said = String::from_utf8_lossy(&turned.stderr);
    assert!(turned.status.code() == Some(2) && said.contains("is not before"), "{said}");
    // Calls there are, and none in these weeks.
    let before = ["baseline", "--policy", policy, "--records", kept, "--to", "2026-01-05"];
    let before = ringwall(before);
    let said = String::from_utf8_lossy(&before.stderr);
    assert!(before.status.code() == Some(2) && said.contains("nothing is known of what is usual"), "{said}");
}

#[test]
fn a_customer_of_whom_there_is_no_record_is_not_said_to_be_erased() {
    let scratch = Scratch::new("records-unknown");
    let folder = scratch.path().join("records");
    store(&folder);
    let place = ["--records", folder.to_str().unwrap()];
    for task in [
        &["records", "erase", "--number", "+13035550142", "--customer"][..],
        &["records", "list", "--customer"],
        &["records", "list", "--files", "--json", "--customer"],
    ] {
        let near = ringwall([task, &["Acme"], &place].concat());
        let said = String::from_utf8_lossy(&near.stderr);
        assert!(near.status.code() == Some(2) && said.contains("did you mean acme?"), "{said}");
        assert_eq!(stdout(&near), "");
        let known = ringwall([task, &["acme"], &place].concat());
        assert!(known.status.success(), "{}", String::from_utf8_lossy(&known.stderr));
    }
}

/// The same answers from our own rows.
fn expected(calls: &[Call]) -> Value {
    let mut verdicts: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    calls.iter().for_each(|call| *verdicts.entry(call.verdict.word()).or_default() += 1);
    let mut talk: Vec<i64> =
        calls.iter().filter_map(|call| Some(call.ended_after? - call.answered_after?)).collect();
    talk.sort_unstable();
    let blocked: std::collections::BTreeSet<u64> = calls
        .iter()
        .filter(|call| call.verdict == rules::Action::Block && call.caller.number > 0)
        .map(|call| call.caller.number)
        .collect();
    let joined = calls.iter().filter(|call| blocked.contains(&call.caller.number)).count();
    let customers: std::collections::BTreeSet<String> =
        calls.iter().map(|call| call.customer.clone().unwrap_or_else(|| "None".to_owned())).collect();
    let starts = calls.iter().map(|call| call.start.0);
    // The least that nine tenths are at most.
    let rank = (talk.len() * 9).div_ceil(10).max(1) - 1;
    serde_json::json!({
        "verdicts": verdicts.into_iter().collect::<Vec<_>>(),
        "talk": [[talk.len(), talk.iter().sum::<i64>()]],
        "joined": joined,
        "span": [starts.clone().min(), starts.max()],
        "p90": talk[rank],
        "customers": customers,
    })
}

/// A store of two customers, one of whom has a name that no folder may have.
fn store(folder: &Path) {
    use jiff::civil::date;
    use records::invented::Invented;
    use records::io::{Part, Writer};
    let zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
    let mut writer = Writer::open(folder, 0).unwrap();
    for (seed, customer) in [(1, "acme"), (2, "../Müller & Söhne = 100 %")] {
        let invented = Invented { seed, rows_per_day: 3_001, zone: zone.clone(), columns: Columns::ALL };
        for day in [date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 9)] {
            let mut parts = Vec::new();
            invented
                .day(day, 1_000, |rows| parts.push(Part { customer: Some(customer.to_owned()), day, rows }));
            for part in parts {
                writer.append(vec![part], 0, (0, 0)).unwrap();
            }
        }
    }
    // Some days are one file, others several.
    writer.compact(|_| date(2026, 3, 9), 0, u64::MAX).unwrap();
}
