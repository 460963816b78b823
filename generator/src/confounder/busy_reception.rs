//! Many long calls at the same time through the one number of the reception.

use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let reception = stage.customer.reception();
    let seconds = stage.random.between(1_800, 3 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(8..16, seconds);
    let calls = stage.random.scale(60, 350) as usize;
    for at in stage.spread(begin, seconds, calls) {
        let other = numbers::national(stage.customer, &mut stage.random);
        let mut call = if stage.random.chance(70) {
            let writing = Writing::usual(&mut stage.random);
            stage.inbound(at, other, writing, reception)
        } else {
            stage.outbound(at, reception, other)
        };
        call.outcome = stage.answered([1, 15], [60, 1_200]);
        stage.push(call);
    }
}
