//! A machine calls every number of the customer, nearly in order, to see who or what answers.

use crate::attack::Attack;
use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;
use crate::truth::Label;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let callers = [(); 3].map(|()| numbers::north_american(&mut stage.random));
    let called: Vec<u64> = stage.customer.numbers.clone().take(500).collect();
    let seconds = stage.span(6 * called.len() as u64);
    let begin = stage.moment(18..22, seconds);
    for (at, called) in stage.spread(begin, seconds, called.len()).into_iter().zip(called) {
        let caller = stage.random.pick(&callers);
        let mut call = stage.inbound(at, caller, Writing::Plus, called, Label::Attack(Attack::WarDialling));
        call.outcome = match stage.random.below(10) {
            0..=2 => {
                Outcome::Answered { ring: stage.seconds(2, 8), talk: stage.seconds(1, 4), callee_ends: false }
            }
            3..=7 => Outcome::Cancelled { ring: stage.seconds(6, 14) },
            _ => Outcome::Refused(404),
        };
        stage.calls.push(call);
    }
}
