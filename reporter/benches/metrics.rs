//! Five questions and a monthly report over invented records, beside DuckDB over the same files in the same run.
//!
//! `cargo bench --package ringwall-reporter --bench metrics -- FOLDER ROWS [PYTHON]`: PYTHON is one that has DuckDB.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use records::invented::Invented;
use records::io::{Part, Store, Writer};
use records::{Batch, Columns};
use ringwall_reporter::metrics::{Asked, Context, Gather, Judged, Label, Period, Rate, Shelf, Trunk};
use rules::{Number, NumberSet, Timestamp};

const CUSTOMER: &str = "acme";
const FIRST: Date = date(2026, 3, 2);
const DAYS: i32 = 30;
const TIMES: usize = 3;

#[allow(clippy::print_stdout, reason = "figures are its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [folder, rows, rest @ ..] = arguments.as_slice() else { return Err("FOLDER ROWS [PYTHON]".into()) };
    let (folder, rows) = (Path::new(folder), rows.parse()?);
    let zone = TimeZone::get("America/New_York")?;
    let records = folder.join("records");
    if !records.exists() {
        let (seconds, written) = timed(|| write(&records, rows, &zone))?;
        println!("written in {seconds:.1} s, {written} rows");
    }
    let store = Store::open(&records)?;
    let period =
        Period::of_days(&zone, FIRST, FIRST.checked_add(jiff::Span::new().days(DAYS))?).ok_or("no period")?;
    let threads = std::thread::available_parallelism()?.get();
    let asked = Asked { store: &store, customer: Some(CUSTOMER), period, threads };
    let busiest = asked.top_callers(1)?.first().ok_or("no calls")?.caller;

    println!("five questions, {threads} threads, best of {TIMES}:");
    best("by verdict", || Ok(asked.by_verdict()?.len()))?;
    best("by hour", || Ok(asked.by_hour(&zone)?.len()))?;
    best("top callers", || Ok(asked.top_callers(20)?.len()))?;
    best("p90 of duration", || Ok(asked.p90_of_duration()?))?;
    best("one caller", || Ok(asked.one_caller(busiest)?.len()))?;
    if let [python, ..] = rest {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/duckdb_questions.py");
        let files = records.join("**/*.parquet");
        let status = Command::new(python)
            .arg(script)
            .arg(files)
            .args([threads.to_string(), busiest.to_string(), TIMES.to_string()])
            .status()?;
        if !status.success() {
            return Err("DuckDB did not answer".into());
        }
    }

    let context = context(zone, busiest, &period)?;
    let shelf = Shelf::new(&folder.join("summaries"));
    shelf.forget(Some(CUSTOMER))?;
    let now = Timestamp(period.to.0);
    let gather =
        |shelf| Gather { store: &store, shelf, customer: Some(CUSTOMER), context: &context, now, threads };
    println!("every metric of a month of {rows} rows:");
    let (seconds, cold) = timed(|| Ok(gather(Some(&shelf)).gather(&period)?))?;
    println!("from records     {seconds:8.3} s, {} days scanned", cold.scanned);
    let (seconds, warm) = timed(|| Ok(gather(Some(&shelf)).gather(&period)?))?;
    println!("from summaries   {seconds:8.3} s, {} days scanned", warm.scanned);
    let (seconds, answers) = timed(|| Ok(warm.figures.answers(&context, &period)))?;
    println!(
        "answers          {seconds:8.3} s, {} attempts, {} at a time",
        answers.attempts.total, answers.concurrency.all.most
    );
    if warm.figures != cold.figures {
        return Err("summaries say otherwise than records".into());
    }
    let bytes = std::fs::read_dir(folder.join("summaries"))?
        .filter_map(|folder| std::fs::read_dir(folder.ok()?.path()).ok())
        .flatten()
        .filter_map(|file| file.ok()?.metadata().ok())
        .map(|file| file.len())
        .sum::<u64>();
    println!("summaries        {bytes} bytes");
    let status = std::fs::read_to_string("/proc/self/status")?;
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    Ok(())
}

fn write(folder: &Path, rows: u64, zone: &TimeZone) -> Result<u64, Box<dyn Error>> {
    // A week has 5.27 Wednesdays of rows.
    let rows_per_day = rows * 700 / (DAYS.unsigned_abs() as u64 * 527);
    let invented = Invented { seed: 1, rows_per_day, zone: zone.clone(), columns: Columns::ALL };
    let mut writer = Writer::open(folder, 0)?;
    let mut written = 0;
    let mut day = FIRST;
    for _ in 0..DAYS {
        let mut all = Batch::new(Columns::ALL);
        invented.day(day, usize::MAX, |batch| all = batch);
        written += all.len() as u64;
        writer.append(vec![Part { customer: Some(CUSTOMER.to_owned()), day, rows: all }], 0, (written, 0))?;
        day = day.tomorrow()?;
    }
    Ok(written)
}

fn context(zone: TimeZone, busiest: u64, period: &Period) -> Result<Context, Box<dyn Error>> {
    let mut context = Context::of_zone(zone);
    let trunk = |name: &str, network: &str| -> Result<Trunk, Box<dyn Error>> {
        let networks = vec![network.parse()?];
        Ok(Trunk { name: name.to_owned(), site: "one".to_owned(), networks, channels: Some(5_000) })
    };
    context.trunks = vec![
        trunk("first", "192.0.2.0/25")?,
        trunk("second", "192.0.2.128/25")?,
        trunk("third", "198.51.100.0/24")?,
    ];
    let prefix = Number::international(b"1").ok_or("a number")?;
    context.national = Some(NumberSet::prefix(prefix));
    context.suspect = vec![
        ("unallocated".to_owned(), rules::plan::unallocated().clone()),
        ("invalid".to_owned(), rules::plan::invalid().clone()),
    ];
    let rate = |prefix: &str| Rate {
        prefix: prefix.to_owned(),
        name: prefix.to_owned(),
        per_minute: 0.5,
        is_risk: true,
    };
    context.rates = ["882", "252", "960", "44", "53"].into_iter().map(rate).collect();
    let label = |place: u64| Label {
        caller: Some(busiest + place),
        rule: None,
        from: period.from,
        to: period.to,
        judged: Judged::Unwanted,
        case: place.to_string(),
    };
    context.labels = (0..1_000).map(label).collect();
    Ok(context)
}

#[allow(clippy::print_stdout, reason = "figures are its result")]
fn best<T: std::fmt::Debug>(
    name: &str,
    ask: impl Fn() -> Result<T, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut all = Vec::new();
    for _ in 0..TIMES {
        all.push(timed(&ask)?);
    }
    let (seconds, answer) = all.into_iter().min_by(|one, other| one.0.total_cmp(&other.0)).ok_or("never")?;
    println!("{name:16} {seconds:8.3} s {answer:?}");
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "what is measured here is time")]
fn timed<T>(work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<(f64, T), Box<dyn Error>> {
    let begin = Instant::now();
    let done = work()?;
    Ok((begin.elapsed().as_secs_f64(), done))
}
