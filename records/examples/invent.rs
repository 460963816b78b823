//! Writes a store of invented records, and says what it took; or asks one questions.
//!
//! `invent write DIR ROWS [DAYS] [SEED]` · `invent ask DIR CALLER` · `invent columns DIR`

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use jiff::civil::date;
use jiff::tz::TimeZone;
use ringwall_records::invented::Invented;
use ringwall_records::io::{Part, Store, Wanted, Writer};
use ringwall_records::{Batch, Column, Columns};
use rules::{Action, Timestamp};

#[allow(clippy::disallowed_methods, reason = "what is measured here is time")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["write", folder, rows, rest @ ..] => {
            let days = rest.first().map_or(Ok(30), |days| days.parse())?;
            let seed = rest.get(1).map_or(Ok(1), |seed| seed.parse())?;
            write(Path::new(folder), rows.parse()?, days, seed)
        }
        ["ask", folder, caller] => ask(Path::new(folder), caller.parse()?),
        _ => Err("invent write DIR ROWS [DAYS] [SEED] | invent ask DIR CALLER".into()),
    }
}

#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "what is measured here is time")]
fn write(folder: &Path, rows: u64, days: u64, seed: u64) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    // A week has 5.27 Wednesdays of rows.
    let rows_per_day = rows * 700 / (days * 527);
    let zone = TimeZone::get("America/New_York")?;
    let invented = Invented { seed, rows_per_day, zone, columns: Columns::ALL };
    let mut writer = Writer::open(folder, 0)?;
    let mut day = date(2026, 3, 2);
    let mut written = 0;
    for _ in 0..days {
        let mut all = Batch::new(Columns::ALL);
        invented.day(day, usize::MAX, |batch| all = batch);
        written += all.len() as u64;
        writer.append(vec![Part { customer: Some("acme".to_owned()), day, rows: all }], 0, (written, 0))?;
        day = day.tomorrow()?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    let bytes: u64 = writer.store().entries().map(|entry| entry.bytes).sum();
    println!(
        "{written} rows, {bytes} bytes, {:.2} bytes a row, {seconds:.2} s, {:.0} rows/s",
        bytes as f64 / written as f64,
        written as f64 / seconds
    );
    for (name, bytes) in writer.store().columns()? {
        println!("{name:16} {:6.2} bytes a row", bytes as f64 / written as f64);
    }
    Ok(())
}

const ALWAYS: std::ops::Range<Timestamp> = Timestamp(i64::MIN)..Timestamp(i64::MAX);

#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "what is measured here is time")]
fn ask(folder: &Path, caller: u64) -> Result<(), Box<dyn Error>> {
    let store = Store::open(folder)?;
    let customer = Some("acme");
    let threads = std::thread::available_parallelism()?.get();

    let begin = Instant::now();
    let columns = Columns::of(&[Column::Verdict]);
    let count = |counts: &mut BTreeMap<&str, u64>, rows: &Batch| {
        let mut by = [0_u64; 8];
        rows.verdict.iter().for_each(|verdict| {
            if let Some(count) = by.get_mut(*verdict as usize) {
                *count += 1;
            }
        });
        for action in
            [Action::Allow, Action::Tag, Action::Limit, Action::Divert, Action::Block, Action::Terminate]
        {
            let seen = by.get(action as usize).copied().unwrap_or_default();
            if seen > 0 {
                *counts.entry(action.word()).or_default() += seen;
            }
        }
    };
    let folds =
        store.fold(customer, ALWAYS, (columns, Wanted::default()), threads, (BTreeMap::new, count))?;
    let mut all: BTreeMap<&str, u64> = BTreeMap::new();
    folds.into_iter().flatten().for_each(|(word, count)| *all.entry(word).or_default() += count);
    println!("by verdict      {:.3} s {all:?}", begin.elapsed().as_secs_f64());

    let begin = Instant::now();
    let columns = Columns::of(&[Column::Start]);
    let by_hour = |counts: &mut HashMap<i64, u64>, rows: &Batch| {
        rows.start.iter().for_each(|start| *counts.entry(start / 3_600_000_000).or_default() += 1);
    };
    let folds =
        store.fold(customer, ALWAYS, (columns, Wanted::default()), threads, (HashMap::new, by_hour))?;
    println!(
        "by hour         {:.3} s {} hours",
        begin.elapsed().as_secs_f64(),
        folds.iter().map(HashMap::len).sum::<usize>()
    );

    let begin = Instant::now();
    let columns = Columns::of(&[Column::AnsweredAfter, Column::EndedAfter]);
    let talk = |all: &mut Vec<i64>, rows: &Batch| {
        let pairs = rows.answered_after.iter().zip(&rows.ended_after);
        all.extend(
            pairs
                .filter(|(answered, _)| **answered != Batch::NEVER)
                .map(|(answered, ended)| ended - answered),
        );
    };
    let folds = store.fold(customer, ALWAYS, (columns, Wanted::default()), threads, (Vec::new, talk))?;
    let mut all: Vec<i64> = folds.into_iter().flatten().collect();
    let at = all.len() * 9 / 10;
    let p90 = if all.is_empty() { 0 } else { *all.select_nth_unstable(at).1 };
    println!("p90 of duration {:.3} s {p90} microseconds", begin.elapsed().as_secs_f64());

    let begin = Instant::now();
    let columns = Columns::of(&[Column::Start, Column::Called]);
    let wanted = Wanted { caller: Some(caller), called: None };
    let rows = |count: &mut usize, rows: &Batch| *count += rows.len();
    let folds = store.fold(customer, ALWAYS, (columns, wanted), threads, (|| 0, rows))?;
    println!("one caller      {:.3} s {} rows", begin.elapsed().as_secs_f64(), folds.iter().sum::<usize>());

    let begin = Instant::now();
    let columns = Columns::of(&[Column::Caller, Column::Called]);
    let rows = |count: &mut u64, rows: &Batch| {
        *count += rows.caller.iter().sum::<u64>() % 7 + rows.called.iter().sum::<u64>() % 7
    };
    store.fold(customer, ALWAYS, (columns, Wanted::default()), threads, (|| 0, rows))?;
    println!("caller, called  {:.3} s read only", begin.elapsed().as_secs_f64());

    let begin = Instant::now();
    let mut count = 0;
    for rows in store.scan(customer, ALWAYS, Columns::ALL) {
        count += rows?.len();
    }
    println!("all columns     {:.3} s {count} rows, one thread", begin.elapsed().as_secs_f64());
    Ok(())
}
