//! What thresholds add to an INVITE while five million keys are live, as CPU time: 1, 10, 20 and 100 of them, each
//! against the same policy without any, side by side over the same calls.
//!
//! `thresholds [COUNT] [CALLS]`: only so many thresholds, warmed up with so many calls (3.2 million unless told).
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench prints what it found"
)]

#[path = "../../benches/usual_thresholds.rs"]
mod usual_thresholds;

use std::sync::Arc;
use std::time::Duration;

use ringwall_engine::{Budget, Engine, Packet};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Flags, Policy, Timestamp, Transport};
use rustix::time::{ClockId, clock_gettime};

use usual_thresholds::{ends, thresholds, write_invite, write_refusal};

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let count: Option<usize> = arguments.next().and_then(|argument| argument.parse().ok());
    let calls = arguments.next().and_then(|argument| argument.parse().ok()).unwrap_or(WARM_UP_CALLS);
    for count in count.map_or_else(|| vec![1, 10, 20, 100], |count| vec![count]) {
        compare(count, calls);
    }
}

/// Calls of 16 million callers at random, some of whom come again, to a hundred numbers.
fn compare(count: usize, calls: u64) {
    // Keys live as long as the longest window of their group; so many that 5 million live come at one call a step.
    let (step_micros, calls) = if count == 1 { (600, calls * 2) } else { (7_900, calls) };
    let mut sides = [Side::new(0), Side::new(count)];
    let mut block = Block::default();
    let mut call = 0;
    while call < calls {
        call = block.write(call, step_micros);
        sides.iter_mut().for_each(|side| side.take(&block));
    }
    sides.iter_mut().for_each(|side| side.costs.clear());
    for round in 0..BLOCKS {
        call = block.write(call, step_micros);
        // Each goes first as often as the other.
        let first = round % 2;
        sides[first].take(&block);
        sides[1 - first].take(&block);
    }
    let [(invite, refusal), (more_invite, more_refusal)] = sides.each_mut().map(Side::medians);
    println!(
        "{count:3} thresholds: an INVITE {more_invite} ns, {invite} ns without: {} ns; its refusal {} ns; {} MB",
        more_invite - invite,
        more_refusal - refusal,
        sides[1].engine.counter_bytes() >> 20
    );
}

/// An engine with its cost of each block: of its INVITEs, and of their refusals.
struct Side {
    engine: Engine,
    costs: Vec<(Duration, Duration)>,
}

impl Side {
    fn new(count: usize) -> Self {
        let text = thresholds(count, "h", 100_000_000);
        let reading = rules::policy::read("acme.toml", &text, &MemoryFiles::new(), Timestamp::default());
        let policy = Policy::new(reading.policy.unwrap());
        let budget = Budget { keys_max: 1 << 23, window_bytes_max: 512 << 20 };
        let mut engine = Engine::with_budget(Arc::new(PolicySet::new(vec![policy])), budget);
        engine.leave_out_others();
        Self { engine, costs: Vec::new() }
    }

    fn take(&mut self, block: &Block) {
        let start = cpu_time();
        self.handle(block, &block.invites);
        let middle = cpu_time();
        self.handle(block, &block.refusals);
        self.costs.push((middle - start, cpu_time() - middle));
    }

    fn handle(&mut self, block: &Block, messages: &[Vec<u8>]) {
        let (outside, inside) = ends();
        let is_request = std::ptr::eq(messages, block.invites.as_slice());
        let (source, destination) = if is_request { (outside, inside) } else { (inside, outside) };
        for (payload, &at) in messages.iter().zip(&block.times) {
            let transport = Transport::Udp;
            self.engine.handle(&Packet { at, source, destination, transport, payload, flags: Flags::NONE });
            while self.engine.poll_ended().is_some() {}
        }
        assert!(self.engine.poll_breach().is_none(), "no limit is reached");
    }

    /// Nanoseconds of one INVITE and of its refusal, in the block in the middle.
    fn medians(&mut self) -> (i64, i64) {
        let median = |mut costs: Vec<Duration>| {
            costs.sort_unstable();
            costs[costs.len() / 2].as_nanos() as i64 / CALLS as i64
        };
        (
            median(self.costs.iter().map(|cost| cost.0).collect()),
            median(self.costs.iter().map(|cost| cost.1).collect()),
        )
    }
}

/// Calls whose messages are written before any is timed.
#[derive(Default)]
struct Block {
    invites: Vec<Vec<u8>>,
    refusals: Vec<Vec<u8>>,
    times: Vec<Timestamp>,
}

impl Block {
    /// Writes the calls from number `first` on. Returns the next number.
    fn write(&mut self, first: u64, step_micros: i64) -> u64 {
        self.invites.resize(CALLS, Vec::new());
        self.refusals.resize(CALLS, Vec::new());
        self.times.clear();
        for (call, (invite, refusal)) in (first..).zip(self.invites.iter_mut().zip(&mut self.refusals)) {
            let random = call.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let random = (random ^ random >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let (caller, called) = (3_120_000_000 + (random >> 40), (random >> 7) % 100);
            write_invite(invite, call, caller, called);
            write_refusal(refusal, call, caller, called);
            self.times.push(Timestamp(1_791_979_200_000_000 + call as i64 * step_micros));
        }
        first + CALLS as u64
    }
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Of one block.
const CALLS: usize = 1_000;
/// Blocks that are timed.
const BLOCKS: usize = 401;
const WARM_UP_CALLS: u64 = 3_200_000;
