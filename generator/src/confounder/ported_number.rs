//! A number just ported: for a while its callers hear that it does not exist, and try again.

use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let number = stage.customer.any_number(&mut stage.random);
    let seconds = stage.random.scale(1_800, 6 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(6..14, seconds);
    let status = stage.random.pick(&[404, 404, 480, 603]);
    let people = stage.random.scale(15, 120) as usize;
    for first in stage.spread(begin, seconds, people) {
        let caller = numbers::national(stage.customer, &mut stage.random);
        let writing = Writing::usual(&mut stage.random);
        let mut at = first;
        for _ in 0..stage.random.between(1, 4) {
            let mut call = stage.inbound(at, caller, writing, number);
            call.outcome = Outcome::Refused(status);
            stage.push(call);
            at += stage.seconds(10, 300) as i64;
        }
    }
}
