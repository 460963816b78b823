//! Something is out of order and its customers ring the hotline.

use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let hotline = stage.customer.hotline.unwrap_or_else(|| stage.customer.reception());
    let seconds = stage.random.scale(1_200, 3 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(6..22, seconds);
    let people = stage.random.scale(80, 700) as usize;
    for first in stage.ramp(begin, seconds, people) {
        let caller = numbers::national(stage.customer, &mut stage.random);
        let mut at = first;
        for _ in 0..4 {
            let writing = Writing::usual(&mut stage.random);
            let mut call = stage.inbound(at, caller, writing, hotline);
            let lot = stage.random.below(10);
            call.outcome = match lot {
                // Waits in a queue, then talks or gives up.
                0..=5 => stage.answered([1, 5], [30, 1_500]),
                6 => stage.given_up(20, 90),
                _ => Outcome::Refused(486),
            };
            stage.push(call);
            if lot <= 5 {
                break;
            }
            at += stage.seconds(40, 400) as i64;
        }
    }
}
