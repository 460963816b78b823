//! Hundreds of calls from made-up numbers at one number, so that nobody else gets through.

use crate::attack::Attack;
use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;
use crate::truth::Label;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let victim = stage.customer.any_number(&mut stage.random);
    let seconds = stage.span(300);
    let begin = stage.moment(9..17, seconds);
    for at in stage.spread(begin, seconds, 600) {
        let caller = numbers::north_american(&mut stage.random);
        let label = Label::Attack(Attack::DenialOfService);
        let mut call = stage.inbound(at, caller, Writing::PlusPlain, victim, label);
        call.outcome = if stage.random.chance(70) {
            Outcome::Refused(486)
        } else {
            let talk = stage.seconds(5, 60);
            Outcome::Answered { ring: stage.seconds(1, 6), talk, callee_ends: false }
        };
        stage.calls.push(call);
    }
}
