//! One caller rings the same desks all day: a courier, a supplier, a call centre that is paid to.

use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let caller = numbers::national(stage.customer, &mut stage.random);
    let desks: Vec<u64> =
        (0..stage.random.between(2, 16)).map(|_| stage.customer.any_number(&mut stage.random)).collect();
    let seconds = stage.span(10 * 3_600);
    let begin = stage.moment(7..9, seconds);
    let writing = Writing::usual(&mut stage.random);
    let calls = stage.random.scale(25, 120) as usize;
    for at in stage.spread(begin, seconds, calls) {
        let desk = stage.random.pick(&desks);
        let mut call = stage.inbound(at, caller, writing, desk);
        call.outcome = match stage.random.below(10) {
            0..=6 => stage.answered([2, 20], [8, 150]),
            _ => stage.given_up(12, 35),
        };
        stage.push(call);
    }
}
