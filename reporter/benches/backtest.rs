//! A policy over recorded calls: a generated day of the demo again and again, each a day later, as rows in memory.
//!
//! `cargo bench --package ringwall-reporter --bench backtest -- [CALLS]`: so many calls, a million without it.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use engine::{Engine, Packet};
use generator::{Day, LISTED_CALLERS, Settings};
use records::{Batch, Call};
use ringwall_reporter::CallLine;
use ringwall_reporter::backtest::{Against, Backtest, Options};
use rules::policy::{MemoryFiles, PolicySet, PolicyText};
use rules::{Flags, Policy, Timestamp, Transport};

#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "figures are its result, and a clock is what they are taken with"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let calls = std::env::args().skip(1).find(|argument| argument != "--bench");
    let calls = calls.map_or(Ok(1_000_000), |calls| calls.parse())?;
    let text = policy()?;
    let day = day(&text)?;
    println!("{} calls of a day, taken again until there are {calls}:", day.len());
    for (name, has_thresholds) in [("rules", false), ("rules and every shipped detection", true)] {
        let mut text = text.clone();
        if !has_thresholds {
            text.ips.clear();
        }
        let thresholds = text.ips.len();
        let mut backtest = Backtest::new(Policy::new(text), Against::Records, Options::default());
        let (mut taken, mut batch) = (0, day.clone());
        let begun = Instant::now();
        while taken < calls {
            backtest.take(&batch);
            taken += batch.len();
            batch.start.iter_mut().for_each(|start| *start += DAY_MICROS);
        }
        let outcome = backtest.finish();
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{name} ({thresholds} thresholds): {seconds:.2} s, {:.2} µs a call, {} of {taken} changed",
            seconds * 1e6 / taken as f64,
            outcome.changed
        );
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    Ok(())
}

/// The demo's policy: every shipped detection, firewall rules on a list.
fn policy() -> Result<PolicyText, Box<dyn Error>> {
    let listed: String = LISTED_CALLERS.iter().map(|caller| format!("+{caller}\n")).collect();
    let files = MemoryFiles::new().with("harassment.csv", format!("number\n{listed}"));
    let source = include_str!("../../fixtures/demo/acme.toml");
    let reading = rules::policy::read("acme.toml", source, &files, Timestamp(0));
    Ok(reading.policy.ok_or("the demo's policy has mistakes")?)
}

/// Rows of a generated day, as a service with that policy records them.
fn day(text: &PolicyText) -> Result<Batch, Box<dyn Error>> {
    let mut engine = Engine::new(Arc::new(PolicySet::new(vec![Policy::new(text.clone())])));
    let mut day = Day::new(Settings { seed: 7, calls_per_hour: 600.0, ..Settings::default() });
    let mut lines: Vec<(u64, Vec<u8>)> = Vec::new();
    let drain = |engine: &mut Engine, lines: &mut Vec<(u64, Vec<u8>)>| -> std::io::Result<()> {
        let policies = engine.policies();
        while let Some(attempt) = engine.poll_ended() {
            for view in &attempt.views {
                let mut line = Vec::new();
                ringwall_reporter::to_line(&mut line, &CallLine::new(attempt, view, &policies))?;
                lines.push((attempt.sequence, line));
            }
        }
        while engine.poll_breach().is_some() {}
        Ok(())
    };
    let mut payload = Vec::new();
    while let Some(envelope) = day.poll_datagram(&mut payload) {
        engine.handle(&Packet {
            at: Timestamp(envelope.at_micros),
            source: envelope.source,
            destination: envelope.destination,
            transport: Transport::Udp,
            payload: &payload,
            flags: Flags::NONE,
        });
        drain(&mut engine, &mut lines)?;
    }
    engine.finish();
    drain(&mut engine, &mut lines)?;
    lines.sort_by_key(|(sequence, _)| *sequence);
    let mut rows = Batch::new(Backtest::COLUMNS);
    for (_, line) in &lines {
        rows.push(&Call::from_json(line)?);
    }
    Ok(rows)
}

const DAY_MICROS: i64 = 86_400_000_000;
