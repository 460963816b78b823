//! Judges many calls under one policy, for callgrind: `judge_driver RULES NUMBERS PREFIXES CALLS`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "no product code")]

#[path = "../tests/matching_support/load.rs"]
mod load;
#[path = "../tests/matching_support/mod.rs"]
mod matching_support;

use ringwall_rules::Action;
use ringwall_rules::matching::Scratch;

fn main() {
    let asked: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [rules, numbers, prefixes, count] = asked[..] else {
        eprintln!("usage: judge_driver RULES NUMBERS PREFIXES CALLS");
        std::process::exit(2);
    };
    let policy = load::policy(rules, numbers, prefixes);
    let calls = load::calls();
    let (mut limits, mut scratch) = (policy.limits(), Scratch::default());
    let judged = judge_all(&policy, &calls, count as usize, &mut limits, &mut scratch);
    eprintln!("{count} calls, {judged} refused");
}

/// Apart, so that callgrind can count it alone (`--toggle-collect='*judge_all*'`).
#[inline(never)]
fn judge_all(
    policy: &ringwall_rules::Policy,
    calls: &[matching_support::Call],
    count: usize,
    limits: &mut ringwall_rules::policy::Limits,
    scratch: &mut Scratch,
) -> usize {
    let turns = calls.iter().cycle().take(count);
    turns.filter(|call| policy.judge(&call.subject(), limits, scratch).action != Action::Allow).count()
}
