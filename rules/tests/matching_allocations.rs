//! Judging allocates nothing.
#![allow(unsafe_code, reason = "only an allocator can count allocations, and its trait is unsafe")]

mod matching_support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use matching_support::{Dice, World};
use ringwall_rules::matching::Scratch;
use ringwall_rules::policy::Mode;

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn judging_allocates_nothing_once_scratch_has_grown() {
    let mut scratch = Scratch::default();
    for seed in 1..8 {
        let mut dice = Dice::new(seed);
        let world = World::new(&mut dice, 400);
        if world.policy.text().customer.mode == Mode::Off {
            continue;
        }
        let calls: Vec<_> = (0..2_000).map(|step| world.subject(&mut dice, step)).collect();
        let mut limits = world.policy.limits();
        // The first round lets scratch, limits and the lazy automata of expressions grow to their size.
        for round in 0..3 {
            let before = ALLOCATIONS.get();
            let mut by_rules = 0;
            for call in &calls {
                let verdict = world.policy.judge(&call.subject(), &mut limits, &mut scratch);
                by_rules += u32::from(verdict.rule.is_some());
            }
            assert!(by_rules > 0, "no rule was asked");
            let made = ALLOCATIONS.get() - before;
            assert!(round == 0 || made == 0, "seed {seed}, round {round}: {made} allocations");
        }
    }
}
