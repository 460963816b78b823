//! International revenue share fraud: somebody broke into one extension, tries it, and at night lets it call
//! numbers that pay.

use crate::attack::Attack;
use crate::call::Outcome;
use crate::numbers;
use crate::stage::{SECOND, Stage};
use crate::truth::Label;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let extension = stage.customer.any_number(&mut stage.random);
    let seconds = stage.span(5_400);
    let begin = stage.moment(0..5, seconds);
    let before = begin.abs_diff(stage.start).min(4 * 3_600 * SECOND) / SECOND;
    let tests = stage.spread(begin - (before * SECOND) as i64, before.max(1), 3);
    for at in tests {
        call(stage, at, extension, (2, 9));
    }
    for at in stage.spread(begin, seconds, 120) {
        call(stage, at, extension, (120, 900));
    }
}

fn call(stage: &mut Stage<'_>, at: i64, extension: u64, (shortest, longest): (u64, u64)) {
    let called = numbers::expensive(&mut stage.random);
    let mut call = stage.outbound(at, extension, called, Label::Attack(Attack::TollFraud));
    call.outcome = match stage.random.below(10) {
        0 => Outcome::Refused(503),
        _ => Outcome::Answered {
            ring: stage.seconds(1, 4),
            talk: stage.seconds(shortest, longest),
            callee_ends: false,
        },
    };
    stage.calls.push(call);
}
