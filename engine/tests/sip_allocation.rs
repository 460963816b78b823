//! Reading a message and asking it everything a policy asks takes nothing from the heap.
#![allow(unsafe_code, reason = "a counting allocator is an unsafe trait; it only forwards to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ringwall_engine::sip::passport::Room;
use ringwall_engine::sip::{Header, Message, Passport, looks_like_sip};
use rules::{CallType, Flags, Method};

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

const INVITE: &[u8] = include_bytes!("../../fixtures/torture/carrier-invite.sip");

#[test]
fn a_carrier_invite_is_read_without_the_heap() {
    let mut room = Room::default();
    let before = ALLOCATIONS.with(Cell::get);
    assert!(looks_like_sip(INVITE));
    let message = Message::read(INVITE);
    assert_eq!(message.method(), Method::Invite);
    assert_eq!(message.defects(), Flags::NONE);
    assert_eq!(message.request_uri().user, Some(&b"+12025550100"[..]));
    let from = message.from().unwrap();
    assert_eq!((from.display, from.uri.user), (&b"ACME DENTAL"[..], Some(&b"+12025550143"[..])));
    assert_eq!(from.tag(), Some(&b"gK0c1f"[..]));
    assert_eq!(message.to().unwrap().tag(), None);
    assert_eq!(message.addresses(Header::AssertedIdentity).count(), 1);
    let diversion = message.address(Header::Diversion).unwrap();
    assert_eq!(diversion.param(b"reason"), Some(&b"unconditional"[..]));
    assert_eq!(message.call_id(), b"20271122_9f3c@192.0.2.20");
    assert_eq!(message.cseq(), Some((21, &b"INVITE"[..])));
    assert_eq!(message.top_via().unwrap().branch(), Some(&b"z9hG4bK7a9d1f"[..]));
    assert_eq!(message.user_agent(), b"SBC 9.21");
    assert_eq!(message.address(Header::Contact).unwrap().uri.port, Some(5060));
    assert_eq!(message.call_type(), CallType::Voice);
    assert_eq!(message.header_values("X-Trunk").next(), Some(&b"7"[..]));
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0, "up to the PASSporT");
    let passport = Passport::read(message.identities().next().unwrap(), &mut room);
    assert_eq!(passport.attest.as_deref(), Some("A"));
    assert_eq!(passport.orig.as_deref(), Some("12025550143"));
    assert_eq!(passport.flags, Flags::NONE);
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
}
