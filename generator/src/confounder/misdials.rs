//! Calls that are hung up at once: their number is one digit away from a popular one.

use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let number = stage.customer.any_number(&mut stage.random);
    let seconds = stage.span(12 * 3_600);
    let begin = stage.moment(7..10, seconds);
    let calls = stage.random.scale(20, 120) as usize;
    for at in stage.spread(begin, seconds, calls) {
        let caller = numbers::national(stage.customer, &mut stage.random);
        let writing = Writing::usual(&mut stage.random);
        let mut call = stage.inbound(at, caller, writing, number);
        call.outcome = match stage.random.below(10) {
            0..=4 => stage.given_up(0, 4),
            _ => stage.answered([2, 12], [1, 5]),
        };
        stage.push(call);
    }
}
