//! Recorded messages from numbers that share the called number's first six digits.

use crate::attack::Attack;
use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;
use crate::truth::Label;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let seconds = stage.span(1_800);
    let begin = stage.moment(9..20, seconds);
    for at in stage.spread(begin, seconds, 300) {
        let called = stage.customer.any_number(&mut stage.random);
        let caller = numbers::neighbour(called, &mut stage.random);
        let mut call = stage.inbound(at, caller, Writing::Plus, called, Label::Attack(Attack::Robocalls));
        call.attested = call.attested.map(|_| 'C');
        call.outcome = match stage.random.below(10) {
            0..=4 => Outcome::Answered {
                ring: stage.seconds(3, 14),
                talk: stage.seconds(2, 18),
                callee_ends: stage.random.chance(80),
            },
            5..=8 => Outcome::Cancelled { ring: stage.seconds(15, 28) },
            _ => Outcome::Refused(486),
        };
        stage.calls.push(call);
    }
}
