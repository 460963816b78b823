//! Metrics of calls over invented months: computed again by a script, cut and merged every way, and from summaries.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod invented;

use std::path::PathBuf;
use std::process::Command;

use invented::{Random, batches, context, invent};
use records::io::{Part, Store, Writer};
use records::{Batch, Call, Column, Columns};
use ringwall_reporter::metrics::{
    Context, Figures, Fold, Gather, Period, Reader, Rows, Shelf, Stamp, Summary,
};
use rules::Timestamp;
use serde_json::Value;

fn fold(context: &Context, batches: &[Batch]) -> Figures {
    let mut reader = Reader::new(context);
    let mut figures = Figures::default();
    batches.iter().for_each(|batch| figures.take(&reader.read(batch)));
    figures
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ringwall-metrics-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Texts for readers are not recomputed.
fn without_words(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| name != "assumption");
            Value::Object(kept.map(|(name, value)| (name, without_words(value))).collect())
        }
        other => other,
    }
}

/// Where two values differ.
fn differences(path: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            one.iter()
                .for_each(|(name, value)| differences(&format!("{path}.{name}"), value, &other[name], found));
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            pairs.for_each(|(place, (one, other))| {
                differences(&format!("{path}[{place}]"), one, other, found)
            });
        }
        // The script writes these as texts, so that the last bit counts.
        (Value::Number(one), Value::String(other))
            if other.strip_prefix("float ").is_some_and(|other| other.parse().ok() == one.as_f64()) => {}
        _ if left == right => {}
        _ => found.push(format!("{path}: {left} and by the script {right}")),
    }
}

