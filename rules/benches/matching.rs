//! What judging costs, and how it grows with rules, list entries and customers.
//!
//! `cargo bench -p ringwall-rules --bench matching`. Sizes and load times are printed first. For instructions
//! instead of time: `valgrind --tool=callgrind` on the example `judge_driver`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "no product code")]
#![allow(missing_docs, reason = "criterion's macros make public items")]

#[path = "../tests/matching_support/load.rs"]
mod load;
#[path = "../tests/matching_support/mod.rs"]
mod matching_support;

use std::hint::black_box;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use matching_support::*;
use ringwall_rules::Number;
use ringwall_rules::matching::Scratch;
use ringwall_rules::number_set::NumberSet;
use ringwall_rules::policy::*;
use ringwall_rules::subject::*;

fn number_tables(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("number_table");
    for count in [1_000u64, 1_000_000, 10_000_000] {
        let table = timed(&format!("{count} numbers"), || load::number_table(count));
        println!("{count} numbers: {:.2} bytes each", table.bytes() as f64 / count as f64);
        let probes: Vec<Number> = load::shuffled(count * 2, 1 << 16).map(load::nth_number).collect();
        let mut next = 0;
        group.bench_function(BenchmarkId::new("single", count), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % probes.len();
                black_box(table.row(probes[next]))
            });
        });
        group.bench_function(BenchmarkId::new("four_at_once", count), |bencher| {
            bencher.iter(|| {
                next = (next + 4) % (probes.len() - 4);
                let asked: [_; 4] = std::array::from_fn(|offset| table.probe(probes[next + offset]));
                asked.iter().for_each(|probe| table.touch(probe));
                asked.map(|probe| table.find(&probe))
            });
        });
    }
    group.finish();
}

fn range_tables(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("range_table");
    for count in [1_000u64, 100_000, 1_000_000] {
        let table = timed(&format!("{count} prefixes"), || load::range_table(count));
        println!("{count} prefixes: {:.2} bytes each", table.bytes() as f64 / count as f64);
        let probes: Vec<Number> = load::shuffled(1 << 40, 1 << 16).map(load::any_number).collect();
        let mut next = 0;
        group.bench_function(BenchmarkId::new("single", count), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % probes.len();
                black_box(table.row(probes[next]))
            });
        });
    }
    group.finish();
}

fn rules(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("judge_by_rules");
    for count in [1u64, 100, 10_000] {
        let policy = timed(&format!("{count} rules"), || load::policy(count, 1_000, 1_000));
        println!("{count} rules: {} bytes of index", policy.index_bytes());
        bench_judge(&mut group, &format!("{count}"), &policy);
    }
    group.finish();
}

fn lists(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("judge_by_list");
    for count in [1_000u64, 1_000_000, 10_000_000] {
        let policy = load::policy(100, count, 1_000_000);
        bench_judge(&mut group, &format!("{count}"), &policy);
    }
    group.finish();
}

fn bench_judge(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    policy: &Policy,
) {
    let calls = load::calls();
    let (mut limits, mut scratch, mut next) = (policy.limits(), Scratch::default(), 0);
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            next = (next + 1) % calls.len();
            black_box(policy.judge(&calls[next].subject(), &mut limits, &mut scratch))
        });
    });
}

fn customers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("touched_customers");
    for count in [2u32, 100, 10_000] {
        let policy = |customer: u32| {
            let mut text = policy_text(Vec::new(), Vec::new());
            let first = number(&format!("+1210{:07}", customer * 100));
            let last = number(&format!("+1210{:07}", customer * 100 + 99));
            text.customer.numbers = NumberSet::range(first, last);
            text.customer.trunks =
                vec![format!("10.{}.{}.0/24", customer / 256, customer % 256).parse().unwrap()];
            Policy::new(text)
        };
        let set = timed(&format!("{count} customers"), || PolicySet::new((0..count).map(policy).collect()));
        let mut dice = Dice::new(1);
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                let called = Party::Number(number_of(dice.below(u64::from(count) * 100)));
                let caller = Party::Number(number_of(9_000_000));
                let callers = [identity(caller, Origin::From, false)];
                let source = address(0x0a00_0000 | dice.below(1 << 16) as u32);
                set.touched(0, source, address(0xc000_0201), &[called], &callers).count()
            });
        });
    }
    group.finish();
}

fn number_of(line: u64) -> Number {
    let mut digits = *b"12100000000";
    let mut rest = line;
    for digit in digits[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    Number::international(&digits).unwrap()
}

#[allow(clippy::disallowed_methods, reason = "a bench measures by the clock")]
fn timed<T>(what: &str, make: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let made = make();
    println!("{what}: made in {:.2} s", start.elapsed().as_secs_f64());
    made
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(1)).without_plots();
    targets = number_tables, range_tables, rules, lists, customers
}
criterion_main!(benches);
