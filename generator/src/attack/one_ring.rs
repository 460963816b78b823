//! Wangiri: one ring from a number that costs whoever calls it back.

use crate::attack::Attack;
use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;
use crate::truth::Label;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let callers = [(); 3].map(|()| numbers::expensive(&mut stage.random));
    let seconds = stage.span(1_200);
    let begin = stage.moment(7..22, seconds);
    for at in stage.spread(begin, seconds, 90) {
        let (caller, called) = (stage.random.pick(&callers), stage.customer.any_number(&mut stage.random));
        let mut call = stage.inbound(at, caller, Writing::Plus, called, Label::Attack(Attack::OneRing));
        call.outcome = Outcome::Cancelled { ring: stage.random.between(400_000, 1_900_000) };
        stage.calls.push(call);
    }
}