fn check(zone: &str, first: &str, after: &str, seed: u64, rows: usize) {
    let (context, told, period) = context(zone, first, after, seed);
    let calls = invent(&period, seed, rows);
    let folder = folder(&format!("script-{seed}"));
    let lines: String = calls.iter().map(|call| format!("{}\n", call.to_json())).collect();
    std::fs::write(folder.join("calls.jsonl"), lines).unwrap();
    std::fs::write(folder.join("context.json"), told.to_string()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recompute.py");
    let output = Command::new("python3")
        .args([script, "calls.jsonl", "context.json"])
        .current_dir(&folder)
        .output()
        .expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let script: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut random = Random(seed ^ 7);
    let answers = fold(&context, &batches(&calls, Columns::ALL, &mut random)).answers(&context, &period);
    let answers = without_words(serde_json::to_value(&answers).unwrap());
    let mut found = Vec::new();
    differences("", &answers, &script, &mut found);
    found.truncate(20);
    assert!(found.is_empty(), "{zone} {first} seed {seed}:\n{}", found.join("\n"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_metric_of_a_month_with_a_day_of_23_hours_is_what_a_script_computes() {
    check("America/Chicago", "2026-03-01", "2026-04-01", 7_101, 20_000);
}

#[test]
fn every_metric_of_a_month_with_a_day_of_25_hours_is_what_a_script_computes() {
    check("America/Chicago", "2026-11-01", "2026-12-01", 7_102, 20_000);
}

#[test]
fn every_metric_is_what_a_script_computes_in_zones_with_other_minutes_and_in_a_period_without_calls() {
    check("Asia/Kathmandu", "2026-02-01", "2026-02-08", 7_103, 4_000);
    check("Australia/Lord_Howe", "2026-04-01", "2026-04-08", 7_104, 4_000);
    check("Europe/Berlin", "2026-10-25", "2026-10-26", 7_105, 3_000);
    check("America/Chicago", "2026-11-01", "2026-11-02", 7_106, 20);
    check("America/Chicago", "2026-03-08", "2026-03-09", 7_107, 0);
}

#[test]
fn hours_of_days_of_23_and_25_hours_add_up_to_all_attempts() {
    for (first, after, hours) in [("2026-03-08", "2026-03-09", 23), ("2026-11-01", "2026-11-02", 25)] {
        let (context, _, period) = context("America/Chicago", first, after, 1);
        let calls = invent(&period, 3, 5_000);
        let answers =
            fold(&context, &batches(&calls, Columns::ALL, &mut Random(1))).answers(&context, &period);
        assert_eq!(answers.attempts.hours.len(), hours);
        let sum: u64 = answers.attempts.hours.iter().map(|hour| hour.outcomes.attempts()).sum();
        assert_eq!((sum, answers.outcomes.attempts), (answers.attempts.total, answers.attempts.total));
        assert_eq!(sum, calls.iter().filter(|call| call.is_call()).count() as u64);
        let twice: Vec<u64> = answers
            .attempts
            .hours
            .iter()
            .filter(|hour| hour.hour.of_day == 1)
            .map(|hour| hour.outcomes.attempts())
            .collect();
        assert_eq!(twice.len(), if hours == 25 { 2 } else { 1 });
        assert!(twice.iter().all(|count| *count > 0));
    }
}

#[test]
fn the_whole_is_the_merge_of_its_parts_however_they_are_cut_and_grouped() {
    for seed in 0..20 {
        let (context, _, period) = context("America/Chicago", "2026-10-30", "2026-11-04", seed);
        let mut random = Random(seed + 1);
        let calls = invent(&period, seed, 1_500);
        let whole = fold(&context, &batches(&calls, Columns::ALL, &mut random));
        // Each call goes to any part: parts are no stretches of time.
        let mut parts: Vec<Vec<Call>> = vec![Vec::new(); 1 + random.below(7) as usize];
        let count = parts.len() as u64;
        for call in calls {
            parts[random.below(count) as usize].push(call);
        }
        let mut parts: Vec<Figures> = parts
            .into_iter()
            .map(|calls| fold(&context, &batches(&calls, Columns::ALL, &mut random)))
            .map(|figures| {
                // Some were kept and read again.
                let bytes = postcard::to_allocvec(&figures).unwrap();
                let again: Figures = postcard::from_bytes(&bytes).unwrap();
                assert_eq!(figures, again);
                again
            })
            .collect();
        while parts.len() > 1 {
            let (one, other) =
                (random.below(parts.len() as u64) as usize, random.below(parts.len() as u64 - 1) as usize);
            let mut one = parts.swap_remove(one);
            let other = parts.swap_remove(other.min(parts.len() - 1));
            one.merge(other);
            parts.push(one);
        }
        let merged = parts.pop().unwrap();
        assert_eq!(whole, merged, "seed {seed}");
        let bytes = |figures: &Figures| serde_json::to_string(&figures.answers(&context, &period)).unwrap();
        assert_eq!(bytes(&whole), bytes(&merged));
        assert_eq!(postcard::to_allocvec(&whole).unwrap(), postcard::to_allocvec(&merged).unwrap());
    }
}

/// The columns that `F` says it needs are all that it reads.
fn needs<F: Fold + std::fmt::Debug>(calls: &[Call], context: &Context) {
    let fold = |columns: Columns| {
        let mut fold = F::default();
        let mut reader = Reader::new(context);
        batches(calls, columns, &mut Random(5)).iter().for_each(|batch| fold.take(&reader.read(batch)));
        fold
    };
    let name = F::DEFINITION.id;
    let (all, needed) = (fold(Columns::ALL), fold(Rows::NEEDS.with(F::NEEDS)));
    assert_eq!(all, needed, "{name}");
    assert_ne!(all, F::default(), "{name} took nothing");
    // None is named that is not read.
    for column in
        Column::ALL.iter().copied().filter(|column| F::NEEDS.has(*column) && !Rows::NEEDS.has(*column))
    {
        let rest: Vec<Column> = Column::ALL.iter().copied().filter(|other| *other != column).collect();
        assert_ne!(all, fold(Columns::of(&rest)), "{name} does not read {}", column.name());
    }
}

#[test]
fn each_metric_reads_the_columns_that_it_says_and_no_others() {
    use ringwall_reporter::metrics as m;
    let (context, _, period) = context("America/Chicago", "2026-10-30", "2026-11-04", 2);
    let calls = invent(&period, 2, 3_000);
    let all: [fn(&[Call], &Context); 17] = [
        needs::<m::Attempts>,
        needs::<m::Outcomes>,
        needs::<m::Unwanted>,
        needs::<m::Catch>,
        needs::<m::WrongBlocks>,
        needs::<m::Callers>,
        needs::<m::LetThrough>,
        needs::<m::Pressure>,
        needs::<m::Concurrency>,
        needs::<m::Attestations>,
        needs::<m::ImpossibleCallers>,
        needs::<m::TollFraud>,
        needs::<m::AfterHours>,
        needs::<m::TimeSaved>,
        needs::<m::Quality>,
        needs::<m::RuleHits>,
        needs::<m::Expiring>,
    ];
    assert_eq!(all.len(), Figures::DEFINITIONS.len());
    all.iter().for_each(|needs| needs(&calls, &context));
}

#[test]
fn a_month_from_summaries_is_the_month_from_records_until_something_changes() {
    let folder = folder("summaries");
    let (mut context, _, period) = context("America/Chicago", "2026-03-06", "2026-03-13", 11);
    let calls = invent(&period, 11, 6_000);
    let mut writer = Writer::open(&folder.join("records"), 0).unwrap();
    let mut parts: std::collections::BTreeMap<jiff::civil::Date, Batch> = std::collections::BTreeMap::new();
    for call in &calls {
        let at = jiff::Timestamp::from_microsecond(call.start.0).unwrap();
        let day = context.zone.to_datetime(at).date();
        parts.entry(day).or_insert_with(|| Batch::new(Columns::ALL)).push(call);
    }
    let customer = Some("Acme, Inc.".to_owned());
    let part = |(day, rows)| Part { customer: customer.clone(), day, rows };
    writer.append(parts.into_iter().map(part).collect(), 0, (1, 0)).unwrap();
    let shelf = Shelf::new(&folder.join("summaries"));
    let gather = |store: &Store, context: &Context, shelf: Option<&Shelf>, now: Timestamp| {
        let gather = Gather { store, shelf, customer: Some("Acme, Inc."), context, now, threads: 2 };
        gather.gather(&period).unwrap()
    };
    let store = writer.store();
    let later = Timestamp(period.to.0 + 1);
    let whole = fold(&context, &batches(&calls, Columns::ALL, &mut Random(3)));
    let cold = gather(&store, &context, Some(&shelf), later);
    assert_eq!((cold.figures == whole, cold.from_summaries, cold.scanned), (true, 0, 8));
    assert_eq!(cold.not_kept, None);
    let warm = gather(&store, &context, Some(&shelf), later);
    assert_eq!((warm.figures == whole, warm.from_summaries, warm.scanned), (true, 8, 0));
    assert_eq!(cold.inputs, warm.inputs);
    // The same report gives the same hash, at whatever moment it is made.
    let stamp = |gathered, now| Stamp::new(gathered, (&context, &period), None, &"told", now).unwrap();
    assert_eq!(stamp(&cold, later).hash, stamp(&warm, Timestamp(later.0 + 5)).hash);
    assert_eq!(stamp(&cold, later).policies.len(), 3);
    // What ends later than now is not closed, and not kept.
    let early = gather(&store, &context, Some(&shelf), Timestamp(period.to.0 - 1));
    assert_eq!((early.figures == whole, early.from_summaries, early.scanned), (true, 7, 1));
    // A label on two days takes those two days anew.
    let mut label = context.labels[0].clone();
    (label.from, label.to) =
        (Timestamp(period.from.0 + 30 * 3_600_000_000), Timestamp(period.from.0 + 50 * 3_600_000_000));
    context.labels.push(label);
    let labelled = gather(&store, &context, Some(&shelf), later);
    assert_eq!((labelled.from_summaries, labelled.scanned), (6, 2));
    assert_eq!(labelled.figures, fold(&context, &batches(&calls, Columns::ALL, &mut Random(4))));
    assert_ne!(labelled.inputs, warm.inputs);
    // So does a further file.
    let mut more = Batch::new(Columns::ALL);
    more.push(calls.last().unwrap());
    let day = period.days(&context.zone).pop().unwrap();
    writer.append(vec![Part { customer: customer.clone(), day, rows: more }], 0, (2, 0)).unwrap();
    let more = gather(&writer.store(), &context, Some(&shelf), later);
    assert_eq!((more.from_summaries, more.scanned, more.figures.rows), (7, 1, whole.rows + 1));
    // A damaged summary is none: its day is scanned again.
    let files = std::fs::read_dir(folder.join("summaries")).unwrap().next().unwrap().unwrap().path();
    let damaged = files.join("2026-03-08.summary");
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    assert!(Summary::from_bytes(&bytes).is_err());
    std::fs::write(&damaged, bytes).unwrap();
    let again = gather(&writer.store(), &context, Some(&shelf), later);
    assert_eq!((again.from_summaries, again.scanned, again.figures == more.figures), (7, 1, true));
    // Days whose rows are gone go with them, and no others.
    let since = "2026-03-08".parse().unwrap();
    // The day before the period is one: its calls may be up when it begins.
    assert_eq!(shelf.forget_before(Some("Acme, Inc."), since).unwrap(), 3);
    assert_eq!(shelf.forget_before(Some("Acme, Inc."), since).unwrap(), 0);
    assert_eq!(shelf.forget_before(Some("nobody"), since).unwrap(), 0);
    let left = gather(&writer.store(), &context, Some(&shelf), later);
    assert_eq!((left.from_summaries, left.scanned), (5, 3));
    shelf.forget(Some("Acme, Inc.")).unwrap();
    assert_eq!(gather(&writer.store(), &context, Some(&shelf), later).from_summaries, 0);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_call_that_is_up_at_midnight_is_in_the_next_days_peak() {
    let (context, _, day) = context("America/Chicago", "2026-11-02", "2026-11-03", 1);
    let before = Period { from: Timestamp(day.from.0 - 60_000_000), to: day.from };
    let mut calls = invent(&before, 9, 40);
    for call in &mut calls {
        call.kind = "call".to_owned();
        call.ended_after = Some(7_200_000_000);
    }
    let yesterday = fold(&context, &batches(&calls, Columns::ALL, &mut Random(1)));
    let mut today = Figures::default();
    assert_eq!(today.answers(&context, &day).concurrency.all.most, 0);
    today.carry(yesterday);
    let answers = today.answers(&context, &day);
    assert_eq!((answers.concurrency.all.most, answers.concurrency.all.at), (40, Some(day.from)));
    assert_eq!(answers.attempts.total, 0);
}
