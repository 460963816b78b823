//! People who call the customer or are called by it.

use crate::benign::regular;
use crate::call::{Call, Party};
use crate::numbers;
use crate::rhythm;
use crate::stage::Stage;
use crate::writing::Writing;

/// Somebody in the country calls; every fourth is one of those who call often, mostly the desk they know.
pub(super) fn inbound(stage: &mut Stage<'_>, at: i64, own: u64, seed: u64) -> Call {
    let known = stage.random.chance(25).then(|| stage.random.below(REGULARS));
    let caller = match known {
        Some(index) => regular(stage, seed, index),
        None => numbers::national(stage.customer, &mut stage.random),
    };
    let own = match known {
        Some(index) if stage.random.chance(60) => stage.customer.nth(index * 7 % stage.customer.size()),
        _ => own,
    };
    let writing = Writing::usual(&mut stage.random);
    let mut call = stage.inbound(at, caller, writing, own);
    if stage.random.chance(40) {
        call.display = stage.random.pick(NAMES).into();
    }
    if stage.random.chance(3) {
        call.caller = Party::anonymous();
        call.display = "Anonymous".into();
        (call.asserted, call.attested) = (None, None);
    }
    call
}

/// Somebody's own number is forwarded to the customer: a Diversion says whose.
pub(super) fn forwarded(stage: &mut Stage<'_>, at: i64, own: u64) -> Call {
    let caller = numbers::national(stage.customer, &mut stage.random);
    let forwarder = numbers::national(stage.customer, &mut stage.random);
    let mut call = stage.inbound(at, caller, Writing::Plus, own);
    let reason = stage.random.pick(&["unconditional", "no-answer", "user-busy"]);
    divert(&mut call, forwarder, reason);
    call
}

/// Somebody who works there calls from a mobile that shows the number at the desk, as the Diversion says.
pub(super) fn own_mobile(stage: &mut Stage<'_>, at: i64, own: u64) -> Call {
    let desk = stage.customer.any_number(&mut stage.random);
    let mut call = stage.inbound(at, desk, Writing::Plus, own);
    divert(&mut call, desk, "follow-me");
    call
}

/// Calls of numbers that cost nothing, to them, and to the customer's own.
pub(super) fn toll_free(stage: &mut Stage<'_>, at: i64, own: u64) -> Call {
    let free = numbers::toll_free(stage.customer, &mut stage.random);
    let hotline = stage.customer.hotline.filter(|_| stage.random.chance(50));
    if let Some(hotline) = hotline {
        let caller = numbers::national(stage.customer, &mut stage.random);
        return stage.inbound(at, caller, Writing::Plus, hotline);
    }
    if stage.random.chance(50) {
        stage.outbound(at, own, free)
    } else {
        stage.inbound(at, free, Writing::Plus, own)
    }
}

pub(super) fn from_abroad(stage: &mut Stage<'_>, at: i64, own: u64) -> Call {
    let caller = if stage.random.chance(25) {
        numbers::from_afar(&mut stage.random)
    } else {
        numbers::foreign(stage.customer, &mut stage.random)
    };
    let writing = Writing::usual(&mut stage.random);
    stage.inbound(at, caller, writing, own)
}

/// Somebody in the country is called, every fourth time one of those the customer knows.
pub(super) fn outbound(stage: &mut Stage<'_>, at: i64, own: u64, seed: u64) -> Call {
    let other = if stage.random.chance(25) {
        let index = stage.random.below(REGULARS);
        regular(stage, seed, index)
    } else {
        numbers::national(stage.customer, &mut stage.random)
    };
    stage.outbound(at, own, other)
}

/// Somebody abroad is called; also where fraud goes to, but by most customers only while they work.
pub(super) fn international(stage: &mut Stage<'_>, at: i64, own: u64) -> Call {
    let share = if stage.customer.calls_afar {
        15
    } else if rhythm::at_work(stage.customer, at) {
        6
    } else {
        0
    };
    let other = if stage.random.chance(share) {
        numbers::from_afar(&mut stage.random)
    } else {
        numbers::foreign(stage.customer, &mut stage.random)
    };
    stage.outbound(at, own, other)
}

fn divert(call: &mut Call, forwarder: u64, reason: &str) {
    call.diversion = Some(format!(
        "<sip:+{forwarder}@{}>;reason={reason};counter=1;privacy=off;screen=yes",
        call.near.ip()
    ));
}

/// How many people call often.
const REGULARS: u64 = 240;

const NAMES: &[&str] = &[
    "ALICE EXAMPLE",
    "BOB EXAMPLE",
    "Smith, Carol",
    "WIRELESS CALLER",
    "SAN ANTONIO TX",
    "Müller GmbH",
    "+1 Dental",
];
