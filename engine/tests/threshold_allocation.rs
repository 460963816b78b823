//! Twenty thresholds take nothing from the heap for an INVITE once tables have grown to what is usual: neither for
//! callers who come again nor for new ones.
#![allow(unsafe_code, reason = "a counting allocator is an unsafe trait; it only forwards to the system's")]
#![allow(clippy::unwrap_used, reason = "a test says by its panic what is wrong")]

#[path = "../../benches/usual_thresholds.rs"]
mod usual_thresholds;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use ringwall_engine::{Budget, Engine, Packet};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Flags, Policy, Timestamp, Transport};

use usual_thresholds::{ends, thresholds, write_invite, write_refusal};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn an_invite_is_counted_by_twenty_thresholds_without_the_heap() {
    let text = thresholds(20, "m", 100_000_000);
    let reading = rules::policy::read("acme.toml", &text, &MemoryFiles::new(), Timestamp::default());
    let policy = Policy::new(reading.policy.unwrap());
    let budget = Budget { keys_max: 1 << 14, ..Budget::default() };
    let mut engine = Engine::with_budget(Arc::new(PolicySet::new(vec![policy])), budget);
    engine.leave_out_others();
    let (outside, inside) = ends();
    let mut payload = Vec::with_capacity(1 << 10);
    let mut take = |call: u64, caller: u64| {
        let at = Timestamp(1_791_979_200_000_000 + call as i64 * 100_000);
        let mut taken = 0;
        for is_invite in [true, false] {
            let write = if is_invite { write_invite } else { write_refusal };
            write(&mut payload, call, caller, call % 7);
            let (source, destination) = if is_invite { (outside, inside) } else { (inside, outside) };
            let (transport, payload) = (Transport::Udp, payload.as_slice());
            let before = ALLOCATIONS.with(Cell::get);
            engine.handle(&Packet { at, source, destination, transport, payload, flags: Flags::NONE });
            if is_invite {
                taken = ALLOCATIONS.with(Cell::get) - before;
            }
            while engine.poll_ended().is_some() {}
        }
        assert!(engine.poll_breach().is_none(), "no limit is reached");
        taken
    };
    // Of four calls one is of a caller who comes once, three are of some who come again: each every half minute.
    let caller = |call: u64| match call % 4 {
        0 => 3_125_550_000 + call,
        _ => 3_145_550_000 + call % 255,
    };
    (0..WARM_UP).for_each(|call| _ = take(call, caller(call)));
    // Where hashes fall, which is another place in each run, a table may still grow once; what an INVITE takes is in every turn.
    let turns = (0..3).map(|turn| {
        let begin = WARM_UP + turn * 4_000;
        (begin..begin + 4_000).map(|call| take(call, caller(call))).sum::<u64>()
    });
    assert_eq!(turns.min(), Some(0), "allocations of 4,000 INVITEs");
}

#[test]
fn a_call_that_is_sent_on_is_counted_without_the_heap() {
    let mut text = thresholds(20, "m", 100_000_000);
    text += "[[ips]]\nname = \"sent on\"\nwhen = { method = \"REFER\" }\ncount = \"attempts\"\nper = [\"caller\"]\n\
             within = \"1m\"\nwarning = 100000\n";
    let reading = rules::policy::read("acme.toml", &text, &MemoryFiles::new(), Timestamp::default());
    let policy = Policy::new(reading.policy.unwrap());
    let budget = Budget { keys_max: 1 << 14, ..Budget::default() };
    let mut engine = Engine::with_budget(Arc::new(PolicySet::new(vec![policy])), budget);
    engine.leave_out_others();
    let (outside, inside) = ends();
    let (mut payload, mut judged, mut taken) = (Vec::new(), 0, 0);
    for call in 0..WARM_UP / 4 + 4_000 {
        let at = Timestamp(1_791_979_200_000_000 + call as i64 * 100_000);
        let caller = 3_145_550_000 + call % 255;
        write_invite(&mut payload, call, caller, call % 7);
        let (transport, flags) = (Transport::Udp, Flags::NONE);
        let (source, destination) = (outside, inside);
        engine.handle(&Packet { at, source, destination, transport, payload: &payload, flags });
        write_refusal(&mut payload, call, caller, call % 7);
        let moved = String::from_utf8_lossy(&payload)
            .replace("486 Busy Here", "302 Moved")
            .replace("Max-Forwards: 70", "Contact: <sip:+88213555010@10.20.0.1>");
        for is_first in [true, false] {
            let (source, destination, payload) = (inside, outside, moved.as_bytes());
            let before = ALLOCATIONS.with(Cell::get);
            let handled = engine.handle(&Packet { at, source, destination, transport, payload, flags });
            if call >= WARM_UP / 4 {
                taken += ALLOCATIONS.with(Cell::get) - before;
                judged += u64::from(handled.decision.is_some());
            }
            assert_eq!(handled.decision.is_some(), is_first);
        }
        while engine.poll_ended().is_some() {}
    }
    assert_eq!((judged, taken), (4_000, 0), "allocations of 4,000 redirections");
}

/// Calls of five hours at ten a second: in the first of them deadlines find their room, all times over.
const WARM_UP: u64 = 180_000;
